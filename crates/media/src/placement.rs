//! Where a leg's packets lie in time: pure functions over explicit state.
//!
//! Nothing here knows a clock, a thread, a file or a recording. What was received comes in
//! as [`IncomingPacket`], and what is decided goes out by [`PlacementSink`].

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

/// In stream time a leg may be so far behind another without having been silent.
const SILENCE_NS: u64 = 2_000 * NS_PER_MS;

/// What placement needs to know of the call.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlacementContext {
    pub is_real_time: bool,
    /// What a test has planted.
    pub planted: PlantedFault,
    /// The begin of a recording that has never been paused. No first packet of a feed that
    /// was opened after it is placed before it. In nanoseconds.
    pub begin_ns: u64,
}

impl PlacementContext {
    fn begin(&self, rate: u32) -> i64 {
        grid::index(self.begin_ns, rate) as i64
    }
}

/// An RTP packet with audio, at the moment when it is handed in.
pub struct IncomingPacket<'a> {
    pub packet: &'a RtpPacket<'a>,
    pub hash: u16,
    pub format: FeedFormat,
    /// Samples of audio in it.
    pub len: i64,
    /// In samples at its own rate, as all places are; in stream time the leg's end.
    pub arrival: i64,
    /// Which control points had been set.
    pub epoch: u32,
    /// The host says when it was received.
    pub aged: bool,
    /// Packets that the feed refused since the newest one.
    pub refused: u64,
    /// After all audio of the leg.
    pub leg_end: i64,
    /// RtpStream time: how far the other legs have come, where any has audio.
    pub clock_ns: Option<u64>,
}

/// Where audio is to be put, and what is known of the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    pub at: i64,
    /// Samples to be left out at its beginning: its sender's clock is fast.
    pub trim: u64,
    /// Samples to be repeated before it: its sender's clock is slow.
    pub repeat: u64,
    /// Packets that are missing before it (of these, refused by the feed), and how much
    /// silence stands for them.
    pub missing: u64,
    pub refused: u64,
    pub lost: u64,
    /// It may have been said so much before its place.
    pub hidden_delay: u64,
    /// It is the newest of its stream.
    pub newest: bool,
    /// It had been counted as missing.
    pub was_missing: bool,
}

/// Audio as it was handed in.
#[derive(Clone, Copy, Debug)]
pub struct Audio<'a> {
    pub payload: &'a [u8],
    pub format: FeedFormat,
    /// PCM16 as RTP has it, most significant byte first.
    pub network_order: bool,
    pub epoch: u32,
    /// HostWrite ahead of the clock: said when it is heard.
    pub ahead: bool,
}

impl Audio<'_> {
    /// The recent_peak of its samples.
    fn peak(&self) -> i32 {
        let loudness = |sample: i16| i32::from(sample).abs();
        let linear = |law: &[i16; 256]| {
            self.payload
                .iter()
                .map(|byte| loudness(law[*byte as usize]))
                .max()
        };
        let pair = |pair: &[u8]| match self.network_order {
            true => i16::from_be_bytes([pair[0], pair[1]]),
            false => i16::from_ne_bytes([pair[0], pair[1]]),
        };
        let peak = match self.format.codec {
            Codec::Pcmu => linear(&g711::ULAW),
            Codec::Pcma => linear(&g711::ALAW),
            Codec::Pcm16 => self.payload.chunks_exact(2).map(|p| loudness(pair(p))).max(),
        };
        peak.unwrap_or(0)
    }
}

/// What becomes of audio that nothing has placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    Duplicate,
    /// Too far ahead of the clock.
    Ahead,
}

/// Takes what is decided.
pub trait PlacementSink {
    /// After all audio of the leg, in samples at this rate.
    fn end(&self, rate: u32) -> i64;

    fn place(&mut self, audio: &Audio<'_>, placement: Placement);

    /// The same in the common case: it lies right behind what came before, and nothing else
    /// is known of it. False if it has to be given to `audio`.
    fn try_append(&mut self, audio: &Audio<'_>, at: i64, hidden_delay: u64) -> bool;

    fn reject(&mut self, why: RejectReason, format: FeedFormat, len: i64, at: i64, epoch: u32);

    /// A silence that was counted as missing was none.
    fn clear_missing(&mut self, from: i64, to: i64);

    fn count_wrong_timestamp(&mut self);

    /// Audio of a stream that was not known before.
    fn count_stream(&mut self);

    fn count_concurrent(&mut self);
}

/// A packet that waits for a decision.
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
    aged: bool,
    arrival: i64,
    mapped: i64,
    missing: u64,
    refused: u64,
    /// The number before it, and the length of that packet.
    after: u16,
    len_before: i64,
}

impl HeldPacket<'_> {
    /// To be kept until it is decided.
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
            network_order: true,
            epoch: self.epoch,
            ahead: false,
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
    /// How far the other legs have come, in samples at its own rate.
    fn clock(&self) -> Option<i64> {
        self.clock_ns.map(|ns| grid::index(ns, self.format.rate) as i64)
    }

    /// RtpStream time: the others have gone on for longer than they are held up for the leg.
    fn has_been_silent(&self, clock: i64) -> bool {
        self.leg_end > 0 && clock - self.leg_end > lateness::samples(SILENCE_NS, self.format.rate)
    }

    fn audio(&self) -> Audio<'_> {
        Audio {
            payload: self.packet.payload,
            format: self.format,
            network_order: true,
            epoch: self.epoch,
            ahead: false,
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
            aged: self.aged,
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
            newest: true,
            ..Placement::default()
        }
    }
}
