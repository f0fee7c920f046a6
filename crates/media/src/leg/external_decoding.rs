//! Packets that the host decodes.
//!
//! A packet has its position before it is decoded, and waits for the packets before it until they
//! count as lost. It is then queued for the host's decoder, which may answer at a later visit.

use std::collections::VecDeque;
use std::sync::Arc;

use super::packet_order::PacketOrder;
use super::placed_packet::PlacedPacket;
use crate::FeedFormat;
use crate::external::{
    DecoderState, DecodingAnswer, DecodingJob, DecodingStream, ExternalFormat, PacketLength,
};
use crate::time::NS_PER_MS;

/// Streams whose decoders are kept. The one that was used longest ago is dropped first.
const STREAMS: usize = 4;
/// The maximum time for which a packet waits for the host's decoder. A decoder that exceeds it gets
/// no packets until it answers.
const ANSWER_NS: u64 = 2_000 * NS_PER_MS;
/// The number of declared formats from which on those that are not used are forgotten.
const FORMATS: usize = 32;
/// The longest packet, as a part of a second.
const LONGEST: u32 = 5;

/// A format that was declared for the leg.
struct DeclaredFormat {
    declared: Arc<ExternalFormat>,
    /// The length of a packet, unless the format states it.
    latest: u64,
}

/// A packet that is queued for the host's decoder.
struct QueuedPacket {
    number: u64,
    packet: PlacedPacket,
    /// When it was queued; `None` until the next look at the answers.
    since_ns: Option<u64>,
}

struct ExternalStream {
    order: PacketOrder,
    decoder: Box<dyn DecodingStream>,
    queued: VecDeque<QueuedPacket>,
    /// Number of jobs so far.
    jobs: u64,
    answered_ns: u64,
    /// The decoder has not answered for `ANSWER_NS`.
    is_stuck: bool,
}

/// What becomes of a packet.
pub(super) enum Outcome {
    Decoded {
        samples: Vec<i16>,
        /// What conceals the missing samples before it.
        concealed: Vec<i16>,
    },
    /// The decoder refused it.
    Undecodable,
    /// The decoder did not answer in time.
    TimedOut,
    /// No recording keeps it, so it is not decoded.
    NotKept,
}

/// The decoders of a leg for the host's codecs.
#[derive(Default)]
pub(super) struct ExternalDecoders {
    formats: Vec<DeclaredFormat>,
    /// The most recently used stream is the last.
    streams: Vec<ExternalStream>,
}

impl ExternalDecoders {
    pub(super) fn declare(&mut self, declared: Arc<ExternalFormat>) {
        if self.declared(declared.format).is_none() {
            let latest = match declared.length {
                PacketLength::Latest(samples) => samples.into(),
                PacketLength::Frames { .. } => 0,
            };
            self.formats.push(DeclaredFormat { declared, latest });
        }
    }

    /// Forgets formats that are not used, if there are many. A party may declare new ones for ever.
    pub(super) fn forget_unused(&mut self, is_used: impl Fn(FeedFormat) -> bool) {
        if self.formats.len() < FORMATS {
            return;
        }
        let streams = &self.streams;
        self.formats.retain(|known| {
            let format = known.declared.format;
            is_used(format) || streams.iter().any(|stream| stream.order.format == format)
        });
    }

    fn declared(&self, format: FeedFormat) -> Option<&DeclaredFormat> {
        self.formats.iter().find(|known| known.declared.format == format)
    }

    pub(super) fn name(&self, format: FeedFormat) -> Option<Arc<str>> {
        Some(self.declared(format)?.declared.name.clone())
    }

    /// The number of samples that a payload is expected to decode to.
    pub(super) fn samples_of(&self, format: FeedFormat, payload: &[u8]) -> u64 {
        let longest = u64::from(format.rate / LONGEST);
        match self.declared(format) {
            _ if payload.is_empty() => 0,
            None => 0,
            Some(known) => match known.declared.length {
                PacketLength::Frames { bytes, samples } => {
                    let frames = payload.len().div_ceil(bytes.max(1) as usize);
                    (frames as u64 * u64::from(samples)).min(longest)
                }
                PacketLength::Latest(_) => known.latest,
            },
        }
    }

    /// Notes the length of a decoded packet.
    pub(super) fn note_length(&mut self, format: FeedFormat, samples: u64) {
        let known = self
            .formats
            .iter_mut()
            .find(|known| known.declared.format == format);
        if let Some(known) = known.filter(|_| samples > 0) {
            known.latest = samples;
        }
    }

    /// Adds a packet. Returns it if its format is not declared any more.
    pub(super) fn add(&mut self, packet: PlacedPacket) -> Option<PlacedPacket> {
        let Some(stream) = self.stream(packet.number.ssrc, packet.format) else {
            return Some(packet);
        };
        stream.order.add(packet);
        None
    }

    /// The stream, which becomes the most recently used one. Creates its decoder if there is none.
    fn stream(&mut self, ssrc: u32, format: FeedFormat) -> Option<&mut ExternalStream> {
        let known = |stream: &ExternalStream| stream.order.is_of(ssrc, format);
        let found = match self.streams.iter().position(known) {
            Some(n) => self.streams.remove(n),
            None => ExternalStream {
                order: PacketOrder::new(ssrc, format),
                decoder: self.declared(format)?.declared.service.open(),
                queued: VecDeque::new(),
                jobs: 0,
                answered_ns: 0,
                is_stuck: false,
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

    /// Queues a packet for the decoder. Returns it if it is not decoded. `is_kept`: whether any
    /// recording keeps it.
    pub(super) fn queue(
        &mut self,
        mut packet: PlacedPacket,
        is_kept: bool,
        conceals: bool,
    ) -> Option<(PlacedPacket, Outcome)> {
        let Some(stream) = self.stream(packet.number.ssrc, packet.format) else {
            return Some((packet, Outcome::Undecodable));
        };
        match stream.order.begin(&mut packet, is_kept) {
            Some(state) => stream.queue(packet, state, conceals),
            None => Some((packet, Outcome::NotKept)),
        }
    }

    /// The next packet that is decoded, or that has waited too long. In stream time, a decoder may
    /// take any time as long as it answers.
    pub(super) fn take_done(&mut self, now_ns: u64, is_real_time: bool) -> Option<(PlacedPacket, Outcome)> {
        let mut streams = self.streams.iter_mut();
        streams.find_map(|stream| stream.take_done(now_ns, is_real_time))
    }

    /// Drops decoders that are not used any more.
    pub(super) fn tidy(&mut self) {
        while self.streams.len() > STREAMS && self.streams.first().is_some_and(ExternalStream::is_idle) {
            self.streams.remove(0);
        }
    }

    fn queued(&self) -> impl Iterator<Item = &QueuedPacket> {
        self.streams.iter().flat_map(|stream| &stream.queued)
    }

    /// The packets that wait, and those that are queued for a decoder.
    pub(super) fn undecoded(&self) -> impl Iterator<Item = &PlacedPacket> {
        let waiting = self.streams.iter().flat_map(|stream| stream.order.waiting());
        waiting.chain(self.queued().map(|queued| &queued.packet))
    }

    /// The earliest time of a packet that is not decoded yet.
    pub(super) fn earliest_ns(&self) -> Option<u64> {
        self.undecoded().map(PlacedPacket::begin_ns).min()
    }

    /// The times of the packets that are queued for a decoder.
    pub(super) fn queued_ns(&self) -> impl Iterator<Item = u64> {
        self.queued().map(|queued| queued.packet.begin_ns())
    }

    /// Whether packets are queued for a decoder.
    pub(super) fn is_decoding(&self) -> bool {
        self.queued().next().is_some()
    }

    /// Whether all queued packets were queued at most `ns` ago.
    pub(super) fn is_recent(&self, now_ns: u64, ns: u64) -> bool {
        let is_recent = |since_ns: u64| now_ns.saturating_sub(since_ns) < ns;
        self.queued().all(|queued| queued.since_ns.is_none_or(is_recent))
    }
}

impl ExternalStream {
    fn is_idle(&self) -> bool {
        self.order.is_empty() && self.queued.is_empty()
    }

    /// Returns the packet if the decoder accepts none.
    fn queue(
        &mut self,
        mut packet: PlacedPacket,
        state: DecoderState,
        conceals: bool,
    ) -> Option<(PlacedPacket, Outcome)> {
        if !conceals {
            packet.gap = 0;
        }
        let job = DecodingJob {
            number: self.jobs + 1,
            payload: std::mem::take(&mut packet.payload),
            state,
            concealed: packet.concealable(),
        };
        if self.is_stuck || !self.decoder.submit(job) {
            if state == DecoderState::Kept {
                self.order.skip(&packet);
            }
            return Some((packet, Outcome::TimedOut));
        }
        self.jobs += 1;
        if state != DecoderState::Own {
            self.order.advance(&packet);
        }
        self.queued.push_back(QueuedPacket {
            number: self.jobs,
            packet,
            since_ns: None,
        });
        None
    }

    fn take_done(&mut self, now_ns: u64, is_real_time: bool) -> Option<(PlacedPacket, Outcome)> {
        for queued in self.queued.iter_mut().rev() {
            if queued.since_ns.is_some() {
                break;
            }
            queued.since_ns = Some(now_ns);
        }
        while let Some(DecodingAnswer {
            number,
            samples,
            concealed,
        }) = self.decoder.take()
        {
            self.answered_ns = now_ns;
            self.is_stuck = false;
            if let Some(done) = self.queued.pop_front_if(|first| first.number == number) {
                let outcome = samples.map_or(Outcome::Undecodable, |samples| Outcome::Decoded {
                    samples,
                    concealed,
                });
                return Some((done.packet, outcome));
            }
        }
        let answered_ns = if is_real_time { 0 } else { self.answered_ns };
        let is_overdue = |first: &mut QueuedPacket| {
            let since_ns = first.since_ns.unwrap_or(now_ns).max(answered_ns);
            now_ns.saturating_sub(since_ns) >= ANSWER_NS
        };
        let overdue = self.queued.pop_front_if(is_overdue)?;
        self.decoder.cancel(overdue.number);
        self.is_stuck = true;
        Some((overdue.packet, Outcome::TimedOut))
    }
}

#[cfg(test)]
mod tests;
