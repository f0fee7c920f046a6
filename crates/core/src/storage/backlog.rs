//! Limits how much audio is queued for the disk.

use super::recording_queue::RecordingQueue;
use crate::sync::atomic::{AtomicU64, Ordering};
use callrec_codec::Shape;

/// The queued audio of all recordings, and the limits. Early audio, which a recording has from before
/// its start, was in memory already, so it is never refused. Callers offer more only while
/// [`Backlog::accepts_early`] returns true. It takes at most half of the memory from live audio.
pub struct Backlog {
    /// For one recording.
    max_ms: u32,
    /// For all recordings.
    max_bytes: u64,
    /// Bytes that are queued, without the early ones. Both are counted apart, because the difference of
    /// two counters would be wrong between their changes.
    live: AtomicU64,
    early: AtomicU64,
    dropped: AtomicU64,
}

impl Backlog {
    pub fn new(max_ms: u32, max_bytes: u64) -> Backlog {
        Backlog {
            max_ms,
            max_bytes,
            live: AtomicU64::new(0),
            early: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Sets the limit of one recording from the shape of its audio.
    pub fn limit(&self, recording: &RecordingQueue, shape: &Shape) {
        let bytes = shape
            .block_bytes_per_second()
            .saturating_mul(u64::from(self.max_ms))
            / 1000;
        recording.limit.store(bytes.max(1), Ordering::Relaxed);
    }

    /// Adds `bytes` to the queued audio. Returns `false` and counts them as dropped if a limit
    /// would be exceeded.
    pub fn admit(&self, recording: &RecordingQueue, bytes: u64) -> bool {
        let limit = recording.limit.load(Ordering::Relaxed);
        let own = recording.live_bytes.fetch_add(bytes, Ordering::Relaxed);
        let all = self.live.fetch_add(bytes, Ordering::Relaxed);
        // A block larger than the limit is accepted if no other audio is queued.
        let own_fits = own == 0 || own.saturating_add(bytes) <= limit;
        let early = self.early.load(Ordering::Relaxed).min(self.max_bytes / 2);
        if own_fits && all.saturating_add(bytes) <= self.max_bytes - early {
            return true;
        }
        recording.live_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.live.fetch_sub(bytes, Ordering::Relaxed);
        self.dropped.fetch_add(bytes, Ordering::Relaxed);
        false
    }

    /// Adds early audio regardless of the limits.
    pub fn admit_early(&self, recording: &RecordingQueue, bytes: u64) {
        recording.early_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.early.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether more early audio may come.
    pub fn accepts_early(&self) -> bool {
        self.early.load(Ordering::Relaxed) < self.max_bytes / 4
    }

    /// Adds queued audio regardless of the limits.
    fn charge(&self, recording: &RecordingQueue, bytes: u64) {
        recording.live_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.live.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&self, recording: &RecordingQueue, bytes: u64) {
        // Early audio is first in the queue.
        let early = recording.early_bytes.load(Ordering::Relaxed).min(bytes);
        recording.early_bytes.fetch_sub(early, Ordering::Relaxed);
        self.early.fetch_sub(early, Ordering::Relaxed);
        recording.live_bytes.fetch_sub(bytes - early, Ordering::Relaxed);
        self.live.fetch_sub(bytes - early, Ordering::Relaxed);
    }

    /// Bytes of audio queued for the disk.
    pub fn bytes(&self) -> u64 {
        self.live.load(Ordering::Relaxed) + self.early.load(Ordering::Relaxed)
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

    fn second() -> Shape {
        Shape {
            format: Format::WAV,
            rate: 8000,
            channels: 1,
        }
    }

    fn recording(backlog: &Backlog) -> RecordingQueue {
        let recording = RecordingQueue::new(0, Stage::Done);
        backlog.limit(&recording, &second());
        recording
    }

    /// Early audio is queued whole, and takes no more than half of the memory from the others.
    #[test]
    fn early_audio_is_never_refused_and_leaves_memory_to_others() {
        let bytes = second().block_bytes_per_second();
        let backlog = Backlog::new(2000, 8 * bytes);
        let recordings = [(); 4].map(|()| recording(&backlog));
        assert!(backlog.accepts_early());
        (0..60).for_each(|_| backlog.admit_early(&recordings[0], bytes));
        assert!(!backlog.accepts_early());
        // Its own live audio has the limit of any recording.
        for recording in &recordings[..2] {
            assert!(backlog.admit(recording, bytes));
            assert!(backlog.admit(recording, bytes));
            assert!(!backlog.admit(recording, bytes), "beyond its own limit");
        }
        assert!(
            !backlog.admit(&recordings[2], bytes),
            "half of the memory is full"
        );
        assert_eq!(backlog.bytes(), 64 * bytes);

        // The writer takes everything.
        drop(TakenAudio::new(&backlog, &recordings[0], 62 * bytes));
        assert!(backlog.accepts_early());
        assert!(backlog.admit(&recordings[2], bytes));
        drop(TakenAudio::new(&backlog, &recordings[1], 2 * bytes));
        drop(TakenAudio::new(&backlog, &recordings[2], bytes));
        assert_eq!(backlog.bytes(), 0);
        assert!((0..4).all(|n| recordings[n].early_bytes.load(Ordering::Relaxed) == 0));
        assert_eq!(backlog.early.load(Ordering::Relaxed), 0);
    }
}
