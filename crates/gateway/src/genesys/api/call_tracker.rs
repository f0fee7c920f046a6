//! Tracks the recording state of each call from the events alone, so that a notification shows the
//! state at its own event and not a later one.
//!
//! The events of one recording arrive in order, but those of several recordings may not: a file may
//! be finished after the next one was created, or created later than it. So a recording's events
//! are held until the previous recording has begun and the end of every earlier one has been
//! notified.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::call::{CallRecordingState, recorded};
use callrec_core::calls::{CallInfo, CallView, Caller, Filter, NewestRecording, RecordingView};
use callrec_core::engine::Engine;
use callrec_core::events::{CallFacts, Event, EventKind};
use callrec_core::recorder::Recorder;
use callrec_core::types::{EndReason, Status};

/// A call is forgotten this long after its end, when the engine has forgotten its recordings too.
const FORGET_AFTER: Duration = Duration::from_secs(61);

/// A change that the call's user is notified of.
pub struct StateChange {
    pub info: Arc<CallInfo>,
    pub recorded: CallRecordingState,
    pub newest: Option<NewestRecording>,
    pub monitorable: Option<bool>,
    pub mandatory: bool,
    pub now_ms: i64,
    pub failed: Option<RecordingFailure>,
}

/// The failure of a recording.
#[derive(Clone, Copy)]
pub struct RecordingFailure {
    pub status: Status,
    /// The recording had a file.
    pub had_begun: bool,
}

impl RecordingFailure {
    fn of(event: &Event, view: &RecordingView) -> Option<RecordingFailure> {
        let had_begun = match event.kind {
            EventKind::Failed => true,
            EventKind::StartFailed => false,
            _ => return None,
        };
        let status = view.error;
        Some(RecordingFailure { status, had_begun })
    }
}

impl StateChange {
    fn new(
        engine: &Engine,
        event: &Event,
        view: &RecordingView,
        recorded: CallRecordingState,
        newest: Option<NewestRecording>,
    ) -> StateChange {
        let ended = [EndReason::CallEnded, EndReason::EngineClosed].map(Some);
        let ended = ended.contains(&view.end_reason);
        StateChange {
            info: view.info.clone(),
            recorded,
            newest,
            monitorable: if ended {
                None
            } else {
                engine.is_monitorable(view.call)
            },
            mandatory: engine.is_mandatory(view.call),
            now_ms: event.time_ms,
            failed: None,
        }
    }
}

/// The recorded calls by number.
pub struct CallTracker {
    calls: HashMap<u64, TrackedCall>,
    /// Calls with held events.
    with_held_events: HashSet<u64>,
    /// The order of the newest recording at the start; older ones are not awaited.
    floor: u64,
    /// Beyond this number of calls, ended ones are removed.
    prune_at: usize,
}

impl CallTracker {
    /// Starts with the calls that are live now.
    pub fn with_live_calls(engine: &Engine) -> CallTracker {
        let mut tracker = CallTracker {
            calls: HashMap::new(),
            with_held_events: HashSet::new(),
            floor: engine.latest_order(),
            prune_at: 64,
        };
        // A closing engine has no calls to track.
        let calls = engine
            .calls(&Caller::Host, &Filter::default())
            .unwrap_or_default();
        for view in calls.iter().flat_map(|call| &call.live) {
            let tracked = tracker.call(view.call);
            tracked.set_state(view, CallRecordingState::of_live(view.state));
            tracked.notified = tracked.recorded();
        }
        tracker
    }

    fn call(&mut self, number: u64) -> &mut TrackedCall {
        let floor = self.floor;
        self.calls
            .entry(number)
            .or_insert_with(|| TrackedCall::new(floor))
    }

    pub fn has_held_events(&self) -> bool {
        !self.with_held_events.is_empty()
    }

    /// Processes an event. Returns the resulting notifications in order.
    pub fn on_event(&mut self, engine: &Engine, event: &Arc<Event>) -> Vec<StateChange> {
        let Some(view) = view_of(event) else {
            let call = event
                .subject
                .call()
                .filter(|_| event.kind == EventKind::StartFailed);
            return call
                .and_then(|call| refused_start(engine, event, call))
                .into_iter()
                .collect();
        };
        // Call 0 belongs to an earlier process and has ended.
        if view.call == 0 {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let call = self.call(view.call);
        call.touched = Instant::now();
        call.forget_unbegun(engine, view.id);
        if call.contains(view.id) {
            changes.extend(call.apply(engine, event, view));
        } else if is_first_event(event) || call.held.contains_key(&view.order) {
            call.held.entry(view.order).or_default().push_back(event.clone());
        }
        call.advance(engine, &mut changes);
        let has_held = !call.held.is_empty();
        if has_held {
            self.with_held_events.insert(view.call);
        } else {
            self.with_held_events.remove(&view.call);
        }
        if self.calls.len() > self.prune_at {
            self.prune(engine);
        }
        changes
    }

    /// Releases events that no longer need to be held. Called when no event arrives.
    pub fn retry_held(&mut self, engine: &Engine) -> Vec<StateChange> {
        let mut changes = Vec::new();
        self.with_held_events.retain(|number| {
            let Some(call) = self.calls.get_mut(number) else {
                return false;
            };
            call.advance(engine, &mut changes);
            !call.held.is_empty()
        });
        changes
    }

    fn prune(&mut self, engine: &Engine) {
        let now = Instant::now();
        self.calls.retain(|number, call| {
            let is_idle = call.live.is_empty() && call.held.is_empty();
            !is_idle || now - call.touched < FORGET_AFTER || engine.is_monitorable(*number).is_some()
        });
        self.prune_at = (2 * self.calls.len()).max(64);
    }
}

/// One call.
struct TrackedCall {
    live: Vec<(Uuid, CallRecordingState)>,
    newest: Option<NewestRecording>,
    notified: CallRecordingState,
    /// The order of the newest recording that has begun or failed to begin.
    begun: u64,
    /// Held events by the order of their recording.
    held: BTreeMap<u64, VecDeque<Arc<Event>>>,
    touched: Instant,
}

impl TrackedCall {
    fn new(floor: u64) -> TrackedCall {
        TrackedCall {
            live: Vec::new(),
            newest: None,
            notified: CallRecordingState::Stopped,
            begun: floor,
            held: BTreeMap::new(),
            touched: Instant::now(),
        }
    }

    fn set_state(&mut self, view: &RecordingView, state: CallRecordingState) {
        match self.live.iter_mut().find(|(id, _)| *id == view.id) {
            Some(known) => known.1 = state,
            None => self.live.push((view.id, state)),
        }
        if self
            .newest
            .as_ref()
            .is_none_or(|newest| view.order > newest.order)
        {
            self.newest = Some(NewestRecording {
                id: view.id,
                order: view.order,
                started_at_ms: view.started_at_ms,
                info: view.first_info.clone(),
            });
        }
    }

    fn recorded(&self) -> CallRecordingState {
        CallRecordingState::of(self.live.iter().map(|(_, state)| *state))
    }

    fn contains(&self, id: Uuid) -> bool {
        self.live.iter().any(|(known, _)| *known == id)
    }

    /// Forgets recordings that had no file when tracking began and whose failure was published
    /// before that. They need no notification. Keeps the recording `except`.
    fn forget_unbegun(&mut self, engine: &Engine, except: Uuid) {
        self.live
            .retain(|(id, _)| *id == except || engine.view(*id).is_some());
    }

    /// Whether an event of an earlier recording is still due.
    fn must_wait(&self, engine: &Engine, view: &RecordingView) -> bool {
        // A recording unknown to the engine failed to begin, and that was notified before.
        let is_pending = |(order, id): (u64, Uuid)| order > self.begun && engine.view(id).is_some();
        let ended = |(id, _): &(Uuid, CallRecordingState)| {
            let before = engine.view(*id).map_or(0, |before| before.ended);
            before != 0 && before < view.order
        };
        view.previous.is_some_and(is_pending) || self.live.iter().any(ended)
    }

    /// Applies the events that need not be held any longer.
    fn advance(&mut self, engine: &Engine, changes: &mut Vec<StateChange>) {
        while let Some((_, events)) = self.held.first_key_value() {
            let view = events.front().and_then(|event| view_of(event));
            if view.is_some_and(|view| self.must_wait(engine, view)) {
                return;
            }
            let Some((_, events)) = self.held.pop_first() else {
                return;
            };
            for event in &events {
                if let Some(view) = view_of(event) {
                    changes.extend(self.apply(engine, event, view));
                }
            }
        }
    }

    fn apply(&mut self, engine: &Engine, event: &Event, view: &RecordingView) -> Option<StateChange> {
        match event.kind {
            EventKind::Started | EventKind::Resumed => self.set_state(view, CallRecordingState::Recording),
            EventKind::Paused => self.set_state(view, CallRecordingState::Paused),
            EventKind::Finished | EventKind::Failed | EventKind::StartFailed => {
                self.live.retain(|(id, _)| *id != view.id)
            }
            _ => {}
        }
        self.begun = self.begun.max(view.order);
        let failed = RecordingFailure::of(event, view);
        let now = self.recorded();
        if now == self.notified && failed.is_none() {
            return None;
        }
        self.notified = now;
        let newest = self.newest.clone().or_else(|| newest_from_engine(engine, view));
        let mut change = StateChange::new(engine, event, view, now, newest);
        change.failed = failed;
        Some(change)
    }
}

/// Whether this is the first event of a recording.
fn is_first_event(event: &Event) -> bool {
    matches!(event.kind, EventKind::Started | EventKind::StartFailed)
}

fn view_of(event: &Event) -> Option<&RecordingView> {
    event.subject.recording()
}

/// The newest recording of a call that is not tracked yet.
fn newest_from_engine(engine: &Engine, view: &RecordingView) -> Option<NewestRecording> {
    live_call(engine, view.call, &view.info)?.newest
}

/// The live call with this number, if its description has not changed.
fn live_call(engine: &Engine, number: u64, info: &CallInfo) -> Option<CallView> {
    let filter = Filter {
        call_id: info.call_id.clone(),
        ..Filter::line(&info.device_name, &info.directory_number)
    };
    let calls = engine.calls(&Caller::Host, &filter).unwrap_or_default();
    calls.into_iter().find(|call| call.number == number)
}

/// A refused automatic recording: its event describes only the call.
fn refused_start(engine: &Engine, event: &Event, call: &CallFacts) -> Option<StateChange> {
    let call = live_call(engine, call.number, &call.info)?;
    Some(StateChange {
        recorded: recorded(std::slice::from_ref(&call)),
        newest: call.newest,
        monitorable: Some(call.monitorable),
        mandatory: call.mandatory,
        info: call.info,
        now_ms: event.time_ms,
        failed: Some(RecordingFailure {
            status: Status::from_code(event.status).unwrap_or(Status::Internal),
            had_begun: false,
        }),
    })
}
