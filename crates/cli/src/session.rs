//! An engine for one command: a call that is recorded, or a directory that is recovered.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callrec::calls::{CallInfo, Caller, Filter, RecordingSpec, RecordingView};
use callrec::engine::{Call, Engine, FeedSlot, OpenFeed};
use callrec::events::{Event, EventKind, Listener, LogLevel, LogListener, SubscriptionOptions};
use callrec::recorder::Recorder;
use callrec::settings::Settings;
use callrec::types::{FeedOptions, Leg, Status, parse_format};
use callrec::{platform, uploads};
use serde_json::Value;
use uuid::Uuid;

use crate::command_line::RecordOptions;
use crate::output::{CommandError, CommandResult, because, clock};

/// How long a packet waits for memory when a capture is read faster than it is recorded.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a recording has ended.
#[derive(Clone, Debug)]
pub struct RecordedFile {
    pub id: Uuid,
    pub path: String,
    pub state: &'static str,
    pub duration_ms: u64,
    /// Why it failed; empty if it did not.
    pub error: String,
}

impl fmt::Display for RecordedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordedFile { path, state, .. } = self;
        write!(f, "{path}: {state}, {}", clock(self.duration_ms))?;
        match self.error.is_empty() {
            true => Ok(()),
            false => write!(f, ", {}", self.error),
        }
    }
}

/// What the engine has reported.
#[derive(Default)]
struct EngineReports {
    ended: Mutex<Vec<RecordedFile>>,
    problems: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn result_of(event: &Event, view: &RecordingView) -> RecordedFile {
    let detail: Value = serde_json::from_str(&event.json(0)).unwrap_or_default();
    let stated =
        [&detail["error"], &detail["recording"]["error"]].map(|error| error.as_str().unwrap_or_default());
    let error = stated.into_iter().find(|error| !error.is_empty());
    let error = match (error, view.error) {
        (Some(error), _) => error.to_owned(),
        (None, Status::Ok) => String::new(),
        (None, status) => format!("status {}", status as i32),
    };
    RecordedFile {
        id: view.id,
        path: view.path.as_str().to_owned(),
        state: view.state.text(),
        duration_ms: view.readings.duration_ms,
        error,
    }
}

impl Listener for EngineReports {
    fn event(&self, event: &Event, _sequence: u64) {
        let Some(view) = event.subject.recording() else {
            return;
        };
        if matches!(
            event.kind,
            EventKind::Finished | EventKind::Failed | EventKind::StartFailed
        ) {
            let mut result = result_of(event, view);
            if event.kind == EventKind::StartFailed {
                result.state = "not started";
            }
            let mut ended = lock(&self.ended);
            // The end of an earlier process may be repeated.
            ended.retain(|known| known.id != result.id);
            ended.push(result);
        }
    }
}

impl LogListener for EngineReports {
    fn log(&self, level: LogLevel, message: &str) {
        if level == LogLevel::Error {
            lock(&self.problems).push(message.to_owned());
        }
    }
}

/// An open engine.
pub struct RecordingSession {
    engine: Arc<Engine>,
    reports: Arc<EngineReports>,
}

impl RecordingSession {
    /// Opens a directory with further settings, each as `key=value`.
    pub fn open(directory: &str, settings: &[String]) -> CommandResult<RecordingSession> {
        let mut all = Settings::default();
        all.set("storage.directory", directory)?;
        for setting in settings {
            match setting.split_once('=') {
                Some((key, value)) => all.set(key.trim(), value)?,
                None => return because(format!("--set \"{setting}\": write it as KEY=VALUE")),
            }
        }
        let engine = uploads::open(platform::system(), all)?;
        let reports = Arc::new(EngineReports::default());
        engine.bus().set_log(Some(reports.clone()));
        let subscribed = engine.subscribe(SubscriptionOptions::default(), reports.clone());
        subscribed.map_err(|refused| CommandError::from(refused.error))?;
        Ok(RecordingSession { engine, reports })
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Begins a call that `options` describe, and a recording of it.
    pub fn begin(&self, options: &RecordOptions, connected_at_ms: i64) -> CommandResult<RecordedCall> {
        let spec = self.spec_of(options)?;
        let info = CallInfo {
            call_id: options.call_id.as_str().into(),
            directory_number: options.number.as_str().into(),
            remote_phone_number: options.remote_number.as_str().into(),
            connected_at_ms,
            ..CallInfo::default()
        };
        let call = self.engine.begin_call(info)?;
        let target = Filter::call(&call.call_id()?);
        let recording = self.engine.start(&Caller::Host, &target, Ok(spec))?;
        Ok(RecordedCall { call, recording })
    }

    fn spec_of(&self, options: &RecordOptions) -> CommandResult<RecordingSpec> {
        let mut spec = self.engine.default_spec(parse_format(&options.format)?);
        let layouts = callrec::types::Layout::ALL;
        match layouts.into_iter().find(|layout| layout.text() == options.layout) {
            Some(layout) => spec.audio.layout = layout,
            None => {
                let known = layouts.map(callrec::types::Layout::text).join(", ");
                return because(format!("--layout \"{}\": {known} are known", options.layout));
            }
        }
        Ok(spec)
    }

    /// Ends what is live, and waits until everything is stored.
    pub fn close(&self, timeout: Duration) -> CommandResult<()> {
        Ok(self.engine.close(timeout)?)
    }

    /// The recordings that have ended so far.
    pub fn ended(&self) -> Vec<RecordedFile> {
        lock(&self.reports.ended).clone()
    }

    /// The errors that the engine has logged.
    pub fn problems(&self) -> Vec<String> {
        lock(&self.reports.problems).clone()
    }
}

/// A call and its recording.
pub struct RecordedCall {
    call: Arc<Call>,
    /// The id of the recording.
    pub recording: Uuid,
}

impl RecordedCall {
    pub fn open_feed(&self, leg: Leg, options: FeedOptions) -> CommandResult<CallFeed> {
        let slot = CallFeed::default();
        Ok(self.call.open_feed(leg, options, |open| {
            *lock(&slot.0) = open.take();
            Some(slot.clone())
        })?)
    }

    pub fn end(&self) -> CommandResult<()> {
        Ok(self.call.end()?)
    }
}

/// The feed of one leg.
#[derive(Clone, Default)]
pub struct CallFeed(Arc<Mutex<Option<OpenFeed>>>);

impl FeedSlot for CallFeed {
    fn take(&self) -> Option<OpenFeed> {
        lock(&self.0).take()
    }
}

impl CallFeed {
    /// Calls `act` with the feed, if it is open.
    pub fn with<T>(&self, act: impl FnOnce(&mut OpenFeed) -> T) -> Option<T> {
        lock(&self.0).as_mut().map(act)
    }

    /// Passes in an RTP packet that has just arrived.
    pub fn rtp(&self, packet: &[u8]) -> Status {
        let arrival_ns = callrec::clock::coarse_ns();
        self.with(|open| open.feed.rtp(packet, arrival_ns))
            .unwrap_or(Status::BadHandle)
    }

    /// Passes in an RTP packet of a capture, and waits for memory.
    pub fn rtp_of_capture(&self, packet: &[u8]) -> CommandResult<Status> {
        loop {
            match self.rtp(packet) {
                Status::Overrun => {}
                status => return Ok(status),
            }
            let waiter = self.with(|open| open.feed.waiter());
            if !waiter.is_some_and(|waiter| waiter.wait(PATIENCE)) {
                return because("the engine does not take the packets of the capture");
            }
        }
    }
}
