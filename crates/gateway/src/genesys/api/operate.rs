//! Start, stop, pause and resume, as a call's own user asks for them.

use serde_json::Value;

use super::call::Shown;
use super::operation::Operation;
use super::status::{Code, not_found, refusal, refused};
use super::{Genesys, named_calls, success, user_calls};
use crate::http::{Answer, Asked};
use callrec_core::calls::spec::ADDITIONAL;
use callrec_core::calls::{self, CallState, CallView, Caller, Filter};
use callrec_core::text::Text;
use callrec_core::types::{Error, PauseMode, Result, Status};

/// `POST /me/calls/{id}`
pub fn operate(genesys: &Genesys, me: &Caller, id: &Text, asked: &Asked) -> Answer {
    let gateway = &genesys.gateway;
    let operation = match parse(genesys, asked) {
        Ok(operation) => operation,
        Err((code, message)) => return refused(code, &message),
    };
    let found = match named_calls(gateway, me, id) {
        Ok(calls) => calls,
        Err(error) => return refusal(&error),
    };
    let Some(first) = found.first() else {
        return not_found();
    };
    if let Err((code, message)) = legal(operation, &found) {
        return refused(code, &message);
    }
    match act(genesys, me, &first.info.call_id, operation, &found) {
        Ok(()) => success(),
        Err(error) => refusal(&error),
    }
}

pub fn parse(genesys: &Genesys, asked: &Asked) -> std::result::Result<Operation, (Code, String)> {
    let missing = || (Code::Missing, "operationName is missing".to_owned());
    if asked.body().is_empty() {
        return Err(missing());
    }
    let body = asked.json(genesys.gateway.config().json_depth);
    let body = body.map_err(|why| (Code::Invalid, format!("The body is no JSON: {why}")))?;
    let Value::Object(members) = body else {
        return Err((Code::Invalid, "The body is no JSON object".into()));
    };
    let name = match members.get("operationName") {
        None | Some(Value::Null) => return Err(missing()),
        Some(Value::String(name)) => name,
        Some(_) => return Err((Code::Invalid, "operationName is no string".into())),
    };
    let known = Operation::ALL
        .into_iter()
        .find(|operation| operation.text() == name);
    if let Some(operation) = known {
        return Ok(operation);
    }
    if genesys.config.capabilities.contains(name) {
        // A call has it, but the recorder cannot do it.
        return Err((Code::Forbidden, format!("{name} is no operation of recording")));
    }
    Err((Code::Invalid, "There is no such operationName".into()))
}

/// What is legal is what the capabilities say, but a start needs a connected call.
fn legal(operation: Operation, found: &[CallView]) -> std::result::Result<(), (Code, String)> {
    let starts = operation == Operation::Start;
    let connected = || found.iter().any(|end| end.info.state == CallState::Connected);
    let shown = Shown::live(found, 0);
    let has = |shown: &Shown<'_>| shown.operations().contains(&operation);
    if shown.as_ref().is_some_and(has) && (!starts || connected()) {
        return Ok(());
    }
    if starts
        && shown
            .as_ref()
            .is_some_and(|shown| shown.monitorable == Some(false))
    {
        return Err((Code::Forbidden, "The line is not to be recorded".into()));
    }
    if operation == Operation::Stop && shown.is_some_and(|shown| shown.mandatory) {
        return Err((Code::Forbidden, "The line's recordings are mandatory".into()));
    }
    let text = format!("{} is not valid for the call's current state", operation.text());
    Err((Code::WrongState, text))
}

fn act(genesys: &Genesys, me: &Caller, id: &Text, operation: Operation, found: &[CallView]) -> Result<()> {
    let recorder = genesys.gateway.recorder();
    let control = |operation| recorder.control_by_call(me, operation, id, None);
    match operation {
        Operation::Start => start(genesys, me, id, found),
        Operation::Pause => control(calls::ControlOperation::Pause).map(drop),
        Operation::Resume => control(calls::ControlOperation::Resume).map(drop),
        Operation::Stop => match control(calls::ControlOperation::Stop)?.changed {
            0 => Err(Error::new(Status::NotLive, "The call is not being recorded")),
            _ => Ok(()),
        },
    }
}

fn start(genesys: &Genesys, me: &Caller, id: &Text, found: &[CallView]) -> Result<()> {
    let (recorder, config) = (genesys.gateway.recorder(), genesys.gateway.engine().config());
    let target = Filter::call(id);
    let mut spec = recorder.default_spec(config.format);
    // Published: a pause is silence of its length.
    spec.audio.pause_mode = PauseMode::Silence;
    let mut connected = found
        .iter()
        .filter(|call| call.info.state == CallState::Connected);
    if !connected.next().is_some_and(|call| call.automatic) {
        return recorder.start(me, &target, Ok(spec)).map(drop);
    }
    // Published: what a line's mark has begun is controlled all the same. One after the other,
    // so that of two starts one is refused.
    let _one = genesys.starts.lock();
    if user_calls(&genesys.gateway, me, id)?
        .iter()
        .any(|call| !call.live.is_empty())
    {
        return Err(Error::new(
            Status::AlreadyRecording,
            "StartCallRecording is not valid for the call's current state",
        ));
    }
    // An automatic line does not refuse a further recording.
    spec.flags = ADDITIONAL;
    recorder.start(me, &target, Ok(spec)).map(drop)
}
