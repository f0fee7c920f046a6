//! A queue of pending events, in order. It is bounded except for the last events of recordings.
//!
//! Those are stored apart from the others, so that a full queue finds the event to drop at once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Event;
use crate::memory::{self, PieceQueue};

/// Limit of pending events. Beyond it, events other than a recording's last one are dropped.
pub const MAX_PENDING: usize = 65_536;
/// Limit of the engine's own events that wait for a subscriber.
pub const MAX_EARLY: usize = 4_096;

/// An event with its number.
pub type NumberedEvent = (u64, Arc<Event>);

#[derive(Default)]
pub struct EventQueue {
    last: PieceQueue<NumberedEvent>,
    other: VecDeque<NumberedEvent>,
}

impl EventQueue {
    pub fn len(&self) -> usize {
        self.last.len() + self.other.len()
    }

    pub fn is_empty(&self) -> bool {
        self.last.is_empty() && self.other.is_empty()
    }

    /// The number of the oldest event.
    pub fn first(&self) -> Option<u64> {
        let [last, other] = [self.last.front(), self.other.front()];
        last.into_iter().chain(other).map(|(at, _)| *at).min()
    }

    /// The position of the oldest event among all events of the bus.
    pub fn first_order(&self) -> Option<u64> {
        let [last, other] = [self.last.front(), self.other.front()];
        last.into_iter().chain(other).map(|(_, event)| event.order).min()
    }

    pub fn pop(&mut self) -> Option<NumberedEvent> {
        let first = self.first();
        match self.last.front() {
            Some((at, _)) if Some(*at) == first => self.last.pop_front(),
            _ => self.other.pop_front(),
        }
    }

    /// Whether there is memory to add the event. A recording's last event waits for memory instead.
    fn has_memory(&mut self, event: &NumberedEvent) -> bool {
        event.1.is_last_of_recording() || memory::attempt(|| self.other.try_reserve(1)).is_ok()
    }

    fn add(&mut self, event: NumberedEvent) {
        match event.1.is_last_of_recording() {
            true => self.last.push_back(event),
            false => self.other.push_back(event),
        }
    }

    /// Adds the newest event. A full queue returns the dropped event, which is never a recording's
    /// last one: the new event, or the oldest other one if the new event is a last one.
    pub fn push(&mut self, event: NumberedEvent) -> Option<NumberedEvent> {
        let full = self.len() >= MAX_PENDING || !self.has_memory(&event);
        if full && !event.1.is_last_of_recording() {
            return Some(event);
        }
        self.add(event);
        if full { self.other.pop_front() } else { None }
    }

    /// Adds the newest event. A full queue returns the oldest event, if possible one that is not a
    /// recording's last.
    fn push_latest(&mut self, event: NumberedEvent) -> Option<NumberedEvent> {
        let is_full = self.len() >= MAX_EARLY;
        if is_full && self.other.is_empty() && !event.1.is_last_of_recording() {
            return Some(event);
        }
        // Removed first: one more element than the limit would double the queue's memory.
        let oldest = match is_full {
            true => self.other.pop_front().or_else(|| self.last.pop_front()),
            false => None,
        };
        self.add(event);
        oldest
    }

    pub fn iter(&self) -> impl Iterator<Item = &NumberedEvent> {
        self.last.iter().chain(&self.other)
    }
}

/// The events that wait for a subscriber.
#[derive(Default)]
pub struct EarlyEvents {
    /// Owed by an earlier process; kept within the limit of a queue.
    inherited: EventQueue,
    /// The latest of the engine's own events.
    own: EventQueue,
}

impl EarlyEvents {
    /// Adds the newest event. Returns the dropped event, if any.
    pub fn push(&mut self, event: NumberedEvent) -> Option<NumberedEvent> {
        match event.1.inherited {
            true => self.inherited.push(event),
            false => self.own.push_latest(event),
        }
    }

    /// Removes all events, in order.
    pub fn take(&mut self) -> EventQueue {
        let mut queues = [&mut self.inherited, &mut self.own].map(std::mem::take);
        let mut all = EventQueue::default();
        let first = |queue: &&mut EventQueue| queue.first().unwrap_or(u64::MAX);
        while let Some(event) = queues.iter_mut().min_by_key(first).and_then(EventQueue::pop) {
            all.add(event);
        }
        all
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use std::sync::LazyLock;

    use super::super::event::EventKind;
    use super::super::subject::EventSubject;
    use super::*;
    use crate::calls::{CallInfo, Readings, RecordingSpec, RecordingView};
    use crate::text::Text;
    use crate::types::{AudioSpec, Format, Layout, PauseMode, RecordingState, Status};

    /// The recording that the events are about.
    static VIEW: LazyLock<Arc<RecordingView>> = LazyLock::new(|| {
        let info = Arc::new(CallInfo::default());
        Arc::new(RecordingView {
            id: uuid::Uuid::nil(),
            order: 1,
            call: 1,
            previous: None,
            first_info: info.clone(),
            state: RecordingState::Recording,
            end_reason: None,
            error: Status::Ok,
            spec: RecordingSpec::new(AudioSpec {
                layout: Layout::Stereo,
                format: Format::WAV,
                pause_mode: PauseMode::Skip,
                max_duration_ms: 0,
                rate: 0,
            }),
            info,
            url: Text::default(),
            path: Text::default(),
            digest: Text::default(),
            raw: Default::default(),
            held: false,
            started_at_ms: 0,
            ended_at_ms: 0,
            ended: 0,
            readings: Readings::default(),
            node: Text::default(),
            is_unreachable: false,
        })
    });

    fn event(kind: EventKind, inherited: bool) -> Arc<Event> {
        let mut event = Event::new(kind, 0);
        event.inherited = inherited;
        event.subject = EventSubject::Recording(VIEW.clone());
        Arc::new(event)
    }

    /// Pushes `count` events of a kind, numbered from `from`. Returns how many were dropped.
    fn fill(queue: &mut EventQueue, kind: EventKind, from: u64, count: usize) -> usize {
        let numbers = from..from + count as u64;
        numbers
            .filter_map(|at| queue.push((at, event(kind, false))))
            .count()
    }

    fn numbers(mut queue: EventQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_full_queue_drops_the_new_event_or_the_oldest_for_a_terminal_one() {
        let mut queue = EventQueue::default();
        assert_eq!(fill(&mut queue, EventKind::Finished, 1, 1), 0);
        assert_eq!(fill(&mut queue, EventKind::Loss, 2, MAX_PENDING - 1), 0);
        let newest = MAX_PENDING as u64 + 1;
        let lost = queue.push((newest, event(EventKind::Loss, false)));
        assert_eq!(lost.map(|(at, _)| at), Some(newest));
        let lost = queue.push((newest + 1, event(EventKind::Failed, false)));
        assert_eq!(lost.map(|(at, _)| at), Some(2), "the oldest that may be dropped");
        let delivered = numbers(queue);
        assert_eq!(delivered.len(), MAX_PENDING);
        assert_eq!(
            (delivered[0], delivered[1], delivered[MAX_PENDING - 1]),
            (1, 3, newest + 1)
        );
        assert!(delivered.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn terminal_events_are_never_dropped() {
        let mut queue = EventQueue::default();
        fill(&mut queue, EventKind::Loss, 1, 10);
        let lost = fill(&mut queue, EventKind::Finished, 11, MAX_PENDING + 1000);
        assert_eq!(lost, 10, "the other events were dropped");
        assert_eq!(
            numbers(queue),
            (11..=MAX_PENDING as u64 + 1010).collect::<Vec<_>>()
        );
    }

    /// It is not owed, but it is the only event of its recording.
    #[test]
    fn a_failed_start_is_kept() {
        let mut queue = EventQueue::default();
        fill(&mut queue, EventKind::Loss, 1, MAX_PENDING);
        assert_eq!(
            fill(&mut queue, EventKind::StartFailed, MAX_PENDING as u64 + 1, 1),
            1
        );
        // This one is not about a recording.
        let of_a_line = Arc::new(Event::new(EventKind::StartFailed, 0));
        assert!(queue.push((MAX_PENDING as u64 + 2, of_a_line)).is_some());
        let lost = fill(
            &mut queue,
            EventKind::Finished,
            MAX_PENDING as u64 + 3,
            MAX_PENDING,
        );
        assert_eq!(lost, MAX_PENDING - 1);
        assert_eq!(numbers(queue).first(), Some(&(MAX_PENDING as u64 + 1)));
    }

    #[test]
    fn losses_do_not_displace_last_events_before_a_subscription() {
        let mut early = EarlyEvents::default();
        for at in 0..2 * MAX_EARLY as u64 {
            let kind = match at % MAX_EARLY as u64 {
                0 => EventKind::Finished,
                1 => EventKind::StartFailed,
                _ => EventKind::Loss,
            };
            let lost = early.push((at, event(kind, false)));
            assert!(lost.is_none_or(|(_, event)| event.kind == EventKind::Loss));
        }
        let delivered = numbers(early.take());
        assert_eq!((delivered.len(), &delivered[..2]), (MAX_EARLY, &[0, 1][..]));
    }

    /// The memory reserve has no larger pieces.
    #[test]
    fn events_without_a_subscriber_need_no_large_allocation() {
        let mut early = EarlyEvents::default();
        for at in 0..2 * MAX_EARLY as u64 {
            early.push((at, event(EventKind::Loss, false)));
        }
        assert_eq!(early.own.len(), MAX_EARLY);
        assert!(early.own.other.capacity() * size_of::<NumberedEvent>() <= 64 << 10);
    }

    #[test]
    fn events_without_a_subscriber_are_bounded_and_in_order() {
        let mut early = EarlyEvents::default();
        let mut at = 0;
        let mut push = |early: &mut EarlyEvents, kind, inherited, count| {
            let lost = (0..count).filter_map(|_| {
                at += 1;
                early.push((at, event(kind, inherited)))
            });
            lost.count()
        };
        assert_eq!(push(&mut early, EventKind::Loss, true, MAX_PENDING), 0);
        assert_eq!(push(&mut early, EventKind::Loss, true, 7), 7, "bounded");
        assert_eq!(
            push(&mut early, EventKind::Finished, true, 3),
            3,
            "they replace other events"
        );
        // Recovered events do not displace the engine's own.
        assert_eq!(push(&mut early, EventKind::Started, false, MAX_EARLY + 5), 5);
        assert_eq!(push(&mut early, EventKind::Finished, false, 1), 1);
        let delivered = numbers(early.take());
        assert_eq!(delivered.len(), MAX_PENDING + MAX_EARLY);
        assert!(delivered.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        assert_eq!(delivered.last(), Some(&at));
        assert_eq!(early.take().len(), 0);
    }
}
