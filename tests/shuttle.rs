//! The whole engine, with all its threads and a real directory, under shuttle: concurrent start,
//! stop, pause, end and close in many random orders (`.ci/models`).
#![cfg(callrec_shuttle)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callrec::calls::spec::ADDITIONAL;
use callrec::calls::{CallInfo, Caller, ControlOperation, Filter, RecordingSpec};
use callrec::clock::coarse_ns;
use callrec::engine::{Call, Engine};
use callrec::events::bus::Listener;
use callrec::events::{Event, EventKind};
use callrec::handles::{self, Handle};
use callrec::recorder::Recorder;
use callrec::settings::Settings;
use callrec::text::Text;
use callrec::types::{AudioSpec, Codec, FeedFormat, Format, Layout, Leg, PauseMode, Result, Status};
use shuttle::thread;
use uuid::Uuid;

const DAY: Duration = Duration::from_secs(24 * 3600);
const PCM: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 8000,
};

/// Runs a model `CALLREC_MODEL_RUNS` times, half of them with a uniform random walk over the
/// schedules.
fn run_model(run: impl Fn() + Send + Sync + Copy + 'static) {
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

/// The events of each recording, in order.
#[derive(Default)]
struct EventsById(Mutex<HashMap<Uuid, Vec<EventKind>>>);

impl Listener for EventsById {
    fn event(&self, event: &Event, _: u64) {
        if let Some(view) = event.subject.recording() {
            let mut events = self.0.lock().expect("one thread runs at a time");
            events.entry(view.id).or_default().push(event.kind);
        }
    }
}

struct ModelEngine {
    directory: tempfile::TempDir,
    engine: Arc<Engine>,
    handle: Handle,
    events: Arc<EventsById>,
}

impl ModelEngine {
    fn new() -> ModelEngine {
        let directory = tempfile::tempdir_in("/dev/shm").expect("a directory");
        let mut settings = Settings::default();
        let path = directory.path().display().to_string();
        for (key, value) in [
            ("storage.directory", path.as_str()),
            ("storage.durability", "process"),
            ("storage.digest", "none"),
            ("media.clock", "stream"),
            ("media.workers", "1"),
        ] {
            settings.set(key, value).expect("a key");
        }
        let open = |platform, settings: Settings| Engine::open_on(platform, settings.engine);
        let handle = handles::engine::open(settings, open).expect("open");
        let engine = handles::engine::get(handle).expect("it is open");
        let events = Arc::<EventsById>::default();
        assert!(engine.bus().subscribe(events.clone()).is_ok());
        ModelEngine {
            directory,
            engine,
            handle,
            events,
        }
    }

    fn call(&self) -> Result<Handle> {
        let info = CallInfo {
            call_id: Text::from("call"),
            device_name: Text::from("SEP1"),
            ..CallInfo::default()
        };
        handles::call::begin(&self.engine, self.handle, info)
    }

    /// Closes the engine. Each started recording must have one terminal event, which is the last,
    /// and only the lock and the audit log may be left in the control directory.
    fn close(self, started: &[Uuid]) {
        if let Err(error) = handles::engine::close(self.handle, DAY) {
            // Another thread has closed the engine completely.
            assert_eq!(error.status, Status::BadHandle, "{error}");
        }
        let events = self.events.0.lock().expect("one thread runs at a time");
        for id in started {
            let kinds = events.get(id).cloned().unwrap_or_default();
            let ends = kinds.iter().filter(|kind| kind.is_terminal()).count();
            assert_eq!(ends, 1, "{id}: {kinds:?}");
            assert_eq!(kinds.first(), Some(&EventKind::Started), "{kinds:?}");
            assert_eq!(kinds.last(), Some(&EventKind::Finished), "{kinds:?}");
        }
        assert_eq!(
            events.len(),
            started.len(),
            "an event of a recording that was never started"
        );
        let control = self.directory.path().join(".callrec");
        let left = std::fs::read_dir(control)
            .expect("the control directory")
            .flatten();
        let left: Vec<_> = left
            .map(|entry| entry.file_name())
            .filter(|name| name != "lock" && name != "audit.log")
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
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

fn assert_status<T>(result: &Result<T>, statuses: &[Status]) {
    if let Err(error) = result {
        assert!(statuses.contains(&error.status), "{error:?}");
    }
}

/// A list shows only recordings that are started and not stopped.
#[test]
fn one_of_several_concurrent_stops_succeeds() {
    run_model(|| {
        let model = ModelEngine::new();
        model.call().expect("a call");
        let id = start(&model.engine).expect("the call is connected");
        let stop = move |engine: Arc<Engine>| {
            engine
                .control_by_id(&Caller::Host, ControlOperation::Stop, &id.to_string())
                .is_ok()
        };
        let pauser = spawn(&model.engine, |engine| {
            let paused = control(&engine, ControlOperation::Pause);
            assert_status(&paused, &[Status::NotLive]);
            assert_status(
                &control(&engine, ControlOperation::Resume),
                &[Status::NotLive, Status::NotPaused],
            );
        });
        let stops = [
            spawn(&model.engine, stop),
            spawn(&model.engine, stop),
            spawn(&model.engine, |engine| {
                control(&engine, ControlOperation::Stop) == Ok(1)
            }),
        ];
        let listed = model
            .engine
            .list(&Caller::Host, &Filter::default())
            .expect("a list");
        assert!(listed.iter().all(|view| view.id == id) && listed.len() <= 1);
        let stopped = stops.map(|stop| stop.join().expect("no panic"));
        assert_eq!(stopped.iter().filter(|stopped| **stopped).count(), 1);
        pauser.join().expect("no panic");
        let listed = model
            .engine
            .list(&Caller::Host, &Filter::default())
            .expect("a list");
        assert!(listed.is_empty());
        model.close(&[id]);
    });
}

/// The call ends during a start, a pause, a stop and writes to its feed.
#[test]
fn a_call_ends_once_during_control_and_writes() {
    run_model(|| {
        let model = ModelEngine::new();
        let call = model.call().expect("a call");
        let first = start(&model.engine).expect("the call is connected");
        let starter = spawn(&model.engine, |engine| {
            let started = start(&engine);
            assert_status(&started, &[Status::NoCall]);
            started.ok()
        });
        let pauser = spawn(&model.engine, |engine| {
            let gone = [Status::NoCall, Status::NotLive];
            assert_status(&control(&engine, ControlOperation::Pause), &gone);
            assert_status(&control(&engine, ControlOperation::Stop), &gone);
        });
        let feeder = spawn(&model.engine, move |_| {
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
        let ender = spawn(&model.engine, move |_| {
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
        model.close(&started);
    });
}

/// A close during other operations: each accepted start has its terminal event before the close
/// returns, and later operations are refused.
#[test]
fn a_close_reports_every_end_and_refuses_later_operations() {
    run_model(|| {
        let model = ModelEngine::new();
        model.call().expect("a call");
        let first = start(&model.engine).expect("the call is connected");
        let starter = spawn(&model.engine, |engine| {
            let started = start(&engine);
            assert_status(&started, &[Status::NoCall, Status::Unavailable]);
            started.ok()
        });
        let opened = model.handle;
        let beginner = spawn(&model.engine, move |engine| {
            let info = CallInfo {
                call_id: Text::from("late"),
                ..CallInfo::default()
            };
            let begun = handles::call::begin(&engine, opened, info);
            assert_status(&begun, &[Status::Unavailable]);
            begun.ok()
        });
        let pauser = spawn(&model.engine, |engine| {
            let gone = [Status::NoCall, Status::NotLive, Status::Unavailable];
            assert_status(&control(&engine, ControlOperation::Pause), &gone);
            assert_status(&engine.list(&Caller::Host, &Filter::default()), &gone);
        });
        let handle = model.handle;
        let closer = spawn(&model.engine, move |_| {
            handles::engine::close(handle, DAY).is_ok()
        });
        let second = starter.join().expect("no panic");
        let late = beginner.join().expect("no panic");
        pauser.join().expect("no panic");
        assert!(closer.join().expect("no panic"), "the close timed out");
        let left = late.and_then(call_of);
        assert!(left.is_none(), "a call has outlived its engine");
        let started: Vec<Uuid> = [Some(first), second].into_iter().flatten().collect();
        assert_eq!(
            start(&model.engine).map_err(|error| error.status),
            Err(Status::Unavailable)
        );
        model.close(&started);
    });
}
