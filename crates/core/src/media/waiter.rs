//! Lets somebody wait until a feed takes something again, without holding the feed.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::counts::LegCounts;
use crate::clock::{Clock, NS_PER_MS};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::task::{self, NextStep, Readiness, Signal};
use crate::types::Leg;
use callrec_media::record::{HEADER, POSITION};

/// What a waiter needs of its call.
pub(super) trait WaitedFor: Send + Sync {
    fn counts(&self, leg: Leg) -> &LegCounts;

    /// The call is to be visited soon.
    fn wake(&self);

    fn clock(&self) -> &dyn Clock;
}

/// Waits for room in the memory, and for the time at which a refused write is not too
/// far ahead any more.
pub struct FeedWaiter {
    call: Weak<dyn WaitedFor>,
    leg: Leg,
    capacity: AtomicU64,
    /// When the write that was refused last would be taken; 0: none was refused.
    due_ns: AtomicU64,
    closed: AtomicBool,
    /// Signalled when one of these, or the room, may have changed.
    changed: Signal,
}

impl FeedWaiter {
    pub(super) fn new(call: Weak<dyn WaitedFor>, leg: Leg, capacity: usize) -> FeedWaiter {
        FeedWaiter {
            call,
            leg,
            capacity: AtomicU64::new(capacity as u64),
            due_ns: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            changed: Signal::default(),
        }
    }

    pub(super) fn set_capacity(&self, bytes: usize) {
        self.capacity.store(bytes as u64, Ordering::SeqCst);
    }

    /// A write was refused: it would be taken at `due_ns`. Called by the feeding thread.
    pub(super) fn not_before(&self, due_ns: u64) {
        self.due_ns.store(due_ns, Ordering::SeqCst);
    }

    /// Begins to wait for at most so long; [`FeedWaiter::poll`] says whether that is over.
    pub fn begin(&self, timeout: Duration) -> FeedWait {
        let call = self.call.upgrade();
        let now = call.map(|call| call.clock().now());
        FeedWait {
            deadline: now.and_then(|now| now.checked_add(timeout)),
        }
    }

    /// True once the largest write fits into the ring, and what was refused is due; false
    /// when time is up or the feed closed.
    pub fn poll(&self, wait: &FeedWait) -> Readiness<bool> {
        let Some(call) = self.call.upgrade() else {
            return Readiness::Ready(false);
        };
        if self.closed.load(Ordering::SeqCst) {
            return Readiness::Ready(false);
        }
        let room = self.has_room_or_asks(&*call);
        let early = self.early(call.clock().coarse_ns());
        if room && early.is_zero() {
            return Readiness::Ready(true);
        }
        if !room {
            call.wake();
        }
        let now = call.clock().now();
        if wait.deadline.is_some_and(|deadline| deadline <= now) {
            return Readiness::Ready(false);
        }
        let next = match room {
            true => sooner(wait.deadline, now + early),
            false => wait.deadline,
        };
        Readiness::Pending(next.map_or(NextStep::Signalled, NextStep::At))
    }

    /// The same for a thread that may wait.
    pub fn wait(&self, timeout: Duration) -> bool {
        let wait = self.begin(timeout);
        task::wait_until_ready(&self.changed, || self.poll(&wait))
    }

    /// Without room, the worker is asked to say when there is some.
    fn has_room_or_asks(&self, call: &dyn WaitedFor) -> bool {
        if self.has_room(call) {
            return true;
        }
        call.counts(self.leg).worker.waiting.store(true, Ordering::SeqCst);
        // Again, as the worker may have looked for waiters just before.
        self.has_room(call)
    }

    fn has_room(&self, call: &dyn WaitedFor) -> bool {
        let counts = call.counts(self.leg);
        let taken = counts.worker.taken.load(Ordering::SeqCst);
        let used = counts.handed.load(Ordering::SeqCst).saturating_sub(taken);
        let capacity = self.capacity.load(Ordering::SeqCst);
        capacity.saturating_sub(used) >= capacity / 4 + (HEADER + POSITION) as u64
    }

    /// How long a refused write is still too early.
    fn early(&self, now_ns: u64) -> Duration {
        let due_ns = self.due_ns.load(Ordering::SeqCst);
        if due_ns == 0 {
            return Duration::ZERO;
        }
        match due_ns.saturating_sub(now_ns) {
            0 => Duration::ZERO,
            // The coarse clock's steps are no shorter.
            ns => Duration::from_nanos(ns.max(NS_PER_MS)),
        }
    }

    /// What was written ahead was taken back: nothing is too early any more.
    pub(super) fn cleared(&self) {
        self.due_ns.store(0, Ordering::SeqCst);
        self.changed.notify_all();
    }

    /// The worker has taken something out.
    pub(super) fn drained(&self) {
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }
}

/// Somebody waits for a feed.
pub struct FeedWait {
    /// `None`: as long as it takes.
    deadline: Option<Instant>,
}

fn sooner(deadline: Option<Instant>, at: Instant) -> Option<Instant> {
    Some(deadline.map_or(at, |deadline| deadline.min(at)))
}
