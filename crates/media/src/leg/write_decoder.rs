//! Decodes packets that the host writes one after another, without RTP.

use super::decoding::try_decode;
use super::packet_order::PacketOrder;
use super::pause_ends::PauseEnds;
use super::placed_packet::PlacedPacket;
use crate::FeedFormat;
use crate::external::DecoderState;
use crate::placement::{Audio, PacketNumber, Placement};
use callrec_codec::Decoder;

/// The decoder of a leg's writes. They are decoded in the order of their positions, with the same
/// states as packets of RTP.
pub(super) struct WriteDecoder {
    order: PacketOrder,
    decoder: Box<dyn Decoder>,
    /// The number of the next write.
    next: u16,
    pub samples: Vec<i16>,
}

impl WriteDecoder {
    /// `None` if there is no decoder for the format.
    pub(super) fn new(format: FeedFormat) -> Option<WriteDecoder> {
        Some(WriteDecoder {
            order: PacketOrder::new(0, format),
            decoder: format.codec.decoder(format.rate)?,
            next: 0,
            samples: Vec::new(),
        })
    }

    pub(super) fn is_of(&self, format: FeedFormat) -> bool {
        self.order.is_of(0, format)
    }

    /// Decodes a write into `samples`; they are silence if no recording keeps it. Returns false if it
    /// cannot be decoded.
    pub(super) fn decode(
        &mut self,
        audio: &Audio<'_>,
        placement: Placement,
        pauses: &PauseEnds,
        is_kept: bool,
    ) -> bool {
        let number = PacketNumber {
            ssrc: 0,
            sequence: self.next,
            arrival_ns: 0,
        };
        self.next = self.next.wrapping_add(1);
        self.samples.clear();
        let mut packet = PlacedPacket::new(audio, number, placement, pauses);
        let is_valid = match self.order.begin(&mut packet, is_kept) {
            Some(state) => self.decode_with(state, &packet),
            None => true,
        };
        self.samples.resize(audio.len as usize, 0);
        is_valid
    }

    fn decode_with(&mut self, state: DecoderState, packet: &PlacedPacket) -> bool {
        let FeedFormat { codec, rate } = packet.format;
        if state != DecoderState::Kept
            && let Some(new) = codec.decoder(rate)
        {
            self.decoder = new;
        }
        self.order.advance(packet);
        let is_valid = try_decode(&mut *self.decoder, &packet.payload, &mut self.samples);
        if !is_valid {
            self.order.restart();
        }
        is_valid
    }
}
