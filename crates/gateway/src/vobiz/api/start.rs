//! `POST …/Call/{call_uuid}/Record/`

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::callback::Callback;
use super::{Dialect, VobizRequest};
use crate::callbacks::check_allowed;
use crate::http::{HttpResponse, json as json_response, name};
use crate::recording_url::shared_url_of;
use callrec_core::calls::spec::ADDITIONAL;
use callrec_core::calls::{Caller, Filter, RecordingSpec};
use callrec_core::events::LogLevel;
use callrec_core::storage::JobSpecs;
use callrec_core::types::{AudioSpec, Error, Format, Layout, PauseMode, Result, Status, parse_format};

/// The published default limit of a recording in seconds.
const TIME_LIMIT: u64 = 60;
/// The longest limit that fits into the engine's milliseconds.
const TIME_LIMIT_MAX: u64 = u32::MAX as u64 / 1000;

/// Transcription is not offered, but does not prevent the recording.
const TRANSCRIPTION: [&str; 3] = ["transcription_type", "transcription_url", "transcription_method"];

pub fn respond(request: &VobizRequest<'_>, caller: &Caller, call: &str) -> HttpResponse {
    let parameters = request.parameters().map_err(invalid);
    let transcription = parameters.as_ref().is_ok_and(requests_transcription);
    let spec = parameters.and_then(|parameters| spec(request, &parameters));
    let recorder = request.gateway.recorder();
    let started = recorder.start(caller, &Filter::call(&name(call)), spec);
    let found = started.and_then(|id| {
        let view = recorder.get(&Caller::Host, &id.to_string())?;
        Ok((id, view.url))
    });
    let (id, url) = match found {
        Ok(found) => found,
        Err(error) => return request.engine_error(&error),
    };
    if transcription {
        let message = format!(
            "recording {id}: its start requested a transcription, which callrec does not offer; the call is recorded without one"
        );
        request.gateway.engine().bus().log(LogLevel::Warning, message);
    }
    let (status, message) = match request.dialect {
        Dialect::Vobiz => (StatusCode::OK, "recording started"),
        Dialect::Plivo => (StatusCode::ACCEPTED, "call recording started"),
    };
    let body = json!({
        "api_id": request.api_id,
        "message": message,
        "recording_id": id.to_string(),
        "url": shared_url_of(request.gateway, url.as_str()),
    });
    json_response(status, &body)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

fn spec(request: &VobizRequest<'_>, parameters: &Map<String, Value>) -> Result<RecordingSpec> {
    let format = parse_format_parameter(text(parameters, "file_format")?)?;
    let audio = AudioSpec {
        layout: match text(parameters, "record_channel_type")? {
            None | Some("mono") => Layout::Mono,
            Some("stereo") => Layout::Stereo,
            Some(_) => return Err(invalid("record_channel_type: mono or stereo is needed")),
        },
        format,
        pause_mode: PauseMode::Silence,
        max_duration_ms: time_limit_ms(parameters)?,
        rate: request.gateway.recorder().file_rate(format),
    };
    Ok(RecordingSpec {
        audio,
        // Each start adds a recording.
        flags: ADDITIONAL,
        jobs: callback(request, parameters)?,
        ..request.gateway.recorder().default_spec(format)
    })
}

fn requests_transcription(parameters: &Map<String, Value>) -> bool {
    TRANSCRIPTION.iter().any(|name| is_given(parameters, name))
}

/// Parses the format. The published default is mp3, even if this system cannot write it.
fn parse_format_parameter(requested: Option<&str>) -> Result<Format> {
    let name = requested.unwrap_or("mp3");
    if !matches!(name, "mp3" | "wav") {
        return Err(invalid("file_format: mp3 or wav is needed"));
    }
    parse_format(name).map_err(|error| {
        let default = if requested.is_none() { ", the default" } else { "" };
        let message = format!(
            "file_format {name}{default}: {}; or ask for file_format=wav",
            error.message
        );
        Error::new(error.status, message)
    })
}

fn time_limit_ms(parameters: &Map<String, Value>) -> Result<u32> {
    let seconds = match parameters.get("time_limit") {
        None | Some(Value::Null) => Some(TIME_LIMIT),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) if text.is_empty() => Some(TIME_LIMIT),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    match seconds {
        Some(seconds @ 1..=TIME_LIMIT_MAX) => Ok(seconds as u32 * 1000),
        _ => Err(invalid(format!(
            "time_limit: 1 to {TIME_LIMIT_MAX} whole seconds are needed"
        ))),
    }
}

fn callback(request: &VobizRequest<'_>, parameters: &Map<String, Value>) -> Result<JobSpecs> {
    let method = match text(parameters, "callback_method")? {
        None => "POST",
        Some(method) if method.eq_ignore_ascii_case("post") => "POST",
        Some(method) if method.eq_ignore_ascii_case("get") => "GET",
        Some(_) => return Err(invalid("callback_method: GET or POST is needed")),
    };
    let Some(url) = text(parameters, "callback_url")? else {
        return Ok(JobSpecs::default());
    };
    check_allowed(url, &request.gateway.config().callbacks_allow)?;
    let callback = Callback {
        url: url.to_owned(),
        method: method.to_owned(),
        account: request.account.clone(),
        api_id: request.api_id.clone(),
        dialect: request.dialect.text().to_owned(),
    };
    callback.jobs()
}

fn is_given(parameters: &Map<String, Value>, name: &str) -> bool {
    parameters
        .get(name)
        .is_some_and(|value| !value.is_null() && value != "")
}

/// Returns `None` if the parameter is absent, null or empty.
fn text<'a>(parameters: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>> {
    match parameters.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(invalid(format!("{name}: text is needed"))),
    }
}
