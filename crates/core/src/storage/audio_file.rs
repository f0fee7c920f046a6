//! Writes a recording's audio file.

use super::digest::digest_of;
use super::directory::StorageDirectory;
use super::disk::{DiskDir, DiskFile};
use super::faults::FaultPoint;
use super::file_handle::FileHandle;
use super::file_slots::FileSlots;
use super::file_suffixes::{PART, audio_suffix};
use super::files::{ignore_not_found, name_was_free};
use super::listener::StorageListener;
use super::measure::measure;
use super::name::RecordingName;
use super::plain_file::PlainFile;
use super::planted::StorageFault;
use crate::sync::atomic::{AtomicU64, Ordering};
use callrec_codec::container::{AudioEnd, FileFacts, Length, MeasuredAudio, ParsedHeader};
use callrec_codec::{Container, EncodedPackets, Encoder, Medium, Shape, Tags};
use std::io;
use std::sync::Arc;

/// The maximum size of one write, in bytes.
pub const WRITE_BYTES_MAX: usize = 256 << 10;

/// State that the audio files of one directory share.
pub struct AudioFiles {
    directory: Arc<StorageDirectory>,
    slots: FileSlots,
    listener: Arc<dyn StorageListener>,
    written: AtomicU64,
}

impl AudioFiles {
    pub fn new(
        directory: Arc<StorageDirectory>,
        slots: FileSlots,
        listener: Arc<dyn StorageListener>,
    ) -> AudioFiles {
        AudioFiles {
            directory,
            slots,
            listener,
            written: AtomicU64::new(0),
        }
    }

    pub fn directory(&self) -> &StorageDirectory {
        &self.directory
    }

    pub fn log(&self, level: i32, message: String) {
        self.listener.log(level, message);
    }

    pub fn slots(&self) -> &FileSlots {
        &self.slots
    }

    pub fn open_files(&self) -> usize {
        self.slots.taken()
    }

    /// Bytes of audio written for all recordings.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// One recording's audio file.
pub struct AudioFile {
    files: Arc<AudioFiles>,
    name: RecordingName,
    /// The current name of the file.
    current: String,
    shape: Shape,
    tags: Tags,
    /// What the header of the finished file says besides the length.
    end: AudioEnd,
    encoder: Box<dyn Encoder>,
    /// The offset of the audio.
    header_bytes: u64,
    /// The length of the audio, in whole frames.
    length: Length,
    /// The length in the header on disk; `None` before the header is written.
    header_length: Option<Length>,
    /// Data was written since the last sync.
    is_unsynced: bool,
    handle: FileHandle,
}

/// The initial state of an audio file.
pub struct AudioFileState {
    pub name: RecordingName,
    pub current: String,
    pub shape: Shape,
    pub tags: Tags,
    pub header_bytes: u64,
    pub length: Length,
}

impl AudioFile {
    /// Creates the file `current` in `folder`. Does not write the header. Returns `None` if the
    /// name exists.
    pub async fn create(
        files: &Arc<AudioFiles>,
        name: RecordingName,
        (shape, tags): (Shape, Tags),
        folder: &dyn DiskDir,
        current: String,
    ) -> io::Result<Option<AudioFile>> {
        files.directory.reach(FaultPoint::CreateAudio).await?;
        let file = match folder.create_new(&current) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            other => other?,
        };
        let handle = FileHandle::new(PlainFile::new(file, 0), files.slots.take());
        let state = AudioFileState {
            name,
            current,
            shape,
            tags,
            header_bytes: 0,
            length: Length::default(),
        };
        Ok(Some(AudioFile::new(files, state, handle)))
    }

    /// Opens a file of an earlier process. Truncates it if it is longer than its audio and trailer,
    /// and extends it if it is shorter than its header.
    pub async fn reopen(files: &Arc<AudioFiles>, state: AudioFileState, len: u64) -> io::Result<AudioFile> {
        let directory = &files.directory;
        let file = open_write(directory, &state.name, &state.current).await?;
        let end = state.header_bytes + state.length.bytes;
        let mut file = PlainFile::new(file, end);
        let container = state.shape.format.container();
        let trailer = container.trailer(&state.tags, state.length).len() as u64;
        if len < end || len > end + trailer {
            directory.ready().await?;
            file.seal(end)?;
        }
        Ok(AudioFile::new(files, state, FileHandle::new(file, None)))
    }

    fn new(files: &Arc<AudioFiles>, state: AudioFileState, handle: FileHandle) -> AudioFile {
        AudioFile {
            files: Arc::clone(files),
            encoder: state.shape.format.encoder(&state.shape),
            name: state.name,
            current: state.current,
            shape: state.shape,
            tags: state.tags,
            end: AudioEnd::default(),
            header_bytes: state.header_bytes,
            length: state.length,
            header_length: None,
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

    /// The current name of the file.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The current relative path of the file.
    pub fn current_path(&self) -> String {
        let mut components = self.name.directories().to_vec();
        components.push(self.current.clone());
        components.join("/")
    }

    /// Whether the file has its final name.
    pub fn is_published(&self) -> bool {
        !self.current.ends_with(PART)
    }

    /// The relative path for publishing.
    pub fn path(&self) -> String {
        self.name.path(&audio_suffix(self.shape.format))
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn container(&self) -> &'static dyn Container {
        self.shape.format.container()
    }

    /// The length of the audio in the file, in whole frames.
    pub fn length(&self) -> Length {
        self.length
    }

    /// The size of the sealed file in bytes.
    pub fn sealed_bytes(&self) -> u64 {
        let trailer = self.container().trailer(&self.tags, self.length).len() as u64;
        self.header_bytes + self.length.bytes + trailer
    }

    /// What the container must know to write packets.
    pub fn facts(&self) -> FileFacts<'_> {
        FileFacts {
            shape: &self.shape,
            tags: &self.tags,
        }
    }

    /// Sets what the header of the finished file says besides the length.
    pub fn set_end(&mut self, end: AudioEnd) {
        self.end = end;
    }

    /// Opens the file again if it was closed.
    async fn open(&mut self) -> io::Result<()> {
        if !self.handle.is_open() {
            let file = open_write(&self.files.directory, &self.name, &self.current).await?;
            let end = self.header_bytes + self.length.bytes;
            self.handle
                .set_reopened(PlainFile::new(file, end), &self.files.slots);
        }
        Ok(())
    }

    /// Closes the file unless it has a slot.
    pub fn close_unless_slotted(&mut self) {
        self.handle.close_unless_slotted();
    }

    pub fn close(&mut self) {
        self.handle.close();
    }

    /// Sets the shape of the audio. Returns `false` and changes nothing if there is already audio
    /// of another shape.
    pub async fn set_shape(&mut self, shape: Shape) -> io::Result<bool> {
        if self.shape == shape && self.header_length.is_some() {
            return Ok(true);
        }
        if self.length.bytes > 0 {
            return Ok(false);
        }
        self.shape = shape;
        self.encoder = shape.format.encoder(&shape);
        self.header_length = None;
        self.write_header(false).await?;
        Ok(true)
    }

    /// Whether the file has samples in the form that they have in a block.
    pub fn is_passthrough(&self) -> bool {
        self.encoder.is_pass_through()
    }

    /// Appends samples to `out` in the form that they have in the file. For formats with frames of
    /// one size.
    pub fn encode(&mut self, samples: &[u8], out: &mut Vec<u8>) {
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

    /// Appends `bytes`, which encode `frames` frames.
    pub async fn append(&mut self, bytes: &[u8], frames: u64) -> io::Result<()> {
        self.open().await?;
        self.files.directory.reach(FaultPoint::WriteAudio).await?;
        self.is_unsynced = true;
        let written = self.handle.file()?.append(bytes);
        if !self.files.directory.has_fault(StorageFault::FailureCounted) {
            written?;
        }
        self.length.bytes += bytes.len() as u64;
        self.length.frames += frames;
        self.note_written(bytes);
        Ok(())
    }

    /// Appends the end of the audio, and sets its length to `frames`.
    pub async fn append_end(&mut self, bytes: &[u8], frames: u64) -> io::Result<()> {
        self.append(bytes, 0).await?;
        self.length.frames = frames;
        Ok(())
    }

    /// Overwrites written audio. `at`: offset in bytes of audio.
    pub async fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.open().await?;
        self.files.directory.reach(FaultPoint::PatchAudio).await?;
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

    /// Updates the sizes in the header if they have changed.
    pub async fn write_header(&mut self, sealed: bool) -> io::Result<()> {
        let container = self.container();
        let has_length = container.header_holds_length();
        let known = self.header_length == Some(self.length) || (self.header_length.is_some() && !has_length);
        let ends = sealed && self.has_final_header();
        if known && !ends {
            return Ok(());
        }
        let end = sealed.then_some(&self.end);
        let header = container.header(&self.shape, &self.tags, self.length, end);
        let begins = self.header_length.is_none() && self.length.bytes == 0;
        if begins {
            self.header_bytes = header.len() as u64;
        }
        if header.len() as u64 != self.header_bytes {
            // Another version wrote a header of another length.
            return Ok(());
        }
        self.open().await?;
        self.files.directory.reach(FaultPoint::WriteHeader).await?;
        self.is_unsynced = true;
        let file = self.handle.file()?;
        file.rewrite(0, &header)?;
        if begins {
            file.set_end(header.len() as u64);
        }
        self.header_length = Some(self.length);
        Ok(())
    }

    /// Whether the header of the finished file differs from that of the growing file with the same audio.
    fn has_final_header(&self) -> bool {
        let trailer = self.container().trailer(&self.tags, self.length);
        self.shape.format.is_compressed() || !trailer.is_empty()
    }

    /// Measures the intact audio in the file, and truncates the file after it.
    pub async fn measure(&mut self) -> io::Result<MeasuredAudio> {
        let found = ParsedHeader {
            shape: self.shape,
            recording: Some(self.tags.recording),
            audio_at: self.header_bytes,
            claim: None,
        };
        self.open().await?;
        let directory = &self.files.directory;
        let file = self.handle.file()?;
        directory.ready().await?;
        let length = file.len()?;
        let measured = measure(directory.access(), file, &found, length).await?;
        self.length = measured.length;
        directory.ready().await?;
        file.seal(self.header_bytes + self.length.bytes)?;
        Ok(measured)
    }

    /// Writes the final header and the trailer.
    pub async fn seal(&mut self) -> io::Result<()> {
        // The header precedes the padding, so that recovery does not take it for audio.
        self.write_header(true).await?;
        let end = self.header_bytes + self.length.bytes;
        let trailer = self.container().trailer(&self.tags, self.length);
        if !trailer.is_empty() {
            self.open().await?;
            self.files.directory.ready().await?;
            self.handle.file()?.rewrite(end, &trailer)?;
        }
        Ok(())
    }

    pub async fn sync(&mut self) -> io::Result<()> {
        self.open().await?;
        self.files.directory.reach(FaultPoint::Sync).await?;
        self.handle.file()?.sync()?;
        self.is_unsynced = false;
        Ok(())
    }

    pub fn is_unsynced(&self) -> bool {
        self.is_unsynced
    }

    /// Syncs data that was written while the recording is in progress.
    pub async fn sync_progress(&mut self) -> io::Result<()> {
        if !self.is_unsynced || self.files.directory.has_fault(StorageFault::ProgressUnsynced) {
            return Ok(());
        }
        self.sync().await
    }

    /// Hashes the file as it is read back; see [`digest_of`].
    pub async fn digest(
        &mut self,
        buffer: &mut [u8],
        stop: impl Fn(u64) -> bool,
    ) -> io::Result<Option<(String, u64)>> {
        self.open().await?;
        let file = self.handle.file()?;
        digest_of(self.files.directory.access(), file, buffer, stop).await
    }

    /// Renames the file in its directory. Returns `false` if the new name exists.
    pub async fn rename(&mut self, folder: &dyn DiskDir, to: String) -> io::Result<bool> {
        if self.current == to {
            return Ok(true);
        }
        let directory = &self.files.directory;
        directory.reach(FaultPoint::RenameAudio).await?;
        let renamed = name_was_free(directory.rename_new(folder, &self.current, folder, &to).await)?;
        if renamed {
            self.current = to;
        }
        Ok(renamed)
    }

    /// Removes the file. If that fails, truncates it.
    pub async fn remove(&mut self) -> io::Result<()> {
        let done = self.try_remove().await;
        if done.is_err() {
            let _ = self.truncate().await;
        }
        self.close();
        done
    }

    async fn truncate(&mut self) -> io::Result<()> {
        self.open().await?;
        self.files.directory.ready().await?;
        self.handle.file()?.seal(0)
    }

    async fn try_remove(&self) -> io::Result<()> {
        let directory = &self.files.directory;
        let folder = directory.folder(&self.name).await?;
        directory.reach(FaultPoint::RemoveAudio).await?;
        ignore_not_found(folder.remove(&self.current))?;
        directory.sync_names(&*folder).await
    }
}

async fn open_write(
    directory: &StorageDirectory,
    name: &RecordingName,
    current: &str,
) -> io::Result<Box<dyn DiskFile>> {
    let folder = directory.folder(name).await?;
    directory.ready().await?;
    folder.open_write(current)
}
