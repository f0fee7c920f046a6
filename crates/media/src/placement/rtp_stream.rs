//! One RTP stream (an SSRC at one clock rate), and the positions of its packets.

mod correction;
mod held;
mod in_order;
mod late;

use std::collections::VecDeque;

use super::drift::DriftEstimator;
use super::hidden_delay::HiddenDelay;
use super::lateness::{LatenessDecision, LatenessDetector, PACE_NS, STALL_NS, samples};
use super::sequence_gaps::{Gap, Gaps};
use super::sequence_window::{NUMBERS, NumberStatus, SequenceWindow};
use super::timestamp_mapping::{TimestampMapping, TimestampStep};
use super::{HeldPacket, IncomingPacket, Placement, PlacementContext, PlacementSink, RejectReason};
use crate::planted::{PlantedFault, TimelineFault};
use crate::time::NS_PER_MS;

/// A packet later than this, by its timestamp, is late.
const SLACK_NS: u64 = 100 * NS_PER_MS;
/// A number this close behind the newest fits whatever its timestamp.
const NEAR: u16 = 32;
/// A number this close ahead of the newest fits whatever its timestamp.
const NEXT: u16 = 16;
/// Packets further ahead of the clock are dropped; otherwise a peer could make the leg grow.
const AHEAD_NS: u64 = 10_000 * NS_PER_MS;
/// Stream time: how much one leg may be drained before another.
const RING_NS: u64 = 1_000 * NS_PER_MS;
/// Stream time: a longer silence is a jump of the timestamps.
const LONGEST_S: i64 = 1800;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceOrder {
    /// Newer than all others.
    Next,
    /// Older than others, and not received before.
    Late,
    Duplicate,
    /// May begin a new sequence.
    Suspect,
    /// May begin a new sequence, or be a very old packet that belongs at this position and is
    /// beyond the window. A restart with the stream's first sequence numbers and timestamps looks
    /// the same.
    Ancient(i64),
}

/// The fields that every packet in order needs come first, to touch few cache lines.
#[derive(Debug)]
#[repr(C)]
pub struct RtpStream {
    pub ssrc: u32,
    pub rate: u32,
    /// The sequence number of the newest audio packet.
    highest: u16,
    /// The sequence number of its first packet.
    first: u16,
    /// Its first packets are held until the size of the initial backlog is known.
    is_anchoring: bool,
    is_real_time: bool,
    planted: PlantedFault,
    /// The end of the last sample placed.
    end: i64,
    timestamps: TimestampMapping,
    pub last_arrival: i64,
    /// Samples by which the newest packet lies later than its arrival.
    lead: i64,
    /// The same sender's stream before a restart.
    predecessor: Option<Box<RtpStream>>,
    /// Packets held for a decision, oldest first.
    held: Vec<HeldPacket<'static>>,
    /// Packets that arrived out of order while the stream was being anchored.
    held_late: Vec<HeldPacket<'static>>,
    pub hidden_delay: HiddenDelay,
    lateness: LatenessDetector,
    drift: DriftEstimator,
    /// Samples by which anchoring moved the stream.
    anchor_shift: i64,
    /// When its feed was opened. No audio of the feed was spoken earlier.
    pub feed_opened: i64,
    /// The beginning of the feed's idle time before this stream; whether several packets arrived at
    /// its end.
    pub idle_since: Option<i64>,
    pub came_in_burst: bool,
    /// The recent peak of samples, kept while a lead is to be reduced in a silence.
    recent_peak: i32,
    /// Moves of the stream: the highest sequence number before each, and its size.
    moves: VecDeque<(u16, i64)>,
    gaps: Gaps,
    window: SequenceWindow,
}

impl RtpStream {
    /// Begins a stream with its first packet. In real time, the packet is held until the packets
    /// that arrive with it are known.
    pub fn begin(
        incoming: &IncomingPacket<'_>,
        guard: Option<i64>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) -> RtpStream {
        let packet = incoming.packet;
        let first = match (context.is_real_time, incoming.clock()) {
            (true, _) => incoming.arrival,
            // The leg was silent while the other legs advanced.
            (false, Some(clock)) if incoming.has_been_silent(clock) => clock,
            (false, _) => incoming.leg_end,
        };
        let mut stream = RtpStream {
            ssrc: packet.ssrc,
            rate: incoming.format.rate,
            window: SequenceWindow::new(),
            highest: packet.sequence,
            first: packet.sequence,
            timestamps: TimestampMapping::new(packet.timestamp, first, incoming.len),
            lateness: LatenessDetector::new(SLACK_NS),
            drift: DriftEstimator::default(),
            hidden_delay: HiddenDelay::default(),
            held: Vec::new(),
            held_late: Vec::new(),
            is_anchoring: context.is_real_time,
            is_real_time: context.is_real_time,
            anchor_shift: 0,
            feed_opened: 0,
            idle_since: None,
            came_in_burst: false,
            end: first,
            moves: VecDeque::new(),
            gaps: Gaps::default(),
            last_arrival: incoming.arrival,
            lead: 0,
            recent_peak: 0,
            predecessor: None,
            planted: context.planted,
        };
        stream.window.set_audio(packet.sequence, incoming.hash);
        stream
            .hidden_delay
            .observe_packet(packet.timestamp, incoming.arrival, incoming.format.rate);
        if let Some(hidden_delay) = guard {
            stream
                .hidden_delay
                .guard(first, hidden_delay, incoming.format.rate);
        }
        match context.is_real_time {
            true => stream.held.push(incoming.hold(first, 0).own()),
            false => {
                let placement = Placement {
                    hidden_delay: stream.hidden_delay.at(first),
                    ..incoming.plain(first)
                };
                stream.emit(incoming, placement, out);
            }
        }
        stream
    }

    /// Sets the stream of the same sender before this restart.
    pub fn set_predecessor(&mut self, mut old: RtpStream) {
        if old.rate != self.rate {
            let came = self.last_arrival * i64::from(old.rate) / i64::from(self.rate.max(1));
            let silent = came - old.timestamps.end();
            self.hidden_delay
                .inherit(&old.hidden_delay, silent, (old.rate, self.rate));
        }
        old.predecessor = None;
        self.predecessor = Some(Box::new(old));
    }

    /// Whether the packet is not newer than the newest.
    pub fn is_behind(&self, incoming: &IncomingPacket<'_>) -> bool {
        let ahead = incoming.packet.sequence.wrapping_sub(self.highest);
        ahead == 0 || ahead >= 0x8000
    }

    fn continues(&self, incoming: &IncomingPacket<'_>) -> bool {
        let ahead = incoming.packet.sequence.wrapping_sub(self.highest);
        (1..=NEXT).contains(&ahead) && self.rate == incoming.format.rate
    }

    /// Resumes the stream before a restart if a packet continues it: the restart consisted of old
    /// packets.
    pub fn resume_predecessor(&mut self, incoming: &IncomingPacket<'_>, context: &PlacementContext) {
        let is_continued = |predecessor: &mut Box<RtpStream>| predecessor.continues(incoming);
        if self.continues(incoming) || self.is_holding() {
            return;
        }
        if let Some(mut predecessor) = self.predecessor.take_if(is_continued) {
            if !context.is_real_time {
                // Other audio covers its previous time.
                predecessor.timestamps.shift(incoming.leg_end - predecessor.end);
                predecessor.end = incoming.leg_end;
            }
            *self = *predecessor;
        }
    }

    pub fn order(&self, incoming: &IncomingPacket<'_>, context: &PlacementContext) -> SequenceOrder {
        let packet = incoming.packet;
        let ahead = packet.sequence.wrapping_sub(self.highest);
        if ahead != 0 && ahead < 0x8000 {
            return match self.follows(incoming, ahead, context) {
                true => SequenceOrder::Next,
                false => SequenceOrder::Suspect,
            };
        }
        let back = ahead.wrapping_neg();
        match self.window.status(packet.sequence, incoming.hash) {
            NumberStatus::Audio { same: true } if back < NUMBERS => SequenceOrder::Duplicate,
            NumberStatus::Audio { same: false } if back < NUMBERS => SequenceOrder::Suspect,
            _ if !self.timestamps.fits_behind(packet.timestamp, back, back < NEAR) => SequenceOrder::Suspect,
            _ if back < NUMBERS => SequenceOrder::Late,
            _ => SequenceOrder::Ancient(self.timestamps.place(packet.timestamp)),
        }
    }

    fn follows(&self, incoming: &IncomingPacket<'_>, ahead: u16, context: &PlacementContext) -> bool {
        if ahead <= NEXT {
            return true;
        }
        // Not more packets can be missing than the elapsed time and a stall explain.
        let elapsed = incoming.arrival - self.last_arrival + samples(STALL_NS, self.rate);
        let possible = !context.is_real_time || i64::from(ahead) * self.timestamps.len() <= elapsed;
        let timestamp = incoming.packet.timestamp;
        possible && self.timestamps.fits_ahead(timestamp, ahead, self.rate)
    }

    /// Whether the packet was spoken about now, by its timestamp.
    pub fn is_in_time(&self, incoming: &IncomingPacket<'_>) -> bool {
        let at = self.timestamps.place(incoming.packet.timestamp);
        let slack = samples(SLACK_NS, self.rate);
        at >= self.end.max(self.timestamps.end()) && (incoming.arrival - at).abs() <= slack
    }

    /// Places the newest packet. `returns`: another stream was in front meanwhile, so that the
    /// numbers in between are not missing.
    pub fn place_next(
        &mut self,
        incoming: &IncomingPacket<'_>,
        returns: bool,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        let packet = incoming.packet;
        self.hidden_delay
            .observe_packet(packet.timestamp, incoming.arrival, self.rate);
        let before = self.highest;
        let missing = match returns {
            true => 0,
            false => self.window.missing(before, packet.sequence),
        };
        let step = self.step(incoming, missing, returns, context);
        let apart = packet.sequence.wrapping_sub(before);
        self.window.set_audio(packet.sequence, incoming.hash);
        self.highest = packet.sequence;
        self.last_arrival = incoming.arrival;
        let len = self.timestamps.len();
        let mapped = match step {
            TimestampStep::Fits(at) => at,
            TimestampStep::Broken(at) => {
                out.count_wrong_timestamp();
                self.force_decision(true, context, out);
                self.lateness.reset();
                self.hidden_delay.add_gap(at - self.timestamps.end(), self.rate);
                at
            }
        };
        self.timestamps
            .set_newest(packet.timestamp, mapped, incoming.len, apart);
        let mut held = incoming.hold(mapped, missing);
        held.after = before;
        held.len_before = len;
        if !context.is_real_time {
            return self.place(&held, 0, out);
        }
        let first = self.held.first().map_or(0, |held| held.arrival);
        if self.is_anchoring && incoming.arrival - first < samples(PACE_NS, self.rate) {
            return self.held.push(held.own());
        }
        if self.is_anchoring {
            self.anchor(context, out);
            held.mapped = mapped + self.anchor_shift;
        }
        self.judge(held, out);
    }

    fn step(
        &mut self,
        incoming: &IncomingPacket<'_>,
        missing: u64,
        returns: bool,
        context: &PlacementContext,
    ) -> TimestampStep {
        let expected = self.timestamps.end() + missing as i64 * self.timestamps.len();
        let packet = incoming.packet;
        let apart = packet.sequence.wrapping_sub(self.highest);
        if !context.is_real_time {
            let horizon = match incoming.clock() {
                Some(clock) if !packet.marker => clock.max(expected) + samples(RING_NS, self.rate),
                _ => expected + LONGEST_S * i64::from(self.rate),
            };
            let expected = if returns {
                expected.max(incoming.leg_end)
            } else {
                expected
            };
            return self
                .timestamps
                .step(packet.timestamp, apart, expected, horizon, packet.marker);
        }
        let slack = samples(SLACK_NS, self.rate);
        let lead = (self.timestamps.end() - incoming.arrival).max(self.lead).max(0);
        let horizon = incoming.arrival + lead + slack;
        let step = self
            .timestamps
            .step(packet.timestamp, apart, expected, horizon, packet.marker);
        match step {
            // Only its arrival is known.
            TimestampStep::Broken(at) if incoming.arrival - at > slack => {
                TimestampStep::Broken(incoming.arrival)
            }
            TimestampStep::Broken(at) if self.was_silent(incoming, at, horizon) => {
                TimestampStep::Broken(incoming.arrival)
            }
            TimestampStep::Broken(_) if self.planted.has(TimelineFault::WrongTimestampTrusted) => {
                TimestampStep::Fits(self.timestamps.place(packet.timestamp))
            }
            step => step,
        }
    }

    /// Whether timestamp and clock both say that the sender was silent. Then the stream was too
    /// late, by less than the longest stall.
    fn was_silent(&self, incoming: &IncomingPacket<'_>, expected: i64, horizon: i64) -> bool {
        let at = self.timestamps.place(incoming.packet.timestamp);
        let stalled = incoming.arrival + samples(STALL_NS, self.rate);
        (horizon + 1..=stalled).contains(&at) && incoming.arrival - expected > self.timestamps.len()
    }

    /// Whether held packets have waited long enough.
    pub fn is_due(&self, now: i64) -> bool {
        let waited =
            |held: &HeldPacket<'_>| now - held.arrival >= samples(super::lateness::HELD_NS, self.rate);
        !self.is_anchoring && self.held.first().is_some_and(waited)
    }

    /// Whether the first packets are still held.
    pub fn is_anchoring(&self) -> bool {
        self.is_anchoring
    }

    /// The earliest gap that packets out of order may still fill, with the rate. Gaps older than
    /// `reorder_ns` do not count.
    pub fn earliest_gap(&self, now_ns: u64, reorder_ns: u64) -> Option<(i64, u32)> {
        let since = samples(now_ns.saturating_sub(reorder_ns), self.rate);
        Some((self.gaps.earliest_open(since)?, self.rate))
    }

    /// All packets without a position.
    pub(super) fn held(&self) -> impl Iterator<Item = &HeldPacket<'static>> {
        self.held.iter().chain(&self.held_late)
    }

    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Places a held packet. `slipped`: samples by which the stream moves here without a silence.
    fn place(&mut self, held: &HeldPacket<'_>, slipped: i64, out: &mut impl PlacementSink) {
        let gap = (held.mapped - self.end).max(0);
        let lost = (held.missing as i64 * held.len_before).min(gap);
        if held.missing > 0 {
            self.gaps.push(Gap {
                after: held.after,
                before: held.sequence,
                missing: held.missing,
                from: held.mapped - gap,
                to: held.mapped,
                seen: held.arrival,
            });
        }
        if self.is_real_time && held.mapped - held.arrival > samples(AHEAD_NS, self.rate) {
            let (arrival, epoch) = (held.arrival, held.epoch);
            return out.reject(RejectReason::Ahead, held.format, held.len, arrival, epoch);
        }
        let placement = Placement {
            at: held.mapped,
            trim: (self.end - held.mapped).max(0).min(slipped.min(0).abs()) as u64,
            repeat: slipped.max(0) as u64,
            missing: held.missing,
            refused: held.refused,
            lost: lost as u64,
            hidden_delay: self.hidden_delay.at(held.mapped).max(delay_since_reception(
                held.is_aged,
                held.mapped,
                held.arrival,
            )),
            is_newest: true,
            was_missing: false,
        };
        self.end = self.end.max(held.mapped + held.len);
        self.lead = held.mapped - held.arrival;
        out.place(&held.audio(), placement);
    }

    fn emit(&mut self, incoming: &IncomingPacket<'_>, placement: Placement, out: &mut impl PlacementSink) {
        self.end = self.end.max(placement.at + incoming.len);
        out.place(&incoming.audio(), placement);
    }

    /// The length of the newest packet in samples.
    pub fn packet_len(&self) -> i64 {
        self.timestamps.len()
    }

    /// The position of a comfort noise timestamp, up to which the stream is silent.
    pub fn silent_until(&self, timestamp: u32) -> i64 {
        self.timestamps.place(timestamp)
    }

    /// How far the end of the newest packet was ahead of the packet's arrival, in samples.
    pub fn ahead(&self) -> i64 {
        self.lead.max(0) + self.timestamps.len()
    }
}

/// Samples by which audio lies later than its reception, if the host stated that time: it cannot
/// have been spoken after it.
fn delay_since_reception(is_aged: bool, at: i64, arrival: i64) -> u64 {
    if is_aged { (at - arrival).max(0) as u64 } else { 0 }
}
