//! Distinguishes stalls from moved streams.
//!
//! The mapping of a stream gives each packet an expected time. A late packet is either part of a
//! backlog, which arrives faster than real time and keeps its mapped position, or the stream has
//! moved: it arrives at real-time pace and lies at its arrival.

use crate::time::{NS_PER_MS, NS_PER_S};

/// A backlog drains at this multiple of real time (1.15) or faster.
const DRAINING: (i64, i64) = (115, 100);
/// The period over which the pace is measured.
pub const PACE_NS: u64 = 100 * NS_PER_MS;
/// This much audio in a shorter time is a burst.
const BURST_NS: u64 = 200 * NS_PER_MS;
/// Held packets are decided after this time even if nothing follows.
pub const HELD_NS: u64 = 200 * NS_PER_MS;
/// The longest stall of a network that loses no audio.
pub const STALL_NS: u64 = 5 * NS_PER_S;

/// Mapped position and arrival of one packet, in samples at the stream's rate.
#[derive(Clone, Copy, Debug)]
pub struct PacketTiming {
    /// The position by the stream's mapping.
    pub mapped: i64,
    pub arrival: i64,
    pub rate: u32,
}

impl PacketTiming {
    pub fn excess(&self) -> i64 {
        self.arrival - self.mapped
    }

    fn is_since(&self, ns: u64, first: i64, now: i64) -> bool {
        now - first >= samples(ns, self.rate)
    }
}

pub fn samples(ns: u64, rate: u32) -> i64 {
    let rate = u64::from(rate);
    ((ns / NS_PER_S) * rate + ns % NS_PER_S * rate / NS_PER_S) as i64
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatenessDecision {
    /// This packet and all held ones keep their mapped positions.
    Place,
    /// Not decided yet.
    Hold,
    /// This packet and all held ones lie at their arrival.
    Moved,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PaceState {
    #[default]
    Steady,
    /// Mapped position and arrival at which the present measurement began.
    Holding(i64, i64),
    Draining(i64, i64),
}

/// Decides by their pace where late packets lie.
#[derive(Clone, Copy, Debug)]
pub struct LatenessDetector {
    state: PaceState,
    /// The arrival of the newest packet.
    last: i64,
    /// A packet that is later than this is late.
    slack_ns: u64,
    /// Without timestamps, only a burst that makes up for the needs_whole_delay delay is a backlog.
    needs_whole_delay: bool,
}

impl LatenessDetector {
    pub fn new(slack_ns: u64) -> LatenessDetector {
        LatenessDetector {
            state: PaceState::Steady,
            last: 0,
            slack_ns,
            needs_whole_delay: false,
        }
    }

    /// For writes, which have no timestamps: a silent host may begin again with a burst.
    pub fn without_timestamps(slack_ns: u64) -> LatenessDetector {
        LatenessDetector {
            needs_whole_delay: true,
            ..LatenessDetector::new(slack_ns)
        }
    }

    /// Whether packets arrive in time.
    pub fn is_steady(&self) -> bool {
        self.state == PaceState::Steady
    }

    /// Decides on the newest packet of the stream.
    pub fn judge(&mut self, timing: PacketTiming) -> LatenessDecision {
        let PacketTiming {
            mapped,
            arrival,
            rate,
        } = timing;
        let before = std::mem::replace(&mut self.last, arrival);
        if timing.excess() <= samples(self.slack_ns, rate) {
            self.state = PaceState::Steady;
            return LatenessDecision::Place;
        }
        match self.state {
            PaceState::Steady => {
                self.state = PaceState::Holding(mapped, arrival);
                LatenessDecision::Hold
            }
            PaceState::Holding(first, arrived) => {
                let judged = timing.is_since(PACE_NS, arrived, arrival);
                let burst = !self.needs_whole_delay && timing.is_since(BURST_NS, first, mapped);
                if !judged && !burst {
                    return LatenessDecision::Hold;
                }
                let draining = is_draining(mapped - first, arrival - arrived);
                if draining && self.needs_whole_delay {
                    self.state = PaceState::Holding(mapped, arrival);
                    return LatenessDecision::Hold;
                }
                self.decide(draining, timing)
            }
            // After a time without packets, this may be the end of another stall.
            PaceState::Draining(..)
                if timing.is_since(PACE_NS, before, arrival) && !self.needs_whole_delay =>
            {
                self.state = PaceState::Holding(mapped, arrival);
                LatenessDecision::Hold
            }
            PaceState::Draining(first, arrived) if timing.is_since(2 * PACE_NS, arrived, arrival) => {
                self.decide(is_draining(mapped - first, arrival - arrived), timing)
            }
            PaceState::Draining(..) => LatenessDecision::Place,
        }
    }

    fn decide(&mut self, draining: bool, timing: PacketTiming) -> LatenessDecision {
        if draining {
            self.state = PaceState::Draining(timing.mapped, timing.arrival);
            return LatenessDecision::Place;
        }
        self.state = PaceState::Steady;
        LatenessDecision::Moved
    }

    /// Decides on the held packets because no packet follows. `last`: the newest held packet.
    /// `forced`: they have been held only briefly, so the rest of a backlog may still arrive.
    pub fn force_decision(&mut self, last: PacketTiming, forced: bool) -> LatenessDecision {
        let PaceState::Holding(first, arrived) = self.state else {
            return LatenessDecision::Place;
        };
        if self.needs_whole_delay {
            return self.decide(false, last);
        }
        let stalled = forced && last.excess() <= samples(STALL_NS, last.rate);
        let burst = last.mapped > first && is_draining(last.mapped - first, last.arrival - arrived);
        self.decide(burst || stalled, last)
    }

    /// Forgets the state after the mapping was restarted.
    pub fn reset(&mut self) {
        self.state = PaceState::Steady;
    }
}

fn is_draining(audio: i64, elapsed: i64) -> bool {
    audio * DRAINING.1 >= elapsed.max(1) * DRAINING.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 8;

    fn at(mapped: i64, arrival: i64) -> PacketTiming {
        PacketTiming {
            mapped: mapped * MS,
            arrival: arrival * MS,
            rate: 8000,
        }
    }

    fn lateness() -> LatenessDetector {
        LatenessDetector::new(100 * NS_PER_MS)
    }

    #[test]
    fn a_backlog_that_arrives_at_once_keeps_its_mapping() {
        let mut late = lateness();
        let decisions: Vec<_> = (0..12).map(|n| late.judge(at(20 * n, 1300))).collect();
        assert!(
            decisions[..10].iter().all(|v| *v == LatenessDecision::Hold),
            "{decisions:?}"
        );
        assert!(decisions[10..].iter().all(|v| *v == LatenessDecision::Place));
    }

    #[test]
    fn a_fast_pace_is_a_stall_and_a_real_time_pace_is_a_move() {
        for (per_packet, decision) in [
            (10, LatenessDecision::Place),
            (16, LatenessDecision::Place),
            (20, LatenessDecision::Moved),
        ] {
            let mut late = lateness();
            let decided = (0..20).map(|n| late.judge(at(20 * n, 1000 + per_packet * n)));
            let decided = decided.into_iter().find(|v| *v != LatenessDecision::Hold);
            assert_eq!(decided, Some(decision), "one packet every {per_packet} ms");
        }
    }

    /// A host was silent and begins again with a burst that makes up for a part of the time.
    #[test]
    fn without_timestamps_a_partial_burst_is_not_a_backlog() {
        let mut late = LatenessDetector::without_timestamps(100 * NS_PER_MS);
        let arrived = |n: i64| 3000 + (20 * (n - 3)).max(0);
        let decided = (0..20).map(|n| late.judge(at(20 * n, arrived(n))));
        assert_eq!(
            decided.into_iter().find(|v| *v != LatenessDecision::Hold),
            Some(LatenessDecision::Moved)
        );
        let decided = (0..200).map(|n| late.judge(at(20 * n, 3000)));
        let held = decided
            .into_iter()
            .take_while(|v| *v == LatenessDecision::Hold)
            .count();
        assert_eq!(held, 145, "three seconds without the slack");
    }

    /// After the first stall there was silence, so that no packet arrived in time.
    #[test]
    fn a_second_stall_is_decided_separately() {
        let mut late = lateness();
        let first: Vec<_> = (0..16).map(|n| late.judge(at(20 * n, 900))).collect();
        assert_eq!(first.last(), Some(&LatenessDecision::Place));
        let second: Vec<_> = (50..66).map(|n| late.judge(at(20 * n, 1600))).collect();
        assert_eq!(second.first(), Some(&LatenessDecision::Hold));
        assert_eq!(second.last(), Some(&LatenessDecision::Place));
        assert!(!second.contains(&LatenessDecision::Moved), "{second:?}");
    }

    #[test]
    fn a_single_late_packet_has_moved() {
        let mut late = lateness();
        assert_eq!(late.judge(at(0, 3000)), LatenessDecision::Hold);
        assert_eq!(late.force_decision(at(0, 3000), false), LatenessDecision::Moved);
        assert_eq!(late.judge(at(0, 50)), LatenessDecision::Place);
    }

    #[test]
    fn a_late_packet_with_timely_successors_keeps_its_mapping() {
        let mut late = lateness();
        assert_eq!(late.judge(at(0, 150)), LatenessDecision::Hold);
        assert_eq!(late.judge(at(60, 150)), LatenessDecision::Place);
        assert_eq!(late.state, PaceState::Steady);
    }
}
