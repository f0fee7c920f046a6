//! Conversations for measurements: generated once, and cheap to read packet by packet.

use crate::rtp::{HEADER_BYTES, RtpHeader, packet};

/// Samples, and bytes of G.711, of 20 ms.
pub const SAMPLES: usize = 160;
/// Bytes of an RTP packet of 20 ms.
pub const PACKET: usize = HEADER_BYTES + SAMPLES;

/// Packets of each side: 5 minutes.
const FRAMES: usize = 15_000;

/// Two sides of a conversation in µ-law that take turns, as RTP packets. Sequence number and
/// timestamp are set when a packet is read. Each call begins at another position.
pub struct Speech {
    packets: [Vec<u8>; 2],
}

impl Speech {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Speech {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let packets = [0u64, 1].map(|side| {
            let header = RtpHeader {
                payload_type: 0,
                sequence: 0,
                timestamp: 0,
                ssrc: 0x1000 + side as u32,
            };
            let mut bytes = Vec::with_capacity(FRAMES * PACKET);
            for n in 0..FRAMES as u64 {
                // Turns of 3 s that end with a pause; comfort noise otherwise.
                let (turn, within) = (n / 150, n % 150);
                let loud = turn % 2 == side && within < 120;
                let payload = [0; SAMPLES].map(|_: u8| {
                    let noise = (random() >> 32) as u8;
                    if loud { noise } else { 0xf8 | noise & 0x87 }
                });
                bytes.extend(packet(header, &payload));
            }
            bytes
        });
        Speech { packets }
    }

    #[inline]
    fn at(call: usize, frame: u64) -> usize {
        (call * 7919 + frame as usize) % FRAMES * PACKET
    }

    /// The packet that this call's side sends as its `frame`th.
    #[inline]
    pub fn packet(&mut self, side: usize, call: usize, frame: u64) -> &[u8] {
        let at = Speech::at(call, frame);
        let packet = &mut self.packets[side][at..at + PACKET];
        packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(frame as u32).wrapping_mul(SAMPLES as u32).to_be_bytes());
        packet
    }

    /// The audio of the same packet.
    #[inline]
    pub fn payload(&self, side: usize, call: usize, frame: u64) -> &[u8; SAMPLES] {
        let at = Speech::at(call, frame) + HEADER_BYTES;
        self.packets[side][at..]
            .first_chunk()
            .expect("the pool is made of whole packets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::{Law, decode};

    #[test]
    fn a_packet_has_its_number() {
        let mut speech = Speech::new();
        let audio = *speech.payload(1, 3, 70_000);
        let packet = speech.packet(1, 3, 70_000);
        assert_eq!(packet.len(), PACKET);
        assert_eq!(packet[..2], [0x80, 0]);
        assert_eq!(packet[2..4], 4464u16.to_be_bytes());
        assert_eq!(packet[4..8], 11_200_000u32.to_be_bytes());
        assert_eq!(packet[8..12], 0x1001u32.to_be_bytes());
        assert_eq!(packet[HEADER_BYTES..], audio);
    }

    #[test]
    fn the_sides_take_turns() {
        let speech = Speech::new();
        let is_loud = |side: usize, frame: u64| {
            let audio = speech.payload(side, 0, frame).iter();
            audio
                .map(|byte| decode(Law::Mu, *byte))
                .any(|sample| sample.abs() > 1000)
        };
        for frame in [0, 60, 119, 300] {
            assert!(is_loud(0, frame) && !is_loud(1, frame), "{frame}");
            assert!(is_loud(1, frame + 150) && !is_loud(0, frame + 150), "{frame}");
        }
        assert!(!is_loud(0, 130) && !is_loud(1, 130));
    }
}
