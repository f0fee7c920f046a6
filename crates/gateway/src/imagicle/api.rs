//! Imagicle's Call Recording WebAPI: live recordings and completed ones.
//!
//! What a status has no body for in the published texts has none here. `Mine` comes
//! before an id, or it would be taken for one.

mod comparison;
mod completed;
mod filter;
mod live;
mod parties;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::json;

use super::ImagicleConfig;
use crate::Gateway;
use crate::api::{Answering, HttpApi};
use crate::auth::Refused;
use crate::config::origin::WebOrigin;
use crate::files::Missing;
use crate::http::{self as form, Answer, Asked, empty, later, name};
use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::text::Text;
use callrec_core::types::{Error, Result, Status};

/// The Imagicle API of one gateway.
pub struct Imagicle {
    gateway: Arc<Gateway>,
    path: String,
    cors_origins: Vec<WebOrigin>,
}

impl Imagicle {
    pub fn new(gateway: &Arc<Gateway>, config: &ImagicleConfig) -> Imagicle {
        Imagicle {
            gateway: gateway.clone(),
            path: config.path.clone(),
            cors_origins: config.cors_origins.clone(),
        }
    }
}

impl HttpApi for Imagicle {
    fn name(&self) -> &'static str {
        "imagicle"
    }

    fn base_path(&self) -> &str {
        &self.path
    }

    /// Imagicle's server knows no case.
    fn claims_left_over(&self, request: &Asked) -> bool {
        request.below_in_any_case(&self.path).is_some()
    }

    fn answer<'a>(&'a self, request: &'a Asked) -> Answering<'a> {
        let rest = request.below_in_any_case(&self.path).unwrap_or_default();
        Box::pin(answer(&self.gateway, request, rest))
    }

    /// Imagicle publishes no body for any of them.
    fn refuse(&self, _: &Asked, status: StatusCode, _: &str) -> Answer {
        empty(status)
    }

    fn allowed_origins(&self) -> &[WebOrigin] {
        &self.cors_origins
    }
}

const REALM: HeaderValue = HeaderValue::from_static("Basic realm=\"Call Recording\", charset=\"UTF-8\"");

async fn answer(gateway: &Arc<Gateway>, asked: &Asked, rest: &str) -> Answer {
    let caller = match gateway.logins.basic(asked).await {
        Ok(caller) => caller,
        Err(Refused::Unknown) => return unauthorized(),
        Err(Refused::Broken) => return empty(StatusCode::INTERNAL_SERVER_ERROR),
        Err(Refused::NotNow) => return later(empty(StatusCode::SERVICE_UNAVAILABLE)),
    };
    let way: Vec<String> = parts(rest);
    let way: Vec<&str> = way.iter().map(String::as_str).collect();
    match way.as_slice() {
        ["liverecordings", rest @ ..] => live(gateway, &caller, asked, rest).await,
        ["recordings", rest @ ..] => recordings(gateway, &caller, asked, rest).await,
        _ => empty(StatusCode::NOT_FOUND),
    }
}

async fn live(gateway: &Arc<Gateway>, caller: &Caller, asked: &Asked, way: &[&str]) -> Answer {
    let method = asked.method();
    let (verb, way) = match way {
        [way @ .., last] if operation(last).is_some() => (operation(last), way),
        _ => (None, way),
    };
    match (way, verb) {
        ([], None) => match *method {
            Method::GET | Method::HEAD => live::list(gateway, caller, asked).await,
            Method::POST => live::start(gateway, caller, asked),
            Method::DELETE => stopped(live::stop_by_line(gateway, caller, asked)),
            _ => not_allowed("GET, HEAD, POST, DELETE"),
        },
        (["mine"] | [_], None) if *method != Method::DELETE => not_allowed("DELETE"),
        (["mine"], None) => done(live::own(gateway, caller, ControlOperation::Stop)),
        ([id], None) => stopped(live::by_id(gateway, caller, id, ControlOperation::Stop)),
        ([] | [_], Some(_)) if *method != Method::PUT => not_allowed("PUT"),
        ([], Some(operation)) => done(live::by_number(gateway, caller, asked, operation)),
        (["mine"], Some(operation)) => done(live::own(gateway, caller, operation)),
        ([id], Some(operation)) => done(live::by_id(gateway, caller, id, operation)),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn done(result: Result<()>) -> Answer {
    match result {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(error) => refused(&error),
    }
}

/// Stops alone publish what it means that the recorder is not there.
fn stopped(result: Result<()>) -> Answer {
    match result {
        Err(error) if error.status == Status::Unavailable => empty(StatusCode::GATEWAY_TIMEOUT),
        result => done(result),
    }
}

async fn recordings(gateway: &Arc<Gateway>, caller: &Caller, asked: &Asked, way: &[&str]) -> Answer {
    let known = matches!(way, [] | [_] | [_, "media"]);
    if !known {
        return empty(StatusCode::NOT_FOUND);
    }
    if !matches!(*asked.method(), Method::GET | Method::HEAD) {
        return not_allowed("GET, HEAD");
    }
    match way {
        [] => completed::list(gateway, caller, asked).await,
        [id] => completed::one(gateway, caller, id).await,
        [id, ..] => completed::media(gateway, caller, asked, id).await,
    }
}

fn operation(verb: &str) -> Option<ControlOperation> {
    match verb {
        "pause" => Some(ControlOperation::Pause),
        "resume" => Some(ControlOperation::Resume),
        _ => None,
    }
}

/// The path's parts, decoded and in lower case: the published server knows no case.
fn parts(rest: &str) -> Vec<String> {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let decoded = |part| form::decoded(part).unwrap_or_else(|| "\u{fffd}".to_owned());
    rest.split('/')
        .map(|part| decoded(part).to_ascii_lowercase())
        .collect()
}

/// A parameter of the query; empty if it is not given. All that is given must be met: one
/// that is given twice with two values is met by nothing.
fn parameter(asked: &Asked, wanted: &str) -> Text {
    let mut values: Vec<_> = asked
        .query()
        .filter(|(key, value)| key.eq_ignore_ascii_case(wanted) && !value.is_empty())
        .map(|(_, value)| value)
        .collect();
    values.dedup();
    name(&values.join("\u{fffd}"))
}

/// An answer of the engine's; a panic in there becomes one too.
fn shielded<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = |_| Err(Error::new(Status::Internal, "a fault inside callrec"));
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(panicked)
}

/// "Complete Management", whoever owns the call.
fn complete_only(caller: &Caller) -> Result<()> {
    if caller.is_limited() {
        return Err(caller.forbidden());
    }
    Ok(())
}

fn unauthorized() -> Answer {
    let mut answer = empty(StatusCode::UNAUTHORIZED);
    answer.headers_mut().insert(WWW_AUTHENTICATE, REALM);
    answer
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// The published status, with the reason where the operation publishes one. The device's
/// name goes with reason 1 alone.
fn refused(error: &Error) -> Answer {
    let status = status_of(error.status);
    if status == StatusCode::UNAUTHORIZED {
        return unauthorized();
    }
    if status != StatusCode::BAD_REQUEST || error.reason < 0 {
        return empty(status);
    }
    let mut body = json!({ "reason": error.reason });
    if error.reason == 1 {
        body["deviceName"] = error.device_name.as_str().into();
    }
    form::json(status, &body)
}

fn status_of(status: Status) -> StatusCode {
    match status {
        Status::InvalidArgument
        | Status::InvalidId
        | Status::NoTarget
        | Status::InvalidMode
        | Status::NotMonitorable
        | Status::Automatic => StatusCode::BAD_REQUEST,
        Status::Unauthenticated => StatusCode::UNAUTHORIZED,
        Status::Forbidden | Status::Mandatory => StatusCode::FORBIDDEN,
        Status::NotLive | Status::NoCall | Status::DialIn => StatusCode::CONFLICT,
        Status::AlreadyRecording | Status::AlreadyPaused | Status::NotPaused => StatusCode::TOO_MANY_REQUESTS,
        Status::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Status::Limit | Status::NoSpace => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A completed recording that cannot be shown.
fn missing(why: Missing) -> Answer {
    empty(match why {
        Missing::Unknown => StatusCode::NOT_FOUND,
        Missing::Later => StatusCode::GATEWAY_TIMEOUT,
        Missing::Broken => StatusCode::INTERNAL_SERVER_ERROR,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_neither_case_nor_a_last_slash() {
        assert_eq!(parts("/LiveRecordings/Mine/"), ["liverecordings", "mine"]);
        assert_eq!(
            parts("/liverecordings/%7BA1%7D/PAUSE"),
            ["liverecordings", "{a1}", "pause"]
        );
        assert_eq!(parts("/x/%ff"), ["x", "\u{fffd}"]);
        assert_eq!(parts(""), [""]);
    }

    #[test]
    fn that_the_recorder_is_away_is_504_where_it_is_published() {
        let away = || Err(Error::new(Status::Unavailable, "the engine is closing"));
        assert_eq!(stopped(away()).status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(done(away()).status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(missing(Missing::Later).status(), StatusCode::GATEWAY_TIMEOUT);
    }

    #[test]
    fn every_status_is_published_as_the_table_says() {
        for (status, code) in [
            (Status::InvalidId, 400),
            (Status::NoTarget, 400),
            (Status::NotMonitorable, 400),
            (Status::Automatic, 400),
            (Status::InvalidMode, 400),
            (Status::Unauthenticated, 401),
            (Status::Forbidden, 403),
            (Status::Mandatory, 403),
            (Status::NotLive, 409),
            (Status::NoCall, 409),
            (Status::DialIn, 409),
            (Status::AlreadyRecording, 429),
            (Status::AlreadyPaused, 429),
            (Status::NotPaused, 429),
            (Status::Internal, 500),
            (Status::Io, 500),
            (Status::Unsupported, 501),
            (Status::Limit, 503),
            (Status::NoSpace, 503),
            (Status::Unavailable, 500),
        ] {
            assert_eq!(status_of(status).as_u16(), code, "{status:?}");
        }
    }
}
