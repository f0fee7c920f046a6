//! Stores frames that are not settled, for files whose frames cannot be rewritten in place:
//! `.callrec/<uuid>.tail`.
//!
//! Blocks and patches are written here as they would be to a WAV file. Settled frames are encoded,
//! and the packets are appended to the recording's file. After a crash, recovery continues with the
//! frames that the file does not have yet.

use super::audio_file::{AudioFile, AudioFiles, WRITE_BYTES_MAX};
use super::directory::StorageDirectory;
use super::disk_access::DiskAccess;
use super::faults::FaultPoint;
use super::file_handle::FileHandle;
use super::files::{found_or_none, ignore_not_found, read_whole};
use super::listener::{LOG_ERROR, LOG_WARNING};
use super::plain_file::PlainFile;
use crate::memory;
use callrec_codec::container::{AudioEnd, MeasuredAudio};
use callrec_codec::{EncodedPackets, Encoder, Medium, Shape};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const MAGIC: &[u8; 8] = b"CRTAIL1\n";
/// The magic number, the first frame, and the bytes of a frame.
const HEADER: u64 = 8 + 8 + 8;
/// Encoded frames are dropped from the tail when they occupy this many bytes, and at least as many as
/// the remaining ones, which are copied.
const COMPACT_BYTES: u64 = 1 << 20;
/// The most bytes that are copied at once. Other recordings wait meanwhile, and the disk has them
/// twice.
const COPY_BYTES_MAX: u64 = 8 << 20;

/// The name of a recording's tail in `.callrec`.
pub fn tail_name(id: Uuid) -> String {
    format!("{}.tail", id.as_hyphenated())
}

fn next_name(id: Uuid) -> String {
    format!("{}.tmp", tail_name(id))
}

/// One recording's tail, and its encoder.
pub struct Tail {
    files: Arc<AudioFiles>,
    id: Uuid,
    frame_bytes: u64,
    /// The frame of the recording at the beginning of the tail.
    base: u64,
    /// Bytes of frames after the header.
    bytes: u64,
    handle: FileHandle,
    /// Data was written since the last sync.
    is_unsynced: bool,
    /// It was created or replaced, and its name is not synced yet.
    is_name_unsynced: bool,
    encoder: Box<dyn Encoder>,
    /// Frames passed to the encoder.
    fed: u64,
    /// Frames of output in the recording's file or in `pending`.
    output: u64,
    /// Encoded bytes that are still to be appended to the recording's file.
    pending: Vec<u8>,
    ended: bool,
    /// The tail is compacted once this many of its bytes are encoded.
    compact_bytes: u64,
}

impl Tail {
    /// Creates the tail of a recording without audio.
    pub async fn create(audio: &AudioFile, id: Uuid) -> io::Result<Tail> {
        let frame_bytes = audio.shape().block_frame_bytes() as u64;
        let files = audio.files();
        let file = create_file(files.directory(), &tail_name(id), frame_bytes, 0).await?;
        let handle = FileHandle::new(file, files.slots().take());
        Ok(Tail::new(audio, id, 0, 0, handle))
    }

    /// Opens the tail on the disk. Returns `None` if there is none, or if it does not continue the
    /// recording's file.
    pub async fn open(audio: &AudioFile, id: Uuid, measured: MeasuredAudio) -> io::Result<Option<Tail>> {
        let directory = audio.files().directory();
        let name = tail_name(id);
        directory.ready().await?;
        let Some(file) = found_or_none(directory.control().open_write(&name))? else {
            return Ok(None);
        };
        directory.check_own(&*file, &name).await?;
        let file = PlainFile::new(file, 0);
        let frame_bytes = audio.shape().block_frame_bytes() as u64;
        directory.ready().await?;
        let len = file.len()?;
        let unusable = |why: &str| {
            let message =
                format!("recording {id}: .callrec/{id}.tail ({len} bytes) {why}, and its audio is lost");
            audio.files().log(LOG_ERROR, message);
            Ok(None)
        };
        let Some(base) = read_header(directory.access(), &file, frame_bytes).await? else {
            return unusable("has no valid header");
        };
        let frames = len.saturating_sub(HEADER) / frame_bytes;
        let mut tail = Tail::new(audio, id, base, frames * frame_bytes, FileHandle::new(file, None));
        tail.output = measured.output;
        tail.fed = tail.encoder.resume_from(measured.output);
        tail.encoder.resume(measured.output);
        match base <= tail.fed {
            true => Ok(Some(tail)),
            false => unusable("begins after the end of the audio file"),
        }
    }

    fn new(audio: &AudioFile, id: Uuid, base: u64, bytes: u64, handle: FileHandle) -> Tail {
        let shape: &Shape = audio.shape();
        Tail {
            files: Arc::clone(audio.files()),
            id,
            frame_bytes: shape.block_frame_bytes() as u64,
            base,
            bytes,
            handle,
            is_unsynced: true,
            is_name_unsynced: true,
            encoder: shape.format.encoder(shape),
            fed: 0,
            output: 0,
            pending: Vec::new(),
            ended: false,
            compact_bytes: COMPACT_BYTES,
        }
    }

    /// The first frame of the recording after the tail.
    pub fn end(&self) -> u64 {
        self.base + self.bytes / self.frame_bytes
    }

    /// Opens the file again if it was closed.
    async fn open_again(&mut self) -> io::Result<()> {
        if !self.handle.is_open() {
            let directory = self.files.directory();
            directory.ready().await?;
            let file = directory.control().open_write(&tail_name(self.id))?;
            let file = PlainFile::new(file, HEADER + self.bytes);
            self.handle.set_reopened(file, self.files.slots());
        }
        Ok(())
    }

    /// Fills the buffer.
    async fn read(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.open_again().await?;
        let access = self.files.directory().access();
        match read_whole(access, self.handle.file()?, at, buffer).await? {
            read if read < buffer.len() => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub fn close_unless_slotted(&mut self) {
        self.handle.close_unless_slotted();
    }

    pub fn is_unsynced(&self) -> bool {
        self.is_unsynced || self.is_name_unsynced
    }

    /// Syncs the tail.
    pub async fn sync(&mut self) -> io::Result<()> {
        if self.is_unsynced {
            self.open_again().await?;
            self.files.directory().reach(FaultPoint::Sync).await?;
            self.handle.file()?.sync()?;
            self.is_unsynced = false;
        }
        let directory = self.files.directory();
        if self.is_name_unsynced {
            directory.sync_names(directory.control()).await?;
            self.is_name_unsynced = false;
        }
        Ok(())
    }

    /// Appends frames in the form that they have in a block.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open_again().await?;
        self.files.directory().reach(FaultPoint::WriteTail).await?;
        self.is_unsynced = true;
        self.handle.file()?.append(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Overwrites frames. `at`: offset in bytes of frames from the recording's first frame. Frames
    /// that are already encoded are not changed.
    pub async fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.open_again().await?;
        self.files.directory().reach(FaultPoint::PatchTail).await?;
        self.is_unsynced = true;
        let first = self.fed * self.frame_bytes;
        let passed = first.saturating_sub(at).min(bytes.len() as u64);
        let begin = HEADER + at.max(first) - self.base * self.frame_bytes;
        self.handle.file()?.rewrite(begin, &bytes[passed as usize..])
    }

    /// Frames before `settled` that are not encoded yet, or whose bytes are not written yet.
    pub fn unencoded(&self, settled: u64) -> u64 {
        let frames = settled.min(self.end()).saturating_sub(self.fed);
        frames.max(u64::from(!self.pending.is_empty()))
    }

    /// Encodes at most `most` of the frames before `settled`, and appends them to the recording's
    /// file.
    pub async fn advance(&mut self, audio: &mut AudioFile, settled: u64, most: u64) -> io::Result<()> {
        let to = settled.min(self.fed.saturating_add(most));
        self.encode(audio, to).await?;
        if !self.files.directory().syncs_in_progress() {
            self.compact().await;
        }
        Ok(())
    }

    /// Drops encoded frames, if there are many and few others. They must be in the recording's file.
    pub async fn compact(&mut self) {
        if !self.pending.is_empty() {
            // The file does not have all output.
            return;
        }
        let kept = self.encoder.resume_from(self.output);
        let encoded = kept.saturating_sub(self.base) * self.frame_bytes;
        let rest = self.bytes.saturating_sub(encoded);
        if encoded < self.compact_bytes.max(rest) || rest > COPY_BYTES_MAX {
            return;
        }
        self.compact_bytes = match self.drop_before(kept).await {
            Ok(()) => COMPACT_BYTES,
            // The tail is still valid, only longer.
            Err(error) => {
                // The copy must not take the space that recordings need.
                let _ = remove_all(self.files.directory(), &[next_name(self.id)]).await;
                let message = format!(
                    "recording {0}: .callrec/{0}.tail cannot be shortened, and callrec tries again later: {error}",
                    self.id
                );
                self.files.log(LOG_WARNING, message);
                encoded + COMPACT_BYTES.max(rest)
            }
        };
    }

    /// Encodes all frames and ends the audio. May be called again after an error.
    pub async fn finish(&mut self, audio: &mut AudioFile) -> io::Result<()> {
        self.encode(audio, u64::MAX).await?;
        if !self.ended {
            let mut packets = EncodedPackets::default();
            let trim = self.encoder.finish(&mut packets);
            self.check_encoder(audio)?;
            self.emit(audio, &mut packets);
            let container = audio.shape().format.container();
            container.append_end(&audio.facts(), trim, self.output, &mut self.pending);
            audio.set_end(AudioEnd {
                output: self.output,
                md5: self.encoder.audio_md5(),
            });
            self.ended = true;
        }
        self.write_pending(audio).await
    }

    /// Whether the recording's file has all frames and the end.
    pub fn is_finished(&self) -> bool {
        self.ended && self.pending.is_empty()
    }

    async fn encode(&mut self, audio: &mut AudioFile, to: u64) -> io::Result<()> {
        self.write_pending(audio).await?;
        let to = to.min(self.end());
        let bytes = to.saturating_sub(self.fed).saturating_mul(self.frame_bytes);
        let mut samples = memory::read_buffer(bytes.min(WRITE_BYTES_MAX as u64) as usize);
        let most = (samples.len() as u64 / self.frame_bytes).max(1);
        let mut packets = EncodedPackets::default();
        while self.fed < to {
            let frames = (to - self.fed).min(most);
            samples.resize((frames * self.frame_bytes) as usize, 0);
            let at = HEADER + (self.fed - self.base) * self.frame_bytes;
            self.read(at, &mut samples).await?;
            self.encoder.encode(&samples, &mut packets);
            self.check_encoder(audio)?;
            self.fed += frames;
            self.emit(audio, &mut packets);
            self.write_pending(audio).await?;
        }
        Ok(())
    }

    /// If the encoder has failed, a new one continues with the frames that the file does not have.
    fn check_encoder(&mut self, audio: &AudioFile) -> io::Result<()> {
        let Some(why) = self.encoder.failure() else {
            return Ok(());
        };
        let error = io::Error::new(io::ErrorKind::OutOfMemory, why);
        self.encoder = audio.shape().format.encoder(audio.shape());
        self.fed = self.encoder.resume_from(self.output);
        self.encoder.resume(self.output);
        Err(error)
    }

    fn emit(&mut self, audio: &AudioFile, packets: &mut EncodedPackets) {
        let frames = packets.frames();
        let container = audio.shape().format.container();
        container.wrap(&audio.facts(), packets, self.output, &mut self.pending);
        self.output += frames;
    }

    async fn write_pending(&mut self, audio: &mut AudioFile) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let played = self.output.saturating_sub(self.encoder.delay());
        // Padding at the end does not count.
        let frames = played.min(self.end()).saturating_sub(audio.length().frames);
        audio.append(&self.pending, frames).await?;
        self.pending.clear();
        Ok(())
    }

    /// Fails unless the disk has so much free space that other recordings do not need that of the copy
    /// meanwhile.
    async fn check_space(&self, base: u64) -> io::Result<()> {
        let directory = self.files.directory();
        let copied = self.bytes - (base - self.base) * self.frame_bytes;
        directory.ready().await?;
        match directory.free_bytes() {
            Ok(free) if free / 2 < copied => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// Drops the frames before `base`.
    async fn drop_before(&mut self, base: u64) -> io::Result<()> {
        let files = Arc::clone(&self.files);
        let directory = files.directory();
        directory.reach(FaultPoint::CompactTail).await?;
        self.check_space(base).await?;
        let mut next = create_file(directory, &next_name(self.id), self.frame_bytes, base).await?;
        let mut at = (base - self.base) * self.frame_bytes;
        let mut piece = memory::read_buffer(WRITE_BYTES_MAX);
        while at < self.bytes {
            let most = (self.bytes - at).min(piece.len() as u64) as usize;
            self.read(HEADER + at, &mut piece[..most]).await?;
            directory.ready().await?;
            next.append(&piece[..most])?;
            at += most as u64;
        }
        if directory.syncs() {
            // If the rename reached the disk before the frames, a power cut would lose them.
            directory.ready().await?;
            next.sync()?;
        }
        directory.reach(FaultPoint::RenameTail).await?;
        let control = directory.control();
        // Windows may refuse to replace an open file.
        self.handle.close();
        control.rename_over(&next_name(self.id), control, &tail_name(self.id))?;
        self.bytes -= (base - self.base) * self.frame_bytes;
        self.base = base;
        self.handle = FileHandle::new(next, files.slots().take());
        self.is_name_unsynced = true;
        Ok(())
    }
}

/// Removes a recording's tail, if it has one. If that fails, truncates it.
pub async fn remove_tail(files: &AudioFiles, id: Uuid) -> io::Result<()> {
    let directory = files.directory();
    let names = [next_name(id), tail_name(id)];
    let done = remove_all(directory, &names).await;
    if done.is_err() {
        for name in &names {
            let _ = truncate(directory, name).await;
        }
    }
    done
}

async fn remove_all(directory: &StorageDirectory, names: &[String]) -> io::Result<()> {
    for name in names {
        directory.reach(FaultPoint::RemoveTail).await?;
        ignore_not_found(directory.control().remove(name))?;
    }
    Ok(())
}

async fn truncate(directory: &StorageDirectory, name: &str) -> io::Result<()> {
    directory.ready().await?;
    let file = directory.control().open_write(name)?;
    directory.check_own(&*file, name).await?;
    directory.ready().await?;
    PlainFile::new(file, 0).seal(0)
}

/// Whether a recording has a tail.
pub async fn has_tail(files: &AudioFiles, id: Uuid) -> io::Result<bool> {
    files.directory().ready().await?;
    files.directory().control().exists(&tail_name(id))
}

/// The recordings that have a tail in `.callrec`.
pub async fn tails(files: &AudioFiles) -> io::Result<Vec<Uuid>> {
    files.directory().ready().await?;
    let entries = files.directory().control().list()?;
    let ids = entries.into_iter().filter_map(|entry| {
        let stem = entry.name.strip_suffix(".tmp").unwrap_or(&entry.name);
        let id = Uuid::try_parse(stem.strip_suffix(".tail")?).ok()?;
        (tail_name(id) == stem && !entry.is_directory).then_some(id)
    });
    Ok(ids.collect())
}

async fn create_file(
    directory: &StorageDirectory,
    name: &str,
    frame_bytes: u64,
    base: u64,
) -> io::Result<PlainFile> {
    let control = directory.control();
    directory.ready().await?;
    ignore_not_found(control.remove(name))?;
    directory.ready().await?;
    let mut file = PlainFile::new(control.create_new(name)?, 0);
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&base.to_le_bytes());
    header.extend_from_slice(&frame_bytes.to_le_bytes());
    directory.ready().await?;
    file.append(&header)?;
    Ok(file)
}

/// Reads the first frame of a tail. Returns `None` if the header is invalid or its frames have
/// another size.
async fn read_header(access: &DiskAccess, file: &PlainFile, frame_bytes: u64) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER as usize];
    if read_whole(access, file, 0, &mut header).await? < header.len() || !header.starts_with(MAGIC) {
        return Ok(None);
    }
    let field = |at: usize| header[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    Ok(field(8).filter(|_| field(16) == Some(frame_bytes)))
}
