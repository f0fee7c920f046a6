//! Selects which pending job of one kind is attempted next, so that a slow receiver does not
//! delay the jobs for others.
//!
//! Each receiver has a window, the maximum number of its parallel attempts. The window begins at
//! one, doubles with each fast success up to half of all slots, and returns to one after a
//! failure or a slow success. Slow and failing receivers together leave a quarter of the slots
//! to the others.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::pace::{JobAge, JobPace};

/// With more receivers than this, slow receivers without pending jobs are forgotten.
const IDLE_RECEIVERS_MAX: usize = 1024;
/// The longest delay that an action can request.
const DELAY_MAX: Duration = Duration::from_secs(30 * 86_400);

/// The pending jobs of one kind, and the order of their attempts.
pub struct JobSchedule {
    pace: JobPace,
    receivers: HashMap<String, ReceiverQueue>,
    /// The names of all receivers, the next one first.
    rotation: VecDeque<String>,
    pending: HashMap<Uuid, PendingJob>,
    running: usize,
    slow_running: usize,
    order: u64,
}

struct ReceiverQueue {
    /// Due time, order and job.
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
    /// The job is retried after this time, or after the back-off.
    Failed {
        after: Option<Duration>,
    },
    /// The job has not failed, and is looked at again after this time.
    Waits {
        after: Duration,
    },
    /// The job is not retried.
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

    /// Adds a job. `before` is how long it has been queued.
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
            let slow_allowed = self.slow_running < self.pace.max_for_slow();
            let taken = match self.receivers.get_mut(&name) {
                Some(receiver) if receiver.slow && !slow_allowed => None,
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

    /// Notes the end of an attempt. Returns how often the job has failed so far.
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
            let is_prompt = matches!(
                ended,
                AttemptEnd::Done { is_prompt: true } | AttemptEnd::Waits { .. }
            );
            receiver.slow = !is_prompt;
            receiver.window = match receiver.slow {
                true => least,
                false => (receiver.window * 2).min(most),
            };
        }
        let pause = match ended {
            AttemptEnd::Failed { after } => {
                Some(after.unwrap_or_else(|| self.pace.delay(attempt.id, failures)))
            }
            AttemptEnd::Waits { after } => Some(after),
            AttemptEnd::Done { .. } | AttemptEnd::GivenUp => None,
        };
        if let Some(pause) = pause {
            self.queue(attempt.id, &name, now + pause.min(DELAY_MAX));
        } else {
            self.pending.remove(&attempt.id);
            self.forget_idle(&name);
        }
        failures
    }

    /// Removes a receiver without pending jobs. A slow one is kept, unless there are many.
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

    /// When the next attempt is due. Receivers with a full window do not count, because the end
    /// of an attempt wakes the runner.
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
    const SLOW: AttemptEnd = AttemptEnd::Done { is_prompt: false };
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
    fn a_failing_receiver_gets_one_attempt_at_a_time_with_growing_delays() {
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
    fn the_window_of_a_fast_receiver_grows_to_half_of_the_slots() {
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
            schedule.done(&attempt, SLOW, now);
        }
        assert_eq!(
            all(&mut schedule, now).len(),
            1,
            "a slow response closes the window"
        );
    }

    #[test]
    fn slow_receivers_leave_a_quarter_of_the_slots() {
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
            schedule.done(&attempt, SLOW, now);
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
    fn a_job_is_queued_once_and_a_given_up_job_is_removed() {
        let mut schedule = schedule(4);
        let now = Instant::now();
        let id = Uuid::from_u128(1);
        schedule.add(id, "a", Duration::ZERO, now);
        schedule.add(id, "a", Duration::ZERO, now);
        let attempt = all(&mut schedule, now);
        assert_eq!(attempt.len(), 1);
        schedule.add(id, "a", Duration::ZERO, now);
        assert_eq!(schedule.next(now), None, "the attempt is running");
        schedule.done(&attempt[0], AttemptEnd::GivenUp, now);
        assert_eq!((schedule.len(), schedule.next(now)), (0, None));
    }

    #[test]
    fn an_action_may_request_the_delay_of_a_retry() {
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
        for ended in [FAILED, SLOW, PROMPT] {
            let attempts = all(&mut schedule, now);
            assert_eq!(attempts.len(), 3, "{ended:?}");
            for attempt in attempts {
                schedule.done(&attempt, ended, now);
            }
        }
        assert_eq!(schedule.len(), 3, "the failed jobs stay");
    }
}
