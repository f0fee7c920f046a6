//! Files of processes that have ended before their recordings.

use std::path::{Path, PathBuf};

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::copy_tree;
use callrec_testkit::wait::until;
use callrec_testkit::wav::WavFile;

use crate::files::*;
use crate::players;
use crate::support::*;
use crate::voices::*;

const HEADER_BYTES: usize = 4096;
const DIRECTORY: &str = "CALLREC_MP3_DIRECTORY";

/// Opens a directory, and returns the file with this extension that an earlier process began.
fn recover(directory: &Path, extension: &str) -> PathBuf {
    let engine = TestEngine::open(directory, &[]);
    let event = engine.events.wait(|event| {
        let recording = event.recording.as_ref();
        let is_wanted = |recording: &RecordingFields| recording.path.ends_with(extension);
        matches!(event.kind, REC_EVENT_FINISHED | REC_EVENT_FAILED) && recording.is_some_and(is_wanted)
    });
    let recording = event.recording.expect("a recording");
    assert_eq!(
        (recording.state, recording.end_reason),
        (REC_STATE_FINISHED, REC_END_RECOVERED)
    );
    recording.path.into()
}

/// A copy of the directory is what a kill would leave: everything is recovered, and where the
/// second encoder continues, nothing can be heard.
#[test]
fn a_recovered_file_sounds_like_one_that_was_not_interrupted() {
    if !players::are_installed() {
        return;
    }
    for (rate, layout) in [
        (8000, REC_LAYOUT_MONO),
        (8000, REC_LAYOUT_STEREO),
        (16_000, REC_LAYOUT_MONO),
        (48_000, REC_LAYOUT_STEREO),
    ] {
        let directory = ScratchDir::new();
        let mut call = Mp3Call::begin(&directory.0, rate, &[]);
        let id = call.start(layout, "mp3");
        let samples = 5 * rate as usize + 77;
        call.write(samples);
        // Some of the audio is encoded, the rest is in the tail.
        let tail = directory.0.join(format!(".callrec/{id}.tail"));
        let frame_bytes = 2 * expected(layout, rate, 1).len() as u64;
        let all = samples as u64 * frame_bytes;
        until("most is written", || {
            let part = parts(&directory.0);
            let encoded = part.first().and_then(|part| std::fs::metadata(part).ok());
            let written = std::fs::metadata(&tail).map_or(0, |tail| tail.len());
            encoded.is_some_and(|part| part.len() > 8000) && written + u64::from(rate) * frame_bytes > all
        });
        let copy = ScratchDir::new();
        copy_tree(&directory.0, &copy.0);
        let encoded = parts(&copy.0)[0].metadata().expect("a file").len();
        let recovered = recover(&copy.0, ".mp3");
        let frames = manifest_beside(&recovered)["samples"].as_u64().expect("a number") as usize;
        // One second may be lost.
        assert!(frames + rate as usize >= samples, "{frames} of {samples}");
        assert!(
            recovered.metadata().expect("a file").len() > encoded,
            "nothing was in the tail"
        );
        let channels = expected(layout, rate, samples);
        let channels: Vec<Vec<i16>> = channels.iter().map(|all| all[..frames].to_vec()).collect();
        let joined = assert_plays(&recovered, &channels);
        end(call.call).expect("ended");
        let whole = call
            .engine
            .events
            .wait_terminal(&id)
            .recording
            .expect("a recording");
        let whole = assert_plays(Path::new(&whole.path), &expected(layout, rate, samples));
        for (index, voice) in channels.iter().enumerate() {
            assert_equally_good(
                voice,
                &channel(&joined, channels.len(), index),
                &channel(&whole, channels.len(), index),
            );
        }
    }
}

/// In no stretch of 50 ms is the joined file worse than the uninterrupted one.
fn assert_equally_good(voice: &[i16], joined: &[i16], whole: &[i16]) {
    let step = 1152;
    // The last packets are padded at different places.
    for from in (0..voice.len().saturating_sub(4 * step)).step_by(step / 2) {
        let stretch = from..from + step;
        let [joined, whole] =
            [joined, whole].map(|played| snr(&voice[stretch.clone()], &played[stretch.clone()]));
        let is_silent = voice[stretch.clone()].iter().all(|sample| sample.abs() < 100);
        assert!(
            is_silent || joined > whole - 1.0,
            "at {from}: {joined} dB, not {whole} dB"
        );
    }
}

/// A power cut may lose the live manifest and all but the first sector of the header, which have the
/// bit rate. The frames have it too.
#[test]
fn a_file_without_its_header_keeps_its_bit_rate() {
    if !players::are_installed() {
        return;
    }
    let directory = ScratchDir::new();
    let mut call = Mp3Call::begin(&directory.0, 16_000, &[]);
    let id = call.start(REC_LAYOUT_STEREO, "mp3;bitrate=96000");
    call.write(80_000);
    until("some is written", || {
        let part = parts(&directory.0);
        part.first()
            .and_then(|part| std::fs::metadata(part).ok())
            .is_some_and(|part| part.len() > 12_000)
    });
    let copy = ScratchDir::new();
    copy_tree(&directory.0, &copy.0);
    let part = parts(&copy.0).remove(0);
    let mut bytes = std::fs::read(&part).expect("a file");
    let encoded = (bytes.len() - HEADER_BYTES) / 432;
    bytes[512..HEADER_BYTES].fill(0);
    std::fs::write(&part, bytes).expect("written");
    std::fs::write(copy.0.join(format!(".callrec/{id}.json")), "lost").expect("written");
    let recovered = recover(&copy.0, ".mp3");
    let frames = manifest_beside(&recovered)["samples"].as_u64().expect("a number") as usize;
    assert!(frames + 1105 >= 576 * encoded, "{frames} of {encoded} packets");
    assert_length(&recovered, frames, 2);
    // 96 kbit/s at 16 kHz, in every frame.
    let bytes = std::fs::read(&recovered).expect("a file");
    for frame in bytes[HEADER_BYTES..].chunks(432) {
        assert_eq!(frame[..3], [0xff, 0xf3, 0xa8]);
    }
}

/// The child records in real time until it is killed.
#[test]
fn a_killed_process_loses_at_most_a_second() {
    if !players::are_installed() {
        return;
    }
    let directory = ScratchDir::new();
    let mut command = child_test("kills::child_records");
    let mut child = ChildProcess::spawn(command.env(DIRECTORY, &directory.0));
    child.wait_for_report(|line| line == "written 200");
    let reports = child.kill();
    let written = reports.iter().filter(|line| line.starts_with("written")).count();
    let part = &parts(&directory.0)[0];
    // As the kill left it: whole packets of 288 bytes, and a header that may be one write behind them.
    let packets = (part.metadata().expect("a file").len() - HEADER_BYTES as u64) / 288;
    let left = 2 * (packets * 576 - 1105) as usize;
    assert_eq!(
        (players::ffmpeg(part).len(), players::mpg123(part).len()),
        (left, left)
    );
    let stated = 2 * players::sndfile_frames(part) as usize;
    assert!((1..=left).contains(&stated), "{stated} of {left}");
    let copy = ScratchDir::new();
    copy_tree(&directory.0, &copy.0);
    let recovered = recover(&directory.0, ".mp3");
    let frames = manifest_beside(&recovered)["samples"].as_u64().expect("a number") as usize;
    assert!(
        frames + 8000 >= 160 * written,
        "{frames} frames of {written} packets"
    );
    let played = assert_length(&recovered, frames, 2);
    // The WAV file of the same call began a few milliseconds earlier.
    let wav = WavFile::read(recover(&copy.0, ".wav"));
    for index in [0, 1] {
        let (found, expected) = (channel(&played, 2, index), wav.pcm(index));
        let alike = |early: usize| (1000.0 * correlation(&found, &expected[early..])) as i64;
        let best = (0..800.min(expected.len())).map(alike).max();
        assert!(best > Some(950), "channel {index}: {best:?} of 1000");
    }
}

#[test]
#[ignore = "runs in a child process"]
fn child_records() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    println!();
    let settings = [("media.clock", "real")];
    let mut call = Mp3Call::begin(Path::new(&directory), 8000, &settings);
    call.start(REC_LAYOUT_STEREO, "wav");
    call.start(REC_LAYOUT_STEREO, "mp3");
    let begun = std::time::Instant::now();
    for packet in 1..3000 {
        callrec_testkit::wait::sleep_until(begun + packet * std::time::Duration::from_millis(20));
        call.write(160);
        println!("@written {packet}");
    }
}
