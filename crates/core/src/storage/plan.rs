//! A recording that is to be made.

use super::audio_file::{AudioFile, AudioFiles};
use super::directory::Directory;
use super::disk::DiskDir;
use super::endings::{JSON, NUMBERS_MAX, PART, audio_ending};
use super::faults::Step;
use super::live::Live;
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::name::RecordingName;
use super::planted::StorageFault;
use super::report::{LOG_WARNING, Report};
use super::retry::Failure;
use crate::words::{Error, Format};
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
        let folder = self.directory.make_folder(&plan.name);
        let folder = folder.map_err(|error| fail(&error))?;
        let mut undo = Undo {
            maker: self,
            folder: &*folder,
            id: plan.id,
            has_manifest: false,
            part: None,
        };
        let live = self.make_in(plan, &mut undo, shape).await;
        let live = live.map_err(|error| fail(&error))?;
        (undo.has_manifest, undo.part) = (false, None);
        Ok(live)
    }

    async fn make_in(&self, plan: &mut Plan, undo: &mut Undo<'_>, shape: Shape) -> io::Result<Live> {
        let ending = audio_ending(shape.format);
        let folder = undo.folder;
        plan.manifest.id = plan.id.as_hyphenated().to_string();
        plan.manifest.set_format(shape.format);
        for number in 1..=NUMBERS_MAX {
            let stem = plan.name.stem(number);
            let part = format!("{stem}{ending}{PART}");
            if is_taken(folder, &stem)? {
                continue;
            }
            let name = plan.name.numbered(number);
            plan.manifest.file = name.path(&ending);
            plan.manifest.part = format!("{}{PART}", plan.manifest.file);
            plan.manifest.started = false;
            if undo.has_manifest {
                // Another took the name in between: rare enough to begin anew.
                self.manifests.forget(plan.id)?;
            }
            let manifest = self.manifests.create(plan.id, &plan.manifest).await?;
            undo.has_manifest = true;
            let made = AudioFile::create(&self.files, plan.id, name, shape, folder, part.clone()).await?;
            let Some(mut audio) = made else { continue };
            undo.part = Some(part);
            audio.write_header(false).await?;
            self.directory.step(Step::NoteStarted).await?;
            if !self.directory.has(StorageFault::StartNotNoted) {
                manifest.note_started()?;
            }
            plan.manifest.started = true;
            return Ok(Live::begun(plan.id, audio, mem::take(&mut plan.manifest)));
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "every number of this name is taken",
        ))
    }
}

/// Whether a recording has this name, of whatever format: their manifests would have the same.
fn is_taken(folder: &dyn DiskDir, stem: &str) -> io::Result<bool> {
    for container in Format::containers() {
        let audio = format!("{stem}.{}", container.extension());
        if folder.exists(&audio)? || folder.exists(&format!("{audio}{PART}"))? {
            return Ok(true);
        }
    }
    folder.exists(&format!("{stem}{JSON}"))
}

/// Removes what was made of a recording that could not be begun, so that it never
/// looks like one.
struct Undo<'a> {
    maker: &'a Maker,
    folder: &'a dyn DiskDir,
    id: Uuid,
    has_manifest: bool,
    part: Option<String>,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Some(part) = &self.part
            && let Err(error) = self.folder.remove(part)
        {
            self.maker
                .report
                .log(LOG_WARNING, format!("\"{part}\": not removed: {error}"));
        }
        if self.has_manifest {
            self.maker.manifests.forget_loudly(self.id);
        }
    }
}
