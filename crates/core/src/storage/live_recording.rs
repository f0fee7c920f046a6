//! A recording whose file exists and is not published yet.

use super::audio_file::AudioFile;
use super::manifest::Manifest;
use super::orphan_raw::find_raw;
use super::raw_file::{RawBlock, RawFile};
use super::tail::{Tail, remove_tail};
use crate::types::Error;
use callrec_codec::Shape;
use callrec_codec::container::MeasuredAudio;
use std::io;
use std::time::Instant;
use uuid::Uuid;

/// A recording whose file exists and is not published yet.
pub struct LiveRecording {
    pub id: Uuid,
    pub audio: AudioFile,
    /// Frames that are not settled, of a format that cannot rewrite frames in place. `None` before
    /// the first audio, and for other formats.
    tail: Option<Box<Tail>>,
    /// The file of packets that are kept as they arrived. `None` until there are any.
    raw: Option<Box<RawFile>>,
    /// No frame before this one will be patched.
    settled: u64,
    /// The latest known manifest.
    pub manifest: Box<Manifest>,
    /// An earlier process began this recording.
    pub is_recovered: bool,
    /// Its start has been reported, or is about to be.
    pub is_start_reported: bool,
    /// Since when its files have had data that is due to be synced while it is in progress.
    unsynced_since: Option<Instant>,
    /// Since when data of a failed sync has been due, if the sync is retried.
    refused_since: Option<Instant>,
    /// The error of a failed sync. It is unknown which data that sync lost.
    pub sync_error: Option<io::Error>,
    /// When an update of its live manifest is tried again that was put off.
    pub update_due: Option<Instant>,
    /// The time for which its writer has scheduled that.
    pub update_scheduled: Option<Instant>,
}

impl LiveRecording {
    /// A recording that has just been created.
    pub fn new(id: Uuid, audio: AudioFile, manifest: Box<Manifest>) -> LiveRecording {
        LiveRecording {
            id,
            audio,
            tail: None,
            raw: None,
            settled: 0,
            manifest,
            is_recovered: false,
            is_start_reported: true,
            unsynced_since: None,
            refused_since: None,
            sync_error: None,
            update_due: None,
            update_scheduled: None,
        }
    }

    /// Continues a recording of an earlier process. Moves the frames of its tail to its file.
    pub async fn reopen(
        id: Uuid,
        audio: AudioFile,
        measured: MeasuredAudio,
        manifest: Box<Manifest>,
    ) -> io::Result<LiveRecording> {
        let mut live = LiveRecording {
            is_recovered: true,
            ..LiveRecording::new(id, audio, manifest)
        };
        if !live.is_rewritable() {
            live.finish_tail(measured).await?;
        }
        Ok(live)
    }

    /// Whether frames in the file can be rewritten in place.
    fn is_rewritable(&self) -> bool {
        self.audio.shape().file_frame_bytes().is_some()
    }

    /// Sets the shape of the audio. Returns `false` and changes nothing if there is already audio
    /// of another shape.
    pub async fn set_shape(&mut self, shape: Shape) -> io::Result<bool> {
        match self.tail {
            Some(_) => Ok(*self.audio.shape() == shape),
            None => self.audio.set_shape(shape).await,
        }
    }

    /// Bytes of a frame in the file that frames are first written to.
    pub fn frame_bytes(&self) -> u64 {
        let shape = self.audio.shape();
        shape
            .file_frame_bytes()
            .unwrap_or(shape.block_frame_bytes() as u64)
    }

    /// Bytes of all written frames, whether settled or not.
    pub fn written_bytes(&self) -> u64 {
        match &self.tail {
            Some(tail) => tail.end() * self.frame_bytes(),
            None if self.is_rewritable() => self.audio.length().bytes,
            None => 0,
        }
    }

    /// Whether samples are written in the form that they have in a block.
    pub fn is_passthrough(&self) -> bool {
        self.tail.is_some() || !self.is_rewritable() || self.audio.is_passthrough()
    }

    /// Appends samples to `out` in the form in which they are written.
    pub fn encode(&mut self, samples: &[u8], out: &mut Vec<u8>) {
        match self.is_passthrough() {
            true => out.extend_from_slice(samples),
            false => self.audio.encode(samples, out),
        }
    }

    /// Appends whole frames.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_rewritable() {
            let frames = bytes.len() as u64 / self.frame_bytes();
            return self.audio.append(bytes, frames).await;
        }
        let tail = match &mut self.tail {
            Some(tail) => tail,
            none => none.insert(Box::new(Tail::create(&self.audio, self.id).await?)),
        };
        tail.append(bytes).await
    }

    /// Overwrites written frames. `at`: offset in bytes of frames.
    pub async fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        match &mut self.tail {
            Some(tail) => tail.overwrite(bytes, at).await,
            None => self.audio.overwrite(bytes, at).await,
        }
    }

    /// No frame before this one will be patched.
    pub fn settle(&mut self, frame: u64) {
        self.settled = self.settled.max(frame);
    }

    /// Appends packets that are kept as they arrived.
    pub async fn append_raw(&mut self, block: &RawBlock) {
        self.raw_or_new().append(block).await;
    }

    /// Counts packets that are dropped, because the recording has failed.
    pub fn drop_raw(&mut self, block: &RawBlock) {
        self.raw_or_new().count_dropped(block.packets + block.refused);
    }

    fn raw_or_new(&mut self) -> &mut RawFile {
        let none = || Box::new(RawFile::new(self.audio.files(), self.id, self.audio.name()));
        self.raw.get_or_insert_with(none)
    }

    /// Continues the file of packets that an earlier process began, of which it had dropped some.
    pub async fn reopen_raw(&mut self, dropped: u64) -> io::Result<()> {
        let (files, name) = (self.audio.files(), self.audio.name());
        let found = find_raw(files, self.id, name).await?;
        let none = || (dropped > 0).then(|| RawFile::new(files, self.id, name));
        self.raw = found.or_else(none).map(|raw| Box::new(raw.with_dropped(dropped)));
        Ok(())
    }

    pub fn raw(&mut self) -> Option<&mut RawFile> {
        self.raw.as_deref_mut()
    }

    /// Settled frames in the tail that are still to be encoded.
    pub fn unencoded(&self) -> u64 {
        let tail = self.tail.as_ref();
        tail.map_or(0, |tail| tail.unencoded(self.settled))
    }

    /// Encodes at most `most` settled frames of the tail, and updates the file's header.
    pub async fn advance(&mut self, most: u64) -> io::Result<()> {
        if let Some(tail) = &mut self.tail
            && most > 0
        {
            tail.advance(&mut self.audio, self.settled, most).await?;
        }
        self.audio.write_header(false).await
    }

    /// Records whether data is due to be synced. If none was due before, returns since when it has
    /// been due.
    pub fn note_unsynced(&mut self, now: Instant) -> Option<Instant> {
        let refused_since = self.refused_since.take();
        let tail_is = self.tail.as_ref().is_some_and(|tail| tail.is_unsynced());
        let raw_is = self.raw.as_ref().is_some_and(|raw| raw.is_unsynced());
        let begins = self.unsynced_since.is_none() && (tail_is || raw_is || self.audio.is_unsynced());
        if !begins {
            return None;
        }
        self.unsynced_since = refused_since.or(Some(now));
        self.unsynced_since
    }

    /// Schedules a retry of a failed sync whose data has been due since `since`.
    pub fn retry_sync(&mut self, since: Option<Instant>) {
        self.refused_since = since;
    }

    /// Since when data has been due to be synced.
    pub fn unsynced_since(&self) -> Option<Instant> {
        self.unsynced_since
    }

    /// Syncs its files. The recording's file is synced first: frames are dropped from the tail only
    /// after they are on disk in the file.
    pub async fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        self.audio.sync_progress().await?;
        if let Some(tail) = &mut self.tail {
            tail.compact().await;
            tail.sync().await?;
        }
        if let Some(raw) = &mut self.raw {
            raw.sync_progress().await?;
        }
        Ok(())
    }

    /// Closes its files unless they have slots.
    pub fn close_unless_slotted(&mut self) {
        self.audio.close_unless_slotted();
        if let Some(tail) = &mut self.tail {
            tail.close_unless_slotted();
        }
        if let Some(raw) = &mut self.raw {
            raw.close_unless_slotted();
        }
    }

    /// Ends the file. With `measured`, the length of the audio is measured in the file.
    pub async fn seal(&mut self, measured: bool) -> io::Result<()> {
        if measured {
            let found = self.audio.measure().await?;
            if !self.is_rewritable() {
                self.finish_tail(found).await?;
            }
        } else if let Some(tail) = &mut self.tail {
            tail.finish(&mut self.audio).await?;
        } else if !self.is_rewritable() {
            self.end_without_tail(0, MeasuredAudio::default()).await?;
        }
        self.audio.seal().await?;
        match &mut self.raw {
            Some(raw) => raw.seal().await,
            None => Ok(()),
        }
    }

    /// Moves the frames of the tail that the file does not have yet to the file.
    async fn finish_tail(&mut self, measured: MeasuredAudio) -> io::Result<()> {
        let mut frames = measured.length.frames;
        if !measured.ended
            && let Some(tail) = Tail::open(&self.audio, self.id, measured).await?
        {
            if tail.end() > frames {
                return self.tail.insert(Box::new(tail)).finish(&mut self.audio).await;
            }
            // The file has the last packet, but not the end mark that gives its length
            // without padding.
            if frames - tail.end() <= measured.padding_max {
                frames = tail.end();
            }
        }
        self.end_without_tail(frames, measured).await?;
        self.tail = None;
        Ok(())
    }

    /// Ends the audio in the file after `frames` frames, unless it has an end.
    async fn end_without_tail(&mut self, frames: u64, measured: MeasuredAudio) -> io::Result<()> {
        // Another attempt may have appended the end.
        if measured.ended || self.audio.length().bytes > measured.length.bytes {
            return Ok(());
        }
        let mut end = Vec::new();
        let container = self.audio.shape().format.container();
        let trim = measured.length.frames - frames;
        container.append_end(&self.audio.facts(), trim, measured.output, &mut end);
        self.audio.append_end(&end, frames).await
    }

    /// Whether the recording's file has all written audio and its end.
    pub fn is_whole(&self) -> bool {
        self.tail.as_ref().is_none_or(|tail| tail.is_finished())
    }

    /// Removes all audio and packets of the recording, and syncs the removal.
    pub async fn remove_audio(&mut self) -> io::Result<()> {
        let raw = match &mut self.raw {
            Some(raw) => raw.remove().await,
            None => Ok(()),
        };
        let mut tail = self.remove_tail().await;
        if !self.is_rewritable() {
            let directory = self.audio.files().directory();
            if tail.is_ok() {
                tail = directory.sync_names(directory.control()).await;
            }
        }
        self.audio.remove().await.and(tail).and(raw)
    }

    /// Removes the tail. The recording's file has its frames.
    pub async fn remove_tail(&mut self) -> io::Result<()> {
        self.tail = None;
        match self.is_rewritable() {
            true => Ok(()),
            false => remove_tail(self.audio.files(), self.id).await,
        }
    }

    /// Records the file's shape in the manifest.
    pub fn record_shape(&mut self) {
        self.manifest.set_shape(self.audio.shape());
    }

    /// Frames on the disk, in the recording's file or its tail.
    fn frames(&self) -> u64 {
        match &self.tail {
            Some(tail) => tail.end(),
            None => self.audio.length().frames,
        }
    }

    /// Records in the manifest what is on the disk. This takes precedence over counted values.
    pub fn record_measured(&mut self) {
        self.record_shape();
        let frames = self.frames();
        self.manifest.samples = frames;
        self.manifest.duration_ms = self.audio.shape().duration_ms(frames);
        self.manifest.note_audio();
        self.manifest.bytes = self.audio.sealed_bytes();
        self.manifest.raw = self.raw.as_ref().and_then(|raw| raw.entry());
    }

    /// The error for a failed disk operation on the recording's file.
    pub fn error(&self, error: &io::Error) -> Error {
        write_error(self.audio.current(), error)
    }
}

/// The error for a failed disk operation on the file `path`.
pub fn write_error(path: &str, error: &io::Error) -> Error {
    Error::io(format_args!("\"{path}\""), error)
}
