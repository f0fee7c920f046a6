//! The way from packets to samples: feeds, the timeline of each leg, the taps of recordings.
//!
//! ```text
//! Feed (host's thread) -> ring -> CallMedia::visit (worker) -> Track of each leg
//!                                     ^ control points (CallTap) -> Tap of each recording -> Sink
//! ```
//!
//! What runs for each packet is in this package, callrec-media and callrec-codec, which are compiled
//! for speed. The rest of the engine is compiled for size.

#![forbid(unsafe_code)]

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

pub use call::PACKET_NS;
pub use call_tap::{CallTap, WorkerInbox};
pub use callrec_codec::Shape;
pub use callrec_media::external::PayloadFormat;
pub use callrec_media::sdp::{
    DeclaredEncoding, OtherPayload, other_payload_types, payload_types, payload_types_with,
};
pub use callrec_media::{
    DropReason, Ledger, LegLedger, LossReason, Progress, RawPackets, Sink, Span, SpanKind, TapSpec, ledger,
    planted,
};
pub use feed::{Feed, FeedMemory};
pub use inbox::Inbox;
pub use overflow::OverflowPool;
pub use waiter::{FeedWait, FeedWaiter};

use callrec_media::leg::Tally;

use callrec_base::clock::Clock;
use callrec_base::types::Leg;

/// The clock of a call's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The coarse monotonic clock, for live calls.
    Real,
    /// The media's own time, which advances as fast as the host feeds it.
    Stream,
}

#[derive(Clone, Debug)]
pub struct MediaConfig {
    pub clock: ClockMode,
    pub time: Arc<dyn Clock>,
    pub reorder_ns: u64,
    pub leg_wait_ns: u64,
    pub flush_ns: u64,
    /// In stream time, a recording fails if its sink accepts nothing for this long.
    pub backlog_ns: u64,
    /// A connected leg is reported after this long without decoded audio; 0: never.
    pub silent_ns: u64,
    /// Audio that is fed while the call is held is not recorded.
    pub hold_is_silence: bool,
    /// Missing audio is concealed, and comfort noise is generated.
    pub conceals: bool,
    /// DTMF tones are not recorded.
    pub masks_dtmf: bool,
    /// How much of a call's latest audio is kept for recordings that begin earlier.
    pub lookback_ns: u64,
    /// Limit of that audio, of all calls.
    pub lookback_bytes: u64,
    /// Limit of the overflow memory, which all feeds share.
    pub overflow_bytes: u64,
    /// For tests: a worker panics at a record whose payload ends with these bytes.
    #[cfg(feature = "faults")]
    pub panic_at: Vec<u8>,
    /// For tests: a fault in the timeline.
    #[cfg(feature = "faults")]
    pub planted: Option<planted::TimelineFault>,
}

impl MediaConfig {
    /// Whether the audio of calls is kept for recordings that begin earlier than they are started.
    pub fn keeps_past(&self) -> bool {
        self.lookback_ns > 0 && self.clock == ClockMode::Real
    }

    #[cfg(feature = "faults")]
    fn fault(&self, payload: &[u8]) {
        let planted = !self.panic_at.is_empty() && payload.ends_with(&self.panic_at);
        assert!(!planted, "planted in a packet");
    }

    #[cfg(not(feature = "faults"))]
    fn fault(&self, _payload: &[u8]) {}

    /// Plants the configured fault on the worker's thread, before a visit.
    #[cfg(feature = "faults")]
    fn plant(&self) {
        planted::plant(self.planted);
    }

    #[cfg(not(feature = "faults"))]
    fn plant(&self) {}
}

/// Receives a call's media events that concern no particular recording. Called by the media
/// worker; must not block.
pub trait MediaReport: Send + Sync {
    /// A packet has a payload type that cannot be decoded. Called once for each leg and type.
    fn ignored(&self, leg: Leg, payload_type: u8);

    /// A connected leg had no decoded audio for `MediaConfig::silent_ns`. Called once for each leg.
    fn silent(&self, leg: Leg);

    /// Whether audio is expected: the call is neither alerting nor held.
    fn is_connected(&self) -> bool;
}

/// Ignores all reports.
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
    pub(crate) frames_in: AtomicU64,
    pub(crate) frames_lost: AtomicU64,
    pub(crate) dropped_unknown: AtomicU64,
    pub(crate) late: AtomicU64,
    /// Memory for audio that is kept for recordings that begin earlier.
    pub(crate) lookback_bytes: AtomicU64,
    /// One element per worker.
    worker_lag_ns: [AtomicU64; WORKERS_MAX],
}

/// Limit of separate counters. Additional workers share them.
const WORKERS_MAX: usize = 32;

impl MediaStats {
    /// Adds the counts of a visit and resets them.
    fn add(&self, tally: &mut Tally) {
        let tally = std::mem::take(tally);
        if tally.frames_in != 0 {
            self.frames_in.fetch_add(tally.frames_in, Relaxed);
        }
        if tally.unknown != 0 {
            self.dropped_unknown.fetch_add(tally.unknown, Relaxed);
        }
        if tally.late != 0 {
            self.late.fetch_add(tally.late, Relaxed);
        }
        // Wraps for a negative count: packets that were missing and have arrived.
        if tally.lost != 0 {
            self.frames_lost.fetch_add(tally.lost as u64, Relaxed);
        }
    }

    /// Accepted packets and writes.
    pub fn frames_in(&self) -> u64 {
        self.frames_in.load(Relaxed)
    }

    /// Packets lost to sequence gaps, overruns and late arrival.
    pub fn frames_lost(&self) -> u64 {
        self.frames_lost.load(Relaxed)
    }

    /// Ignored packets: RTCP, malformed data and unknown payload types.
    pub fn dropped_unknown(&self) -> u64 {
        self.dropped_unknown.load(Relaxed)
    }

    /// Memory for audio that is kept for recordings that begin earlier than they are started.
    pub fn lookback_bytes(&self) -> u64 {
        self.lookback_bytes.load(Relaxed)
    }

    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// The latest tick of any worker during the last second.
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
