//! One subscription: its options and its pending events.

use std::sync::Arc;

use super::event::{Event, EventKind, FLAG_LIVE};
use super::event_queue::{EventQueue, NumberedEvent};
use super::subject::CallFacts;
use crate::calls::CallInfo;
use crate::types::Error;

pub type SubscriptionId = u64;

/// Receives the events of a subscription. Dropped after the last call, with no lock held.
pub trait Listener: Send + Sync {
    fn event(&self, event: &Event, sequence: u64);
}

/// Optional events of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// Call events: begun, updated, ended.
    pub calls: bool,
}

/// A refused subscription, with its listener.
pub struct RefusedSubscription {
    pub error: Error,
    pub listener: Arc<dyn Listener>,
}

/// The calls that are live when a subscription begins. Each is delivered as a `CallBegan`, without
/// limit. The events are created one by one on delivery.
#[derive(Default)]
pub struct LiveCalls {
    calls: std::vec::IntoIter<(u64, Arc<CallInfo>)>,
    time_ms: i64,
    /// The number of the latest delivered event.
    sequence: u64,
    order: u64,
}

impl LiveCalls {
    /// `calls`: number and description of each call at `time_ms`.
    pub fn new(calls: Vec<(u64, Arc<CallInfo>)>, time_ms: i64) -> LiveCalls {
        LiveCalls {
            calls: calls.into_iter(),
            time_ms,
            sequence: 0,
            order: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.calls.as_slice().is_empty()
    }

    fn pop(&mut self) -> Option<NumberedEvent> {
        let (number, info) = self.calls.next()?;
        let facts = CallFacts::new(number, info);
        let mut event = Event::of_call(EventKind::CallBegan, self.time_ms, facts);
        event.flags = FLAG_LIVE;
        event.expect_deliveries(1);
        self.sequence += 1;
        Some((self.sequence, Arc::new(event)))
    }
}

pub(super) struct Subscription {
    pub id: SubscriptionId,
    pub listener: Arc<dyn Listener>,
    pub options: SubscriptionOptions,
    queue: EventQueue,
    live: LiveCalls,
    /// Number of offered events that other subscriptions do not receive. This subscription's
    /// numbers are higher by this many, so that only a dropped event causes a gap.
    extra: u64,
}

impl Subscription {
    /// `queue`: the events that waited for a subscriber. `sequence` and `order`: those of the newest
    /// event.
    pub fn new(
        id: SubscriptionId,
        listener: Arc<dyn Listener>,
        options: SubscriptionOptions,
        queue: EventQueue,
        mut live: LiveCalls,
        [sequence, order]: [u64; 2],
    ) -> Subscription {
        live.sequence = sequence;
        live.order = order;
        Subscription {
            id,
            listener,
            options,
            extra: live.calls.len() as u64,
            queue,
            live,
        }
    }

    /// Queues an event. `sequence`: that of the newest event offered to every subscription. `None`:
    /// the event could not be created. Returns `false` if it or another event was dropped.
    pub fn offer(&mut self, sequence: u64, event: Option<&Arc<Event>>) -> bool {
        let Some(event) = event else {
            self.extra += 1;
            return false;
        };
        if event.kind.is_call_lifecycle() {
            self.extra += 1;
        }
        self.queue.push((sequence + self.extra, event.clone())).is_none()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.live.is_empty()
    }

    /// The position of the next event among all events of the bus.
    pub fn first_order(&self) -> Option<u64> {
        let live = (!self.live.is_empty()).then_some(self.live.order);
        self.queue.first_order().into_iter().chain(live).min()
    }

    pub fn pop(&mut self) -> Option<NumberedEvent> {
        let is_queued_first = self
            .queue
            .first()
            .is_some_and(|first| first <= self.live.sequence);
        match is_queued_first || self.live.is_empty() {
            true => self.queue.pop(),
            false => self.live.pop(),
        }
    }

    /// Counts all pending events as delivered.
    pub fn release(&self) {
        for (_, event) in self.queue.iter() {
            event.delivered();
        }
    }
}
