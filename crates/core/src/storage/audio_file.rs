//! A recording's audio on the disk: everything that writes it.

use super::container::{self, FileShape};
use super::digest::digest_of;
use super::directory::Directory;
use super::endings::audio_ending;
use super::faults::Step;
use super::files::{got_name, removed};
use super::name::RecordingName;
use super::os::{self, Dir};
use super::slots::{FileSlot, FileSlots};
use crate::sync::atomic::{AtomicU64, Ordering};
use std::fs::File;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The largest piece written at once.
pub const PIECE: usize = 256 << 10;

/// What the audio files of one directory share.
pub struct AudioFiles {
    directory: Arc<Directory>,
    slots: FileSlots,
    written: AtomicU64,
}

impl AudioFiles {
    pub fn new(directory: Arc<Directory>, slots: FileSlots) -> AudioFiles {
        AudioFiles {
            directory,
            slots,
            written: AtomicU64::new(0),
        }
    }

    pub fn open_files(&self) -> usize {
        self.slots.taken()
    }

    /// Bytes of audio written by all recordings.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// One recording's file.
pub struct AudioFile {
    files: Arc<AudioFiles>,
    id: Uuid,
    name: RecordingName,
    /// The file's own name now.
    current: String,
    shape: FileShape,
    /// Where the audio begins.
    header_bytes: u64,
    audio_bytes: u64,
    /// For how much audio the header on disk was written.
    header_says: Option<u64>,
    open: Option<OpenFile>,
}

struct OpenFile {
    file: File,
    /// Without one it is closed after each batch.
    slot: Option<FileSlot>,
}

/// A file that an earlier process left, as it was found.
pub struct LeftFile {
    pub name: RecordingName,
    pub current: String,
    pub shape: FileShape,
    pub header_bytes: u64,
    pub audio_bytes: u64,
}

impl AudioFile {
    /// Makes the file, in its folder and under this name. Its header is not written yet.
    /// Returns `None` if something has that name.
    pub fn create(
        files: &Arc<AudioFiles>,
        id: Uuid,
        name: RecordingName,
        shape: FileShape,
        folder: &Dir,
        current: String,
    ) -> io::Result<Option<AudioFile>> {
        files.directory.step(Step::CreateAudio)?;
        let file = match folder.create_new(&current) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            other => other?,
        };
        Ok(Some(AudioFile {
            files: Arc::clone(files),
            id,
            name,
            current,
            shape,
            header_bytes: 0,
            audio_bytes: 0,
            header_says: None,
            open: Some(OpenFile {
                file,
                slot: files.slots.take(),
            }),
        }))
    }

    /// Opens a file that an earlier process left. It is cut if it is longer than its audio
    /// and padding, and lengthened if it is shorter than its header.
    pub fn reopen(files: &Arc<AudioFiles>, id: Uuid, left: LeftFile, length: u64) -> io::Result<AudioFile> {
        let file = files.directory.folder(&left.name)?.open_write(&left.current)?;
        let end = left.header_bytes + left.audio_bytes;
        let padding = container::padding(left.audio_bytes).len() as u64;
        if length < end || length > end + padding {
            file.set_len(end)?;
        }
        Ok(AudioFile {
            files: Arc::clone(files),
            id,
            name: left.name,
            current: left.current,
            shape: left.shape,
            header_bytes: left.header_bytes,
            audio_bytes: left.audio_bytes,
            header_says: None,
            open: Some(OpenFile { file, slot: None }),
        })
    }

    pub fn name(&self) -> &RecordingName {
        &self.name
    }

    /// The file's own name now.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The relative path of the file as it is named now.
    pub fn current_path(&self) -> String {
        let mut components = self.name.directories().to_vec();
        components.push(self.current.clone());
        components.join("/")
    }

    /// The relative path that the file is to be published under.
    pub fn path(&self) -> String {
        self.name.path(&audio_ending(self.shape.format))
    }

    pub fn shape(&self) -> &FileShape {
        &self.shape
    }

    pub fn audio_bytes(&self) -> u64 {
        self.audio_bytes
    }

    /// Whole frames in the file.
    pub fn frames(&self) -> u64 {
        self.audio_bytes / self.shape.frame_bytes()
    }

    /// How long the sealed file is.
    pub fn sealed_bytes(&self) -> u64 {
        let padding = container::padding(self.audio_bytes).len() as u64;
        self.header_bytes + self.audio_bytes + padding
    }

    /// The file, opened again where it is not kept open.
    fn file(&mut self) -> io::Result<&File> {
        if self.open.is_none() {
            let folder = self.files.directory.folder(&self.name)?;
            let file = folder.open_write(&self.current)?;
            self.open = Some(OpenFile {
                file,
                slot: self.files.slots.take(),
            });
        }
        match &self.open {
            Some(open) => Ok(&open.file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Closes the file unless it may stay open.
    pub fn rest(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.slot.is_none()) {
            self.close();
        }
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    /// Says what the audio is. Returns `false`, and changes nothing, once there is audio of
    /// another shape.
    pub fn set_shape(&mut self, shape: FileShape) -> io::Result<bool> {
        if self.shape == shape && self.header_says.is_some() {
            return Ok(true);
        }
        if self.audio_bytes > 0 {
            return Ok(false);
        }
        self.shape = shape;
        self.header_says = None;
        self.write_header(false)?;
        Ok(true)
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.files.directory.step(Step::WriteAudio)?;
        let at = self.header_bytes + self.audio_bytes;
        self.write_audio(bytes, at)?;
        self.audio_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes over audio that is on the disk. `at`: bytes of audio before it.
    pub fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.files.directory.step(Step::PatchAudio)?;
        self.write_audio(bytes, self.header_bytes + at)
    }

    fn write_audio(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        os::write_all_at(self.file()?, bytes, at)?;
        self.files
            .written
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Brings the header's sizes up to date, unless they are.
    pub fn write_header(&mut self, sealed: bool) -> io::Result<()> {
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
        self.files.directory.step(Step::WriteHeader)?;
        os::write_all_at(self.file()?, &header, 0)?;
        self.header_says = Some(whole);
        Ok(())
    }

    /// Ends the file at a whole frame, with a header that says so. `measured`: the file's own
    /// length says how much audio there is.
    pub fn seal(&mut self, measured: bool) -> io::Result<()> {
        let frame = self.shape.frame_bytes();
        let cut = measured || !self.audio_bytes.is_multiple_of(frame);
        if measured {
            let length = self.file()?.metadata()?.len();
            self.audio_bytes = length.saturating_sub(self.header_bytes);
        }
        self.audio_bytes = self.audio_bytes / frame * frame;
        let end = self.header_bytes + self.audio_bytes;
        if cut {
            self.file()?.set_len(end)?;
        }
        // The header before the padding: so recovery can tell it from audio.
        self.write_header(true)?;
        let padding = container::padding(self.audio_bytes);
        if !padding.is_empty() {
            os::write_all_at(self.file()?, padding, end)?;
        }
        Ok(())
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    /// Hashes what can be read back, as `sha256sum` will; see [`digest_of`].
    pub fn digest(&mut self, stop: impl Fn(u64) -> bool) -> io::Result<Option<(String, u64)>> {
        digest_of(self.file()?, stop)
    }

    /// Gives the file another name in its folder. Returns `false` if something has that name.
    pub fn rename(&mut self, folder: &Dir, to: String) -> io::Result<bool> {
        if self.current == to {
            return Ok(true);
        }
        let directory = &self.files.directory;
        directory.step(Step::PlaceAudio)?;
        let renamed = got_name(directory.rename_new(folder, &self.current, folder, &to))?;
        if renamed {
            self.current = to;
        }
        Ok(renamed)
    }

    /// Removes the file. One that cannot be removed has no audio left at least.
    pub fn remove(&mut self) -> io::Result<()> {
        let done = self.try_remove();
        if done.is_err()
            && let Ok(file) = self.file()
        {
            let _ = file.set_len(0);
        }
        self.close();
        done
    }

    fn try_remove(&self) -> io::Result<()> {
        let directory = &self.files.directory;
        directory.step(Step::RemoveAudio)?;
        let folder = directory.folder(&self.name)?;
        removed(folder.remove(&self.current))?;
        if directory.syncs() { folder.sync() } else { Ok(()) }
    }
}
