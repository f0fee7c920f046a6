//! Which RTP packets may be kept as they arrived.

use crate::grid;
use crate::rtp::{self, RtpPacket};
use crate::sdp::OtherPayload;
use crate::time::NS_PER_MS;

use super::LegMedia;

/// The length of a packet whose codec is unknown.
const UNKNOWN_NS: u64 = 120 * NS_PER_MS;
/// A position that is further from the arrival than this belongs to another sequence of the sender.
const PLAUSIBLE_NS: u64 = 10_000 * NS_PER_MS;
/// The largest undeclared payload that may be a telephone event (RFC 4733).
const EVENT_BYTES_MAX: usize = 16;

/// What a packet is to a recording that keeps packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKind {
    /// It is, or may be, a telephone event: it is never kept.
    Event,
    ComfortNoise,
    /// `may_be_refused`: only its decoder can tell whether it is intact.
    Audio {
        may_be_refused: bool,
    },
    /// There is no decoder for it, or it has no whole sample.
    Undecodable,
}

/// A packet that a decoder has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedPacket {
    pub ssrc: u32,
    pub sequence: u16,
}

impl LegMedia {
    /// The time of a packet's audio, from its beginning to its end in nanoseconds. `None` if its
    /// stream has no audio.
    pub(crate) fn placed_ns(&self, packet: &RtpPacket<'_>, arrival_ns: u64) -> Option<(u64, u64)> {
        let format = self.format_of(packet.payload_type);
        let timestamp = format
            .or(self.latest)
            .map_or(packet.timestamp, |format| format.scaled(packet.timestamp));
        let (at, rate) = self.streams.position_of(packet.ssrc, timestamp)?;
        let at_ns = grid::time(at.max(0) as u64, rate);
        let len_ns = format
            .map(|format| grid::time(self.samples_of(format, packet.payload), format.rate))
            .filter(|len_ns| *len_ns > 0)
            .unwrap_or(UNKNOWN_NS);
        (at_ns.abs_diff(arrival_ns) < PLAUSIBLE_NS).then_some((at_ns, at_ns + len_ns))
    }

    pub fn raw_kind(&self, packet: &RtpPacket<'_>) -> RawKind {
        let declared = self.others.get(packet.payload_type);
        if let Some(OtherPayload::Event { .. }) = declared {
            return RawKind::Event;
        }
        let is_undeclared = declared.is_none() && rtp::may_be_event(packet.payload_type);
        match self.format_of(packet.payload_type) {
            Some(format) if self.samples_of(format, packet.payload) > 0 => RawKind::Audio {
                may_be_refused: !format.codec.is_direct(),
            },
            Some(_) => RawKind::Undecodable,
            None if rtp::is_comfort_noise(packet.payload_type) => RawKind::ComfortNoise,
            None if is_undeclared && packet.payload.len() <= EVENT_BYTES_MAX => RawKind::Event,
            None => RawKind::Undecodable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeedFormat;
    use callrec_codec::Codec;

    const EVENT: OtherPayload = OtherPayload::Event { clock_rate: 8000 };

    fn kind(leg: &LegMedia, payload_type: u8, bytes: usize) -> RawKind {
        leg.raw_kind(&RtpPacket {
            ssrc: 1,
            sequence: 1,
            timestamp: 0,
            payload_type,
            marker: false,
            payload: &vec![0; bytes],
        })
    }

    #[test]
    fn events_are_no_packets_to_keep() {
        let mut leg = LegMedia::new();
        assert_eq!(kind(&leg, 101, 4), RawKind::Event);
        assert_eq!(kind(&leg, 101, 16), RawKind::Event);
        assert_eq!(kind(&leg, 101, 17), RawKind::Undecodable);
        leg.declare_other(101, EVENT);
        assert_eq!(kind(&leg, 101, 40), RawKind::Event);
        leg.declare_other(96, OtherPayload::Unknown);
        assert_eq!(
            kind(&leg, 96, 7),
            RawKind::Undecodable,
            "a silence descriptor of a declared codec"
        );
        assert_eq!(kind(&leg, 18, 10), RawKind::Undecodable, "G.729 is static");
        assert_eq!(kind(&leg, 4, 4), RawKind::Undecodable, "a silence of G.723");
        for unassigned in [1, 20, 30, 35, 63, 77, 95] {
            assert_eq!(kind(&leg, unassigned, 4), RawKind::Event);
            assert_eq!(kind(&leg, unassigned, 16), RawKind::Event);
            assert_eq!(kind(&leg, unassigned, 17), RawKind::Undecodable);
        }
        leg.declare_other(0, EVENT);
        assert_eq!(kind(&leg, 0, 160), RawKind::Event);
    }

    #[test]
    fn a_later_declaration_replaces_an_earlier_one() {
        let mut leg = LegMedia::new();
        let format = FeedFormat {
            codec: Codec::Opus,
            rate: 48_000,
        };
        leg.declare_other(101, EVENT);
        leg.map_payload(101, format.into());
        assert_eq!(kind(&leg, 101, 0), RawKind::Undecodable, "it has no whole sample");
        leg.declare_other(101, EVENT);
        assert_eq!(kind(&leg, 101, 80), RawKind::Event);
    }

    #[test]
    fn audio_may_be_refused_if_it_has_a_decoder() {
        let leg = LegMedia::new();
        let audio = |may_be_refused| RawKind::Audio { may_be_refused };
        assert_eq!(kind(&leg, 0, 160), audio(false));
        assert_eq!(kind(&leg, 9, 160), audio(true));
        assert_eq!(kind(&leg, 13, 1), RawKind::ComfortNoise);
    }
}
