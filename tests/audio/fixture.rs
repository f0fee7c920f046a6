//! A call with feeds and recordings, and the plain model that says what their files hold.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::g711::{self, Law};
use callrec_testkit::manifest::{manifest_beside, spans as manifest_spans};
use callrec_testkit::needles::Needles;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::Wav;
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

/// One sample as it was handed in; `Nothing` where nobody said anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    Nothing,
    Coded(Law, u8),
    Linear(i16),
}
pub use Cell::*;

pub type Line = Vec<Cell>;

impl Cell {
    pub fn value(self) -> i32 {
        match self {
            Nothing => 0,
            Coded(law, byte) => g711::decode(law, byte).into(),
            Linear(sample) => sample.into(),
        }
    }
}

pub fn nothing(samples: usize) -> Line {
    vec![Nothing; samples]
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

/// What was handed in by `rec_feed_write`, as cells.
pub fn cells(codec: i32, data: &[u8]) -> Line {
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

/// What one channel's sample has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Byte(u8),
    Sample(i16),
    Near(Law, i16),
}

impl Want {
    fn of(format: &str, heard: &[Cell]) -> Want {
        let heard: Vec<Cell> = heard.iter().copied().filter(|cell| *cell != Nothing).collect();
        let sum = heard
            .iter()
            .map(|cell| cell.value())
            .sum::<i32>()
            .clamp(-32768, 32767) as i16;
        let law = match format {
            "wav" => return Want::Sample(sum),
            "wav-ulaw" => Law::Mu,
            _ => Law::A,
        };
        match heard[..] {
            [] => Want::Byte(law.silence()),
            [Coded(same, byte)] if same == law => Want::Byte(byte),
            _ => Want::Near(law, sum),
        }
    }

    fn met(self, bytes: &[u8]) -> bool {
        match self {
            Want::Byte(byte) => bytes == [byte],
            Want::Sample(sample) => bytes == sample.to_le_bytes(),
            Want::Near(law, sample) => g711::encodes(law, bytes[0], sample),
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Want::Byte(byte) => vec![byte],
            Want::Sample(sample) => sample.to_le_bytes().to_vec(),
            Want::Near(law, sample) => vec![g711::encode(law, sample)],
        }
    }
}

fn frame(layout: i32, local: Cell, remote: Cell) -> Vec<Vec<Cell>> {
    match layout {
        REC_LAYOUT_STEREO => vec![vec![local], vec![remote]],
        REC_LAYOUT_MONO => vec![vec![local, remote]],
        REC_LAYOUT_LOCAL => vec![vec![local]],
        _ => vec![vec![remote]],
    }
}

fn wants(format: &str, layout: i32, local: &[Cell], remote: &[Cell]) -> Vec<Want> {
    let count = local.len().max(remote.len());
    let at = |line: &[Cell], n: usize| line.get(n).copied().unwrap_or(Nothing);
    (0..count)
        .flat_map(|n| frame(layout, at(local, n), at(remote, n)))
        .map(|heard| Want::of(format, &heard))
        .collect()
}

/// How a stretch would stand in a file: what must not be found after a pause.
pub fn rendered(format: &str, layout: i32, local: &[Cell], remote: &[Cell]) -> Vec<u8> {
    wants(format, layout, local, remote)
        .into_iter()
        .flat_map(Want::bytes)
        .collect()
}

/// No run of 16 of these samples stands anywhere below the directory, in any form.
pub fn assert_nowhere(fixture: &RecordingFixture, local: &[Cell], remote: &[Cell]) {
    let mut needles = Needles::default();
    let length = local.len().max(remote.len());
    let part = |line: &[Cell], at: usize| line[at.min(line.len())..(at + 16).min(line.len())].to_vec();
    for at in (0..length.saturating_sub(15)).step_by(37) {
        let (local, remote) = (part(local, at), part(remote, at));
        for format in FORMATS {
            for layout in LAYOUTS {
                let needle = rendered(format, layout, &local, &remote);
                let plain = needle.chunks(4).all(|piece| piece == &needle[..4]);
                if needle.len() >= 16 && !plain {
                    needles.add(needle);
                }
            }
        }
    }
    assert!(!needles.is_empty());
    assert_eq!(
        needles.find_below(&fixture.dir),
        None,
        "paused audio in a file, at a byte"
    );
}

/// A finished recording.
#[derive(Debug)]
pub struct Done {
    pub wav: Wav,
    pub manifest: Value,
    pub seen: RecordingFields,
}

pub fn layout_text(layout: i32) -> &'static str {
    ["stereo", "mono", "local", "remote"][layout as usize]
}

impl Done {
    pub fn format(&self) -> &str {
        &self.seen.format
    }

    /// Every sample, and nothing beyond them.
    pub fn assert_holds(&self, local: &[Cell], remote: &[Cell]) {
        let layout = self.seen.layout;
        let channels = if layout == REC_LAYOUT_STEREO { 2 } else { 1 };
        let name = format!("{} {}", self.format(), layout_text(layout));
        assert_eq!(self.wav.channels, channels, "{name}");
        self.assert_shape();
        let size = usize::from(self.wav.bits) / 8;
        let wants = wants(self.format(), layout, local, remote);
        let found: Vec<&[u8]> = self.wav.data.chunks(size).collect();
        let differs = wants
            .iter()
            .zip(&found)
            .position(|(want, found)| !want.met(found));
        if let Some(at) = differs {
            panic!(
                "{name}: sample {at} (frame {}) of {} is {:?}, not {:?}; before: {:?}",
                at / usize::from(channels),
                wants.len(),
                &found[at..(at + 4).min(found.len())],
                &wants[at..(at + 4).min(wants.len())],
                &found[at.saturating_sub(4)..at],
            );
        }
        assert_eq!(
            found.len(),
            wants.len(),
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

    /// Samples, times and spans of the manifest and of the terminal event.
    /// Spans: (kind, leg, from, to, length in ms).
    pub fn assert_told(&self, paused_ms: u64, lost_ms: u64, spans: &[(&str, &str, u64, u64, u64)]) {
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
        let told = numbers.map(|name| m[name].as_u64().unwrap());
        let truth = [frames, length, paused_ms, lost_ms, rate, self.wav.channels.into()];
        assert_eq!(told, truth, "{numbers:?} of {m:#}");
        let seen = &self.seen;
        assert_eq!(
            (seen.duration_ms, seen.paused_ms, seen.lost_ms),
            (length, paused_ms, lost_ms)
        );
        assert_eq!(u64::from(seen.sample_rate), rate);
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let told = manifest_spans(m);
        let mut told: Vec<_> = told
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
        let mut truth = spans.to_vec();
        told.sort();
        truth.sort();
        assert_eq!(told, truth, "spans of {m:#}");
        assert_eq!(
            m["bytes"].as_u64().unwrap(),
            std::fs::metadata(&seen.path).unwrap().len()
        );
        assert_eq!(text(&m["format"]), seen.format);
        assert_eq!(text(&m["layout"]), layout_text(seen.layout));
    }
}

/// One engine, one call `c` on device `SEP1`.
pub struct RecordingFixture {
    pub engine: TestEngine,
    pub call: rec_call,
    // Last: the engine is closed before its directory goes.
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

    /// Beside whatever is recorded already.
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

    /// Waits for the terminal event of a recording, and reads what it left.
    pub fn done(&self, id: &str) -> Done {
        let (seen, wav) = finished(&self.engine, id);
        Done {
            wav,
            manifest: manifest_beside(&seen.path),
            seen,
        }
    }

    pub fn stop_done(&self, id: &str) -> Done {
        self.stop(id);
        self.done(id)
    }

    /// Once the worker has seen this many frames, and rendered what it could of them.
    pub fn seen_frames(&self, feed: rec_feed, frames: u64) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.engine.stats().frames_in < frames {
            assert!(
                std::time::Instant::now() < deadline,
                "frames are not seen: {:?}",
                self.engine.stats().frames_in
            );
            // Any ordered point has the worker look at the call.
            payload(feed, 127, REC_CODEC_PCMU, 8000);
            std::thread::yield_now();
        }
    }

    /// Ends all, and checks that nothing is left in progress.
    pub fn close(self) {
        let RecordingFixture { engine, dir, .. } = self;
        engine.close();
        assert_settled(&dir.0);
    }
}

/// Both legs speak at once, frame by frame; `frame` in bytes.
pub fn talk(frame: usize, legs: &[(rec_feed, &[u8])]) {
    let longest = legs.iter().map(|(_, data)| data.len()).max().unwrap_or(0);
    for at in (0..longest).step_by(frame) {
        for (feed, data) in legs {
            let piece = &data[at.min(data.len())..(at + frame).min(data.len())];
            until_accepted(*feed, || write(*feed, piece));
        }
    }
}
