//! G.722 (ITU-T) at 64 kbit/s: two samples at 16 kHz from each byte.

use audio_codec::Decoder as _;
use audio_codec::g722::G722Decoder;

use super::{Decoder, InvalidPayload};

pub struct G722 {
    decoder: G722Decoder,
}

impl G722 {
    pub fn new() -> G722 {
        G722 {
            decoder: G722Decoder::new(),
        }
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
