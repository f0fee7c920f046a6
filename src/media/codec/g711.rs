//! G.711 by table: a sample of a law is one of 256.

use std::sync::LazyLock;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

pub(in crate::media) type Linear = [i16; 256];

fn table<T>(value: impl Fn(u8) -> T) -> [T; 256] {
    std::array::from_fn(|byte| value(byte as u8))
}

pub(in crate::media) static ULAW: LazyLock<Linear> = LazyLock::new(|| table(decode_ulaw));
pub(in crate::media) static ALAW: LazyLock<Linear> = LazyLock::new(|| table(decode_alaw));

/// From one law to the other by way of the linear sample.
pub(in crate::media) static ULAW_TO_ALAW: LazyLock<[u8; 256]> =
    LazyLock::new(|| table(|byte| encode_alaw(decode_ulaw(byte))));
pub(in crate::media) static ALAW_TO_ULAW: LazyLock<[u8; 256]> =
    LazyLock::new(|| table(|byte| encode_ulaw(decode_alaw(byte))));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_those_of_the_recommendation() {
        assert_eq!((ULAW[0xff], ULAW[0x80], ULAW[0x00]), (0, 32124, -32124));
        assert_eq!((ALAW[0xd5], ALAW[0x55]), (8, -8));
        assert_eq!((ALAW[0xaa], ALAW[0x2a]), (32256, -32256));
    }

    #[test]
    fn what_is_decoded_encodes_to_the_same_sound() {
        for byte in 0..=255u8 {
            assert_eq!(decode_ulaw(encode_ulaw(ULAW[byte as usize])), ULAW[byte as usize]);
            assert_eq!(decode_alaw(encode_alaw(ALAW[byte as usize])), ALAW[byte as usize]);
        }
    }
}
