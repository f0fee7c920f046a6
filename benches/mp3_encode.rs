//! Encodes the same speech to MP3 by this library and by the C functions of the system's LAME, in turn and
//! with the same settings, and compares the CPU time.
//!
//! `cargo bench --bench mp3_encode`; `-- --seconds 20 --runs 9`. Needs LAME (Debian: libmp3lame0). With
//! `--features mp3`, this library uses the LAME that is compiled in.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/speech.rs"]
mod speech;

use std::ffi::{CStr, CString, c_int, c_void};

use callrec::codec::{EncodedPackets, Format, Shape};
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::thread_cpu;

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
struct SystemLame(*mut c_void);

impl SystemLame {
    fn load() -> Option<SystemLame> {
        let library = unsafe { libc::dlopen(c"libmp3lame.so.0".as_ptr(), libc::RTLD_NOW) };
        (!library.is_null()).then_some(SystemLame(library))
    }

    /// The function of this name. `T` must be its type.
    unsafe fn function<T: Copy>(&self, name: &str) -> T {
        let name = CString::new(name).expect("a name");
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!found.is_null(), "{name:?}");
        unsafe { std::mem::transmute_copy(&found) }
    }

    fn version(&self) -> String {
        let text = unsafe { CStr::from_ptr(self.function::<LameVersionText>("get_lame_version")()) };
        text.to_string_lossy().into_owned()
    }

    /// Returns the bytes of all frames.
    fn run(&self, case: Mp3Case, samples: &[i16]) -> usize {
        let mut out = vec![0u8; case.rate as usize * 5 / 4 + 7200];
        let mut bytes = 0;
        let mut add = |len: c_int| bytes += usize::try_from(len).expect("no error of LAME");
        unsafe {
            let stream = self.function::<InitStream>("lame_init")();
            let mode = if case.channels == 1 { MONO } else { STEREO };
            for (name, value) in [
                ("lame_set_in_samplerate", case.rate as c_int),
                ("lame_set_out_samplerate", case.rate as c_int),
                ("lame_set_num_channels", c_int::from(case.channels)),
                ("lame_set_mode", mode),
                ("lame_set_brate", (case.bitrate / 1000) as c_int),
                ("lame_set_quality", 5),
                ("lame_set_disable_reservoir", 1),
                ("lame_set_bWriteVbrTag", 0),
            ] {
                assert!(
                    self.function::<SetStreamNumber>(name)(stream, value) >= 0,
                    "{name}"
                );
            }
            assert!(self.function::<CallStream>("lame_init_params")(stream) >= 0);
            let encode = self.function::<EncodeSamples>("lame_encode_buffer");
            let encode_pairs = self.function::<EncodePairs>("lame_encode_buffer_interleaved");
            for part in samples.chunks(case.rate as usize * usize::from(case.channels)) {
                let (from, frames) = (part.as_ptr(), (part.len() / usize::from(case.channels)) as c_int);
                let (to, space) = (out.as_mut_ptr(), out.len() as c_int);
                add(match case.channels {
                    1 => encode(stream, from, from, frames, to, space),
                    _ => encode_pairs(stream, from, frames, to, space),
                });
            }
            let (to, space) = (out.as_mut_ptr(), out.len() as c_int);
            add(self.function::<FlushStream>("lame_encode_flush")(
                stream, to, space,
            ));
            self.function::<CallStream>("lame_close")(stream);
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

/// Encodes as a recording does. Returns the bytes of all frames.
fn run(case: Mp3Case, samples: &[u8]) -> usize {
    let format = Format::named("mp3").expect("in this build");
    let format = format.with_parameters(&format!("bitrate={}", case.bitrate));
    let shape = Shape {
        format: format.expect("valid"),
        rate: case.rate,
        channels: case.channels,
    };
    let mut encoder = shape.format.encoder(&shape);
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

fn main() {
    let arguments = Arguments::read();
    let (seconds, runs) = (arguments.number("seconds", 10), arguments.number("runs", 7));
    let Some(library) = SystemLame::load() else {
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
            compare(
                &library,
                Mp3Case {
                    rate,
                    channels,
                    bitrate,
                },
                seconds,
                runs,
            );
        }
    }
}

fn compare(library: &SystemLame, case: Mp3Case, seconds: u64, runs: u64) {
    let samples = speech::speech(case.rate, case.channels, seconds);
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let (mut best, mut sizes) = ([f64::MAX; 2], [0; 2]);
    for _ in 0..runs {
        let before = thread_cpu();
        sizes[0] = library.run(case, &samples);
        let between = thread_cpu();
        sizes[1] = run(case, &bytes);
        let times = [between - before, thread_cpu() - between];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time.as_secs_f64());
        }
    }
    println!(
        "{}/{} {} | {:.2} {:.2} {:.2} | {} {}",
        case.rate,
        case.channels,
        case.bitrate,
        1000.0 * best[0] / seconds as f64,
        1000.0 * best[1] / seconds as f64,
        best[0] / best[1],
        sizes[0] as u64 / seconds,
        sizes[1] as u64 / seconds,
    );
}
