//! One call, each of its recordings twice: as a WAV file, whose frames are written over where
//! late audio finds its place, and as a file that keeps what it has. Both must say the same,
//! frame for frame.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use callrec::clock::SystemClock;
use callrec::codec::{Block, Shape, paged as codec};
use callrec::media::sim::Tape;
use callrec::media::{Sink, Span as TapSpan};
use callrec::storage::{
    Durability, Manifest, NameFields, Platform, RecordingFile, Report, StorageConfig, Store, Template, spawn,
};
use callrec::words::{Codec, EndReason, Error, Format, Layout, Leg, PauseMode, Status};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{manifest_beside, spans_of};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::WavFile;
use parking_lot::{Condvar, Mutex};
use proptest::prelude::*;
use uuid::Uuid;

use crate::abi::LibraryDriver;
use crate::hold;
use crate::model::NS_PER_MS;
use crate::plan::{CallPlan, PlannedRecording, plans, whole_plans};
use crate::run::{Driver, FeedWrite, PlanRun};
use crate::simulated::SimulatedDriver;
use crate::support::paged::read_finished;

const PAGED: Format = Format::of(&codec::FORMATS[0]);

/// Carries everything out for both recordings of a pair, at the same moment.
struct PairDriver<D> {
    driver: D,
    /// Of the files, in Hz.
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

    fn hand(&mut self, leg: Leg, hand: &FeedWrite, arrival_ns: u64) -> Status {
        self.driver.hand(leg, hand, arrival_ns)
    }

    fn start(&mut self, wish: PlannedRecording, _rate: u32) {
        for format in [Format::WAV, PAGED] {
            self.driver.start(PlannedRecording { format, ..wish }, self.rate);
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

/// The audio of a finished file of either format.
fn said(path: &Path) -> Result<WavFile, String> {
    let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    match path.extension().is_some_and(|ending| ending == "wav") {
        true => WavFile::parse_playable(&bytes),
        false => read_finished(&bytes),
    }
}

fn same(wav: &Path, paged: &Path) -> Result<(), String> {
    let (wav, paged) = (said(wav)?, said(paged)?);
    let shapes = [&wav, &paged].map(|file| (file.rate, file.channels, file.frames()));
    hold!(shapes[0] == shapes[1], "of other shapes: {shapes:?}");
    let other = wav.data.iter().zip(&paged.data).position(|(a, b)| a != b);
    hold!(other.is_none(), "they differ from byte {other:?} on");
    Ok(())
}

/// What a store tells of the ends of recordings.
#[derive(Default)]
struct Ends {
    published: Mutex<HashMap<Uuid, Manifest>>,
    bell: Condvar,
}

impl Ends {
    fn of(&self, id: Uuid) -> Manifest {
        let mut published = self.published.lock();
        loop {
            if let Some(manifest) = published.get(&id) {
                return manifest.clone();
            }
            let waited = self.bell.wait_for(&mut published, PATIENCE);
            assert!(!waited.timed_out(), "waited in vain");
        }
    }
}

impl Report for Ends {
    fn created(&self, _: Uuid) {}

    fn create_failed(&self, _: Uuid, error: Error) {
        panic!("{error:?}");
    }

    fn marked(&self, _: Uuid, _: u32) {}

    fn write_failed(&self, _: Uuid, error: Error) {
        panic!("{error:?}");
    }

    fn is_discarded(&self, _: Uuid) -> bool {
        false
    }

    fn published(&self, id: Uuid, manifest: Manifest, _: bool) {
        self.published.lock().insert(id, manifest);
        self.bell.notify_all();
    }

    fn left(&self, id: Uuid) {
        panic!("{id} is left");
    }

    fn job_queued(&self, _: &str, _: Uuid) {}

    fn log(&self, level: i32, message: String) {
        eprintln!("log {level}: {message}");
    }
}

/// A store with its threads.
struct Files {
    store: Arc<Store>,
    ends: Arc<Ends>,
    threads: Vec<JoinHandle<()>>,
    dir: ScratchDir,
}

impl Files {
    fn new() -> Files {
        let dir = ScratchDir::new();
        let mut config = StorageConfig::new(dir.0.to_str().expect("UTF-8"));
        (config.durability, config.writers, config.backlog_ms) = (Durability::Process, 1, 600_000);
        let ends = Arc::<Ends>::default();
        let store = Store::open(config, &Platform::system(), Arc::<Ends>::clone(&ends)).expect("open");
        let (writer, finisher) = (Arc::clone(&store), Arc::clone(&store));
        let threads = vec![
            spawn("callrec-writer", move || writer.writer(0).run(&SystemClock)).expect("a thread"),
            spawn("callrec-finish", move || finisher.finisher().run(&SystemClock)).expect("a thread"),
        ];
        Files {
            store,
            ends,
            threads,
            dir,
        }
    }

    fn begin(&self, id: Uuid, format: Format) -> RecordingFile {
        let name = Template::parse("{id}").expect("a template").render(&NameFields {
            id,
            call_id: "",
            device: "",
            number: "",
            user: "",
            remote: "",
            ani: "",
            dnis: "",
            host: "",
            layout: "",
            started_at_ms: 0,
            attribute: &|_| None,
        });
        let manifest = Manifest {
            format: format.name().to_owned(),
            ..Manifest::default()
        };
        self.store.begin(id, Box::new(move || (manifest, name)))
    }

    /// The path of a recording's file, which holds what its collector has.
    fn expect_given(&self, tape: &Tape) -> Result<PathBuf, String> {
        let (told, out) = (self.ends.of(tape.id), tape.out.lock());
        let (frames, samples) = (out.frames(), told.samples);
        hold!(samples == frames, "{frames} frames, told of {samples}");
        let path = self.dir.join(told.file);
        let other = said(&path)?.data != out.bytes;
        hold!(!other, "{} is not what was given", path.display());
        Ok(path)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.store.shutdown();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Gives a recording to its file on the disk, and to a collector.
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

fn simulated(plan: &CallPlan, files: &Arc<Files>) -> SimulatedDriver {
    let files = Arc::clone(files);
    let mut driver = SimulatedDriver::new(plan);
    let mut started = 0;
    driver.start = Some(Box::new(move |sim, wish| {
        let id = twin(started);
        started += 1;
        let file = Some(files.begin(Uuid::from_u128(id), wish.format));
        sim.start_into(id, wish, |collector| {
            Box::new(FileAndCollector { file, collector })
        })
    }));
    driver
}

/// An id for one of a pair of recordings whose blocks are cut at the same moments: when that
/// is, depends on the two halves of the id, one over the other. Otherwise late audio could
/// come too late for one of the two alone.
fn twin(started: u64) -> u128 {
    let (pair, high) = (started / 2 + 1, (started % 2) << 32);
    u128::from(high) << 64 | u128::from(pair ^ high)
}

fn expect_pairs(driver: &SimulatedDriver, files: &Files) -> Result<(), String> {
    for (n, pair) in driver.tapes.chunks(2).enumerate() {
        let wav = files.expect_given(&pair[0])?;
        let paged = files.expect_given(&pair[1])?;
        same(&wav, &paged).map_err(|why| format!("recording {n}: {why}"))?;
    }
    Ok(())
}

fn holds_simulated(plan: &CallPlan, resampled: bool) -> Result<(), TestCaseError> {
    let files = Arc::new(Files::new());
    let twice = PairDriver {
        driver: simulated(plan, &files),
        rate: plan.rate << u32::from(resampled),
    };
    let mut run = PlanRun::new(plan, twice);
    run.driver.now(run.model.now_ns);
    run.all();
    expect_pairs(&run.driver.driver, &files).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(crate::cases(15, crate::seeds!("formats-real")))]

    #[test]
    fn files_of_both_kinds_say_the_same_in_real_time(plan in plans(true), resampled in any::<bool>()) {
        holds_simulated(&plan, resampled)?;
    }
}

proptest! {
    #![proptest_config(crate::cases(10, crate::seeds!("formats-stream")))]

    #[test]
    fn files_of_both_kinds_say_the_same_in_stream_time(plan in plans(false), resampled in any::<bool>()) {
        holds_simulated(&plan, resampled)?;
    }
}

/// Loss, reordering, a pause, and a stall that makes what was written be written over.
#[test]
fn a_stall_is_mended_in_files_of_both_kinds() {
    let plan = CallPlan {
        real: true,
        rate: 8000,
        mixed: false,
        packet_ms: 20,
        flush_ms: 100,
        leg_wait_ms: 2000,
        steps: Vec::new(),
    };
    let files = Arc::new(Files::new());
    let mut twice = PairDriver {
        driver: simulated(&plan, &files),
        rate: 8000,
    };
    let wish = PlannedRecording {
        layout: Layout::Stereo,
        format: Format::WAV,
        pause_mode: PauseMode::Silence,
        max_duration_ms: 0,
    };
    let mut senders = [RtpSender::new(0, 1), RtpSender::new(0, 2)];
    let mut now = 10_000 * NS_PER_MS;
    twice.now(now);
    for leg in [Leg::Local, Leg::Remote] {
        twice.attach(leg, Codec::Pcmu, 8000);
    }
    twice.start(wish, 8000);
    let mut held = Vec::new();
    for number in 0..250usize {
        match number {
            150 => twice.pause(0),
            160 => twice.resume(0),
            _ => {}
        }
        for (n, leg) in [Leg::Local, Leg::Remote].into_iter().enumerate() {
            let voice = vec![(1 + (number * 7 + n * 3) % 100) as u8; 160];
            let packet = senders[n].packet(&voice, 160);
            match (n, number) {
                (0, 30 | 31) => continue,
                // 600 ms of one leg come at once, and out of order.
                (1, 60..90) => held.insert(held.len() / 2, packet),
                _ => {
                    if n == 1 && number == 90 {
                        for packet in held.drain(..) {
                            twice.hand(leg, &FeedWrite::Rtp(packet), now);
                        }
                    }
                    assert_eq!(twice.hand(leg, &FeedWrite::Rtp(packet), now), Status::Ok);
                }
            }
        }
        now += 20 * NS_PER_MS;
        twice.visit(now);
    }
    twice.stop(0);
    for _ in 0..10 {
        now += 100 * NS_PER_MS;
        twice.visit(now);
    }
    expect_pairs(&twice.driver, &files).unwrap();
    for tape in &twice.driver.tapes {
        let out = tape.out.lock();
        assert!(
            out.patches > 0 && out.frames() > 230 * 160,
            "{} patches",
            out.patches
        );
    }
    let settled = twice.driver.tapes[1].out.lock().settled;
    assert!(settled > 200 * 160, "{settled} frames settled");
}

/// Through the C ABI, in stream time: manifests say the same, too.
fn holds_whole(plan: &CallPlan) -> Result<(), String> {
    let twice = PairDriver {
        driver: LibraryDriver::new(plan),
        rate: 8000,
    };
    let mut run = PlanRun::new(plan, twice);
    run.all();
    let LibraryDriver { engine, ids, dir, .. } = run.driver.driver;
    for pair in ids.chunks(2) {
        let paths = [0, 1].map(|n| {
            let told = engine.events.wait_terminal(&pair[n]);
            told.recording.expect("a recording").path
        });
        same(Path::new(&paths[0]), Path::new(&paths[1]))?;
        let manifests = paths.each_ref().map(|path| manifest_beside(path));
        for field in [
            "samples",
            "duration_ms",
            "paused_ms",
            "lost_ms",
            "legs",
            "end_reason",
        ] {
            let told = manifests.each_ref().map(|manifest| &manifest[field]);
            hold!(told[0] == told[1], "{field}: {told:?}");
        }
        // A loss is told in as many pieces as it was settled in.
        let pauses = manifests.each_ref().map(|manifest| spans_of(manifest, "pause"));
        hold!(pauses[0] == pauses[1], "{pauses:?}");
    }
    engine.close();
    assert_settled(&dir.0);
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(10, crate::seeds!("formats-abi")))]

    #[test]
    fn files_of_both_kinds_say_the_same_through_the_abi(plan in whole_plans()) {
        holds_whole(&plan).map_err(TestCaseError::fail)?;
    }
}
