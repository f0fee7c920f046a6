//! A recording's audio on the disk: everything that writes it.

use super::digest::digest_of;
use super::directory::Directory;
use super::disk::{DiskDir, DiskFile};
use super::endings::{PART, audio_ending};
use super::faults::Step;
use super::file_handle::FileHandle;
use super::files::{got_name, removed};
use super::measure::measure;
use super::medium::PlainFile;
use super::name::RecordingName;
use super::planted::StorageFault;
use super::report::Report;
use super::slots::FileSlots;
use crate::sync::atomic::{AtomicU64, Ordering};
use callrec_codec::container::{Length, MeasuredAudio, ParsedHeader, Tags};
use callrec_codec::{Container, EncodedPackets, Encoder, Medium, Shape};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The largest piece written at once.
pub const PIECE: usize = 256 << 10;

/// What the audio files of one directory share.
pub struct AudioFiles {
    directory: Arc<Directory>,
    slots: FileSlots,
    report: Arc<dyn Report>,
    written: AtomicU64,
}

impl AudioFiles {
    pub fn new(directory: Arc<Directory>, slots: FileSlots, report: Arc<dyn Report>) -> AudioFiles {
        AudioFiles {
            directory,
            slots,
            report,
            written: AtomicU64::new(0),
        }
    }

    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    pub fn log(&self, level: i32, message: String) {
        self.report.log(level, message);
    }

    pub fn slots(&self) -> &FileSlots {
        &self.slots
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
    shape: Shape,
    encoder: Box<dyn Encoder>,
    /// Where the audio begins.
    header_bytes: u64,
    /// In whole frames.
    length: Length,
    /// For how much audio the header on disk was written.
    header_says: Option<Length>,
    /// It was written to since it was synced.
    is_unsynced: bool,
    handle: FileHandle,
}

/// A file that an earlier process left, as it was found.
pub struct LeftFile {
    pub name: RecordingName,
    pub current: String,
    pub shape: Shape,
    pub header_bytes: u64,
    pub length: Length,
}

impl AudioFile {
    /// Makes the file, in its folder and under this name. Its header is not written yet.
    /// Returns `None` if something has that name.
    pub async fn create(
        files: &Arc<AudioFiles>,
        id: Uuid,
        name: RecordingName,
        shape: Shape,
        folder: &dyn DiskDir,
        current: String,
    ) -> io::Result<Option<AudioFile>> {
        files.directory.step(Step::CreateAudio).await?;
        let file = match folder.create_new(&current) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            other => other?,
        };
        let handle = FileHandle::new(PlainFile::new(file, 0), files.slots.take());
        let left = LeftFile {
            name,
            current,
            shape,
            header_bytes: 0,
            length: Length::default(),
        };
        Ok(Some(AudioFile::new(files, id, left, handle)))
    }

    /// Opens a file that an earlier process left. It is cut if it is longer than its audio
    /// and what follows it, and lengthened if it is shorter than its header.
    pub async fn reopen(
        files: &Arc<AudioFiles>,
        id: Uuid,
        left: LeftFile,
        len: u64,
    ) -> io::Result<AudioFile> {
        let directory = &files.directory;
        let file = open_write(directory, &left.name, &left.current).await?;
        let end = left.header_bytes + left.length.bytes;
        let mut file = PlainFile::new(file, end);
        let trailer = left.shape.format.container().trailer(left.length).len() as u64;
        if len < end || len > end + trailer {
            directory.turn().await?;
            file.seal(end)?;
        }
        Ok(AudioFile::new(files, id, left, FileHandle::new(file, None)))
    }

    fn new(files: &Arc<AudioFiles>, id: Uuid, left: LeftFile, handle: FileHandle) -> AudioFile {
        AudioFile {
            files: Arc::clone(files),
            id,
            encoder: left.shape.format.encoder(&left.shape),
            name: left.name,
            current: left.current,
            shape: left.shape,
            header_bytes: left.header_bytes,
            length: left.length,
            header_says: None,
            is_unsynced: true,
            handle,
        }
    }

    pub fn files(&self) -> &Arc<AudioFiles> {
        &self.files
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

    /// Whether the file has a final name.
    pub fn is_published(&self) -> bool {
        !self.current.ends_with(PART)
    }

    /// The relative path that the file is to be published under.
    pub fn path(&self) -> String {
        self.name.path(&audio_ending(self.shape.format))
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn container(&self) -> &'static dyn Container {
        self.shape.format.container()
    }

    /// How much audio is in the file, in whole frames.
    pub fn length(&self) -> Length {
        self.length
    }

    /// How long the sealed file is.
    pub fn sealed_bytes(&self) -> u64 {
        let trailer = self.container().trailer(self.length).len() as u64;
        self.header_bytes + self.length.bytes + trailer
    }

    /// Opens the file again where it is not kept open.
    async fn open(&mut self) -> io::Result<()> {
        if !self.handle.is_open() {
            let file = open_write(&self.files.directory, &self.name, &self.current).await?;
            let end = self.header_bytes + self.length.bytes;
            self.handle.reopened(PlainFile::new(file, end), &self.files.slots);
        }
        Ok(())
    }

    /// Closes the file unless it may stay open.
    pub fn rest(&mut self) {
        self.handle.rest();
    }

    pub fn close(&mut self) {
        self.handle.close();
    }

    /// Says what the audio is. Returns `false`, and changes nothing, once there is audio of
    /// another shape.
    pub async fn set_shape(&mut self, shape: Shape) -> io::Result<bool> {
        if self.shape == shape && self.header_says.is_some() {
            return Ok(true);
        }
        if self.length.bytes > 0 {
            return Ok(false);
        }
        self.shape = shape;
        self.encoder = shape.format.encoder(&shape);
        self.header_says = None;
        self.write_header(false).await?;
        Ok(true)
    }

    /// Whether samples go into the file as they are in a block.
    pub fn passes(&self) -> bool {
        self.encoder.is_pass_through()
    }

    /// Puts samples behind `out` in the form that they have in the file. For formats whose
    /// frames have one size.
    pub fn code(&mut self, samples: &[u8], out: &mut Vec<u8>) {
        if self.encoder.is_pass_through() {
            return out.extend_from_slice(samples);
        }
        let mut packets = EncodedPackets {
            bytes: std::mem::take(out),
            list: Vec::new(),
        };
        self.encoder.encode(samples, &mut packets);
        *out = packets.bytes;
    }

    /// Appends what stands for so many frames.
    pub async fn append(&mut self, bytes: &[u8], frames: u64) -> io::Result<()> {
        self.open().await?;
        self.files.directory.step(Step::WriteAudio).await?;
        self.is_unsynced = true;
        let written = self.handle.file()?.append(bytes);
        if !self.files.directory.has(StorageFault::FailureCounted) {
            written?;
        }
        self.length.bytes += bytes.len() as u64;
        self.length.frames += frames;
        self.note_written(bytes);
        Ok(())
    }

    /// Appends what ends the audio, of which so many frames are heard.
    pub async fn append_end(&mut self, bytes: &[u8], frames: u64) -> io::Result<()> {
        self.append(bytes, 0).await?;
        self.length.frames = frames;
        Ok(())
    }

    /// Writes over audio that is on the disk. `at`: bytes of audio before it.
    pub async fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.open().await?;
        self.files.directory.step(Step::PatchAudio).await?;
        self.is_unsynced = true;
        let at = self.header_bytes + at;
        self.handle.file()?.rewrite(at, bytes)?;
        self.note_written(bytes);
        Ok(())
    }

    fn note_written(&self, bytes: &[u8]) {
        self.files
            .written
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    /// Brings the header's sizes up to date, unless they are.
    pub async fn write_header(&mut self, sealed: bool) -> io::Result<()> {
        let container = self.container();
        let tells = container.header_holds_length();
        let known = self.header_says == Some(self.length) || (self.header_says.is_some() && !tells);
        let ends = sealed && (!tells || !container.trailer(self.length).is_empty());
        if known && !ends {
            return Ok(());
        }
        let tags = Tags { recording: self.id };
        let header = container.header(&self.shape, &tags, self.length, sealed);
        let begins = self.header_says.is_none() && self.length.bytes == 0;
        if begins {
            self.header_bytes = header.len() as u64;
        }
        if header.len() as u64 != self.header_bytes {
            // Written by another version, whose header has another length.
            return Ok(());
        }
        self.open().await?;
        self.files.directory.step(Step::WriteHeader).await?;
        self.is_unsynced = true;
        let file = self.handle.file()?;
        file.rewrite(0, &header)?;
        if begins {
            file.set_end(header.len() as u64);
        }
        self.header_says = Some(self.length);
        Ok(())
    }

    /// Takes the file's own word for how much audio there is, and cuts it there.
    pub async fn measure(&mut self) -> io::Result<MeasuredAudio> {
        let found = ParsedHeader {
            shape: self.shape,
            recording: Some(self.id),
            audio_at: self.header_bytes,
            claim: None,
        };
        self.open().await?;
        let directory = &self.files.directory;
        let file = self.handle.file()?;
        directory.turn().await?;
        let length = file.len()?;
        let measured = measure(directory.steps(), file, &found, length).await?;
        self.length = measured.length;
        directory.turn().await?;
        file.seal(self.header_bytes + self.length.bytes)?;
        Ok(measured)
    }

    /// Ends the file with a header that says how much audio there is.
    pub async fn seal(&mut self) -> io::Result<()> {
        // The header before the padding: so recovery can tell it from audio.
        self.write_header(true).await?;
        let end = self.header_bytes + self.length.bytes;
        let trailer = self.container().trailer(self.length);
        if !trailer.is_empty() {
            self.open().await?;
            self.files.directory.turn().await?;
            self.handle.file()?.rewrite(end, trailer)?;
        }
        Ok(())
    }

    pub async fn sync(&mut self) -> io::Result<()> {
        self.open().await?;
        self.files.directory.step(Step::Sync).await?;
        self.handle.file()?.sync()?;
        self.is_unsynced = false;
        Ok(())
    }

    pub fn is_unsynced(&self) -> bool {
        self.is_unsynced
    }

    /// Brings what was written while the recording is in progress to the disk.
    pub async fn sync_progress(&mut self) -> io::Result<()> {
        if !self.is_unsynced || self.files.directory.has(StorageFault::ProgressUnsynced) {
            return Ok(());
        }
        self.sync().await
    }

    /// Hashes what can be read back, as `sha256sum` will; see [`digest_of`].
    pub async fn digest(&mut self, stop: impl Fn(u64) -> bool) -> io::Result<Option<(String, u64)>> {
        self.open().await?;
        digest_of(self.files.directory.steps(), self.handle.file()?, stop).await
    }

    /// Gives the file another name in its folder. Returns `false` if something has that name.
    pub async fn rename(&mut self, folder: &dyn DiskDir, to: String) -> io::Result<bool> {
        if self.current == to {
            return Ok(true);
        }
        let directory = &self.files.directory;
        directory.step(Step::PlaceAudio).await?;
        let renamed = got_name(directory.rename_new(folder, &self.current, folder, &to).await)?;
        if renamed {
            self.current = to;
        }
        Ok(renamed)
    }

    /// Removes the file. One that cannot be removed has no audio left at least.
    pub async fn remove(&mut self) -> io::Result<()> {
        let done = self.try_remove().await;
        if done.is_err() {
            let _ = self.empty().await;
        }
        self.close();
        done
    }

    async fn empty(&mut self) -> io::Result<()> {
        self.open().await?;
        self.files.directory.turn().await?;
        self.handle.file()?.seal(0)
    }

    async fn try_remove(&self) -> io::Result<()> {
        let directory = &self.files.directory;
        let folder = directory.folder(&self.name).await?;
        directory.step(Step::RemoveAudio).await?;
        removed(folder.remove(&self.current))?;
        directory.sync_names(&*folder).await
    }
}

async fn open_write(
    directory: &Directory,
    name: &RecordingName,
    current: &str,
) -> io::Result<Box<dyn DiskFile>> {
    let folder = directory.folder(name).await?;
    directory.turn().await?;
    folder.open_write(current)
}
