//! Jobs of a test kind, through the Rust API.
#![cfg(not(any(callrec_loom, callrec_shuttle)))]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use callrec_core::calls::{CallInfo, Caller, ControlOperation, Filter, RecordingSpec};
use callrec_core::config::Config;
use callrec_core::engine::Engine;
use callrec_core::events::{LogLevel, LogListener};
use callrec_core::jobs::{Action, AttemptFuture, JobOutcome, JobPace, RegisteredAction};
use callrec_core::recorder::Recorder;
use callrec_core::storage::{Job, JobSpec, JobSpecs};
use callrec_core::text::Text;
use callrec_core::types::{Format, Status};
use serde_json::json;
use uuid::Uuid;

const KIND: &str = "copy";
/// Longer than any step of a test takes.
const TIMEOUT: Duration = Duration::from_secs(60);
const FAST_RETRIES: JobPace = JobPace {
    parallel: 2,
    retry: Duration::from_millis(5),
    retry_max: Duration::from_millis(20),
    give_up: None,
    fair: false,
    slow_after: TIMEOUT,
    jitter: false,
};

/// The outcome of one attempt, set by the test.
#[derive(Default)]
struct OutcomeCell(Mutex<(Option<JobOutcome>, Option<Waker>)>);

impl OutcomeCell {
    fn set(&self, outcome: JobOutcome) {
        let mut cell = self.0.lock().expect("no panic");
        cell.0 = Some(outcome);
        if let Some(waker) = cell.1.take() {
            waker.wake();
        }
    }
}

struct OutcomeFuture(Arc<OutcomeCell>);

impl Future for OutcomeFuture {
    type Output = JobOutcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobOutcome> {
        let mut cell = self.0.0.lock().expect("no panic");
        match cell.0.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                cell.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A running attempt, which ends when the test sets its outcome.
struct PendingAttempt {
    job: Job,
    at: Instant,
    outcome: Arc<OutcomeCell>,
}

/// An action that sends every attempt to the test.
struct ForwardingAction(Mutex<Sender<PendingAttempt>>);

impl Action for ForwardingAction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let outcome = Arc::<OutcomeCell>::default();
        let attempt = PendingAttempt {
            job,
            at: Instant::now(),
            outcome: outcome.clone(),
        };
        let sender = self.0.lock().expect("no panic").clone();
        // The receiver may be gone when the test has ended.
        let _ = sender.send(attempt);
        Box::pin(OutcomeFuture(outcome))
    }
}

struct JobFixture {
    directory: tempfile::TempDir,
    engine: Arc<Engine>,
}

impl JobFixture {
    fn new() -> JobFixture {
        let directory = tempfile::tempdir().expect("a directory");
        JobFixture {
            engine: open(directory.path()),
            directory,
        }
    }

    fn reopened(self) -> JobFixture {
        self.engine.close(TIMEOUT).expect("closed");
        JobFixture {
            engine: open(self.directory.path()),
            directory: self.directory,
        }
    }

    fn register(&self) -> (RegisteredAction, Receiver<PendingAttempt>) {
        let (sender, attempts) = channel();
        let action = Arc::new(ForwardingAction(Mutex::new(sender)));
        let registered = self.engine.register_action(action, FAST_RETRIES);
        (registered.expect("registered"), attempts)
    }

    /// Makes a recording with one job, and ends it.
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
        let stop = ControlOperation::Stop;
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

    /// Waits until exactly these jobs have files.
    fn wait_for_files(&self, ids: &[Uuid]) {
        let expected: HashSet<String> = ids.iter().map(|id| format!("{id}.json")).collect();
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let mut files = self.files();
            // A performed job keeps a .done file, because no subscription receives the event.
            files.retain(|name| !name.ends_with(".done") && !name.ends_with(".tmp"));
            if files == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{files:?} instead of {expected:?}");
            std::thread::yield_now();
        }
    }
}

fn open(directory: &Path) -> Arc<Engine> {
    let mut config = Config::default();
    config.storage.directory = directory.to_string_lossy().into_owned();
    Engine::open(config).expect("an engine")
}

fn next(attempts: &Receiver<PendingAttempt>) -> PendingAttempt {
    attempts.recv_timeout(TIMEOUT).expect("an attempt")
}

#[test]
fn a_job_is_retried_with_the_same_key_until_it_is_done() {
    let fixture = JobFixture::new();
    let (registration, attempts) = fixture.register();
    let id = fixture.record();
    let mut times = Vec::new();
    for _ in 0..4 {
        let attempt = next(&attempts);
        assert_eq!(
            (attempt.job.key.as_str(), registration.pending()),
            (id.to_string().as_str(), 1)
        );
        assert_eq!(attempt.job.kind, KIND);
        assert_eq!(attempt.job.payload.text(), r#"{"to":"elsewhere"}"#);
        assert_eq!(attempt.job.recording.end_reason, "stopped");
        times.push(attempt.at);
        attempt.outcome.set(JobOutcome::retry("not yet"));
    }
    let attempt = next(&attempts);
    for (pair, least) in times.windows(2).zip([5, 10, 20]) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(least), "{times:?}");
    }
    let after = Duration::from_millis(120);
    attempt.outcome.set(JobOutcome::Retry {
        after: Some(after),
        reason: "with a delay".to_owned(),
    });
    let last = next(&attempts);
    assert!(last.at - attempt.at >= after);
    last.outcome.set(JobOutcome::Done);
    fixture.wait_for_files(&[]);
    fixture.engine.close(TIMEOUT).expect("closed");
    assert!(
        attempts.recv().is_err(),
        "no more attempts, and the action is dropped"
    );
}

#[test]
fn a_job_is_removed_when_its_action_gives_up_and_retried_when_it_panics() {
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
    let fixture = JobFixture::new();
    let [given_up, panicking] = [fixture.record(), fixture.record()];
    fixture.wait_for_files(&[given_up, panicking]);
    // Makes every attempt at this job panic.
    let file = format!(".callrec/jobs/{KIND}/{panicking}.json");
    let file = fixture.directory.path().join(file);
    let text = std::fs::read_to_string(&file).expect("the file of the job");
    let mut job: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    job["queued_at_ms"] = 0.into();
    std::fs::write(&file, job.to_string()).expect("written");
    let (sender, attempts) = channel();
    let action = Arc::new(FailingAction(Mutex::new(sender)));
    let registration = fixture
        .engine
        .register_action(action, FAST_RETRIES)
        .expect("registered");
    let mut counts: HashMap<String, u32> = HashMap::new();
    while counts.get(&panicking.to_string()).is_none_or(|count| *count < 4) {
        *counts
            .entry(attempts.recv_timeout(TIMEOUT).expect("an attempt"))
            .or_default() += 1;
    }
    fixture.wait_for_files(&[panicking]);
    assert_eq!(counts.get(&given_up.to_string()), Some(&1));
    registration.withdraw(Instant::now());
    assert!(registration.wait_until_stopped(Instant::now() + TIMEOUT));
    assert_eq!(registration.pending(), 0);
    fixture.engine.close(TIMEOUT).expect("closed");
}

/// Collects the log lines that name the kind of these jobs.
struct KindLines(Mutex<Sender<String>>);

impl LogListener for KindLines {
    fn log(&self, _: LogLevel, message: &str) {
        if message.contains(KIND) {
            // The receiver may be gone when the test has ended.
            let _ = self.0.lock().expect("no panic").send(message.to_owned());
        }
    }
}

#[test]
fn a_job_that_waits_is_looked_at_again_and_not_logged() {
    let fixture = JobFixture::new();
    let (sender, lines) = channel();
    let log = Arc::new(KindLines(Mutex::new(sender)));
    fixture.engine.bus().set_log(Some(log));
    let (registration, attempts) = fixture.register();
    fixture.record();
    let after = Duration::from_millis(60);
    let first = next(&attempts);
    first.outcome.set(JobOutcome::Waits {
        after,
        reason: "not yet".to_owned(),
    });
    let second = next(&attempts);
    assert!(second.at - first.at >= after);
    assert_eq!(registration.pending(), 1);
    second.outcome.set(JobOutcome::Done);
    fixture.wait_for_files(&[]);
    fixture.engine.close(TIMEOUT).expect("closed");
    assert_eq!(lines.try_iter().next(), None);
}

#[test]
fn jobs_without_an_action_stay_for_the_next_process() {
    let fixture = JobFixture::new();
    let (sender, lines) = channel();
    let listener = Arc::new(KindLines(Mutex::new(sender)));
    fixture.engine.bus().set_log(Some(listener));
    let ids: Vec<Uuid> = (0..5).map(|_| fixture.record()).collect();
    fixture.wait_for_files(&ids);
    let line = lines.recv_timeout(TIMEOUT).expect("a line");
    assert!(line.contains("no action for them is registered"), "{line}");
    let fixture = fixture.reopened();
    assert!(lines.recv().is_err(), "logged once");
    let (_registration, attempts) = fixture.register();
    let mut keys = HashSet::new();
    let held: Vec<PendingAttempt> = (0..2).map(|_| next(&attempts)).collect();
    assert!(attempts.try_recv().is_err(), "no more than two at a time");
    // The engine closes while the attempts are running, so they have no outcome.
    let fixture = fixture.reopened();
    assert!(attempts.recv().is_err(), "the action is dropped");
    drop(held);
    fixture.wait_for_files(&ids);
    let (_registration, attempts) = fixture.register();
    while keys.len() < ids.len() {
        let attempt = next(&attempts);
        assert!(keys.insert(attempt.job.key.clone()), "each job is attempted once");
        attempt.outcome.set(JobOutcome::Done);
    }
    fixture.wait_for_files(&[]);
    let expected: HashSet<String> = ids.iter().map(Uuid::to_string).collect();
    assert_eq!(keys, expected);
    // No subscription has received the terminal events, so the next process publishes them again
    // but queues no jobs.
    let fixture = fixture.reopened();
    let (_registration, attempts) = fixture.register();
    let id = fixture.record();
    let attempt = next(&attempts);
    assert_eq!(attempt.job.key, id.to_string());
    attempt.outcome.set(JobOutcome::Done);
    fixture.wait_for_files(&[]);
    fixture.engine.close(TIMEOUT).expect("closed");
}

#[test]
fn the_second_action_of_a_kind_takes_over_when_the_first_is_withdrawn() {
    let fixture = JobFixture::new();
    let (first, first_attempts) = fixture.register();
    let (second, second_attempts) = fixture.register();
    let id = fixture.record();
    let attempt = next(&first_attempts);
    first.withdraw(Instant::now() + TIMEOUT);
    assert!(!first.wait_until_stopped(Instant::now()), "an attempt is running");
    assert!(second_attempts.try_recv().is_err());
    attempt.outcome.set(JobOutcome::retry("not now"));
    assert!(first.wait_until_stopped(Instant::now() + TIMEOUT));
    let attempt = next(&second_attempts);
    assert_eq!((attempt.job.key.clone(), second.pending()), (id.to_string(), 1));
    attempt.outcome.set(JobOutcome::Done);
    fixture.wait_for_files(&[]);
    fixture.engine.close(TIMEOUT).expect("closed");
    let result = fixture
        .engine
        .register_action(Arc::new(ForwardingAction(Mutex::new(channel().0))), FAST_RETRIES);
    let status = result.err().map(|error| error.status);
    assert_eq!(status, Some(Status::Unavailable), "the engine is closed");
}
