//! Limits how much audio is queued for the disk.

use super::recording_queue::RecordingQueue;
use crate::sync::atomic::{AtomicU64, Ordering};
use callrec_codec::Shape;

/// The queued audio of all recordings, and the limits.
pub struct Backlog {
    /// For one recording.
    max_ms: u32,
    /// For all recordings.
    max_bytes: u64,
    pending: AtomicU64,
    dropped: AtomicU64,
}

impl Backlog {
    pub fn new(max_ms: u32, max_bytes: u64) -> Backlog {
        Backlog {
            max_ms,
            max_bytes,
            pending: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Sets the limit of one recording from the shape of its audio, which begins with `more_ms` at
    /// once.
    pub fn limit(&self, recording: &RecordingQueue, shape: &Shape, more_ms: u32) {
        let bytes_of = |ms: u64| (shape.block_bytes_per_second().saturating_mul(ms) / 1000).max(1);
        let (usual_ms, more_ms) = (u64::from(self.max_ms), u64::from(more_ms));
        recording.usual_limit.store(bytes_of(usual_ms), Ordering::Relaxed);
        recording
            .limit
            .store(bytes_of(usual_ms + more_ms), Ordering::Relaxed);
    }

    /// Adds `bytes` to the queued audio. Returns `false` and counts them as dropped if a limit
    /// would be exceeded.
    pub fn admit(&self, recording: &RecordingQueue, bytes: u64) -> bool {
        let limit = recording.limit.load(Ordering::Relaxed);
        let own = recording.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.pending.fetch_add(bytes, Ordering::Relaxed);
        // A block larger than the limit is accepted if no other audio is queued.
        let (own_sum, sum) = (own.saturating_add(bytes), all.saturating_add(bytes));
        let own_fits = own == 0 || own_sum <= limit;
        // What begins earlier than its start comes all at once. Half of the memory is for the others.
        let most = match own_sum <= recording.usual_limit.load(Ordering::Relaxed) {
            true => self.max_bytes,
            false => self.max_bytes / 2,
        };
        if own_fits && sum <= most {
            return true;
        }
        self.release(recording, bytes);
        self.dropped.fetch_add(bytes, Ordering::Relaxed);
        false
    }

    /// Adds queued audio regardless of the limits.
    fn charge(&self, recording: &RecordingQueue, bytes: u64) {
        recording.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.pending.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&self, recording: &RecordingQueue, bytes: u64) {
        recording.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.pending.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of audio queued for the disk.
    pub fn bytes(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Bytes of audio refused because of a limit.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Audio that a writer has taken from a queue. Dropping it releases the bytes, also when writing
/// panics.
pub struct TakenAudio<'a> {
    backlog: &'a Backlog,
    recording: &'a RecordingQueue,
    bytes: u64,
}

impl<'a> TakenAudio<'a> {
    pub fn new(backlog: &'a Backlog, recording: &'a RecordingQueue, bytes: u64) -> TakenAudio<'a> {
        TakenAudio {
            backlog,
            recording,
            bytes,
        }
    }

    /// Keeps `bytes` queued after a failed write. Silence that has been expanded now counts.
    pub fn put_back(&mut self, bytes: u64) {
        self.backlog
            .charge(self.recording, bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for TakenAudio<'_> {
    fn drop(&mut self) {
        self.backlog.release(self.recording, self.bytes);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::super::creator::Stage;
    use super::*;
    use crate::types::Format;

    /// Audio from before a start, which is queued at once, leaves half of the memory to others.
    #[test]
    fn a_look_back_leaves_memory_for_other_recordings() {
        let shape = Shape {
            format: Format::WAV,
            rate: 8000,
            channels: 1,
        };
        let second = shape.block_bytes_per_second();
        let backlog = Backlog::new(1000, 8 * second);
        let recordings = [60_000, 0].map(|more_ms| {
            let recording = RecordingQueue::new(0, Stage::Done);
            backlog.limit(&recording, &shape, more_ms);
            recording
        });
        let admitted = (0..60).filter(|_| backlog.admit(&recordings[0], second)).count();
        assert_eq!(admitted, 4);
        assert!(backlog.admit(&recordings[1], second));
        assert!(!backlog.admit(&recordings[1], second), "beyond its own limit");
    }
}
