//! Encodes the same speech to Opus by this library and by the system's libopus, in turn and with the
//! same settings, and compares the CPU time.
//!
//! `cargo bench --bench opus_encode`; `-- --seconds 20 --runs 9`. Needs libopus (Debian: libopus0).
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "kit/speech.rs"]
mod speech;

use std::ffi::{CStr, c_int, c_void};

use callrec::codec::{EncodedPackets, Format, Shape};
use callrec_testkit::arguments::Arguments;
use callrec_testkit::cpu::thread_cpu;

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
        let library = unsafe { libc::dlopen(c"libopus.so.0".as_ptr(), libc::RTLD_NOW) };
        let symbol = |name: &CStr| {
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        if library.is_null() {
            return None;
        }
        unsafe {
            Some(LibOpus {
                create: std::mem::transmute::<*mut c_void, Create>(symbol(c"opus_encoder_create")?),
                control: std::mem::transmute::<*mut c_void, Control>(symbol(c"opus_encoder_ctl")?),
                encode: std::mem::transmute::<*mut c_void, EncodePacket>(symbol(c"opus_encode")?),
                destroy: std::mem::transmute::<*mut c_void, Destroy>(symbol(c"opus_encoder_destroy")?),
                version: std::mem::transmute::<*mut c_void, VersionText>(symbol(c"opus_get_version_string")?),
            })
        }
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

/// Encodes as a recording does. Returns the bytes of all packets.
fn run(case: Case, samples: &[u8]) -> usize {
    let parameters = format!(
        "bitrate={};complexity={};dtx={}",
        case.bitrate,
        case.complexity,
        u8::from(case.dtx)
    );
    let format = Format::named("opus").expect("in this build");
    let shape = Shape {
        format: format.with_parameters(&parameters).expect("valid"),
        rate: case.rate,
        channels: case.channels,
    };
    let mut encoder = format.encoder(&shape);
    let (mut packets, mut bytes) = (EncodedPackets::default(), 0);
    for part in samples.chunks(shape.block_bytes_per_second() as usize) {
        encoder.encode(part, &mut packets);
        bytes += packets.bytes.len();
        packets.clear();
    }
    encoder.finish(&mut packets);
    bytes + packets.bytes.len()
}

fn main() {
    let arguments = Arguments::read();
    let (seconds, runs) = (arguments.number("seconds", 10), arguments.number("runs", 7));
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
            compare(
                &library,
                Case {
                    rate,
                    channels,
                    bitrate,
                    complexity,
                    dtx,
                },
                seconds,
                runs,
            );
        }
    }
}

fn compare(library: &LibOpus, case: Case, seconds: u64, runs: u64) {
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
        "{}/{} {} {}{} | {:.2} {:.2} {:.2} | {} {}",
        case.rate,
        case.channels,
        case.bitrate,
        case.complexity,
        if case.dtx { " dtx" } else { "" },
        1000.0 * best[0] / seconds as f64,
        1000.0 * best[1] / seconds as f64,
        best[0] / best[1],
        sizes[0] as u64 / seconds,
        sizes[1] as u64 / seconds,
    );
}
