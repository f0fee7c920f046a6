//! How late a sender's audio comes: stalls that drain, paths that have changed, clocks
//! that drift.
//!
//! A stream's mapping says where its timestamps lie. What comes late by the mapping is
//! either the backlog of a stall, which comes faster than time goes and belongs where the
//! mapping has it, or a stream that has really moved, which comes as time goes and lies
//! at its arrival.

use crate::time::{NS_PER_MS, NS_PER_S};

/// Faster than 1.15 times real time: a stall is draining.
const DRAINING: (i64, i64) = (115, 100);
/// Over so long the pace is judged.
pub const PACE_NS: u64 = 100 * NS_PER_MS;
/// So much audio, sooner than that, is a burst.
const BURST_NS: u64 = 200 * NS_PER_MS;
/// What is held comes to a decision, also if nothing follows it.
pub const HELD_NS: u64 = 200 * NS_PER_MS;
/// The longest stall of a network that is promised to lose nothing.
pub const STALL_NS: u64 = 5 * NS_PER_S;

/// Where one packet stands: samples at the stream's rate.
#[derive(Clone, Copy, Debug)]
pub struct PacketTiming {
    /// Where the mapping has it.
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
    /// It lies where the mapping has it, and so does all that was held.
    Place,
    /// Not decided yet.
    Hold,
    /// All that is held, and this one, lie at their arrival.
    Moved,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PaceState {
    #[default]
    Steady,
    /// Since the beginning of the present look at the pace.
    Holding(i64, i64),
    /// Since the beginning of the present look at the pace.
    Draining(i64, i64),
}

/// Judges late packets by their pace.
#[derive(Clone, Copy, Debug)]
pub struct LatenessDetector {
    state: PaceState,
    /// When the newest packet came.
    last: i64,
    /// Later than this is worth a judgement.
    slack_ns: u64,
    /// Without timestamps, only a backlog that makes up for all of the delay is one.
    whole: bool,
}

impl LatenessDetector {
    pub fn new(slack_ns: u64) -> LatenessDetector {
        LatenessDetector {
            state: PaceState::Steady,
            last: 0,
            slack_ns,
            whole: false,
        }
    }

    /// For what has no timestamps: a host that was silent may begin again with a burst.
    pub fn without_timestamps(slack_ns: u64) -> LatenessDetector {
        LatenessDetector {
            whole: true,
            ..LatenessDetector::new(slack_ns)
        }
    }

    /// What comes is in time.
    pub fn is_steady(&self) -> bool {
        self.state == PaceState::Steady
    }

    /// The newest packet of the stream.
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
            PaceState::Holding(first, came) => {
                let judged = timing.is_since(PACE_NS, came, arrival);
                let burst = !self.whole && timing.is_since(BURST_NS, first, mapped);
                if !judged && !burst {
                    return LatenessDecision::Hold;
                }
                let draining = is_draining(mapped - first, arrival - came);
                if draining && self.whole {
                    self.state = PaceState::Holding(mapped, arrival);
                    return LatenessDecision::Hold;
                }
                self.decide(draining, timing)
            }
            // Nothing came for a while: this may be the end of another stall.
            PaceState::Draining(..) if timing.is_since(PACE_NS, before, arrival) && !self.whole => {
                self.state = PaceState::Holding(mapped, arrival);
                LatenessDecision::Hold
            }
            PaceState::Draining(first, came) if timing.is_since(2 * PACE_NS, came, arrival) => {
                self.decide(is_draining(mapped - first, arrival - came), timing)
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

    /// Nothing more comes for now: what is held is decided by what there is. `last`: the
    /// newest of it. `forced`: it has not waited for long, so that the rest of a backlog
    /// may still come.
    pub fn force_decision(&mut self, last: PacketTiming, forced: bool) -> LatenessDecision {
        let PaceState::Holding(first, came) = self.state else {
            return LatenessDecision::Place;
        };
        if self.whole {
            return self.decide(false, last);
        }
        let stalled = forced && last.excess() <= samples(STALL_NS, last.rate);
        let burst = last.mapped > first && is_draining(last.mapped - first, last.arrival - came);
        self.decide(burst || stalled, last)
    }

    /// The mapping has begun anew.
    pub fn reset(&mut self) {
        self.state = PaceState::Steady;
    }
}

fn is_draining(said: i64, took: i64) -> bool {
    said * DRAINING.1 >= took.max(1) * DRAINING.0
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
    fn a_backlog_that_comes_at_once_lies_where_the_mapping_has_it() {
        let mut late = lateness();
        let verdicts: Vec<_> = (0..12).map(|n| late.judge(at(20 * n, 1300))).collect();
        assert!(
            verdicts[..10].iter().all(|v| *v == LatenessDecision::Hold),
            "{verdicts:?}"
        );
        assert!(verdicts[10..].iter().all(|v| *v == LatenessDecision::Place));
    }

    #[test]
    fn twice_as_fast_is_a_drain_and_real_time_is_a_move() {
        for (per_packet, decision) in [
            (10, LatenessDecision::Place),
            (16, LatenessDecision::Place),
            (20, LatenessDecision::Moved),
        ] {
            let mut late = lateness();
            let decided = (0..20).map(|n| late.judge(at(20 * n, 1000 + per_packet * n)));
            let decided = decided.into_iter().find(|v| *v != LatenessDecision::Hold);
            assert_eq!(decided, Some(decision), "a packet each {per_packet} ms");
        }
    }

    /// A host that was silent, and begins again with a burst that makes up for a part only.
    #[test]
    fn without_timestamps_a_burst_alone_is_no_backlog() {
        let mut late = LatenessDetector::without_timestamps(100 * NS_PER_MS);
        let came = |n: i64| 3000 + (20 * (n - 3)).max(0);
        let decided = (0..20).map(|n| late.judge(at(20 * n, came(n))));
        assert_eq!(
            decided.into_iter().find(|v| *v != LatenessDecision::Hold),
            Some(LatenessDecision::Moved)
        );
        let decided = (0..200).map(|n| late.judge(at(20 * n, 3000)));
        let held = decided
            .into_iter()
            .take_while(|v| *v == LatenessDecision::Hold)
            .count();
        assert_eq!(held, 145, "all of three seconds but the slack");
    }

    /// Nobody spoke after the first stall, so that nothing has come in time since.
    #[test]
    fn a_second_stall_is_judged_by_itself() {
        let mut late = lateness();
        let first: Vec<_> = (0..16).map(|n| late.judge(at(20 * n, 900))).collect();
        assert_eq!(first.last(), Some(&LatenessDecision::Place));
        let second: Vec<_> = (50..66).map(|n| late.judge(at(20 * n, 1600))).collect();
        assert_eq!(second.first(), Some(&LatenessDecision::Hold));
        assert_eq!(second.last(), Some(&LatenessDecision::Place));
        assert!(!second.contains(&LatenessDecision::Moved), "{second:?}");
    }

    #[test]
    fn one_late_packet_alone_has_moved() {
        let mut late = lateness();
        assert_eq!(late.judge(at(0, 3000)), LatenessDecision::Hold);
        assert_eq!(late.force_decision(at(0, 3000), false), LatenessDecision::Moved);
        assert_eq!(late.judge(at(0, 50)), LatenessDecision::Place);
    }

    #[test]
    fn a_late_packet_whose_successors_are_in_time_was_only_late() {
        let mut late = lateness();
        assert_eq!(late.judge(at(0, 150)), LatenessDecision::Hold);
        assert_eq!(late.judge(at(60, 150)), LatenessDecision::Place);
        assert_eq!(late.state, PaceState::Steady);
    }
}
