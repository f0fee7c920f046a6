//! L16 (RFC 3551, 4.5.11): linear samples in network byte order.

use super::{Decoder, InvalidPayload};

/// Mixes the channels down to one.
pub struct L16 {
    channels: usize,
}

impl L16 {
    pub fn new(channels: u8) -> L16 {
        L16 {
            channels: usize::from(channels.max(1)),
        }
    }

    pub fn samples(payload: &[u8], channels: u8) -> u64 {
        (payload.len() / 2 / usize::from(channels.max(1))) as u64
    }
}

impl Decoder for L16 {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload> {
        let frames = payload.chunks_exact(2 * self.channels);
        if frames.len() == 0 {
            return Err(InvalidPayload);
        }
        out.extend(frames.map(|frame| {
            let (pairs, _) = frame.as_chunks::<2>();
            let sum: i32 = pairs
                .iter()
                .map(|pair| i32::from(i16::from_be_bytes(*pair)))
                .sum();
            (sum / self.channels as i32) as i16
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_mixed_down() {
        let payload: Vec<u8> = [100i16, 300, -8, -4, i16::MAX, i16::MAX, i16::MIN, i16::MIN]
            .iter()
            .flat_map(|sample| sample.to_be_bytes())
            .chain([1, 2, 3])
            .collect();
        let mut out = Vec::new();
        assert_eq!(L16::new(2).decode(&payload, &mut out), Ok(()));
        assert_eq!(out, [200, -6, i16::MAX, i16::MIN]);
        assert_eq!(L16::samples(&payload, 2), 4);
        assert_eq!(L16::new(2).decode(&payload[..3], &mut out), Err(InvalidPayload));
    }
}
