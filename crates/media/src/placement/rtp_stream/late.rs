//! Packets that are not the newest of their stream.

use super::super::{IncomingPacket, Placement, PlacementContext, PlacementSink, RejectReason};
use super::{NUMBERS, NumberStatus, RtpStream, TimelineFault};

impl RtpStream {
    /// Places a packet by its timestamp, without the moves that came after its number.
    pub fn place_late(
        &mut self,
        incoming: &IncomingPacket<'_>,
        context: &PlacementContext,
        out: &mut impl PlacementSink,
    ) {
        let packet = incoming.packet;
        self.window.set_audio(packet.sequence, incoming.hash);
        if self.is_anchoring() && self.is_holding() {
            return self.held_late.push(incoming.hold(incoming.arrival, 0).own());
        }
        if context.is_real_time && self.is_holding() {
            self.force_decision(true, context, out);
        }
        let back = self.highest.wrapping_sub(packet.sequence);
        let moved: i64 = self
            .moves
            .iter()
            .filter(|(highest, _)| (highest.wrapping_sub(packet.sequence) as i16) >= 0)
            .map(|(_, by)| by)
            .sum();
        let mut at = self.timestamps.place_behind(packet.timestamp, back) - moved;
        let gap = self.gaps.fill(packet.sequence);
        let mut hidden_delay = 0;
        if let Some((from, to)) = gap
            && !(from..to).contains(&at)
        {
            // Its sequence number locates it better than its timestamp, but not exactly.
            at = to - incoming.len;
            hidden_delay = (to - from).max(0) as u64;
        }
        let was_missing = gap.is_some();
        let placement = Placement {
            at,
            hidden_delay: hidden_delay.max(self.hidden_delay.before_move(at, moved)),
            was_missing,
            is_newest: false,
            ..incoming.plain(at)
        };
        out.place(&incoming.audio(), placement);
    }

    /// Whether the packet is from before a change of the clock rate at which the numbers continued.
    pub fn is_of_predecessor(&self, incoming: &IncomingPacket<'_>) -> bool {
        let Some(before) = &self.predecessor else {
            return false;
        };
        let changed = before.rate == incoming.format.rate && before.rate != self.rate;
        let on = self.first.wrapping_sub(before.highest);
        let back = self.first.wrapping_sub(incoming.packet.sequence);
        changed && (1..=NUMBERS).contains(&on) && (1..=NUMBERS).contains(&back)
    }

    /// Places a packet from before a change of the clock rate. It is too late.
    pub fn place_late_of_predecessor(&mut self, incoming: &IncomingPacket<'_>, out: &mut impl PlacementSink) {
        let (packet, format) = (incoming.packet, incoming.format);
        let Some(before) = &mut self.predecessor else {
            return;
        };
        let at = before.timestamps.place(packet.timestamp);
        let received = before.window.status(packet.sequence, incoming.hash);
        if received == (NumberStatus::Audio { same: true }) {
            return out.reject(RejectReason::Duplicate, format, incoming.len, at, incoming.epoch);
        }
        before.window.set_audio(packet.sequence, incoming.hash);
        let placement = Placement {
            at,
            hidden_delay: before.hidden_delay.at(at),
            ..Placement::default()
        };
        out.place(&incoming.audio(), placement);
    }

    /// Notes the sequence number of a packet without audio.
    pub fn note_without_audio(&mut self, sequence: u16, out: &mut impl PlacementSink) {
        if self.planted.has(TimelineFault::EventReordersAudio) {
            self.highest = sequence;
        }
        let new = !self.window.contains(sequence);
        self.window.set_no_audio(sequence);
        if new && let Some((from, to)) = self.gaps.fill(sequence) {
            out.clear_missing(from, to.min(from + self.timestamps.len()));
        }
    }
}
