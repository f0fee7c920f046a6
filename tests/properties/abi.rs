//! The whole library through its C ABI, in stream time, with real files. Audio that no recording
//! may have is searched for in every file of the directory.

use std::collections::HashSet;
use std::path::Path;

use callrec::capi::*;
use callrec::types::{Codec, EndReason, Layout, Leg, PauseMode, Status};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{ManifestSpan, manifest_beside, spans_of};
use callrec_testkit::tree::{assert_settled, tree};
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::WavFile;
use proptest::prelude::*;

use crate::check::check;
use crate::model::CallModel;
use crate::plan::{CallPlan, PlannedRecording, whole_plans};
use crate::run::{Driver, FeedWrite, LINEAR_TYPE, MsSpan, PlanRun, RecordingResult, UNIQUE};
use crate::support::*;

/// This many consecutive samples in a file cannot be a coincidence.
const RUN: usize = 8;

pub struct LibraryDriver {
    pub engine: TestEngine,
    call: rec_call,
    feeds: [Option<rec_feed>; 3],
    pub ids: Vec<String>,
    // The last field: the engine is closed before its directory is removed.
    pub dir: ScratchDir,
}

impl LibraryDriver {
    pub fn new(plan: &CallPlan) -> LibraryDriver {
        let dir = ScratchDir::new();
        let flush_ms = plan.flush_ms.max(100).to_string();
        let leg_wait_ms = plan.leg_wait_ms.to_string();
        let settings = [
            ("storage.flush_ms", &*flush_ms),
            ("media.leg_wait_ms", &*leg_wait_ms),
        ];
        let engine = TestEngine::open(&dir.0, &settings);
        let call = CallFields {
            call_id: Some("c"),
            device: Some("SEP1"),
            ..CallFields::default()
        };
        let call = engine.begin(&call).unwrap();
        LibraryDriver {
            engine,
            call,
            feeds: [None; 3],
            ids: Vec::new(),
            dir,
        }
    }

    /// Performs an operation on a recording, which may have ended at its limit.
    fn control(&self, op: ById, recording: usize) {
        if let Err(refusal) = self.engine.by_id(op, None, &self.ids[recording]) {
            assert_eq!(refusal.status, REC_ERR_NOT_LIVE, "{refusal:?}");
        }
    }

    fn result_of(&self, recording: usize) -> RecordingResult {
        let event = self.engine.events.wait_terminal(&self.ids[recording]);
        assert_eq!(event.kind, REC_EVENT_FINISHED, "{event:#?}");
        let reported = event.recording.unwrap();
        let (wav, manifest) = (WavFile::read(&reported.path), manifest_beside(&reported.path));
        let number = |name: &str| manifest[name].as_u64().unwrap();
        assert_eq!(
            (reported.duration_ms, reported.paused_ms, reported.lost_ms),
            (number("duration_ms"), number("paused_ms"), number("lost_ms"))
        );
        let spans = |kind| spans_of(&manifest, kind).into_iter();
        RecordingResult {
            rate: wav.rate,
            channels: wav.channels,
            reason: match reported.end_reason {
                REC_END_STOPPED => Some(EndReason::Stopped),
                REC_END_LIMIT => Some(EndReason::Limit),
                _ => None,
            },
            pauses: spans("pause").map(|pause| span(&pause)).collect(),
            losses: spans("loss").map(|loss| (leg_of(&loss), span(&loss))).collect(),
            frames: number("samples"),
            duration_ms: number("duration_ms"),
            paused_ms: number("paused_ms"),
            lost_ms: number("lost_ms"),
            bytes: wav.data,
            ledger: None,
        }
    }
}

fn span(span: &ManifestSpan) -> MsSpan {
    MsSpan {
        from: span.from_frame,
        to: span.to_frame,
        ms: span.length_ms as f64,
    }
}

fn leg_of(span: &ManifestSpan) -> usize {
    let names = ["local", "remote", "mixed"];
    names.iter().position(|leg| *leg == span.leg).unwrap()
}

fn format_of(codec: Codec, rate: u32) -> rec_feed_format {
    let mut format: rec_feed_format = init();
    format.codec = match codec {
        Codec::Pcm16 => REC_CODEC_PCM16,
        Codec::Pcmu => REC_CODEC_PCMU,
        Codec::Pcma => REC_CODEC_PCMA,
        other => panic!("{other:?} is not planned"),
    };
    format.sample_rate = rate;
    format
}

impl Driver for LibraryDriver {
    fn attach(&mut self, leg: Leg, codec: Codec, rate: u32) {
        let opened = feed(self.call, leg as i32, format_of(codec, rate).codec, rate).unwrap();
        let linear = format_of(Codec::Pcm16, rate);
        checked(|e| unsafe { rec_feed_payload(opened, LINEAR_TYPE.into(), &linear, e) }).unwrap();
        self.feeds[leg as usize] = Some(opened);
    }

    fn detach(&mut self, leg: Leg) {
        if let Some(feed) = self.feeds[leg as usize].take() {
            assert_eq!(unsafe { rec_feed_close(feed) }, REC_OK);
        }
    }

    fn reformat(&mut self, leg: Leg, codec: Codec, rate: u32) {
        if let Some(feed) = self.feeds[leg as usize] {
            checked(|e| unsafe { rec_feed_set_format(feed, &format_of(codec, rate), e) }).unwrap();
        }
    }

    fn write(&mut self, leg: Leg, write: &FeedWrite, _arrival_ns: u64) -> Status {
        let Some(feed) = self.feeds[leg as usize] else {
            return Status::BadHandle;
        };
        let status = match write {
            FeedWrite::Rtp(packet) => unsafe { rec_feed_rtp(feed, packet.as_ptr().cast(), packet.len()) },
            FeedWrite::Write(bytes) => unsafe { rec_feed_write(feed, bytes.as_ptr().cast(), bytes.len()) },
            FeedWrite::WriteAt(at, bytes) => unsafe {
                rec_feed_write_at(feed, *at, bytes.as_ptr().cast(), bytes.len())
            },
        };
        if status == REC_ERR_OVERRUN {
            assert_eq!(
                unsafe { rec_feed_wait(feed, PATIENCE.as_millis() as u32) },
                REC_OK
            );
        }
        Status::from_code(status).unwrap()
    }

    fn start(&mut self, planned: PlannedRecording, _rate: u32) {
        let start = StartFields {
            flags: REC_START_ADDITIONAL,
            call_id: Some("c"),
            layout: match planned.layout {
                Layout::Stereo => REC_LAYOUT_STEREO,
                Layout::Mono => REC_LAYOUT_MONO,
                Layout::Local => REC_LAYOUT_LOCAL,
                Layout::Remote => REC_LAYOUT_REMOTE,
            },
            pause_mode: match planned.pause_mode {
                PauseMode::Silence => REC_PAUSE_SILENCE,
                PauseMode::Skip => REC_PAUSE_SKIP,
            },
            max_duration_ms: planned.max_duration_ms,
            format: Some(planned.format.name()),
            ..StartFields::default()
        };
        self.ids.push(self.engine.start(None, &start).unwrap());
    }

    fn pause(&mut self, recording: usize) {
        self.control(rec_pause_by_id, recording);
    }

    fn resume(&mut self, recording: usize) {
        self.control(rec_resume_by_id, recording);
    }

    fn stop(&mut self, recording: usize) {
        self.control(rec_stop_by_id, recording);
    }

    fn visit(&mut self, _now_ns: u64) {}

    fn now(&mut self, _now_ns: u64) {}

    fn is_threaded(&self) -> bool {
        true
    }
}

/// Names of linear samples that no recording of the call may have.
fn in_no_recording(model: &CallModel, leg: usize) -> HashSet<u64> {
    let recordings = 0..model.recordings.len();
    let may_hold = |at: u64, order: u32| {
        recordings
            .clone()
            .any(|recording| model.may_hold(recording, at, order))
    };
    let places = model.legs[leg].places.iter().enumerate();
    let placed = places.flat_map(|(at, place)| place.samples.iter().map(move |placed| (at as u64, placed)));
    placed
        .filter(|(at, placed)| !may_hold(*at, placed.order))
        .map(|(_, placed)| placed.name)
        .filter(|name| *name < UNIQUE)
        .collect()
}

/// Finds consecutive samples that no recording may have: from any byte on, in one channel or in
/// one channel of two.
fn leaked(bytes: &[u8], none: &[HashSet<u64>; 2]) -> Option<(usize, usize, u64)> {
    let sample = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    for stride in [2, 4] {
        for at in 0..bytes.len().saturating_sub(stride * RUN) {
            let (first, second) = (sample(at), sample(at + stride));
            let step = second.wrapping_sub(first);
            let leg = match (first.signum(), step) {
                (1, 1) => 0,
                (-1, -1) => 1,
                _ => continue,
            };
            let name = u64::from(first.unsigned_abs()) - 1;
            let in_a_row = (1..RUN).all(|n| sample(at + n * stride) == first.wrapping_add(step * n as i16));
            if in_a_row && (0..RUN as u64).all(|n| none[leg].contains(&(name + n))) {
                return Some((at, leg, name));
            }
        }
    }
    None
}

fn search(directory: &Path, none: &[HashSet<u64>; 2]) -> Result<(), String> {
    for file in tree(directory) {
        let bytes = std::fs::read(directory.join(&file)).unwrap_or_default();
        if let Some((at, leg, name)) = leaked(&bytes, none) {
            return Err(format!(
                "{file:?} at byte {at}: samples from {name} of leg {leg}, never recorded"
            ));
        }
    }
    Ok(())
}

fn check_plan(plan: &CallPlan) -> Result<(), TestCaseError> {
    let mut run = PlanRun::new(plan, LibraryDriver::new(plan));
    run.execute();
    let (model, planned, driver) = (run.model, run.planned, run.driver);
    for (n, planned) in planned.iter().enumerate() {
        let result = driver.result_of(n);
        check(plan, &model, n, *planned, &result, true)
            .map_err(|words| TestCaseError::fail(format!("recording {n}, {planned:?}: {words}")))?;
    }
    let first = if plan.mixed { crate::model::MIXED } else { 0 };
    let none = [in_no_recording(&model, first), in_no_recording(&model, 1)];
    search(&driver.dir.0, &none).map_err(TestCaseError::fail)?;
    let LibraryDriver { engine, dir, .. } = driver;
    engine.close();
    assert_settled(&dir.0);
    search(&dir.0, &none).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(crate::cases(30, crate::seeds!("abi")))]

    #[test]
    fn every_sample_has_its_place_through_the_abi(plan in whole_plans()) {
        check_plan(&plan)?;
    }
}

#[test]
fn the_search_finds_a_leak() {
    let none = [(100..200).collect(), (50..90).collect()];
    let row = |from: i16, step: i16| (0..20).map(move |n| from + n * step);
    let bytes = |samples: Vec<i16>| samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(leaked(&bytes(row(110, 1).collect()), &none), Some((0, 0, 109)));
    let stereo = row(300, 1).zip(row(-60, -1)).flat_map(|(l, r)| [l, r]).collect();
    assert_eq!(
        leaked(&[vec![7], bytes(stereo)].concat(), &none),
        Some((3, 1, 59))
    );
    assert_eq!(leaked(&bytes(row(300, 1).collect()), &none), None);
}
