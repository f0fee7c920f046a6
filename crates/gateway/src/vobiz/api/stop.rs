//! `DELETE …/Call/{call_uuid}/Record/`

use http::StatusCode;
use serde_json::Value;

use super::VobizRequest;
use super::errors::ErrorForm;
use crate::Gateway;
use crate::http::{HttpResponse, empty, name};
use crate::signed_url::without_signature;
use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::text::Text;
use callrec_core::types::Status;

/// Stops all recordings of the call, or the one that `URL` names. Succeeds even if nothing is
/// recorded.
pub fn respond(request: &VobizRequest<'_>, caller: &Caller, call: &str) -> HttpResponse {
    let named = named_url(request);
    // An invalid request must not stop everything. No recording's URL is empty, so this matches
    // none.
    let url = match &named {
        Ok(url) => url.as_ref().map(|url| own_url(request.gateway, url)),
        Err(_) => Some(Text::default()),
    };
    let recorder = request.gateway.recorder();
    let stopped = recorder.control_by_call(caller, ControlOperation::Stop, &name(call), url.as_ref());
    match (stopped, named) {
        // Callers below level 10 learn nothing else about other users' calls.
        (Err(error), Err(_)) if error.status == Status::Forbidden => request.engine_error(&error),
        (_, Err(message)) => request.error(ErrorForm::General, StatusCode::BAD_REQUEST, &message),
        (Ok(_), _) => empty(StatusCode::NO_CONTENT),
        (Err(error), _) => request.engine_error(&error),
    }
}

/// The URL from the body, or from the query, because some HTTP stacks drop the body of a DELETE.
fn named_url(request: &VobizRequest<'_>) -> Result<Option<String>, String> {
    let parameters = request.parameters()?;
    let mut url = None;
    for (key, value) in &parameters {
        // In any case: an overlooked `url` would stop all recordings.
        if key.eq_ignore_ascii_case("url") {
            if url.replace(value).is_some() {
                return Err("URL: it is said twice".to_owned());
            }
        } else if names_a_recording(key, value) {
            return Err(format!("{key}: a recording is named by URL"));
        }
    }
    let url = match url {
        Some(Value::String(url)) => Some(url.clone()),
        Some(Value::Null) | None => request.http.parameter("url"),
        Some(_) => return Err("URL: text is needed".to_owned()),
    };
    match url {
        Some(url) if url.is_empty() => Err("URL: it is empty".to_owned()),
        url => Ok(url),
    }
}

/// Whether a parameter means one recording. Plivo's SDKs also send the call and a callback.
fn names_a_recording(key: &str, value: &Value) -> bool {
    let key = key.to_ascii_lowercase();
    let is_url = value.as_str().is_some_and(|value| value.contains("://"));
    key.starts_with("rec") || (is_url && key != "callback_url")
}

/// The engine's URL of the recording that a start returned as `url`. Only the last segment is
/// compared, since the URL may have been returned under another address of the gateway.
fn own_url(gateway: &Gateway, url: &str) -> Text {
    let url = without_signature(url);
    known_url(gateway, url).unwrap_or_else(|| name(url))
}

fn known_url(gateway: &Gateway, url: &str) -> Option<Text> {
    let in_file_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let file = url.rsplit(|c| !in_file_name(c)).next()?;
    let (id, _) = file.split_once('.')?;
    let view = gateway.recorder().get(&Caller::Host, id).ok()?;
    view.url.as_str().ends_with(file).then_some(view.url)
}
