//! What waits to be told, in order: bounded, but for the ends of recordings.
//!
//! These stand apart from the others, so that a full queue finds the one that it
//! drops at once, however many ends wait.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Event;
use crate::memory::{self, PieceQueue};

/// How many events wait; beyond them those that are no recording's last are dropped.
pub const QUEUE: usize = 65_536;
/// How many of the engine's own wait for a first subscriber.
pub const EARLY: usize = 4_096;

/// An event under its number.
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

    /// The number of the one that has waited longest.
    pub fn first(&self) -> Option<u64> {
        let [last, other] = [self.last.front(), self.other.front()];
        last.into_iter().chain(other).map(|(at, _)| *at).min()
    }

    /// The place of that one among all events of the bus.
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

    /// There is memory to add it. The ends of recordings wait for memory if they have to.
    fn has_memory(&mut self, event: &NumberedEvent) -> bool {
        event.1.is_last_of_recording() || memory::attempt(|| self.other.try_reserve(1)).is_ok()
    }

    fn add(&mut self, event: NumberedEvent) {
        match event.1.is_last_of_recording() {
            true => self.last.push_back(event),
            false => self.other.push_back(event),
        }
    }

    /// Adds the newest event. Full, it gives back what is lost, which is no recording's
    /// last: the newcomer, or the oldest for a last one. Those are kept, however many.
    pub fn push(&mut self, event: NumberedEvent) -> Option<NumberedEvent> {
        let full = self.len() >= QUEUE || !self.has_memory(&event);
        if full && !event.1.is_last_of_recording() {
            return Some(event);
        }
        self.add(event);
        if full { self.other.pop_front() } else { None }
    }

    /// Adds the newest event. Full, it gives back the oldest, of those that are no
    /// recording's last if there is one.
    fn push_latest(&mut self, event: NumberedEvent) -> Option<NumberedEvent> {
        let is_full = self.len() >= EARLY;
        if is_full && self.other.is_empty() && !event.1.is_last_of_recording() {
            return Some(event);
        }
        // First: for one more than are kept, the queue would need a piece that is twice as large.
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

/// What waits for the first subscriber.
#[derive(Default)]
pub struct EarlyEvents {
    /// What an earlier process owed: stays, within the bounds of a queue.
    inherited: EventQueue,
    /// The engine's own: of these the latest.
    own: EventQueue,
}

impl EarlyEvents {
    /// Adds the newest event, and gives back what nobody will hear of.
    pub fn push(&mut self, event: NumberedEvent) -> Option<NumberedEvent> {
        match event.1.inherited {
            true => self.inherited.push(event),
            false => self.own.push_latest(event),
        }
    }

    /// All of it, in order.
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
            started_at_ms: 0,
            ended_at_ms: 0,
            ended: 0,
            readings: Readings::default(),
        })
    });

    fn event(kind: EventKind, inherited: bool) -> Arc<Event> {
        let mut event = Event::new(kind, 0);
        event.inherited = inherited;
        event.subject = EventSubject::Recording(VIEW.clone());
        Arc::new(event)
    }

    /// `count` events of a kind, numbered on from `from`; answers how many were lost.
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
    fn a_full_queue_loses_the_newcomer_or_the_oldest_for_a_terminal_one() {
        let mut queue = EventQueue::default();
        assert_eq!(fill(&mut queue, EventKind::Finished, 1, 1), 0);
        assert_eq!(fill(&mut queue, EventKind::Loss, 2, QUEUE - 1), 0);
        let newest = QUEUE as u64 + 1;
        let lost = queue.push((newest, event(EventKind::Loss, false)));
        assert_eq!(lost.map(|(at, _)| at), Some(newest));
        let lost = queue.push((newest + 1, event(EventKind::Failed, false)));
        assert_eq!(lost.map(|(at, _)| at), Some(2), "the oldest that may go");
        let told = numbers(queue);
        assert_eq!(told.len(), QUEUE);
        assert_eq!((told[0], told[1], told[QUEUE - 1]), (1, 3, newest + 1));
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn terminal_ones_are_kept_however_many() {
        let mut queue = EventQueue::default();
        fill(&mut queue, EventKind::Loss, 1, 10);
        let lost = fill(&mut queue, EventKind::Finished, 11, QUEUE + 1000);
        assert_eq!(lost, 10, "the others made room");
        assert_eq!(numbers(queue), (11..=QUEUE as u64 + 1010).collect::<Vec<_>>());
    }

    /// Nothing is owed for it, but it is all that a recording's owner hears.
    #[test]
    fn a_start_that_failed_is_kept() {
        let mut queue = EventQueue::default();
        fill(&mut queue, EventKind::Loss, 1, QUEUE);
        assert_eq!(fill(&mut queue, EventKind::StartFailed, QUEUE as u64 + 1, 1), 1);
        // One that is about no recording.
        let of_a_line = Arc::new(Event::new(EventKind::StartFailed, 0));
        assert!(queue.push((QUEUE as u64 + 2, of_a_line)).is_some());
        let lost = fill(&mut queue, EventKind::Finished, QUEUE as u64 + 3, QUEUE);
        assert_eq!(lost, QUEUE - 1);
        assert_eq!(numbers(queue).first(), Some(&(QUEUE as u64 + 1)));
    }

    #[test]
    fn losses_push_no_end_out_before_there_is_a_subscriber() {
        let mut early = EarlyEvents::default();
        for at in 0..2 * EARLY as u64 {
            let kind = match at % EARLY as u64 {
                0 => EventKind::Finished,
                1 => EventKind::StartFailed,
                _ => EventKind::Loss,
            };
            let lost = early.push((at, event(kind, false)));
            assert!(lost.is_none_or(|(_, event)| event.kind == EventKind::Loss));
        }
        let told = numbers(early.take());
        assert_eq!((told.len(), &told[..2]), (EARLY, &[0, 1][..]));
    }

    /// The reserve has no larger one.
    #[test]
    fn what_waits_without_a_subscriber_takes_no_large_piece() {
        let mut early = EarlyEvents::default();
        for at in 0..2 * EARLY as u64 {
            early.push((at, event(EventKind::Loss, false)));
        }
        assert_eq!(early.own.len(), EARLY);
        assert!(early.own.other.capacity() * size_of::<NumberedEvent>() <= 64 << 10);
    }

    #[test]
    fn what_waits_for_the_first_subscriber_is_bounded_and_in_order() {
        let mut early = EarlyEvents::default();
        let mut at = 0;
        let mut push = |early: &mut EarlyEvents, kind, inherited, count| {
            let lost = (0..count).filter_map(|_| {
                at += 1;
                early.push((at, event(kind, inherited)))
            });
            lost.count()
        };
        assert_eq!(push(&mut early, EventKind::Loss, true, QUEUE), 0);
        assert_eq!(push(&mut early, EventKind::Loss, true, 7), 7, "bounded");
        assert_eq!(
            push(&mut early, EventKind::Finished, true, 3),
            3,
            "in place of others"
        );
        // However much was recovered, the engine's own latest are there as well.
        assert_eq!(push(&mut early, EventKind::Started, false, EARLY + 5), 5);
        assert_eq!(push(&mut early, EventKind::Finished, false, 1), 1);
        let told = numbers(early.take());
        assert_eq!(told.len(), QUEUE + EARLY);
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        assert_eq!(told.last(), Some(&at));
        assert_eq!(early.take().len(), 0);
    }
}
