//! Limits how far a feed's writes may be ahead of the clock.
//!
//! Pure arithmetic without a clock or threads. This module only accepts or refuses a write; the
//! worker places the accepted ones.

use callrec_base::clock::{NS_PER_MS, NS_PER_S};

/// Limit unless the host sets `ahead_ms`.
const DEFAULT_AHEAD_NS: u64 = 2 * NS_PER_S;
/// Smallest limit, whatever `ahead_ms` is, because the host's timers and the coarse clock jitter.
const MIN_AHEAD_NS: u64 = 200 * NS_PER_MS;
/// A short delay of the host, for which it compensates afterwards.
const HICCUP_NS: u64 = 500 * NS_PER_MS;
/// Longest stall for which the host may compensate in one burst.
const STALL_NS: u64 = 5 * NS_PER_S;
/// Longest interval between two writes that counts when a lag is reduced.
const STEP_NS: u64 = 100 * NS_PER_MS;
/// While the host writes in real time, a lag is reduced by an eighth of the elapsed time. A lag for
/// which the host does not compensate was silence.
const LAG_DECAY: u64 = 8;
/// The host's clock may be 2 % (1/50) faster than this machine's.
const DRIFT: u64 = 50;

/// The position of a feed's writes on the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteLimiter {
    rate: u32,
    limit_ns: u64,
    /// The host writes ahead, and retries refused writes.
    host_retries: bool,
    /// End of the written audio; 0 before the first write.
    until_ns: u64,
    /// Time of the latest attempt.
    seen_ns: u64,
}

/// Whether a write is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The write ends at this time. If it is stored, `WriteLimiter::wrote` must be called.
    Until(u64),
    /// The write is too early; it would be accepted at this time.
    NotBefore(u64),
}

impl WriteLimiter {
    pub(super) fn new(rate: u32, ahead_ms: u32) -> WriteLimiter {
        let mut limiter = WriteLimiter {
            rate,
            limit_ns: 0,
            host_retries: false,
            until_ns: 0,
            seen_ns: 0,
        };
        limiter.set(rate, ahead_ms);
        limiter
    }

    pub(super) fn set(&mut self, rate: u32, ahead_ms: u32) {
        self.rate = rate.max(1);
        self.host_retries = ahead_ms > 0;
        self.limit_ns = match ahead_ms {
            0 => DEFAULT_AHEAD_NS,
            ms => (u64::from(ms) * NS_PER_MS).max(MIN_AHEAD_NS),
        };
    }

    pub(super) fn host_retries(&self) -> bool {
        self.host_retries
    }

    /// Decides about a write of `frames` frames.
    pub(super) fn admit(&mut self, frames: usize, now_ns: u64) -> Admission {
        let begin = self.begin(now_ns);
        self.seen_ns = now_ns;
        let until = begin + frames as u64 * NS_PER_S / u64::from(self.rate);
        let fits = begin <= now_ns || until <= now_ns + self.limit_ns;
        // A refused write also advances the correction of the clock.
        self.until_ns = begin;
        match fits {
            true => Admission::Until(until),
            false => Admission::NotBefore(until - self.limit_ns),
        }
    }

    pub(super) fn wrote(&mut self, until_ns: u64) {
        self.until_ns = until_ns;
    }

    /// Audio ahead of the clock has been discarded.
    pub(super) fn clear(&mut self, now_ns: u64) {
        self.until_ns = self.until_ns.min(now_ns);
    }

    /// Begin of the next write.
    fn begin(&self, now_ns: u64) -> u64 {
        if self.until_ns == 0 {
            return now_ns;
        }
        let passed = now_ns.saturating_sub(self.seen_ns).min(STEP_NS);
        if self.host_retries {
            return self.until_ns.max(now_ns.saturating_sub(HICCUP_NS));
        }
        let until = self.until_ns.max(now_ns.saturating_sub(STALL_NS));
        if until + HICCUP_NS < now_ns {
            until + passed / LAG_DECAY
        } else if until > now_ns {
            (until - passed / DRIFT).max(now_ns)
        } else {
            until
        }
    }
}
