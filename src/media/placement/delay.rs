//! How late a sender's audio comes: stalls that drain, paths that have changed, clocks
//! that drift.
//!
//! A stream's mapping says where its timestamps lie. What comes late by the mapping is
//! either the backlog of a stall, which comes faster than time goes and belongs where the
//! mapping has it, or a stream that has really moved, which comes as time goes and lies
//! at its arrival.

use crate::clock::{NS_PER_MS, NS_PER_S};

/// Faster than 1.15 times real time: a stall is draining.
const DRAINING: (i64, i64) = (115, 100);
/// Over so long the pace is judged.
pub(in crate::media) const JUDGED_NS: u64 = 100 * NS_PER_MS;
/// So much audio, sooner than that, is a burst.
const BURST_NS: u64 = 200 * NS_PER_MS;
/// Samples without timestamps must come fast for so long.
const PROOF_NS: u64 = 500 * NS_PER_MS;
/// What is held comes to a decision, also if nothing follows it.
pub(in crate::media) const HELD_NS: u64 = 200 * NS_PER_MS;
/// The longest stall of a network that is promised to lose nothing.
pub(in crate::media) const STALL_NS: u64 = 5 * NS_PER_S;

/// Where one packet stands: samples at the stream's rate.
#[derive(Clone, Copy, Debug)]
pub(in crate::media) struct Moment {
    /// Where the mapping has it.
    pub wanted: i64,
    pub arrival: i64,
    pub rate: u32,
}

impl Moment {
    pub(in crate::media) fn excess(&self) -> i64 {
        self.arrival - self.wanted
    }

    fn is_since(&self, ns: u64, first: i64, now: i64) -> bool {
        now - first >= samples(ns, self.rate)
    }
}

pub(in crate::media) fn samples(ns: u64, rate: u32) -> i64 {
    (u128::from(ns) * u128::from(rate) / u128::from(NS_PER_S)) as i64
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) enum Verdict {
    /// It lies where the mapping has it, and so does all that was held.
    Place,
    /// Not decided yet.
    Hold,
    /// All that is held, and this one, lie at their arrival.
    Moved,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Steady,
    /// Since the beginning of the present look at the pace, and since when at all.
    Holding(i64, i64, i64),
    /// Since the beginning of the present look at the pace.
    Draining(i64, i64),
}

/// Judges late packets by their pace.
#[derive(Clone, Copy, Debug)]
pub(in crate::media) struct Lateness {
    state: State,
    /// Later than this is worth a judgement.
    slack_ns: u64,
    /// Without timestamps, only a backlog that makes up for all of the delay, or comes fast
    /// for this long, is one.
    proof_ns: u64,
}

impl Lateness {
    pub(in crate::media) fn new(slack_ns: u64) -> Lateness {
        Lateness {
            state: State::Steady,
            slack_ns,
            proof_ns: 0,
        }
    }

    /// For what has no timestamps: a host that was silent may begin again with a burst.
    pub(in crate::media) fn without_timestamps(slack_ns: u64) -> Lateness {
        Lateness {
            proof_ns: PROOF_NS,
            ..Lateness::new(slack_ns)
        }
    }

    /// What comes is in time.
    pub(in crate::media) fn is_steady(&self) -> bool {
        self.state == State::Steady
    }

    /// The newest packet of the stream.
    pub(in crate::media) fn judge(&mut self, moment: Moment) -> Verdict {
        let Moment {
            wanted,
            arrival,
            rate,
        } = moment;
        if moment.excess() <= samples(self.slack_ns, rate) {
            self.state = State::Steady;
            return Verdict::Place;
        }
        match self.state {
            State::Steady => {
                self.state = State::Holding(wanted, arrival, arrival);
                Verdict::Hold
            }
            State::Holding(first, came, since) => {
                let judged = moment.is_since(JUDGED_NS, came, arrival);
                let burst = self.proof_ns == 0 && moment.is_since(BURST_NS, first, wanted);
                if !judged && !burst {
                    return Verdict::Hold;
                }
                let draining = drains(wanted - first, arrival - came);
                if draining && !moment.is_since(self.proof_ns, since, arrival) {
                    self.state = State::Holding(wanted, arrival, since);
                    return Verdict::Hold;
                }
                self.decide(draining, moment)
            }
            State::Draining(first, came) if moment.is_since(2 * JUDGED_NS, came, arrival) => {
                self.decide(drains(wanted - first, arrival - came), moment)
            }
            State::Draining(..) => Verdict::Place,
        }
    }

    fn decide(&mut self, draining: bool, moment: Moment) -> Verdict {
        if draining {
            self.state = State::Draining(moment.wanted, moment.arrival);
            return Verdict::Place;
        }
        self.state = State::Steady;
        Verdict::Moved
    }

    /// Nothing more comes for now: what is held is decided by what there is. `last`: the
    /// newest of it. `forced`: it has not waited for long, so that the rest of a backlog
    /// may still come.
    pub(in crate::media) fn give_up(&mut self, last: Moment, forced: bool) -> Verdict {
        let State::Holding(first, came, _) = self.state else {
            return Verdict::Place;
        };
        if self.proof_ns > 0 {
            return self.decide(false, last);
        }
        let stalled = forced && last.excess() <= samples(STALL_NS, last.rate);
        let burst = last.wanted > first && drains(last.wanted - first, last.arrival - came);
        self.decide(burst || stalled, last)
    }

    /// The mapping has begun anew.
    pub(in crate::media) fn reset(&mut self) {
        self.state = State::Steady;
    }
}

fn drains(said: i64, took: i64) -> bool {
    said * DRAINING.1 >= took.max(1) * DRAINING.0
}

/// Slow clock drift: a sender whose crystal is not ours. The least delay within a window
/// is what the network cannot hide; where it wanders, the sender's clock does.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::media) struct Drift {
    window: Option<Least>,
    baseline: Option<i64>,
    /// Samples that the stream is still to be moved by: positive, the sender is slow.
    rest: i64,
    /// The least delay of the latest whole window.
    latest: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Least {
    since: i64,
    packets: u32,
    delay: i64,
    most: i64,
}

const WINDOW_NS: u64 = NS_PER_S;
const WINDOW_PACKETS: u32 = 25;
/// Less is no drift, and less than so large a part of the jitter is chance.
const BEGIN_NS: u64 = 6 * NS_PER_MS;
const OF_JITTER: i64 = 3;
/// A window's least delay moves by no more than so many parts of a hundred: else it is a
/// path that has changed, or a burst.
const DRIFT_PERCENT: i64 = 3;
const ENOUGH_NS: u64 = NS_PER_MS;
/// Earlier than its arrival by more than this, no audio can be.
const LEAD_NS: u64 = 20 * NS_PER_MS;
/// So many packets show a lead.
const LEAD_PACKETS: u32 = 5;

impl Drift {
    /// The mapping has begun anew.
    pub(in crate::media) fn reset(&mut self) {
        *self = Drift::default();
    }

    /// One packet as the mapping places it. Answers by how many samples the stream moves
    /// from here on, at most 2 % of its length.
    pub(in crate::media) fn observe(&mut self, moment: Moment, len: i64) -> i64 {
        self.look(moment.arrival, moment.excess(), moment.rate);
        if self.rest == 0 {
            return 0;
        }
        let most = (len / 50).max(1);
        let step = self.rest.clamp(-most, most);
        self.rest -= step;
        if let Some(latest) = &mut self.latest {
            *latest -= step;
        }
        if let Some(window) = &mut self.window {
            window.delay -= step;
            window.most -= step;
        }
        if self.rest.abs() < samples(ENOUGH_NS, moment.rate) {
            self.rest = 0;
        }
        step
    }

    fn look(&mut self, arrival: i64, delay: i64, rate: u32) {
        let window = self.window.get_or_insert(Least {
            since: arrival,
            packets: 0,
            delay,
            most: delay,
        });
        window.delay = window.delay.min(delay);
        window.most = window.most.max(delay);
        window.packets += 1;
        let whole = arrival - window.since >= samples(WINDOW_NS, rate) && window.packets >= WINDOW_PACKETS;
        if !whole {
            return;
        }
        let (least, took) = (window.delay, arrival - window.since);
        let jitter = window.most - least;
        let before = self.latest.replace(least).unwrap_or(least);
        self.window = None;
        if 100 * (least - before).abs() > DRIFT_PERCENT * took {
            (self.baseline, self.rest) = (Some(least), 0);
            return;
        }
        let moved = least - *self.baseline.get_or_insert(least);
        if moved.abs() > samples(BEGIN_NS, rate).max(jitter / OF_JITTER) {
            self.rest = moved;
        }
    }

    /// Samples by which the stream lies later than it can have been said: the mapping
    /// began with a packet that had been held up. They are taken back in a silence.
    pub(in crate::media) fn lead(&self, rate: u32) -> i64 {
        let window = self.window.filter(|window| window.packets >= LEAD_PACKETS);
        let least = window.map(|window| window.delay).or(self.latest);
        match least {
            Some(least) if -least > samples(LEAD_NS, rate) => -least,
            _ => 0,
        }
    }

    /// So much of the lead was taken back.
    pub(in crate::media) fn took_back(&mut self, by: i64) {
        self.rest = 0;
        for delay in [&mut self.latest, &mut self.baseline].into_iter().flatten() {
            *delay += by;
        }
        if let Some(window) = &mut self.window {
            window.delay += by;
            window.most += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 8;

    fn at(wanted: i64, arrival: i64) -> Moment {
        Moment {
            wanted: wanted * MS,
            arrival: arrival * MS,
            rate: 8000,
        }
    }

    fn lateness() -> Lateness {
        Lateness::new(100 * NS_PER_MS)
    }

    #[test]
    fn a_backlog_that_comes_at_once_lies_where_the_mapping_has_it() {
        let mut late = lateness();
        let verdicts: Vec<_> = (0..12).map(|n| late.judge(at(20 * n, 1300))).collect();
        assert!(verdicts[..10].iter().all(|v| *v == Verdict::Hold), "{verdicts:?}");
        assert!(verdicts[10..].iter().all(|v| *v == Verdict::Place));
    }

    #[test]
    fn twice_as_fast_is_a_drain_and_real_time_is_a_move() {
        for (per_packet, verdict) in [(10, Verdict::Place), (16, Verdict::Place), (20, Verdict::Moved)] {
            let mut late = lateness();
            let decided = (0..20).map(|n| late.judge(at(20 * n, 1000 + per_packet * n)));
            let decided = decided.into_iter().find(|v| *v != Verdict::Hold);
            assert_eq!(decided, Some(verdict), "a packet each {per_packet} ms");
        }
    }

    /// A host that was silent, and begins again with a burst that makes up for a part only.
    #[test]
    fn without_timestamps_a_burst_alone_is_no_backlog() {
        let mut late = Lateness::without_timestamps(100 * NS_PER_MS);
        let came = |n: i64| 3000 + (20 * (n - 3)).max(0);
        let decided = (0..20).map(|n| late.judge(at(20 * n, came(n))));
        assert_eq!(
            decided.into_iter().find(|v| *v != Verdict::Hold),
            Some(Verdict::Moved)
        );
        let decided = (0..200).map(|n| late.judge(at(20 * n, 3000)));
        let held = decided.into_iter().take_while(|v| *v == Verdict::Hold).count();
        assert_eq!(held, 145, "all of three seconds but the slack");
    }

    #[test]
    fn one_late_packet_alone_has_moved() {
        let mut late = lateness();
        assert_eq!(late.judge(at(0, 3000)), Verdict::Hold);
        assert_eq!(late.give_up(at(0, 3000), false), Verdict::Moved);
        assert_eq!(late.judge(at(0, 50)), Verdict::Place);
    }

    #[test]
    fn a_late_packet_whose_successors_are_in_time_was_only_late() {
        let mut late = lateness();
        assert_eq!(late.judge(at(0, 150)), Verdict::Hold);
        assert_eq!(late.judge(at(60, 150)), Verdict::Place);
        assert_eq!(late.state, State::Steady);
    }

    /// One per cent, both ways, for a minute: never further away than 60 ms.
    #[test]
    fn drift_is_followed_within_two_per_cent() {
        for ppm in [10_000i64, -10_000, 1000, -1000] {
            let mut drift = Drift::default();
            let (mut place, mut worst) = (0i64, 0i64);
            for n in 0..3000i64 {
                let arrival = n * 160 * (1_000_000 - ppm) / 1_000_000;
                let moment = Moment {
                    wanted: place,
                    arrival,
                    rate: 8000,
                };
                let step = drift.observe(moment, 160);
                assert!(step.abs() <= 3);
                place += step;
                worst = worst.max((arrival - place).abs());
                place += 160;
            }
            assert!(worst < 60 * MS, "{ppm} ppm: {worst} samples");
        }
    }

    /// A stream that began with a burst lies too late until the first silence.
    #[test]
    fn a_lead_is_known_after_a_few_packets() {
        let mut drift = Drift::default();
        for n in 0..150i64 {
            let moment = Moment {
                wanted: n * 160 + 8000,
                arrival: n * 160,
                rate: 8000,
            };
            assert_eq!(drift.observe(moment, 160), 0, "speech is not cut for it");
            assert_eq!(drift.lead(8000), if n < 4 { 0 } else { 8000 });
        }
        drift.took_back(8000);
        assert_eq!(drift.lead(8000), 0);
    }
}
