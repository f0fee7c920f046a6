//! `LiveRecordings`: start, stop, pause, resume and list.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::active_list::KEPT_MAX;
use super::{Imagicle, catch_panic, error_response, name, parameter, require_complete_management};
use crate::Gateway;
use crate::http::{self as form, HttpRequest, HttpResponse, empty};
use crate::imagicle::active::{ExtraMembers, active_recordings};
use callrec_core::calls::{Caller, ControlOperation, Filter, RecordingSpec};
use callrec_core::clock::unix_ms;
use callrec_core::engine::current_duration_ms;
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{Error, Layout, Result, Status};

/// Reason "The requesting user lacks an extension number."
const NO_EXTENSION: i32 = 3;

/// The body of a start.
#[derive(Debug, Default, PartialEq)]
struct StartBody {
    device: Text,
    number: Text,
    mode: Mode,
}

/// How the audio arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mode {
    #[default]
    MediaForking,
    /// Started by a program, not manually.
    DialIn,
    Unknown,
}

/// Starts a recording. Without a body, on the caller's own line.
pub fn start(gateway: &Gateway, caller: &Caller, request: &HttpRequest) -> HttpResponse {
    let body = request.body().trim_ascii();
    let started = catch_panic(|| {
        if body.is_empty() || body == b"null" {
            return start_own(gateway, caller);
        }
        // An unreadable body names no target.
        let json = request.json(gateway.config().json_depth);
        let members = json.as_ref().ok().and_then(Value::as_object);
        let body = members.map_or_else(StartBody::default, parse_body);
        let spec = spec_of(gateway, &body);
        gateway.recorder().start(caller, &target_of(&body), spec)
    });
    match started {
        Ok(id) => form::json(StatusCode::CREATED, &json!({ "id": id.to_string() })),
        // The published status of a server that cannot start recordings.
        Err(error) if error.status == Status::Unavailable => empty(StatusCode::SERVICE_UNAVAILABLE),
        Err(error) => error_response(&error),
    }
}

fn start_own(gateway: &Gateway, caller: &Caller) -> Result<uuid::Uuid> {
    caller.authenticate()?;
    let own = Filter {
        username: caller.username(),
        ..Filter::default()
    };
    let calls = match own.is_empty() {
        true => Vec::new(),
        // Only a call of this node can be started, so only its line counts.
        false => gateway.engine().calls(&Caller::Host, &own)?,
    };
    if calls.iter().all(|call| call.info.directory_number.is_empty()) {
        let message = format!("user \"{}\": no call on a line that has a number", own.username);
        return Err(Error::new(Status::NoTarget, message).with_reason(NO_EXTENSION));
    }
    gateway
        .recorder()
        .start_own(caller, spec_of(gateway, &StartBody::default()))
}

fn target_of(body: &StartBody) -> Filter {
    Filter::line(&body.device, &body.number)
}

fn spec_of(gateway: &Gateway, body: &StartBody) -> Result<RecordingSpec> {
    let mut spec = gateway.recorder().default_spec(gateway.engine().config().format);
    match body.mode {
        Mode::MediaForking => {}
        Mode::DialIn => spec.audio.layout = Layout::Mono,
        Mode::Unknown => return Err(unknown_mode()),
    }
    Ok(spec)
}

fn unknown_mode() -> Error {
    Error::new(Status::InvalidMode, "mode must be 0 or 1").with_reason(2)
}

fn parse_body(body: &Map<String, Value>) -> StartBody {
    let field = |field_name: &str| {
        let exact = body.get(field_name);
        let found = exact.or_else(|| {
            let mut fields = body.iter();
            fields
                .find(|(key, _)| key.eq_ignore_ascii_case(field_name))
                .map(|(_, value)| value)
        });
        found.unwrap_or(&Value::Null)
    };
    let text = |field_name: &str| match field(field_name) {
        Value::String(text) => name(text),
        // Some clients send the directory number as a JSON number.
        Value::Number(number) => name(&number.to_string()),
        _ => Text::default(),
    };
    StartBody {
        device: text("deviceName"),
        number: text("directoryNumber"),
        mode: match field("mode") {
            Value::Null => Mode::MediaForking,
            mode => match mode.as_i64() {
                Some(0) => Mode::MediaForking,
                Some(1) => Mode::DialIn,
                _ => Mode::Unknown,
            },
        },
    }
}

pub fn control_by_id(
    gateway: &Gateway,
    caller: &Caller,
    id: &str,
    operation: ControlOperation,
) -> Result<()> {
    require_complete_management(caller)?;
    catch_panic(|| gateway.recorder().control_by_id(caller, operation, id))
}

pub fn stop_by_line(gateway: &Gateway, caller: &Caller, request: &HttpRequest) -> Result<()> {
    require_complete_management(caller)?;
    let device = parameter(request, "deviceName");
    let number = parameter(request, "directoryNumber");
    catch_panic(|| {
        gateway
            .recorder()
            .control_by_line(caller, ControlOperation::Stop, &device, &number)
            .map(drop)
    })
}

/// Pause and resume select by number only.
pub fn control_by_number(
    gateway: &Gateway,
    caller: &Caller,
    request: &HttpRequest,
    operation: ControlOperation,
) -> Result<()> {
    require_complete_management(caller)?;
    let number = parameter(request, "directoryNumber");
    catch_panic(|| {
        gateway
            .recorder()
            .control_by_line(caller, operation, &Text::default(), &number)
            .map(drop)
    })
}

/// Controls all recordings of the caller's own calls, at any level.
pub fn control_own(gateway: &Gateway, caller: &Caller, operation: ControlOperation) -> Result<()> {
    caller.authenticate()?;
    catch_panic(|| gateway.recorder().control_own(caller, operation).map(drop))
}

pub async fn list(imagicle: &Imagicle, caller: &Caller, request: &HttpRequest) -> HttpResponse {
    let filter = Filter {
        device_name: parameter(request, "deviceName"),
        directory_number: parameter(request, "directoryNumber"),
        username: parameter(request, "username"),
        numeric_user_id: parameter(request, "numericUserId"),
        ..Filter::default()
    };
    if let Err(error) = require_complete_management(caller) {
        return error_response(&error);
    }
    let result = match filter.is_empty() {
        true => list_all(imagicle, caller).await,
        false => list_matching(&imagicle.gateway, caller.clone(), filter).await,
    };
    match result {
        Ok(text) => form::response(StatusCode::OK, Some("application/json"), text),
        Err(error) => error_response(&error),
    }
}

/// All recordings. Every caller who may list at all sees the same.
async fn list_all(imagicle: &Imagicle, caller: &Caller) -> Result<Bytes> {
    let current = catch_panic(|| {
        imagicle
            .active_list
            .current(imagicle.gateway.recorder(), unix_ms())
    })?;
    if let Some(text) = current {
        return Ok(text);
    }
    let (gateway, list) = (imagicle.gateway.clone(), imagicle.active_list.clone());
    if gateway.recorder().statistics()?.live_recordings > KEPT_MAX as u64 {
        return list_matching(&gateway, caller.clone(), Filter::default()).await;
    }
    read_list(move || list.read(gateway.recorder(), gateway.engine().config(), unix_ms())).await
}

async fn list_matching(gateway: &Arc<Gateway>, caller: Caller, filter: Filter) -> Result<Bytes> {
    let gateway = gateway.clone();
    let read = move || {
        let mut views = gateway.recorder().list(&caller, &filter)?;
        let now_ms = unix_ms();
        for view in &mut views {
            view.readings.duration_ms = current_duration_ms(view, gateway.engine().config(), now_ms);
        }
        Ok(active_recordings(&views, ExtraMembers::None).into())
    };
    read_list(read).await
}

/// Reads on a thread of its own, because a list may have a hundred thousand entries.
async fn read_list(read: impl FnOnce() -> Result<Bytes> + Send + 'static) -> Result<Bytes> {
    let panicked = |_| Err(Error::new(Status::Internal, "a fault inside callrec"));
    let result = tokio::task::spawn_blocking(move || catch_panic(read));
    result.await.unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: Value) -> StartBody {
        parse_body(body.as_object().expect("an object"))
    }

    #[test]
    fn a_body_is_parsed_as_the_published_server_does() {
        let expected = StartBody {
            device: "SEP1".into(),
            number: "101".into(),
            mode: Mode::DialIn,
        };
        let exact = json!({ "deviceName": "SEP1", "directoryNumber": "101", "mode": 1 });
        assert_eq!(parsed(exact), expected);
        let lenient = json!({ "DeviceName": "SEP1", "directorynumber": 101, "MODE": 1, "other": [] });
        assert_eq!(parsed(lenient), expected);
        let empty = json!({ "deviceName": null, "directoryNumber": {}, "mode": null });
        assert_eq!(parsed(empty), StartBody::default());
        assert_eq!(
            parsed(json!({ "deviceName": "a\0b" })).device.as_str(),
            "a\u{fffd}b"
        );
    }

    #[test]
    fn other_modes_are_unknown() {
        for mode in [json!(2), json!(-1), json!(0.5), json!("1"), json!([0])] {
            assert_eq!(parsed(json!({ "mode": mode })).mode, Mode::Unknown, "{mode}");
        }
    }
}
