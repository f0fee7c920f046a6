//! The live manifests in `.callrec`: made, rewritten, read, removed.

use super::directory::Directory;
use super::disk::{DirEntry, DiskDir, DiskFile};
use super::faults::Step;
use super::files::{self, got_name, removed};
use super::manifest::{self, Manifest};
use super::medium::PlainFile;
use super::old_outbox::is_outbox;
use super::planted::StorageFault;
use super::report::{LOG_WARNING, Report};
use super::steps::Steps;
use crate::sync::Mutex;
use callrec_codec::Medium;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The name of a recording's live manifest.
pub fn live_name(id: Uuid) -> String {
    format!("{}.json", id.as_hyphenated())
}

/// The name under which the next version of a file is written.
pub fn next_name(id: Uuid) -> String {
    format!("{}.json.tmp", id.as_hyphenated())
}

/// The ids of the files that are named as live manifests are; other names are passed over.
pub async fn list(steps: &Steps, dir: &dyn DiskDir) -> io::Result<Vec<Uuid>> {
    steps.turn().await?;
    Ok(ids_of(&dir.list()?))
}

fn ids_of(entries: &[DirEntry]) -> Vec<Uuid> {
    let ids = entries.iter().filter_map(|entry| {
        let stem = entry.name.strip_suffix(".json")?;
        let id = Uuid::try_parse(stem).ok()?;
        (live_name(id) == entry.name && !entry.is_directory).then_some(id)
    });
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids
}

/// What an earlier process left in `.callrec`.
pub struct LeftInControl {
    /// The ids of all live manifests.
    pub manifests: Vec<Uuid>,
    /// 0.1.0 has left its folder of callbacks.
    pub has_old_outbox: bool,
}

/// Puts an unreadable file aside, for a person to look at.
pub async fn put_aside(directory: &Directory, dir: &dyn DiskDir, id: Uuid) -> io::Result<()> {
    let name = live_name(id);
    for number in 1..1000 {
        let aside = if number == 1 {
            format!("{name}.bad")
        } else {
            format!("{name}.bad-{number}")
        };
        match directory.rename_new(dir, &name, dir, &aside).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// What the live manifests of one recording say.
pub enum LiveManifest {
    Missing,
    Whole(WholeManifest),
    /// Not readable as a whole; with what it still says of the audio's name.
    Broken(manifest::Salvage),
}

pub struct WholeManifest {
    pub manifest: Box<Manifest>,
    /// Publishing had begun: `file` of the manifest is the name that the audio was to get.
    pub publishing: bool,
    /// It says how the recording has ended, so that may have been told.
    pub ended: bool,
}

/// The live manifests of one directory.
pub struct LiveManifests {
    directory: Arc<Directory>,
    report: Arc<dyn Report>,
    /// Those that stay for the next open.
    kept: Mutex<HashSet<Uuid>>,
}

impl LiveManifests {
    pub fn new(directory: Arc<Directory>, report: Arc<dyn Report>) -> LiveManifests {
        LiveManifests {
            directory,
            report,
            kept: Mutex::default(),
        }
    }

    /// What an earlier process left.
    pub async fn find(&self) -> io::Result<LeftInControl> {
        self.directory.turn().await?;
        let entries = self.directory.control().list()?;
        Ok(LeftInControl {
            manifests: ids_of(&entries),
            has_old_outbox: entries.iter().any(is_outbox),
        })
    }

    pub async fn exists(&self, id: Uuid) -> io::Result<bool> {
        self.directory.turn().await?;
        self.directory.control().exists(&live_name(id))
    }

    /// Writes a recording's first manifest, and leaves it open.
    pub async fn create(&self, id: Uuid, manifest: &Manifest) -> io::Result<OpenManifest> {
        self.directory.step(Step::CreateManifest).await?;
        let bytes = manifest.to_bytes()?;
        let file = self.directory.control().create_new(&live_name(id))?;
        let turn = self.directory.turn().await;
        let written = turn.and_then(|()| file.write_all_at(&bytes, 0));
        if written.is_err() {
            self.forget_loudly(id).await;
        }
        written.map(|()| OpenManifest { file, bytes })
    }

    /// Writes the manifest that is to be published beside the live one.
    pub async fn prepare(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.directory.step(Step::WriteManifest).await?;
        let next = self.write_next(id, manifest).await?;
        self.directory.sync_file(&*next).await
    }

    /// Gives the prepared manifest its final name. Returns `false` if something has that name.
    pub async fn publish(&self, id: Uuid, to_dir: &dyn DiskDir, to: &str) -> io::Result<bool> {
        self.directory.step(Step::PlaceManifest).await?;
        let control = self.directory.control();
        got_name(
            self.directory
                .rename_new(control, &next_name(id), to_dir, to)
                .await,
        )
    }

    async fn write_next(&self, id: Uuid, manifest: &Manifest) -> io::Result<Box<dyn DiskFile>> {
        let control = self.directory.control();
        let name = next_name(id);
        let bytes = manifest.to_bytes()?;
        self.directory.turn().await?;
        let file = match control.create_new(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.directory.turn().await?;
                control.remove(&name)?;
                self.directory.turn().await?;
                control.create_new(&name)?
            }
            other => other?,
        };
        self.directory.turn().await?;
        file.write_all_at(&bytes, 0)?;
        Ok(file)
    }

    /// Replaces the live manifest of a recording in progress. Nothing is synced: a writer does
    /// not wait for that. A power cut may then cost what is known of the recording.
    pub async fn rewrite(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.replace(id, manifest, false).await
    }

    /// The same, so that a power cut brings no earlier one back.
    pub async fn rewrite_safely(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        if self.directory.has(StorageFault::NotesUnsynced) {
            return self.rewrite(id, manifest).await;
        }
        self.replace(id, manifest, true).await?;
        self.directory.sync_names(self.directory.control()).await
    }

    async fn replace(&self, id: Uuid, manifest: &Manifest, safely: bool) -> io::Result<()> {
        self.directory.step(Step::WriteMark).await?;
        let next = self.write_next(id, manifest).await?;
        if safely {
            self.directory.sync_file(&*next).await?;
        }
        self.directory.step(Step::PlaceMark).await?;
        let control = self.directory.control();
        control.rename_over(&next_name(id), control, &live_name(id))
    }

    /// Writes down how the recording has ended, before that is told. Where the disk takes no
    /// next version, as when it is full, it may still take new content in the old place.
    pub async fn note_end(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        let Err(error) = self.rewrite_safely(id, manifest).await else {
            return Ok(());
        };
        // Cut short, it only takes room.
        let _ = self.forget_next(id).await;
        self.overwrite(id, manifest).await.map_err(|_| error)?;
        self.directory.sync_names(self.directory.control()).await
    }

    /// Brings to the disk what an earlier process has noted last: it may have died before that.
    pub async fn sync_note(&self, id: Uuid) -> io::Result<()> {
        let directory = &self.directory;
        directory.turn().await?;
        let file = directory.control().open_write(&live_name(id))?;
        directory.sync_file(&*file).await?;
        directory.sync_names(directory.control()).await
    }

    /// Writes over the live manifest. It keeps what it says if that fails. A crash in between
    /// may leave it unreadable; the audio is then found by its header.
    async fn overwrite(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.directory.step(Step::OverwriteMark).await?;
        let name = live_name(id);
        let directory = &self.directory;
        let file = directory.control().open_write(&name)?;
        directory.check_own(&*file, &name).await?;
        let mut file = PlainFile::new(file, 0);
        let old = files::read_open(directory.steps(), &file).await?;
        let mut bytes = manifest.to_bytes()?;
        // Blanks behind it say nothing, and the file need not become shorter.
        bytes.resize(bytes.len().max(old.len()), b' ');
        directory.turn().await?;
        let written = file.rewrite(0, &bytes);
        if written.is_err() {
            let _ = self.restore(&mut file, &old).await;
        }
        written?;
        directory.sync_file(file.file()).await
    }

    async fn restore(&self, file: &mut PlainFile, old: &[u8]) -> io::Result<()> {
        self.directory.turn().await?;
        file.rewrite(0, old)?;
        self.directory.turn().await?;
        file.seal(old.len() as u64)
    }

    /// Reads what is known. A next manifest that is whole is newer than a live one that does
    /// not say how the recording has ended; only the audio's name in progress is the live
    /// one's to say.
    pub async fn read(&self, id: Uuid) -> io::Result<LiveManifest> {
        let control = self.directory.control();
        let Some(live_bytes) = self.directory.read_own(control, &live_name(id)).await? else {
            return Ok(LiveManifest::Missing);
        };
        let next_bytes = self.directory.read_own(control, &next_name(id)).await?;
        let live = Manifest::from_bytes(&live_bytes);
        let text = id.as_hyphenated().to_string();
        let next = next_bytes
            .and_then(|bytes| Manifest::from_bytes(&bytes))
            .filter(|next| next.id == text);
        let ended = live.as_ref().is_some_and(Manifest::has_ended);
        let publishing = next.as_ref().is_some_and(|next| next.part.is_empty());
        let manifest = match (live, next) {
            (Some(mut live), Some(next)) if ended => {
                if publishing {
                    live.file = next.file;
                }
                live
            }
            (Some(live), Some(mut next)) => {
                next.part = live.part;
                next.started |= live.started;
                next
            }
            (Some(manifest), None) | (None, Some(manifest)) => manifest,
            (None, None) => return Ok(LiveManifest::Broken(manifest::salvage(&live_bytes))),
        };
        Ok(LiveManifest::Whole(WholeManifest {
            manifest: Box::new(manifest),
            publishing,
            ended,
        }))
    }

    /// Removes a recording's live manifest.
    pub async fn forget(&self, id: Uuid) -> io::Result<()> {
        self.directory.turn().await?;
        removed(self.directory.control().remove(&live_name(id)))
    }

    /// Removes what was to follow the live manifest.
    pub async fn forget_next(&self, id: Uuid) -> io::Result<()> {
        self.directory.turn().await?;
        removed(self.directory.control().remove(&next_name(id)))
    }

    /// The same as [`LiveManifests::forget`], with a line in the log if it fails.
    pub async fn forget_loudly(&self, id: Uuid) {
        if let Err(error) = self.forget(id).await {
            self.report
                .log(LOG_WARNING, format!("{id}: manifest not removed: {error}"));
        }
    }

    pub async fn put_aside(&self, id: Uuid) -> io::Result<()> {
        put_aside(&self.directory, self.directory.control(), id).await
    }

    /// Something of the recording's end failed: its live manifest stays, so that the
    /// next open tries again.
    pub fn keep(&self, id: Uuid) {
        self.kept.lock().insert(id);
    }

    pub fn is_kept(&self, id: Uuid) -> bool {
        self.kept.lock().contains(&id)
    }

    /// Whether the live manifest stays. The next call for the recording returns `false`.
    pub fn take_kept(&self, id: Uuid) -> bool {
        self.kept.lock().remove(&id)
    }
}

/// A first manifest, just written.
pub struct OpenManifest {
    file: Box<dyn DiskFile>,
    bytes: Vec<u8>,
}

impl OpenManifest {
    /// Notes in it that the audio's file is there.
    pub fn note_started(&self) -> io::Result<()> {
        match manifest::started_patch(&self.bytes) {
            Some((at, patch)) => self.file.write_all_at(patch, at),
            None => Ok(()),
        }
    }
}
