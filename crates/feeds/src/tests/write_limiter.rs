//! Which writes the limiter accepts.

use crate::write_limiter::{Admission, WriteLimiter};
use callrec_base::clock::{NS_PER_MS, NS_PER_S};

const PACKET: usize = 160;
const PACKET_NS: u64 = 20 * NS_PER_MS;
/// Time of the first write.
const BEGIN: u64 = 100 * NS_PER_S;

/// A host that writes packets of 20 ms.
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
        match self.limiter.admit(PACKET, self.now_ns) {
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

    /// Writes packets without delay. Returns the number of accepted ones.
    fn burst(&mut self, packets: usize) -> usize {
        (0..packets).filter(|_| self.write()).count()
    }

    /// Writes one packet every `step_ns`.
    fn pace(&mut self, packets: usize, step_ns: u64) {
        for _ in 0..packets {
            self.write();
            self.now_ns += step_ns;
        }
    }
}

#[test]
fn a_burst_of_two_seconds_is_accepted() {
    let mut host = PacedHost::new(0);
    assert_eq!(host.burst(250), 100);
    host.now_ns += NS_PER_S;
    // The correction of the clock is at most 2 % of a step.
    assert_eq!(host.burst(250), 50);
}

#[test]
fn a_burst_of_ahead_ms_is_accepted() {
    let mut host = PacedHost::new(60_000);
    assert_eq!(host.burst(4000), 3000);
    let due = match host.limiter.admit(PACKET, host.now_ns) {
        Admission::NotBefore(due) => due,
        other => panic!("{other:?}"),
    };
    assert_eq!(due, host.now_ns + PACKET_NS);
    host.now_ns = due - 1;
    assert_eq!(host.burst(2), 0);
    host.now_ns = due;
    assert_eq!(host.burst(2), 1, "exactly at the returned time");
}

/// Even with the smallest limit, a feed accepts writes at real-time pace on a coarse clock.
#[test]
fn real_time_pace_is_never_refused() {
    for ahead_ms in [0, 1, 20, 100, 2000] {
        for step_ns in [4 * NS_PER_MS, 10 * NS_PER_MS] {
            let mut host = PacedHost::new(ahead_ms);
            for n in 0..180_000u64 {
                // Up to 15 ms late, sometimes 400 ms with an immediate catch-up.
                let jitter = n * 7919 % 16 * NS_PER_MS;
                let late = 20u64.saturating_sub(n % 1000);
                let hiccup = if n < 1000 { 0 } else { late * PACKET_NS };
                let at = BEGIN + n * PACKET_NS + jitter.max(hiccup);
                host.now_ns = at / step_ns * step_ns;
                host.write();
            }
            assert_eq!(host.refused, 0, "ahead {ahead_ms} ms, steps of {step_ns} ns");
        }
    }
}

/// An hour with a host clock that is 1.9 % fast or slow.
#[test]
fn clock_drift_is_tolerated() {
    for step_ns in [PACKET_NS * 1000 / 1019, PACKET_NS * 1019 / 1000] {
        let mut host = PacedHost::new(0);
        host.pace(180_000, step_ns);
        assert_eq!(host.refused, 0, "a packet every {step_ns} ns");
    }
}

/// After a stall of 5 s, the burst may contain the stall and the default limit.
#[test]
fn a_burst_may_make_up_for_a_stall() {
    let mut host = PacedHost::new(0);
    for _ in 0..20 {
        host.pace(500, PACKET_NS);
        host.now_ns += 5 * NS_PER_S;
        assert_eq!(host.burst(250), 250);
    }
    assert_eq!(host.refused, 0);
    let more = host.burst(250);
    assert!((85..=100).contains(&more), "{more}");
}

/// A lag that the host does not make up for was silence. It does not increase the limit later.
#[test]
fn a_silence_does_not_increase_the_limit() {
    let mut host = PacedHost::new(0);
    host.pace(100, PACKET_NS);
    host.now_ns += 60 * NS_PER_S;
    host.pace(50 * 60, PACKET_NS);
    let taken = host.burst(500);
    assert!((100..=126).contains(&taken), "{taken}: 2 s and a short delay");
}

#[test]
fn a_clear_resets_the_limit() {
    let mut host = PacedHost::new(10_000);
    assert_eq!(host.burst(1000), 500);
    host.now_ns += NS_PER_S;
    host.limiter.clear(host.now_ns);
    assert_eq!(host.burst(1000), 500);
    // If the feed is behind the clock, a clear changes nothing.
    host.now_ns += 10 * NS_PER_S + 300 * NS_PER_MS;
    host.limiter.clear(host.now_ns);
    assert_eq!(host.burst(1000), 515);
}
