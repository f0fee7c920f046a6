//! The fast path for packets that follow the previous one, in time.

use std::ops::RangeInclusive;

use super::super::lateness::{PacketTiming, samples};
use super::super::{IncomingPacket, Placement, PlacementContext, PlacementSink};
use super::{AHEAD_NS, RtpStream, SLACK_NS, TimelineFault, delay_since_reception};
use crate::rtp::RtpPacket;

impl RtpStream {
    /// Places the packet if it is next by number, timestamp and clock, and no packet is held.
    /// Otherwise returns false and changes nothing.
    pub fn try_place_in_order(
        &mut self,
        incoming: &IncomingPacket<'_>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) -> bool {
        let fits = self.rate == incoming.format.rate
            && self.is_next(incoming.packet, incoming.arrival, &self.delays_in_time(context))
            && self.is_calm();
        if fits {
            self.place_in_order(incoming, context, out);
        }
        fits
    }

    /// The delays, in samples, of packets that are in time.
    pub fn delays_in_time(&self, context: &PlacementContext) -> RangeInclusive<i64> {
        match context.is_real_time {
            true => -samples(AHEAD_NS, self.rate)..=samples(SLACK_NS, self.rate),
            false => i64::MIN..=i64::MAX,
        }
    }

    /// Whether the packet is next by number and timestamp, and its delay is one of `delays`.
    #[inline]
    pub fn is_next(&self, packet: &RtpPacket<'_>, arrival: i64, delays: &RangeInclusive<i64>) -> bool {
        packet.sequence == self.highest.wrapping_add(1)
            && self.timestamps.is_next(packet.timestamp)
            && delays.contains(&(arrival - self.timestamps.end()))
    }

    /// Places a packet that is next, while the stream is calm.
    #[inline]
    pub fn place_in_order(
        &mut self,
        incoming: &IncomingPacket<'_>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        let packet = incoming.packet;
        let timing = PacketTiming {
            mapped: self.timestamps.end(),
            arrival: incoming.arrival,
            rate: self.rate,
        };
        let step = match context.is_real_time {
            true => self.follow(incoming, timing),
            false => 0,
        };
        if !context.is_real_time && self.hidden_delay.is_nonzero() {
            self.hidden_delay
                .observe_packet(packet.timestamp, incoming.arrival, self.rate);
        }
        self.window.set_audio(packet.sequence, incoming.hash);
        self.highest = packet.sequence;
        self.last_arrival = incoming.arrival;
        let at = timing.mapped + step;
        self.timestamps.advance(packet.timestamp, at, incoming.len);
        let hidden_delay =
            self.hidden_delay
                .at(at)
                .max(delay_since_reception(incoming.is_aged, at, incoming.arrival));
        let end = self.end;
        self.end = end.max(at + incoming.len);
        self.lead = at - incoming.arrival;
        let audio = incoming.audio();
        if step != 0 || !out.try_append(&audio, at, hidden_delay) {
            let placement = Placement {
                at,
                trim: (end - at).max(0).min(step.min(0).abs()) as u64,
                repeat: step.max(0) as u64,
                hidden_delay,
                is_newest: true,
                ..Placement::default()
            };
            out.place(&audio, placement);
        }
    }

    /// Returns the samples by which the stream moves to follow the sender's clock.
    fn follow(&mut self, incoming: &IncomingPacket<'_>, timing: PacketTiming) -> i64 {
        let step = self.drift.observe(timing, incoming.len);
        self.hidden_delay
            .observe_packet(incoming.packet.timestamp, incoming.arrival, self.rate);
        if step != 0 {
            self.shift(self.highest, step);
            self.hidden_delay.add_drift(step, incoming.arrival, self.rate);
        }
        step
    }

    /// Whether no packet is held and no lead is to be reduced.
    pub fn is_calm(&self) -> bool {
        !self.is_anchoring
            && self.held.is_empty()
            && self.predecessor.is_none()
            && self.hidden_delay.reopened.is_none()
            && self.timestamps.end() == self.end
            && (!self.is_real_time || self.lateness.is_steady())
            && self.stays_calm()
            && !self.planted.has(TimelineFault::DriftIgnored)
    }

    /// Whether a stream that was calm before it placed a packet in order is calm still: of the
    /// conditions, only the lead may have changed.
    #[inline]
    pub fn stays_calm(&self) -> bool {
        !self.is_real_time || self.drift.lead(self.rate) == 0
    }
}
