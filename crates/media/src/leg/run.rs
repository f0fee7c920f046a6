//! Runs of RTP packets: most packets follow the previous one in order, with the same SSRC, payload
//! type and length. Within a run, the checks that depend only on these are done once.

use super::*;
use crate::packet::StoredPackets;

impl LegMedia {
    /// Places or holds all packets in order. `observe` sees each packet before it is placed.
    pub fn receive_all(
        &mut self,
        mut packets: StoredPackets<'_>,
        input: &DrainInput<'_>,
        mut observe: impl FnMut(&[u8]),
    ) {
        while let Some((header, bytes)) = packets.next() {
            observe(bytes);
            self.receive(header, bytes, input);
            if header.kind == PacketKind::Rtp {
                self.receive_run(bytes, &mut packets, input, &mut observe);
            }
        }
    }

    /// Places the packets that continue a run with `previous`, which was received just before.
    /// Leaves the first other packet in `packets`.
    fn receive_run(
        &mut self,
        previous: &[u8],
        packets: &mut StoredPackets<'_>,
        input: &DrainInput<'_>,
        observe: &mut impl FnMut(&[u8]),
    ) {
        let Some(previous) = rtp::parse_plain(previous) else {
            return;
        };
        let Some(format) = self.run_format(&previous) else {
            return;
        };
        let (ssrc, payload_type) = (previous.ssrc, previous.payload_type);
        let (size, rate) = (previous.payload.len(), format.rate);
        let len = format.codec.samples_in(size);
        let Some(stream) = self.streams.calm_stream(ssrc, rate) else {
            return;
        };
        let delays = stream.delays_in_time(input.context);
        let timeline = &mut self.timeline;
        let mut rest = *packets;
        while let Some((header, bytes)) = rest.next() {
            let Some(packet) = rtp::parse_plain(bytes) else {
                return;
            };
            let leg_end = timeline.track.end() as i64;
            let arrival = match input.context.is_real_time {
                true => samples_at(header.arrival_ns, rate),
                false => leg_end,
            };
            let alike = header.kind == PacketKind::Rtp
                && header.overruns == self.packets_lost
                && (packet.ssrc, packet.payload_type) == (ssrc, payload_type)
                && packet.payload.len() == size;
            if !alike || !stream.is_next(&packet, arrival, &delays) || !stream.stays_calm() {
                return;
            }
            observe(bytes);
            let tally = &mut timeline.tally;
            tally.last_arrival_ns = tally.last_arrival_ns.max(header.arrival_ns);
            tally.frames_in += 1;
            timeline.totals.packets += 1;
            timeline.totals.add_handed(len, rate);
            self.audio_ns = self.audio_ns.max(header.arrival_ns);
            self.refused = 0;
            let incoming = IncomingPacket {
                packet: &packet,
                hash: hash(packet.timestamp, packet.payload),
                format,
                len: len as i64,
                arrival,
                epoch: timeline.epoch,
                is_aged: false,
                refused: 0,
                leg_end,
                clock_ns: input.clock_ns,
            };
            stream.place_in_order(&incoming, input.context, timeline);
            *packets = rest;
        }
    }

    /// The format of a run that begins with this packet, if the leg has counted the packet as audio.
    fn run_format(&self, packet: &RtpPacket<'_>) -> Option<FeedFormat> {
        let format = self.format_of(packet.payload_type)?;
        let is_present = self.latest == Some(format) && format.rate == self.timeline.track.rate();
        let is_writing = self.writes.as_ref().is_some_and(|writes| writes.is_waiting());
        let is_whole = packet.payload.len() >= format.codec.sample_bytes();
        let is_direct = format.codec.is_direct();
        (is_direct && is_present && is_whole && !is_writing).then_some(format)
    }
}

#[cfg(test)]
mod tests;
