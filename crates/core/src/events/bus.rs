//! The queues between publishers and subscribers of events.
//!
//! Each subscription has its own queue of at most 65,536 events. When it is full, events other
//! than a recording's last one are dropped, which shows as a gap in `sequence`. Events published
//! without any subscriber wait for the next one: those of recovered recordings within the same
//! limit, and the latest 4,096 of the engine's own.

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

/// Receives each event when it is published, in order. An event is not owed to an observer.
/// Called under the bus's lock: must not wait and must not call the bus.
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
    /// Waits for the next subscriber.
    early: EarlyEvents,
    had_subscriber: bool,
    /// Number of events offered to every subscription.
    sequence: u64,
    /// Number of all events.
    order: u64,
    next_id: u64,
    /// The subscription whose callback is running; 0 for none.
    running: SubscriptionId,
    log: Option<Arc<dyn LogListener>>,
    log_queue: LogQueue,
    log_running: bool,
    stopping: bool,
}

impl BusState {
    fn is_drained(&self) -> bool {
        let mut all = self.subscriptions.iter();
        let pending = all.any(|subscription| !subscription.is_empty());
        let pending = pending || self.log.is_some() && !self.log_queue.is_empty();
        !pending && self.running == 0 && !self.log_running
    }
}

#[derive(Default)]
pub struct Bus {
    state: Mutex<BusState>,
    /// Notified when an event or a log line is pending.
    work: Arc<Signal>,
    /// Notified when a callback has returned or nothing is pending.
    idle: Signal,
    dropped: AtomicU64,
    /// Number of subscriptions to call events.
    call_subscribers: AtomicUsize,
}

/// A removed subscription. No further callback begins; one may still be running.
pub struct EndingSubscription {
    removed: Subscription,
    /// It was removed inside its own callback, which must not be waited for.
    is_inside: bool,
}

/// Delivers one event or one log line in each step.
struct Dispatcher(Arc<Bus>);

impl Part for Dispatcher {
    fn step(&mut self, _: Instant) -> NextStep {
        self.0.deliver_next()
    }
}

sync::thread_local! {
    /// Address of the bus and id of the subscription whose callback this thread runs.
    static INSIDE: Cell<(usize, SubscriptionId)> = const { Cell::new((0, 0)) };
}

fn inside() -> (usize, SubscriptionId) {
    INSIDE.with(Cell::get)
}

fn set_inside(current: (usize, SubscriptionId)) {
    INSIDE.with(|inside| inside.set(current));
}

impl Drop for EndingSubscription {
    /// Pending events of a removed subscription are no longer owed.
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
        // An event after a close that ran out of time is not delivered and stays owed.
        // Observers come last, so that a panic in one does not prevent a delivery.
        state
            .observers
            .iter()
            .for_each(|observer| observer.published(&event));
        drop(state);
        if let Some((_, event)) = undelivered {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            event.delivered();
        }
    }

    /// Whether anybody subscribes to events.
    pub fn has_subscribers(&self) -> bool {
        !self.state.lock().subscriptions.is_empty()
    }

    /// Whether any subscription includes call events. Exact unless a subscription begins or ends
    /// at the same time.
    pub fn has_call_subscribers(&self) -> bool {
        self.call_subscribers.load(Ordering::Relaxed) != 0
    }

    /// Publishes a call event to the subscriptions that include them. It is not owed and does not
    /// wait for a subscriber. `None`: there was no memory for the event, which counts as dropped.
    pub fn publish_call(&self, event: Option<Event>) {
        let mut state = self.state.lock();
        state.order += 1;
        let (sequence, order) = (state.sequence, state.order);
        let subscribers = state
            .subscriptions
            .iter_mut()
            .filter(|subscription| subscription.options.calls);
        let event = event.map(|mut event| {
            event.order = order;
            event.expect_deliveries(self.call_subscribers.load(Ordering::Relaxed) as u32);
            Arc::new(event)
        });
        for subscription in subscribers {
            if !subscription.offer(sequence, event.as_ref()) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.work.notify_one();
    }

    /// Called after every change of the subscriptions.
    fn count_call_subscribers(&self, state: &BusState) {
        let all = state.subscriptions.iter();
        let count = all.filter(|subscription| subscription.options.calls).count();
        self.call_subscribers.store(count, Ordering::Relaxed);
    }

    /// Queues a log line. Control characters are escaped, so that text from the host cannot forge
    /// a line.
    pub fn log(&self, level: LogLevel, message: String) {
        let message = one_line(&message).into_owned();
        let mut state = self.state.lock();
        state.log_queue.push(level, message);
        if state.log.is_some() {
            self.work.notify_one();
        }
    }

    /// Adds an observer, until `forget_observer`.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.state.lock().observers.push(observer);
    }

    pub fn forget_observer(&self, observer: &Arc<dyn Observer>) {
        let mut state = self.state.lock();
        state.observers.retain(|known| !Arc::ptr_eq(known, observer));
    }

    /// Subscribes with default options. Returns the listener if the bus is stopping.
    pub fn subscribe(&self, listener: Arc<dyn Listener>) -> Result<SubscriptionId, Arc<dyn Listener>> {
        let subscribed = self.subscribe_with(SubscriptionOptions::default(), LiveCalls::default(), listener);
        subscribed.map_err(|refused| refused.listener)
    }

    /// Subscribes. The events of `live` follow those that have waited for a subscriber.
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

    /// Removes a subscription, or returns `None` if it does not exist. No further callback of it
    /// begins. [`Bus::poll_ended`] reports when the last one has returned.
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

    /// Ready when the last callback has returned, or immediately inside that callback.
    pub fn poll_ended(&self, ending: &EndingSubscription) -> Readiness<()> {
        match self.state.lock().running == ending.removed.id && !ending.is_inside {
            true => Readiness::Pending(NextStep::Signalled),
            false => Readiness::Ready(()),
        }
    }

    /// Removes a subscription and blocks until its last callback has returned. Returns `false` if
    /// the subscription does not exist.
    pub fn unsubscribe(&self, id: SubscriptionId) -> bool {
        let Some(ending) = self.begin_unsubscribe(id) else {
            return false;
        };
        task::wait_until_ready(&self.idle, || self.poll_ended(&ending));
        true
    }

    /// Replaces the log listener without waiting. The old one is dropped after its last call, on
    /// the thread that holds it last.
    pub fn set_log(&self, listener: Option<Arc<dyn LogListener>>) {
        let mut state = self.state.lock();
        let old = std::mem::replace(&mut state.log, listener);
        self.work.notify_one();
        drop(state);
        drop(old);
    }

    /// The part that delivers events and log lines. It finishes when the bus has stopped.
    pub fn dispatcher(self: &Arc<Bus>) -> Runnable {
        Runnable::of(self.work.clone(), Dispatcher(self.clone()))
    }

    /// Delivers one log line or one event.
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
            // A panic of the log listener is not logged.
            let _ = catch_panic(|| listener.log(level, &message));
            set_inside((0, 0));
            drop(listener);
        });
        state.log_running = false;
        self.idle.notify_all();
        true
    }

    /// Delivers the event that has waited longest.
    fn deliver_event(&self, state: &mut MutexGuard<'_, BusState>) -> bool {
        let pending = state
            .subscriptions
            .iter_mut()
            .filter(|subscription| !subscription.is_empty());
        let next = pending.min_by_key(|subscription| subscription.first_order());
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
            let delivered = catch_panic(|| listener.event(&event, sequence));
            // The last reference, if the callback unsubscribed itself: frees the host's data here.
            drop(listener);
            set_inside((0, 0));
            // An event whose callback panicked stays owed to the next open.
            if let Err(panic) = delivered.and_then(|()| catch_panic(|| event.delivered())) {
                let kind = event.kind.text();
                self.log(
                    LogLevel::Error,
                    format!("a fault inside callrec while it delivered event {sequence} ({kind}): {panic}"),
                );
            }
        });
        state.running = 0;
        self.idle.notify_all();
        true
    }

    /// Whether everything that was published has been delivered.
    pub fn is_drained(&self) -> bool {
        self.state.lock().is_drained()
    }

    /// Waits until everything that was published has been delivered. Returns `false` at `deadline`.
    pub fn drain(&self, deadline: Instant) -> bool {
        task::wait_until_ready(&self.idle, || match self.is_drained() {
            true => Readiness::Ready(true),
            false if deadline <= Instant::now() => Readiness::Ready(false),
            false => Readiness::Pending(NextStep::At(deadline)),
        })
    }

    /// Ready when no callback is running.
    fn poll_idle(&self) -> Readiness<()> {
        let state = self.state.lock();
        match state.running != 0 || state.log_running {
            true => Readiness::Pending(NextStep::Signalled),
            false => Readiness::Ready(()),
        }
    }

    /// The events that waited for a subscriber, if there never was one; otherwise empty.
    pub fn undelivered(&self) -> Vec<Arc<Event>> {
        let mut state = self.state.lock();
        if state.had_subscriber {
            return Vec::new();
        }
        let early = state.early.take();
        early.iter().map(|(_, event)| event.clone()).collect()
    }

    /// Stops the bus: no further callback begins, listeners are freed after their last call, and
    /// undelivered events stay owed. Waits for a running callback only if `wait`.
    pub fn stop(&self, wait: bool) {
        let mut state = self.state.lock();
        state.stopping = true;
        let removed = std::mem::take(&mut state.subscriptions);
        self.count_call_subscribers(&state);
        let log = state.log.take();
        self.work.notify_all();
        drop(state);
        if wait {
            task::wait_until_ready(&self.idle, || self.poll_idle());
        }
        drop(removed);
        drop(log);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
