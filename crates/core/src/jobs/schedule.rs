//! Whose turn it is: which of the pending jobs of one kind are tried next, so that a slow
//! receiver delays nobody else.
//!
//! Each receiver has a window of attempts at the same time. It begins at one, doubles
//! with each prompt end up to half of all slots, and is one again after a failure
//! or a slow end. Slow and failing receivers together leave a quarter of the slots
//! to the others.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::pace::{JobAge, JobPace};

/// Receivers that are known at most while nothing waits for them.
const IDLE_RECEIVERS_MAX: usize = 1024;
/// No action puts a job off for longer.
const DELAY_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Which of the pending jobs of one kind are tried next.
pub struct JobSchedule {
    pace: JobPace,
    receivers: HashMap<String, ReceiverQueue>,
    /// The names of all, the next one first.
    rotation: VecDeque<String>,
    pending: HashMap<Uuid, PendingJob>,
    running: usize,
    slow_running: usize,
    order: u64,
}

struct ReceiverQueue {
    /// When, in which order, what.
    queue: BTreeSet<(Instant, u64, Uuid)>,
    running: usize,
    window: usize,
    slow: bool,
}

struct PendingJob {
    receiver: String,
    age: JobAge,
}

/// One attempt at a job.
#[derive(Debug, PartialEq, Eq)]
pub struct Attempt {
    pub id: Uuid,
    pub age: JobAge,
    slow: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    Done {
        is_prompt: bool,
    },
    /// It is to be tried again, after the back-off unless a time is named.
    Failed {
        after: Option<Duration>,
    },
    /// It is not to be tried again.
    GivenUp,
}

impl JobSchedule {
    pub fn new(pace: JobPace) -> JobSchedule {
        JobSchedule {
            pace,
            receivers: HashMap::new(),
            rotation: VecDeque::new(),
            pending: HashMap::new(),
            running: 0,
            slow_running: 0,
            order: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.pending.len()
    }

    pub fn contains(&self, id: Uuid) -> bool {
        self.pending.contains_key(&id)
    }

    /// `before`: how long it has been queued already.
    pub fn add(&mut self, id: Uuid, receiver: &str, before: Duration, now: Instant) {
        if self.contains(id) {
            return;
        }
        let pending = PendingJob {
            receiver: receiver.to_owned(),
            age: JobAge {
                before,
                read: now,
                failures: 0,
            },
        };
        self.pending.insert(id, pending);
        self.queue(id, receiver, now);
    }

    fn queue(&mut self, id: Uuid, receiver: &str, due: Instant) {
        self.order += 1;
        let window = self.pace.initial_window();
        let known = self.receivers.entry(receiver.to_owned()).or_insert_with(|| {
            self.rotation.push_back(receiver.to_owned());
            ReceiverQueue {
                queue: BTreeSet::new(),
                running: 0,
                window,
                slow: false,
            }
        });
        known.queue.insert((due, self.order, id));
    }

    /// The next attempt that may begin now.
    pub fn next(&mut self, now: Instant) -> Option<Attempt> {
        for _ in 0..self.rotation.len() {
            if self.running >= self.pace.parallel {
                return None;
            }
            let name = self.rotation.pop_front()?;
            let room_for_slow = self.slow_running < self.pace.max_for_slow();
            let taken = match self.receivers.get_mut(&name) {
                Some(receiver) if receiver.slow && !room_for_slow => None,
                Some(receiver) => receiver.take(now),
                None => continue,
            };
            self.rotation.push_back(name);
            if let Some((id, slow)) = taken
                && let Some(pending) = self.pending.get(&id)
            {
                self.running += 1;
                self.slow_running += usize::from(slow);
                let age = pending.age;
                return Some(Attempt { id, age, slow });
            }
        }
        None
    }

    /// Answers how often it has failed so far.
    pub fn done(&mut self, attempt: &Attempt, ended: AttemptEnd, now: Instant) -> u32 {
        self.running -= 1;
        self.slow_running -= usize::from(attempt.slow);
        let Some(pending) = self.pending.get_mut(&attempt.id) else {
            return 0;
        };
        let name = pending.receiver.clone();
        pending.age.failures += u32::from(matches!(ended, AttemptEnd::Failed { .. }));
        let failures = pending.age.failures;
        let (least, most) = (self.pace.initial_window(), self.pace.max_window());
        if let Some(receiver) = self.receivers.get_mut(&name) {
            receiver.running -= 1;
            receiver.slow = ended != AttemptEnd::Done { is_prompt: true };
            receiver.window = match receiver.slow {
                true => least,
                false => (receiver.window * 2).min(most),
            };
        }
        if let AttemptEnd::Failed { after } = ended {
            let pause = after.unwrap_or_else(|| self.pace.back_off(failures));
            self.queue(attempt.id, &name, now + pause.min(DELAY_MAX));
        } else {
            self.pending.remove(&attempt.id);
            self.forget_idle(&name);
        }
        failures
    }

    /// One that was slow is remembered as such, unless there are many.
    fn forget_idle(&mut self, name: &str) {
        let crowded = self.receivers.len() > IDLE_RECEIVERS_MAX;
        let idle = self.receivers.get(name).is_some_and(|receiver| {
            receiver.queue.is_empty() && receiver.running == 0 && (crowded || !receiver.slow)
        });
        if idle {
            self.receivers.remove(name);
            self.rotation.retain(|other| other != name);
        }
    }

    /// When something may become due that is not yet: a receiver with a full window
    /// is heard of by the end of an attempt.
    pub fn due(&self) -> Option<Instant> {
        if self.running >= self.pace.parallel {
            return None;
        }
        let slow_full = self.slow_running >= self.pace.max_for_slow();
        let open = self
            .receivers
            .values()
            .filter(|receiver| receiver.running < receiver.window && !(receiver.slow && slow_full));
        open.filter_map(|receiver| receiver.queue.first().map(|(due, ..)| *due))
            .min()
    }
}

impl ReceiverQueue {
    fn take(&mut self, now: Instant) -> Option<(Uuid, bool)> {
        if self.running >= self.window || self.queue.first()?.0 > now {
            return None;
        }
        let (_, _, id) = self.queue.pop_first()?;
        self.running += 1;
        Some((id, self.slow))
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    const PROMPT: AttemptEnd = AttemptEnd::Done { is_prompt: true };
    const LATE: AttemptEnd = AttemptEnd::Done { is_prompt: false };
    const FAILED: AttemptEnd = AttemptEnd::Failed { after: None };

    fn schedule(parallel: usize) -> JobSchedule {
        JobSchedule::new(JobPace {
            parallel,
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(5),
            fair: true,
            ..JobPace::default()
        })
    }

    fn all(schedule: &mut JobSchedule, now: Instant) -> Vec<Attempt> {
        std::iter::from_fn(|| schedule.next(now)).collect()
    }

    #[test]
    fn a_failing_receiver_is_tried_one_at_a_time_and_later_each_time() {
        let mut schedule = schedule(8);
        let begun = Instant::now();
        schedule.add(Uuid::from_u128(1), "down", Duration::ZERO, begun);
        schedule.add(Uuid::from_u128(2), "down", Duration::ZERO, begun);
        let mut now = begun;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let attempt = all(&mut schedule, now);
            assert_eq!(attempt.len(), 1, "one in flight");
            assert_eq!(
                schedule.done(&attempt[0], FAILED, now),
                (pauses.len() / 2) as u32 + 1
            );
            let id = attempt[0].id;
            let receiver = &schedule.receivers["down"];
            let due = receiver
                .queue
                .iter()
                .find(|(.., queued)| *queued == id)
                .unwrap()
                .0;
            pauses.push((due - now).as_secs());
            now = schedule.due().unwrap().max(now);
        }
        assert_eq!(pauses, [1, 1, 2, 2, 4, 4, 5, 5, 5, 5]);
        assert_eq!(schedule.len(), 2);
    }

    #[test]
    fn a_prompt_receiver_gets_more_at_a_time_up_to_half_of_the_slots() {
        let mut schedule = schedule(8);
        let now = Instant::now();
        for id in 0..100 {
            schedule.add(Uuid::from_u128(id), "good", Duration::ZERO, now);
        }
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let attempt = all(&mut schedule, now);
            sizes.push(attempt.len());
            for attempt in attempt {
                schedule.done(&attempt, PROMPT, now);
            }
        }
        assert_eq!(sizes, [1, 2, 4, 4]);
        let attempt = all(&mut schedule, now);
        for attempt in attempt {
            schedule.done(&attempt, LATE, now);
        }
        assert_eq!(
            all(&mut schedule, now).len(),
            1,
            "a late answer closes the window"
        );
    }

    #[test]
    fn slow_receivers_leave_room_for_the_others() {
        let mut schedule = schedule(4);
        let now = Instant::now();
        for id in 0..20 {
            schedule.add(
                Uuid::from_u128(id),
                &format!("slow{}", id % 10),
                Duration::ZERO,
                now,
            );
        }
        for _ in 0..10 {
            let attempt = schedule.next(now).unwrap();
            schedule.done(&attempt, LATE, now);
        }
        assert_eq!(all(&mut schedule, now).len(), 3, "three quarters of the slots");
        schedule.add(Uuid::from_u128(99), "good", Duration::ZERO, now);
        let attempt = all(&mut schedule, now);
        assert_eq!(attempt.len(), 1);
        assert_eq!(attempt[0].id, Uuid::from_u128(99));
        assert_eq!(schedule.due(), None, "all slots are taken");
    }

    #[test]
    fn receivers_take_turns() {
        let mut schedule = schedule(1);
        let now = Instant::now();
        for id in 0..3 {
            schedule.add(Uuid::from_u128(id), "many", Duration::ZERO, now);
        }
        schedule.add(Uuid::from_u128(9), "one", Duration::ZERO, now);
        let mut order = Vec::new();
        while let Some(attempt) = schedule.next(now) {
            order.push(attempt.id.as_u128());
            schedule.done(&attempt, PROMPT, now);
        }
        assert_eq!(order, [0, 9, 1, 2]);
        assert!(schedule.receivers.is_empty() && schedule.rotation.is_empty());
    }

    #[test]
    fn what_is_known_is_not_queued_twice_and_what_is_given_up_is_forgotten() {
        let mut schedule = schedule(4);
        let now = Instant::now();
        let id = Uuid::from_u128(1);
        schedule.add(id, "a", Duration::ZERO, now);
        schedule.add(id, "a", Duration::ZERO, now);
        let attempt = all(&mut schedule, now);
        assert_eq!(attempt.len(), 1);
        schedule.add(id, "a", Duration::ZERO, now);
        assert_eq!(schedule.next(now), None, "it is under way");
        schedule.done(&attempt[0], AttemptEnd::GivenUp, now);
        assert_eq!((schedule.len(), schedule.next(now)), (0, None));
    }

    #[test]
    fn an_action_may_say_when_it_is_tried_again() {
        let mut schedule = schedule(4);
        let now = Instant::now();
        schedule.add(Uuid::from_u128(1), "a", Duration::ZERO, now);
        let attempt = all(&mut schedule, now).remove(0);
        let after = Some(Duration::from_secs(90));
        schedule.done(&attempt, AttemptEnd::Failed { after }, now);
        assert_eq!(schedule.due(), after.map(|after| now + after));
    }

    #[test]
    fn without_receivers_all_slots_are_used_at_once() {
        let mut schedule = JobSchedule::new(JobPace {
            parallel: 3,
            ..JobPace::default()
        });
        let now = Instant::now();
        for id in 0..9 {
            schedule.add(Uuid::from_u128(id), "", Duration::ZERO, now);
        }
        for ended in [FAILED, LATE, PROMPT] {
            let attempts = all(&mut schedule, now);
            assert_eq!(attempts.len(), 3, "{ended:?}");
            for attempt in attempts {
                schedule.done(&attempt, ended, now);
            }
        }
        assert_eq!(schedule.len(), 3, "those that failed");
    }
}
