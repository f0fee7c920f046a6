//! What a leg's feeds and its worker know of each other.

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use callrec_media::packet::FeedCounters;

/// What a leg's feeds and its worker know of each other. One writer per field, and
/// the feed's fields on another cache line than the worker's.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct LegCounts {
    /// Bytes put into the leg's rings over its whole life.
    pub handed: AtomicU64,
    pub overrun_samples: AtomicU32,
    pub overrun_packets: AtomicU32,
    /// Of `overrun_samples`: refused because they were too far ahead of the clock.
    pub ahead_samples: AtomicU32,
    /// How often its feeds have gone on in another ring.
    pub switched: AtomicU32,
    pub worker: WorkerCounts,
}

#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct WorkerCounts {
    /// Bytes taken out of the rings again.
    pub taken: AtomicU64,
    /// Somebody waits for room.
    pub waiting: AtomicBool,
}

impl LegCounts {
    /// The overruns are read first: every record that came before one of them is then
    /// among the bytes, so that a trailing loss is never put before its own past.
    pub(super) fn handed(&self) -> FeedCounters {
        let samples_lost = self.overrun_samples.load(Ordering::Acquire);
        let samples_ahead = self.ahead_samples.load(Ordering::Acquire);
        let packets_lost = self.overrun_packets.load(Ordering::Acquire);
        FeedCounters {
            bytes: self.handed.load(Ordering::Acquire),
            samples_lost,
            packets_lost,
            samples_ahead,
        }
    }
}
