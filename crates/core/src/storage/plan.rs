//! A recording that is to be made.

use super::audio_file::{AudioFile, AudioFiles};
use super::directory::Directory;
use super::disk::DiskDir;
use super::ending::Ending;
use super::endings::{JSON, NUMBERS_MAX, PART, audio_ending};
use super::faults::Step;
use super::live::Live;
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::name::RecordingName;
use super::planted::StorageFault;
use super::report::{LOG_WARNING, Report, panic_text};
use super::retry::Failure;
use super::root_path::RootPath;
use crate::task;
use crate::types::{Error, Format, Status};
use callrec_codec::Shape;
use std::io;
use std::mem;
use std::sync::Arc;
use uuid::Uuid;

/// How far a recording has come.
pub enum Stage {
    /// Without its first manifest once its making was tried.
    Begun(Uuid, Option<FirstManifest>),
    Planned(Box<Plan>),
    Live(Box<Live>),
    /// The disk has refused it for too long. What is still said until it stops is dropped, and
    /// its own end says how much that is.
    Failing(Box<Live>, Ending),
    /// Handed to a finisher, or never made.
    Over,
}

/// Makes a recording's first manifest and its name, on the writer's thread.
pub type FirstManifest = Box<dyn FnOnce() -> (Manifest, RecordingName) + Send>;

pub struct Plan {
    pub id: Uuid,
    pub manifest: Box<Manifest>,
    pub name: RecordingName,
}

/// Makes recordings: the live manifest, then the file, so that one that exists is always
/// known.
pub struct Maker {
    pub directory: Arc<Directory>,
    pub root_path: Arc<RootPath>,
    pub manifests: Arc<LiveManifests>,
    pub files: Arc<AudioFiles>,
    pub report: Arc<dyn Report>,
}

impl Maker {
    /// Makes the recording. `shape`: `None` as long as only its first manifest tells it.
    pub async fn make(&self, plan: &mut Plan, shape: Option<Shape>) -> Result<Live, Failure> {
        let shape = shape.unwrap_or_else(|| plan.manifest.shape());
        let path = plan.name.path(&audio_ending(shape.format));
        let fail = |error: &io::Error| {
            let words = Error::io(format!("\"{path}\" cannot be made"), error);
            Failure::new(words, error)
        };
        let at_its_path = self.root_path.check().await;
        at_its_path.map_err(|error| {
            let message = format!("\"{path}\" cannot be made: {}", error.message);
            Failure::lasting(Error { message, ..error })
        })?;
        let folder = self.directory.make_folder(&plan.name).await;
        let folder = folder.map_err(|error| fail(&error))?;
        let mut made = Made::default();
        let live = task::catch_panic(self.make_in(plan, &mut made, &*folder, shape)).await;
        if !matches!(live, Ok(Ok(_))) {
            self.undo(plan.id, made, &*folder).await;
        }
        match live {
            Ok(live) => live.map_err(|error| fail(&error)),
            Err(panic) => Err(Failure::lasting(Error::new(Status::Internal, panic_text(&panic)))),
        }
    }

    /// Brings a recording that was made to the disk, so that no power cut undoes its start. Its
    /// audio comes first: a manifest that says that it has started must not be found without.
    pub async fn make_durable(&self, live: &mut Live) -> Result<(), Failure> {
        let path = live.audio.path();
        let words = |error: &io::Error| Error::io(format!("\"{path}\" cannot be made"), error);
        let synced = self.sync_audio(live).await;
        synced.map_err(|error| Failure::of_sync(words(&error), &error))?;
        let noted = match self.directory.has(StorageFault::StartUnsynced) {
            true => self.manifests.rewrite(live.id, &live.manifest).await,
            false => self.manifests.rewrite_safely(live.id, &live.manifest).await,
        };
        noted.map_err(|error| Failure::new(words(&error), &error))
    }

    async fn sync_audio(&self, live: &mut Live) -> io::Result<()> {
        if self.directory.has(StorageFault::StartUnsynced) {
            return Ok(());
        }
        live.audio.sync_progress().await?;
        self.directory.sync_way(live.audio.name()).await
    }

    /// Removes what was made of a recording whose start was not told, so that no power cut
    /// brings it back. The audio goes first: a manifest alone is soon told from a recording.
    pub async fn unmake(&self, live: &mut Live) {
        let audio = live.remove_audio().await;
        let next = self.manifests.forget_next(live.id).await;
        self.manifests.forget_loudly(live.id).await;
        let names = self.directory.sync_names(self.directory.control()).await;
        if let Err(error) = audio.and(next).and(names) {
            let (id, part) = (live.id, live.audio.current_path());
            let message = format!("{id}: \"{part}\": not removed: {error}");
            self.report.log(LOG_WARNING, message);
        }
    }

    async fn make_in(
        &self,
        plan: &mut Plan,
        made: &mut Made,
        folder: &dyn DiskDir,
        shape: Shape,
    ) -> io::Result<Live> {
        let ending = audio_ending(shape.format);
        plan.manifest.id = plan.id.as_hyphenated().to_string();
        plan.manifest.set_format(shape.format);
        for number in 1..=NUMBERS_MAX {
            let stem = plan.name.stem(number);
            let part = format!("{stem}{ending}{PART}");
            if self.is_taken(folder, &stem).await? {
                continue;
            }
            let name = plan.name.numbered(number);
            plan.manifest.file = name.path(&ending);
            plan.manifest.part = format!("{}{PART}", plan.manifest.file);
            plan.manifest.started = false;
            if made.manifest {
                // Another took the name in between: rare enough to begin anew.
                self.manifests.forget(plan.id).await?;
            }
            let manifest = self.manifests.create(plan.id, &plan.manifest).await?;
            made.manifest = true;
            let audio = AudioFile::create(&self.files, plan.id, name, shape, folder, part.clone()).await?;
            let Some(mut audio) = audio else { continue };
            made.part = Some(part);
            audio.write_header(false).await?;
            let is_start_told = !self.directory.syncs_in_progress();
            if is_start_told {
                self.directory.step(Step::NoteStarted).await?;
                if !self.directory.has(StorageFault::StartNotNoted) {
                    manifest.note_started()?;
                }
            }
            plan.manifest.started = true;
            let mut live = Live::begun(plan.id, audio, mem::take(&mut plan.manifest));
            live.is_start_told = is_start_told;
            return Ok(live);
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "every number of this name is taken",
        ))
    }

    /// Whether a recording has this name, of whatever format: their manifests would have the
    /// same.
    async fn is_taken(&self, folder: &dyn DiskDir, stem: &str) -> io::Result<bool> {
        for container in Format::containers() {
            let audio = format!("{stem}.{}", container.extension());
            if self.exists(folder, &audio).await? || self.exists(folder, &format!("{audio}{PART}")).await? {
                return Ok(true);
            }
        }
        self.exists(folder, &format!("{stem}{JSON}")).await
    }

    async fn exists(&self, folder: &dyn DiskDir, name: &str) -> io::Result<bool> {
        self.directory.turn().await?;
        folder.exists(name)
    }

    /// Removes what was made of a recording that could not be begun, so that it never looks
    /// like one.
    async fn undo(&self, id: Uuid, made: Made, folder: &dyn DiskDir) {
        if let Some(part) = &made.part {
            let turn = self.directory.turn().await;
            if let Err(error) = turn.and_then(|()| folder.remove(part)) {
                let message = format!("\"{part}\": not removed: {error}");
                self.report.log(LOG_WARNING, message);
            }
        }
        if made.manifest {
            self.manifests.forget_loudly(id).await;
        }
        if self.directory.syncs_in_progress() {
            self.sync_undone(id, folder).await;
        }
    }

    /// So that no power cut brings it back.
    async fn sync_undone(&self, id: Uuid, folder: &dyn DiskDir) {
        let folder = self.directory.sync_names(folder).await;
        let control = self.directory.sync_names(self.directory.control()).await;
        if let Err(error) = folder.and(control) {
            let message = format!("{id}: what was not begun may come back after a power cut: {error}");
            self.report.log(LOG_WARNING, message);
        }
    }
}

/// What has been made of a recording that is not begun yet.
#[derive(Default)]
struct Made {
    manifest: bool,
    /// The name of the audio's file.
    part: Option<String>,
}
