//! A media worker. It visits each of its calls every 100 ms, or less often while no recording is due
//! and the rings of the feeds have enough free space. With few calls, and while nothing is
//! recorded, it sleeps until the next visit is due. Control calls wake it; packets do not.
//! In stream time, where a host feeds as fast as the rings take it, it looks for filling rings more
//! often as long as it finds any.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ClockMode;
use super::call::{CallMedia, VisitTimes};
use super::call_tap::{CallTap, NO_SLOT, WorkerInbox};
use super::drain::Scratch;
use callrec_base::memory::PieceVec;
use callrec_base::sync::atomic::Ordering;
use callrec_base::task::{NextStep, Part, Runnable};

const TICK: Duration = Duration::from_millis(20);
/// Number of ticks per visit of a call.
const PHASES: usize = 5;
const LAG_WINDOW: Duration = Duration::from_secs(1);
/// With at most this many calls, the worker visits all that are due at once, and sleeps until the
/// next one is. With more of them, all visits of a round at once would delay other work.
const FEW_CALLS: usize = 256;
/// A look at more slots than these, for few calls after many, is not worth it.
const FEW_SLOTS: usize = 4096;
/// Stream time: the interval of the looks for filling rings.
const STREAM_TICK: Duration = Duration::from_millis(1);
/// Resolution of the coarse clock, rounded up.
const COARSE: Duration = Duration::from_millis(5);

/// The worker. It finishes when its inbox was stopped and every call was visited once more.
pub(super) struct Worker {
    inbox: Arc<WorkerInbox>,
    stream: bool,
    /// In pieces, so that a new call moves few of the others.
    calls: PieceVec<Option<CallMedia>>,
    /// When each of them must be visited: apart from them, so that a look at all touches little
    /// memory.
    visit_times: PieceVec<VisitTimes>,
    free: PieceVec<usize>,
    phase: usize,
    scratch: Scratch,
    /// Time of the next tick, or of the end of the sleep.
    tick: Instant,
    is_asleep: bool,
    /// Calls with more to render than one visit allows, in the order of their next visits.
    behind: VecDeque<usize>,
    /// A recorded call was visited in this round.
    is_recording: bool,
    /// Stream time: when to look for filling rings again.
    look: Instant,
    /// Stream time: a ring was filling at the latest look.
    is_filling: bool,
    lag: Duration,
    lag_since: Instant,
}

impl WorkerInbox {
    pub fn worker(self: &Arc<WorkerInbox>) -> Runnable {
        Runnable::of(self.signal().clone(), Worker::new(self.clone()))
    }
}

impl Part for Worker {
    fn step(&mut self, _: Instant) -> NextStep {
        if self.serve() {
            return NextStep::Over;
        }
        // Read again, because serving may have taken long.
        let now = self.inbox.config.time.now();
        if self.stream && now >= self.look {
            self.visit_filling();
            self.look = now + if self.is_filling { STREAM_TICK } else { TICK };
        }
        if std::mem::take(&mut self.is_asleep) {
            self.wake(now);
        } else if now >= self.tick {
            self.tick_late(now);
        }
        self.next_step()
    }
}

impl Worker {
    pub(super) fn new(inbox: Arc<WorkerInbox>) -> Worker {
        let now = inbox.config.time.now();
        Worker {
            stream: inbox.config.clock == ClockMode::Stream,
            inbox,
            calls: PieceVec::default(),
            visit_times: PieceVec::default(),
            free: PieceVec::default(),
            phase: 0,
            scratch: Scratch::default(),
            tick: now + TICK,
            is_asleep: false,
            behind: VecDeque::new(),
            is_recording: true,
            look: now,
            is_filling: false,
            lag: Duration::ZERO,
            lag_since: now,
        }
    }

    fn tick_late(&mut self, now: Instant) {
        let late = now - self.tick;
        self.note_lag(now, late);
        // Runs every phase that is due, each at most once, so that a call's visit is delayed no
        // longer than the thread was.
        let due = 1 + late.as_nanos() / TICK.as_nanos();
        let phases = due.min(PHASES as u128) as u32;
        for _ in 0..phases {
            self.tick();
        }
        self.tick += TICK * phases;
        if late > TICK * PHASES as u32 {
            self.tick = self.inbox.config.time.now() + TICK;
        }
    }

    /// Ends a sleep: at its time, every call is visited at once. A request is followed by ticks.
    fn wake(&mut self, now: Instant) {
        if now >= self.tick {
            self.note_lag(now, now - self.tick);
            let ticks = if self.has_few_calls() { 1 } else { PHASES };
            (0..ticks).for_each(|_| self.tick());
        }
        self.tick = now + TICK;
    }

    /// Sleeps if no call is to be visited soon.
    fn next_step(&mut self) -> NextStep {
        if self.is_filling {
            return NextStep::At(self.tick.min(self.look));
        }
        let is_round_over = self.phase == 0;
        let may_sleep = self.has_few_calls() || is_round_over && !std::mem::take(&mut self.is_recording);
        if may_sleep {
            let now_ns = self.inbox.config.time.coarse_ns();
            let until_ns = self.first_visit_ns(now_ns);
            let wait = Duration::from_nanos(until_ns.saturating_sub(now_ns));
            if wait > 2 * TICK && self.inbox.sleep() {
                self.is_asleep = true;
                if until_ns == u64::MAX {
                    self.clear_lag();
                    return NextStep::Signalled;
                }
                self.tick = self.inbox.config.time.now() + wait + COARSE;
            }
        }
        NextStep::At(self.tick)
    }

    fn has_few_calls(&self) -> bool {
        let live = self.calls.len() - self.free.len();
        live <= FEW_CALLS && self.calls.len() <= FEW_SLOTS
    }

    /// When the first call must be visited; at most `now_ns` if one needs the ticks.
    fn first_visit_ns(&self, now_ns: u64) -> u64 {
        let mut first_ns = u64::MAX;
        for slot in 0..self.visit_times.len() {
            let times = self.visit_times.get(slot);
            first_ns = first_ns.min(times.map_or(u64::MAX, VisitTimes::first_ns));
            if first_ns <= now_ns {
                break;
            }
        }
        first_ns
    }

    /// Handles the requests in the inbox. Returns `true` when the worker has been stopped.
    pub(super) fn serve(&mut self) -> bool {
        let arrivals = self.inbox.take();
        arrivals.adopted.for_each(|call| self.adopt(call));
        for call in arrivals.urgent {
            call.urgent.store(false, Ordering::SeqCst);
            self.visit(call.slot.load(Ordering::Relaxed));
        }
        if arrivals.stop {
            (0..self.calls.len()).for_each(|slot| self.visit_last(slot));
        }
        arrivals.stop
    }

    /// Visits a call until all of its audio has been processed or it is blocked.
    fn visit_last(&mut self, slot: usize) {
        if let Some(Some(call)) = self.calls.get_mut(slot) {
            call.set_last_visit();
        }
        self.visit(slot);
        let needs_more = |call: &CallMedia| call.is_behind() && !call.is_blocked();
        while self.call(slot).is_some_and(needs_more) {
            self.visit(slot);
        }
    }

    fn call(&self, slot: usize) -> Option<&CallMedia> {
        self.calls.get(slot).and_then(Option::as_ref)
    }

    fn adopt(&mut self, call: Arc<CallTap>) {
        let slot = self.free.pop().unwrap_or(self.calls.len());
        call.slot.store(slot, Ordering::Relaxed);
        let state = Some(CallMedia::new(call));
        match self.calls.get_mut(slot) {
            Some(entry) => *entry = state,
            None => {
                self.calls.push(state);
                self.visit_times.push(VisitTimes::default());
            }
        }
        self.note_times(slot, VisitTimes::default());
    }

    fn note_times(&mut self, slot: usize, times: VisitTimes) {
        if let Some(entry) = self.visit_times.get_mut(slot) {
            *entry = times;
        }
    }

    fn tick(&mut self) {
        if let Some(overflow) = self.inbox.overflow.get() {
            overflow.prepare();
        }
        self.phase = (self.phase + 1) % PHASES;
        let now_ns = self.inbox.config.time.coarse_ns();
        let next_ns = (TICK * PHASES as u32).as_nanos() as u64;
        let (first, step) = match self.has_few_calls() {
            true => (0, 1),
            false => (self.phase, PHASES),
        };
        // One at each tick, beside the calls whose turn it is.
        let behind = self.behind.pop_front();
        if let Some(slot) = behind {
            self.visit(slot);
        }
        for slot in (first..self.calls.len()).step_by(step) {
            if behind == Some(slot) {
                continue;
            }
            let times = self.visit_times.get(slot);
            if times.is_some_and(|times| times.is_due(now_ns, next_ns)) {
                self.visit(slot);
            }
        }
    }

    /// Stream time: visits the calls of which a ring is filling, a sink is blocked, or a long silence
    /// is not yet rendered.
    fn visit_filling(&mut self) {
        self.is_filling = false;
        for slot in 0..self.calls.len() {
            let is_filling = self.call(slot).is_some_and(CallMedia::is_ring_filling);
            if is_filling || self.call(slot).is_some_and(CallMedia::needs_visit) {
                self.visit(slot);
                self.is_filling |= is_filling && !self.call(slot).is_some_and(CallMedia::is_blocked);
            }
        }
    }

    fn visit(&mut self, slot: usize) {
        let Some(entry) = self.calls.get_mut(slot) else {
            return;
        };
        let Some(state) = entry else {
            return;
        };
        state.visit_guarded(self.inbox.config.time.coarse_ns(), &mut self.scratch);
        let mut times = state.visit_times();
        self.is_recording |= !times.is_idle;
        if !self.stream && state.needs_visit() && !self.behind.contains(&slot) {
            self.behind.push_back(slot);
        }
        if state.is_over() {
            state.call.slot.store(NO_SLOT, Ordering::Relaxed);
            *entry = None;
            self.free.push(slot);
            times = VisitTimes::NEVER;
        }
        self.note_times(slot, times);
    }

    /// A worker that sleeps without a time has no ticks whose lag would replace the last one.
    fn clear_lag(&mut self) {
        self.lag = Duration::ZERO;
        self.inbox.stats.note_lag(self.inbox.index, 0);
    }

    fn note_lag(&mut self, now: Instant, lag: Duration) {
        self.lag = self.lag.max(lag);
        if now.duration_since(self.lag_since) >= LAG_WINDOW {
            let ns = u64::try_from(self.lag.as_nanos()).unwrap_or(u64::MAX);
            self.inbox.stats.note_lag(self.inbox.index, ns);
            self.lag = Duration::ZERO;
            self.lag_since = now;
        }
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::sim::config;

    /// As on Windows, where a wait ends at the next multiple of 15.625 ms.
    #[test]
    fn a_coarse_timer_delays_ticks_but_loses_none() {
        const STEP_US: u128 = 15_625;
        let inbox = WorkerInbox::new(Arc::new(config(ClockMode::Real)), Arc::default(), 0);
        let mut worker = Worker::new(inbox);
        let begin = worker.tick - TICK;
        let (mut ticks, mut now) = (0, begin);
        while now < begin + Duration::from_secs(10) {
            let steps = (worker.tick - begin).as_micros().div_ceil(STEP_US);
            now = begin + Duration::from_micros((steps * STEP_US) as u64);
            assert!(now - worker.tick < Duration::from_micros(STEP_US as u64));
            let before = worker.phase;
            worker.tick_late(now);
            ticks += (worker.phase + PHASES - before) % PHASES;
        }
        assert_eq!(ticks, 500);
    }
}
