//! G.711 by the text of the recommendation, independent of the library's code.

use std::sync::LazyLock;

/// One of the two codes of G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    Mu,
    A,
}

impl Law {
    /// The byte that recordings have for silence.
    pub fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xff,
            Law::A => 0xd5,
        }
    }
}

pub const LAWS: [Law; 2] = [Law::Mu, Law::A];

/// The 16-bit sample that a byte stands for.
pub fn decode(law: Law, byte: u8) -> i16 {
    match law {
        Law::Mu => {
            let code = !byte;
            let size = ((i32::from(code & 15) << 3) + 0x84) << ((code >> 4) & 7);
            let value = if code & 0x80 != 0 {
                0x84 - size
            } else {
                size - 0x84
            };
            value as i16
        }
        Law::A => {
            let code = byte ^ 0x55;
            let (segment, step) = ((code >> 4) & 7, i32::from(code & 15) << 4);
            let size = match segment {
                0 => step + 8,
                n => (step + 0x108) << (n - 1),
            };
            let value = if code & 0x80 != 0 { size } else { -size };
            value as i16
        }
    }
}

/// Half the width of the interval that a byte stands for.
fn half(law: Law, byte: u8) -> i32 {
    match law {
        Law::Mu => 4 << ((!byte >> 4) & 7),
        Law::A => 8 << (((byte ^ 0x55) >> 4) & 7).saturating_sub(1),
    }
}

const LOUDEST: [i32; 2] = [32124, 32256];

/// Whether a byte is an encoding of a sample. Encoders differ slightly at the edges of an interval:
/// they round to 14 or 13 bits first, and treat negative numbers differently.
pub fn encodes(law: Law, byte: u8, sample: i16) -> bool {
    let loudest = LOUDEST[law as usize];
    let sample = i32::from(sample).clamp(-loudest, loudest);
    (i32::from(decode(law, byte)) - sample).abs() <= half(law, byte) + 8
}

static NEAREST: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| LAWS.map(nearest));

fn nearest(law: Law) -> Vec<u8> {
    let loudest = LOUDEST[law as usize];
    let mut found = vec![law.silence(); 65536];
    for byte in 0..=255u8 {
        let value = i32::from(decode(law, byte));
        let (half, sign) = (half(law, byte), if byte & 0x80 != 0 { 1 } else { -1 });
        let top = if value.abs() == loudest {
            32769
        } else {
            value.abs() + half
        };
        for size in (value.abs() - half).max(0)..top {
            if let Some(place) = found.get_mut((sign * size + 32768) as usize).filter(|_| size > 0) {
                *place = byte;
            }
        }
    }
    found
}

/// The byte with the nearest sample.
pub fn encode(law: Law, sample: i16) -> u8 {
    NEAREST[law as usize][(i32::from(sample) + 32768) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_recommendation() {
        assert_eq!(
            (decode(Law::Mu, 0xff), decode(Law::Mu, 0x80), decode(Law::Mu, 0)),
            (0, 32124, -32124)
        );
        assert_eq!(
            (decode(Law::A, 0xd5), decode(Law::A, 0x55), decode(Law::A, 0xaa)),
            (8, -8, 32256)
        );
        for law in LAWS {
            for byte in 0..=255 {
                assert_eq!(decode(law, encode(law, decode(law, byte))), decode(law, byte));
            }
            for sample in i16::MIN..=i16::MAX {
                assert!(encodes(law, encode(law, sample), sample), "{law:?} {sample}");
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_not_an_encoding() {
        for law in LAWS {
            for sample in [-20_000, -300, 300, 20_000] {
                let right = encode(law, sample);
                // Two steps up or down, and the other sign.
                for wrong in [right.wrapping_add(2), right.wrapping_sub(2), right ^ 0x80] {
                    assert!(!encodes(law, wrong, sample), "{law:?} {sample} {wrong:#x}");
                }
            }
        }
    }
}
