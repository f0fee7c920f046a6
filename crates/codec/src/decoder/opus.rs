//! Opus (RFC 6716) in RTP (RFC 7587).

use ropus::opus::decoder::{opus_packet_get_nb_samples, opus_packet_has_lbrr};
use ropus::{Channels, DecodeMode};

use super::{Decoder, InvalidPayload};

/// Mixes a stereo stream down. In-band error correction recovers a missing packet.
pub struct Opus {
    decoder: ropus::Decoder,
    rate: u32,
}

impl Opus {
    /// `rate`: 8, 12, 16, 24 or 48 kHz; otherwise `None`.
    pub fn new(rate: u32) -> Option<Opus> {
        let decoder = ropus::Decoder::new(rate, Channels::Mono).ok()?;
        Some(Opus { decoder, rate })
    }

    /// The duration of a packet, which its first bytes state; 0 if they are invalid.
    pub fn samples(payload: &[u8], rate: u32) -> u64 {
        let rate = i32::try_from(rate).unwrap_or(0);
        let samples = opus_packet_get_nb_samples(payload, rate);
        samples
            .ok()
            .and_then(|samples| u64::try_from(samples).ok())
            .unwrap_or(0)
    }

    fn decode_mode(
        &mut self,
        payload: &[u8],
        samples: usize,
        mode: DecodeMode,
        out: &mut Vec<i16>,
    ) -> Result<(), InvalidPayload> {
        let before = out.len();
        out.resize(before + samples, 0);
        match self.decoder.decode(payload, &mut out[before..], mode) {
            Ok(decoded) => {
                out.truncate(before + decoded);
                Ok(())
            }
            Err(_) => Err(InvalidPayload),
        }
    }
}

impl Decoder for Opus {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload> {
        match Opus::samples(payload, self.rate) {
            0 => Err(InvalidPayload),
            samples => self.decode_mode(payload, samples as usize, DecodeMode::Normal, out),
        }
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        // The copy is as long as the packet that carries it.
        let has_copy = i32::try_from(next.len()).is_ok_and(|len| opus_packet_has_lbrr(next, len) == Ok(true));
        let is_long_enough = Opus::samples(next, self.rate) as usize == samples;
        if !has_copy || !is_long_enough {
            return false;
        }
        let before = out.len();
        let is_recovered = self.decode_mode(next, samples, DecodeMode::Fec, out).is_ok();
        if !is_recovered {
            out.truncate(before);
        }
        is_recovered
    }
}
