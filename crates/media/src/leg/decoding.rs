//! Decodes the packets of codecs whose decoders have a state, in the order of their sequence
//! numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::decoding_budget::DecodingBudget;
use super::packet_order::PacketOrder;
use super::placed_packet::PlacedPacket;
use crate::FeedFormat;
use crate::external::DecoderState;
use callrec_codec::Decoder;

/// Streams whose decoders are kept. The one that was used longest ago is dropped first.
const DECODERS: usize = 4;

/// The decoder of one stream, and the packets that wait for it.
struct StreamDecoder {
    order: PacketOrder,
    decoder: Box<dyn Decoder>,
}

/// What a packet decoded to.
#[derive(Debug, Default)]
pub(super) struct DecodedPacket {
    pub samples: Vec<i16>,
    /// The packet before it, recovered from a redundant copy.
    pub recovered: Vec<i16>,
    /// The beginning of the gap before the recovered packet, or before this one, concealed.
    pub concealed: Vec<i16>,
    pub is_valid: bool,
    /// The leg's packets need too much time, so it is not decoded.
    pub is_excess: bool,
}

/// What is known of a packet before it is decoded.
#[derive(Clone, Copy)]
pub(super) struct PacketUse {
    /// Whether any recording keeps it.
    pub is_kept: bool,
    /// Whether the timeline has a place for any of it.
    pub has_place: bool,
    /// Whether the gap before it is concealed.
    pub conceals: bool,
}

/// The decoders of a leg.
#[derive(Default)]
pub(super) struct LegDecoders {
    /// The most recently used stream is the last.
    streams: Vec<StreamDecoder>,
    budget: DecodingBudget,
    pub decoded: DecodedPacket,
}

impl LegDecoders {
    /// Adds a packet. Returns false if there is no decoder for its format.
    pub(super) fn add(&mut self, packet: PlacedPacket) -> bool {
        let Some(stream) = self.stream(packet.number.ssrc, packet.format) else {
            return false;
        };
        stream.order.add(packet);
        true
    }

    /// The decoder for a stream. Creates it if there is none.
    fn stream(&mut self, ssrc: u32, format: FeedFormat) -> Option<&mut StreamDecoder> {
        let known = |stream: &StreamDecoder| stream.order.is_of(ssrc, format);
        let found = match self.streams.iter().position(known) {
            Some(n) => self.streams.remove(n),
            None => StreamDecoder {
                order: PacketOrder::new(ssrc, format),
                decoder: format.codec.decoder(format.rate)?,
            },
        };
        self.streams.push(found);
        self.streams.last_mut()
    }

    /// Takes a packet that waits for no other, see [`PacketOrder::take_ready`].
    pub(super) fn take_ready(&mut self, now_ns: Option<u64>, waited_ns: u64) -> Option<PlacedPacket> {
        let mut streams = self.streams.iter_mut();
        streams.find_map(|stream| stream.order.take_ready(now_ns, waited_ns))
    }

    /// Drops decoders that are not used any more.
    pub(super) fn tidy(&mut self) {
        while self.streams.len() > DECODERS && self.streams.first().is_some_and(|old| old.order.is_empty()) {
            self.streams.remove(0);
        }
    }

    /// The earliest time of a packet that waits.
    pub(super) fn earliest_ns(&self) -> Option<u64> {
        self.waiting().map(PlacedPacket::begin_ns).min()
    }

    /// The packets that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &PlacedPacket> {
        self.streams.iter().flat_map(|stream| stream.order.waiting())
    }

    /// Decodes a packet into `decoded`.
    pub(super) fn decode(&mut self, packet: &mut PlacedPacket, used: PacketUse) {
        self.decoded.samples.clear();
        self.decoded.recovered.clear();
        self.decoded.concealed.clear();
        self.decoded.is_valid = true;
        self.decoded.is_excess = false;
        let (ssrc, format) = (packet.number.ssrc, packet.format);
        let known = |stream: &&mut StreamDecoder| stream.order.is_of(ssrc, format);
        let Some(stream) = self.streams.iter_mut().find(known) else {
            return;
        };
        let len = packet.len as usize;
        if let Some(state) = stream.order.begin(packet, used.is_kept) {
            // Without a place, it only matters for the packets after it.
            let is_of_use = used.has_place || state != DecoderState::Own;
            let (arrival_ns, audio_ns) = (packet.number.arrival_ns, packet.audio_ns());
            match is_of_use && self.budget.take(arrival_ns, audio_ns, used.has_place) {
                true => stream.decode(packet, state, used.conceals, &mut self.decoded),
                false => {
                    self.decoded.is_excess = used.has_place;
                    if state == DecoderState::Kept {
                        stream.order.skip(packet);
                    }
                }
            }
        }
        self.decoded.samples.resize(len, 0);
    }
}

impl StreamDecoder {
    fn decode(
        &mut self,
        packet: &PlacedPacket,
        state: DecoderState,
        conceals: bool,
        decoded: &mut DecodedPacket,
    ) {
        match state {
            DecoderState::Own => return self.decode_late(packet, decoded),
            DecoderState::Kept if packet.gap > 0 => {
                // After a panic, decoding the packet itself shows whether the decoder still works.
                let fill = || self.fill_gap(packet, conceals, decoded);
                let _ = catch_unwind(AssertUnwindSafe(fill));
            }
            DecoderState::Kept => {}
            DecoderState::New => {
                if let Some(new) = self.new_decoder() {
                    self.decoder = new;
                }
            }
        }
        self.order.advance(packet);
        decoded.is_valid = try_decode(&mut *self.decoder, &packet.payload, &mut decoded.samples);
        if !decoded.is_valid {
            self.order.restart();
        }
    }

    fn new_decoder(&self) -> Option<Box<dyn Decoder>> {
        let format = self.order.format;
        format.codec.decoder(format.rate)
    }

    /// Recovers the missing packet before this one, and conceals those before it, if the decoder can
    /// do so. A decoder is not told of a gap otherwise, so it conceals the gap in any case: what
    /// follows then begins as for every listener of the call. Nothing of a pause is repeated.
    fn fill_gap(&mut self, packet: &PlacedPacket, conceals: bool, decoded: &mut DecodedPacket) {
        let (decoder, len) = (&mut self.decoder, packet.len as usize);
        let most = packet.concealable();
        let gap = usize::try_from(packet.gap).unwrap_or(usize::MAX);
        let mut conceal = |decoder: &mut dyn Decoder, to: usize| {
            let count = most.min(to).saturating_sub(decoded.concealed.len());
            if count > 0 {
                decoder.conceal(count, &mut decoded.concealed);
            }
        };
        conceal(&mut **decoder, gap.saturating_sub(len));
        let may_recover = !packet.follows_pause();
        if !(may_recover && decoder.recover(&packet.payload, len, &mut decoded.recovered)) {
            conceal(&mut **decoder, gap);
        }
        if !conceals {
            decoded.concealed.clear();
        }
    }

    /// Decodes a packet that came so late that its successors have been decoded, without their
    /// state. Its decoder is not kept: it may be large.
    fn decode_late(&mut self, packet: &PlacedPacket, decoded: &mut DecodedPacket) {
        if let Some(mut decoder) = self.new_decoder() {
            decoded.is_valid = try_decode(&mut *decoder, &packet.payload, &mut decoded.samples);
        }
    }
}

/// Returns false for a payload that the decoder refuses. A decoder that panics must not end the
/// call's recordings.
pub(super) fn try_decode(decoder: &mut dyn Decoder, payload: &[u8], samples: &mut Vec<i16>) -> bool {
    let decode = AssertUnwindSafe(|| decoder.decode(payload, samples));
    matches!(catch_unwind(decode), Ok(Ok(())))
}

/// The samples as bytes in native order.
pub(super) fn to_native(samples: &[i16], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(samples.iter().flat_map(|sample| sample.to_ne_bytes()));
}

impl std::fmt::Debug for LegDecoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegDecoders")
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
