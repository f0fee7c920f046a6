//! Sample patterns: all samples of a packet have one value, which no other packet has.

use std::collections::BTreeSet;

use super::network::Coding;
use crate::g711::{Law, decode};

/// The length of a packet, in milliseconds.
pub const PACKET_MS: u64 = 20;
/// Samples of one packet.
pub const PACKET_SAMPLES: usize = 160;

/// No more samples of a packet are in a file, although streams are adapted to the clock.
pub const STRETCHED_SAMPLES: usize = PACKET_SAMPLES + PACKET_SAMPLES / 50 + 1;

/// Whether a leg's packets may have this value. A pattern with its bytes swapped is not a pattern.
/// Neither is a byte of one leg next to a byte of the other, as in a stereo file that is read from
/// the wrong byte on.
fn is_pattern(value: i16, leg: usize) -> bool {
    let [low, high] = value.to_le_bytes();
    let of_leg = |byte: u8| byte.count_ones() as usize % 2 == leg;
    (1..0x80).contains(&high) && low >= 0x80 && of_leg(high) && of_leg(low)
}

/// The unused patterns of one leg of all calls.
struct LegPatterns {
    linear: Vec<i16>,
    laws: [(Law, Vec<u8>); 2],
}

impl LegPatterns {
    fn new(leg: usize) -> LegPatterns {
        let mut taken = BTreeSet::new();
        let laws = [Law::Mu, Law::A].map(|law| {
            let free = |byte: &u8| is_pattern(decode(law, *byte), leg) && taken.insert(decode(law, *byte));
            let bytes = (0..=u8::MAX).filter(free).collect();
            (law, bytes)
        });
        let free = |value: &i16| is_pattern(*value, leg) && !taken.contains(value);
        LegPatterns {
            linear: (0..=i16::MAX).rev().filter(free).collect(),
            laws,
        }
    }
}

/// The patterns of one simulation.
pub struct PatternSource([LegPatterns; 2]);

impl Default for PatternSource {
    fn default() -> PatternSource {
        PatternSource([0, 1].map(LegPatterns::new))
    }
}

impl PatternSource {
    /// The next pattern of a leg, and the payload of its packet; `None` if all are used.
    pub fn next(&mut self, leg: usize, coding: Coding) -> Option<(i16, Vec<u8>)> {
        let patterns = &mut self.0[leg];
        let law = match coding {
            Coding::Pcm | Coding::Linear16 => {
                let pattern = patterns.linear.pop()?;
                let bytes = match coding {
                    Coding::Pcm => pattern.to_ne_bytes(),
                    _ => pattern.to_be_bytes(),
                };
                return Some((pattern, bytes.repeat(PACKET_SAMPLES)));
            }
            Coding::Law(law) => law,
        };
        let (law, bytes) = patterns.laws.iter_mut().find(|(known, _)| *known == law)?;
        let byte = bytes.pop()?;
        Some((decode(*law, byte), vec![byte; PACKET_SAMPLES]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The even leg has 63 * 64 patterns, the odd one 64 * 64: the high bytes of 0x01 to 0x7f and the
    /// low bytes of 0x80 to 0xff with an even or an odd number of ones. A law has the patterns to
    /// which it decodes a byte; A-law has those that µ-law does not have.
    #[test]
    fn no_pattern_is_used_twice_or_with_swapped_bytes() {
        let mut patterns = PatternSource::default();
        let mut given = BTreeSet::new();
        for (leg, linear, mu, a) in [(0, 63 * 64 - 20, 12, 8), (1, 64 * 64 - 26, 10, 16)] {
            for (coding, count) in [
                (Coding::Pcm, linear),
                (Coding::Linear16, 0),
                (Coding::Law(Law::Mu), mu),
                (Coding::Law(Law::A), a),
            ] {
                let before = given.len();
                while let Some((pattern, _)) = patterns.next(leg, coding) {
                    assert!(given.insert(pattern), "{pattern} twice");
                    assert!(!given.contains(&pattern.swap_bytes()), "{pattern} swapped");
                }
                assert_eq!(given.len() - before, count, "leg {leg}: {coding:?}");
            }
        }
    }

    #[test]
    fn a_mixture_of_two_legs_is_not_a_pattern() {
        let of = |leg| (0..=i16::MAX).filter(move |value| is_pattern(*value, leg));
        for local in of(0) {
            for remote in of(1).step_by(97) {
                let ([low, _], [_, high]) = (local.to_le_bytes(), remote.to_le_bytes());
                let mixed = i16::from_le_bytes([low, high]);
                assert!(!is_pattern(mixed, 0) && !is_pattern(mixed, 1));
            }
        }
    }
}
