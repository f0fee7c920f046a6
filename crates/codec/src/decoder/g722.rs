//! G.722 (ITU-T) at 64 kbit/s: two samples at 16 kHz from each byte.

use audio_codec::Decoder as _;
use audio_codec::g722::G722Decoder;

use super::{Decoder, InvalidPayload};

/// A code that decodes to silence.
const SMALLEST_STEP: u8 = 0x40;

pub struct G722 {
    decoder: G722Decoder,
}

impl G722 {
    pub fn new() -> G722 {
        let mut decoder = G722Decoder::new();
        // The crate begins with scale factors of 0. One code of the smallest step sets those that
        // the Recommendation begins with.
        let _ = decoder.decode_into(&[SMALLEST_STEP], &mut [0; 2]);
        G722 { decoder }
    }

    pub fn samples(payload: &[u8]) -> u64 {
        2 * payload.len() as u64
    }
}

impl Decoder for G722 {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload> {
        let before = out.len();
        out.resize(before + 2 * payload.len(), 0);
        match self.decoder.decode_into(payload, &mut out[before..]) {
            Ok(_) => Ok(()),
            Err(_) => Err(InvalidPayload),
        }
    }
}
