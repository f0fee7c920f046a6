//! Encodes the same speech to Opus by this library and by the system's libopus, in turn and with the
//! same settings, and compares the CPU time.
//!
//! `cargo bench --bench opus_encode`; `-- --seconds 20 --runs 9`. Needs libopus (Debian: libopus0).
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/encoders.rs"]
mod encoders;
#[path = "kit/speech.rs"]
mod speech;

use std::ffi::{CStr, c_int, c_void};

use callrec::codec::{Format, Shape};

use crate::encoders::{EncoderComparison, SystemLibrary};

/// `OPUS_APPLICATION_VOIP`.
const VOIP: c_int = 2048;
const SET_BITRATE: c_int = 4002;
const SET_COMPLEXITY: c_int = 4010;
const SET_DTX: c_int = 4016;
const SET_VBR_CONSTRAINT: c_int = 4020;

type Create = unsafe extern "C" fn(i32, c_int, c_int, *mut c_int) -> *mut c_void;
type Control = unsafe extern "C" fn(*mut c_void, c_int, ...) -> c_int;
type EncodePacket = unsafe extern "C" fn(*mut c_void, *const i16, c_int, *mut u8, i32) -> i32;
type Destroy = unsafe extern "C" fn(*mut c_void);
type VersionText = unsafe extern "C" fn() -> *const std::ffi::c_char;

/// The system's libopus.
struct LibOpus {
    create: Create,
    control: Control,
    encode: EncodePacket,
    destroy: Destroy,
    version: VersionText,
}

impl LibOpus {
    fn load() -> Option<LibOpus> {
        let library = SystemLibrary::load(c"libopus.so.0")?;
        Some(unsafe {
            LibOpus {
                create: library.function(c"opus_encoder_create"),
                control: library.function(c"opus_encoder_ctl"),
                encode: library.function(c"opus_encode"),
                destroy: library.function(c"opus_encoder_destroy"),
                version: library.function(c"opus_get_version_string"),
            }
        })
    }

    /// Returns the bytes of all packets.
    fn run(&self, case: Case, samples: &[i16]) -> usize {
        let (rate, channels) = (case.rate as i32, c_int::from(case.channels as u8));
        let frames = case.rate as usize / 50;
        let mut error = 0;
        unsafe {
            let encoder = (self.create)(rate, channels, VOIP, &mut error);
            assert!(!encoder.is_null() && error == 0, "libopus: {error}");
            for (what, value) in [
                (SET_BITRATE, case.bitrate as c_int),
                (SET_COMPLEXITY, case.complexity as c_int),
                (SET_DTX, c_int::from(case.dtx)),
                (SET_VBR_CONSTRAINT, 0),
            ] {
                assert_eq!((self.control)(encoder, what, value), 0);
            }
            let mut packet = [0u8; 1276];
            let mut bytes = 0;
            for part in samples.chunks_exact(frames * usize::from(case.channels)) {
                let len = (self.encode)(encoder, part.as_ptr(), frames as c_int, packet.as_mut_ptr(), 1276);
                assert!(len > 0, "libopus: {len}");
                bytes += len as usize;
            }
            (self.destroy)(encoder);
            bytes
        }
    }
}

#[derive(Clone, Copy)]
struct Case {
    rate: u32,
    channels: u16,
    bitrate: u32,
    complexity: u32,
    dtx: bool,
}

impl Case {
    fn shape(self) -> Shape {
        let parameters = format!(
            "bitrate={};complexity={};dtx={}",
            self.bitrate,
            self.complexity,
            u8::from(self.dtx)
        );
        let format = Format::named("opus").expect("in this build");
        Shape {
            format: format.with_parameters(&parameters).expect("valid"),
            rate: self.rate,
            channels: self.channels,
        }
    }
}

fn main() {
    let comparison = EncoderComparison::from_arguments();
    let EncoderComparison { seconds, runs, .. } = comparison;
    let Some(library) = LibOpus::load() else {
        println!("libopus is not installed");
        return;
    };
    let version = unsafe { CStr::from_ptr((library.version)()) };
    println!(
        "{} beside callrec, {seconds} s of speech, best of {runs} runs",
        version.to_string_lossy()
    );
    println!("rate/channels bit/s complexity | ms/s of libopus, of callrec, speed | bytes/s");
    for (rate, channels, bitrate) in [
        (8000, 1, 16_000),
        (8000, 2, 24_000),
        (12_000, 1, 20_000),
        (12_000, 2, 30_000),
        (16_000, 1, 24_000),
        (16_000, 2, 36_000),
        (24_000, 1, 32_000),
        (24_000, 2, 48_000),
        (48_000, 1, 32_000),
        (48_000, 2, 48_000),
    ] {
        for (complexity, dtx) in [(5, false), (10, false), (7, true)] {
            let case = Case {
                rate,
                channels,
                bitrate,
                complexity,
                dtx,
            };
            let named = format!("{bitrate} {complexity}{}", if dtx { " dtx" } else { "" });
            let system = |samples: &[i16]| library.run(case, samples);
            comparison.compare(&named, &case.shape(), system);
        }
    }
}
