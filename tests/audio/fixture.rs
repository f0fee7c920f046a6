//! A call with feeds and recordings, and the samples that their files must have.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::g711::Law;
use callrec_testkit::manifest::{ManifestSpan, manifest_beside, spans as manifest_spans};
use callrec_testkit::needles::Needles;
use callrec_testkit::sample::ExpectedSample;
pub use callrec_testkit::sample::WrittenSample;
pub use callrec_testkit::sample::WrittenSample::*;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::until_some;
use callrec_testkit::wav::WavFile;
use serde_json::Value;

pub use crate::support::feeds::*;
use crate::support::*;

pub const LAYOUTS: [i32; 4] = [
    REC_LAYOUT_STEREO,
    REC_LAYOUT_MONO,
    REC_LAYOUT_LOCAL,
    REC_LAYOUT_REMOTE,
];
pub const FORMATS: [&str; 3] = ["wav", "wav-ulaw", "wav-alaw"];
pub const PAUSES: [i32; 2] = [REC_PAUSE_SILENCE, REC_PAUSE_SKIP];

pub type LegSamples = Vec<WrittenSample>;

pub fn silence(samples: usize) -> LegSamples {
    vec![Silence; samples]
}

fn law_of(codec: i32) -> Option<Law> {
    match codec {
        REC_CODEC_PCMU => Some(Law::Mu),
        REC_CODEC_PCMA => Some(Law::A),
        _ => None,
    }
}

pub fn sample_bytes(codec: i32) -> usize {
    if codec == REC_CODEC_PCM16 { 2 } else { 1 }
}

/// The samples of data that was written by `rec_feed_write`.
pub fn written(codec: i32, data: &[u8]) -> LegSamples {
    match law_of(codec) {
        Some(law) => data.iter().map(|byte| Coded(law, *byte)).collect(),
        None => {
            let pairs = data.chunks_exact(2);
            pairs
                .map(|pair| Linear(i16::from_ne_bytes([pair[0], pair[1]])))
                .collect()
        }
    }
}

fn expected_mix(format: &str, written: &[WrittenSample]) -> ExpectedSample {
    let law = match format {
        "wav" => None,
        "wav-ulaw" => Some(Law::Mu),
        _ => Some(Law::A),
    };
    ExpectedSample::mix(law, written)
}

fn frame(layout: i32, local: WrittenSample, remote: WrittenSample) -> Vec<Vec<WrittenSample>> {
    match layout {
        REC_LAYOUT_STEREO => vec![vec![local], vec![remote]],
        REC_LAYOUT_MONO => vec![vec![local, remote]],
        REC_LAYOUT_LOCAL => vec![vec![local]],
        _ => vec![vec![remote]],
    }
}

fn expected_samples(
    format: &str,
    layout: i32,
    local: &[WrittenSample],
    remote: &[WrittenSample],
) -> Vec<ExpectedSample> {
    let count = local.len().max(remote.len());
    let at = |samples: &[WrittenSample], n: usize| samples.get(n).copied().unwrap_or(Silence);
    (0..count)
        .flat_map(|n| frame(layout, at(local, n), at(remote, n)))
        .map(|written| expected_mix(format, &written))
        .collect()
}

/// The bytes of this audio in a file, for a search after a pause.
pub fn rendered(format: &str, layout: i32, local: &[WrittenSample], remote: &[WrittenSample]) -> Vec<u8> {
    expected_samples(format, layout, local, remote)
        .into_iter()
        .flat_map(ExpectedSample::bytes)
        .collect()
}

/// Asserts that no 16 consecutive samples of this audio are in a file of the directory, in any
/// format or layout.
pub fn assert_not_on_disk(fixture: &RecordingFixture, local: &[WrittenSample], remote: &[WrittenSample]) {
    let mut needles = Needles::default();
    let length = local.len().max(remote.len());
    let part = |samples: &[WrittenSample], at: usize| {
        samples[at.min(samples.len())..(at + 16).min(samples.len())].to_vec()
    };
    for at in (0..length.saturating_sub(15)).step_by(37) {
        let (local, remote) = (part(local, at), part(remote, at));
        for format in FORMATS {
            for layout in LAYOUTS {
                let needle = rendered(format, layout, &local, &remote);
                let is_constant = needle.chunks(4).all(|piece| piece == &needle[..4]);
                if needle.len() >= 16 && !is_constant {
                    needles.add(needle);
                }
            }
        }
    }
    assert!(!needles.is_empty());
    assert_eq!(needles.find_below(&fixture.dir), None, "paused audio in a file");
}

/// A finished recording.
#[derive(Debug)]
pub struct FinishedRecording {
    pub wav: WavFile,
    pub manifest: Value,
    pub recording: RecordingFields,
}

pub fn layout_text(layout: i32) -> &'static str {
    ["stereo", "mono", "local", "remote"][layout as usize]
}

impl FinishedRecording {
    pub fn format(&self) -> &str {
        &self.recording.format
    }

    /// Asserts that the file has exactly these samples.
    pub fn assert_holds(&self, local: &[WrittenSample], remote: &[WrittenSample]) {
        let layout = self.recording.layout;
        let channels = if layout == REC_LAYOUT_STEREO { 2 } else { 1 };
        let name = format!("{} {}", self.format(), layout_text(layout));
        assert_eq!(self.wav.channels, channels, "{name}");
        self.assert_shape();
        let size = usize::from(self.wav.bits) / 8;
        let expected = expected_samples(self.format(), layout, local, remote);
        let found: Vec<&[u8]> = self.wav.data.chunks(size).collect();
        let differs = expected
            .iter()
            .zip(&found)
            .position(|(expected, found)| !expected.matches(found));
        if let Some(at) = differs {
            panic!(
                "{name}: sample {at} (frame {}) of {} is {:?}, not {:?}; before: {:?}",
                at / usize::from(channels),
                expected.len(),
                &found[at..(at + 4).min(found.len())],
                &expected[at..(at + 4).min(expected.len())],
                &found[at.saturating_sub(4)..at],
            );
        }
        assert_eq!(
            found.len(),
            expected.len(),
            "{name}: length in samples of all channels"
        );
    }

    fn assert_shape(&self) {
        let (tag, bits) = match self.format() {
            "wav" => (1, 16),
            "wav-ulaw" => (7, 8),
            _ => (6, 8),
        };
        assert_eq!((self.wav.tag, self.wav.bits), (tag, bits));
    }

    /// Checks the numbers and spans of the manifest and of the terminal event. A span is
    /// (kind, leg, first frame, end frame, length in ms).
    pub fn assert_reported(&self, paused_ms: u64, lost_ms: u64, spans: &[(&str, &str, u64, u64, u64)]) {
        let frames = self.wav.frames() as u64;
        let m = &self.manifest;
        let rate = u64::from(self.wav.rate);
        let length = (frames * 1000 + rate / 2) / rate;
        let numbers = [
            "samples",
            "duration_ms",
            "paused_ms",
            "lost_ms",
            "sample_rate",
            "channels",
        ];
        let reported = numbers.map(|name| m[name].as_u64().unwrap());
        let actual = [frames, length, paused_ms, lost_ms, rate, self.wav.channels.into()];
        assert_eq!(reported, actual, "{numbers:?} of {m:#}");
        let recording = &self.recording;
        assert_eq!(
            (recording.duration_ms, recording.paused_ms, recording.lost_ms),
            (length, paused_ms, lost_ms)
        );
        assert_eq!(u64::from(recording.sample_rate), rate);
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let reported = joined(manifest_spans(m));
        let mut reported: Vec<_> = reported
            .iter()
            .map(|span| {
                (
                    &*span.kind,
                    &*span.leg,
                    span.from_frame,
                    span.to_frame,
                    span.length_ms,
                )
            })
            .collect();
        let mut expected = spans.to_vec();
        reported.sort();
        expected.sort();
        assert_eq!(reported, expected, "spans of {m:#}");
        assert_eq!(
            m["bytes"].as_u64().unwrap(),
            std::fs::metadata(&recording.path).unwrap().len()
        );
        assert_eq!(text(&m["format"]), recording.format);
        assert_eq!(text(&m["layout"]), layout_text(recording.layout));
    }
}

/// Joins the losses that touch each other: one that is reported while it lasts is two spans.
fn joined(mut spans: Vec<ManifestSpan>) -> Vec<ManifestSpan> {
    spans.sort_by(|one, other| (&one.leg, one.from_frame).cmp(&(&other.leg, other.from_frame)));
    spans.dedup_by(|next, span| {
        let touches = span.from_frame < span.to_frame && span.to_frame == next.from_frame;
        let is_rest = touches && next.kind == "loss" && (&span.kind, &span.leg) == (&next.kind, &next.leg);
        if is_rest {
            span.to_frame = next.to_frame;
            span.length_ms += next.length_ms;
        }
        is_rest
    });
    spans
}

/// One engine, one call `c` on device `SEP1`.
pub struct RecordingFixture {
    pub engine: TestEngine,
    pub call: rec_call,
    // Last, so that the engine is closed before its directory is removed.
    pub dir: ScratchDir,
}

impl RecordingFixture {
    pub fn new(settings: &[(&str, &str)]) -> RecordingFixture {
        let dir = ScratchDir::new();
        let engine = TestEngine::open(&dir.0, settings);
        let call = engine
            .begin(&CallFields {
                call_id: Some("c"),
                device: Some("SEP1"),
                ..CallFields::default()
            })
            .unwrap();
        RecordingFixture { engine, call, dir }
    }

    pub fn feed(&self, leg: i32, codec: i32, rate: u32) -> rec_feed {
        feed(self.call, leg, codec, rate).unwrap()
    }

    /// Both legs with one format.
    pub fn legs(&self, codec: i32, rate: u32) -> (rec_feed, rec_feed) {
        (
            self.feed(REC_LEG_LOCAL, codec, rate),
            self.feed(REC_LEG_REMOTE, codec, rate),
        )
    }

    pub fn start(&self, layout: i32, format: &str, pause_mode: i32) -> String {
        self.start_with(&StartFields {
            layout,
            format: Some(format),
            pause_mode,
            ..StartFields::default()
        })
    }

    /// Starts an additional recording of the call.
    pub fn start_with(&self, start: &StartFields) -> String {
        let flags = start.flags | REC_START_ADDITIONAL;
        self.engine
            .start(
                None,
                &StartFields {
                    call_id: Some("c"),
                    flags,
                    ..*start
                },
            )
            .unwrap()
    }

    pub fn pause(&self) {
        self.engine.by_call(rec_pause_by_call, None, "c").unwrap();
    }

    pub fn resume(&self) {
        self.engine.by_call(rec_resume_by_call, None, "c").unwrap();
    }

    pub fn pause_one(&self, id: &str) {
        self.engine.by_id(rec_pause_by_id, None, id).unwrap();
    }

    pub fn resume_one(&self, id: &str) {
        self.engine.by_id(rec_resume_by_id, None, id).unwrap();
    }

    pub fn stop(&self, id: &str) {
        self.engine.by_id(rec_stop_by_id, None, id).unwrap();
    }

    /// Waits until a recording is finished, and reads its file and manifest.
    pub fn read_finished(&self, id: &str) -> FinishedRecording {
        let (recording, wav) = finished(&self.engine, id);
        FinishedRecording {
            wav,
            manifest: manifest_beside(&recording.path),
            recording,
        }
    }

    pub fn stop_and_read(&self, id: &str) -> FinishedRecording {
        self.stop(id);
        self.read_finished(id)
    }

    /// Waits until the media worker has taken this many packets, and rendered them as far as
    /// possible.
    pub fn wait_for_packets(&self, feed: rec_feed, packets: u64) {
        until_some("the worker has taken the packets", || {
            let taken = self.engine.stats().frames_in;
            if taken >= packets {
                return Ok(());
            }
            // Any control point wakes the worker for this call.
            payload(feed, 127, REC_CODEC_PCMU, 8000);
            Err(taken)
        });
    }

    /// Closes the engine, and checks that no recording is left in progress.
    pub fn close(self) {
        let RecordingFixture { engine, dir, .. } = self;
        engine.close();
        assert_settled(&dir.0);
    }
}

/// Writes to several legs in turns, `packet` bytes at a time.
pub fn write_in_turns(packet: usize, legs: &[(rec_feed, &[u8])]) {
    let longest = legs.iter().map(|(_, data)| data.len()).max().unwrap_or(0);
    for at in (0..longest).step_by(packet) {
        for (feed, data) in legs {
            let piece = &data[at.min(data.len())..(at + packet).min(data.len())];
            until_accepted(*feed, || write(*feed, piece));
        }
    }
}
