//! Each recording of a call in two files: a WAV file, whose frames late audio overwrites, and a
//! file that is written once. Both must have the same frames.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use callrec::codec::{Block, Shape};
use callrec::media::sim::SimRecording;
use callrec::media::{Sink, Span as TapSpan};
use callrec::storage::{Manifest, RecordingFile};
use callrec::types::{Codec, EndReason, Format, Layout, Leg, PauseMode, Status};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{manifest_beside, spans_of};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::storage_fixture::{self, PAGED, StorageFixture};
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wav::WavFile;
use proptest::prelude::*;
use uuid::Uuid;

use crate::abi::LibraryDriver;
use crate::model::NS_PER_MS;
use crate::plan::{CallPlan, PlannedRecording, plans, whole_plans};
use crate::require;
use crate::run::{Driver, FeedWrite, PlanRun};
use crate::simulated::SimulatedDriver;
use crate::support::paged::read_finished;

/// Performs every operation on both recordings of a pair at the same moment.
struct PairDriver<D> {
    driver: D,
    /// The sample rate of the files, in Hz.
    rate: u32,
}

impl<D: Driver> Driver for PairDriver<D> {
    fn attach(&mut self, leg: Leg, codec: Codec, rate: u32) {
        self.driver.attach(leg, codec, rate);
    }

    fn detach(&mut self, leg: Leg) {
        self.driver.detach(leg);
    }

    fn reformat(&mut self, leg: Leg, codec: Codec, rate: u32) {
        self.driver.reformat(leg, codec, rate);
    }

    fn write(&mut self, leg: Leg, write: &FeedWrite, arrival_ns: u64) -> Status {
        self.driver.write(leg, write, arrival_ns)
    }

    fn start(&mut self, planned: PlannedRecording, _rate: u32) {
        for format in [Format::WAV, PAGED] {
            self.driver
                .start(PlannedRecording { format, ..planned }, self.rate);
        }
    }

    fn pause(&mut self, pair: usize) {
        self.driver.pause(2 * pair);
        self.driver.pause(2 * pair + 1);
    }

    fn resume(&mut self, pair: usize) {
        self.driver.resume(2 * pair);
        self.driver.resume(2 * pair + 1);
    }

    fn stop(&mut self, pair: usize) {
        self.driver.stop(2 * pair);
        self.driver.stop(2 * pair + 1);
    }

    fn visit(&mut self, now_ns: u64) {
        self.driver.visit(now_ns);
    }

    fn now(&mut self, now_ns: u64) {
        self.driver.now(now_ns);
    }

    fn is_threaded(&self) -> bool {
        self.driver.is_threaded()
    }
}

/// Reads a finished file of either format.
fn read(path: &Path) -> Result<WavFile, String> {
    let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    match path.extension().is_some_and(|ending| ending == "wav") {
        true => WavFile::parse_playable(&bytes),
        false => read_finished(&bytes),
    }
}

fn check_same(wav: &Path, paged: &Path) -> Result<(), String> {
    let (wav, paged) = (read(wav)?, read(paged)?);
    let shapes = [&wav, &paged].map(|file| (file.rate, file.channels, file.frames()));
    require!(shapes[0] == shapes[1], "different shapes: {shapes:?}");
    let other = wav.data.iter().zip(&paged.data).position(|(a, b)| a != b);
    require!(other.is_none(), "the files differ from byte {other:?} on");
    Ok(())
}

/// Opens a store that publishes the recordings.
fn storage() -> StorageFixture {
    let mut config = storage_fixture::config();
    (config.writers, config.backlog_ms) = (1, 600_000);
    StorageFixture::open_with(ScratchDir::new(), config)
}

/// The path of a recording's file, after a check that it has what the collector received.
fn checked_path(fixture: &StorageFixture, tape: &SimRecording) -> Result<PathBuf, String> {
    let ((manifest, _), out) = (fixture.published(tape.id), tape.out.lock());
    let (frames, samples) = (out.frames(), manifest.samples);
    require!(
        samples == frames,
        "{frames} frames, but {samples} in the manifest"
    );
    let path = fixture.path(&manifest.file);
    require!(
        read(&path)?.data == out.bytes,
        "{} differs from what was written",
        path.display()
    );
    Ok(path)
}

/// Passes a recording to its file on the disk and to a collector.
struct FileAndCollector {
    file: Option<RecordingFile>,
    collector: Box<dyn Sink>,
}

impl Sink for FileAndCollector {
    fn shape(&mut self, shape: Shape) {
        self.collector.shape(shape);
        self.file.as_mut().expect("open").shape(shape);
    }

    fn block(&mut self, block: Block) -> Result<(), Block> {
        self.collector.block(block.clone())?;
        self.file.as_mut().expect("open").write(block)
    }

    fn early_block(&mut self, block: Block) {
        self.collector.early_block(block.clone());
        self.file.as_mut().expect("open").write_early(block);
    }

    fn accepts_early(&self) -> bool {
        self.file.as_ref().expect("open").accepts_early()
    }

    fn patch(&mut self, from_frame: u64, block: Block) -> Result<(), Block> {
        self.collector.patch(from_frame, block.clone())?;
        self.file.as_mut().expect("open").patch(from_frame, block)
    }

    fn settled(&mut self, frame: u64) {
        self.collector.settled(frame);
        self.file.as_mut().expect("open").settled(frame);
    }

    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn paused(&mut self, frame: u64) {
        self.collector.paused(frame);
    }

    fn resumed(&mut self, span: TapSpan) {
        self.collector.resumed(span);
    }

    fn loss(&mut self, lost_ns_total: u64, spans: Vec<TapSpan>) {
        self.collector.loss(lost_ns_total, spans);
    }

    fn finish(mut self: Box<Self>, reason: EndReason, open: Option<TapSpan>) {
        self.collector.finish(reason, open);
        let manifest = Manifest {
            end_reason: reason.text().to_owned(),
            ..Manifest::default()
        };
        let file = self.file.take().expect("open");
        file.finish(Box::new(manifest), true);
    }

    fn stuck(self: Box<Self>) {
        self.collector.stuck();
    }

    fn broken(self: Box<Self>, message: &str) {
        panic!("broken: {message}");
    }
}

/// The path of a recording's file.
fn id_name(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

fn simulated(plan: &CallPlan, fixture: &Arc<StorageFixture>) -> SimulatedDriver {
    let fixture = Arc::clone(fixture);
    let mut driver = SimulatedDriver::new(plan);
    let mut started = 0;
    driver.start = Some(Box::new(move |sim, planned| {
        let id = paired_id(started);
        started += 1;
        let file = Some(fixture.begin_file(Uuid::from_u128(id), &id_name(id), planned.format));
        sim.start_into(id, planned, |collector| {
            Box::new(FileAndCollector { file, collector })
        })
    }));
    driver
}

/// An id for one recording of a pair. The blocks of both are cut at the same moments, because the
/// moment depends on the XOR of the id's halves. Otherwise late audio could come too late for one
/// of the two.
fn paired_id(started: u64) -> u128 {
    let (pair, high) = (started / 2 + 1, (started % 2) << 32);
    u128::from(high) << 64 | u128::from(pair ^ high)
}

fn check_pairs(driver: &SimulatedDriver, fixture: &StorageFixture) -> Result<(), String> {
    for (n, pair) in driver.recordings.chunks(2).enumerate() {
        let wav = checked_path(fixture, &pair[0])?;
        let paged = checked_path(fixture, &pair[1])?;
        check_same(&wav, &paged).map_err(|why| format!("recording {n}: {why}"))?;
    }
    Ok(())
}

fn check_simulated(plan: &CallPlan, resampled: bool) -> Result<(), TestCaseError> {
    let fixture = Arc::new(storage());
    let pairs = PairDriver {
        driver: simulated(plan, &fixture),
        rate: plan.rate << u32::from(resampled),
    };
    let mut run = PlanRun::new(plan, pairs);
    run.driver.now(run.model.now_ns);
    run.execute();
    check_pairs(&run.driver.driver, &fixture).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(crate::cases(15, crate::seeds!("formats-real")))]

    #[test]
    fn both_kinds_of_files_are_the_same_in_real_time(plan in plans(true), resampled in any::<bool>()) {
        check_simulated(&plan, resampled)?;
    }
}

proptest! {
    #![proptest_config(crate::cases(10, crate::seeds!("formats-stream")))]

    #[test]
    fn both_kinds_of_files_are_the_same_in_stream_time(plan in plans(false), resampled in any::<bool>()) {
        check_simulated(&plan, resampled)?;
    }
}

/// Loss, reordering, a pause, and a stall after which written audio is overwritten.
#[test]
fn audio_after_a_stall_is_patched_in_both_kinds_of_files() {
    let plan = CallPlan {
        real: true,
        rate: 8000,
        mixed: false,
        packet_ms: 20,
        flush_ms: 100,
        leg_wait_ms: 2000,
        steps: Vec::new(),
    };
    let fixture = Arc::new(storage());
    let mut pairs = PairDriver {
        driver: simulated(&plan, &fixture),
        rate: 8000,
    };
    let planned = PlannedRecording {
        layout: Layout::Stereo,
        format: Format::WAV,
        pause_mode: PauseMode::Silence,
        max_duration_ms: 0,
    };
    let mut senders = [RtpSender::new(0, 1), RtpSender::new(0, 2)];
    let mut now = 10_000 * NS_PER_MS;
    pairs.now(now);
    for leg in [Leg::Local, Leg::Remote] {
        pairs.attach(leg, Codec::Pcmu, 8000);
    }
    pairs.start(planned, 8000);
    let mut held = Vec::new();
    for number in 0..250usize {
        match number {
            150 => pairs.pause(0),
            160 => pairs.resume(0),
            _ => {}
        }
        for (n, leg) in [Leg::Local, Leg::Remote].into_iter().enumerate() {
            let voice = vec![(1 + (number * 7 + n * 3) % 100) as u8; 160];
            let packet = senders[n].packet(&voice, 160);
            match (n, number) {
                (0, 30 | 31) => continue,
                // 600 ms of one leg arrive at once and out of order.
                (1, 60..90) => held.insert(held.len() / 2, packet),
                _ => {
                    if n == 1 && number == 90 {
                        for packet in held.drain(..) {
                            pairs.write(leg, &FeedWrite::Rtp(packet), now);
                        }
                    }
                    assert_eq!(pairs.write(leg, &FeedWrite::Rtp(packet), now), Status::Ok);
                }
            }
        }
        now += 20 * NS_PER_MS;
        pairs.visit(now);
    }
    pairs.stop(0);
    for _ in 0..10 {
        now += 100 * NS_PER_MS;
        pairs.visit(now);
    }
    check_pairs(&pairs.driver, &fixture).unwrap();
    for tape in &pairs.driver.recordings {
        let out = tape.out.lock();
        assert!(
            out.patches > 0 && out.frames() > 230 * 160,
            "{} patches",
            out.patches
        );
    }
    let settled = pairs.driver.recordings[1].out.lock().settled;
    assert!(settled > 200 * 160, "{settled} frames settled");
}

/// Through the C ABI, in stream time: the manifests must be the same, too.
fn check_library(plan: &CallPlan) -> Result<(), String> {
    let pairs = PairDriver {
        driver: LibraryDriver::new(plan),
        rate: 8000,
    };
    let mut run = PlanRun::new(plan, pairs);
    run.execute();
    let LibraryDriver { engine, ids, dir, .. } = run.driver.driver;
    for pair in ids.chunks(2) {
        let paths = [0, 1].map(|n| {
            let event = engine.events.wait_terminal(&pair[n]);
            event.recording.expect("a recording").path
        });
        check_same(Path::new(&paths[0]), Path::new(&paths[1]))?;
        let manifests = paths.each_ref().map(|path| manifest_beside(path));
        for field in [
            "samples",
            "duration_ms",
            "paused_ms",
            "lost_ms",
            "legs",
            "end_reason",
        ] {
            let values = manifests.each_ref().map(|manifest| &manifest[field]);
            require!(values[0] == values[1], "{field}: {values:?}");
        }
        // The number of spans of a loss depends on how it was settled.
        let pauses = manifests.each_ref().map(|manifest| spans_of(manifest, "pause"));
        require!(pauses[0] == pauses[1], "{pauses:?}");
    }
    engine.close();
    assert_settled(&dir.0);
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(10, crate::seeds!("formats-abi")))]

    #[test]
    fn both_kinds_of_files_are_the_same_through_the_abi(plan in whole_plans()) {
        check_library(&plan).map_err(TestCaseError::fail)?;
    }
}
