//! How loud the legs of a call are.

use callrec::codec::g711;
use callrec::codec::{Decoder, SampleFormat};
use callrec::types::{Codec, FeedFormat};
use callrec_media::rtp;

use crate::payloads::DeclaredPayloads;

/// Cells of a bar.
const CELLS: usize = 12;
/// The level of an empty bar, in dB below the loudest sample.
const FLOOR_DB: f32 = -60.0;

/// The level of one leg, from its RTP packets.
pub struct LegLevel {
    payloads: DeclaredPayloads,
    format: Option<(u8, FeedFormat)>,
    decoder: Option<Box<dyn Decoder>>,
    samples: Vec<i16>,
    /// The loudest sample since the level was read.
    peak: u16,
    pub packets: u64,
}

impl LegLevel {
    pub fn new(payloads: DeclaredPayloads) -> LegLevel {
        LegLevel {
            payloads,
            format: None,
            decoder: None,
            samples: Vec::new(),
            peak: 0,
            packets: 0,
        }
    }

    /// Takes a packet that has arrived.
    pub fn packet(&mut self, bytes: &[u8]) {
        let Some(packet) = rtp::parse(bytes) else { return };
        self.packets += 1;
        let number = packet.payload_type;
        if self.format.is_none_or(|(known, _)| known != number) {
            self.format = self.payloads.format(number).map(|format| (number, format));
            self.decoder = self
                .format
                .and_then(|(_, format)| format.codec.decoder(format.rate));
        }
        let Some((_, format)) = self.format else { return };
        self.samples.clear();
        match (&mut self.decoder, format.codec) {
            (Some(decoder), _) => {
                // A damaged packet has no level.
                let _ = decoder.decode(packet.payload, &mut self.samples);
            }
            (None, Codec::Pcmu) => self.g711(SampleFormat::Ulaw, packet.payload),
            (None, Codec::Pcma) => self.g711(SampleFormat::Alaw, packet.payload),
            (None, _) => {
                let pairs = packet.payload.chunks_exact(2);
                self.samples
                    .extend(pairs.map(|pair| i16::from_be_bytes([pair[0], pair[1]])));
            }
        }
        let loudest = self.samples.iter().map(|sample| sample.unsigned_abs()).max();
        self.peak = self.peak.max(loudest.unwrap_or(0));
    }

    fn g711(&mut self, law: SampleFormat, payload: &[u8]) {
        let table = if law == SampleFormat::Ulaw {
            &g711::ULAW
        } else {
            &g711::ALAW
        };
        self.samples
            .extend(payload.iter().map(|byte| table[usize::from(*byte)]));
    }

    /// The level since the last time, in dB below the loudest sample.
    pub fn take_db(&mut self) -> f32 {
        let peak = std::mem::take(&mut self.peak);
        20.0 * (f32::from(peak.max(1)) / 32768.0).log10()
    }
}

/// A level as a bar and a number.
pub fn bar(db: f32) -> String {
    let filled = ((db - FLOOR_DB) / -FLOOR_DB * CELLS as f32)
        .round()
        .clamp(0.0, CELLS as f32) as usize;
    let number = if db <= FLOOR_DB {
        "   -".to_owned()
    } else {
        format!("{db:4.0}")
    };
    format!("{}{} {number} dB", "█".repeat(filled), "·".repeat(CELLS - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_that_of_the_loudest_sample() {
        let mut level = LegLevel::new(DeclaredPayloads::default());
        let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
        packet.extend([0xff; 159]);
        level.packet(&packet);
        assert!(level.take_db() < -90.0);
        // The loudest value of µ-law: 32124.
        packet.push(0x80);
        level.packet(&packet);
        assert!((level.take_db() + 0.17).abs() < 0.02);
        assert!(level.take_db() < -90.0, "it begins anew");
        assert_eq!(level.packets, 2);
    }

    #[test]
    fn bars_are_as_long_as_levels_are_loud() {
        assert_eq!(bar(0.0), "████████████    0 dB");
        assert_eq!(bar(-30.0), "██████······  -30 dB");
        assert_eq!(bar(-90.0), "············    - dB");
    }
}
