//! Decodes the packets of codecs whose decoders have a state, in the order of their sequence
//! numbers.
//!
//! A packet has its position before it is decoded. It waits for the packets before it until they
//! count as lost; most packets wait for none.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::FeedFormat;
use crate::concealment::CONCEALED_NS;
use crate::grid;
use crate::placement::{Audio, PacketNumber, Placement};
use callrec_codec::Decoder;

/// Streams whose decoders are kept. The one that was used longest ago is dropped first.
const DECODERS: usize = 4;
/// The maximum number of packets that wait for one that is missing.
const WAITING_MAX: usize = 32;

/// A packet that has a position.
#[derive(Debug)]
pub(super) struct PlacedPacket {
    pub number: PacketNumber,
    pub payload: Vec<u8>,
    pub format: FeedFormat,
    pub epoch: u32,
    /// The number of its samples.
    pub len: u64,
    pub placement: Placement,
    /// The number of samples directly before it that were missing when it was decoded.
    pub gap: u64,
}

impl PlacedPacket {
    pub(super) fn new(audio: &Audio<'_>, number: PacketNumber, placement: Placement) -> PlacedPacket {
        PlacedPacket {
            number,
            payload: audio.payload.to_vec(),
            format: audio.format,
            epoch: audio.epoch,
            len: audio.len,
            placement,
            gap: 0,
        }
    }

    /// The number of samples that are missing before it, if `next` is the number of the next packet
    /// to decode: a packet that was missing when this one was placed may have come since.
    pub(super) fn gap_since(&self, next: u16) -> u64 {
        let missing = u64::try_from(self.distance_from(next)).unwrap_or(0);
        match self.placement.missing {
            0 => 0,
            placed => self.placement.lost * missing.min(placed) / placed,
        }
    }

    /// The part of the gap that may be concealed.
    pub(super) fn concealable(&self) -> usize {
        self.gap.min(grid::index(CONCEALED_NS, self.format.rate)) as usize
    }

    /// The number of sequence numbers from `sequence` to this packet; negative if it is before.
    pub(super) fn distance_from(&self, sequence: u16) -> i16 {
        self.number.sequence.wrapping_sub(sequence) as i16
    }
}

/// The decoder of one stream, and the packets that wait for it.
struct StreamDecoder {
    ssrc: u32,
    format: FeedFormat,
    decoder: Box<dyn Decoder>,
    /// The number of the next packet, and the epoch of the last one.
    next: Option<(u16, u32)>,
    /// In the order of their numbers.
    waiting: VecDeque<PlacedPacket>,
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
}

/// The decoders of a leg.
#[derive(Default)]
pub(super) struct LegDecoders {
    /// The most recently used stream is the last.
    streams: Vec<StreamDecoder>,
    /// From this epoch on, audio must not depend on audio of earlier epochs.
    fresh_epoch: u32,
    pub decoded: DecodedPacket,
}

impl LegDecoders {
    /// Adds a packet. Returns false if there is no decoder for its format.
    pub(super) fn add(&mut self, packet: PlacedPacket) -> bool {
        let Some(stream) = self.stream(packet.number.ssrc, packet.format) else {
            return false;
        };
        let after = |other: &PlacedPacket| other.distance_from(packet.number.sequence) <= 0;
        let at = stream.waiting.partition_point(after);
        stream.waiting.insert(at, packet);
        true
    }

    /// The decoder for a stream. Creates it if there is none.
    fn stream(&mut self, ssrc: u32, format: FeedFormat) -> Option<&mut StreamDecoder> {
        let known = |stream: &StreamDecoder| stream.ssrc == ssrc && stream.format == format;
        let found = match self.streams.iter().position(known) {
            Some(n) => self.streams.remove(n),
            None => StreamDecoder {
                ssrc,
                format,
                decoder: format.codec.decoder(format.rate)?,
                next: None,
                waiting: VecDeque::new(),
            },
        };
        self.streams.push(found);
        self.streams.last_mut()
    }

    /// Takes a packet that waits for no other: none is missing before it, or the missing ones count
    /// as lost, because it arrived `waited_ns` ago. `now_ns`: `None` if no packet waits any longer.
    pub(super) fn take_ready(&mut self, now_ns: Option<u64>, waited_ns: u64) -> Option<PlacedPacket> {
        let ready = |stream: &&mut StreamDecoder| stream.is_ready(now_ns, waited_ns);
        let stream = self.streams.iter_mut().find(ready)?;
        stream.waiting.pop_front()
    }

    /// Drops decoders that are not used any more.
    pub(super) fn tidy(&mut self) {
        while self.streams.len() > DECODERS && self.streams.first().is_some_and(|old| old.waiting.is_empty())
        {
            self.streams.remove(0);
        }
    }

    /// The earliest position of a packet that waits, and its rate.
    pub(super) fn earliest(&self) -> Option<(i64, u32)> {
        let waiting = self.streams.iter().flat_map(|stream| &stream.waiting);
        let place = |packet: &PlacedPacket| (packet.placement.at, packet.format.rate);
        waiting.map(place).min()
    }

    /// Decodes a packet into `decoded`. `is_kept`: whether any recording keeps it; otherwise the
    /// decoder starts anew with the next packet that is kept, so that no audio of a pause remains in
    /// its state.
    pub(super) fn decode(&mut self, packet: &mut PlacedPacket, is_kept: bool, conceals: bool) {
        self.decoded.samples.clear();
        self.decoded.recovered.clear();
        self.decoded.concealed.clear();
        self.decoded.is_valid = true;
        let ssrc = packet.number.ssrc;
        let known = |stream: &&mut StreamDecoder| stream.ssrc == ssrc && stream.format == packet.format;
        let Some(stream) = self.streams.iter_mut().find(known) else {
            return;
        };
        let fresh_epoch = self.fresh_epoch;
        let is_cut = |(_, epoch): (u16, u32)| (epoch < fresh_epoch) != (packet.epoch < fresh_epoch);
        if stream.next.is_some_and(is_cut) {
            stream.next = None;
        }
        let len = packet.len as usize;
        if is_kept {
            stream.decode(packet, conceals, &mut self.decoded);
        } else if stream
            .next
            .is_none_or(|(next, _)| packet.distance_from(next) >= 0)
        {
            stream.next = None;
        }
        self.decoded.samples.resize(len, 0);
    }

    /// A recording resumes: from this epoch on, audio must not depend on earlier audio, which may
    /// have been spoken during the pause.
    pub(super) fn begin_anew(&mut self, epoch: u32) {
        self.fresh_epoch = epoch;
    }
}

impl StreamDecoder {
    fn is_ready(&self, now_ns: Option<u64>, waited_ns: u64) -> bool {
        let Some(first) = self.waiting.front() else {
            return false;
        };
        let follows = self.next.is_none_or(|(next, _)| first.distance_from(next) <= 0);
        let is_due = now_ns.is_none_or(|now_ns| now_ns.saturating_sub(first.number.arrival_ns) >= waited_ns);
        follows || first.placement.missing == 0 || is_due || self.waiting.len() > WAITING_MAX
    }

    fn decode(&mut self, packet: &mut PlacedPacket, conceals: bool, decoded: &mut DecodedPacket) {
        let sequence = packet.number.sequence;
        match self.next {
            Some((next, _)) if packet.distance_from(next) < 0 => return self.decode_late(packet, decoded),
            // A copy of a packet that may have been spoken before a control point is not used.
            Some((next, epoch)) if epoch == packet.epoch && packet.gap_since(next) > 0 => {
                packet.gap = packet.gap_since(next);
                // After a panic, decoding the packet itself shows whether the decoder still works.
                let fill = || self.fill_gap(packet, conceals, decoded);
                let _ = catch_unwind(AssertUnwindSafe(fill));
            }
            Some(_) => {}
            None => {
                if let Some(new) = self.format.codec.decoder(self.format.rate) {
                    self.decoder = new;
                }
            }
        }
        self.next = Some((sequence.wrapping_add(1), packet.epoch));
        decoded.is_valid = try_decode(&mut *self.decoder, &packet.payload, &mut decoded.samples);
        if !decoded.is_valid {
            self.next = None;
        }
    }

    /// Recovers the missing packet before this one, and conceals those before it, if the decoder can
    /// do so. A decoder is not told of a gap otherwise, so it conceals the gap in any case: what
    /// follows then begins as for every listener of the call.
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
        if !decoder.recover(&packet.payload, len, &mut decoded.recovered) {
            conceal(&mut **decoder, gap);
        }
        if !conceals {
            decoded.concealed.clear();
        }
    }

    /// Decodes a packet that came so late that its successors have been decoded, without their
    /// state. Its decoder is not kept: it may be large.
    fn decode_late(&mut self, packet: &PlacedPacket, decoded: &mut DecodedPacket) {
        if let Some(mut decoder) = self.format.codec.decoder(self.format.rate) {
            decoded.is_valid = try_decode(&mut *decoder, &packet.payload, &mut decoded.samples);
        }
    }
}

/// Returns false for a payload that the decoder refuses. A decoder that panics must not end the
/// call's recordings.
fn try_decode(decoder: &mut dyn Decoder, payload: &[u8], samples: &mut Vec<i16>) -> bool {
    let decode = AssertUnwindSafe(|| decoder.decode(payload, samples));
    matches!(catch_unwind(decode), Ok(Ok(())))
}

/// Decodes packets that the host writes one after another, without RTP.
#[derive(Default)]
pub(super) struct WriteDecoder {
    decoder: Option<Box<dyn Decoder>>,
    samples: Vec<i16>,
    bytes: Vec<u8>,
}

impl WriteDecoder {
    /// The samples of a packet, or `None` if it cannot be decoded.
    pub(super) fn decode(&mut self, format: FeedFormat, payload: &[u8]) -> Option<&[u8]> {
        if self.decoder.is_none() {
            self.decoder = format.codec.decoder(format.rate);
        }
        self.samples.clear();
        let decoder = self.decoder.as_deref_mut()?;
        if !try_decode(decoder, payload, &mut self.samples) {
            self.decoder = None;
            return None;
        }
        to_native(&self.samples, &mut self.bytes);
        Some(&self.bytes)
    }
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
