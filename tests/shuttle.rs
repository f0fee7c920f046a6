//! The whole engine, with all its threads and a real directory, under shuttle: start,
//! stop, pause, end and close against each other, in many random orders (`.ci/models`).
#![cfg(callrec_shuttle)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callrec::calls::spec::ADDITIONAL;
use callrec::calls::{CallInfo, Caller, ControlOperation, Filter, RecordingSpec};
use callrec::clock::coarse_ns;
use callrec::config::Config;
use callrec::engine::{Call, Engine};
use callrec::events::bus::Listener;
use callrec::events::{Event, EventKind};
use callrec::gateway::GatewaySettings;
use callrec::handles::{self, Handle};
use callrec::recorder::Recorder;
use callrec::text::Text;
use callrec::types::{AudioSpec, Codec, FeedFormat, Format, Layout, Leg, PauseMode, Result, Status};
use shuttle::thread;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 3600);
const PCM: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 8000,
};

/// As many runs as `CALLREC_MODEL_RUNS` says; half of them with few, well placed switches.
fn model(run: impl Fn() + Send + Sync + Copy + 'static) {
    let runs = std::env::var("CALLREC_MODEL_RUNS").ok();
    let runs = runs.and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20;
    config.silence_warnings = true;
    config.max_steps = shuttle::MaxSteps::FailAfter(2_000_000);
    let random = shuttle::scheduler::RandomScheduler::new(runs / 2 + 1);
    shuttle::Runner::new(random, config.clone()).run(run);
    let urw = shuttle::scheduler::UrwRandomScheduler::new(runs / 2 + 1);
    shuttle::Runner::new(urw, config).run(run);
}

/// What was told of each recording, in order.
#[derive(Default)]
struct Told(Mutex<HashMap<Uuid, Vec<EventKind>>>);

impl Listener for Told {
    fn event(&self, event: &Event, _: u64) {
        if let Some(view) = event.subject.recording() {
            let mut told = self.0.lock().expect("one thread runs at a time");
            told.entry(view.id).or_default().push(event.kind);
        }
    }
}

struct World {
    directory: tempfile::TempDir,
    engine: Arc<Engine>,
    handle: Handle,
    told: Arc<Told>,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir_in("/dev/shm").expect("a directory");
        let mut config = Config::default();
        let path = directory.path().display().to_string();
        for (key, value) in [
            ("storage.directory", path.as_str()),
            ("storage.durability", "process"),
            ("storage.digest", "none"),
            ("media.clock", "stream"),
            ("media.workers", "1"),
        ] {
            config.set(key, value).expect("a key");
        }
        let handle = handles::engine::open(config, GatewaySettings::default()).expect("open");
        let engine = handles::engine::get(handle).expect("it is open");
        let told = Arc::<Told>::default();
        assert!(engine.bus().subscribe(told.clone()).is_ok());
        World {
            directory,
            engine,
            handle,
            told,
        }
    }

    fn call(&self) -> Result<Handle> {
        let info = CallInfo {
            call_id: Text::from("call"),
            device_name: Text::from("SEP1"),
            ..CallInfo::default()
        };
        handles::call::begin(&self.engine, info)
    }

    /// Closes, and then: each recording that was begun has exactly one end, told last;
    /// nothing is left over in the directory but the lock and the audit log.
    fn close(self, started: &[Uuid]) {
        if let Err(error) = handles::engine::close(self.handle, DAY) {
            // Another thread has closed it, and is through.
            assert_eq!(error.status, Status::BadHandle, "{error}");
        }
        let told = self.told.0.lock().expect("one thread runs at a time");
        for id in started {
            let kinds = told.get(id).cloned().unwrap_or_default();
            let ends = kinds.iter().filter(|kind| kind.is_terminal()).count();
            assert_eq!(ends, 1, "{id}: {kinds:?}");
            assert_eq!(kinds.first(), Some(&EventKind::Started), "{kinds:?}");
            assert_eq!(kinds.last(), Some(&EventKind::Finished), "{kinds:?}");
        }
        assert_eq!(told.len(), started.len(), "told of what was never begun");
        let control = self.directory.path().join(".callrec");
        let left = std::fs::read_dir(control).expect("it is there").flatten();
        let left: Vec<_> = left
            .map(|entry| entry.file_name())
            .filter(|name| name != "lock" && name != "audit.log")
            .collect();
        assert!(left.is_empty(), "owed for ever: {left:?}");
    }
}

fn start(engine: &Engine) -> Result<Uuid> {
    let audio = AudioSpec {
        layout: Layout::Stereo,
        format: Format::WAV,
        pause_mode: PauseMode::Skip,
        max_duration_ms: 0,
        rate: 0,
    };
    let spec = RecordingSpec {
        flags: ADDITIONAL,
        ..RecordingSpec::new(audio)
    };
    engine.start(&Caller::Host, &Filter::call(&Text::from("call")), Ok(spec))
}

fn control(engine: &Engine, operation: ControlOperation) -> Result<u64> {
    let counts = engine.control_by_call(&Caller::Host, operation, &Text::from("call"), None)?;
    Ok(counts.changed as u64)
}

fn call_of(handle: Handle) -> Option<Arc<Call>> {
    handles::call::get(handle).ok()
}

fn spawn<T: Send + 'static>(
    engine: &Arc<Engine>,
    act: impl FnOnce(Arc<Engine>) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let engine = engine.clone();
    thread::spawn(move || act(engine))
}

fn allowed<T>(answer: &Result<T>, statuses: &[Status]) {
    if let Err(error) = answer {
        assert!(statuses.contains(&error.status), "{error:?}");
    }
}

/// Of concurrent stops of one recording exactly one gets it; what a list shows at
/// one instant was begun before and not stopped before.
#[test]
fn stops_against_each_other() {
    model(|| {
        let world = World::new();
        world.call().expect("a call");
        let id = start(&world.engine).expect("it is connected");
        let stop = move |engine: Arc<Engine>| {
            engine
                .control_by_id(&Caller::Host, ControlOperation::Stop, &id.to_string())
                .is_ok()
        };
        let pauser = spawn(&world.engine, |engine| {
            let paused = control(&engine, ControlOperation::Pause);
            allowed(&paused, &[Status::NotLive]);
            allowed(
                &control(&engine, ControlOperation::Resume),
                &[Status::NotLive, Status::NotPaused],
            );
        });
        let stops = [
            spawn(&world.engine, stop),
            spawn(&world.engine, stop),
            spawn(&world.engine, |engine| {
                control(&engine, ControlOperation::Stop) == Ok(1)
            }),
        ];
        let listed = world
            .engine
            .list(&Caller::Host, &Filter::default())
            .expect("a list");
        assert!(listed.iter().all(|view| view.id == id) && listed.len() <= 1);
        let stopped = stops.map(|stop| stop.join().expect("no panic"));
        assert_eq!(stopped.iter().filter(|stopped| **stopped).count(), 1);
        pauser.join().expect("no panic");
        let listed = world
            .engine
            .list(&Caller::Host, &Filter::default())
            .expect("a list");
        assert!(listed.is_empty());
        world.close(&[id]);
    });
}

/// The end of a call while it is started, paused, stopped and fed.
#[test]
fn the_end_of_a_call_against_control() {
    model(|| {
        let world = World::new();
        let call = world.call().expect("a call");
        let first = start(&world.engine).expect("it is connected");
        let starter = spawn(&world.engine, |engine| {
            let started = start(&engine);
            allowed(&started, &[Status::NoCall]);
            started.ok()
        });
        let pauser = spawn(&world.engine, |engine| {
            let gone = [Status::NoCall, Status::NotLive];
            allowed(&control(&engine, ControlOperation::Pause), &gone);
            allowed(&control(&engine, ControlOperation::Stop), &gone);
        });
        let feeder = spawn(&world.engine, move |_| {
            let feed = call_of(call).map(|call| handles::feed::open(&call, Leg::Local, PCM));
            if let Some(Ok(feed)) = feed {
                for _ in 0..3 {
                    let status =
                        handles::feed::try_with(feed, |open| open.feed.write(&[1; 320], coarse_ns()));
                    assert!(
                        [Status::Ok, Status::BadHandle, Status::Busy].contains(&status),
                        "{status:?}"
                    );
                }
            }
        });
        let ender = spawn(&world.engine, move |_| {
            call_of(call).map(|call| call.end().is_ok())
        });
        let here = call_of(call).map(|call| call.end().is_ok());
        let ended = [here, ender.join().expect("no panic")];
        assert_eq!(ended.iter().filter(|ended| **ended == Some(true)).count(), 1);
        assert!(call_of(call).is_none());
        let second = starter.join().expect("no panic");
        pauser.join().expect("no panic");
        feeder.join().expect("no panic");
        let started: Vec<Uuid> = [Some(first), second].into_iter().flatten().collect();
        world.close(&started);
    });
}

/// Closing against everything else: what was accepted has its end told before the
/// closing returns, and what comes later is refused.
#[test]
fn closing_against_everything() {
    model(|| {
        let world = World::new();
        world.call().expect("a call");
        let first = start(&world.engine).expect("it is connected");
        let starter = spawn(&world.engine, |engine| {
            let started = start(&engine);
            allowed(&started, &[Status::NoCall, Status::Unavailable]);
            started.ok()
        });
        let beginner = spawn(&world.engine, |engine| {
            let info = CallInfo {
                call_id: Text::from("late"),
                ..CallInfo::default()
            };
            let begun = handles::call::begin(&engine, info);
            allowed(&begun, &[Status::Unavailable]);
            begun.ok()
        });
        let pauser = spawn(&world.engine, |engine| {
            let gone = [Status::NoCall, Status::NotLive, Status::Unavailable];
            allowed(&control(&engine, ControlOperation::Pause), &gone);
            allowed(&engine.list(&Caller::Host, &Filter::default()), &gone);
        });
        let handle = world.handle;
        let closer = spawn(&world.engine, move |_| {
            handles::engine::close(handle, DAY).is_ok()
        });
        let second = starter.join().expect("no panic");
        let late = beginner.join().expect("no panic");
        pauser.join().expect("no panic");
        assert!(closer.join().expect("no panic"), "there is time enough");
        let left = late.and_then(call_of);
        assert!(left.is_none(), "a call of an engine that is closed");
        let started: Vec<Uuid> = [Some(first), second].into_iter().flatten().collect();
        assert_eq!(
            start(&world.engine).map_err(|error| error.status),
            Err(Status::Unavailable)
        );
        world.close(&started);
    });
}
