//! Places packets that are decoded one after another.

use super::super::decoding::{DecodedPacket, PacketUse, to_native};
use super::super::ledger_entry::EntryKind;
use super::super::placed_packet::PlacedPacket;
use super::super::raw_kind::RefusedPacket;
use super::Timeline;
use crate::FeedFormat;
use crate::ledger::DropReason;
use crate::placement::{Audio, PacketNumber, Placement};
use crate::track::{AudioSource, Origin};
use callrec_codec::Codec;

impl Timeline {
    /// Decodes a packet once it waits for no other.
    pub(in crate::leg) fn decode_later(&mut self, packet: PlacedPacket) {
        let end = packet.placement.at.saturating_add_unsigned(packet.len);
        self.track.advance_end(end.max(0) as u64);
        if let Codec::External { .. } = packet.format.codec {
            self.add_external(packet);
            return self.queue_external(Some(0), u64::MAX);
        }
        let decoders = self.decoders.get_or_insert_default();
        let (place, format, epoch) = (packet.placement, packet.format, packet.epoch);
        let (len, number) = (packet.len, packet.number);
        if !decoders.add(packet) {
            self.note_refused(number);
            return self.drop_undecodable(&place, format, (len, epoch));
        }
        self.decode_ready(Some(0), u64::MAX);
    }

    /// Decodes packets that wait for no other, see [`LegDecoders::take_ready`].
    pub(in crate::leg) fn decode_ready(&mut self, now_ns: Option<u64>, waited_ns: u64) {
        self.queue_external(now_ns, waited_ns);
        let Some(mut decoders) = self.decoders.take() else {
            return;
        };
        while let Some(mut packet) = decoders.take_ready(now_ns, waited_ns) {
            let origin = Origin {
                epoch: packet.epoch,
                ..Origin::default()
            };
            let used = PacketUse {
                is_kept: self.outside_reason(origin).is_none(),
                has_place: self.has_place_for(&packet),
                conceals: self.conceals,
            };
            decoders.decode(&mut packet, used);
            match decoders.decoded.is_excess {
                true => self.drop_excess(&packet),
                false => self.place_decoded(&packet, &decoders.decoded),
            }
        }
        decoders.tidy();
        self.decoders = Some(decoders);
    }

    /// The earliest time of a packet that is not decoded yet.
    pub(in crate::leg) fn earliest_undecoded_ns(&self) -> Option<u64> {
        let own = self.decoders.as_ref();
        let own = own.and_then(|decoders| decoders.earliest_ns());
        own.into_iter().chain(self.external_undecoded_ns()).min()
    }

    /// Whether any of a packet can be placed. What all recordings have settled and what other audio
    /// occupies has no place; a recording may be behind the others by a block.
    fn has_place_for(&mut self, packet: &PlacedPacket) -> bool {
        let placement = &packet.placement;
        let end = placement.at.saturating_add_unsigned(packet.len);
        let from = placement.at.saturating_sub_unsigned(placement.repeat);
        let mut has_place = false;
        let check = |timeline: &mut Timeline, limit: Option<u64>| {
            let from = (from.max(0) as u64).max(timeline.track.floor());
            let end = (end.max(0) as u64).min(limit.unwrap_or(u64::MAX));
            has_place = from < end && !timeline.track.is_occupied(from, end);
        };
        self.with_track_at(packet.format.rate, placement.at, check);
        has_place
    }

    /// Drops a packet for which the leg has decoded too much already.
    fn drop_excess(&mut self, packet: &PlacedPacket) {
        let place = (packet.placement.at.max(0) as u64, packet.len);
        self.tally.lost += 1;
        let kind = EntryKind::Dropped(DropReason::Overflow);
        self.add_entry_at(packet.format.rate, place, packet.epoch, kind);
    }

    /// Places a packet in the track that was present when it came: the leg may have changed its rate
    /// since.
    pub(super) fn place_decoded(&mut self, packet: &PlacedPacket, decoded: &DecodedPacket) {
        let PlacedPacket {
            placement, format, ..
        } = packet;
        if !decoded.is_valid {
            self.note_refused(packet.number);
            return self.drop_undecodable(placement, *format, (packet.len, packet.epoch));
        }
        let place = |timeline: &mut Timeline, end: Option<u64>| timeline.place_samples(packet, decoded, end);
        if !self.with_track_at(format.rate, placement.at, place) {
            // The audio of that rate has settled.
            self.tally.lost += 1;
            self.drop_late(packet, 0);
        }
    }

    /// Places samples in the present track, at most up to `end`.
    fn place_samples(&mut self, packet: &PlacedPacket, decoded: &DecodedPacket, end: Option<u64>) {
        let PlacedPacket {
            placement, format, ..
        } = packet;
        if !decoded.concealed.is_empty() {
            let from = placement.at.saturating_sub_unsigned(packet.gap).max(0) as u64;
            self.place_concealed(from, &decoded.concealed, packet.epoch, placement);
        }
        let mut bytes = std::mem::take(&mut self.native);
        if !decoded.recovered.is_empty() && packet.gap >= decoded.recovered.len() as u64 {
            to_native(&decoded.recovered, &mut bytes);
            self.place_recovered(packet, &bytes);
        }
        let most = end.map_or(i64::MAX, |end| (end as i64).saturating_sub(placement.at));
        let len = packet.len.min(most.max(0) as u64);
        self.drop_late(packet, len);
        to_native(
            decoded.samples.get(..len as usize).unwrap_or_default(),
            &mut bytes,
        );
        let audio = Audio {
            payload: &bytes,
            format: FeedFormat {
                codec: Codec::Pcm16,
                ..*format
            },
            len,
            number: Some(packet.number),
            is_big_endian: false,
            epoch: packet.epoch,
            is_ahead: false,
        };
        self.place_audio(&audio, &bytes, placement);
        self.native = bytes;
    }

    /// Drops the samples of a packet from `from` on: a track at another rate covers their time.
    fn drop_late(&mut self, packet: &PlacedPacket, from: u64) {
        if from < packet.len {
            let at = packet.placement.at.max(0) as u64 + from;
            let kind = EntryKind::Dropped(DropReason::Late);
            self.add_entry_at(packet.format.rate, (at, packet.len - from), packet.epoch, kind);
        }
    }

    /// Places the recovered samples of the packet before this one.
    fn place_recovered(&mut self, packet: &PlacedPacket, bytes: &[u8]) {
        let origin = Origin {
            epoch: packet.epoch,
            hidden_delay: u32::try_from(packet.placement.hidden_delay).unwrap_or(u32::MAX),
            source: AudioSource::Recovered,
            ..Origin::default()
        };
        let at = packet.placement.at - bytes.len() as i64 / 2;
        let is_new = at >= self.settled as i64 && at >= self.epoch_at as i64;
        if is_new && self.outside_reason(origin).is_none() {
            let from = at as u64;
            self.track
                .place(from, (Codec::Pcm16, origin), bytes, &mut Vec::new());
            self.mark_dirty(from, from + bytes.len() as u64 / 2);
            self.tally.lost -= 1;
        }
    }

    pub(super) fn note_refused(&mut self, number: PacketNumber) {
        self.refused.push(RefusedPacket {
            ssrc: number.ssrc,
            sequence: number.sequence,
        });
    }

    fn drop_undecodable(&mut self, placement: &Placement, format: FeedFormat, (len, epoch): (u64, u32)) {
        let from = placement.at.max(0) as u64;
        self.tally.lost += 1;
        let kind = EntryKind::Dropped(DropReason::Undecodable);
        self.add_entry_at(format.rate, (from, len), epoch, kind);
    }
}
