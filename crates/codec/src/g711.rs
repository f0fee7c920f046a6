//! G.711 by table: a sample of a law is one of 256.

use std::ops::Deref;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use once_cell::race::OnceBox;

pub type LinearTable = [i16; 256];

/// What becomes of each byte, worked out when it is first asked for. Nobody waits for another
/// who is at it: in a process that was forked in that moment, there is no other any more.
pub struct Table<T> {
    values: OnceBox<[T; 256]>,
    compute: fn(u8) -> T,
}

impl<T> Table<T> {
    const fn new(compute: fn(u8) -> T) -> Table<T> {
        Table {
            values: OnceBox::new(),
            compute,
        }
    }
}

impl<T> Deref for Table<T> {
    type Target = [T; 256];

    #[inline]
    fn deref(&self) -> &[T; 256] {
        let make = || Box::new(std::array::from_fn(|byte| (self.compute)(byte as u8)));
        self.values.get_or_init(make)
    }
}

pub static ULAW: Table<i16> = Table::new(decode_ulaw);
pub static ALAW: Table<i16> = Table::new(decode_alaw);

/// From one law to the other by way of the linear sample.
pub static ULAW_TO_ALAW: Table<u8> = Table::new(|byte| encode_alaw(decode_ulaw(byte)));
pub static ALAW_TO_ULAW: Table<u8> = Table::new(|byte| encode_ulaw(decode_alaw(byte)));

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::time::Instant;

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

    static INSIDE: AtomicU32 = AtomicU32::new(0);

    /// As in a forked child, where the one who had begun is not there.
    #[test]
    fn a_table_is_made_without_waiting_for_another() {
        static SLOW: Table<u8> = Table::new(|byte| {
            if byte == 0 {
                INSIDE.fetch_add(1, SeqCst);
                let begun = Instant::now();
                while INSIDE.load(SeqCst) < 2 {
                    assert!(begun.elapsed().as_secs() < 20, "the other one waits");
                    std::thread::yield_now();
                }
            }
            byte
        });
        let look = || SLOW[7];
        std::thread::scope(|scope| {
            let both = [scope.spawn(look), scope.spawn(look)];
            assert_eq!(both.map(|thread| thread.join().ok()), [Some(7); 2]);
        });
    }
}
