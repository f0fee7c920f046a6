//! Encodes the same speech to MP3 by this library and by the C functions of the system's LAME, in turn and
//! with the same settings, and compares the CPU time.
//!
//! `cargo bench --bench mp3_encode`; `-- --seconds 20 --runs 9`. Needs LAME (Debian: libmp3lame0). With
//! `--features mp3`, this library uses the LAME that is compiled in.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/encoders.rs"]
mod encoders;
#[path = "kit/speech.rs"]
mod speech;

use std::ffi::{CStr, c_int, c_void};

use callrec::codec::{Format, Shape};

use crate::encoders::{EncoderComparison, SystemLibrary};

/// `MPEG_mode` of `lame.h`.
const STEREO: c_int = 0;
const MONO: c_int = 3;

type InitStream = unsafe extern "C" fn() -> *mut c_void;
type CallStream = unsafe extern "C" fn(*mut c_void) -> c_int;
type SetStreamNumber = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
type EncodeSamples =
    unsafe extern "C" fn(*mut c_void, *const i16, *const i16, c_int, *mut u8, c_int) -> c_int;
type EncodePairs = unsafe extern "C" fn(*mut c_void, *const i16, c_int, *mut u8, c_int) -> c_int;
type FlushStream = unsafe extern "C" fn(*mut c_void, *mut u8, c_int) -> c_int;
type LameVersionText = unsafe extern "C" fn() -> *const std::ffi::c_char;

/// The system's LAME.
struct SystemLame(SystemLibrary);

impl SystemLame {
    fn version(&self) -> String {
        let text = unsafe { CStr::from_ptr(self.0.function::<LameVersionText>(c"get_lame_version")()) };
        text.to_string_lossy().into_owned()
    }

    /// Returns the bytes of all frames.
    fn run(&self, case: Mp3Case, samples: &[i16]) -> usize {
        let mut out = vec![0u8; case.rate as usize * 5 / 4 + 7200];
        let mut bytes = 0;
        let mut add = |len: c_int| bytes += usize::try_from(len).expect("no error of LAME");
        unsafe {
            let stream = self.0.function::<InitStream>(c"lame_init")();
            let mode = if case.channels == 1 { MONO } else { STEREO };
            for (name, value) in [
                (c"lame_set_in_samplerate", case.rate as c_int),
                (c"lame_set_out_samplerate", case.rate as c_int),
                (c"lame_set_num_channels", c_int::from(case.channels)),
                (c"lame_set_mode", mode),
                (c"lame_set_brate", (case.bitrate / 1000) as c_int),
                (c"lame_set_quality", 5),
                (c"lame_set_disable_reservoir", 1),
                (c"lame_set_bWriteVbrTag", 0),
            ] {
                assert!(
                    self.0.function::<SetStreamNumber>(name)(stream, value) >= 0,
                    "{name:?}"
                );
            }
            assert!(self.0.function::<CallStream>(c"lame_init_params")(stream) >= 0);
            let encode = self.0.function::<EncodeSamples>(c"lame_encode_buffer");
            let encode_pairs = self.0.function::<EncodePairs>(c"lame_encode_buffer_interleaved");
            for part in samples.chunks(case.rate as usize * usize::from(case.channels)) {
                let (from, frames) = (part.as_ptr(), (part.len() / usize::from(case.channels)) as c_int);
                let (to, space) = (out.as_mut_ptr(), out.len() as c_int);
                add(match case.channels {
                    1 => encode(stream, from, from, frames, to, space),
                    _ => encode_pairs(stream, from, frames, to, space),
                });
            }
            let (to, space) = (out.as_mut_ptr(), out.len() as c_int);
            add(self.0.function::<FlushStream>(c"lame_encode_flush")(
                stream, to, space,
            ));
            self.0.function::<CallStream>(c"lame_close")(stream);
        }
        bytes
    }
}

#[derive(Clone, Copy)]
struct Mp3Case {
    rate: u32,
    channels: u16,
    bitrate: u32,
}

impl Mp3Case {
    fn shape(self) -> Shape {
        let format = Format::named("mp3").expect("in this build");
        let format = format.with_parameters(&format!("bitrate={}", self.bitrate));
        Shape {
            format: format.expect("valid"),
            rate: self.rate,
            channels: self.channels,
        }
    }
}

fn main() {
    let comparison = EncoderComparison::from_arguments();
    let EncoderComparison { seconds, runs, .. } = comparison;
    let Some(library) = SystemLibrary::load(c"libmp3lame.so.0").map(SystemLame) else {
        println!("LAME is not installed");
        return;
    };
    callrec::lame::provide();
    println!(
        "LAME {} beside callrec, whose LAME is {}; {seconds} s of speech, best of {runs} runs",
        library.version(),
        if cfg!(feature = "mp3") {
            "compiled in"
        } else {
            "the same"
        },
    );
    println!("rate/channels bit/s | ms/s of LAME, of callrec, speed | bytes/s");
    for (rate, bitrate) in [(8000, 16_000), (16_000, 32_000), (48_000, 64_000)] {
        for channels in [1, 2] {
            let bitrate = bitrate * u32::from(channels);
            let case = Mp3Case {
                rate,
                channels,
                bitrate,
            };
            let system = |samples: &[i16]| library.run(case, samples);
            comparison.compare(&bitrate.to_string(), &case.shape(), system);
        }
    }
}
