//! A call's media, as control, feeds and worker share it: a queue of ordered control points.
//!
//! A control point stores how much every leg had fed when it was set. The worker reads these
//! counts first and the control points second. A control point that it has not seen was therefore
//! set after everything that it is about to consume.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::counts::LegCounts;
use super::feed_rings::RingReader;
use super::inbox::Inbox;
use super::overflow::OverflowPool;
use super::waiter::{FeedWaiter, WaitedFor};
use super::{ClockMode, MediaConfig, MediaReport, MediaStats, OtherPayload, TapSpec};
use callrec_base::clock::Clock;
use callrec_base::sync::Mutex;
use callrec_base::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use callrec_base::types::{EndReason, FeedOptions, Leg};
use callrec_media::external::PayloadFormat;
use callrec_media::packet::FeedCounters;

pub(super) type FedCounts = [FeedCounters; 3];

/// The inbox of a worker.
pub type WorkerInbox = Inbox<CallTap>;

pub(super) enum PointAction {
    Start(Box<TapSpec>),
    Pause(Uuid),
    /// Follows the start of this recording, with no audio in between.
    BeginPaused(Uuid),
    Resume(Uuid),
    Stop(Uuid, EndReason),
    End(EndReason),
    /// While the call is private, nothing is recorded.
    Private {
        on: bool,
        /// Audio is kept nevertheless, for recordings that begin after a consent.
        keeps_past: bool,
    },
    /// The call is held, or no longer.
    Hold(bool),
    /// Whether audio may be kept for later recordings.
    KeepPast(bool),
    /// Audio from longer ago than this is not kept for later recordings.
    Forget {
        age_ns: u64,
    },
    /// Discards audio that was written ahead of the clock.
    Clear(Leg),
    /// A digit was keyed in; `length_ns` 0: of unknown length.
    Dtmf {
        leg: Leg,
        length_ns: u64,
    },
    Attach {
        leg: Leg,
        /// With two channels, this leg's ring also carries the remote leg's samples.
        options: FeedOptions,
        ring: RingReader,
        waiter: Arc<FeedWaiter>,
    },
    Detach(Leg),
    Format {
        leg: Leg,
        options: FeedOptions,
        ring: Option<RingReader>,
    },
    Payload {
        leg: Leg,
        payload_type: u8,
        format: PayloadFormat,
        ring: Option<RingReader>,
    },
    /// A payload type that is no audio.
    OtherPayload {
        leg: Leg,
        payload_type: u8,
        payload: OtherPayload,
    },
}

pub(super) struct ControlPoint {
    /// The coarse clock when the point was set.
    pub clock_ns: u64,
    pub counts: FedCounts,
    pub action: PointAction,
}

#[derive(Default)]
struct PointQueue {
    queue: VecDeque<ControlPoint>,
    waiters: [Option<Arc<FeedWaiter>>; 3],
    ended: bool,
}

/// A call's media, shared by control, feeds and worker. The fields that every visit needs are
/// stored together.
#[repr(C)]
pub struct CallTap {
    legs: [LegCounts; 3],
    last_media_ns: AtomicU64,
    /// The time from which on audio is kept for recordings that begin earlier.
    kept_from_ns: AtomicU64,
    /// Bit n is set if leg n has had a feed.
    fed: AtomicU8,
    /// The call is among the worker's urgent calls.
    pub(super) urgent: AtomicBool,
    points: Mutex<PointQueue>,
    /// Index of the call in its worker.
    pub(super) slot: AtomicUsize,
    key: u64,
    config: Arc<MediaConfig>,
    stats: Arc<MediaStats>,
    overflow: Arc<OverflowPool>,
    worker: Arc<WorkerInbox>,
    report: Arc<dyn MediaReport>,
    me: Weak<CallTap>,
}

pub(super) const NO_SLOT: usize = usize::MAX;

impl CallTap {
    /// Creates the call's media and registers it with its worker.
    pub fn new(
        key: u64,
        config: Arc<MediaConfig>,
        stats: Arc<MediaStats>,
        overflow: Arc<OverflowPool>,
        worker: Arc<WorkerInbox>,
        report: Arc<dyn MediaReport>,
    ) -> Arc<CallTap> {
        let call = Self::unregistered(key, config, stats, overflow, worker, report);
        call.worker.adopt(call.clone());
        call
    }

    pub(super) fn unregistered(
        key: u64,
        config: Arc<MediaConfig>,
        stats: Arc<MediaStats>,
        overflow: Arc<OverflowPool>,
        worker: Arc<WorkerInbox>,
        report: Arc<dyn MediaReport>,
    ) -> Arc<CallTap> {
        let now_ns = config.time.coarse_ns();
        Arc::new_cyclic(|me| CallTap {
            key,
            config,
            stats,
            overflow,
            worker,
            report,
            me: me.clone(),
            legs: Default::default(),
            points: Mutex::default(),
            last_media_ns: AtomicU64::new(now_ns),
            kept_from_ns: AtomicU64::new(0),
            fed: AtomicU8::new(0),
            urgent: AtomicBool::new(false),
            slot: AtomicUsize::new(NO_SLOT),
        })
    }

    pub fn key(&self) -> u64 {
        self.key
    }

    /// Coarse time of the latest arrival that the worker has seen, or of the call's beginning.
    pub fn last_media_ns(&self) -> u64 {
        self.last_media_ns.load(Ordering::Relaxed)
    }

    /// The coarse clock.
    pub fn now_ns(&self) -> u64 {
        self.config.time.coarse_ns()
    }

    pub fn start(&self, spec: TapSpec) {
        self.start_clocked(spec, || self.now_ns());
    }

    /// Starts a paused recording. No audio comes between the start and the pause.
    pub fn start_paused(&self, spec: TapSpec) {
        self.begin_clocked(spec, true, || self.now_ns());
    }

    pub fn pause(&self, id: Uuid) {
        self.set(PointAction::Pause(id), || self.now_ns());
    }

    pub fn resume(&self, id: Uuid) {
        self.set(PointAction::Resume(id), || self.now_ns());
    }

    pub fn stop(&self, id: Uuid, reason: EndReason) {
        self.set(PointAction::Stop(id, reason), || self.now_ns());
    }

    /// Sets whether the call is private. While it is, nothing is recorded.
    pub fn private(&self, on: bool) {
        let keeps_past = !on;
        self.set(PointAction::Private { on, keeps_past }, || self.now_ns());
    }

    /// The call waits for consent: as a private call, but its audio is kept for recordings that begin
    /// after the consent.
    pub fn await_consent(&self) {
        let action = PointAction::Private {
            on: true,
            keeps_past: true,
        };
        self.set(action, || self.now_ns());
    }

    /// Audio from longer than `age_ns` ago must not be in a recording that begins earlier.
    pub fn forget_before(&self, age_ns: u64) {
        if self.config.keeps_past() {
            self.set(PointAction::Forget { age_ns }, || self.now_ns());
        }
    }

    /// Whether audio may be kept for recordings that begin earlier. Nothing is, from before or during
    /// the time when it may not.
    pub fn keep_past(&self, on: bool) {
        if self.config.keeps_past() {
            self.set(PointAction::KeepPast(on), || self.now_ns());
        }
    }

    /// The time from which on audio is kept, if nothing has interrupted the call since. `None`:
    /// nothing is kept.
    pub fn kept_from_ns(&self) -> Option<u64> {
        let is_kept = self.config.keeps_past();
        is_kept.then(|| self.kept_from_ns.load(Ordering::Relaxed))
    }

    pub(super) fn keep_from(&self, ns: u64) {
        self.kept_from_ns.store(ns, Ordering::Relaxed);
    }

    pub fn hold(&self, on: bool) {
        self.set(PointAction::Hold(on), || self.now_ns());
    }

    /// Discards the audio that the feed has written ahead of the clock. Has no effect in stream
    /// time.
    pub fn clear(&self, leg: Leg) {
        if self.config.clock == ClockMode::Real {
            self.set(PointAction::Clear(leg), || self.now_ns());
        }
    }

    /// A digit was keyed in on a leg. Its tone began or ended now.
    pub fn note_digit(&self, leg: Leg, length_ns: u64) {
        if self.config.masks_dtmf {
            self.set(PointAction::Dtmf { leg, length_ns }, || self.now_ns());
        }
    }

    /// Ends the call: finishes its recordings, wakes the waiters of its feeds, and lets the worker
    /// drop the call.
    pub fn end(&self, reason: EndReason) {
        self.end_clocked(reason, || self.now_ns());
    }

    pub(super) fn start_clocked(&self, spec: TapSpec, clock: impl Fn() -> u64) {
        self.begin_clocked(spec, false, clock);
    }

    /// No audio comes between the start and the stop of the recording that it follows.
    fn begin_clocked(&self, spec: TapSpec, paused: bool, clock: impl Fn() -> u64) {
        let stop = spec
            .follows
            .map(|ended| PointAction::Stop(ended, EndReason::Transferred));
        let pause = paused.then_some(PointAction::BeginPaused(spec.id));
        let start = Some(PointAction::Start(Box::new(spec)));
        self.set_all([start, stop, pause].into_iter().flatten(), clock);
    }

    pub(super) fn end_clocked(&self, reason: EndReason, clock: impl Fn() -> u64) {
        self.set(PointAction::End(reason), clock);
        let mut points = self.points.lock();
        points.ended = true;
        points.waiters.iter().flatten().for_each(|w| w.close());
    }

    /// Notes a new feed for the first of these legs, or for both.
    pub(super) fn note_feed(&self, legs: [Leg; 2], waiter: &Arc<FeedWaiter>) {
        let fed = legs.map(|leg| 1 << leg as u8);
        self.fed.fetch_or(fed[0] | fed[1], Ordering::SeqCst);
        let mut points = self.points.lock();
        if points.ended {
            waiter.close();
        }
        points.waiters[legs[0] as usize] = Some(waiter.clone());
    }

    pub(super) fn set(&self, action: PointAction, clock: impl Fn() -> u64) {
        self.set_all([action], clock);
    }

    /// Sets the control points at one moment.
    fn set_all(&self, actions: impl IntoIterator<Item = PointAction>, clock: impl Fn() -> u64) {
        {
            let mut points = self.points.lock();
            let (clock_ns, counts) = (clock(), self.handed());
            points
                .queue
                .extend(actions.into_iter().map(|action| ControlPoint {
                    clock_ns,
                    counts,
                    action,
                }));
        }
        self.wake();
    }

    /// Requests a visit: at the next tick, in stream time immediately.
    pub(super) fn wake(&self) {
        if let Some(call) = self.me.upgrade() {
            let at_once = self.config.clock == ClockMode::Stream;
            if !self.urgent.swap(true, Ordering::SeqCst) {
                self.worker.request_visit(call, at_once);
            }
        }
    }

    pub(super) fn handed(&self) -> FedCounts {
        let fed = self.fed.load(Ordering::SeqCst);
        std::array::from_fn(|n| match fed & (1 << n) {
            0 => FeedCounters::default(),
            _ => self.legs[n].handed(),
        })
    }

    /// Must be called after `handed`.
    pub(super) fn take_points(&self, into: &mut VecDeque<ControlPoint>) {
        into.append(&mut self.points.lock().queue);
    }

    pub(super) fn counts(&self, leg: Leg) -> &LegCounts {
        &self.legs[leg as usize]
    }

    pub(super) fn config(&self) -> &Arc<MediaConfig> {
        &self.config
    }

    pub(super) fn overflow(&self) -> &Arc<OverflowPool> {
        &self.overflow
    }

    pub(super) fn report(&self) -> &dyn MediaReport {
        self.report.as_ref()
    }

    pub(super) fn stats(&self) -> &Arc<MediaStats> {
        &self.stats
    }

    pub(super) fn saw_media(&self, arrival_ns: u64) {
        self.last_media_ns.fetch_max(arrival_ns, Ordering::Relaxed);
    }
}

impl WaitedFor for CallTap {
    fn counts(&self, leg: Leg) -> &LegCounts {
        CallTap::counts(self, leg)
    }

    fn wake(&self) {
        CallTap::wake(self);
    }

    fn clock(&self) -> &dyn Clock {
        &*self.config.time
    }
}
