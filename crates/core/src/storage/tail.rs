//! Frames that are written and not settled, of a file whose frames cannot be rewritten in
//! place: `.callrec/<uuid>.tail`.
//!
//! Blocks and patches go here as they would into a WAV file. Once frames are settled they are
//! encoded, and the packets are appended to the recording's file. After a crash, recovery
//! goes on from there: what the file does not hold yet is still here.

use super::audio_file::{AudioFile, AudioFiles, PIECE};
use super::directory::Directory;
use super::faults::Step;
use super::file_handle::FileHandle;
use super::files::{read_whole, removed, there};
use super::medium::PlainFile;
use super::report::{LOG_ERROR, LOG_WARNING};
use super::steps::Steps;
use crate::memory;
use callrec_codec::container::MeasuredAudio;
use callrec_codec::{EncodedPackets, Encoder, Medium, Shape};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const MAGIC: &[u8; 8] = b"CRTAIL1\n";
/// The mark, the first frame, and the bytes of a frame.
const HEADER: u64 = 8 + 8 + 8;
/// Frames that are encoded are dropped when they take so many bytes.
const COMPACT_BYTES: u64 = 1 << 20;

/// The name of a recording's tail in `.callrec`.
pub fn tail_name(id: Uuid) -> String {
    format!("{}.tail", id.as_hyphenated())
}

fn next_name(id: Uuid) -> String {
    format!("{}.tmp", tail_name(id))
}

/// One recording's tail, and the encoder that it feeds.
pub struct Tail {
    files: Arc<AudioFiles>,
    id: Uuid,
    frame_bytes: u64,
    /// The recording's frame that the file begins with.
    base: u64,
    /// Of frames, behind the header.
    bytes: u64,
    handle: FileHandle,
    /// It was written to since it was synced.
    is_unsynced: bool,
    /// It was made, or made anew, and its name was not synced yet.
    is_name_unsynced: bool,
    encoder: Box<dyn Encoder>,
    /// Frames that the encoder has been fed.
    fed: u64,
    /// Frames of output that are in the recording's file, or wait for it.
    output: u64,
    /// For the recording's file, behind what was appended.
    pending: Vec<u8>,
    ended: bool,
    /// It is compacted once so many bytes of it are encoded.
    compact_bytes: u64,
}

impl Tail {
    /// Begins the tail of a recording without audio.
    pub async fn create(audio: &AudioFile, id: Uuid) -> io::Result<Tail> {
        let frame_bytes = audio.shape().block_frame_bytes() as u64;
        let files = audio.files();
        let file = create_file(files.directory(), &tail_name(id), frame_bytes, 0).await?;
        let handle = FileHandle::new(file, files.slots().take());
        Ok(Tail::new(audio, id, 0, 0, handle))
    }

    /// The tail that is on the disk, if it can go on from what the recording's file holds.
    pub async fn open(audio: &AudioFile, id: Uuid, measured: MeasuredAudio) -> io::Result<Option<Tail>> {
        let directory = audio.files().directory();
        let name = tail_name(id);
        directory.turn().await?;
        let Some(file) = there(directory.control().open_write(&name))? else {
            return Ok(None);
        };
        directory.check_own(&*file, &name).await?;
        let file = PlainFile::new(file, 0);
        let frame_bytes = audio.shape().block_frame_bytes() as u64;
        directory.turn().await?;
        let len = file.len()?;
        let useless = |why: &str| {
            let message = format!("{id}: its tail of {len} bytes {why}: what it held is lost");
            audio.files().log(LOG_ERROR, message);
            Ok(None)
        };
        let Some(base) = read_header(directory.steps(), &file, frame_bytes).await? else {
            return useless("has no header that fits");
        };
        let frames = len.saturating_sub(HEADER) / frame_bytes;
        let mut tail = Tail::new(audio, id, base, frames * frame_bytes, FileHandle::new(file, None));
        tail.output = measured.output;
        tail.fed = tail.encoder.resume_from(measured.output);
        tail.encoder.resume(measured.output);
        match base <= tail.fed {
            true => Ok(Some(tail)),
            false => useless("begins behind the end of the recording's file"),
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

    /// The recording's first frame that is not here yet.
    pub fn end(&self) -> u64 {
        self.base + self.bytes / self.frame_bytes
    }

    /// Opens the file again where it is not kept open.
    async fn open_again(&mut self) -> io::Result<()> {
        if !self.handle.is_open() {
            let directory = self.files.directory();
            directory.turn().await?;
            let file = directory.control().open_write(&tail_name(self.id))?;
            let file = PlainFile::new(file, HEADER + self.bytes);
            self.handle.reopened(file, self.files.slots());
        }
        Ok(())
    }

    /// Reads all of the buffer.
    async fn read(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.open_again().await?;
        let steps = self.files.directory().steps();
        match read_whole(steps, self.handle.file()?, at, buffer).await? {
            read if read < buffer.len() => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub fn rest(&mut self) {
        self.handle.rest();
    }

    pub fn is_unsynced(&self) -> bool {
        self.is_unsynced || self.is_name_unsynced
    }

    /// Brings what was written to the disk.
    pub async fn sync(&mut self) -> io::Result<()> {
        if self.is_unsynced {
            self.open_again().await?;
            self.files.directory().step(Step::Sync).await?;
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

    /// Appends frames, as they are in a block.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open_again().await?;
        self.files.directory().step(Step::WriteTail).await?;
        self.is_unsynced = true;
        self.handle.file()?.append(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes over frames that are here. `at`: bytes of frames before them, from the recording's
    /// first. Those that are encoded already stay as they are.
    pub async fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.open_again().await?;
        self.files.directory().step(Step::PatchTail).await?;
        self.is_unsynced = true;
        let first = self.fed * self.frame_bytes;
        let passed = first.saturating_sub(at).min(bytes.len() as u64);
        let begin = HEADER + at.max(first) - self.base * self.frame_bytes;
        self.handle.file()?.rewrite(begin, &bytes[passed as usize..])
    }

    /// Encodes the frames before `settled`, and appends them to the recording's file.
    pub async fn advance(&mut self, audio: &mut AudioFile, settled: u64) -> io::Result<()> {
        self.encode(audio, settled).await?;
        if !self.files.directory().syncs_in_progress() {
            self.compact().await;
        }
        Ok(())
    }

    /// Drops what is encoded, if it has become much. It must be in the recording's file by now.
    pub async fn compact(&mut self) {
        let kept = self.encoder.resume_from(self.output);
        let encoded = kept.saturating_sub(self.base) * self.frame_bytes;
        if encoded < self.compact_bytes {
            return;
        }
        self.compact_bytes = match self.drop_before(kept).await {
            Ok(()) => COMPACT_BYTES,
            // It is as good as before, only longer.
            Err(error) => {
                let message = format!("{}: its tail is not compacted: {error}", self.id);
                self.files.log(LOG_WARNING, message);
                encoded + COMPACT_BYTES
            }
        };
    }

    /// Encodes everything: nothing more will come. May be called again after an error.
    pub async fn finish(&mut self, audio: &mut AudioFile) -> io::Result<()> {
        self.encode(audio, u64::MAX).await?;
        if !self.ended {
            let mut packets = EncodedPackets::default();
            let trim = self.encoder.finish(&mut packets);
            self.emit(audio, &mut packets);
            let container = audio.shape().format.container();
            container.append_end(trim, self.output, &mut self.pending);
            self.ended = true;
        }
        self.write_pending(audio).await
    }

    /// Whether everything is in the recording's file.
    pub fn is_finished(&self) -> bool {
        self.ended && self.pending.is_empty()
    }

    async fn encode(&mut self, audio: &mut AudioFile, to: u64) -> io::Result<()> {
        self.write_pending(audio).await?;
        let to = to.min(self.end());
        let left = to.saturating_sub(self.fed).saturating_mul(self.frame_bytes);
        let mut samples = memory::read_buffer(left.min(PIECE as u64) as usize);
        let most = (samples.len() as u64 / self.frame_bytes).max(1);
        let mut packets = EncodedPackets::default();
        while self.fed < to {
            let frames = (to - self.fed).min(most);
            samples.resize((frames * self.frame_bytes) as usize, 0);
            let at = HEADER + (self.fed - self.base) * self.frame_bytes;
            self.read(at, &mut samples).await?;
            self.encoder.encode(&samples, &mut packets);
            self.fed += frames;
            self.emit(audio, &mut packets);
            self.write_pending(audio).await?;
        }
        Ok(())
    }

    fn emit(&mut self, audio: &AudioFile, packets: &mut EncodedPackets) {
        let frames = packets.frames();
        let container = audio.shape().format.container();
        container.wrap(packets, self.output, &mut self.pending);
        self.output += frames;
    }

    async fn write_pending(&mut self, audio: &mut AudioFile) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let heard = self.output.saturating_sub(self.encoder.delay());
        // Padding at the end is not of the recording.
        let frames = heard.min(self.end()).saturating_sub(audio.length().frames);
        audio.append(&self.pending, frames).await?;
        self.pending.clear();
        Ok(())
    }

    /// Drops what is before this frame.
    async fn drop_before(&mut self, base: u64) -> io::Result<()> {
        let files = Arc::clone(&self.files);
        let directory = files.directory();
        directory.step(Step::CompactTail).await?;
        let mut next = create_file(directory, &next_name(self.id), self.frame_bytes, base).await?;
        let mut at = (base - self.base) * self.frame_bytes;
        let mut piece = memory::read_buffer(PIECE);
        while at < self.bytes {
            let most = (self.bytes - at).min(piece.len() as u64) as usize;
            self.read(HEADER + at, &mut piece[..most]).await?;
            directory.turn().await?;
            next.append(&piece[..most])?;
            at += most as u64;
        }
        if directory.syncs() {
            // A rename that reaches the disk before the frames would lose them.
            directory.turn().await?;
            next.sync()?;
        }
        directory.step(Step::PlaceTail).await?;
        let control = directory.control();
        control.rename_over(&next_name(self.id), control, &tail_name(self.id))?;
        self.bytes -= (base - self.base) * self.frame_bytes;
        self.base = base;
        self.handle = FileHandle::new(next, files.slots().take());
        self.is_name_unsynced = true;
        Ok(())
    }
}

/// Removes a recording's tail, if it has one. One that cannot be removed has no audio left at
/// least.
pub async fn remove_tail(files: &AudioFiles, id: Uuid) -> io::Result<()> {
    let directory = files.directory();
    let names = [next_name(id), tail_name(id)];
    let done = remove_all(directory, &names).await;
    if done.is_err() {
        for name in &names {
            let _ = empty(directory, name).await;
        }
    }
    done
}

async fn remove_all(directory: &Directory, names: &[String]) -> io::Result<()> {
    for name in names {
        directory.step(Step::RemoveTail).await?;
        removed(directory.control().remove(name))?;
    }
    Ok(())
}

async fn empty(directory: &Directory, name: &str) -> io::Result<()> {
    directory.turn().await?;
    let file = directory.control().open_write(name)?;
    directory.check_own(&*file, name).await?;
    directory.turn().await?;
    PlainFile::new(file, 0).seal(0)
}

/// Whether a recording has a tail.
pub async fn has_tail(files: &AudioFiles, id: Uuid) -> io::Result<bool> {
    files.directory().turn().await?;
    files.directory().control().exists(&tail_name(id))
}

/// The recordings that have a tail in `.callrec`.
pub async fn tails(files: &AudioFiles) -> io::Result<Vec<Uuid>> {
    files.directory().turn().await?;
    let entries = files.directory().control().list()?;
    let ids = entries.into_iter().filter_map(|entry| {
        let stem = entry.name.strip_suffix(".tmp").unwrap_or(&entry.name);
        let id = Uuid::try_parse(stem.strip_suffix(".tail")?).ok()?;
        (tail_name(id) == stem && !entry.is_directory).then_some(id)
    });
    Ok(ids.collect())
}

async fn create_file(
    directory: &Directory,
    name: &str,
    frame_bytes: u64,
    base: u64,
) -> io::Result<PlainFile> {
    let control = directory.control();
    directory.turn().await?;
    removed(control.remove(name))?;
    directory.turn().await?;
    let mut file = PlainFile::new(control.create_new(name)?, 0);
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&base.to_le_bytes());
    header.extend_from_slice(&frame_bytes.to_le_bytes());
    directory.turn().await?;
    file.append(&header)?;
    Ok(file)
}

/// The first frame of a tail; `None` if it is none whose frames have this size.
async fn read_header(steps: &Steps, file: &PlainFile, frame_bytes: u64) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER as usize];
    if read_whole(steps, file, 0, &mut header).await? < header.len() || !header.starts_with(MAGIC) {
        return Ok(None);
    }
    let field = |at: usize| header[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    Ok(field(8).filter(|_| field(16) == Some(frame_bytes)))
}
