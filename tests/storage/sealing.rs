//! Ending a recording reads and writes the rest of its audio and the header, whatever its length. The
//! digest is another matter.
#![cfg(target_os = "linux")]

use super::*;

/// The short recording, and by how much the other is longer: a multiple of the blocks of FLAC (4096), the
/// pages of Ogg Opus (4000) and the frames of MP3 (576), so that both end with the same rest.
const SHORT: usize = 2 * 8000 + 100;
const MORE: usize = 4_608_000;
const FRAME: usize = 2;

/// The bytes that a process reads and writes while it ends a recording. A process has one count of them.
fn bytes_of_the_end(format: Format, frames: usize) -> u64 {
    let directory = ScratchDir::new();
    let (output, succeeded) = child(format, "seal", &directory, frames);
    assert!(succeeded, "{output}");
    let line = output.lines().find_map(|line| line.strip_prefix("bytes "));
    line.and_then(|bytes| bytes.parse().ok()).expect("a number")
}

#[test]
fn the_end_of_a_long_file_costs_no_more_than_that_of_a_short_one() {
    callrec::lame::provide();
    for name in ["wav", "au", "flac", "opus", "mp3"] {
        let format = Format::named(name).expect("in this build");
        if let Some(obstacle) = format.obstacle() {
            // Never in `.ci/run`, which compiles LAME in.
            eprintln!("{name} is not tested: {obstacle}");
            continue;
        }
        let [short, long] = [SHORT, SHORT + MORE].map(|frames| bytes_of_the_end(format, frames));
        assert!(
            long.abs_diff(short) < 2000,
            "{name}: {short} bytes at the end of 2 s, {long} at that of 578 s"
        );
        assert!(short < 50_000, "{name}: {short}");
    }
}

/// A tone that is not constant.
fn tone(frames: std::ops::Range<usize>) -> Vec<u8> {
    let sample = |n: usize| (6000.0 * (n as f64 * 0.3 + (n as f64 * 0.002).sin()).sin()) as i16;
    frames.flat_map(|n| sample(n).to_le_bytes()).collect()
}

fn transferred_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/io").expect("on Linux");
    let counts = text
        .lines()
        .filter(|line| line.starts_with("rchar") || line.starts_with("wchar"));
    let count = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
    counts.filter_map(count).sum()
}

pub fn child_seals(directory: &Path, format: Format, frames: usize) {
    let without_digest = StorageConfig {
        digest: Digest::None,
        ..config()
    };
    let fixture = StorageFixture::open_with(ScratchDir(directory.to_owned()), without_digest);
    let fixture = fixture.with_format(format);
    let id = Uuid::new_v4();
    let mut file = fixture.begin(id, "call");
    file.shape(format, 8000, 1);
    for from in (0..frames).step_by(100_000) {
        let to = frames.min(from + 100_000);
        file.write(tone(from..to)).expect("backlog space");
        file.settled((to * FRAME) as u64);
        fixture.wait_until_idle();
    }
    let before = transferred_bytes();
    file.finish(ended(id, EndReason::Stopped), true);
    let (published, _) = fixture.published(id);
    fixture.wait_until_idle();
    print_line(&format!("bytes {}", transferred_bytes() - before));
    assert_eq!(published.samples, frames as u64);
}
