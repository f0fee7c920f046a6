//! Placement of a leg's audio in media time: pure functions over explicit state.
//!
//! This module knows no clock, thread, file or recording. Its input is [`IncomingPacket`] and
//! [`HostWrite`](write_cursor::HostWrite); its output goes to a [`PlacementSink`].

mod drift;
mod hidden_delay;
pub mod lateness;
mod rtp_stream;
mod rtp_streams;
mod sequence_gaps;
mod sequence_window;
mod suspect;
mod timestamp_mapping;
pub mod write_cursor;

use std::borrow::Cow;

use crate::FeedFormat;
use crate::grid;
use crate::planted::PlantedFault;
use crate::rtp::RtpPacket;
use crate::time::NS_PER_MS;
use callrec_codec::Codec;
use callrec_codec::g711;
pub use rtp_streams::RtpStreams;
pub use sequence_window::hash;

/// Stream time: a leg that is further behind the others than this has been silent.
const SILENCE_NS: u64 = 2_000 * NS_PER_MS;

/// State of the call that placement depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlacementContext {
    pub is_real_time: bool,
    /// The fault that a test has planted.
    pub planted: PlantedFault,
    /// How long missing packets are waited for, in nanoseconds (real time).
    pub reorder_ns: u64,
    /// Whether DTMF tones are masked.
    pub masks_dtmf: bool,
    /// The beginning, in nanoseconds, of a recording that has never been paused. The first packet
    /// of a feed that was opened later is not placed before it.
    pub begin_ns: u64,
}

impl PlacementContext {
    fn begin(&self, rate: u32) -> i64 {
        grid::index(self.begin_ns, rate) as i64
    }
}

/// An RTP packet with audio, when it is handed in. All positions and lengths are in samples at its
/// own rate.
pub struct IncomingPacket<'a> {
    pub packet: &'a RtpPacket<'a>,
    pub hash: u16,
    pub format: FeedFormat,
    /// The number of samples in the payload.
    pub len: i64,
    /// The arrival; in stream time the end of the leg.
    pub arrival: i64,
    /// The number of control points that had been set.
    pub epoch: u32,
    /// Whether the host stated when the packet was received.
    pub is_aged: bool,
    /// Packets that the feed has refused since the newest packet.
    pub refused: u64,
    /// The end of all audio of the leg.
    pub leg_end: i64,
    /// Stream time: the furthest end of the other legs that have audio.
    pub clock_ns: Option<u64>,
}

/// The position of audio on the timeline, and its properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The position of its first sample.
    pub at: i64,
    /// Samples to leave out at its beginning, because the sender's clock is fast.
    pub trim: u64,
    /// Samples to repeat before it, because the sender's clock is slow.
    pub repeat: u64,
    /// Packets missing before it.
    pub missing: u64,
    /// The part of `missing` that the feed refused.
    pub refused: u64,
    /// Samples of silence before it that stand for missing packets.
    pub lost: u64,
    /// Upper bound of the time between speech and position, in samples.
    pub hidden_delay: u64,
    /// Whether it is the newest packet of its stream.
    pub is_newest: bool,
    /// Whether it was counted as missing.
    pub was_missing: bool,
}

/// The number of an RTP packet in its stream.
#[derive(Clone, Copy, Debug)]
pub struct PacketNumber {
    pub ssrc: u32,
    pub sequence: u16,
    /// When the packet was received.
    pub arrival_ns: u64,
}

/// Audio as it was handed in.
#[derive(Clone, Copy, Debug)]
pub struct Audio<'a> {
    pub payload: &'a [u8],
    pub format: FeedFormat,
    /// The number of its samples.
    pub len: u64,
    /// `None` for a write.
    pub number: Option<PacketNumber>,
    /// Whether 16-bit samples are big-endian, as in RTP.
    pub is_big_endian: bool,
    pub epoch: u32,
    /// Whether it was written ahead of the clock, so that it counts as spoken when it is played.
    pub is_ahead: bool,
}

impl Audio<'_> {
    /// The largest absolute value of its samples.
    fn peak(&self) -> i32 {
        let loudness = |sample: i16| i32::from(sample).abs();
        let linear = |law: &[i16; 256]| {
            self.payload
                .iter()
                .map(|byte| loudness(law[*byte as usize]))
                .max()
        };
        let pair = |pair: &[u8]| match self.is_big_endian {
            true => i16::from_be_bytes([pair[0], pair[1]]),
            false => i16::from_ne_bytes([pair[0], pair[1]]),
        };
        let peak = match self.format.codec {
            Codec::Pcmu => linear(&g711::ULAW),
            Codec::Pcma => linear(&g711::ALAW),
            Codec::Pcm16 => self.payload.chunks_exact(2).map(|p| loudness(pair(p))).max(),
            // It is not decoded yet, and counts as loud.
            Codec::G722 | Codec::Opus | Codec::L16(_) | Codec::External { .. } => Some(loudness(i16::MIN)),
        };
        peak.unwrap_or(0)
    }
}

/// The reason why audio gets no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    Duplicate,
    /// Too far ahead of the clock.
    Ahead,
}

/// Receives the decisions of placement.
pub trait PlacementSink {
    /// The end of all audio of the leg, in samples at `rate`.
    fn end(&self, rate: u32) -> i64;

    /// Puts audio on the timeline.
    fn place(&mut self, audio: &Audio<'_>, placement: Placement);

    /// Fast path: appends audio that lies directly after the last audio, without further
    /// properties. Returns false if the caller must use [`PlacementSink::place`].
    fn try_append(&mut self, audio: &Audio<'_>, at: i64, hidden_delay: u64) -> bool;

    /// Accounts for audio that gets no position.
    fn reject(&mut self, reason: RejectReason, format: FeedFormat, len: i64, at: i64, epoch: u32);

    /// Clears a range that was counted as missing but held no audio.
    fn clear_missing(&mut self, from: i64, to: i64);

    fn count_wrong_timestamp(&mut self);

    /// Counts a new stream with audio.
    fn count_stream(&mut self);

    /// Counts that two streams send concurrently.
    fn count_concurrent(&mut self);
}

/// A packet that is held until its position is decided.
#[derive(Debug)]
pub struct HeldPacket<'a> {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    payload_type: u8,
    marker: bool,
    payload: Cow<'a, [u8]>,
    hash: u16,
    format: FeedFormat,
    len: i64,
    epoch: u32,
    is_aged: bool,
    arrival: i64,
    mapped: i64,
    missing: u64,
    refused: u64,
    /// The sequence number of the previous packet, and that packet's length.
    after: u16,
    len_before: i64,
}

impl HeldPacket<'_> {
    /// Takes ownership of the payload.
    fn own(self) -> HeldPacket<'static> {
        HeldPacket {
            payload: Cow::Owned(self.payload.into_owned()),
            ..self
        }
    }

    fn audio(&self) -> Audio<'_> {
        Audio {
            payload: &self.payload,
            format: self.format,
            len: self.len.max(0) as u64,
            number: Some(PacketNumber {
                ssrc: self.ssrc,
                sequence: self.sequence,
                arrival_ns: grid::time(self.arrival.max(0) as u64, self.format.rate),
            }),
            is_big_endian: true,
            epoch: self.epoch,
            is_ahead: false,
        }
    }

    fn packet(&self) -> RtpPacket<'_> {
        RtpPacket {
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: self.timestamp,
            payload_type: self.payload_type,
            marker: self.marker,
            payload: &self.payload,
        }
    }

    fn timing(&self, rate: u32) -> lateness::PacketTiming {
        lateness::PacketTiming {
            mapped: self.mapped,
            arrival: self.arrival,
            rate,
        }
    }
}

impl<'a> IncomingPacket<'a> {
    /// The end of the other legs, in samples at the packet's rate.
    fn clock(&self) -> Option<i64> {
        self.clock_ns.map(|ns| grid::index(ns, self.format.rate) as i64)
    }

    /// Stream time: whether the other legs have advanced so far that this leg has been silent.
    fn has_been_silent(&self, clock: i64) -> bool {
        self.leg_end > 0 && clock - self.leg_end > lateness::samples(SILENCE_NS, self.format.rate)
    }

    fn audio(&self) -> Audio<'_> {
        Audio {
            payload: self.packet.payload,
            format: self.format,
            len: self.len.max(0) as u64,
            number: Some(PacketNumber {
                ssrc: self.packet.ssrc,
                sequence: self.packet.sequence,
                arrival_ns: grid::time(self.arrival.max(0) as u64, self.format.rate),
            }),
            is_big_endian: true,
            epoch: self.epoch,
            is_ahead: false,
        }
    }

    fn hold(&self, mapped: i64, missing: u64) -> HeldPacket<'a> {
        HeldPacket {
            ssrc: self.packet.ssrc,
            sequence: self.packet.sequence,
            timestamp: self.packet.timestamp,
            payload_type: self.packet.payload_type,
            marker: self.packet.marker,
            payload: Cow::Borrowed(self.packet.payload),
            hash: self.hash,
            format: self.format,
            len: self.len,
            epoch: self.epoch,
            is_aged: self.is_aged,
            arrival: self.arrival,
            mapped,
            missing,
            refused: self.refused,
            after: self.packet.sequence,
            len_before: self.len,
        }
    }

    fn plain(&self, at: i64) -> Placement {
        Placement {
            at,
            is_newest: true,
            ..Placement::default()
        }
    }
}
