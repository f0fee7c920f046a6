//! The end of a recording's channel that its media sink holds.

use super::ending::Ending;
use super::manifest::Manifest;
use super::patch::Patch;
use super::plan::FirstManifest;
use super::queue::{Channel, Item, Source};
use super::writer::Writers;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::{Error, Status};
use callrec_codec::{Block, Shape};
use std::sync::{Arc, Weak};
use uuid::Uuid;

/// One recording's way to its file. Everything here only queues: no disk, no
/// waiting.
pub struct RecordingFile {
    writers: Arc<Writers>,
    channel: Arc<Channel>,
    finished: bool,
}

impl RecordingFile {
    /// Begins a recording: queues the making of its manifest and its file.
    pub(super) fn begin(writers: &Arc<Writers>, id: Uuid, first_manifest: FirstManifest) -> RecordingFile {
        RecordingFile {
            writers: Arc::clone(writers),
            channel: writers.begin(id, first_manifest),
            finished: false,
        }
    }

    /// Who can tell the latest manifest at any moment: asked if a write fails.
    pub fn known_by(&self, source: Weak<dyn Source>) {
        // Only the first one counts.
        let _ = self.channel.source.set(source);
    }

    /// What the audio is; before the first block.
    pub fn shape(&mut self, shape: Shape) {
        let shape = Shape {
            rate: shape.rate.max(1),
            channels: shape.channels.max(1),
            ..shape
        };
        self.writers.backlog().limit(&self.channel, &shape);
        self.writers.queue(&self.channel, Item::Shape(shape));
    }

    /// The next block of audio. `Err` gives it back, and nothing was taken: too much
    /// already waits for the disk. Silence is always taken, and costs no memory.
    pub fn write(&mut self, block: Block) -> Result<(), Block> {
        let bytes = block.bytes().len() as u64;
        if block.frames == 0 {
            self.writers.pool().give(block.into_buffer());
            return Ok(());
        }
        if bytes > 0 && !self.writers.backlog().admit(&self.channel, bytes) {
            return Err(block);
        }
        self.writers.queue(&self.channel, Item::Audio(block));
        Ok(())
    }

    /// Replaces frames that were given before, as a block or as silence, by a block that is
    /// not silence. `Err` gives the block back, as for `write`.
    pub fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block> {
        let bytes = block.bytes().len() as u64;
        if bytes == 0 {
            return Ok(());
        }
        if !self.writers.backlog().admit(&self.channel, bytes) {
            return Err(block);
        }
        let patch = Patch {
            from_frame,
            frames: block.frames,
            bytes: block.into_buffer(),
        };
        self.writers.queue(&self.channel, Item::Patch(patch));
        Ok(())
    }

    /// No frame before this one is patched any more.
    pub fn settled(&mut self, frame: u64) {
        self.writers.queue(&self.channel, Item::Settled(frame));
    }

    /// Bytes of the file, as its writer last left it.
    pub fn file_bytes(&self) -> Arc<AtomicU64> {
        self.channel.file_bytes.clone()
    }

    /// An empty buffer for the next block, from those written before.
    pub fn buffer(&self) -> Vec<u8> {
        self.writers.pool().take()
    }

    /// Rewrites the live manifest by what `source` says then; `Report::marked` follows.
    pub fn mark(&mut self, source: Arc<dyn Source>, mark: u32) {
        self.writers.queue_mark(&self.channel, source, mark);
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
        self.writers
            .queue(&self.channel, Item::Finish(Some(manifest), ending));
    }
}

impl Drop for RecordingFile {
    /// Without an end the recording would be live for ever.
    fn drop(&mut self) {
        if !self.finished {
            let error = Error::new(Status::Internal, "the recording was given up without an end");
            self.writers
                .queue(&self.channel, Item::Finish(None, Ending::Lost(error)));
        }
    }
}
