//! A call between two telephones through a switch, of which a module of the switch records the
//! caller's channel. The caller's telephone controls the recording: it is paused while the second of
//! four things is said, and stopped before the last one. The callee talks all the time.

use std::fs;
use std::path::{Path, PathBuf};

use callrec_testkit::g711::{Law, decode};
use callrec_testkit::manifest::{manifest_beside, spans_of};
use callrec_testkit::random::noise;
use callrec_testkit::wav::WavFile;

use crate::recorded_parts::{PART, places, recording_in, share};

const RATE: usize = 8000;
/// What the caller says, each for a second.
pub const SAYINGS: [&str; 4] = ["before", "paused", "resumed", "stopped"];
/// What the callee says, for longer than the call.
pub const TALK: &str = "talk";
const TALK_SECONDS: usize = 20;
/// The share of the parts that must be in the recording: a busy machine may lose some.
const FOUND: f64 = 0.9;

/// Noise in µ-law. No sample is 0, so none is taken for silence.
fn said(name: &str) -> Vec<u8> {
    let (seed, seconds) = match SAYINGS.iter().position(|saying| *saying == name) {
        Some(at) => (at as u64 + 1, 1),
        None => (9, TALK_SECONDS),
    };
    let loud = |byte: u8| if byte & 0x7f == 0x7f { byte ^ 1 } else { byte };
    noise(seed, seconds * RATE).into_iter().map(loud).collect()
}

fn samples(name: &str) -> Vec<i16> {
    said(name).into_iter().map(|byte| decode(Law::Mu, byte)).collect()
}

/// Writes what both say to files without a header, `NAME.ulaw`. Returns their directory.
pub fn write_sounds(dir: &Path) -> PathBuf {
    let sounds = dir.join("sounds");
    fs::create_dir(&sounds).expect("a directory");
    for name in SAYINGS.into_iter().chain([TALK]) {
        fs::write(sounds.join(name).with_extension("ulaw"), said(name)).expect("a file");
    }
    sounds
}

/// Asserts that the only recording in a directory is of such a call.
pub fn assert_recorded(recordings: &Path) {
    let path = recording_in(recordings);
    let wav = WavFile::read(&path);
    assert_eq!((wav.rate, wav.channels), (8000, 2));
    let channels = [0, 1].map(|channel| wav.pcm(channel));
    let shares = SAYINGS.map(|saying| share(&samples(saying), &channels[0]));
    assert!(shares[0] >= FOUND && shares[2] >= FOUND, "{shares:?}");
    assert_eq!((shares[1], shares[3]), (0.0, 0.0), "{shares:?}");
    let manifest = manifest_beside(&path);
    assert_eq!(manifest["state"], "finished", "{manifest:#}");
    let pauses = spans_of(&manifest, "pause");
    let [pause] = &pauses[..] else {
        panic!("not one pause: {manifest:#}")
    };
    let pause = pause.from_frame as usize..pause.to_frame as usize;
    assert!(
        pause.len() >= RATE,
        "a pause shorter than what was said: {manifest:#}"
    );
    for (leg, samples) in channels.iter().enumerate() {
        assert!(
            samples[pause.clone()].iter().all(|sample| *sample == 0),
            "leg {leg} is not silent in the pause"
        );
    }
    assert_talk(&channels[1], pause.len());
}

/// Asserts that the callee's channel has, but for the pause, what was said from its first sample to
/// its last, in this order.
fn assert_talk(recorded: &[i16], pause: usize) {
    let places = places(&samples(TALK), recorded);
    let found: Vec<usize> = places.into_iter().flatten().collect();
    assert!(found.is_sorted(), "the callee's audio is out of order");
    let (Some(first), Some(last)) = (found.first(), found.last()) else {
        panic!("the callee is not in the recording")
    };
    let expected = (last + PART - first - pause) / PART;
    let share = found.len() as f64 / expected as f64;
    assert!(share >= FOUND, "{share:.2} of the callee's audio");
    let after = recorded.len() - last;
    assert!(after < RATE, "the callee's audio ends {after} samples too early");
}
