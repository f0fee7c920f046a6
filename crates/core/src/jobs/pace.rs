//! How the attempts of one kind of jobs are spread over time.

use std::time::{Duration, Instant};

/// Attempts before a job of an earlier process is given up: how long that one has waited is
/// the word of a clock that may have been set meanwhile.
const ATTEMPTS: u32 = 10;

/// How fast the jobs of one kind are performed, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobPace {
    /// Attempts at the same time.
    pub parallel: usize,
    /// The pause before the second attempt, doubled before each further one.
    pub retry: Duration,
    /// The longest of these pauses.
    pub retry_max: Duration,
    /// A job that fails when it is so old is given up; `None`: never.
    pub give_up: Option<Duration>,
    /// Each receiver has its own share of the attempts, and a slow one a small share.
    pub fair: bool,
    /// A receiver is slow if an attempt takes longer.
    pub slow_after: Duration,
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
        }
    }
}

impl JobPace {
    /// The pause before the attempt that follows so many failures.
    pub fn back_off(&self, failures: u32) -> Duration {
        let doubled = self.retry.saturating_mul(1 << failures.saturating_sub(1).min(30));
        doubled.min(self.retry_max)
    }

    /// Attempts at one receiver at the same time.
    pub fn max_window(&self) -> usize {
        match self.fair {
            true => (self.parallel / 2).max(1),
            false => self.parallel,
        }
    }

    /// Attempts at all slow receivers at the same time.
    pub fn max_for_slow(&self) -> usize {
        match self.fair {
            true => (self.parallel * 3 / 4).max(1),
            false => self.parallel,
        }
    }

    /// Attempts at a receiver at the same time of which nothing is known, or which is slow.
    pub fn initial_window(&self) -> usize {
        match self.fair {
            true => 1,
            false => self.parallel,
        }
    }
}

/// What a job has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobAge {
    /// How long it had been queued when it was read here.
    pub before: Duration,
    pub read: Instant,
    pub failures: u32,
}

impl JobAge {
    /// Whether an attempt that fails now was the last. What was read here has been queued here
    /// at least since then, whatever the clock of the day says.
    pub fn is_over(&self, give_up: Duration, now: Instant) -> bool {
        let here = now.saturating_duration_since(self.read);
        here >= give_up || (self.before + here >= give_up && self.failures + 1 >= ATTEMPTS)
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_given_up_by_the_time_here_or_by_the_time_before_after_enough_attempts() {
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
