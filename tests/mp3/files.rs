//! The files of one engine: finished, and while they grow.

use std::path::{Path, PathBuf};

use callrec::capi::*;
use callrec::codec::container::{AudioEnd, Length};
use callrec::codec::{Format, Shape, Tags};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::wait::until;
use uuid::Uuid;

use crate::players;
use crate::support::build::root;
use crate::support::*;
use crate::voices::*;

pub const LEGS: [i32; 2] = [REC_LEG_LOCAL, REC_LEG_REMOTE];

/// A call on two legs, of which each records a voice.
pub struct Mp3Call {
    pub engine: TestEngine,
    pub call: rec_call,
    pub feeds: [rec_feed; 2],
    pub rate: u32,
    /// Samples written to each leg.
    pub written: usize,
}

impl Mp3Call {
    pub fn begin(directory: &Path, rate: u32, settings: &[(&str, &str)]) -> Mp3Call {
        crate::failing_library::provide();
        let engine = TestEngine::open(directory, settings);
        let call = engine.begin(&CallFields {
            call_id: Some("call é"),
            device: Some("SEP1"),
            phone: Some("+491"),
            ..CallFields::default()
        });
        let call = call.expect("a call");
        Mp3Call {
            feeds: LEGS.map(|leg| feed(call, leg, REC_CODEC_PCM16, rate).expect("a feed")),
            engine,
            call,
            rate,
            written: 0,
        }
    }

    pub fn start(&self, layout: i32, format: &str) -> String {
        let start = StartFields {
            call_id: Some("call é"),
            layout,
            format: Some(format),
            flags: REC_START_ADDITIONAL,
            ..StartFields::default()
        };
        self.engine.start(None, &start).expect("a recording")
    }

    /// Writes the voices on, in turns of 20 ms.
    pub fn write(&mut self, samples: usize) {
        let voices = [0, 1].map(|leg| voice(leg, self.rate, self.written + samples));
        let step = self.rate as usize / 50;
        for from in (self.written..self.written + samples).step_by(step) {
            let to = (from + step).min(self.written + samples);
            for (feed, voice) in self.feeds.iter().zip(&voices) {
                write_pcm(*feed, &voice[from..to]);
            }
        }
        self.written += samples;
    }

    pub fn finish(&self, id: &str) -> RecordingFields {
        self.engine.by_id(rec_stop_by_id, None, id).expect("stopped");
        let event = self.engine.events.wait_terminal(id);
        let recording = event.recording.expect("a recording");
        assert_eq!(recording.state, REC_STATE_FINISHED, "{recording:?}");
        recording
    }
}

/// The audio files in progress.
pub fn parts(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.to_string_lossy().ends_with(".mp3.part"))
        .collect()
}

/// Asserts that all players find exactly this length in a finished file. Returns what ffmpeg plays.
pub fn assert_length(path: &Path, frames: usize, channels: usize) -> Vec<i16> {
    let played = players::ffmpeg(path);
    assert_eq!(played.len(), frames * channels, "ffmpeg {}", path.display());
    let of_other = players::mpg123(path);
    assert_eq!(of_other.len(), played.len(), "mpg123 {}", path.display());
    for index in 0..channels {
        let [a, b] = [&played, &of_other].map(|samples| channel(samples, channels, index));
        assert!(
            correlation(&a, &b) > 0.999,
            "{}: ffmpeg and mpg123 differ",
            path.display()
        );
    }
    assert_eq!(players::sndfile_frames(path), frames as u64, "{}", path.display());
    played
}

/// Asserts that a finished file has exactly the length of these samples, and sounds like them.
/// Returns what ffmpeg plays.
pub fn assert_plays(path: &Path, expected: &[Vec<i16>]) -> Vec<i16> {
    let played = assert_length(path, expected[0].len(), expected.len());
    for (index, expected_channel) in expected.iter().enumerate() {
        let found = channel(&played, expected.len(), index);
        let alike = correlation(&found, expected_channel);
        assert!(alike > 0.97, "{}: channel {index}: {alike}", path.display());
    }
    played
}

/// The channels of a recording with this layout of `samples` samples of both voices.
pub fn expected(layout: i32, rate: u32, samples: usize) -> Vec<Vec<i16>> {
    let [local, remote] = [0, 1].map(|leg| voice(leg, rate, samples));
    match layout {
        REC_LAYOUT_STEREO => vec![local, remote],
        _ => {
            let pairs = local.iter().zip(&remote);
            vec![pairs.map(|(a, b)| a.saturating_add(*b)).collect()]
        }
    }
}

#[test]
fn finished_files_are_exact_in_every_player() {
    if !players::are_installed() {
        return;
    }
    for (rate, formats) in [
        (8000, &["mp3", "mp3;bitrate=8000", "mp3;bitrate=64000"][..]),
        (16_000, &["mp3", "mp3;bitrate=24000"]),
        (48_000, &["mp3"]),
    ] {
        let directory = ScratchDir::new();
        let mut call = Mp3Call::begin(&directory.0, rate, &[]);
        let mut started = Vec::new();
        for format in formats {
            for layout in [REC_LAYOUT_MONO, REC_LAYOUT_STEREO] {
                started.push((call.start(layout, format), layout, *format));
            }
        }
        // Not a whole number of frames or of packets.
        let samples = 3 * rate as usize + 123;
        call.write(samples);
        end(call.call).expect("ended");
        for (id, layout, format) in started {
            let recording = call
                .engine
                .events
                .wait_terminal(&id)
                .recording
                .expect("a recording");
            let path = Path::new(&recording.path);
            assert_eq!((recording.format.as_str(), recording.sample_rate), ("mp3", rate));
            let manifest = manifest_beside(path);
            assert_eq!(manifest["samples"], samples, "{manifest:#}");
            assert_eq!(manifest["bytes"], std::fs::metadata(path).expect("a file").len());
            // So few bits leave little of a voice.
            if format != "mp3;bitrate=8000" {
                assert_plays(path, &expected(layout, rate, samples));
            }
            let frames = samples * if layout == REC_LAYOUT_STEREO { 2 } else { 1 };
            assert_eq!(players::ffmpeg(path).len(), frames);
            assert_eq!(players::mpg123(path).len(), frames);
        }
    }
}

#[test]
fn files_carry_tags() {
    if !players::are_installed() {
        return;
    }
    let directory = ScratchDir::new();
    let mut call = Mp3Call::begin(&directory.0, 8000, &[]);
    let id = call.start(REC_LAYOUT_MONO, "mp3");
    call.write(8000);
    let recording = call.finish(&id);
    let path = Path::new(&recording.path);
    for (name, expected) in [
        ("title", "Call call é"),
        ("artist", "SEP1, +491"),
        ("CALL_ID", "call é"),
        ("LOCAL_PARTY", "SEP1"),
        ("REMOTE_PARTY", "+491"),
        ("RECORDING_ID", id.as_str()),
    ] {
        assert_eq!(players::tag(path, name), expected, "{name}");
    }
    let manifest = manifest_beside(path);
    let started = manifest["started_at"].as_str().expect("a time");
    assert_eq!(players::tag(path, "date"), started[..19]);
}

#[test]
fn files_in_progress_can_be_played() {
    if !players::are_installed() {
        return;
    }
    for rate in [8000, 16_000, 48_000] {
        for layout in [REC_LAYOUT_MONO, REC_LAYOUT_STEREO] {
            let directory = ScratchDir::new();
            let mut call = Mp3Call::begin(&directory.0, rate, &[]);
            let id = call.start(layout, "mp3");
            call.write(5 * rate as usize);
            // It may grow while programs read it.
            let copy = directory.0.join(".callrec/copy.mp3");
            let mut played = Vec::new();
            until("the file has 3 seconds, and its header states them", || {
                if let [part] = &parts(&directory.0)[..] {
                    std::fs::copy(part, &copy).expect("a copy");
                    played = players::ffmpeg(&copy);
                }
                let frames = played.len() / expected(layout, rate, 1).len();
                frames >= 3 * rate as usize && players::sndfile_frames(&copy) == frames as u64
            });
            let of_other = players::mpg123(&copy);
            assert_eq!(of_other.len(), played.len());
            std::fs::remove_file(&copy).expect("removed");
            let channels = expected(layout, rate, 3 * rate as usize);
            // They know the delay, which includes silent frames.
            for samples in [&played, &of_other] {
                for (index, expected) in channels.iter().enumerate() {
                    let alike = correlation(&channel(samples, channels.len(), index), expected);
                    assert!(
                        alike > 0.97,
                        "{rate} Hz, layout {layout}: channel {index}: {alike}"
                    );
                }
            }
            call.finish(&id);
        }
    }
}

#[test]
fn a_recording_without_audio_is_finished() {
    if !players::are_installed() {
        return;
    }
    let directory = ScratchDir::new();
    let call = Mp3Call::begin(&directory.0, 8000, &[]);
    let id = call.start(REC_LAYOUT_MONO, "mp3");
    let recording = call.finish(&id);
    assert_eq!((recording.duration_ms, recording.bytes), (0, 4096));
    assert_eq!(manifest_beside(&recording.path)["samples"], 0);
    // libsndfile reads no MP3 file of length 0.
    assert!(players::ffmpeg(Path::new(&recording.path)).is_empty());
    assert!(players::mpg123(Path::new(&recording.path)).is_empty());
}

/// A key sets the bit rate of starts that do not.
#[test]
fn the_bit_rate_is_configured() {
    if !players::are_installed() {
        return;
    }
    let directory = ScratchDir::new();
    let settings = [("recording.mp3_bitrate", "24000"), ("recording.format", "mp3")];
    let mut call = Mp3Call::begin(&directory.0, 8000, &settings);
    let ids = ["mp3", "mp3;bitrate=48000"].map(|format| call.start(REC_LAYOUT_MONO, format));
    call.write(80_000);
    let bytes = ids.map(|id| call.finish(&id).bytes - 4096);
    // 141 frames of 576 samples.
    assert_eq!(bytes, [141 * 216, 141 * 432]);
}

/// Less than a millisecond, where the audio and the delays of encoder and decoder fit into one packet,
/// up to as many packets as players need to recognize a file. Its name does not help them.
#[test]
fn the_shortest_recordings_can_be_played() {
    if !players::are_installed() {
        return;
    }
    for rate in [8000, 16_000, 48_000] {
        for packets in 0..8 {
            let samples = [1, 10, 100][packets % 3] + packets * if rate == 48_000 { 1152 } else { 576 };
            let directory = ScratchDir::new();
            let mut call = Mp3Call::begin(&directory, rate, &[]);
            let formats = [
                "mp3",
                "mp3;bitrate=8000",
                "mp3;bitrate=16000",
                "mp3;bitrate=64000",
            ];
            let layouts = [(REC_LAYOUT_MONO, 1), (REC_LAYOUT_STEREO, 2)];
            let started: Vec<_> = formats
                .into_iter()
                .flat_map(|format| layouts.map(|layout| (format, layout)))
                .map(|(format, (layout, channels))| (call.start(layout, format), format, channels))
                .collect();
            call.write(samples);
            for (id, format, channels) in started {
                let named = PathBuf::from(call.finish(&id).path);
                let path = directory.join(&id);
                std::fs::copy(named, &path).expect("a copy");
                let case = format!("{rate} Hz, {format}, {channels} channels, {samples} samples");
                assert!(players::ffmpeg(&path).len() >= channels * samples, "{case}");
                assert!(players::sndfile_frames(&path) >= samples as u64, "{case}");
            }
        }
    }
}

/// ffmpeg took a growing file with these five frames for H.263, because it had no others.
#[test]
fn a_few_frames_are_recognized_whatever_they_contain() {
    if !players::are_installed() {
        return;
    }
    let fixture = root().join("tests/fixtures/five-frames-of-tones.mp3");
    let frames = std::fs::read(fixture).expect("a fixture").split_off(4096);
    let shape = Shape {
        format: Format::named("mp3").expect("a format"),
        rate: 8000,
        channels: 1,
    };
    let directory = ScratchDir::new();
    for count in 0..=5 {
        let audio = &frames[..144 * count];
        let length = Length {
            frames: 576 * count as u64,
            bytes: audio.len() as u64,
        };
        for end in [None, Some(&AudioEnd::default())] {
            let header = shape
                .format
                .container()
                .header(&shape, &Tags::of(Uuid::nil()), length, end);
            let path = directory.join("copy");
            std::fs::write(&path, [&header, audio].concat()).expect("written");
            players::ffmpeg(&path);
        }
    }
}
