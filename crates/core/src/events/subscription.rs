//! One subscription: what it asked for, and what still waits to be told to it.

use std::sync::Arc;

use super::event::{Event, EventKind, FLAG_LIVE};
use super::event_queue::{EventQueue, NumberedEvent};
use super::subject::CallFacts;
use crate::calls::CallInfo;
use crate::types::Error;

pub type SubscriptionId = u64;

/// Who is told. Dropped once, after the last call, with no lock held.
pub trait Listener: Send + Sync {
    fn event(&self, event: &Event, sequence: u64);
}

/// What a subscription asks for beside the events that each one is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The life of calls: begun, updated, ended.
    pub calls: bool,
}

/// There is no subscription, and the listener is the caller's again.
pub struct RefusedSubscription {
    pub error: Error,
    pub listener: Arc<dyn Listener>,
}

/// The calls that are live when a subscription begins. It is told of them as of calls that
/// begin, however many there are; the events are made one by one when they are told.
#[derive(Default)]
pub struct LiveCalls {
    calls: std::vec::IntoIter<(u64, Arc<CallInfo>)>,
    time_ms: i64,
    /// The number that the last one told has.
    sequence: u64,
    order: u64,
}

impl LiveCalls {
    /// Each call with its number, as it was at `time_ms`.
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
    /// How many events it was offered that not all subscriptions are: its own numbers are
    /// higher by so many, and have no gap where another subscription's have none.
    extra: u64,
}

impl Subscription {
    /// `queue`: what has waited for it. `sequence` and `order`: of the newest event so far.
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

    /// `sequence`: of the newest event that every subscription is offered. `None`: the event
    /// could not be made. False: it is lost, or another one in its place.
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

    /// The place of its next event among all of the bus.
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

    /// What waited for it is owed no more.
    pub fn release(&self) {
        for (_, event) in self.queue.iter() {
            event.delivered();
        }
    }
}
