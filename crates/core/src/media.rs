//! From packet to samples: feeds, the timeline of each leg, the recordings' windows.
//!
//! ```text
//! Feed (host's thread) -> ring -> CallMedia::visit (worker) -> Track of each leg
//!                                     ^ points (CallTap)         -> Tap of each recording -> Sink
//! ```

mod call;
mod call_tap;
mod counts;
mod drain;
mod feed;
mod feed_ring;
mod feed_rings;
mod feeds;
mod inbox;
#[cfg(all(test, callrec_loom))]
mod models;
mod overflow;
mod ring_block;
mod ring_memory;
#[doc(hidden)]
pub mod sim;
#[cfg(test)]
mod tests;
mod waiter;
mod worker;
mod write_limiter;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use call_tap::{CallTap, WorkerInbox};
pub use callrec_codec::Shape;
pub use callrec_media::{
    DropReason, Ledger, LegLedger, LossReason, Progress, Sink, Span, SpanKind, TapSpec, ledger, planted,
};
pub use feed::Feed;
pub use inbox::Inbox;
pub use overflow::OverflowPool;
pub use waiter::{FeedWait, FeedWaiter};

use callrec_media::leg::Tally;

use crate::clock::Clock;
use crate::types::Leg;

/// Which time the media has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The coarse monotonic clock: live calls.
    Real,
    /// The media's own, as fast as it is handed in.
    Stream,
}

#[derive(Clone, Debug)]
pub struct MediaConfig {
    pub clock: ClockMode,
    pub time: Arc<dyn Clock>,
    pub reorder_ns: u64,
    pub leg_wait_ns: u64,
    pub flush_ns: u64,
    /// How long a sink may take nothing in stream time before its recording fails.
    pub backlog_ns: u64,
    /// A connected leg without decoded audio for so long is reported; 0: never.
    pub silent_ns: u64,
    /// What is fed while the call is held is not recorded.
    pub hold_is_silence: bool,
    /// Of all feeds together, for what their rings cannot hold.
    pub overflow_bytes: u64,
    /// A test may ask for a panic where a worker comes to a record with this payload.
    #[cfg(feature = "faults")]
    pub panic_at: Vec<u8>,
    /// A test may have the timeline go wrong.
    #[cfg(feature = "faults")]
    pub planted: Option<planted::Fault>,
}

impl MediaConfig {
    #[cfg(feature = "faults")]
    fn fault(&self, payload: &[u8]) {
        let planted = !self.panic_at.is_empty() && payload.ends_with(&self.panic_at);
        assert!(!planted, "planted in a packet");
    }

    #[cfg(not(feature = "faults"))]
    fn fault(&self, _payload: &[u8]) {}

    /// A worker comes to a call: what is planted in it is asked for on this thread.
    #[cfg(feature = "faults")]
    fn plant(&self) {
        planted::plant(self.planted);
    }

    #[cfg(not(feature = "faults"))]
    fn plant(&self) {}
}

/// What a call's media has to say that is about no recording. Called by the media worker:
/// it must not block.
pub trait MediaReport: Send + Sync {
    /// The first packet of a payload type that cannot be decoded, once for each leg and type.
    fn ignored(&self, leg: Leg, payload_type: u8);

    /// A connected leg had no decoded audio for `MediaConfig::silent_ns`; once for each leg.
    fn silent(&self, leg: Leg);

    /// Somebody should be heard in the call: it is neither alerting nor held.
    fn is_connected(&self) -> bool;
}

/// Nobody wants to know.
pub struct NoReport;

impl MediaReport for NoReport {
    fn ignored(&self, _leg: Leg, _payload_type: u8) {}

    fn silent(&self, _leg: Leg) {}

    fn is_connected(&self) -> bool {
        true
    }
}

/// Sums over all calls, readable from any thread.
#[derive(Debug, Default)]
pub struct MediaStats {
    pub(super) frames_in: AtomicU64,
    pub(super) frames_lost: AtomicU64,
    pub(super) dropped_unknown: AtomicU64,
    pub(super) late: AtomicU64,
    /// Each worker's own.
    worker_lag_ns: [AtomicU64; WORKERS_MAX],
}

/// More workers than these share a counter.
const WORKERS_MAX: usize = 32;

impl MediaStats {
    /// What a visit has counted.
    fn add(&self, told: &mut Tally) {
        let told = std::mem::take(told);
        if told.frames_in != 0 {
            self.frames_in.fetch_add(told.frames_in, Relaxed);
        }
        if told.unknown != 0 {
            self.dropped_unknown.fetch_add(told.unknown, Relaxed);
        }
        if told.late != 0 {
            self.late.fetch_add(told.late, Relaxed);
        }
        // Wraps: what was found again is taken off.
        if told.lost != 0 {
            self.frames_lost.fetch_add(told.lost as u64, Relaxed);
        }
    }

    /// Packets and writes taken.
    pub fn frames_in(&self) -> u64 {
        self.frames_in.load(Relaxed)
    }

    /// Sequence gaps, overruns and what came late.
    pub fn frames_lost(&self) -> u64 {
        self.frames_lost.load(Relaxed)
    }

    /// RTCP, garbage and unknown payload types.
    pub fn dropped_unknown(&self) -> u64 {
        self.dropped_unknown.load(Relaxed)
    }

    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// The worst tick of the last second, of any worker.
    pub fn worker_lag_ns(&self) -> u64 {
        self.worker_lag_ns
            .iter()
            .map(|lag| lag.load(Relaxed))
            .max()
            .unwrap_or_default()
    }

    fn note_lag(&self, worker: usize, ns: u64) {
        self.worker_lag_ns[worker % WORKERS_MAX].store(ns, Relaxed);
    }
}
