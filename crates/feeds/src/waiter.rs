//! Waits until a feed accepts writes again, without holding the feed.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::counts::LegCounts;
use callrec_base::clock::{Clock, NS_PER_MS};
use callrec_base::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use callrec_base::task::{self, NextStep, Readiness, Signal};
use callrec_base::types::Leg;
use callrec_media::packet::{HEADER, POSITION};

/// The call of a waiter.
pub(super) trait WaitedFor: Send + Sync {
    fn counts(&self, leg: Leg) -> &LegCounts;

    /// Requests a visit of the call.
    fn wake(&self);

    fn clock(&self) -> &dyn Clock;
}

/// Waits for free space in the ring, and until a refused write is no longer too far ahead.
pub struct FeedWaiter {
    call: Weak<dyn WaitedFor>,
    leg: Leg,
    capacity: AtomicU64,
    /// When the latest refused write would be accepted; 0 if none was refused.
    due_ns: AtomicU64,
    closed: AtomicBool,
    /// Notified when one of these fields or the free space may have changed.
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

    /// A write was refused that would be accepted at `due_ns`. Called by the feeding thread.
    pub(super) fn not_before(&self, due_ns: u64) {
        self.due_ns.store(due_ns, Ordering::SeqCst);
    }

    /// Begins a wait of at most `timeout`, which [`FeedWaiter::poll`] continues.
    pub fn begin(&self, timeout: Duration) -> FeedWait {
        let call = self.call.upgrade();
        let now = call.map(|call| call.clock().now());
        FeedWait {
            deadline: now.and_then(|now| now.checked_add(timeout)),
        }
    }

    /// Ready with `true` when the largest write fits into the ring and the refused write is due, and
    /// with `false` at the deadline or when the feed is closed.
    pub fn poll(&self, wait: &FeedWait) -> Readiness<bool> {
        let Some(call) = self.call.upgrade() else {
            return Readiness::Ready(false);
        };
        if self.closed.load(Ordering::SeqCst) {
            return Readiness::Ready(false);
        }
        let has_space = self.has_space_or_requests_wakeup(&*call);
        let early = self.early(call.clock().coarse_ns());
        if has_space && early.is_zero() {
            return Readiness::Ready(true);
        }
        if !has_space {
            call.wake();
        }
        let now = call.clock().now();
        if wait.deadline.is_some_and(|deadline| deadline <= now) {
            return Readiness::Ready(false);
        }
        let next = match has_space {
            true => sooner(wait.deadline, now + early),
            false => wait.deadline,
        };
        Readiness::Pending(next.map_or(NextStep::Signalled, NextStep::At))
    }

    /// Blocks the calling thread. Returns the value of [`FeedWaiter::poll`].
    pub fn wait(&self, timeout: Duration) -> bool {
        let wait = self.begin(timeout);
        task::wait_until_ready(&self.changed, || self.poll(&wait))
    }

    /// If there is no free space, the worker will notify this waiter when there is.
    fn has_space_or_requests_wakeup(&self, call: &dyn WaitedFor) -> bool {
        if self.has_space(call) {
            return true;
        }
        call.counts(self.leg).worker.waiting.store(true, Ordering::SeqCst);
        // Checked again, because the worker may have looked for waiters just before.
        self.has_space(call)
    }

    fn has_space(&self, call: &dyn WaitedFor) -> bool {
        let counts = call.counts(self.leg);
        let taken = counts.worker.taken.load(Ordering::SeqCst);
        let used = counts.handed.load(Ordering::SeqCst).saturating_sub(taken);
        let capacity = self.capacity.load(Ordering::SeqCst);
        capacity.saturating_sub(used) >= capacity / 4 + (HEADER + POSITION) as u64
    }

    /// Time until the refused write is due.
    fn early(&self, now_ns: u64) -> Duration {
        let due_ns = self.due_ns.load(Ordering::SeqCst);
        if due_ns == 0 {
            return Duration::ZERO;
        }
        match due_ns.saturating_sub(now_ns) {
            0 => Duration::ZERO,
            // The coarse clock has no shorter steps.
            ns => Duration::from_nanos(ns.max(NS_PER_MS)),
        }
    }

    /// Audio written ahead was discarded, so no write is too early.
    pub(super) fn cleared(&self) {
        self.due_ns.store(0, Ordering::SeqCst);
        self.changed.notify_all();
    }

    /// The worker has read from the ring.
    pub(super) fn drained(&self) {
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }
}

/// One wait for a feed.
pub struct FeedWait {
    /// `None`: without limit.
    deadline: Option<Instant>,
}

fn sooner(deadline: Option<Instant>, at: Instant) -> Option<Instant> {
    Some(deadline.map_or(at, |deadline| deadline.min(at)))
}
