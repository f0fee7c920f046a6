//! Stop, discard, pause and resume, by id, by line or by call.

use callrec_media::sort::sort_by_key;
use std::sync::Arc;

use uuid::Uuid;

use super::filter::Filter;
use super::hold::held;
pub use super::id::parse_id;
use super::recording::Recording;
use super::registry::Registry;
use super::registry_state::RegistryState;
use super::rules::{self, Caller, ControlCounts, ControlOperation};
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Result, Status};

/// The result of a control operation for one live recording.
pub struct ControlOutcome {
    pub recording: Arc<Recording>,
    pub status: Status,
}

/// How a request names its target, which decides which rules apply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetKind {
    Id,
    Line { device: bool },
    Call,
}

/// A control operation that applies to each target.
pub(super) struct ControlRequest<'a> {
    pub caller: &'a Caller,
    pub operation: ControlOperation,
    pub target_kind: TargetKind,
    pub now_ms: i64,
}

impl Registry {
    pub fn control_by_id(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        id: &str,
        now_ms: i64,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<()> {
        caller.authenticate()?;
        let parsed = parse_id(id);
        let mut inner = self.lock();
        let found = parsed.as_ref().ok().and_then(|id| inner.live(*id));
        if caller.is_limited() && !parsed.as_ref().is_ok_and(|id| inner.is_own(caller, *id)) {
            return Err(caller.forbidden());
        }
        let id = parsed?;
        let call = inner.automatic_call_of(id);
        inner.set_next_automatic_paused(operation, call.as_slice(), self.now_ns());
        let Some(recording) = found else {
            return Err(Error::new(
                Status::NotLive,
                format!("id {id}: no such live recording"),
            ));
        };
        let request = ControlRequest {
            caller,
            operation,
            target_kind: TargetKind::Id,
            now_ms,
        };
        self.control_all(&mut inner, &request, vec![recording], outcomes)
            .map(drop)
    }

    pub fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
        now_ms: i64,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<ControlCounts> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let filter = Filter::line(device, number);
        let calls = inner.allowed(caller, &filter)?;
        if filter.is_empty() {
            return Err(no_target("neither device_name nor directory_number is given"));
        }
        inner.set_next_automatic_paused(operation, &calls, self.now_ns());
        let targets = inner.live_of(&calls);
        if targets.is_empty() {
            return Err(Error::new(
                Status::NotLive,
                format!("device_name \"{device}\", directory_number \"{number}\": no live recording there"),
            ));
        }
        let target_kind = TargetKind::Line {
            device: !device.is_empty(),
        };
        let request = ControlRequest {
            caller,
            operation,
            target_kind,
            now_ms,
        };
        self.control_all(&mut inner, &request, targets, outcomes)
    }

    /// With `url`, controls only the recording of that URL. A stop succeeds even if no recording
    /// is live.
    pub fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        url: Option<&Text>,
        now_ms: i64,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<ControlCounts> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let filter = Filter::call(call_id);
        let calls = inner.allowed(caller, &filter)?;
        if filter.is_empty() {
            return Err(Error::new(Status::InvalidArgument, "call_id is missing"));
        }
        if calls.is_empty() {
            return Err(Error::new(
                Status::NoCall,
                format!("call_id \"{call_id}\": no such call"),
            ));
        }
        let request = ControlRequest {
            caller,
            operation,
            target_kind: TargetKind::Call,
            now_ms,
        };
        self.control_calls(&mut inner, &request, &calls, call_id, url, outcomes)
    }

    /// Controls the live recordings of these calls, or with `url` only the recording of that URL.
    /// `call_id` is for the error.
    pub(super) fn control_calls(
        &self,
        inner: &mut RegistryState,
        request: &ControlRequest<'_>,
        calls: &[u64],
        call_id: &Text,
        url: Option<&Text>,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<ControlCounts> {
        inner.set_next_automatic_paused(request.operation, calls, self.now_ns());
        let mut targets = inner.live_of(calls);
        if let Some(url) = url {
            targets.retain(|recording| recording.url == *url);
        }
        if !targets.is_empty() {
            return self.control_all(inner, request, targets, outcomes);
        }
        match request.operation.ends() {
            true => Ok(ControlCounts::default()),
            false => Err(Error::new(
                Status::NotLive,
                format!("call_id \"{call_id}\": none of its recordings is live"),
            )),
        }
    }

    /// Controls every recording of the caller's own calls.
    pub fn control_own(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        now_ms: i64,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<ControlCounts> {
        let username = caller.username();
        let mut inner = self.lock();
        let filter = Filter {
            username: username.clone(),
            ..Filter::default()
        };
        // An empty name would match every call.
        let targets = match username.is_empty() {
            true => Vec::new(),
            false => {
                let calls = inner.matching(&filter);
                inner.set_next_automatic_paused(operation, &calls, self.now_ns());
                inner.live_of(&calls)
            }
        };
        if targets.is_empty() {
            return Err(Error::new(
                Status::NotLive,
                format!("user \"{username}\": no live recording"),
            ));
        }
        let target_kind = TargetKind::Line { device: false };
        let request = ControlRequest {
            caller,
            operation,
            target_kind,
            now_ms,
        };
        self.control_all(&mut inner, &request, targets, outcomes)
    }

    /// Controls every recording that the rules allow. If none changed, returns the error of the newest.
    fn control_all(
        &self,
        inner: &mut RegistryState,
        request: &ControlRequest<'_>,
        mut targets: Vec<Arc<Recording>>,
        outcomes: &mut Vec<ControlOutcome>,
    ) -> Result<ControlCounts> {
        sort_by_key(&mut targets, |recording| recording.order);
        let mut counts = ControlCounts::default();
        let mut newest = None;
        for recording in &targets {
            let done = self.control_one(inner, request, recording);
            outcomes.push(ControlOutcome {
                recording: recording.clone(),
                status: done.as_ref().map_or_else(|error| error.status, |()| Status::Ok),
            });
            match done {
                Ok(()) => counts.changed += 1,
                Err(error) => {
                    match error.status {
                        Status::AlreadyPaused | Status::NotPaused => counts.already += 1,
                        _ => counts.refused += 1,
                    }
                    newest = Some(error);
                }
            }
        }
        match newest {
            Some(error) if counts.changed == 0 => Err(error),
            _ => Ok(counts),
        }
    }

    fn control_one(
        &self,
        inner: &mut RegistryState,
        request: &ControlRequest<'_>,
        recording: &Arc<Recording>,
    ) -> Result<()> {
        let ControlRequest {
            caller,
            operation,
            target_kind,
            now_ms,
        } = *request;
        let Some(call) = inner.calls.get(&recording.call) else {
            return Err(Error::new(
                Status::NotLive,
                format!("id {}: its call has ended", recording.id),
            ));
        };
        if operation.ends() {
            let by_call = target_kind == TargetKind::Call;
            rules::may_end(caller, operation, by_call, &inner.policies, &call.info)?;
            if target_kind == (TargetKind::Line { device: true }) && recording.spec.is_manual_dial_in() {
                return Err(rules::dial_in(&call.info.device_name));
            }
        }
        if operation == ControlOperation::Discard && recording.lifecycle.lock().held {
            return Err(held(recording.id));
        }
        let media = call.media.clone();
        match operation {
            ControlOperation::Stop | ControlOperation::Discard => {
                let reason = match operation {
                    ControlOperation::Discard => EndReason::Discarded,
                    _ => EndReason::Stopped,
                };
                inner.record_automatic_pause(recording, false);
                self.finish_live(inner, recording, reason, now_ms);
                media.stop(recording.id, reason);
            }
            ControlOperation::Pause => {
                self.become_state(
                    recording,
                    RecordingState::Recording,
                    RecordingState::Paused,
                    Status::AlreadyPaused,
                )?;
                media.pause(recording.id);
                inner.record_automatic_pause(recording, true);
            }
            ControlOperation::Resume => {
                self.become_state(
                    recording,
                    RecordingState::Paused,
                    RecordingState::Recording,
                    Status::NotPaused,
                )?;
                media.resume(recording.id);
                inner.record_automatic_pause(recording, false);
            }
        }
        if let Some(call) = inner.calls.get_mut(&recording.call) {
            call.follow_interruptions(self.now_ns());
        }
        Ok(())
    }

    fn become_state(
        &self,
        recording: &Recording,
        from: RecordingState,
        to: RecordingState,
        otherwise: Status,
    ) -> Result<()> {
        let mut lifecycle = recording.lifecycle.lock();
        if lifecycle.state != from {
            let private = match &*lifecycle.info {
                info if info.private => ", and its call is private",
                info if info.consent.is_awaited() => ", and its call waits for consent",
                _ => "",
            };
            let state = lifecycle.state.text();
            return Err(Error::new(
                otherwise,
                format!("id {}: already {state}{private}", recording.id),
            ));
        }
        lifecycle.state = to;
        lifecycle.paused = to == RecordingState::Paused;
        drop(lifecycle);
        self.note_live_change();
        Ok(())
    }
}

pub(super) fn no_target(message: &str) -> Error {
    Error::new(Status::NoTarget, message).with_reason(0)
}

impl RegistryState {
    pub(super) fn live(&self, id: Uuid) -> Option<Arc<Recording>> {
        let recording = self.by_id.get(&id)?;
        let call = self.calls.get(&recording.call)?;
        call.live.iter().find(|live| live.id == id).cloned()
    }

    /// Whether the recording belongs to a live call that the caller owns.
    fn is_own(&self, caller: &Caller, id: Uuid) -> bool {
        let call = self
            .by_id
            .get(&id)
            .and_then(|recording| self.calls.get(&recording.call));
        call.is_some_and(|call| caller.owns(&call.info))
    }

    /// The matching calls that the caller may control. A limited caller sees only their own calls;
    /// fails with `Forbidden` if none of them matches.
    pub(super) fn allowed(&self, caller: &Caller, filter: &Filter) -> Result<Vec<u64>> {
        let mut calls = self.matching(filter);
        if caller.is_limited() {
            calls.retain(|number| self.calls.get(number).is_some_and(|call| caller.owns(&call.info)));
            if calls.is_empty() {
                return Err(caller.forbidden());
            }
        }
        Ok(calls)
    }

    fn live_of(&self, calls: &[u64]) -> Vec<Arc<Recording>> {
        let calls = calls.iter().filter_map(|number| self.calls.get(number));
        calls.flat_map(|call| call.live.iter().cloned()).collect()
    }
}
