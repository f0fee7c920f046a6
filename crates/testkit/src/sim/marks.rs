//! Marks: all samples of a packet have one value, which no other packet has.

use std::collections::BTreeSet;

use super::network::Coding;
use crate::g711::{Law, decode};

/// Samples of one packet.
pub const PACKET_SAMPLES: usize = 160;

/// Whether a leg's packets may have this value. A mark with its bytes swapped is not a mark.
/// Neither is a byte of one leg next to a byte of the other, as in a stereo file that is read from
/// the wrong byte on.
fn is_mark(value: i16, leg: usize) -> bool {
    let [low, high] = value.to_le_bytes();
    let of_leg = |byte: u8| byte.count_ones() as usize % 2 == leg;
    (1..0x80).contains(&high) && low >= 0x80 && of_leg(high) && of_leg(low)
}

/// The unused marks of one leg of all calls.
struct LegMarks {
    linear: Vec<i16>,
    laws: [(Law, Vec<u8>); 2],
}

impl LegMarks {
    fn new(leg: usize) -> LegMarks {
        let mut taken = BTreeSet::new();
        let laws = [Law::Mu, Law::A].map(|law| {
            let free = |byte: &u8| is_mark(decode(law, *byte), leg) && taken.insert(decode(law, *byte));
            let bytes = (0..=u8::MAX).filter(free).collect();
            (law, bytes)
        });
        let free = |value: &i16| is_mark(*value, leg) && !taken.contains(value);
        LegMarks {
            linear: (0..=i16::MAX).rev().filter(free).collect(),
            laws,
        }
    }
}

/// The marks of one simulation.
pub struct MarkSource([LegMarks; 2]);

impl Default for MarkSource {
    fn default() -> MarkSource {
        MarkSource([0, 1].map(LegMarks::new))
    }
}

impl MarkSource {
    /// The next mark of a leg, and the payload of its packet; `None` if all are used.
    pub fn next(&mut self, leg: usize, coding: Coding) -> Option<(i16, Vec<u8>)> {
        let marks = &mut self.0[leg];
        let law = match coding {
            Coding::Pcm | Coding::Linear16 => {
                let mark = marks.linear.pop()?;
                let bytes = match coding {
                    Coding::Pcm => mark.to_ne_bytes(),
                    _ => mark.to_be_bytes(),
                };
                return Some((mark, bytes.repeat(PACKET_SAMPLES)));
            }
            Coding::Law(law) => law,
        };
        let (law, bytes) = marks.laws.iter_mut().find(|(known, _)| *known == law)?;
        let byte = bytes.pop()?;
        Some((decode(*law, byte), vec![byte; PACKET_SAMPLES]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The even leg has 63 * 64 marks, the odd one 64 * 64: the high bytes of 0x01 to 0x7f and the
    /// low bytes of 0x80 to 0xff with an even or an odd number of ones. A law has the marks to
    /// which it decodes a byte; A-law has those that µ-law does not have.
    #[test]
    fn no_mark_is_given_twice_nor_in_another_order_of_bytes() {
        let mut marks = MarkSource::default();
        let mut given = BTreeSet::new();
        for (leg, linear, mu, a) in [(0, 63 * 64 - 20, 12, 8), (1, 64 * 64 - 26, 10, 16)] {
            for (coding, count) in [
                (Coding::Pcm, linear),
                (Coding::Linear16, 0),
                (Coding::Law(Law::Mu), mu),
                (Coding::Law(Law::A), a),
            ] {
                let before = given.len();
                while let Some((mark, _)) = marks.next(leg, coding) {
                    assert!(given.insert(mark), "{mark} twice");
                    assert!(!given.contains(&mark.swap_bytes()), "{mark} swapped");
                }
                assert_eq!(given.len() - before, count, "leg {leg}: {coding:?}");
            }
        }
    }

    #[test]
    fn a_mixture_of_two_legs_is_no_mark() {
        let of = |leg| (0..=i16::MAX).filter(move |value| is_mark(*value, leg));
        for local in of(0) {
            for remote in of(1).step_by(97) {
                let ([low, _], [_, high]) = (local.to_le_bytes(), remote.to_le_bytes());
                let mixed = i16::from_le_bytes([low, high]);
                assert!(!is_mark(mixed, 0) && !is_mark(mixed, 1));
            }
        }
    }
}
