//! Compares an encoder of this library with one of the system: the same speech, in turn, by CPU time.

use std::ffi::{CStr, c_void};

use callrec::codec::{EncodedPackets, Shape};
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::thread_cpu;

use crate::speech::speech;

/// A library of the system.
pub struct SystemLibrary(*mut c_void);

impl SystemLibrary {
    pub fn load(name: &CStr) -> Option<SystemLibrary> {
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        (!library.is_null()).then_some(SystemLibrary(library))
    }

    /// The function of this name. `T` must be its type.
    pub unsafe fn function<T: Copy>(&self, name: &CStr) -> T {
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!found.is_null(), "{name:?}");
        unsafe { std::mem::transmute_copy(&found) }
    }
}

/// How much speech is encoded, how often, and how fast it must be.
pub struct EncoderComparison {
    pub seconds: u64,
    pub runs: u64,
    /// The least speed that suffices, in percent of the system's library.
    pub least_percent: u64,
}

impl EncoderComparison {
    pub fn from_arguments() -> EncoderComparison {
        let arguments = Arguments::read();
        EncoderComparison {
            seconds: arguments.number("seconds", 10),
            runs: arguments.number("runs", 7),
            least_percent: arguments.number("at-least-percent", 0),
        }
    }

    /// Encodes by the system's library and as a recording does, and prints the line of this case: ms
    /// per second of speech, speed, and bytes per second. `system` returns the bytes that it makes.
    /// Panics if it is slower than `least_percent`.
    pub fn compare(&self, case: &str, shape: &Shape, system: impl Fn(&[i16]) -> usize) {
        let samples = speech(shape.rate, shape.channels, self.seconds);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let (mut best, mut sizes) = ([f64::MAX; 2], [0; 2]);
        for _ in 0..self.runs {
            let before = thread_cpu();
            sizes[0] = system(&samples);
            let between = thread_cpu();
            sizes[1] = encode(shape, &bytes);
            let times = [between - before, thread_cpu() - between];
            for (best, time) in best.iter_mut().zip(times) {
                *best = best.min(time.as_secs_f64());
            }
        }
        println!(
            "{}/{} {case} | {:.2} {:.2} {:.2} | {} {}",
            shape.rate,
            shape.channels,
            1000.0 * best[0] / self.seconds as f64,
            1000.0 * best[1] / self.seconds as f64,
            best[0] / best[1],
            sizes[0] as u64 / self.seconds,
            sizes[1] as u64 / self.seconds,
        );
        let percent = 100.0 * best[0] / best[1];
        assert!(
            percent >= self.least_percent as f64,
            "{percent:.0} % of the system's speed, {} % are required",
            self.least_percent
        );
    }
}

/// Encodes as a recording does. Returns the bytes of all packets.
fn encode(shape: &Shape, samples: &[u8]) -> usize {
    let mut encoder = shape.format.encoder(shape);
    let (mut packets, mut bytes) = (EncodedPackets::default(), 0);
    for part in samples.chunks(shape.block_bytes_per_second() as usize) {
        encoder.encode(part, &mut packets);
        bytes += packets.bytes.len();
        packets.clear();
    }
    encoder.finish(&mut packets);
    assert_eq!(encoder.failure(), None);
    bytes + packets.bytes.len()
}
