//! Parsing of RTP and RTCP packets.

use crate::FeedFormat;
use callrec_codec::Codec;

/// RFC 3551. Some gateways use 19, which it reserves.
const COMFORT_NOISE: [u8; 2] = [13, 19];

/// An RTP packet (RFC 3550, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload_type: u8,
    pub marker: bool,
    pub payload: &'a [u8],
}

/// Returns `None` for RTCP on the same port (RFC 5761) and for data that is not RTP.
pub fn parse(bytes: &[u8]) -> Option<RtpPacket<'_>> {
    if matches!(bytes.get(1), Some(192..=223)) {
        return None;
    }
    let packet = rtp_types::RtpPacket::parse(bytes).ok()?;
    let from = packet.payload_offset();
    let payload = bytes.get(from..from + packet.payload_len())?;
    Some(RtpPacket {
        ssrc: packet.ssrc(),
        sequence: packet.sequence_number(),
        timestamp: packet.timestamp(),
        payload_type: packet.payload_type(),
        marker: packet.marker_bit(),
        payload,
    })
}

/// Parses a packet that has only the fixed header before its payload: no CSRC list, extension or
/// padding. Returns `None` for any other packet.
#[inline]
pub fn parse_plain(bytes: &[u8]) -> Option<RtpPacket<'_>> {
    let ([first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3], payload) =
        bytes.split_first_chunk::<12>()?;
    if *first != 0x80 || matches!(second, 192..=223) {
        return None;
    }
    Some(RtpPacket {
        ssrc: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
        sequence: u16::from_be_bytes([*s0, *s1]),
        timestamp: u32::from_be_bytes([*t0, *t1, *t2, *t3]),
        payload_type: second & 0x7f,
        marker: second & 0x80 != 0,
        payload,
    })
}

/// An RTCP sender report (RFC 3550, 6.4.1).
pub struct SenderReport {
    pub ssrc: u32,
    /// NTP time in 32.32 fixed-point seconds.
    pub ntp: u64,
    /// The RTP timestamp of the same time.
    pub timestamp: u32,
}

const SENDER_REPORT: u8 = 200;

/// Returns the first packet of an RTCP compound packet if it is a sender report.
pub fn sender_report(bytes: &[u8]) -> Option<SenderReport> {
    let word = |from: usize| {
        let word = bytes.get(from..from + 4)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*word))
    };
    if bytes.first()? >> 6 != 2 || *bytes.get(1)? != SENDER_REPORT {
        return None;
    }
    Some(SenderReport {
        ssrc: word(4)?,
        ntp: u64::from(word(8)?) << 32 | u64::from(word(12)?),
        timestamp: word(16)?,
    })
}

/// Whether the packet looks like an RFC 4733 event on an undeclared payload type. Besides dynamic
/// types, some senders use unassigned ones.
pub fn looks_like_event(packet: &RtpPacket<'_>) -> bool {
    let [event, flags, _, _] = *packet.payload else {
        return false;
    };
    may_be_event(packet.payload_type) && event <= 16 && flags & 0x40 == 0
}

/// Whether RFC 3551 gives the payload type no encoding, so that events may have it.
pub fn may_be_event(payload_type: u8) -> bool {
    let is_static = matches!(payload_type, 0 | 3..=18 | 25 | 26 | 28 | 31..=34);
    !is_static && !is_comfort_noise(payload_type)
}

/// The format of a payload type: as mapped by the host, or static (RFC 3551).
pub fn format_of(payload_type: u8, mapped: &[(u8, FeedFormat)]) -> Option<FeedFormat> {
    let format = |codec, rate| Some(FeedFormat { codec, rate });
    if let Some((_, mapped)) = mapped.iter().find(|(known, _)| *known == payload_type) {
        return Some(*mapped);
    }
    match payload_type {
        0 => format(Codec::Pcmu, 8000),
        8 => format(Codec::Pcma, 8000),
        9 if Codec::G722.is_built_in() => format(Codec::G722, 16_000),
        10 => format(Codec::L16(2), 44_100),
        11 => format(Codec::Pcm16, 44_100),
        _ => None,
    }
}

/// The encodings of static payload types that some build does not decode, with their clock rates
/// (RFC 3551, table 4). MPA has a clock of 90 kHz, which no codec of the host can have.
const OTHER_STATIC: [(u8, &str, u32); 11] = [
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (5, "DVI4", 8000),
    (6, "DVI4", 16_000),
    (7, "LPC", 8000),
    (9, "G722", 8000),
    (12, "QCELP", 8000),
    (15, "G728", 8000),
    (16, "DVI4", 11_025),
    (17, "DVI4", 22_050),
    (18, "G729", 8000),
];

/// The encodings of static payload types that this build does not decode, with their clock rates.
pub fn other_static() -> impl Iterator<Item = (u8, &'static str, u32)> {
    let undecoded = |known: &(u8, &str, u32)| format_of(known.0, &[]).is_none();
    OTHER_STATIC.into_iter().filter(undecoded)
}

/// Whether the host has mapped the payload type.
pub fn is_mapped(payload_type: u8, mapped: &[(u8, FeedFormat)]) -> bool {
    mapped.iter().any(|(known, _)| *known == payload_type)
}

pub fn is_comfort_noise(payload_type: u8) -> bool {
    COMFORT_NOISE.contains(&payload_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every header with a plausible first word, and payloads of every short length.
    #[test]
    fn a_plain_packet_is_parsed_in_the_same_way() {
        let mut plain = 0;
        for word in 0..=u16::MAX {
            for len in [0, 3, 11, 12, 13, 20] {
                let [first, second] = word.to_be_bytes();
                let mut bytes = vec![
                    first, second, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8,
                ];
                bytes.truncate(len);
                let Some(packet) = parse_plain(&bytes) else {
                    continue;
                };
                assert_eq!(Some(packet), parse(&bytes), "{bytes:x?}");
                plain += 1;
            }
        }
        assert_eq!(plain, 3 * (256 - 32));
    }

    #[test]
    fn rtcp_and_invalid_data_are_not_rtp() {
        assert!(parse(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(parse(&[0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(parse(&[0x80, 0, 0, 1]).is_none());
        assert!(parse(&[0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]).is_none());
        let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 9, 0, 0, 0, 7, 0x80, 0, 0, 0, 0, 0, 0, 5];
        let read = sender_report(&report).map(|sr| (sr.ssrc, sr.ntp, sr.timestamp));
        assert_eq!(read, Some((9, 7 << 32 | 1 << 31, 5)));
        report[1] = 201;
        assert!(sender_report(&report).is_none() && sender_report(&report[..10]).is_none());
        assert!(format_of(101, &[]).is_none() && format_of(13, &[]).is_none());
        let events = (0..128).filter(|number| may_be_event(*number));
        let unassigned = [1, 2].into_iter().chain(20..25).chain([27, 29, 30]);
        assert!(events.eq(unassigned.chain(35..128)));
        let noise: Vec<u8> = (0..128).filter(|number| is_comfort_noise(*number)).collect();
        assert_eq!(noise, [13, 19]);
    }
}
