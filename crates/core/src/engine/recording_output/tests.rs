use super::*;
use crate::calls::{RecordingSpec, Registry, registry::Limits};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::engine::facts::FileNaming;
use crate::events::Bus;
use crate::media::ledger::ticks;
use crate::media::{DropReason, Ledger, LossReason};
use crate::storage::{Platform, StorageConfig, Store, Template};
use crate::text::Text;
use crate::types::{AudioSpec, Format, Layout, Leg, PauseMode};
use callrec_codec::SampleFormat;

fn facts(id: Uuid) -> RecordingFacts {
    RecordingFacts {
        id,
        spec: RecordingSpec::new(AudioSpec {
            layout: Layout::Stereo,
            format: Format::WAV,
            pause_mode: PauseMode::Silence,
            max_duration_ms: 0,
            rate: 0,
        }),
        url: Text::default(),
        started_at_ms: 0,
        info: Arc::default(),
        lines: Arc::default(),
        paused: false,
        held: false,
        consent_at_start: "",
        shape: None,
        spans: Spans::default(),
    }
}

/// A ledger of a call whose local leg was recorded and whose remote leg could not be decoded.
fn ledger(settled_frames: u64) -> Ledger {
    let mut ledger = Ledger {
        settled_frames,
        ..Ledger::default()
    };
    let [local, remote, _] = &mut ledger.legs;
    (local.fed, local.packets) = (true, 1);
    local.handed = ticks(settled_frames, 8000);
    local.in_file = local.handed;
    (remote.fed, remote.ignored) = (true, vec![(18, 50)]);
    ledger
}

/// Records what `act` writes to the sink. Returns the audio file and the manifest beside it.
fn record(act: impl FnOnce(&Arc<Progress>, &mut dyn Sink), reason: EndReason) -> (Vec<u8>, Option<Manifest>) {
    let directory = std::env::temp_dir().join(format!("callrec-test-{}", Uuid::new_v4()));
    std::fs::create_dir(&directory).expect("a temporary directory");
    let registry = Arc::new(Registry::new(Limits::default(), false, Arc::new(SystemClock)));
    let reporter = RecordingReporter::new(registry, Bus::new(), Arc::new(SystemClock), &Config::default());
    let store = Store::open(
        StorageConfig::new(directory.to_str().expect("UTF-8")),
        &Platform::system(),
        reporter.clone(),
    )
    .expect("open");
    let (id, progress) = (Uuid::new_v4(), Arc::new(Progress::default()));
    let naming = FileNaming {
        template: Template::default(),
        host: String::new(),
    };
    let first = facts(id);
    let file = store.begin(
        id,
        Format::WAV,
        Box::new(move || (first.manifest(), first.name(&naming))),
    );
    let output = RecordingOutput::new(facts(id), file, progress.clone(), reporter);
    let mut sink = RecordingOutput::sink(&output);
    act(&progress, sink.as_mut());
    sink.finish(reason, None);
    drop(output);
    // No other thread is needed: each part returns once nothing is left to do.
    store.shutdown();
    store.writer(0).run(&SystemClock);
    store.writer(1).run(&SystemClock);
    store.writer(2).run(&SystemClock);
    store.finisher().run(&SystemClock);
    let ending = |ending: &str| {
        let mut entries = std::fs::read_dir(&directory).expect("there").flatten();
        let found = entries.find(|entry| entry.path().extension().is_some_and(|found| found == ending));
        found.map(|entry| std::fs::read(entry.path()).expect("a file"))
    };
    let manifest = ending("json").and_then(|bytes| Manifest::from_bytes(&bytes));
    let audio = ending("wav").unwrap_or_default();
    std::fs::remove_dir_all(&directory).expect("ours");
    (audio, manifest)
}

const STEREO: Shape = Shape {
    format: Format::WAV,
    rate: 8000,
    channels: 2,
};

#[test]
fn late_audio_loss_reasons_and_the_ledger_are_published() {
    let lost = Span {
        kind: SpanKind::Loss(Leg::Remote, LossReason::Dropped(DropReason::Late)),
        from_frame: 2,
        to_frame: 4,
        length_ns: 20 * NS_PER_MS,
    };
    let act = |progress: &Arc<Progress>, sink: &mut dyn Sink| {
        sink.shape(STEREO);
        let block = |bytes: Vec<u8>| Block::coded(SampleFormat::Pcm16, bytes.len() as u64 / 4, bytes);
        sink.block(block((0..40).collect())).expect("the queue is empty");
        sink.patch(3, block(vec![99; 8])).expect("the queue is empty");
        sink.loss(20 * NS_PER_MS, vec![lost]);
        progress.set_ledger(ledger(10));
    };
    let (audio, manifest) = record(act, EndReason::Stopped);
    let mut expected: Vec<u8> = (0..40).collect();
    expected[12..20].fill(99);
    assert_eq!(audio[audio.len() - 40..], expected);
    let manifest = manifest.expect("published");
    let span = &manifest.spans[0];
    let loss = (
        span.leg.as_ref(),
        span.reason.as_ref(),
        span.from_frame,
        span.length_ms,
    );
    assert_eq!(loss, ("remote", "late", 2, 20));
    assert_eq!((manifest.samples, manifest.settled_frames), (10, 10));
    assert_eq!((manifest.legs[0].audio_ms, manifest.legs[0].packets), (1, 1));
    assert_eq!(manifest.legs[1].ignored["18"], 50);
    assert!(!manifest.no_audio);
    assert_eq!(manifest.undecoded, ["remote"]);
}

#[test]
fn the_manifest_of_a_file_without_audio_says_so() {
    for frames in [0, 10] {
        let act = |progress: &Arc<Progress>, sink: &mut dyn Sink| {
            sink.shape(STEREO);
            sink.block(Block::silence(frames))
                .expect("silence is always accepted");
            progress.set_ledger(Ledger {
                settled_frames: frames,
                ..Ledger::default()
            });
        };
        let (_, manifest) = record(act, EndReason::CallEnded);
        let manifest = manifest.expect("published");
        assert!(manifest.no_audio && manifest.undecoded.is_empty() && manifest.legs.is_empty());
    }
}

#[test]
fn the_live_manifest_and_events_contain_the_current_ledger() {
    let registry = Arc::new(Registry::new(Limits::default(), false, Arc::new(SystemClock)));
    let reporter = RecordingReporter::new(registry, Bus::new(), Arc::new(SystemClock), &Config::default());
    let (id, progress) = (Uuid::new_v4(), Arc::new(Progress::default()));
    let output = Arc::new_cyclic(|me| RecordingOutput {
        id,
        me: me.clone(),
        progress: progress.clone(),
        reporter,
        frame_bytes: AtomicU64::new(0),
        file_bytes: Arc::default(),
        inner: Mutex::new(OutputState {
            facts: facts(id),
            file: None,
        }),
    });
    for settled in [0, 800, 1600] {
        progress.set_ledger(ledger(settled));
        let manifest = output.manifest();
        assert_eq!((manifest.settled_frames, manifest.legs.len()), (settled, 2));
        assert_eq!(manifest.legs[0].audio_ms, settled / 8);
        assert!(
            !manifest.no_audio && manifest.undecoded.is_empty(),
            "not before the end"
        );
        let json = output.describe(None);
        assert!(json.contains(&format!("\"settled_frames\":{settled}")), "{json}");
    }
}
