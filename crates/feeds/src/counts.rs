//! The counters that a leg's feed and its worker share.

use callrec_base::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use callrec_media::packet::FeedCounters;

/// The counters that a leg's feed and its worker share. Each field has one writer. The feed's fields
/// and the worker's are on different cache lines.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct LegCounts {
    /// Bytes that feeds have stored during the leg's whole life.
    pub handed: AtomicU64,
    pub overrun_samples: AtomicU32,
    pub overrun_packets: AtomicU32,
    /// The part of `overrun_samples` that was refused as too far ahead of the clock.
    pub ahead_samples: AtomicU32,
    /// How often a feed has switched to another ring.
    pub switched: AtomicU32,
    pub worker: WorkerCounts,
}

#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct WorkerCounts {
    /// Bytes that the worker has read during the leg's whole life.
    pub taken: AtomicU64,
    /// A waiter waits for free space.
    pub waiting: AtomicBool,
}

impl LegCounts {
    /// Reads the overruns before the bytes. The bytes then include every packet that preceded an
    /// overrun, so a trailing loss is never placed before an earlier packet.
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
