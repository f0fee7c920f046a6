//! G.711 by lookup table: an encoded sample is one of 256 values.

use std::ops::Deref;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use once_cell::race::OnceBox;

/// The linear sample of each byte of a law.
pub type LinearTable = [i16; 256];

/// A table with one value per byte, computed on first use. Threads that need it at the same time
/// each compute it and never wait for one another: after a fork, the thread that had begun no
/// longer exists.
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

/// Conversions between the laws, through the linear sample.
pub static ULAW_TO_ALAW: Table<u8> = Table::new(|byte| encode_alaw(decode_ulaw(byte)));
pub static ALAW_TO_ULAW: Table<u8> = Table::new(|byte| encode_ulaw(decode_alaw(byte)));

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::time::Instant;

    use super::*;

    #[test]
    fn values_match_the_recommendation() {
        assert_eq!((ULAW[0xff], ULAW[0x80], ULAW[0x00]), (0, 32124, -32124));
        assert_eq!((ALAW[0xd5], ALAW[0x55]), (8, -8));
        assert_eq!((ALAW[0xaa], ALAW[0x2a]), (32256, -32256));
    }

    #[test]
    fn decoding_and_encoding_again_keeps_the_sample() {
        for byte in 0..=255u8 {
            assert_eq!(decode_ulaw(encode_ulaw(ULAW[byte as usize])), ULAW[byte as usize]);
            assert_eq!(decode_alaw(encode_alaw(ALAW[byte as usize])), ALAW[byte as usize]);
        }
    }

    static INSIDE: AtomicU32 = AtomicU32::new(0);

    /// In a forked child, the thread that had begun the table does not exist.
    #[test]
    fn threads_compute_a_table_without_waiting() {
        static SLOW: Table<u8> = Table::new(|byte| {
            if byte == 0 {
                INSIDE.fetch_add(1, SeqCst);
                let started = Instant::now();
                while INSIDE.load(SeqCst) < 2 {
                    assert!(started.elapsed().as_secs() < 20, "the other thread waits");
                    std::thread::yield_now();
                }
            }
            byte
        });
        let read = || SLOW[7];
        std::thread::scope(|scope| {
            let both = [scope.spawn(read), scope.spawn(read)];
            assert_eq!(both.map(|thread| thread.join().ok()), [Some(7); 2]);
        });
    }
}
