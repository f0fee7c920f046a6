//! What waits to be told, in order: bounded, but for what is terminal.
//!
//! Terminal events stand apart from the others, so that a full queue finds the one
//! that it drops at once, however many terminal ones wait.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::Event;

/// How many events wait; beyond them those that are not terminal are dropped.
pub const QUEUE: usize = 65_536;
/// How many of the engine's own wait for a first subscriber.
pub const EARLY: usize = 4_096;

/// An event under its number.
pub type Waiting = (u64, Arc<Event>);

#[derive(Default)]
pub struct Queue {
    terminal: VecDeque<Waiting>,
    other: VecDeque<Waiting>,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.terminal.len() + self.other.len()
    }

    pub fn is_empty(&self) -> bool {
        self.terminal.is_empty() && self.other.is_empty()
    }

    /// The number of the one that has waited longest.
    pub fn first(&self) -> Option<u64> {
        let [terminal, other] = [&self.terminal, &self.other].map(|lane| lane.front().map(|(at, _)| *at));
        terminal.into_iter().chain(other).min()
    }

    pub fn pop(&mut self) -> Option<Waiting> {
        let first = self.first();
        let lane = match self.terminal.front() {
            Some((at, _)) if Some(*at) == first => &mut self.terminal,
            _ => &mut self.other,
        };
        lane.pop_front()
    }

    /// Adds the newest event. Full, it gives back what is lost, which is not terminal:
    /// the newcomer, or the oldest for a terminal one. Terminal ones are kept, however
    /// many.
    pub fn push(&mut self, event: Waiting) -> Option<Waiting> {
        let full = self.len() >= QUEUE;
        if event.1.kind.is_terminal() {
            self.terminal.push_back(event);
            return if full { self.other.pop_front() } else { None };
        }
        if full {
            return Some(event);
        }
        self.other.push_back(event);
        None
    }

    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.terminal.iter().chain(&self.other)
    }
}

/// What waits for the first subscriber.
#[derive(Default)]
pub struct Early {
    /// What an earlier process owed: stays, within the bounds of a queue.
    inherited: Queue,
    /// The engine's own: of these the latest.
    own: VecDeque<Waiting>,
}

impl Early {
    /// Adds the newest event, and gives back what nobody will hear of.
    pub fn push(&mut self, event: Waiting) -> Option<Waiting> {
        if event.1.inherited {
            return self.inherited.push(event);
        }
        self.own.push_back(event);
        if self.own.len() > EARLY {
            return self.own.pop_front();
        }
        None
    }

    /// All of it, in order.
    pub fn take(&mut self) -> Queue {
        let mut all = std::mem::take(&mut self.inherited);
        for event in std::mem::take(&mut self.own) {
            let lane = match event.1.kind.is_terminal() {
                true => &mut all.terminal,
                false => &mut all.other,
            };
            lane.push_back(event);
        }
        for lane in [&mut all.terminal, &mut all.other] {
            lane.make_contiguous().sort_by_key(|(at, _)| *at);
        }
        all
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::super::event::Kind;
    use super::*;

    fn event(kind: Kind, inherited: bool) -> Arc<Event> {
        let mut event = Event::new(kind, 0);
        event.inherited = inherited;
        Arc::new(event)
    }

    /// `count` events of a kind, numbered on from `from`; answers how many were lost.
    fn fill(queue: &mut Queue, kind: Kind, from: u64, count: usize) -> usize {
        let numbers = from..from + count as u64;
        numbers
            .filter_map(|at| queue.push((at, event(kind, false))))
            .count()
    }

    fn numbers(mut queue: Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_full_queue_loses_the_newcomer_or_the_oldest_for_a_terminal_one() {
        let mut queue = Queue::default();
        assert_eq!(fill(&mut queue, Kind::Finished, 1, 1), 0);
        assert_eq!(fill(&mut queue, Kind::Loss, 2, QUEUE - 1), 0);
        let newest = QUEUE as u64 + 1;
        let lost = queue.push((newest, event(Kind::Loss, false)));
        assert_eq!(lost.map(|(at, _)| at), Some(newest));
        let lost = queue.push((newest + 1, event(Kind::Failed, false)));
        assert_eq!(lost.map(|(at, _)| at), Some(2), "the oldest that may go");
        let told = numbers(queue);
        assert_eq!(told.len(), QUEUE);
        assert_eq!((told[0], told[1], told[QUEUE - 1]), (1, 3, newest + 1));
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn terminal_ones_are_kept_however_many() {
        let mut queue = Queue::default();
        fill(&mut queue, Kind::Loss, 1, 10);
        let lost = fill(&mut queue, Kind::Finished, 11, QUEUE + 1000);
        assert_eq!(lost, 10, "the others made room");
        assert_eq!(numbers(queue), (11..=QUEUE as u64 + 1010).collect::<Vec<_>>());
    }

    /// Compared with each other, not with a clock: among many terminal events what
    /// may go is found no slower than among none.
    #[test]
    fn losing_one_is_no_search() {
        const MORE: usize = 5_000;
        let full_of = |kind| {
            let mut queue = Queue::default();
            fill(&mut queue, kind, 1, QUEUE);
            let begun = std::time::Instant::now();
            fill(&mut queue, Kind::Finished, QUEUE as u64 + 1, MORE);
            begun.elapsed()
        };
        let (others, terminals) = (full_of(Kind::Loss), full_of(Kind::Finished));
        assert!(terminals < others * 200, "{terminals:?} and {others:?}");
    }

    #[test]
    fn what_waits_for_the_first_subscriber_is_bounded_and_in_order() {
        let mut early = Early::default();
        let mut at = 0;
        let mut push = |early: &mut Early, kind, inherited, count| {
            let lost = (0..count).filter_map(|_| {
                at += 1;
                early.push((at, event(kind, inherited)))
            });
            lost.count()
        };
        assert_eq!(push(&mut early, Kind::Loss, true, QUEUE), 0);
        assert_eq!(push(&mut early, Kind::Loss, true, 7), 7, "bounded");
        assert_eq!(push(&mut early, Kind::Finished, true, 3), 3, "in place of others");
        // However much was recovered, the engine's own latest are there as well.
        assert_eq!(push(&mut early, Kind::Started, false, EARLY + 5), 5);
        assert_eq!(push(&mut early, Kind::Finished, false, 1), 1);
        let told = numbers(early.take());
        assert_eq!(told.len(), QUEUE + EARLY);
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        assert_eq!(told.last(), Some(&at));
        assert_eq!(early.take().len(), 0);
    }
}
