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
        let limit = shape
            .block_bytes_per_second()
            .saturating_mul(u64::from(self.max_ms) + u64::from(more_ms))
            / 1000;
        recording.limit.store(limit.max(1), Ordering::Relaxed);
    }

    /// Adds `bytes` to the queued audio. Returns `false` and counts them as dropped if a limit
    /// would be exceeded.
    pub fn admit(&self, recording: &RecordingQueue, bytes: u64) -> bool {
        let limit = recording.limit.load(Ordering::Relaxed);
        let own = recording.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.pending.fetch_add(bytes, Ordering::Relaxed);
        // A block larger than the limit is accepted if no other audio is queued.
        let own_fits = own == 0 || own.saturating_add(bytes) <= limit;
        if own_fits && all.saturating_add(bytes) <= self.max_bytes {
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
