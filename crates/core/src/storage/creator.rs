//! Creates recordings.

use super::audio_file::{AudioFile, AudioFiles};
use super::directory::StorageDirectory;
use super::disk::DiskDir;
use super::ending::Ending;
use super::faults::FaultPoint;
use super::file_suffixes::{JSON, NUMBERS_MAX, PART, audio_suffix};
use super::listener::{LOG_WARNING, StorageListener, panic_text};
use super::live_manifests::LiveManifests;
use super::live_recording::LiveRecording;
use super::manifest::Manifest;
use super::name::RecordingName;
use super::planted::StorageFault;
use super::retry::Failure;
use super::root_path::RootPath;
use super::sidecar::VCON;
use crate::task;
use crate::types::{Error, Format, Status};
use callrec_codec::Shape;
use callrec_codec::pcapng::PCAPNG;
use std::io;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use uuid::Uuid;

/// Attempts to create a recording below the storage directory, where deletions may remove its directory.
const ATTEMPTS_MAX: usize = 10;

/// The stage of a recording on its way from its start to a finisher.
pub enum Stage {
    /// Not created yet. The first manifest is `None` once it has been requested.
    New(Uuid, Option<FirstManifest>),
    Planned(Box<RecordingPlan>),
    Live(Box<LiveRecording>),
    /// The disk has refused writes for too long. Further audio is dropped; the manifest of the
    /// recording's end says how much.
    Failing(Box<LiveRecording>, Ending),
    /// Passed to a finisher, or never created.
    Done,
}

/// Returns a recording's first manifest and its name. Called on the writer's thread.
pub type FirstManifest = Box<dyn FnOnce() -> (Manifest, RecordingName) + Send>;

pub struct RecordingPlan {
    pub id: Uuid,
    pub manifest: Box<Manifest>,
    pub name: RecordingName,
}

/// Creates recordings: first the live manifest, then the audio file, so that every audio file has a
/// live manifest.
pub struct RecordingCreator {
    pub directory: Arc<StorageDirectory>,
    pub root_path: Arc<RootPath>,
    pub manifests: Arc<LiveManifests>,
    pub files: Arc<AudioFiles>,
    pub listener: Arc<dyn StorageListener>,
    /// Recordings get vCons, so the names of these must be free too.
    pub makes_vcons: bool,
}

impl RecordingCreator {
    /// Creates the recording. If `shape` is `None`, the shape comes from its first manifest.
    pub async fn create(
        &self,
        plan: &mut RecordingPlan,
        shape: Option<Shape>,
    ) -> Result<LiveRecording, Failure> {
        let shape = shape.unwrap_or_else(|| plan.manifest.shape());
        let path = plan.name.path(&audio_suffix(shape.format));
        let fail = |error: &io::Error| {
            let words = Error::io(format!("\"{path}\" cannot be created"), error);
            Failure::new(words, error)
        };
        let path_checked = self.root_path.check().await;
        path_checked.map_err(|error| {
            let message = format!("\"{path}\" cannot be created: {}", error.message);
            Failure::permanent(Error { message, ..error })
        })?;
        let mut attempts_left = match plan.name.directories() {
            [] => 1,
            _ => ATTEMPTS_MAX,
        };
        loop {
            attempts_left -= 1;
            match self.create_once(plan, shape).await {
                // A deletion has just removed the directory, which was empty.
                Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound && attempts_left > 0 => {}
                Ok(live) => return live.map_err(|error| fail(&error)),
                Err(panic) => {
                    let error = Error::new(Status::Internal, panic_text(&panic));
                    return Err(Failure::permanent(error));
                }
            }
        }
    }

    /// Creates the recording in its directory. What is left of a failed attempt is removed.
    async fn create_once(
        &self,
        plan: &mut RecordingPlan,
        shape: Shape,
    ) -> Result<io::Result<LiveRecording>, String> {
        let folder = match self.directory.create_folder(&plan.name).await {
            Ok(folder) => folder,
            Err(error) => return Ok(Err(error)),
        };
        let mut created = CreatedFiles::default();
        let live = task::catch_panic(pin!(self.create_in(plan, &mut created, &*folder, shape))).await;
        if !matches!(live, Ok(Ok(_))) {
            self.roll_back(plan.id, created, &*folder).await;
        }
        live
    }

    /// Syncs a new recording, so that a power cut does not undo its start. The audio is synced
    /// first: a manifest that says `started` must not be found without audio.
    pub async fn make_durable(&self, live: &mut LiveRecording) -> Result<(), Failure> {
        let path = live.audio.path();
        let words = |error: &io::Error| Error::io(format!("\"{path}\" cannot be created"), error);
        let synced = self.sync_audio(live).await;
        synced.map_err(|error| Failure::from_sync(words(&error), &error))?;
        let noted = match self.directory.has_fault(StorageFault::StartUnsynced) {
            true => self.manifests.rewrite(live.id, &live.manifest).await,
            false => self.manifests.rewrite_safely(live.id, &live.manifest).await,
        };
        noted.map_err(|error| Failure::new(words(&error), &error))
    }

    async fn sync_audio(&self, live: &mut LiveRecording) -> io::Result<()> {
        if self.directory.has_fault(StorageFault::StartUnsynced) {
            return Ok(());
        }
        live.audio.sync_progress().await?;
        self.directory.sync_path(live.audio.name()).await
    }

    /// Removes a recording whose start was not reported, so that a power cut does not restore it.
    /// The audio is removed first, because recovery does not take a
    /// manifest without audio for a recording.
    pub async fn remove_unreported(&self, live: &mut LiveRecording) {
        let audio = live.remove_audio().await;
        let next = self.manifests.remove_next(live.id).await;
        self.manifests.remove_or_log(live.id).await;
        let names = self.directory.sync_names(self.directory.control()).await;
        if let Err(error) = audio.and(next).and(names) {
            let (id, part) = (live.id, live.audio.current_path());
            let message =
                format!("recording {id} did not start, but its file \"{part}\" cannot be removed: {error}");
            self.listener.log(LOG_WARNING, message);
        }
    }

    async fn create_in(
        &self,
        plan: &mut RecordingPlan,
        created: &mut CreatedFiles,
        folder: &dyn DiskDir,
        shape: Shape,
    ) -> io::Result<LiveRecording> {
        let suffix = audio_suffix(shape.format);
        plan.manifest.id = plan.id.as_hyphenated().to_string();
        plan.manifest.set_format(shape.format);
        // No other recording has this id in its name, so a search for such names is needless.
        let is_unique = plan.name.contains(&plan.manifest.id);
        let keeps_raw = !plan.manifest.keep_raw.is_empty();
        for number in 1..=NUMBERS_MAX {
            let stem = plan.name.stem(number);
            let part = format!("{stem}{suffix}{PART}");
            if !is_unique && self.is_taken(folder, &stem, keeps_raw).await? {
                continue;
            }
            let name = plan.name.numbered(number);
            plan.manifest.file = name.path(&suffix);
            plan.manifest.part = format!("{}{PART}", plan.manifest.file);
            plan.manifest.started = false;
            if created.manifest {
                // Another recording took the name in between; this is rare, so start over.
                self.manifests.remove(plan.id).await?;
            }
            let manifest = self.manifests.create(plan.id, &plan.manifest).await?;
            created.manifest = true;
            let contents = (shape, plan.manifest.tags(plan.id));
            let audio = AudioFile::create(&self.files, name, contents, folder, part.clone()).await?;
            let Some(mut audio) = audio else { continue };
            created.part = Some(part);
            audio.write_header(false).await?;
            let is_start_reported = !self.directory.syncs_in_progress();
            if is_start_reported {
                self.directory.reach(FaultPoint::NoteStarted).await?;
                if !self.directory.has_fault(StorageFault::StartNotNoted) {
                    manifest.note_started()?;
                }
            }
            plan.manifest.started = true;
            let mut live = LiveRecording::new(plan.id, audio, mem::take(&mut plan.manifest));
            live.is_start_reported = is_start_reported;
            return Ok(live);
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("this name and its variants up to -{NUMBERS_MAX} exist already"),
        ))
    }

    /// Whether a recording of any format has this name. Their manifests would have the same name.
    async fn is_taken(&self, folder: &dyn DiskDir, stem: &str, keeps_raw: bool) -> io::Result<bool> {
        let extensions = Format::containers().map(|container| container.extension());
        let others = [keeps_raw.then_some(PCAPNG), self.makes_vcons.then_some(VCON)];
        for extension in extensions.chain(others.into_iter().flatten()) {
            let audio = format!("{stem}.{extension}");
            if self.exists(folder, &audio).await? || self.exists(folder, &format!("{audio}{PART}")).await? {
                return Ok(true);
            }
        }
        self.exists(folder, &format!("{stem}{JSON}")).await
    }

    async fn exists(&self, folder: &dyn DiskDir, name: &str) -> io::Result<bool> {
        self.directory.ready().await?;
        folder.exists(name)
    }

    /// Removes the files of a recording that could not be created, so that recovery does not find
    /// them.
    async fn roll_back(&self, id: Uuid, created: CreatedFiles, folder: &dyn DiskDir) {
        if let Some(part) = &created.part {
            let ready = self.directory.ready().await;
            if let Err(error) = ready.and_then(|()| folder.remove(part)) {
                let message = format!(
                    "recording {id} did not start, but its file \"{part}\" cannot be removed: {error}"
                );
                self.listener.log(LOG_WARNING, message);
            }
        }
        if created.manifest {
            self.manifests.remove_or_log(id).await;
        }
        if self.directory.syncs_in_progress() {
            self.sync_rolled_back(id, folder).await;
        }
    }

    /// Syncs the removal, so that a power cut does not undo it.
    async fn sync_rolled_back(&self, id: Uuid, folder: &dyn DiskDir) {
        let folder = self.directory.sync_names(folder).await;
        let control = self.directory.sync_names(self.directory.control()).await;
        if let Err(error) = folder.and(control) {
            let message = format!(
                "recording {id} did not start, but the removal of its files cannot be synced, so a power cut \
                 may restore them: {error}"
            );
            self.listener.log(LOG_WARNING, message);
        }
    }
}

/// The files created so far for a recording.
#[derive(Default)]
struct CreatedFiles {
    manifest: bool,
    /// The name of the audio file.
    part: Option<String>,
}
