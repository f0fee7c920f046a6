//! A recording's file while it grows.

use super::container::{self, FileShape};
use super::faults::Step;
use super::name::RecordingName;
use super::os::{self, Dir};
use super::papers::OpenManifest;
use super::store::FileSlot;
use super::trouble::Failure;
use super::{LOG_WARNING, Manifest, Store};
use crate::words::{Error, Format, parse_format};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

pub const PART: &str = ".part";
pub const JSON: &str = ".json";
/// So many recordings of one name are told apart.
pub const NUMBERS_MAX: u32 = 10_000;

/// The ending of a published file.
pub fn audio_ending(format: Format) -> String {
    format!(".{}", format.extension())
}

/// How far a recording has come.
pub enum Stage {
    /// Without a draft once its making was tried.
    Planned(Uuid, Option<Draft>),
    Drawn(Box<Plan>),
    Live(Box<Live>),
    /// Handed to a finisher, or never made.
    Over,
}

/// Writes a recording's first manifest and its name, on the writer's thread.
pub type Draft = Box<dyn FnOnce() -> (Manifest, RecordingName) + Send>;

pub struct Plan {
    pub id: Uuid,
    pub manifest: Box<Manifest>,
    pub name: RecordingName,
}

pub struct Live {
    pub id: Uuid,
    pub name: RecordingName,
    pub shape: FileShape,
    /// Where the audio begins.
    pub header_bytes: u64,
    pub audio_bytes: u64,
    /// For how much audio the header on disk was written.
    pub header_says: Option<u64>,
    /// The name of the audio's file now.
    pub current: String,
    pub file: Option<OpenFile>,
    /// The latest that is known.
    pub manifest: Box<Manifest>,
    /// An earlier process left it.
    pub recovers: bool,
}

pub struct OpenFile {
    pub file: File,
    /// Without one it is closed after each batch.
    pub slot: Option<FileSlot>,
}

impl Plan {
    /// The shape that the first manifest tells, until the real one is known.
    pub fn shape(&self) -> FileShape {
        shape_of(&self.manifest)
    }

    /// Makes the live manifest, then the file: one that exists is always known.
    pub fn create(&mut self, store: &Arc<Store>, shape: FileShape) -> Result<Live, Failure> {
        let path = self.name.path(&audio_ending(shape.format));
        let fail = |error: &io::Error| {
            let words = Error::io(format!("\"{path}\" cannot be made"), error);
            Failure::new(words, error)
        };
        let dir = store.directory(&self.name, true).map_err(|error| fail(&error))?;
        let mut undo = Undo {
            store,
            dir: &dir,
            id: self.id,
            paper: false,
            part: None,
        };
        let live = self.create_in(&mut undo, shape).map_err(|error| fail(&error))?;
        (undo.paper, undo.part) = (false, None);
        Ok(live)
    }

    fn create_in(&mut self, undo: &mut Undo<'_>, shape: FileShape) -> io::Result<Live> {
        let ending = audio_ending(shape.format);
        let (store, dir) = (undo.store, undo.dir);
        self.manifest.id = self.id.as_hyphenated().to_string();
        self.manifest.format = shape.format.text().to_owned();
        for number in 1..=NUMBERS_MAX {
            let stem = self.name.stem(number);
            let part = format!("{stem}{ending}{PART}");
            if dir.exists(&format!("{stem}{ending}"))?
                || dir.exists(&format!("{stem}{JSON}"))?
                || dir.exists(&part)?
            {
                continue;
            }
            let name = self.name.numbered(number);
            self.manifest.file = name.path(&ending);
            self.manifest.part = format!("{}{PART}", self.manifest.file);
            self.manifest.started = false;
            if undo.paper {
                // Another took the name in between: rare enough to begin anew.
                store.forget(self.id)?;
            }
            let paper = store.create_manifest(self.id, &self.manifest)?;
            undo.paper = true;
            store.hook.at(Step::CreateAudio)?;
            let file = match dir.create_new(&part) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other?,
            };
            undo.part = Some(part.clone());
            return self.begin_file(store, file, name, shape, part, &paper);
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "every number of this name is taken",
        ))
    }

    fn begin_file(
        &mut self,
        store: &Arc<Store>,
        file: File,
        name: RecordingName,
        shape: FileShape,
        part: String,
        paper: &OpenManifest,
    ) -> io::Result<Live> {
        store.hook.at(Step::WriteHeader)?;
        let header = container::header(&shape, self.id, 0, false);
        os::write_all_at(&file, &header, 0)?;
        store.hook.at(Step::NoteStarted)?;
        paper.note_started()?;
        self.manifest.started = true;
        Ok(Live {
            id: self.id,
            name,
            shape,
            header_bytes: header.len() as u64,
            audio_bytes: 0,
            header_says: Some(0),
            current: part,
            file: Some(OpenFile {
                file,
                slot: store.file_slot(),
            }),
            manifest: std::mem::take(&mut self.manifest),
            recovers: false,
        })
    }
}

/// Removes what was made of a recording that could not be begun, so that it never
/// looks like one.
struct Undo<'a> {
    store: &'a Arc<Store>,
    dir: &'a Dir,
    id: Uuid,
    paper: bool,
    part: Option<String>,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Some(part) = &self.part
            && let Err(error) = self.dir.remove(part)
        {
            self.store
                .report
                .log(LOG_WARNING, format!("\"{part}\": not removed: {error}"));
        }
        if self.paper {
            self.store.forget_loudly(self.id);
        }
    }
}

impl Live {
    /// The relative path that the file is to be published under.
    pub fn path(&self) -> String {
        self.name.path(&audio_ending(self.shape.format))
    }

    /// The file, opened again where it is not kept open.
    pub fn file(&mut self, store: &Arc<Store>) -> io::Result<&File> {
        if self.file.is_none() {
            let dir = store.directory(&self.name, false)?;
            let file = dir.open_write(&self.current)?;
            self.file = Some(OpenFile {
                file,
                slot: store.file_slot(),
            });
        }
        match &self.file {
            Some(open) => Ok(&open.file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Closes the file unless it may stay open.
    pub fn rest(&mut self) {
        if self.file.as_ref().is_some_and(|open| open.slot.is_none()) {
            self.file = None;
        }
    }

    pub fn set_shape(&mut self, store: &Arc<Store>, shape: FileShape) -> io::Result<()> {
        if self.shape == shape && self.header_says.is_some() {
            return Ok(());
        }
        if self.audio_bytes > 0 {
            let id = self.id;
            store.report.log(
                LOG_WARNING,
                format!("{id}: shape told after the first block: ignored"),
            );
            return Ok(());
        }
        self.shape = shape;
        self.header_says = None;
        self.write_header(store, false)
    }

    pub fn append(&mut self, store: &Arc<Store>, bytes: &[u8]) -> io::Result<()> {
        store.hook.at(Step::WriteAudio)?;
        let at = self.header_bytes + self.audio_bytes;
        os::write_all_at(self.file(store)?, bytes, at)?;
        self.audio_bytes += bytes.len() as u64;
        store.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Brings the header's sizes up to date, unless they are.
    pub fn write_header(&mut self, store: &Arc<Store>, sealed: bool) -> io::Result<()> {
        let frame = self.shape.frame_bytes();
        let whole = self.audio_bytes / frame * frame;
        let padded = sealed && !container::padding(whole).is_empty();
        if self.header_says == Some(whole) && !padded {
            return Ok(());
        }
        let header = container::header(&self.shape, self.id, whole, sealed);
        if self.header_says.is_none() && self.audio_bytes == 0 {
            self.header_bytes = header.len() as u64;
        }
        if header.len() as u64 != self.header_bytes {
            // Written by another version, whose header has another length.
            return Ok(());
        }
        store.hook.at(Step::WriteHeader)?;
        os::write_all_at(self.file(store)?, &header, 0)?;
        self.header_says = Some(whole);
        Ok(())
    }

    /// Takes the file's own length for how much audio there is, in whole frames.
    pub fn measure(&mut self, store: &Arc<Store>) -> io::Result<()> {
        let header_bytes = self.header_bytes;
        let length = self.file(store)?.metadata()?.len();
        let frame = self.shape.frame_bytes();
        self.audio_bytes = length.saturating_sub(header_bytes) / frame * frame;
        Ok(())
    }
}

/// What a manifest tells of a file whose header does not.
pub fn shape_of(manifest: &Manifest) -> FileShape {
    let stereo = manifest.layout.is_empty() || manifest.layout == crate::words::Layout::Stereo.text();
    FileShape {
        format: parse_format(&manifest.format).unwrap_or(Format::Wav),
        rate: if manifest.sample_rate == 0 {
            8000
        } else {
            manifest.sample_rate
        },
        channels: match manifest.channels {
            0 if stereo => 2,
            0 => 1,
            channels => channels,
        },
    }
}

/// An error of the disk, in words that name the recording's file.
pub fn write_error(path: &str, error: &io::Error) -> Error {
    Error::io(format_args!("\"{path}\""), error)
}
