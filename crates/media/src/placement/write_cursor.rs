//! Positions of samples that the host writes: they follow one another in real time.

use super::drift::DriftEstimator;
use super::lateness::{LatenessDecision, LatenessDetector, PacketTiming, STALL_NS, samples};
use super::{Audio, Placement, PlacementContext, PlacementSink};
use crate::FeedFormat;
use crate::time::{NS_PER_MS, NS_PER_S};

/// A host that is later than this has been silent, unless it makes up for the delay.
const SLACK_NS: u64 = 100 * NS_PER_MS;
/// The longest delay of a host after which later writes may have hidden delay.
const HICCUP_NS: u64 = 500 * NS_PER_MS;
/// A host that writes nothing for longer than this was not busy for all of it, so it has written all
/// that it had held back until then. It may have been busy at the end, for as long as a hiccup.
const IDLE_NS: u64 = 1000 * NS_PER_MS;
/// A position further from its arrival than this is a jump of the host's clock, unless the feed may
/// write further ahead.
const JUMP_NS: u64 = 2 * NS_PER_S;
/// The same in stream time, measured from the end of the leg.
const STREAM_JUMP_NS: u64 = 1800 * NS_PER_S;

/// One write, when it is handed in.
pub struct HostWrite<'a> {
    pub payload: &'a [u8],
    pub format: FeedFormat,
    pub epoch: u32,
    /// In samples.
    pub len: i64,
    pub arrival: i64,
    /// How far the feed may write ahead of the clock; 0: no write is ahead.
    pub ahead_ns: u64,
}

#[derive(Debug)]
struct HeldWrite {
    payload: Vec<u8>,
    format: FeedFormat,
    epoch: u32,
    len: i64,
    mapped: i64,
    arrival: i64,
    ahead_ns: u64,
}

/// The write position of a leg.
#[derive(Debug)]
pub struct WriteCursor {
    lateness: LatenessDetector,
    drift: DriftEstimator,
    held: Vec<HeldWrite>,
    /// The end of the last write; `None` before the first write of a feed.
    end: Option<i64>,
    /// Upper bound of the hidden delay of writes, in samples. It includes the greatest lead of a
    /// write: if a later one is less ahead of the clock, the host was late by the difference.
    hidden_delay: i64,
    /// For `write_at`: an index of the host's clock, and its position.
    anchor: Option<(u64, i64)>,
}

impl Default for WriteCursor {
    fn default() -> WriteCursor {
        WriteCursor {
            lateness: LatenessDetector::without_timestamps(SLACK_NS),
            drift: DriftEstimator::default(),
            held: Vec::new(),
            end: None,
            hidden_delay: 0,
            anchor: None,
        }
    }
}

impl WriteCursor {
    /// Restarts the cursor: a new feed, a new format, or audio written ahead was cleared.
    pub fn begin(&mut self) {
        (self.end, self.anchor, self.hidden_delay) = (None, None, 0);
        self.lateness.reset();
        self.drift.reset();
    }

    pub fn write(&mut self, write: &HostWrite<'_>, context: &PlacementContext, out: &mut impl PlacementSink) {
        let rate = write.format.rate;
        let leg_end = out.end(rate);
        if !context.is_real_time {
            return self.place(write, leg_end, 0, out);
        }
        let Some(end) = self.end else {
            return self.place_live(write, leg_end.max(write.arrival), 0, out);
        };
        // Packets may have advanced the end of the leg.
        let mapped = match self.held.last() {
            Some(last) => last.mapped + last.len,
            None => end.max(leg_end),
        };
        let timing = PacketTiming {
            mapped,
            arrival: write.arrival,
            rate,
        };
        let decision = match write.is_ahead() {
            // A host that writes ahead restarts at the time of playback.
            true if timing.excess() > samples(SLACK_NS, rate) => LatenessDecision::Moved,
            true => LatenessDecision::Place,
            false => self.lateness.judge(timing),
        };
        match decision {
            LatenessDecision::Hold => self.held.push(write.hold(mapped)),
            LatenessDecision::Moved => {
                self.held.push(write.hold(mapped));
                self.settle(LatenessDecision::Moved, out);
            }
            LatenessDecision::Place => {
                self.settle(LatenessDecision::Place, out);
                let live = !write.is_ahead() && self.lateness.is_steady();
                let step = if live {
                    self.drift.observe(timing, write.len)
                } else {
                    0
                };
                self.place_live(write, mapped, step, out);
            }
        }
    }

    fn settle(&mut self, decision: LatenessDecision, out: &mut impl PlacementSink) {
        let Some(first) = self.held.first() else {
            return;
        };
        let by = match decision {
            LatenessDecision::Moved => (first.arrival - first.mapped).max(0),
            _ => 0,
        };
        if by > 0 {
            self.drift.reset();
            self.hidden_delay = delay_after(by, self.hidden_delay, first.format.rate);
        }
        for held in std::mem::take(&mut self.held) {
            self.place_live(&held.to_write(), held.mapped + by, 0, out);
        }
    }

    /// Places a write in real time. `step`: see `place`.
    fn place_live(&mut self, write: &HostWrite<'_>, at: i64, step: i64, out: &mut impl PlacementSink) {
        self.observe_lead(write, at + step);
        self.place(write, at, step, out);
    }

    /// Places a write. `step`: samples by which the cursor moves to follow the host's clock.
    fn place(&mut self, write: &HostWrite<'_>, at: i64, step: i64, out: &mut impl PlacementSink) {
        let trim = (-step).max(0).min(write.len);
        let at = at + step;
        let placement = Placement {
            at,
            trim: trim as u64,
            repeat: step.max(0) as u64,
            hidden_delay: self.hidden_delay_of(write),
            is_newest: true,
            ..Placement::default()
        };
        self.end = Some(at + write.len);
        out.place(&write.audio(), placement);
    }

    fn hidden_delay_of(&self, write: &HostWrite<'_>) -> u64 {
        match write.is_ahead() {
            true => 0,
            false => self.hidden_delay as u64,
        }
    }

    /// Notes the lead of a write in real time. It was spoken at its arrival at the latest, so until
    /// the cursor moves, all later writes have at least that delay.
    fn observe_lead(&mut self, write: &HostWrite<'_>, at: i64) {
        if !write.is_ahead() {
            let lead = at.saturating_sub(write.arrival);
            let longest = samples(STALL_NS, write.format.rate);
            self.hidden_delay = self.hidden_delay.max(lead.min(longest));
        }
    }

    /// Decides held writes that are due. `force`: also those that are not due.
    pub fn tick(&mut self, now_ns: u64, force: bool, out: &mut impl PlacementSink) {
        let (Some(first), Some(last)) = (self.held.first(), self.held.last()) else {
            return;
        };
        let rate = last.format.rate;
        let waited = samples(now_ns, rate) - first.arrival;
        let due = waited >= samples(super::lateness::HELD_NS, rate);
        if !force && !due {
            return;
        }
        let timing = PacketTiming {
            mapped: last.mapped,
            arrival: last.arrival,
            rate,
        };
        let decision = self.lateness.force_decision(timing, !due);
        self.settle(decision, out);
    }

    /// Held writes: arrival, samples, rate and epoch.
    pub fn unplaced(&self) -> impl Iterator<Item = (i64, i64, u32, u32)> + '_ {
        let held = self.held.iter();
        held.map(|held| (held.arrival, held.len, held.format.rate, held.epoch))
    }

    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Places samples by an index of the host's clock.
    pub fn write_at(
        &mut self,
        position: u64,
        write: &HostWrite<'_>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        let rate = write.format.rate;
        let end = out.end(rate);
        let begin = if context.is_real_time {
            end.max(write.arrival)
        } else {
            end
        };
        let (index, place) = *self.anchor.get_or_insert((position, begin));
        let mut at = place.saturating_add(position.wrapping_sub(index) as i64);
        if is_jump(at, end, write, context) {
            let late = begin.saturating_sub(at);
            let stall = samples(STALL_NS, rate);
            self.hidden_delay = if context.is_real_time && (0..=stall).contains(&late) {
                late
            } else {
                0
            };
            at = begin;
            self.anchor = Some((position, at));
        }
        if context.is_real_time {
            self.observe_lead(write, at);
        }
        self.end = Some(at + write.len);
        let placement = Placement {
            at,
            hidden_delay: self.hidden_delay_of(write),
            is_newest: true,
            ..Placement::default()
        };
        out.place(&write.audio(), placement);
    }
}

/// The hidden delay after a host was late by `by` samples, and did not make up for it.
fn delay_after(by: i64, before: i64, rate: u32) -> i64 {
    let [hiccup, idle, stall] = [HICCUP_NS, IDLE_NS, STALL_NS].map(|ns| samples(ns, rate));
    match by {
        by if by <= hiccup => (before + by).min(stall),
        by if by <= idle => before,
        by if by <= stall => before.min(hiccup),
        _ => 0,
    }
}

fn is_jump(at: i64, end: i64, write: &HostWrite<'_>, context: &PlacementContext) -> bool {
    let rate = write.format.rate;
    if !context.is_real_time {
        return at.abs_diff(end) > samples(STREAM_JUMP_NS, rate) as u64;
    }
    let late = write.arrival.saturating_sub(at);
    let ahead = write.ahead_ns.max(JUMP_NS);
    let jump = samples(JUMP_NS, rate);
    let stalled = late <= samples(STALL_NS, rate) && at >= end;
    (late > jump && !stalled) || late.saturating_neg() > samples(ahead, rate)
}

impl HostWrite<'_> {
    /// Whether the audio counts as spoken when it is played.
    fn is_ahead(&self) -> bool {
        self.ahead_ns > 0
    }

    fn audio(&self) -> Audio<'_> {
        Audio {
            payload: self.payload,
            format: self.format,
            len: self.len.max(0) as u64,
            number: None,
            is_big_endian: false,
            epoch: self.epoch,
            is_ahead: self.is_ahead(),
        }
    }

    fn hold(&self, mapped: i64) -> HeldWrite {
        HeldWrite {
            payload: self.payload.to_vec(),
            format: self.format,
            epoch: self.epoch,
            len: self.len,
            mapped,
            arrival: self.arrival,
            ahead_ns: self.ahead_ns,
        }
    }
}

impl HeldWrite {
    fn to_write(&self) -> HostWrite<'_> {
        HostWrite {
            payload: &self.payload,
            format: self.format,
            epoch: self.epoch,
            len: self.len,
            arrival: self.arrival,
            ahead_ns: self.ahead_ns,
        }
    }
}
