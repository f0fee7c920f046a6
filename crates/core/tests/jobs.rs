//! Jobs of a kind that nobody but this test knows, through core alone.
#![cfg(not(any(callrec_loom, callrec_shuttle)))]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use callrec_core::calls::{CallInfo, Caller, Filter, Operation, RecordingSpec};
use callrec_core::config::Config;
use callrec_core::engine::Engine;
use callrec_core::events::{LogLevel, LogListener};
use callrec_core::jobs::{Action, AttemptFuture, JobOutcome, JobPace, RegisteredAction};
use callrec_core::recorder::Recorder;
use callrec_core::storage::{Job, JobSpec, JobSpecs};
use callrec_core::text::Text;
use callrec_core::words::{Format, Status};
use serde_json::json;
use uuid::Uuid;

const KIND: &str = "copy";
/// Much longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
const SOON: JobPace = JobPace {
    parallel: 2,
    retry: Duration::from_millis(5),
    retry_max: Duration::from_millis(20),
    give_up: None,
    fair: false,
    slow_after: PATIENCE,
};

/// What is decided of one attempt, from another thread.
#[derive(Default)]
struct Decision(Mutex<(Option<JobOutcome>, Option<Waker>)>);

impl Decision {
    fn decide(&self, outcome: JobOutcome) {
        let mut decision = self.0.lock().expect("no panic");
        decision.0 = Some(outcome);
        if let Some(waker) = decision.1.take() {
            waker.wake();
        }
    }
}

struct Decided(Arc<Decision>);

impl Future for Decided {
    type Output = JobOutcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobOutcome> {
        let mut decision = self.0.0.lock().expect("no panic");
        match decision.0.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                decision.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// One attempt that waits for a decision.
struct Asked {
    job: Job,
    at: Instant,
    decision: Arc<Decision>,
}

/// Leaves every attempt to the test.
struct AskingAction(Mutex<Sender<Asked>>);

impl Action for AskingAction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let decision = Arc::<Decision>::default();
        let asked = Asked {
            job,
            at: Instant::now(),
            decision: decision.clone(),
        };
        let sender = self.0.lock().expect("no panic").clone();
        // Nobody listens once a test is over.
        let _ = sender.send(asked);
        Box::pin(Decided(decision))
    }
}

struct JobRig {
    directory: tempfile::TempDir,
    engine: Arc<Engine>,
}

impl JobRig {
    fn new() -> JobRig {
        let directory = tempfile::tempdir().expect("a directory");
        JobRig {
            engine: open(directory.path()),
            directory,
        }
    }

    fn reopened(self) -> JobRig {
        self.engine.close(PATIENCE).expect("closed");
        JobRig {
            engine: open(self.directory.path()),
            directory: self.directory,
        }
    }

    fn register(&self) -> (RegisteredAction, Receiver<Asked>) {
        let (sender, asked) = channel();
        let action = Arc::new(AskingAction(Mutex::new(sender)));
        let registered = self.engine.register_action(action, SOON);
        (registered.expect("registered"), asked)
    }

    /// A recording with a job, which has ended.
    fn record(&self) -> Uuid {
        let name = Text::from("call");
        let info = CallInfo {
            call_id: name.clone(),
            ..CallInfo::default()
        };
        let call = self.engine.begin_call(info).expect("a call");
        let jobs = JobSpecs::new(vec![JobSpec::new(KIND, &json!({ "to": "elsewhere" }))]);
        let spec = RecordingSpec {
            jobs: jobs.expect("one kind"),
            ..self.engine.default_spec(Format::WAV)
        };
        let id = self.engine.start(&Caller::Host, &Filter::call(&name), Ok(spec));
        let id = id.expect("started");
        let stop = Operation::Stop;
        self.engine
            .control_by_id(&Caller::Host, stop, &id.to_string())
            .expect("stopped");
        call.end().expect("ended");
        id
    }

    fn files(&self) -> HashSet<String> {
        let folder = self.directory.path().join(".callrec/jobs").join(KIND);
        let Ok(entries) = std::fs::read_dir(folder) else {
            return HashSet::new();
        };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    fn until_files(&self, ids: &[Uuid]) {
        let expected: HashSet<String> = ids.iter().map(|id| format!("{id}.json")).collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut files = self.files();
            // Performed, and the event is not heard by anybody here.
            files.retain(|name| !name.ends_with(".done") && !name.ends_with(".tmp"));
            if files == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{files:?} and not {expected:?}");
            std::thread::yield_now();
        }
    }
}

fn open(directory: &Path) -> Arc<Engine> {
    let mut config = Config::default();
    config.storage.directory = directory.to_string_lossy().into_owned();
    Engine::open(config).expect("an engine")
}

fn next(asked: &Receiver<Asked>) -> Asked {
    asked.recv_timeout(PATIENCE).expect("an attempt")
}

#[test]
fn a_job_is_tried_until_it_is_done_always_under_one_key() {
    let rig = JobRig::new();
    let (registration, asked) = rig.register();
    let id = rig.record();
    let mut attempts = Vec::new();
    for _ in 0..4 {
        let attempt = next(&asked);
        assert_eq!(
            (attempt.job.key.as_str(), registration.pending()),
            (id.to_string().as_str(), 1)
        );
        assert_eq!(attempt.job.kind, KIND);
        assert_eq!(attempt.job.payload.text(), r#"{"to":"elsewhere"}"#);
        assert_eq!(attempt.job.recording.end_reason, "stopped");
        attempts.push(attempt.at);
        attempt.decision.decide(JobOutcome::retry("not yet"));
    }
    let attempt = next(&asked);
    for (pair, least) in attempts.windows(2).zip([5, 10, 20]) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(least), "{attempts:?}");
    }
    let after = Duration::from_millis(120);
    attempt.decision.decide(JobOutcome::Retry {
        after: Some(after),
        reason: "it says when".to_owned(),
    });
    let last = next(&asked);
    assert!(last.at - attempt.at >= after);
    last.decision.decide(JobOutcome::Done);
    rig.until_files(&[]);
    rig.engine.close(PATIENCE).expect("closed");
    assert!(asked.recv().is_err(), "nothing more, and the action is let go");
}

#[test]
fn a_job_that_is_given_up_or_whose_action_panics() {
    struct FailingAction(Mutex<Sender<String>>);
    impl Action for FailingAction {
        fn kind(&self) -> &'static str {
            KIND
        }

        fn perform(&self, job: Job) -> AttemptFuture {
            let sender = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            sender.send(job.key).expect("the test listens");
            drop(sender);
            match job.recording.flags {
                _ if job.queued_at_ms == 0 => panic!("planted"),
                _ => Box::pin(async { JobOutcome::GiveUp("never".to_owned()) }),
            }
        }
    }
    let rig = JobRig::new();
    let [given_up, panicking] = [rig.record(), rig.record()];
    rig.until_files(&[given_up, panicking]);
    // One that panics whenever it is tried.
    let file = format!(".callrec/jobs/{KIND}/{panicking}.json");
    let file = rig.directory.path().join(file);
    let text = std::fs::read_to_string(&file).expect("there");
    let mut job: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    job["queued_at_ms"] = 0.into();
    std::fs::write(&file, job.to_string()).expect("written");
    let (sender, tried) = channel();
    let action = Arc::new(FailingAction(Mutex::new(sender)));
    let registration = rig.engine.register_action(action, SOON).expect("registered");
    let mut counts: HashMap<String, u32> = HashMap::new();
    while counts.get(&panicking.to_string()).is_none_or(|count| *count < 4) {
        *counts
            .entry(tried.recv_timeout(PATIENCE).expect("an attempt"))
            .or_default() += 1;
    }
    rig.until_files(&[panicking]);
    assert_eq!(counts.get(&given_up.to_string()), Some(&1));
    registration.withdraw(Instant::now());
    assert!(registration.wait_until_stopped(Instant::now() + PATIENCE));
    assert_eq!(registration.pending(), 0);
    rig.engine.close(PATIENCE).expect("closed");
}

/// Log lines that name the kind of these jobs.
struct KindLines(Mutex<Sender<String>>);

impl LogListener for KindLines {
    fn log(&self, _: LogLevel, message: &str) {
        if message.contains(KIND) {
            // Nobody listens once a test is over.
            let _ = self.0.lock().expect("no panic").send(message.to_owned());
        }
    }
}

#[test]
fn what_nobody_performs_waits_for_the_next_process() {
    let rig = JobRig::new();
    let (sender, lines) = channel();
    let listener = Arc::new(KindLines(Mutex::new(sender)));
    rig.engine.bus().set_log(Some(listener));
    let ids: Vec<Uuid> = (0..5).map(|_| rig.record()).collect();
    rig.until_files(&ids);
    let told = lines.recv_timeout(PATIENCE).expect("a line");
    assert!(told.contains("no action for them is registered"), "{told}");
    let rig = rig.reopened();
    assert!(lines.recv().is_err(), "told once");
    let (_registration, asked) = rig.register();
    let mut keys = HashSet::new();
    let held: Vec<Asked> = (0..2).map(|_| next(&asked)).collect();
    assert!(asked.try_recv().is_err(), "no more than two at a time");
    // The engine ends while they are under way: nobody knows what came of them.
    let rig = rig.reopened();
    assert!(asked.recv().is_err(), "the action is let go");
    drop(held);
    rig.until_files(&ids);
    let (_registration, asked) = rig.register();
    while keys.len() < ids.len() {
        let attempt = next(&asked);
        assert!(keys.insert(attempt.job.key.clone()), "once each");
        attempt.decision.decide(JobOutcome::Done);
    }
    rig.until_files(&[]);
    let expected: HashSet<String> = ids.iter().map(Uuid::to_string).collect();
    assert_eq!(keys, expected);
    // Their ends were told to nobody: the next process tells them again, and queues nothing.
    let rig = rig.reopened();
    let (_registration, asked) = rig.register();
    let own = rig.record();
    let attempt = next(&asked);
    assert_eq!(attempt.job.key, own.to_string());
    attempt.decision.decide(JobOutcome::Done);
    rig.until_files(&[]);
    rig.engine.close(PATIENCE).expect("closed");
}

#[test]
fn of_two_actions_one_performs_and_the_other_takes_over() {
    let rig = JobRig::new();
    let (first, asked_first) = rig.register();
    let (second, asked_second) = rig.register();
    let id = rig.record();
    let attempt = next(&asked_first);
    first.withdraw(Instant::now() + PATIENCE);
    assert!(
        !first.wait_until_stopped(Instant::now()),
        "an attempt is under way"
    );
    assert!(asked_second.try_recv().is_err());
    attempt.decision.decide(JobOutcome::retry("not now"));
    assert!(first.wait_until_stopped(Instant::now() + PATIENCE));
    let attempt = next(&asked_second);
    assert_eq!((attempt.job.key.clone(), second.pending()), (id.to_string(), 1));
    attempt.decision.decide(JobOutcome::Done);
    rig.until_files(&[]);
    rig.engine.close(PATIENCE).expect("closed");
    let refused = rig
        .engine
        .register_action(Arc::new(AskingAction(Mutex::new(channel().0))), SOON);
    let refused = refused.err().map(|error| error.status);
    assert_eq!(refused, Some(Status::Unavailable), "the engine is closed");
}
