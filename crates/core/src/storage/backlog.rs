//! How much audio may wait for the disk.

use super::queue::Channel;
use crate::sync::atomic::{AtomicU64, Ordering};
use callrec_codec::Shape;

/// The audio of all recordings that waits, and the limits.
pub struct Backlog {
    /// Of one recording.
    max_ms: u32,
    /// Of all recordings.
    max_bytes: u64,
    waiting: AtomicU64,
    dropped: AtomicU64,
}

impl Backlog {
    pub fn new(max_ms: u32, max_bytes: u64) -> Backlog {
        Backlog {
            max_ms,
            max_bytes,
            waiting: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Sets a recording's own limit, by what its audio is.
    pub fn limit(&self, channel: &Channel, shape: &Shape) {
        let limit = shape
            .block_bytes_per_second()
            .saturating_mul(u64::from(self.max_ms))
            / 1000;
        channel.limit.store(limit.max(1), Ordering::Relaxed);
    }

    /// Whether so much more audio may wait for the disk.
    pub fn admit(&self, channel: &Channel, bytes: u64) -> bool {
        let limit = channel.limit.load(Ordering::Relaxed);
        let own = channel.waiting.fetch_add(bytes, Ordering::Relaxed);
        let all = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        // A block larger than the limit passes where nothing else waits.
        let own_fits = own == 0 || own.saturating_add(bytes) <= limit;
        if own_fits && all.saturating_add(bytes) <= self.max_bytes {
            return true;
        }
        self.release(channel, bytes);
        self.dropped.fetch_add(bytes, Ordering::Relaxed);
        false
    }

    /// More waits for the disk, whatever the limits are.
    fn charge(&self, channel: &Channel, bytes: u64) {
        channel.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    fn release(&self, channel: &Channel, bytes: u64) {
        channel.waiting.fetch_sub(bytes, Ordering::Relaxed);
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Audio that waits for the disk.
    pub fn bytes(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Audio given back because too much waited.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Audio that a writer has taken. It gives the room back when it is dropped, also when
/// writing panics.
pub struct TakenAudio<'a> {
    backlog: &'a Backlog,
    channel: &'a Channel,
    bytes: u64,
}

impl<'a> TakenAudio<'a> {
    pub fn new(backlog: &'a Backlog, channel: &'a Channel, bytes: u64) -> TakenAudio<'a> {
        TakenAudio {
            backlog,
            channel,
            bytes,
        }
    }

    /// So many bytes wait on. What was silence among them now counts, too.
    pub fn keep(&mut self, bytes: u64) {
        self.backlog
            .charge(self.channel, bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for TakenAudio<'_> {
    fn drop(&mut self) {
        self.backlog.release(self.channel, self.bytes);
    }
}
