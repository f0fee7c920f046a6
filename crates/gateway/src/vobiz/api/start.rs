//! `POST …/Call/{call_uuid}/Record/`

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::callback::Callback;
use super::{Ask, Dialect};
use crate::callbacks::permitted;
use crate::http::{Answer, json as json_answer, name};
use crate::recording_url::shared_url_of;
use callrec_core::calls::spec::ADDITIONAL;
use callrec_core::calls::{Caller, Filter, RecordingSpec};
use callrec_core::events::LogLevel;
use callrec_core::storage::JobSpecs;
use callrec_core::types::{AudioSpec, Error, Format, Layout, PauseMode, Result, Status, parse_format};

/// Published: a recording ends by itself after so many seconds.
const TIME_LIMIT: u64 = 60;
/// A longer limit does not fit into the engine's milliseconds.
const TIME_LIMIT_MAX: u64 = u32::MAX as u64 / 1000;

/// Nobody here writes down what is said; that is no reason not to record it.
const TRANSCRIPTION: [&str; 3] = ["transcription_type", "transcription_url", "transcription_method"];

pub fn answer(ask: &Ask<'_>, caller: &Caller, call: &str) -> Answer {
    let said = ask.parameters().map_err(invalid);
    let transcription = said.as_ref().is_ok_and(wants_transcription);
    let spec = said.and_then(|said| spec(ask, &said));
    let recorder = ask.gateway.recorder();
    let started = recorder.start(caller, &Filter::call(&name(call)), spec);
    let found = started.and_then(|id| {
        let view = recorder.get(&Caller::Host, &id.to_string())?;
        Ok((id, view.url))
    });
    let (id, url) = match found {
        Ok(found) => found,
        Err(error) => return ask.refused(&error),
    };
    if transcription {
        let message = format!("{id}: a transcription was asked for; it is recorded without one");
        ask.gateway.engine().bus().log(LogLevel::Warning, message);
    }
    let (status, message) = match ask.dialect {
        Dialect::Vobiz => (StatusCode::OK, "recording started"),
        Dialect::Plivo => (StatusCode::ACCEPTED, "call recording started"),
    };
    let body = json!({
        "api_id": ask.api_id,
        "message": message,
        "recording_id": id.to_string(),
        "url": shared_url_of(ask.gateway, url.as_str()),
    });
    json_answer(status, &body)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

fn spec(ask: &Ask<'_>, said: &Map<String, Value>) -> Result<RecordingSpec> {
    let format = format(text(said, "file_format")?)?;
    let audio = AudioSpec {
        layout: match text(said, "record_channel_type")? {
            None | Some("mono") => Layout::Mono,
            Some("stereo") => Layout::Stereo,
            Some(_) => return Err(invalid("record_channel_type: mono or stereo is needed")),
        },
        format,
        pause_mode: PauseMode::Silence,
        max_duration_ms: time_limit_ms(said)?,
        rate: ask.gateway.recorder().file_rate(format),
    };
    Ok(RecordingSpec {
        audio,
        // Each start is one more recording.
        flags: ADDITIONAL,
        jobs: callback(ask, said)?,
    })
}

fn wants_transcription(said: &Map<String, Value>) -> bool {
    TRANSCRIPTION.iter().any(|name| is_given(said, name))
}

/// mp3 is the published default, also in a build that cannot write it.
fn format(said: Option<&str>) -> Result<Format> {
    let asked = said.unwrap_or("mp3");
    if !matches!(asked, "mp3" | "wav") {
        return Err(invalid("file_format: mp3 or wav is needed"));
    }
    parse_format(asked).map_err(|error| match error.status {
        Status::Unsupported => {
            let default = if said.is_none() { " (the default)" } else { "" };
            Error::new(
                Status::Unsupported,
                format!("file_format: {asked}{default} is not offered here; ask for file_format=wav"),
            )
        }
        _ => error,
    })
}

fn time_limit_ms(said: &Map<String, Value>) -> Result<u32> {
    let seconds = match said.get("time_limit") {
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

fn callback(ask: &Ask<'_>, said: &Map<String, Value>) -> Result<JobSpecs> {
    let method = match text(said, "callback_method")? {
        None => "POST",
        Some(method) if method.eq_ignore_ascii_case("post") => "POST",
        Some(method) if method.eq_ignore_ascii_case("get") => "GET",
        Some(_) => return Err(invalid("callback_method: GET or POST is needed")),
    };
    let Some(url) = text(said, "callback_url")? else {
        return Ok(JobSpecs::default());
    };
    permitted(url, &ask.gateway.config().callbacks_allow)?;
    let callback = Callback {
        url: url.to_owned(),
        method: method.to_owned(),
        account: ask.account.clone(),
        api_id: ask.api_id.clone(),
        dialect: ask.dialect.text().to_owned(),
    };
    callback.jobs()
}

fn is_given(said: &Map<String, Value>, name: &str) -> bool {
    said.get(name)
        .is_some_and(|value| !value.is_null() && value != "")
}

/// `None`: absent, null or empty.
fn text<'a>(said: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>> {
    match said.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(invalid(format!("{name}: text is needed"))),
    }
}
