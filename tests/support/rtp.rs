//! RTP packets, made by RFC 3550's own picture.

/// Which stream, and where in it.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

pub fn packet(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, header.payload_type & 0x7f];
    out.extend(header.sequence.to_be_bytes());
    out.extend(header.timestamp.to_be_bytes());
    out.extend(header.ssrc.to_be_bytes());
    out.extend(payload);
    out
}

/// A stream of 20 ms packets of 8 kHz audio.
pub struct Sender {
    pub next: Header,
}

impl Sender {
    pub fn new(payload_type: u8, ssrc: u32) -> Sender {
        Sender {
            next: Header {
                payload_type,
                sequence: 65_500,
                timestamp: 0xffff_f000,
                ssrc,
            },
        }
    }

    /// The next packet; sequence and timestamp go on, and wrap.
    pub fn packet(&mut self, payload: &[u8], samples: u32) -> Vec<u8> {
        let made = packet(self.next, payload);
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(samples);
        made
    }
}
