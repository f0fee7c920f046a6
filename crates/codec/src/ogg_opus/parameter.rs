//! The values of the encoder's parameters.

use crate::Shape;

/// Bits a second, of all channels together. If they are not given, speech sounds good at them, and
/// both sides of a conversation seldom speak at once.
pub(super) fn bitrate(shape: &Shape) -> u32 {
    match (shape.format.parameter(0), shape.rate) {
        (0, rate) => {
            let mono = match rate {
                0..=8000 => 16_000,
                8001..=12_000 => 20_000,
                12_001..=16_000 => 24_000,
                _ => 32_000,
            };
            mono + if shape.channels > 1 { mono / 2 } else { 0 }
        }
        (given, _) => given,
    }
}

pub(super) fn complexity(shape: &Shape) -> u32 {
    shape.format.parameter(1)
}

pub(super) fn dtx(shape: &Shape) -> bool {
    shape.format.parameter(2) == 1
}
