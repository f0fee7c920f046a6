//! Creates, rewrites, reads and removes the live manifests in `.callrec`.

use super::directory::StorageDirectory;
use super::disk::{DirEntry, DiskDir, DiskFile};
use super::disk_access::DiskAccess;
use super::faults::FaultPoint;
use super::files::{self, ignore_not_found, name_was_free};
use super::listener::{LOG_WARNING, StorageListener};
use super::manifest::{self, Manifest};
use super::old_outbox::is_outbox;
use super::plain_file::PlainFile;
use super::planted::StorageFault;
use crate::sync::Mutex;
use crate::types::EndReason;
use callrec_codec::Medium;
use callrec_media::sort::sort_by_key;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The file name of a recording's live manifest.
pub fn live_name(id: Uuid) -> String {
    format!("{}.json", id.as_hyphenated())
}

/// The file name under which the next version of a file is written.
pub fn next_name(id: Uuid) -> String {
    format!("{}.json.tmp", id.as_hyphenated())
}

/// The ids of the files that are named like live manifests. Other names are skipped.
pub async fn list(access: &DiskAccess, dir: &dyn DiskDir) -> io::Result<Vec<Uuid>> {
    access.ready().await?;
    Ok(ids_of(&dir.list()?))
}

fn ids_of(entries: &[DirEntry]) -> Vec<Uuid> {
    let ids = entries.iter().filter_map(|entry| {
        let stem = entry.name.strip_suffix(".json")?;
        let id = Uuid::try_parse(stem).ok()?;
        (live_name(id) == entry.name && !entry.is_directory).then_some(id)
    });
    let mut ids: Vec<Uuid> = ids.collect();
    sort_by_key(&mut ids, |id| *id);
    ids
}

/// What an earlier process left in `.callrec`.
pub struct ControlContents {
    /// The ids of all live manifests.
    pub manifests: Vec<Uuid>,
    /// The directory of callbacks of 0.1.0 exists.
    pub has_old_outbox: bool,
}

/// Renames an unreadable file to `<name>.bad`, so that an operator can inspect it.
pub async fn quarantine(directory: &StorageDirectory, dir: &dyn DiskDir, id: Uuid) -> io::Result<()> {
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

/// The live manifest of one recording, and its next version.
pub enum LiveManifest {
    Missing,
    Whole(WholeManifest),
    /// The live manifest is damaged. Holds what can still be read.
    Broken(manifest::PartialManifest),
}

pub struct WholeManifest {
    pub manifest: Box<Manifest>,
    /// Publishing had begun. `file` of the manifest is the intended name of the audio.
    pub publishing: bool,
    /// The manifest says how the recording has ended, so the end may have been reported.
    pub ended: bool,
}

/// The live manifests of one directory.
pub struct LiveManifests {
    directory: Arc<StorageDirectory>,
    listener: Arc<dyn StorageListener>,
    /// Recordings whose live manifests stay for the next open.
    retained: Mutex<HashSet<Uuid>>,
    /// Recordings whose live manifests are being cleared, and whether these were removed meanwhile.
    clearing: Mutex<HashMap<Uuid, bool>>,
}

impl LiveManifests {
    pub fn new(directory: Arc<StorageDirectory>, listener: Arc<dyn StorageListener>) -> LiveManifests {
        LiveManifests {
            directory,
            listener,
            retained: Mutex::default(),
            clearing: Mutex::default(),
        }
    }

    /// Finds what an earlier process left.
    pub async fn find(&self) -> io::Result<ControlContents> {
        self.directory.ready().await?;
        let entries = self.directory.control().list()?;
        Ok(ControlContents {
            manifests: ids_of(&entries),
            has_old_outbox: entries.iter().any(is_outbox),
        })
    }

    pub async fn exists(&self, id: Uuid) -> io::Result<bool> {
        self.directory.ready().await?;
        self.directory.control().exists(&live_name(id))
    }

    /// Writes a recording's first manifest, and keeps the file open.
    pub async fn create(&self, id: Uuid, manifest: &Manifest) -> io::Result<OpenManifest> {
        self.directory.reach(FaultPoint::CreateManifest).await?;
        let bytes = manifest.to_bytes()?;
        let file = self.directory.control().create_new(&live_name(id))?;
        let ready = self.directory.ready().await;
        let written = ready.and_then(|()| file.write_all_at(&bytes, 0));
        if written.is_err() {
            self.remove_or_log(id).await;
        }
        written.map(|()| OpenManifest { file, bytes })
    }

    /// Writes the manifest for publishing to the next version, beside the live manifest.
    pub async fn prepare(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.directory.reach(FaultPoint::WriteManifest).await?;
        let next = self.write_next(id, manifest).await?;
        self.directory.sync_file(&*next).await
    }

    /// Renames the prepared manifest to its final name. Returns `false` if that name exists.
    pub async fn publish(&self, id: Uuid, to_dir: &dyn DiskDir, to: &str) -> io::Result<bool> {
        self.directory.reach(FaultPoint::RenameManifest).await?;
        let control = self.directory.control();
        name_was_free(
            self.directory
                .rename_new(control, &next_name(id), to_dir, to)
                .await,
        )
    }

    async fn write_next(&self, id: Uuid, manifest: &Manifest) -> io::Result<Box<dyn DiskFile>> {
        let control = self.directory.control();
        let name = next_name(id);
        let bytes = manifest.to_bytes()?;
        self.directory.ready().await?;
        let file = match control.create_new(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.directory.ready().await?;
                control.remove(&name)?;
                self.directory.ready().await?;
                control.create_new(&name)?
            }
            other => other?,
        };
        self.directory.ready().await?;
        file.write_all_at(&bytes, 0)?;
        Ok(file)
    }

    /// Replaces the live manifest of a recording in progress without a sync, because a writer does
    /// not wait for one. A power cut may then lose the manifest.
    pub async fn rewrite(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.replace(id, manifest, false).await
    }

    /// Replaces the live manifest and syncs it, so that a power cut does not restore an earlier
    /// one.
    pub async fn rewrite_safely(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        if self.directory.has_fault(StorageFault::NotesUnsynced) {
            return self.rewrite(id, manifest).await;
        }
        self.replace(id, manifest, true).await?;
        self.directory.sync_names(self.directory.control()).await
    }

    async fn replace(&self, id: Uuid, manifest: &Manifest, safely: bool) -> io::Result<()> {
        self.directory.reach(FaultPoint::WriteLiveManifest).await?;
        let next = self.write_next(id, manifest).await?;
        if safely {
            self.directory.sync_file(&*next).await?;
        }
        self.directory.reach(FaultPoint::RenameLiveManifest).await?;
        let control = self.directory.control();
        control.rename_over(&next_name(id), control, &live_name(id))
    }

    /// Stores how the recording has ended, before the end is reported. If the disk cannot store a
    /// new file, for example because it is full, overwrites the live manifest in place.
    pub async fn note_end(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        let Err(error) = self.rewrite_safely(id, manifest).await else {
            return Ok(());
        };
        // An incomplete next version only uses space.
        let _ = self.remove_next(id).await;
        self.overwrite(id, manifest).await.map_err(|_| error)?;
        self.directory.sync_names(self.directory.control()).await
    }

    /// Reduces the live manifest of a deleted recording, if it still exists, to the end that it owes: nothing of the
    /// call is left in it. `published`: the manifest beside the audio.
    pub async fn clear_end(&self, id: Uuid, published: &Manifest) -> io::Result<()> {
        self.clearing.lock().insert(id, false);
        let cleared = match self.exists(id).await {
            Ok(true) => self.note_end(id, &end_of(id, published)).await,
            other => other.map(drop),
        };
        let was_removed = self.clearing.lock().remove(&id).unwrap_or_default();
        if was_removed {
            // The end was delivered meanwhile.
            self.remove(id).await?;
        }
        cleared
    }

    /// Syncs the live manifest that an earlier process wrote. It may have died before its own sync.
    pub async fn sync_note(&self, id: Uuid) -> io::Result<()> {
        let directory = &self.directory;
        directory.ready().await?;
        let file = directory.control().open_write(&live_name(id))?;
        directory.sync_file(&*file).await?;
        directory.sync_names(directory.control()).await
    }

    /// Overwrites the live manifest in place. If that fails, restores the old content. A crash in
    /// between may leave it unreadable; recovery then finds the audio by its header.
    async fn overwrite(&self, id: Uuid, manifest: &Manifest) -> io::Result<()> {
        self.directory.reach(FaultPoint::OverwriteLiveManifest).await?;
        let name = live_name(id);
        let directory = &self.directory;
        let file = directory.control().open_write(&name)?;
        directory.check_own(&*file, &name).await?;
        let mut file = PlainFile::new(file, 0);
        let old = files::read_open(directory.access(), &file).await?;
        let mut bytes = manifest.to_bytes()?;
        // Trailing spaces are valid in JSON, so the file need not become shorter.
        bytes.resize(bytes.len().max(old.len()), b' ');
        directory.ready().await?;
        let written = file.rewrite(0, &bytes);
        if written.is_err() {
            let _ = self.restore(&mut file, &old).await;
        }
        written?;
        directory.sync_file(file.file()).await
    }

    async fn restore(&self, file: &mut PlainFile, old: &[u8]) -> io::Result<()> {
        self.directory.ready().await?;
        file.rewrite(0, old)?;
        self.directory.ready().await?;
        file.seal(old.len() as u64)
    }

    /// Reads the live manifest and its next version. An intact next version is newer than a live
    /// manifest without an end; only `part` is always taken from the live manifest.
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
            (None, None) => return Ok(LiveManifest::Broken(manifest::parse_partial(&live_bytes))),
        };
        Ok(LiveManifest::Whole(WholeManifest {
            manifest: Box::new(manifest),
            publishing,
            ended,
        }))
    }

    /// Whether this recording, which has no published manifest, may still get one. If it was deleted or discarded, only
    /// its end is owed.
    pub async fn awaits_publication(&self, id: Uuid) -> io::Result<bool> {
        Ok(match self.read(id).await? {
            LiveManifest::Missing => false,
            LiveManifest::Whole(whole) => {
                !whole.manifest.deleted && !whole.manifest.end_reason_is(EndReason::Discarded)
            }
            LiveManifest::Broken(_) => true,
        })
    }

    /// Removes a recording's live manifest.
    pub async fn remove(&self, id: Uuid) -> io::Result<()> {
        self.directory.ready().await?;
        ignore_not_found(self.directory.control().remove(&live_name(id)))?;
        if let Some(was_removed) = self.clearing.lock().get_mut(&id) {
            *was_removed = true;
        }
        Ok(())
    }

    /// Removes the next version of the live manifest.
    pub async fn remove_next(&self, id: Uuid) -> io::Result<()> {
        self.directory.ready().await?;
        ignore_not_found(self.directory.control().remove(&next_name(id)))
    }

    /// Like [`LiveManifests::remove`], but logs a failure.
    pub async fn remove_or_log(&self, id: Uuid) {
        if let Err(error) = self.remove(id).await {
            self.listener.log(
                LOG_WARNING,
                format!("recording {id}: its live manifest .callrec/{id}.json cannot be removed: {error}"),
            );
        }
    }

    pub async fn quarantine(&self, id: Uuid) -> io::Result<()> {
        quarantine(&self.directory, self.directory.control(), id).await
    }

    /// Keeps the live manifest for the next open, because a part of the recording's end failed.
    pub fn retain(&self, id: Uuid) {
        self.retained.lock().insert(id);
    }

    pub fn is_retained(&self, id: Uuid) -> bool {
        self.retained.lock().contains(&id)
    }

    /// Whether the live manifest stays. Clears the flag, so the next call returns `false`.
    pub fn take_retained(&self, id: Uuid) -> bool {
        self.retained.lock().remove(&id)
    }
}

/// The end of a deleted recording, as it may be reported again.
pub(super) fn end_of(id: Uuid, published: &Manifest) -> Manifest {
    Manifest {
        id: id.as_hyphenated().to_string(),
        started: true,
        deleted: true,
        state: published.state.clone(),
        end_reason: published.end_reason.clone(),
        status: published.status,
        lost_ms: published.lost_ms,
        ..Manifest::default()
    }
}

/// A first manifest that has just been written.
pub struct OpenManifest {
    file: Box<dyn DiskFile>,
    bytes: Vec<u8>,
}

impl OpenManifest {
    /// Records in the manifest that the audio file exists.
    pub fn note_started(&self) -> io::Result<()> {
        match manifest::started_patch(&self.bytes) {
            Some((at, patch)) => self.file.write_all_at(patch, at),
            None => Ok(()),
        }
    }
}
