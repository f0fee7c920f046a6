//! The queues between those who make events and those who are told.
//!
//! Each subscription has a queue of its own. At most 65,536 events wait in it; then
//! those that are no recording's last are dropped, visible as a gap in `sequence`.
//! What happens while nobody is subscribed waits for the next subscriber: what was
//! recovered, within the same bounds, and the latest 4,096 of the engine's own.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::event::{Event, LogLevel};
use super::event_queue::EarlyEvents;
use super::log_queue::LogQueue;
pub use super::subscription::{Listener, SubscriptionId};
use super::subscription::{LiveCalls, RefusedSubscription, Subscription, SubscriptionOptions};
use crate::sync::{self, Mutex, MutexGuard, catch_panic};
use crate::task::{self, NextStep, Part, Readiness, Runnable, Signal};
use crate::text::one_line;
use crate::types::{Error, Status};

/// Sees each event as it is published, in order, beside the subscriptions: nothing is
/// owed to it. Called under the bus's lock: it must not wait, nor call the bus.
pub trait Observer: Send + Sync {
    fn published(&self, event: &Arc<Event>);
}

pub trait LogListener: Send + Sync {
    fn log(&self, level: LogLevel, message: &str);
}

#[derive(Default)]
struct BusState {
    subscriptions: Vec<Subscription>,
    observers: Vec<Arc<dyn Observer>>,
    /// Waits for the first subscriber.
    early: EarlyEvents,
    had_subscriber: bool,
    /// Counts the events that every subscription is offered.
    sequence: u64,
    /// Counts all events.
    order: u64,
    next_id: u64,
    /// Whose callback runs now; 0: none's.
    running: SubscriptionId,
    log: Option<Arc<dyn LogListener>>,
    log_queue: LogQueue,
    log_running: bool,
    stopping: bool,
}

impl BusState {
    fn is_drained(&self) -> bool {
        let mut all = self.subscriptions.iter();
        let waiting = all.any(|subscription| !subscription.is_empty());
        let waiting = waiting || self.log.is_some() && !self.log_queue.is_empty();
        !waiting && self.running == 0 && !self.log_running
    }
}

#[derive(Default)]
pub struct Bus {
    state: Mutex<BusState>,
    /// Something waits to be told.
    work: Arc<Signal>,
    /// A callback has returned, or a queue is empty.
    idle: Signal,
    dropped: AtomicU64,
    /// How many subscriptions ask for the life of calls.
    call_subscribers: AtomicUsize,
}

/// A subscription that ends: its listener is told nothing more, and may still be in a callback.
pub struct EndingSubscription {
    removed: Subscription,
    /// The end was asked for inside its own callback, which is not waited for.
    is_inside: bool,
}

/// One event or one line in each step.
struct Dispatcher(Arc<Bus>);

impl Part for Dispatcher {
    fn step(&mut self, _: Instant) -> NextStep {
        self.0.deliver_next()
    }
}

sync::thread_local! {
    /// The bus whose callback this thread is in, by address, and the subscription.
    static INSIDE: Cell<(usize, SubscriptionId)> = const { Cell::new((0, 0)) };
}

fn inside() -> (usize, SubscriptionId) {
    INSIDE.with(Cell::get)
}

fn set_inside(place: (usize, SubscriptionId)) {
    INSIDE.with(|inside| inside.set(place));
}

impl Drop for EndingSubscription {
    /// The host no longer wants what waited: nothing of it is owed any more.
    fn drop(&mut self) {
        self.removed.release();
    }
}

impl Bus {
    pub fn new() -> Arc<Bus> {
        Arc::default()
    }

    /// Whether this thread is inside a callback of this bus.
    pub fn is_inside(&self) -> bool {
        inside().0 == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn publish(&self, event: Event) {
        let mut event = event;
        let mut state = self.state.lock();
        state.sequence += 1;
        state.order += 1;
        let sequence = state.sequence;
        event.order = state.order;
        event.expect_deliveries(state.subscriptions.len().max(1) as u32);
        let event = Arc::new(event);
        let mut undelivered = None;
        if !state.subscriptions.is_empty() {
            for subscription in &mut state.subscriptions {
                if !subscription.offer(sequence, Some(&event)) {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            self.work.notify_one();
        } else if !(state.stopping && state.had_subscriber) {
            undelivered = state.early.push((sequence, event.clone()));
        }
        // Whoever listened until a close ran out of time was not told: it stays owed.
        // Last: a panic in one of these keeps nobody else from being told.
        state.observers.iter().for_each(|one| one.published(&event));
        drop(state);
        if let Some((_, event)) = undelivered {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            event.delivered();
        }
    }

    /// Whether anybody asks for the life of calls. Exact where no subscription begins or ends
    /// meanwhile.
    pub fn has_call_subscribers(&self) -> bool {
        self.call_subscribers.load(Ordering::Relaxed) != 0
    }

    /// An event of a call's life, for those who ask for these alone: nothing is owed for it,
    /// and it waits for no first subscriber. `None`: there is no memory to make it, and it
    /// counts as dropped.
    pub fn publish_call(&self, event: Option<Event>) {
        let mut state = self.state.lock();
        state.order += 1;
        let (sequence, order) = (state.sequence, state.order);
        let asking = state
            .subscriptions
            .iter_mut()
            .filter(|subscription| subscription.options.calls);
        let event = event.map(|mut event| {
            event.order = order;
            event.expect_deliveries(self.call_subscribers.load(Ordering::Relaxed) as u32);
            Arc::new(event)
        });
        for subscription in asking {
            if !subscription.offer(sequence, event.as_ref()) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.work.notify_one();
    }

    /// After every change of the subscriptions.
    fn count_call_subscribers(&self, state: &BusState) {
        let all = state.subscriptions.iter();
        let asking = all.filter(|subscription| subscription.options.calls).count();
        self.call_subscribers.store(asking, Ordering::Relaxed);
    }

    /// Names and values that come from the host cannot forge a line of their own.
    pub fn log(&self, level: LogLevel, message: String) {
        let message = one_line(&message).into_owned();
        let mut state = self.state.lock();
        state.log_queue.push(level, message);
        if state.log.is_some() {
            self.work.notify_one();
        }
    }

    /// From here on, until `forget_observer`.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.state.lock().observers.push(observer);
    }

    pub fn forget_observer(&self, observer: &Arc<dyn Observer>) {
        let mut state = self.state.lock();
        state.observers.retain(|known| !Arc::ptr_eq(known, observer));
    }

    /// `Err`: the bus is stopping, and the listener is given back.
    pub fn subscribe(&self, listener: Arc<dyn Listener>) -> Result<SubscriptionId, Arc<dyn Listener>> {
        let subscribed = self.subscribe_with(SubscriptionOptions::default(), LiveCalls::default(), listener);
        subscribed.map_err(|refused| refused.listener)
    }

    /// `live`: told first, after what has waited for a subscriber.
    pub fn subscribe_with(
        &self,
        options: SubscriptionOptions,
        live: LiveCalls,
        listener: Arc<dyn Listener>,
    ) -> Result<SubscriptionId, RefusedSubscription> {
        let mut state = self.state.lock();
        if state.stopping {
            let error = Error::new(Status::Unavailable, "the engine is closing");
            return Err(RefusedSubscription { error, listener });
        }
        state.next_id += 1;
        let id = state.next_id;
        let queue = state.early.take();
        let newest = [state.sequence, state.order];
        state.had_subscriber = true;
        state
            .subscriptions
            .push(Subscription::new(id, listener, options, queue, live, newest));
        self.count_call_subscribers(&state);
        self.work.notify_one();
        Ok(id)
    }

    /// Begins to end a subscription; `None`: there is no such one. No further callback of it
    /// begins. [`Bus::poll_ended`] says when the last one has returned.
    pub fn begin_unsubscribe(&self, id: SubscriptionId) -> Option<EndingSubscription> {
        let mut state = self.state.lock();
        let mut all = state.subscriptions.iter();
        let position = all.position(|subscription| subscription.id == id)?;
        let removed = state.subscriptions.remove(position);
        self.count_call_subscribers(&state);
        Some(EndingSubscription {
            removed,
            is_inside: inside() == (self.address(), id),
        })
    }

    /// Whether the last callback has returned; inside that very callback, at once.
    pub fn poll_ended(&self, ending: &EndingSubscription) -> Readiness<()> {
        match self.state.lock().running == ending.removed.id && !ending.is_inside {
            true => Readiness::Pending(NextStep::Signalled),
            false => Readiness::Ready(()),
        }
    }

    /// The same for a thread that may wait: returns after the last callback has returned.
    /// `false`: there is no such subscription.
    pub fn unsubscribe(&self, id: SubscriptionId) -> bool {
        let Some(ending) = self.begin_unsubscribe(id) else {
            return false;
        };
        task::wait_until_ready(&self.idle, || self.poll_ended(&ending));
        true
    }

    /// Replaces the log's listener, without waiting: the old one is dropped after its
    /// last call, by whoever lets go of it last.
    pub fn set_log(&self, listener: Option<Arc<dyn LogListener>>) {
        let mut state = self.state.lock();
        let old = std::mem::replace(&mut state.log, listener);
        self.work.notify_one();
        drop(state);
        drop(old);
    }

    /// Tells its events and lines. Over once the bus has stopped.
    pub fn dispatcher(self: &Arc<Bus>) -> Runnable {
        Runnable::of(self.work.clone(), Dispatcher(self.clone()))
    }

    /// Tells one line of the log or one event.
    fn deliver_next(&self) -> NextStep {
        let mut state = self.state.lock();
        if self.deliver_log(&mut state) || self.deliver_event(&mut state) {
            return NextStep::Now;
        }
        self.idle.notify_all();
        match state.stopping {
            true => NextStep::Over,
            false => NextStep::Signalled,
        }
    }

    fn deliver_log(&self, state: &mut MutexGuard<'_, BusState>) -> bool {
        let Some(listener) = state.log.clone() else {
            return false;
        };
        let Some((level, message)) = state.log_queue.pop() else {
            return false;
        };
        state.log_running = true;
        MutexGuard::unlocked(state, || {
            set_inside((self.address(), 0));
            // A line that cannot be told is worth no other line.
            let _ = catch_panic(|| listener.log(level, &message));
            set_inside((0, 0));
            drop(listener);
        });
        state.log_running = false;
        self.idle.notify_all();
        true
    }

    /// Tells the event that has waited longest.
    fn deliver_event(&self, state: &mut MutexGuard<'_, BusState>) -> bool {
        let waiting = state
            .subscriptions
            .iter_mut()
            .filter(|subscription| !subscription.is_empty());
        let next = waiting.min_by_key(|subscription| subscription.first_order());
        let Some(subscription) = next else {
            return false;
        };
        let Some((sequence, event)) = subscription.pop() else {
            return false;
        };
        let (id, listener) = (subscription.id, subscription.listener.clone());
        state.running = id;
        MutexGuard::unlocked(state, || {
            set_inside((self.address(), id));
            let told = catch_panic(|| listener.event(&event, sequence));
            // If it unsubscribed itself, this is the last one, and frees the host's data here.
            drop(listener);
            set_inside((0, 0));
            // What could not be told stays owed: the next open tells it.
            if let Err(panic) = told.and_then(|()| catch_panic(|| event.delivered())) {
                let kind = event.kind.text();
                self.log(LogLevel::Error, format!("event {sequence} ({kind}): {panic}"));
            }
        });
        state.running = 0;
        self.idle.notify_all();
        true
    }

    /// Whether all that was published has been told.
    pub fn is_drained(&self) -> bool {
        self.state.lock().is_drained()
    }

    /// Waits until all that was published has been told; false when time ran out.
    pub fn drain(&self, deadline: Instant) -> bool {
        task::wait_until_ready(&self.idle, || match self.is_drained() {
            true => Readiness::Ready(true),
            false if deadline <= Instant::now() => Readiness::Ready(false),
            false => Readiness::Pending(NextStep::At(deadline)),
        })
    }

    /// Whether no callback runs.
    fn poll_idle(&self) -> Readiness<()> {
        let state = self.state.lock();
        match state.running != 0 || state.log_running {
            true => Readiness::Pending(NextStep::Signalled),
            false => Readiness::Ready(()),
        }
    }

    /// What nobody ever subscribed for; empty if anybody did.
    pub fn undelivered(&self) -> Vec<Arc<Event>> {
        let mut state = self.state.lock();
        if state.had_subscriber {
            return Vec::new();
        }
        let early = state.early.take();
        early.iter().map(|(_, event)| event.clone()).collect()
    }

    /// No further callback begins; listeners are freed after their last call. What
    /// has not been told stays owed. Waits for a running callback only if `wait`.
    pub fn stop(&self, wait: bool) {
        let mut state = self.state.lock();
        state.stopping = true;
        let gone = std::mem::take(&mut state.subscriptions);
        self.count_call_subscribers(&state);
        let log = state.log.take();
        self.work.notify_all();
        drop(state);
        if wait {
            task::wait_until_ready(&self.idle, || self.poll_idle());
        }
        drop(gone);
        drop(log);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
