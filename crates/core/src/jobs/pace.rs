//! The limits and the timing of the attempts at one kind of jobs.

use std::time::{Duration, Instant};

use uuid::Uuid;

/// A job that was queued by an earlier process is given up only after this many attempts,
/// because its age comes from a wall clock that may have been set since.
const ATTEMPTS: u32 = 10;

/// How many attempts run in parallel, and how often and how long a job is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobPace {
    /// The maximum number of parallel attempts.
    pub parallel: usize,
    /// The delay before the second attempt. It doubles with each further attempt.
    pub retry: Duration,
    /// The longest delay between two attempts.
    pub retry_max: Duration,
    /// A job of this age is given up when an attempt fails. `None`: never.
    pub give_up: Option<Duration>,
    /// Limits the attempts at one receiver and at all slow receivers, so that they leave slots
    /// to others.
    pub fair: bool,
    /// An attempt that takes longer marks its receiver as slow.
    pub slow_after: Duration,
    /// Shortens each delay by up to a half, differently for each job, so that jobs that failed
    /// together are not retried together.
    pub jitter: bool,
}

impl Default for JobPace {
    fn default() -> JobPace {
        JobPace {
            parallel: 4,
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            give_up: None,
            fair: false,
            slow_after: Duration::from_secs(1),
            jitter: false,
        }
    }
}

impl JobPace {
    /// The delay after this many failures.
    pub fn back_off(&self, failures: u32) -> Duration {
        let doubled = self.retry.saturating_mul(1 << failures.saturating_sub(1).min(30));
        doubled.min(self.retry_max)
    }

    /// The delay of one job after this many failures.
    pub fn delay(&self, id: Uuid, failures: u32) -> Duration {
        let longest = self.back_off(failures);
        if !self.jitter {
            return longest;
        }
        // Ids are random, so no generator is needed, and a simulation repeats itself.
        let share = id.as_u128().rotate_left(failures.wrapping_mul(29)) as u16;
        longest - longest.mul_f64(f64::from(share) / f64::from(u16::MAX) / 2.0)
    }

    /// The maximum number of parallel attempts at one receiver.
    pub fn max_window(&self) -> usize {
        match self.fair {
            true => (self.parallel / 2).max(1),
            false => self.parallel,
        }
    }

    /// The maximum number of parallel attempts at all slow receivers together.
    pub fn max_for_slow(&self) -> usize {
        match self.fair {
            true => (self.parallel * 3 / 4).max(1),
            false => self.parallel,
        }
    }

    /// The maximum number of parallel attempts at a receiver that is new or slow.
    pub fn initial_window(&self) -> usize {
        match self.fair {
            true => 1,
            false => self.parallel,
        }
    }
}

/// The age of a job and its failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobAge {
    /// How long the job had been queued when this process read it.
    pub before: Duration,
    pub read: Instant,
    pub failures: u32,
}

impl JobAge {
    /// Whether an attempt that fails now was the last. The time since this process read the job
    /// counts even if the wall clock was set.
    pub fn is_over(&self, give_up: Duration, now: Instant) -> bool {
        let here = now.saturating_duration_since(self.read);
        here >= give_up || (self.before + here >= give_up && self.failures + 1 >= ATTEMPTS)
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn jitter_shortens_a_delay_by_at_most_a_half_and_spreads_jobs() {
        let pace = JobPace {
            jitter: true,
            ..JobPace::default()
        };
        let ids: Vec<Uuid> = (0..50).map(|_| Uuid::new_v4()).collect();
        for failures in 1..12 {
            let longest = pace.back_off(failures);
            let mut delays: Vec<Duration> = ids.iter().map(|id| pace.delay(*id, failures)).collect();
            assert!(delays.iter().all(|delay| (longest / 2..=longest).contains(delay)));
            delays.sort_unstable();
            delays.dedup();
            assert!(delays.len() > 40, "{} different delays", delays.len());
        }
        let even = JobPace::default();
        assert_eq!(even.delay(ids[0], 3), even.back_off(3));
    }

    #[test]
    fn a_job_from_an_earlier_process_is_given_up_only_after_enough_attempts() {
        let (give_up, read) = (Duration::from_secs(60), Instant::now());
        let age = |before: u64, failures| JobAge {
            before: Duration::from_secs(before),
            read,
            failures,
        };
        let at = |seconds| read + Duration::from_secs(seconds);
        assert!(!age(0, 99).is_over(give_up, at(59)));
        assert!(age(0, 0).is_over(give_up, at(60)));
        assert!(!age(1 << 40, 0).is_over(give_up, at(1)), "a clock that was set");
        assert!(!age(1 << 40, ATTEMPTS - 2).is_over(give_up, at(1)));
        assert!(age(1 << 40, ATTEMPTS - 1).is_over(give_up, at(1)));
        assert!(age(30, ATTEMPTS).is_over(give_up, at(30)));
    }
}
