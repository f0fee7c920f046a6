//! Stop, discard, pause and resume: by id, by line, by call.

use std::sync::Arc;

use uuid::Uuid;

use super::book::RegistryState;
use super::filter::Filter;
pub use super::id::parse_id;
use super::recording::Recording;
use super::registry::Registry;
use super::rules::{self, Caller, Counts, Operation};
use crate::text::Text;
use crate::words::{EndReason, Error, Result, State, Status};

/// A live recording that an operation was about, and what came of it.
pub struct Touched {
    pub recording: Arc<Recording>,
    pub status: Status,
}

/// How a target was named: it decides which rules hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Id,
    Line { device: bool },
    Call,
}

/// What is asked for of every target.
struct ControlRequest<'a> {
    caller: &'a Caller,
    operation: Operation,
    named: Named,
    now_ms: i64,
}

impl Registry {
    pub fn control_by_id(
        &self,
        caller: &Caller,
        operation: Operation,
        id: &str,
        now_ms: i64,
        touched: &mut Vec<Touched>,
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
        inner.heed_for_next_automatic(operation, call.as_slice());
        let Some(recording) = found else {
            return Err(Error::new(
                Status::NotLive,
                format!("id {id}: no such live recording"),
            ));
        };
        let request = ControlRequest {
            caller,
            operation,
            named: Named::Id,
            now_ms,
        };
        self.control_all(&mut inner, &request, vec![recording], touched)
            .map(drop)
    }

    pub fn control_by_line(
        &self,
        caller: &Caller,
        operation: Operation,
        device: &Text,
        number: &Text,
        now_ms: i64,
        touched: &mut Vec<Touched>,
    ) -> Result<Counts> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let filter = Filter::line(device, number);
        let calls = inner.allowed(caller, &filter)?;
        if filter.is_empty() {
            return Err(no_target());
        }
        inner.heed_for_next_automatic(operation, &calls);
        let targets = inner.live_of(&calls);
        if targets.is_empty() {
            return Err(Error::new(
                Status::NotLive,
                format!("device_name \"{device}\", directory_number \"{number}\": no live recording there"),
            ));
        }
        let named = Named::Line {
            device: !device.is_empty(),
        };
        let request = ControlRequest {
            caller,
            operation,
            named,
            now_ms,
        };
        self.control_all(&mut inner, &request, targets, touched)
    }

    /// With `url`: the one recording that it names; a stop without one is content
    /// to find none.
    pub fn control_by_call(
        &self,
        caller: &Caller,
        operation: Operation,
        call_id: &Text,
        url: Option<&Text>,
        now_ms: i64,
        touched: &mut Vec<Touched>,
    ) -> Result<Counts> {
        caller.authenticate()?;
        let mut inner = self.lock();
        let filter = Filter::call(call_id);
        let calls = inner.allowed(caller, &filter)?;
        if filter.is_empty() {
            return Err(Error::new(Status::InvalidArgument, "call_id: absent"));
        }
        if calls.is_empty() {
            return Err(Error::new(
                Status::NoCall,
                format!("call_id \"{call_id}\": no such call"),
            ));
        }
        inner.heed_for_next_automatic(operation, &calls);
        let mut targets = inner.live_of(&calls);
        if let Some(url) = url {
            targets.retain(|recording| recording.url == *url);
        }
        if targets.is_empty() {
            return if operation.ends() {
                Ok(Counts::default())
            } else {
                Err(Error::new(
                    Status::NotLive,
                    format!("call_id \"{call_id}\": none of its recordings is live"),
                ))
            };
        }
        let request = ControlRequest {
            caller,
            operation,
            named: Named::Call,
            now_ms,
        };
        self.control_all(&mut inner, &request, targets, touched)
    }

    /// All that is recorded of the caller's own calls.
    pub fn control_own(
        &self,
        caller: &Caller,
        operation: Operation,
        now_ms: i64,
        touched: &mut Vec<Touched>,
    ) -> Result<Counts> {
        let username = caller.username();
        let mut inner = self.lock();
        let filter = Filter {
            username: username.clone(),
            ..Filter::default()
        };
        // An empty name would be everybody's.
        let targets = match username.is_empty() {
            true => Vec::new(),
            false => {
                let calls = inner.matching(&filter);
                inner.heed_for_next_automatic(operation, &calls);
                inner.live_of(&calls)
            }
        };
        if targets.is_empty() {
            return Err(Error::new(
                Status::NotLive,
                format!("user \"{username}\": no live recording of theirs"),
            ));
        }
        let named = Named::Line { device: false };
        let request = ControlRequest {
            caller,
            operation,
            named,
            now_ms,
        };
        self.control_all(&mut inner, &request, targets, touched)
    }

    /// Acts on all that the rules allow; if nothing changed, the newest one's reason is the answer.
    fn control_all(
        &self,
        inner: &mut RegistryState,
        request: &ControlRequest<'_>,
        mut targets: Vec<Arc<Recording>>,
        touched: &mut Vec<Touched>,
    ) -> Result<Counts> {
        targets.sort_unstable_by_key(|recording| recording.order);
        let mut counts = Counts::default();
        let mut newest = None;
        for recording in &targets {
            let done = self.control_one(inner, request, recording);
            touched.push(Touched {
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
            named,
            now_ms,
        } = *request;
        let Some(call) = inner.calls.get(&recording.call) else {
            return Err(Error::new(
                Status::NotLive,
                format!("id {}: its call has ended", recording.id),
            ));
        };
        if operation.ends() {
            let by_call = named == Named::Call;
            rules::may_end(caller, operation, by_call, &inner.marks, &call.info)?;
            if named == (Named::Line { device: true }) && recording.spec.is_manual_dial_in() {
                return Err(rules::dial_in(&call.info.device_name));
            }
        }
        let wire = call.wire.clone();
        match operation {
            Operation::Stop | Operation::Discard => {
                let reason = match operation {
                    Operation::Discard => EndReason::Discarded,
                    _ => EndReason::Stopped,
                };
                self.finish_live(inner, recording, reason, now_ms);
                wire.stop(recording.id, reason);
                inner.note_automatic_pause(recording, false);
            }
            Operation::Pause => {
                become_state(recording, State::Recording, State::Paused, Status::AlreadyPaused)?;
                wire.pause(recording.id);
                inner.note_automatic_pause(recording, true);
            }
            Operation::Resume => {
                become_state(recording, State::Paused, State::Recording, Status::NotPaused)?;
                wire.resume(recording.id);
                inner.note_automatic_pause(recording, false);
            }
        }
        Ok(())
    }
}

fn become_state(recording: &Recording, from: State, to: State, otherwise: Status) -> Result<()> {
    let mut life = recording.life.lock();
    if life.state != from {
        let private = match life.info.private {
            true => ", and its call is private",
            false => "",
        };
        let state = life.state.text();
        return Err(Error::new(
            otherwise,
            format!("id {}: it is {state} already{private}", recording.id),
        ));
    }
    life.state = to;
    life.paused = to == State::Paused;
    Ok(())
}

pub(super) fn no_target() -> Error {
    Error::new(Status::NoTarget, "neither device_name nor directory_number").with_reason(0)
}

impl RegistryState {
    pub(super) fn live(&self, id: Uuid) -> Option<Arc<Recording>> {
        let recording = self.by_id.get(&id)?;
        let call = self.calls.get(&recording.call)?;
        call.live.iter().find(|live| live.id == id).cloned()
    }

    /// Whether it is a recording of a live call of the caller's own.
    fn is_own(&self, caller: &Caller, id: Uuid) -> bool {
        let call = self
            .by_id
            .get(&id)
            .and_then(|recording| self.calls.get(&recording.call));
        call.is_some_and(|call| caller.owns(&call.info))
    }

    /// The calls that match and that the caller may control. For a limited caller
    /// foreign calls do not exist, and none of their own is `FORBIDDEN`.
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
