//! Start, stop, pause and resume of a user's own calls.

use serde_json::Value;

use super::call::CallResource;
use super::recording_operation::RecordingOperation;
use super::status_code::{GenesysCode, engine_error, error_response, not_found};
use super::{Genesys, local_calls, named_calls, success};
use crate::http::{HttpRequest, HttpResponse};
use callrec_core::calls::spec::ADDITIONAL;
use callrec_core::calls::{self, CallState, CallView, Caller, Filter};
use callrec_core::text::Text;
use callrec_core::types::{Error, PauseMode, Result, Status};

/// `POST /me/calls/{id}`
pub fn operate(genesys: &Genesys, me: &Caller, id: &Text, request: &HttpRequest) -> HttpResponse {
    let gateway = &genesys.gateway;
    let operation = match parse(genesys, request) {
        Ok(operation) => operation,
        Err((code, message)) => return error_response(code, &message),
    };
    let found = match named_calls(gateway, me, id) {
        Ok(calls) => calls,
        Err(error) => return engine_error(&error),
    };
    let Some(first) = found.first() else {
        return not_found();
    };
    if let Err((code, message)) = check_allowed(operation, &found) {
        return error_response(code, &message);
    }
    match execute(genesys, me, &first.info.call_id, operation, &found) {
        Ok(()) => success(),
        Err(error) => engine_error(&error),
    }
}

pub fn parse(
    genesys: &Genesys,
    request: &HttpRequest,
) -> std::result::Result<RecordingOperation, (GenesysCode, String)> {
    let missing = || {
        (
            GenesysCode::MissingParameter,
            "operationName is missing".to_owned(),
        )
    };
    if request.body().is_empty() {
        return Err(missing());
    }
    let body = request.json(genesys.gateway.config().json_depth);
    let body = body.map_err(|error| (GenesysCode::Invalid, format!("The body is no JSON: {error}")))?;
    let Value::Object(members) = body else {
        return Err((GenesysCode::Invalid, "The body is no JSON object".into()));
    };
    let name = match members.get("operationName") {
        None | Some(Value::Null) => return Err(missing()),
        Some(Value::String(name)) => name,
        Some(_) => return Err((GenesysCode::Invalid, "operationName is no string".into())),
    };
    let known = RecordingOperation::ALL
        .into_iter()
        .find(|operation| operation.name() == name);
    if let Some(operation) = known {
        return Ok(operation);
    }
    if genesys.config.capabilities.contains(name) {
        // A capability of the call that is not a recording operation.
        return Err((
            GenesysCode::Forbidden,
            format!("{name} is no operation of recording"),
        ));
    }
    Err((GenesysCode::Invalid, "There is no such operationName".into()))
}

/// Allows the operations that the capabilities list. A start also needs a connected call.
fn check_allowed(
    operation: RecordingOperation,
    found: &[CallView],
) -> std::result::Result<(), (GenesysCode, String)> {
    let is_start = operation == RecordingOperation::Start;
    let is_connected = || found.iter().any(|end| end.info.state == CallState::Connected);
    let call = CallResource::live(found, 0);
    let allows = |call: &CallResource<'_>| call.operations().contains(&operation);
    if call.as_ref().is_some_and(allows) && (!is_start || is_connected()) {
        return Ok(());
    }
    if is_start && call.as_ref().is_some_and(|call| call.monitorable == Some(false)) {
        return Err((GenesysCode::Forbidden, "The line is not to be recorded".into()));
    }
    if operation == RecordingOperation::Stop && call.is_some_and(|call| call.mandatory) {
        return Err((
            GenesysCode::Forbidden,
            "The line's recordings are mandatory".into(),
        ));
    }
    let text = format!("{} is not valid for the call's current state", operation.name());
    Err((GenesysCode::WrongState, text))
}

fn execute(
    genesys: &Genesys,
    me: &Caller,
    id: &Text,
    operation: RecordingOperation,
    found: &[CallView],
) -> Result<()> {
    let recorder = genesys.gateway.recorder();
    let control = |operation| recorder.control_by_call(me, operation, id, None);
    match operation {
        RecordingOperation::Start => start(genesys, me, id, found),
        RecordingOperation::Pause => control(calls::ControlOperation::Pause).map(drop),
        RecordingOperation::Resume => control(calls::ControlOperation::Resume).map(drop),
        RecordingOperation::Stop => match control(calls::ControlOperation::Stop)?.changed {
            0 => Err(Error::new(Status::NotLive, "The call is not being recorded")),
            _ => Ok(()),
        },
    }
}

fn start(genesys: &Genesys, me: &Caller, id: &Text, found: &[CallView]) -> Result<()> {
    let (recorder, config) = (genesys.gateway.recorder(), genesys.gateway.engine().config());
    let target = Filter::call(id);
    let mut spec = recorder.default_spec(config.format);
    // As published, a pause is recorded as silence of its length.
    spec.audio.pause_mode = PauseMode::Silence;
    let mut connected = found
        .iter()
        .filter(|call| call.info.state == CallState::Connected);
    if !connected.next().is_some_and(|call| call.automatic) {
        return recorder.start(me, &target, Ok(spec)).map(drop);
    }
    // As published, a recording that the line's policy has started can be controlled as usual. The
    // lock makes one of two concurrent starts fail.
    let _guard = genesys.starts.lock();
    if local_calls(&genesys.gateway, me, id)?
        .iter()
        .any(|call| !call.live.is_empty())
    {
        return Err(Error::new(
            Status::AlreadyRecording,
            "StartCallRecording is not valid for the call's current state",
        ));
    }
    // An automatic line does not refuse an additional recording.
    spec.flags = ADDITIONAL;
    recorder.start(me, &target, Ok(spec)).map(drop)
}
