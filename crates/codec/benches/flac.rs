//! Encodes the same speech with callrec's FLAC encoder and with libFLAC, at the same level and block
//! size, both with the MD5 of the audio: `cargo bench -p callrec-codec --bench flac`.
//!
//! `-- FILE RATE CHANNELS` encodes a file of raw samples (16 bits, little-endian) instead of a made-up
//! voice. `-- --at-least-percent 90` fails if a level is slower than that share of libFLAC's speed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use callrec_codec::{EncodedPackets, Format, Shape};
use nix::time::{ClockId, clock_gettime};

const RUNS: usize = 7;
/// The audio that is encoded at once.
const SECONDS_AT_ONCE: usize = 1;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|text| text != "--bench")
        .collect();
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("libflac");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/flac/libflac.c");
    let built = Command::new("cc")
        .args(["-O2", source, "-lFLAC", "-o"])
        .arg(&program)
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "libflac-dev and a C compiler are needed"
    );
    println!("audio           level  callrec us/s  libFLAC us/s  speed  size");
    let least_percent = match &arguments[..] {
        [option, percent] if option == "--at-least-percent" => percent.parse().expect("a number"),
        _ => 0.0,
    };
    if let [file, rate, channels] = &arguments[..] {
        let samples = std::fs::read(file).expect("a file");
        let number = |text: &String| text.parse::<u32>().expect("a number");
        compare(
            &program,
            &samples,
            number(rate),
            number(channels) as u16,
            file,
            0.0,
        );
        return;
    }
    for (rate, channels) in [(8000, 1), (16_000, 1), (8000, 2)] {
        let samples = voices(rate, channels);
        let file = dir.path().join("voice.raw");
        std::fs::write(&file, &samples).expect("write");
        let file = file.to_str().expect("UTF-8");
        compare(&program, &samples, rate, channels, file, least_percent);
    }
}

fn compare(program: &Path, samples: &[u8], rate: u32, channels: u16, file: &str, least_percent: f64) {
    let seconds = samples.len() as f64 / f64::from(rate) / f64::from(channels) / 2.0;
    for level in [0, 1, 2, 3, 4, 5, 6, 7, 8] {
        let (mut ours, mut theirs) = ((f64::MAX, 0), (f64::MAX, 0));
        // In turn, so that other programs disturb both alike.
        for _ in 0..RUNS {
            ours = best(ours, encode(samples, rate, channels, level));
            theirs = best(theirs, libflac(program, file, rate, channels, level));
        }
        println!(
            "{rate:>6} Hz, {channels} ch {level:>6} {:>13.1} {:>13.1} {:>6.2} {:>6.4}",
            ours.0 / seconds / 1e3,
            theirs.0 / seconds / 1e3,
            theirs.0 / ours.0,
            ours.1 as f64 / theirs.1 as f64
        );
        let percent = 100.0 * theirs.0 / ours.0;
        assert!(
            percent >= least_percent,
            "{percent:.0} % of libFLAC's speed, {least_percent} % are required"
        );
    }
}

fn best(a: (f64, usize), b: (f64, usize)) -> (f64, usize) {
    if b.0 < a.0 { b } else { a }
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("a clock")
        .into()
}

/// Nanoseconds and bytes.
fn encode(samples: &[u8], rate: u32, channels: u16, level: u32) -> (f64, usize) {
    let format = Format::named("flac")
        .expect("a format")
        .with_parameters(&format!("level={level}"));
    let shape = Shape {
        format: format.expect("a level"),
        rate,
        channels,
    };
    let mut encoder = shape.format.encoder(&shape);
    let (mut packets, mut bytes) = (EncodedPackets::default(), 0);
    let begin = cpu_time();
    for piece in samples.chunks(SECONDS_AT_ONCE * rate as usize * shape.block_frame_bytes()) {
        encoder.encode(piece, &mut packets);
        bytes += packets.bytes.len();
        packets.clear();
    }
    encoder.finish(&mut packets);
    assert!(encoder.audio_md5().is_some());
    (
        (cpu_time() - begin).as_nanos() as f64,
        bytes + packets.bytes.len(),
    )
}

fn libflac(program: &Path, file: &str, rate: u32, channels: u16, level: u32) -> (f64, usize) {
    let numbers = [rate, channels.into(), level, 1].map(|number| number.to_string());
    let output = Command::new(program)
        .arg(file)
        .args(numbers)
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse::<u64>().expect("a number"));
    let mut next = || numbers.next().expect("two numbers");
    (next() as f64, next() as usize)
}

/// A minute of voices that take turns: harmonics of a moving pitch through two moving resonances,
/// over faint noise. Each is faintly heard on the other channel.
fn voices(rate: u32, channels: u16) -> Vec<u8> {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let (mut phase, mut resonances) = ([0f64; 2], [[[0f64; 2]; 2]; 2]);
    let mut out = Vec::new();
    for n in 0..60 * u64::from(rate) {
        let time = n as f64 / f64::from(rate);
        let mut voice = [0f64; 2];
        for side in 0..2 {
            let syllable =
                (8.0 * time + side as f64).sin().max(0.0) * (1.3 * time + 3.0 * side as f64).sin().max(0.0);
            let pitch = 110.0 + 80.0 * side as f64 + 25.0 * (1.7 * time).sin();
            phase[side] = (phase[side] + pitch / f64::from(rate)).fract();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (random >> 40) as f64 / (1 << 24) as f64 - 0.5;
            let mut sound = syllable * ((1.0 - 2.0 * phase[side]) + 0.3 * noise);
            for (state, (low, range, speed)) in resonances[side]
                .iter_mut()
                .zip([(300.0, 500.0, 2.1), (900.0, 1500.0, 3.7)])
            {
                let frequency = low + range * (0.5 + 0.5 * (speed * time).sin());
                let angle = std::f64::consts::TAU * frequency / f64::from(rate);
                let next = sound + 1.9 * angle.cos() * state[0] - 0.9025 * state[1];
                *state = [next, state[0]];
                sound = next;
            }
            voice[side] = 300.0 * sound + 12.0 * noise;
        }
        for channel in 0..usize::from(channels) {
            let sample = voice[channel] + 0.05 * voice[1 - channel];
            out.extend_from_slice(&(sample.clamp(-32768.0, 32767.0) as i16).to_le_bytes());
        }
    }
    out
}
