//! The end of a recording's channel that its media sink holds.

use super::container::FileShape;
use super::patch::Patch;
use super::queue::{Channel, Ending, Item, Source};
use super::{Manifest, Store};
use crate::words::{Error, Format, Status};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One recording's way to its file. Everything here only queues: no disk, no
/// waiting.
pub struct RecordingFile {
    pub(super) store: Arc<Store>,
    pub(super) channel: Arc<Channel>,
    pub(super) finished: bool,
}

impl RecordingFile {
    /// What the audio is; before the first block.
    pub fn shape(&mut self, format: Format, rate: u32, channels: u16) {
        let shape = FileShape {
            format,
            rate,
            channels,
        };
        let limit = shape
            .bytes_per_second()
            .saturating_mul(u64::from(self.store.config().backlog_ms))
            / 1000;
        self.channel.limit.store(limit.max(1), Ordering::Relaxed);
        self.store
            .queue(&self.channel, Some(Item::Shape(format, rate, channels)));
    }

    /// The next block of audio. `Err` gives it back, and nothing was taken: too much
    /// already waits for the disk.
    pub fn write(&mut self, block: Vec<u8>) -> Result<(), Vec<u8>> {
        let bytes = block.len() as u64;
        if bytes == 0 {
            self.store.pool.give(block);
            return Ok(());
        }
        if !self.store.admit(&self.channel, bytes) {
            return Err(block);
        }
        self.store.queue(&self.channel, Some(Item::Audio(block)));
        Ok(())
    }

    /// Replaces audio that was given before, as a block or as silence; `at`: bytes of
    /// audio before it. `Err` gives it back, as for `write`.
    pub fn patch(&mut self, at: u64, block: Vec<u8>) -> Result<(), Vec<u8>> {
        let bytes = block.len() as u64;
        if bytes == 0 {
            self.store.pool.give(block);
            return Ok(());
        }
        if !self.store.admit(&self.channel, bytes) {
            return Err(block);
        }
        let patch = Patch { at, bytes: block };
        self.store.queue(&self.channel, Some(Item::Patch(patch)));
        Ok(())
    }

    /// So many bytes of silence: always taken, and costs no memory.
    pub fn fill(&mut self, bytes: u64) {
        if bytes > 0 {
            self.store.queue(&self.channel, Some(Item::Fill(bytes)));
        }
    }

    /// An empty buffer for the next block, from those written before.
    pub fn buffer(&self) -> Vec<u8> {
        self.store.pool.take()
    }

    /// Rewrites the live manifest by what `source` says then; `Report::marked` follows.
    pub fn mark(&mut self, source: Arc<dyn Source>, mark: u32) {
        let to_tell = self.channel.push_mark(source, mark);
        self.store.schedule(&self.channel, to_tell);
    }

    /// The end. `keep` false: no audio is kept.
    pub fn finish(self, manifest: Box<Manifest>, keep: bool) {
        let ending = if keep {
            Ending::Keep
        } else {
            self.channel.discarded.store(true, Ordering::SeqCst);
            Ending::Discard
        };
        self.end(manifest, ending);
    }

    /// What is there is published as partial, with the state `failed`.
    pub fn fail(self, manifest: Box<Manifest>, error: Error) {
        self.end(manifest, Ending::Fail(error));
    }

    fn end(mut self, manifest: Box<Manifest>, ending: Ending) {
        self.finished = true;
        self.store
            .queue(&self.channel, Some(Item::Finish(Some(manifest), ending)));
    }
}

impl Drop for RecordingFile {
    /// Without an end the recording would be live for ever.
    fn drop(&mut self) {
        if !self.finished {
            let error = Error::new(Status::Internal, "the recording was given up without an end");
            self.store
                .queue(&self.channel, Some(Item::Finish(None, Ending::Lost(error))));
        }
    }
}
