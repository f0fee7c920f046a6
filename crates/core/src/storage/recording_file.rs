//! The media sink's handle of a recording's file.

use super::creator::FirstManifest;
use super::ending::Ending;
use super::manifest::Manifest;
use super::patch::Patch;
use super::raw_output::RawOutput;
use super::recording_queue::{ManifestSource, QueueEntry, RecordingQueue};
use super::writer::Writers;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::{Error, Leg, Status};
use callrec_codec::{Block, Format, Shape};
use std::sync::{Arc, Weak};
use uuid::Uuid;

/// Queues one recording's audio for its writer. No function here waits for the disk.
pub struct RecordingFile {
    writers: Arc<Writers>,
    recording: Arc<RecordingQueue>,
    finished: bool,
    /// `None` unless packets are kept as they arrived.
    raw: Option<Box<RawOutput>>,
}

impl RecordingFile {
    /// Begins a recording: queues the creation of its manifest and its file.
    pub(super) fn begin(
        writers: &Arc<Writers>,
        id: Uuid,
        format: Format,
        first_manifest: FirstManifest,
    ) -> RecordingFile {
        RecordingFile {
            writers: Arc::clone(writers),
            recording: writers.begin(id, format, first_manifest),
            finished: false,
            raw: None,
        }
    }

    /// Sets the source of the latest manifest, which is used if a write fails. Only the first call
    /// has an effect.
    pub fn set_manifest_source(&self, source: Weak<dyn ManifestSource>) {
        let _ = self.recording.source.set(source);
    }

    /// Sets the shape of the audio. Must precede the first block.
    pub fn shape(&mut self, shape: Shape) {
        let shape = Shape {
            rate: shape.rate.max(1),
            channels: shape.channels.max(1),
            ..shape
        };
        let backlog = self.writers.backlog();
        backlog.limit(&self.recording, &shape);
        self.writers.queue(&self.recording, QueueEntry::Shape(shape));
    }

    /// Queues the next block of audio. Returns the block in `Err` if the backlog is full. Silence
    /// is always accepted and uses no memory.
    pub fn write(&mut self, block: Block) -> Result<(), Block> {
        let bytes = block.bytes().len() as u64;
        if block.frames == 0 {
            self.writers.pool().give(block.into_buffer());
            return Ok(());
        }
        if bytes > 0 && !self.writers.backlog().admit(&self.recording, bytes) {
            return Err(block);
        }
        self.writers.queue(&self.recording, QueueEntry::Audio(block));
        Ok(())
    }

    /// Queues a block that begins before the start of the recording. It is never refused.
    pub fn write_early(&mut self, block: Block) {
        let bytes = block.bytes().len() as u64;
        if block.frames == 0 {
            return self.writers.pool().give(block.into_buffer());
        }
        self.writers.backlog().admit_early(&self.recording, bytes);
        self.writers.queue(&self.recording, QueueEntry::Audio(block));
    }

    /// Whether blocks that begin before a start should be queued now.
    pub fn accepts_early(&self) -> bool {
        self.writers.backlog().accepts_early()
    }

    /// Replaces frames that were queued before, as a block or as silence, with a block that is not
    /// silence. Returns the block in `Err` if the backlog is full.
    pub fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block> {
        let bytes = block.bytes().len() as u64;
        if bytes == 0 {
            return Ok(());
        }
        if !self.writers.backlog().admit(&self.recording, bytes) {
            return Err(block);
        }
        let patch = Patch {
            from_frame,
            frames: block.frames,
            bytes: block.into_buffer(),
        };
        self.writers.queue(&self.recording, QueueEntry::Patch(patch));
        Ok(())
    }

    /// Declares that no frame before `frame` will be patched.
    pub fn settled(&mut self, frame: u64) {
        self.writers.queue(&self.recording, QueueEntry::Settled(frame));
    }

    /// Lets packets be kept as they arrived. `unix_offset_ns`: Unix time minus media time.
    pub fn keep_raw(&mut self, id: Uuid, unix_offset_ns: i64) {
        self.raw = RawOutput::new(id, self.writers.raw_backlog(), unix_offset_ns).map(Box::new);
    }

    /// Queues packets that are kept as they arrived: leg, arrival and bytes. If the backlog is full,
    /// they are dropped and counted.
    pub fn write_raw<'a>(&mut self, packets: impl Iterator<Item = (Leg, u64, &'a [u8])>) {
        if let Some(raw) = &mut self.raw
            && let Some(block) = raw.block(packets, self.writers.pool().take())
        {
            self.writers.queue(&self.recording, QueueEntry::Raw(block));
        }
    }

    /// The size of the file in bytes after the writer's last turn.
    pub fn file_bytes(&self) -> Arc<AtomicU64> {
        self.recording.file_bytes.clone()
    }

    /// An empty buffer for the next block, recycled from earlier blocks.
    pub fn buffer(&self) -> Vec<u8> {
        self.writers.pool().take()
    }

    /// Queues a rewrite of the live manifest with what `source` returns when it is written.
    /// `StorageListener::manifest_updated` is then called with `number`.
    pub fn update_manifest(&mut self, source: Arc<dyn ManifestSource>, number: u64) {
        self.writers.queue_update(&self.recording, source, number);
    }

    /// Ends the recording. If `keep` is false, its audio is discarded.
    pub fn finish(self, manifest: Box<Manifest>, keep: bool) {
        let ending = if keep {
            Ending::Keep
        } else {
            self.recording.discarded.store(true, Ordering::SeqCst);
            Ending::Discard
        };
        self.end(manifest, ending);
    }

    /// Ends the recording with an error. The audio that was written is published as partial, with
    /// the state `failed`.
    pub fn fail(self, manifest: Box<Manifest>, error: Error) {
        self.end(manifest, Ending::Fail(error));
    }

    fn end(mut self, manifest: Box<Manifest>, ending: Ending) {
        self.finished = true;
        if let Some(refused) = self.raw.as_mut().and_then(|raw| raw.last_refused()) {
            self.writers.queue(&self.recording, QueueEntry::Raw(refused));
        }
        self.writers
            .queue(&self.recording, QueueEntry::Finish(Some(manifest), ending));
    }
}

impl Drop for RecordingFile {
    /// Ends the recording as failed if neither `finish` nor `fail` was called. Otherwise it would
    /// stay live forever.
    fn drop(&mut self) {
        if !self.finished {
            let error = Error::new(
                Status::Internal,
                "a fault inside callrec: the recording was dropped without an end",
            );
            self.writers
                .queue(&self.recording, QueueEntry::Finish(None, Ending::Lost(error)));
        }
    }
}
