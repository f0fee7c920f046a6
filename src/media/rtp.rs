//! RTP: what a packet is, and where among its stream's packets it stands.

use std::collections::VecDeque;

use rtp_types::RtpPacket;

use super::drift::Drift;
use crate::words::{Codec, FeedFormat};

const COMFORT_NOISE: u8 = 13;
/// Further back than this is a sender that began again, if the next one agrees (RFC 3550, A.1).
const MISORDER: i16 = 100;
/// More are forgotten: nothing that old is still waited for.
const MOVES: usize = 8;

/// A packet that is audio of ours, or at least part of a stream.
pub(super) struct Packet<'a> {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload_type: u8,
    pub payload: &'a [u8],
}

/// `None`: RTCP on the same port (RFC 5761) or no RTP at all.
pub(super) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    if matches!(bytes.get(1), Some(192..=223)) {
        return None;
    }
    let packet = RtpPacket::parse(bytes).ok()?;
    let from = packet.payload_offset();
    let payload = bytes.get(from..from + packet.payload_len())?;
    Some(Packet {
        ssrc: packet.ssrc(),
        sequence: packet.sequence_number(),
        timestamp: packet.timestamp(),
        payload_type: packet.payload_type(),
        payload,
    })
}

/// What a payload type means on a leg.
pub(super) fn format_of(payload_type: u8, mapped: &[(u8, FeedFormat)]) -> Option<FeedFormat> {
    let format = |codec, rate| Some(FeedFormat { codec, rate });
    if let Some((_, mapped)) = mapped.iter().find(|(known, _)| *known == payload_type) {
        return Some(*mapped);
    }
    match payload_type {
        0 => format(Codec::Pcmu, 8000),
        8 => format(Codec::Pcma, 8000),
        11 => format(Codec::Pcm16, 44_100),
        _ => None,
    }
}

/// Whether the host has told what a payload type means.
pub(super) fn is_mapped(payload_type: u8, mapped: &[(u8, FeedFormat)]) -> bool {
    mapped.iter().any(|(known, _)| *known == payload_type)
}

pub(super) fn is_comfort_noise(payload_type: u8) -> bool {
    payload_type == COMFORT_NOISE
}

/// One sender's packets.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    ssrc: u32,
    highest: u16,
    /// Bit n: the n-th before the highest was received. Reaches back beyond `MISORDER`.
    seen: u128,
    /// Numbers from the first to the highest.
    since: u64,
    /// Missing packets that were noticed on one without audio.
    owed: u32,
    /// The next number of what may be a sender that began again.
    suspect: Option<u16>,
    /// The newest audio packet's timestamp and place.
    timestamp: u32,
    at: i64,
    /// Where the stream was moved: the highest number before, and by how much.
    moves: VecDeque<(u16, i64)>,
    /// Samples of the newest audio packet.
    pub len: u64,
    pub rate: u32,
    pub drift: Drift,
}

impl Stream {
    /// Where a timestamp lies.
    pub(super) fn place(&self, timestamp: u32) -> i64 {
        let since = timestamp.wrapping_sub(self.timestamp) as i32;
        self.at + i64::from(since)
    }

    /// Where a packet behind others lies: the moves that came after it are not its own.
    /// `None`: ahead of the newest one, which it cannot be.
    pub(super) fn place_old(&self, sequence: u16, timestamp: u32) -> Option<i64> {
        let moved = self
            .moves
            .iter()
            .filter(|(highest, _)| highest.wrapping_sub(sequence) as i16 >= 0);
        let at = self.place(timestamp) - moved.map(|(_, by)| by).sum::<i64>();
        (at <= self.at).then_some(at)
    }

    /// The packets after `highest` lie elsewhere than their timestamps say.
    pub(super) fn moved(&mut self, highest: u16, by: i64) {
        if self.moves.len() == MOVES {
            self.moves.pop_front();
        }
        self.moves.push_back((highest, by));
    }

    pub(super) fn newest(&mut self, timestamp: u32, at: i64, len: u64) {
        (self.timestamp, self.at, self.len) = (timestamp, at, len);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The first of a stream.
    New,
    /// Ahead of all others; so many are missing before it.
    Next {
        missing: u64,
    },
    /// Behind others, not seen before.
    Old {
        /// Told as missing by one ahead of it.
        counted: bool,
    },
    Duplicate,
    /// Far behind: perhaps a new beginning.
    Suspect,
}

/// The stream of a leg, and the one before it, whose stragglers may still come.
#[derive(Debug, Default)]
pub(super) struct Streams {
    current: Option<Stream>,
    previous: Option<Stream>,
}

impl Streams {
    /// The stream that `sight` has put in front.
    pub(super) fn current(&mut self) -> Option<&mut Stream> {
        self.current.as_mut()
    }

    /// Notes a packet. Old ones of the previous stream leave the present one in front.
    pub(super) fn sight(&mut self, ssrc: u32, sequence: u16) -> Order {
        if self.current.as_ref().is_some_and(|s| s.ssrc == ssrc) {
            return match &mut self.current {
                Some(stream) => sight(stream, sequence),
                None => Order::New,
            };
        }
        match &mut self.previous {
            Some(stream) if stream.ssrc == ssrc => {
                let order = sight(stream, sequence);
                if !matches!(order, Order::Old { .. } | Order::Duplicate | Order::Suspect) {
                    std::mem::swap(&mut self.current, &mut self.previous);
                }
                order
            }
            _ => Order::New,
        }
    }

    /// The stream of that sender, in front or not.
    pub(super) fn of(&self, ssrc: u32) -> Option<&Stream> {
        [&self.current, &self.previous]
            .into_iter()
            .flatten()
            .find(|stream| stream.ssrc == ssrc)
    }

    /// A packet without audio: its number counts, and what is missing before it will be
    /// told by the next one with audio.
    pub(super) fn sight_only(&mut self, ssrc: u32, sequence: u16) {
        if let Some(stream) = self.current.as_mut().filter(|s| s.ssrc == ssrc)
            && let Order::Next { missing } = sight(stream, sequence)
        {
            stream.owed = missing as u32;
        }
    }

    pub(super) fn begin(&mut self, packet: &Packet<'_>, at: i64, len: u64, rate: u32) {
        let stream = Stream {
            ssrc: packet.ssrc,
            highest: packet.sequence,
            seen: 1,
            since: 0,
            owed: 0,
            suspect: None,
            timestamp: packet.timestamp,
            at,
            moves: VecDeque::new(),
            len,
            rate,
            drift: Drift::default(),
        };
        let before = self.current.replace(stream);
        if before.as_ref().is_some_and(|s| s.ssrc != packet.ssrc) {
            self.previous = before;
        }
    }
}

fn sight(stream: &mut Stream, sequence: u16) -> Order {
    let delta = sequence.wrapping_sub(stream.highest) as i16;
    if delta > 0 {
        let missing = delta as u64 - 1 + u64::from(std::mem::take(&mut stream.owed));
        stream.seen = stream.seen.checked_shl(delta as u32).unwrap_or(0) | 1;
        stream.since += delta as u64;
        stream.highest = sequence;
        stream.suspect = None;
        return Order::Next { missing };
    }
    if delta < -MISORDER {
        if stream.suspect == Some(sequence) {
            return Order::New;
        }
        stream.suspect = Some(sequence.wrapping_add(1));
        return Order::Suspect;
    }
    let back = u32::from(delta.unsigned_abs());
    let bit = 1u128.checked_shl(back).unwrap_or(0);
    if stream.seen & bit != 0 {
        return Order::Duplicate;
    }
    stream.seen |= bit;
    // What came before the stream's first has never been missed.
    let missed = u64::from(back) <= stream.since;
    let counted = missed && stream.owed == 0;
    if missed && !counted {
        stream.owed -= 1;
    }
    Order::Old { counted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16) -> Packet<'static> {
        Packet {
            ssrc,
            sequence,
            timestamp: 0,
            payload_type: 0,
            payload: &[],
        }
    }

    #[test]
    fn orders_across_the_wrap() {
        let mut streams = Streams::default();
        assert_eq!(streams.sight(1, 65534), Order::New);
        streams.begin(&packet(1, 65534), 0, 160, 8000);
        assert_eq!(streams.sight(1, 1), Order::Next { missing: 2 });
        assert_eq!(streams.sight(1, 65535), Order::Old { counted: true });
        assert_eq!(streams.sight(1, 65535), Order::Duplicate);
        streams.sight_only(1, 3);
        assert_eq!(streams.sight(1, 4), Order::Next { missing: 1 });
        assert_eq!(streams.sight(1, 40_000), Order::Suspect);
        assert_eq!(streams.sight(1, 5), Order::Next { missing: 0 });
        assert_eq!(streams.sight(1, 40_000), Order::Suspect);
        assert_eq!(streams.sight(1, 40_001), Order::New);
    }

    #[test]
    fn stragglers_of_the_stream_before() {
        let mut streams = Streams::default();
        streams.begin(&packet(1, 10), 0, 160, 8000);
        assert_eq!(streams.sight(1, 12), Order::Next { missing: 1 });
        streams.begin(&packet(2, 500), 320, 160, 8000);
        assert_eq!(streams.sight(1, 11), Order::Old { counted: true });
        assert_eq!(streams.sight(1, 9), Order::Old { counted: false });
        assert_eq!(streams.sight(2, 501), Order::Next { missing: 0 });
    }

    #[test]
    fn not_audio() {
        assert!(parse(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(parse(&[0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(parse(&[0x80, 0, 0, 1]).is_none());
        assert!(parse(&[0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]).is_none());
        assert!(format_of(101, &[]).is_none() && format_of(13, &[]).is_none());
    }
}
