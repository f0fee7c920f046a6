//! RTP packets, as RFC 3550 defines them.

/// The stream of a packet, and its position.
#[derive(Clone, Copy, Debug)]
pub struct RtpHeader {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// Bytes of a header without contributing sources and extensions.
pub const HEADER_BYTES: usize = 12;

/// A packet without marker, padding, contributing sources and extensions.
pub fn packet(header: RtpHeader, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, header.payload_type & 0x7f];
    out.extend(header.sequence.to_be_bytes());
    out.extend(header.timestamp.to_be_bytes());
    out.extend(header.ssrc.to_be_bytes());
    out.extend(payload);
    out
}

/// The same with the marker bit set.
pub fn marked_packet(header: RtpHeader, payload: &[u8]) -> Vec<u8> {
    let mut out = packet(header, payload);
    out[1] |= 0x80;
    out
}

/// A sender of one stream. It begins shortly before sequence number and timestamp wrap.
pub struct RtpSender {
    pub next: RtpHeader,
}

impl RtpSender {
    pub fn new(payload_type: u8, ssrc: u32) -> RtpSender {
        RtpSender {
            next: RtpHeader {
                payload_type,
                sequence: 65_500,
                timestamp: 0xffff_f000,
                ssrc,
            },
        }
    }

    /// The next packet, with `samples` samples of audio.
    pub fn packet(&mut self, payload: &[u8], samples: u32) -> Vec<u8> {
        let made = packet(self.next, payload);
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(samples);
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: RtpHeader = RtpHeader {
        payload_type: 8,
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090a,
    };

    #[test]
    fn every_field_has_its_place() {
        let made = packet(HEADER, b"payload");
        assert_eq!(made[..HEADER_BYTES], [0x80, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(made[HEADER_BYTES..], *b"payload");
        assert_eq!(marked_packet(HEADER, b"")[..2], [0x80, 0x88]);
    }

    #[test]
    fn numbers_advance_and_wrap() {
        let mut sender = RtpSender::new(0, 7);
        let packets: Vec<Vec<u8>> = (0..40).map(|_| sender.packet(&[1; 160], 160)).collect();
        let sequence = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
        let timestamp = |packet: &[u8]| u32::from_be_bytes(*packet[4..].first_chunk().unwrap());
        for pair in packets.windows(2) {
            assert_eq!(sequence(&pair[1]), sequence(&pair[0]).wrapping_add(1));
            assert_eq!(timestamp(&pair[1]), timestamp(&pair[0]).wrapping_add(160));
        }
        assert!(sequence(&packets[39]) < sequence(&packets[0]));
        assert!(timestamp(&packets[39]) < timestamp(&packets[0]));
    }
}
