//! Encoding, in short turns between which a writer writes the audio that has arrived.
//!
//! Audio is written to the recording's tail first. Encoders that are too slow for their recordings
//! lose nothing: the tails grow, and these recordings end later.

use super::super::creator::Stage;
use super::super::live_recording::LiveRecording;
use super::super::recording_queue::RecordingQueue;
use super::Writers;
use callrec_codec::Format;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// The most audio that one turn encodes.
const TURN_MS: u64 = 1000;

/// What a writer does with a recording.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Writes what has arrived.
    Write,
    /// Also encodes audio that was written.
    Encode,
}

impl Turn {
    /// The most frames to encode.
    pub(super) fn frames(self, live: &LiveRecording) -> u64 {
        match self {
            Turn::Write => 0,
            Turn::Encode => live.audio.shape().frames(TURN_MS),
        }
    }
}

impl Stage {
    /// Frames of the recording that are to be encoded.
    pub(super) fn unencoded(&self) -> u64 {
        match self {
            Stage::Live(live) => live.unencoded(),
            _ => 0,
        }
    }
}

impl Writers {
    /// The writer or encoder of a recording.
    pub(super) fn index_for(&self, id: Uuid, format: Format) -> usize {
        let encoders = self.writer_queues.len() - self.writer_count;
        let (first, count) = match format.is_compressed() && encoders > 0 {
            true => (self.writer_count, encoders),
            false => (0, self.writer_count),
        };
        first + (id.as_u128() % count as u128) as usize
    }

    /// Whether written audio must be encoded before the recording's end. If the engine closes
    /// without waiting, the next open encodes it.
    pub(super) fn must_encode_first(&self, recording: &RecordingQueue, stage: &Stage) -> bool {
        stage.unencoded() > 0
            && !recording.discarded.load(Ordering::SeqCst)
            && !self.context.activity.defers_long_work(false)
    }

    /// Queues a recording that has audio to encode.
    pub(super) fn queue_encoding(&self, recording: &Arc<RecordingQueue>) {
        if let Some(writer_queue) = self.writer_queues.get(recording.writer_index)
            && recording.await_encoding()
        {
            self.context.activity.work_begun();
            writer_queue.push_encoding(Arc::clone(recording));
        }
    }
}
