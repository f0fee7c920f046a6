//! Which writes are too far ahead of the clock: numbers alone.

use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::media::write_limiter::{Admission, WriteLimiter};

const FRAME: usize = 160;
const FRAME_NS: u64 = 20 * NS_PER_MS;
/// When the host begins.
const BEGIN: u64 = 100 * NS_PER_S;

/// A host that writes 20 ms at a time.
struct PacedHost {
    limiter: WriteLimiter,
    now_ns: u64,
    refused: usize,
}

impl PacedHost {
    fn new(ahead_ms: u32) -> PacedHost {
        PacedHost {
            limiter: WriteLimiter::new(8000, ahead_ms),
            now_ns: BEGIN,
            refused: 0,
        }
    }

    fn write(&mut self) -> bool {
        match self.limiter.admit(FRAME, self.now_ns) {
            Admission::Until(until_ns) => {
                self.limiter.wrote(until_ns);
                true
            }
            Admission::NotBefore(_) => {
                self.refused += 1;
                false
            }
        }
    }

    /// At once.
    fn burst(&mut self, frames: usize) -> usize {
        (0..frames).filter(|_| self.write()).count()
    }

    /// One each `step_ns`.
    fn pace(&mut self, frames: usize, step_ns: u64) {
        for _ in 0..frames {
            self.write();
            self.now_ns += step_ns;
        }
    }
}

#[test]
fn two_seconds_at_once() {
    let mut host = PacedHost::new(0);
    assert_eq!(host.burst(250), 100);
    host.now_ns += NS_PER_S;
    // The clock's correction is not more than 2 % of a step.
    assert_eq!(host.burst(250), 50);
}

#[test]
fn what_was_asked_for_at_once() {
    let mut host = PacedHost::new(60_000);
    assert_eq!(host.burst(4000), 3000);
    let due = match host.limiter.admit(FRAME, host.now_ns) {
        Admission::NotBefore(due) => due,
        other => panic!("{other:?}"),
    };
    assert_eq!(due, host.now_ns + FRAME_NS);
    host.now_ns = due - 1;
    assert_eq!(host.burst(2), 0);
    host.now_ns = due;
    assert_eq!(host.burst(2), 1, "exactly when it was said");
}

/// A feed with the least limiter takes what is written at real time, through a coarse clock.
#[test]
fn real_time_is_never_too_fast() {
    for ahead_ms in [0, 1, 20, 100, 2000] {
        for step_ns in [4 * NS_PER_MS, 10 * NS_PER_MS] {
            let mut host = PacedHost::new(ahead_ms);
            for n in 0..180_000u64 {
                // Up to 15 ms late, now and then 400 ms, and made up for at once.
                let jitter = n * 7919 % 16 * NS_PER_MS;
                let late = 20u64.saturating_sub(n % 1000);
                let hiccup = if n < 1000 { 0 } else { late * FRAME_NS };
                let at = BEGIN + n * FRAME_NS + jitter.max(hiccup);
                host.now_ns = at / step_ns * step_ns;
                host.write();
            }
            assert_eq!(host.refused, 0, "ahead {ahead_ms} ms, steps of {step_ns} ns");
        }
    }
}

/// An hour on a host whose clock is 1.9 % fast or slow.
#[test]
fn the_clocks_may_drift() {
    for step_ns in [FRAME_NS * 1000 / 1019, FRAME_NS * 1019 / 1000] {
        let mut host = PacedHost::new(0);
        host.pace(180_000, step_ns);
        assert_eq!(host.refused, 0, "a frame each {step_ns} ns");
    }
}

/// Not a third of a second beyond: 5 s and what every feed may be ahead.
#[test]
fn a_stall_is_made_up_for_at_once() {
    let mut host = PacedHost::new(0);
    for _ in 0..20 {
        host.pace(500, FRAME_NS);
        host.now_ns += 5 * NS_PER_S;
        assert_eq!(host.burst(250), 250);
    }
    assert_eq!(host.refused, 0);
    let more = host.burst(250);
    assert!((85..=100).contains(&more), "{more}");
}

/// What a host does not make up for was silence, and does not let it run ahead later.
#[test]
fn a_silence_is_forgotten() {
    let mut host = PacedHost::new(0);
    host.pace(100, FRAME_NS);
    host.now_ns += 60 * NS_PER_S;
    host.pace(50 * 60, FRAME_NS);
    let taken = host.burst(500);
    assert!((100..=126).contains(&taken), "{taken}: 2 s, and a hiccup");
}

#[test]
fn clearing_begins_anew() {
    let mut host = PacedHost::new(10_000);
    assert_eq!(host.burst(1000), 500);
    host.now_ns += NS_PER_S;
    host.limiter.clear(host.now_ns);
    assert_eq!(host.burst(1000), 500);
    // Behind the clock, nothing is taken back.
    host.now_ns += 10 * NS_PER_S + 300 * NS_PER_MS;
    host.limiter.clear(host.now_ns);
    assert_eq!(host.burst(1000), 515);
}
