//! Whose turn it is: which of the waiting callbacks are tried next, so that a slow
//! receiver delays nobody else.
//!
//! Each receiver has a window of tries at the same time. It begins at one, doubles
//! with each prompt answer up to half of all slots, and is one again after a failure
//! or a slow answer. Slow and failing receivers together leave a quarter of the slots
//! to the others.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// Receivers that are known at most while nothing waits for them.
const REMEMBERED: usize = 1024;
/// Tries before one of an earlier process is given up: how long it has been owed is the
/// word of a clock that may have been set meanwhile.
const TRIES: u32 = 10;

/// How the tries are spread.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub parallel: usize,
    pub retry: Duration,
    pub retry_max: Duration,
}

pub struct Round {
    pace: Pace,
    receivers: HashMap<String, Receiver>,
    /// The names of all, the next one first.
    turn: VecDeque<String>,
    waiting: HashMap<Uuid, Waiting>,
    under_way: usize,
    slow_under_way: usize,
    order: u64,
}

struct Receiver {
    /// When, in which order, what.
    queue: BTreeSet<(Instant, u64, Uuid)>,
    under_way: usize,
    window: usize,
    slow: bool,
}

struct Waiting {
    receiver: String,
    past: Past,
}

/// What a callback has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// How long it had been owed when it was read here.
    pub before: Duration,
    pub read: Instant,
    pub failures: u32,
}

/// One try.
#[derive(Debug, PartialEq, Eq)]
pub struct Going {
    pub id: Uuid,
    pub past: Past,
    slow: bool,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Answered {
        promptly: bool,
    },
    Failed,
    /// It is not to be tried again.
    GivenUp,
}

impl Round {
    pub fn new(pace: Pace) -> Round {
        Round {
            pace,
            receivers: HashMap::new(),
            turn: VecDeque::new(),
            waiting: HashMap::new(),
            under_way: 0,
            slow_under_way: 0,
            order: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn knows(&self, id: Uuid) -> bool {
        self.waiting.contains_key(&id)
    }

    /// `before`: how long it has been owed already.
    pub fn add(&mut self, id: Uuid, receiver: &str, before: Duration, now: Instant) {
        if self.knows(id) {
            return;
        }
        let waiting = Waiting {
            receiver: receiver.to_owned(),
            past: Past {
                before,
                read: now,
                failures: 0,
            },
        };
        self.waiting.insert(id, waiting);
        self.queue(id, receiver, now);
    }

    fn queue(&mut self, id: Uuid, receiver: &str, due: Instant) {
        self.order += 1;
        let known = self.receivers.entry(receiver.to_owned()).or_insert_with(|| {
            self.turn.push_back(receiver.to_owned());
            Receiver {
                queue: BTreeSet::new(),
                under_way: 0,
                window: 1,
                slow: false,
            }
        });
        known.queue.insert((due, self.order, id));
    }

    /// The next try that may begin now.
    pub fn next(&mut self, now: Instant) -> Option<Going> {
        for _ in 0..self.turn.len() {
            if self.under_way >= self.pace.parallel {
                return None;
            }
            let name = self.turn.pop_front()?;
            let room_for_slow = self.slow_under_way < self.slow_slots();
            let taken = match self.receivers.get_mut(&name) {
                Some(receiver) if receiver.slow && !room_for_slow => None,
                Some(receiver) => receiver.take(now),
                None => continue,
            };
            self.turn.push_back(name);
            if let Some((id, slow)) = taken
                && let Some(waiting) = self.waiting.get(&id)
            {
                self.under_way += 1;
                self.slow_under_way += usize::from(slow);
                let past = waiting.past;
                return Some(Going { id, past, slow });
            }
        }
        None
    }

    fn slow_slots(&self) -> usize {
        (self.pace.parallel * 3 / 4).max(1)
    }

    /// Answers how often it has failed so far.
    pub fn done(&mut self, going: &Going, ended: Ended, now: Instant) -> u32 {
        self.under_way -= 1;
        self.slow_under_way -= usize::from(going.slow);
        let Some(waiting) = self.waiting.get_mut(&going.id) else {
            return 0;
        };
        let name = waiting.receiver.clone();
        waiting.past.failures += u32::from(ended == Ended::Failed);
        let failures = waiting.past.failures;
        let most = (self.pace.parallel / 2).max(1);
        if let Some(receiver) = self.receivers.get_mut(&name) {
            receiver.under_way -= 1;
            receiver.slow = ended != Ended::Answered { promptly: true };
            receiver.window = match receiver.slow {
                true => 1,
                false => (receiver.window * 2).min(most),
            };
        }
        if ended == Ended::Failed {
            self.queue(going.id, &name, now + self.pace.pause(failures));
        } else {
            self.waiting.remove(&going.id);
            self.forget_idle(&name);
        }
        failures
    }

    /// One that was slow is remembered as such, unless there are many.
    fn forget_idle(&mut self, name: &str) {
        let crowded = self.receivers.len() > REMEMBERED;
        let idle = self.receivers.get(name).is_some_and(|receiver| {
            receiver.queue.is_empty() && receiver.under_way == 0 && (crowded || !receiver.slow)
        });
        if idle {
            self.receivers.remove(name);
            self.turn.retain(|other| other != name);
        }
    }

    /// When something may become due that is not yet: a receiver with a full window
    /// is heard of by the end of a try.
    pub fn due(&self) -> Option<Instant> {
        if self.under_way >= self.pace.parallel {
            return None;
        }
        let slow_full = self.slow_under_way >= self.slow_slots();
        let open = self
            .receivers
            .values()
            .filter(|receiver| receiver.under_way < receiver.window && !(receiver.slow && slow_full));
        open.filter_map(|receiver| receiver.queue.first().map(|(due, ..)| *due))
            .min()
    }
}

impl Receiver {
    fn take(&mut self, now: Instant) -> Option<(Uuid, bool)> {
        if self.under_way >= self.window || self.queue.first()?.0 > now {
            return None;
        }
        let (_, _, id) = self.queue.pop_first()?;
        self.under_way += 1;
        Some((id, self.slow))
    }
}

impl Past {
    /// Whether a try that fails now was the last. What was read here has been owed here
    /// at least since then, whatever the clock of the day says.
    pub fn is_over(&self, give_up: Duration, now: Instant) -> bool {
        let here = now.saturating_duration_since(self.read);
        here >= give_up || (self.before + here >= give_up && self.failures + 1 >= TRIES)
    }
}

impl Pace {
    /// Before the try that follows so many failures.
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = self.retry.saturating_mul(1 << failures.saturating_sub(1).min(30));
        doubled.min(self.retry_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: Ended = Ended::Answered { promptly: true };
    const LATE: Ended = Ended::Answered { promptly: false };

    fn round(parallel: usize) -> Round {
        Round::new(Pace {
            parallel,
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(5),
        })
    }

    fn all(round: &mut Round, now: Instant) -> Vec<Going> {
        std::iter::from_fn(|| round.next(now)).collect()
    }

    #[test]
    fn a_failing_receiver_is_tried_one_at_a_time_and_later_each_time() {
        let mut round = round(8);
        let begun = Instant::now();
        round.add(Uuid::from_u128(1), "down", Duration::ZERO, begun);
        round.add(Uuid::from_u128(2), "down", Duration::ZERO, begun);
        let mut now = begun;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let going = all(&mut round, now);
            assert_eq!(going.len(), 1, "one in flight");
            assert_eq!(
                round.done(&going[0], Ended::Failed, now),
                (pauses.len() / 2) as u32 + 1
            );
            let id = going[0].id;
            let receiver = &round.receivers["down"];
            let due = receiver
                .queue
                .iter()
                .find(|(.., queued)| *queued == id)
                .unwrap()
                .0;
            pauses.push((due - now).as_secs());
            now = round.due().unwrap().max(now);
        }
        assert_eq!(pauses, [1, 1, 2, 2, 4, 4, 5, 5, 5, 5]);
        assert_eq!(round.len(), 2);
    }

    #[test]
    fn a_prompt_receiver_gets_more_at_a_time_up_to_half_of_the_slots() {
        let mut round = round(8);
        let now = Instant::now();
        for id in 0..100 {
            round.add(Uuid::from_u128(id), "good", Duration::ZERO, now);
        }
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let going = all(&mut round, now);
            sizes.push(going.len());
            for going in going {
                round.done(&going, PROMPT, now);
            }
        }
        assert_eq!(sizes, [1, 2, 4, 4]);
        let going = all(&mut round, now);
        for going in going {
            round.done(&going, LATE, now);
        }
        assert_eq!(all(&mut round, now).len(), 1, "a late answer closes the window");
    }

    #[test]
    fn slow_receivers_leave_room_for_the_others() {
        let mut round = round(4);
        let now = Instant::now();
        for id in 0..20 {
            round.add(
                Uuid::from_u128(id),
                &format!("slow{}", id % 10),
                Duration::ZERO,
                now,
            );
        }
        for _ in 0..10 {
            let going = round.next(now).unwrap();
            round.done(&going, LATE, now);
        }
        assert_eq!(all(&mut round, now).len(), 3, "three quarters of the slots");
        round.add(Uuid::from_u128(99), "good", Duration::ZERO, now);
        let going = all(&mut round, now);
        assert_eq!(going.len(), 1);
        assert_eq!(going[0].id, Uuid::from_u128(99));
        assert_eq!(round.due(), None, "all slots are taken");
    }

    #[test]
    fn receivers_take_turns() {
        let mut round = round(1);
        let now = Instant::now();
        for id in 0..3 {
            round.add(Uuid::from_u128(id), "many", Duration::ZERO, now);
        }
        round.add(Uuid::from_u128(9), "one", Duration::ZERO, now);
        let mut order = Vec::new();
        while let Some(going) = round.next(now) {
            order.push(going.id.as_u128());
            round.done(&going, PROMPT, now);
        }
        assert_eq!(order, [0, 9, 1, 2]);
        assert!(round.receivers.is_empty() && round.turn.is_empty());
    }

    #[test]
    fn what_is_known_is_not_queued_twice_and_what_is_given_up_is_forgotten() {
        let mut round = round(4);
        let now = Instant::now();
        let id = Uuid::from_u128(1);
        round.add(id, "a", Duration::ZERO, now);
        round.add(id, "a", Duration::ZERO, now);
        let going = all(&mut round, now);
        assert_eq!(going.len(), 1);
        round.add(id, "a", Duration::ZERO, now);
        assert_eq!(round.next(now), None, "it is under way");
        round.done(&going[0], Ended::GivenUp, now);
        assert_eq!((round.len(), round.next(now)), (0, None));
    }

    #[test]
    fn one_is_given_up_by_the_time_here_or_by_the_time_before_after_enough_tries() {
        let (give_up, read) = (Duration::from_secs(60), Instant::now());
        let past = |before: u64, failures| Past {
            before: Duration::from_secs(before),
            read,
            failures,
        };
        let at = |seconds| read + Duration::from_secs(seconds);
        assert!(!past(0, 99).is_over(give_up, at(59)));
        assert!(past(0, 0).is_over(give_up, at(60)));
        assert!(!past(1 << 40, 0).is_over(give_up, at(1)), "a clock that was set");
        assert!(!past(1 << 40, TRIES - 2).is_over(give_up, at(1)));
        assert!(past(1 << 40, TRIES - 1).is_over(give_up, at(1)));
        assert!(past(30, TRIES).is_over(give_up, at(30)));
    }
}
