//! How far ahead of the clock a feed's writes are: decides which of them are taken.
//!
//! Plain numbers: no clock of its own, no threads. The worker places what was taken; here
//! it is only decided whether it is too far ahead.

use crate::clock::{NS_PER_MS, NS_PER_S};

/// Unless the host asks for more (`ahead_ms`).
const USUAL_NS: u64 = 2 * NS_PER_S;
/// No less is allowed, whatever the host asks for: its timers and the coarse clock jitter.
const LEAST_NS: u64 = 200 * NS_PER_MS;
/// A hiccup of the host, which it makes up for.
const HICCUP_NS: u64 = 500 * NS_PER_MS;
/// A longer stall may be made up for at once, up to this one.
const STALL_NS: u64 = 5 * NS_PER_S;
/// A pause between two writes counts as no more than this when a lag is forgiven.
const STEP_NS: u64 = 100 * NS_PER_MS;
/// At real-time pace, an eighth of the time that passes is taken off a lag: what the host
/// does not make up for was silence.
const FORGIVEN: u64 = 8;
/// The host's clock may be 2 % faster than ours.
const DRIFT: u64 = 50;

/// A feed's writes, as they lie on the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteLimiter {
    rate: u32,
    limit_ns: u64,
    /// The host asked to write ahead: what is refused, it hands in again.
    asked: bool,
    /// Until when it has written; 0: nothing yet.
    until_ns: u64,
    /// When it last tried.
    seen_ns: u64,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Taken, if there is memory for it; then `WriteLimiter::wrote` is told.
    Until(u64),
    /// It would be taken at this time.
    NotBefore(u64),
}

impl WriteLimiter {
    pub(super) fn new(rate: u32, ahead_ms: u32) -> WriteLimiter {
        let mut limiter = WriteLimiter {
            rate,
            limit_ns: 0,
            asked: false,
            until_ns: 0,
            seen_ns: 0,
        };
        limiter.set(rate, ahead_ms);
        limiter
    }

    pub(super) fn set(&mut self, rate: u32, ahead_ms: u32) {
        self.rate = rate.max(1);
        self.asked = ahead_ms > 0;
        self.limit_ns = match ahead_ms {
            0 => USUAL_NS,
            ms => (u64::from(ms) * NS_PER_MS).max(LEAST_NS),
        };
    }

    pub(super) fn asked(&self) -> bool {
        self.asked
    }

    /// So many frames, handed in now.
    pub(super) fn admit(&mut self, frames: usize, now_ns: u64) -> Admission {
        let begin = self.begin(now_ns);
        self.seen_ns = now_ns;
        let until = begin + frames as u64 * NS_PER_S / u64::from(self.rate);
        let fits = begin <= now_ns || until <= now_ns + self.limit_ns;
        // Also what is refused has moved the clock's correction on.
        self.until_ns = begin;
        match fits {
            true => Admission::Until(until),
            false => Admission::NotBefore(until - self.limit_ns),
        }
    }

    pub(super) fn wrote(&mut self, until_ns: u64) {
        self.until_ns = until_ns;
    }

    /// Nothing is ahead any more.
    pub(super) fn clear(&mut self, now_ns: u64) {
        self.until_ns = self.until_ns.min(now_ns);
    }

    /// Where the next write begins.
    fn begin(&self, now_ns: u64) -> u64 {
        if self.until_ns == 0 {
            return now_ns;
        }
        let passed = now_ns.saturating_sub(self.seen_ns).min(STEP_NS);
        if self.asked {
            return self.until_ns.max(now_ns.saturating_sub(HICCUP_NS));
        }
        let until = self.until_ns.max(now_ns.saturating_sub(STALL_NS));
        if until + HICCUP_NS < now_ns {
            until + passed / FORGIVEN
        } else if until > now_ns {
            (until - passed / DRIFT).max(now_ns)
        } else {
            until
        }
    }
}
