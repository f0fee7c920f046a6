//! From packet to samples: feeds, the timeline of each leg, the recordings' windows.
//!
//! ```text
//! Feed (host's thread) -> ring -> CallState::visit (worker) -> Track of each leg
//!                                     ^ points (CallTap)         -> Tap of each recording -> Sink
//! ```

mod call;
mod codec;
mod drain;
mod feed;
mod grid;
mod layout;
mod lead;
pub mod ledger;
mod leg;
mod legs;
mod memory;
#[cfg(all(test, callrec_loom))]
mod models;
mod outbox;
mod overflow;
mod placement;
#[doc(hidden)]
pub mod planted;
mod point;
mod record;
mod resample;
mod ring;
mod rtp;
#[doc(hidden)]
pub mod sim;
mod switches;
mod tap;
#[cfg(test)]
mod tests;
mod track;
mod waiter;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use uuid::Uuid;

pub use feed::Feed;
pub use ledger::{DropReason, Ledger, LegLedger, LossReason};
pub use overflow::OverflowPool;
pub use point::CallTap;
pub use waiter::FeedWaiter;
pub use worker::WorkerInbox;

use crate::clock::NS_PER_MS;
use crate::sync::Mutex;
use crate::words::{EndReason, Format, Layout, Leg, PauseMode};

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

/// What a recording reports of itself, readable from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    frames: AtomicU64,
    bytes: AtomicU64,
    lost_ns: AtomicU64,
    paused_ns: AtomicU64,
    rate: AtomicU32,
    /// Since the start, while the rate is not known.
    waiting_ms: AtomicU64,
    ledger: Mutex<Ledger>,
}

impl Progress {
    /// What became of each leg's audio, as far as the file is settled.
    pub fn ledger(&self) -> Ledger {
        self.ledger.lock().clone()
    }

    /// Tells what became of each leg's audio; the latest counts.
    pub fn set_ledger(&self, ledger: Ledger) {
        *self.ledger.lock() = ledger;
    }

    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// 0 until the rate of the file is known.
    pub fn rate(&self) -> u32 {
        self.rate.load(Relaxed)
    }

    pub fn duration_ms(&self) -> u64 {
        match u64::from(self.rate()) {
            0 => self.waiting_ms.load(Relaxed),
            rate => (self.frames() * 1000 + rate / 2) / rate,
        }
    }

    /// All legs of the recording summed.
    pub fn lost_ms(&self) -> u64 {
        (self.lost_ns.load(Relaxed) + NS_PER_MS / 2) / NS_PER_MS
    }

    pub fn paused_ms(&self) -> u64 {
        (self.paused_ns.load(Relaxed) + NS_PER_MS / 2) / NS_PER_MS
    }
}

/// Shape of the audio file, known at the latest when the first block is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub format: Format,
    pub rate: u32,
    pub channels: u16,
}

impl Shape {
    pub fn frame_bytes(&self) -> usize {
        self.format.sample_bytes() * usize::from(self.channels)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Pause,
    Loss(Leg, LossReason),
}

/// Positions are frames in the file. A skipped pause has no frames; `length_ns` is
/// how long it really was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub kind: SpanKind,
    pub from_frame: u64,
    pub to_frame: u64,
    pub length_ns: u64,
}

/// Where a recording's audio goes: called by its worker only, in order, never blocking.
pub trait Sink: Send {
    /// Once, before anything else but `buffer`.
    fn shape(&mut self, shape: Shape);

    /// `Err` gives the block back: the backlog is full and nothing was taken. In real
    /// time `fill` and `loss` follow for the same frames; in stream time the same
    /// block is offered again at the next visit.
    fn block(&mut self, audio: Vec<u8>) -> Result<(), Vec<u8>>;

    /// Frames that were given before, again, as they really are: late audio has found its
    /// place. Only frames that were given as a block or as silence are named. `Err` gives
    /// the block back, as for `block`.
    fn patch(&mut self, from_frame: u64, audio: Vec<u8>) -> Result<(), Vec<u8>>;

    /// So many bytes of silence; always taken.
    fn fill(&mut self, bytes: u64);

    /// An empty buffer, recycled if possible.
    fn buffer(&mut self) -> Vec<u8>;

    /// The pause begins at this frame; everything before it was given.
    fn paused(&mut self, frame: u64);

    fn resumed(&mut self, span: Span);

    /// At most once a block; the total counts all legs since the start.
    fn loss(&mut self, lost_ns_total: u64, spans: Vec<Span>);

    /// The last call. `open` is a pause that the end found still open.
    fn finish(self: Box<Self>, reason: EndReason, open: Option<Span>);

    /// Instead of `finish`, stream time only: nothing was taken for `backlog_ns`.
    fn stuck(self: Box<Self>);

    /// Instead of `finish`: a panic in this call's visit.
    fn broken(self: Box<Self>, message: &str);
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

/// What a recording wants of a call.
pub struct TapSpec {
    pub id: Uuid,
    pub layout: Layout,
    pub format: Format,
    pub pause_mode: PauseMode,
    /// 0: none.
    pub max_duration_ms: u32,
    /// 0: from the legs.
    pub rate: u32,
    pub progress: Arc<Progress>,
    pub sink: Box<dyn Sink>,
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
