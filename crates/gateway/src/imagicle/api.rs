//! Imagicle's Call Recording WebAPI: live recordings and completed ones.
//!
//! Responses have a body only where the published texts show one. `Mine` is matched before ids.

mod active_list;
mod comparison;
mod completed;
mod live;
mod parties;
mod query;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::json;

use self::active_list::ActiveList;
use super::ImagicleConfig;
use crate::Gateway;
use crate::api::{BackgroundTask, HttpApi, ResponseFuture};
use crate::archive_service::ArchiveError;
use crate::auth::AuthError;
use crate::config::origin::WebOrigin;
use crate::http::{self as form, HttpRequest, HttpResponse, empty, name, with_retry_after};
use callrec_core::calls::{Caller, ControlOperation};
use callrec_core::text::Text;
use callrec_core::types::{Error, Result, Status};

/// The Imagicle API of one gateway.
pub struct Imagicle {
    gateway: Arc<Gateway>,
    path: String,
    cors_origins: Vec<WebOrigin>,
    active_list: Arc<ActiveList>,
}

impl Imagicle {
    pub fn new(gateway: &Arc<Gateway>, config: &ImagicleConfig) -> Imagicle {
        Imagicle {
            gateway: gateway.clone(),
            path: config.path.clone(),
            cors_origins: config.cors_origins.clone(),
            active_list: Arc::default(),
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

    /// Paths of Imagicle's server are case-insensitive.
    fn claims_unmatched(&self, request: &HttpRequest) -> bool {
        request.path_below_ignoring_case(&self.path).is_some()
    }

    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a> {
        let rest = request.path_below_ignoring_case(&self.path).unwrap_or_default();
        Box::pin(respond(self, request, rest))
    }

    /// Imagicle publishes no body for these.
    fn error_response(&self, _: &HttpRequest, status: StatusCode, _: &str) -> HttpResponse {
        empty(status)
    }

    fn allowed_origins(&self) -> &[WebOrigin] {
        &self.cors_origins
    }

    fn stop(&self) {
        self.active_list.close();
    }

    fn background_task(&self) -> Option<BackgroundTask> {
        let list = self.active_list.clone();
        Some(Box::pin(list.forget_unused(self.gateway.stopping())))
    }
}

const REALM: HeaderValue = HeaderValue::from_static("Basic realm=\"Call Recording\", charset=\"UTF-8\"");

async fn respond(imagicle: &Imagicle, request: &HttpRequest, rest: &str) -> HttpResponse {
    let gateway = &imagicle.gateway;
    let caller = match gateway.logins.authenticate_basic(request).await {
        Ok(caller) => caller,
        Err(AuthError::InvalidCredentials) => return unauthorized(),
        Err(AuthError::HostFailed) => return empty(StatusCode::INTERNAL_SERVER_ERROR),
        Err(AuthError::Unavailable) => return with_retry_after(empty(StatusCode::SERVICE_UNAVAILABLE)),
    };
    let segments: Vec<String> = path_segments(rest);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["liverecordings", rest @ ..] => live(imagicle, &caller, request, rest).await,
        ["recordings", rest @ ..] => recordings(gateway, &caller, request, rest).await,
        _ => empty(StatusCode::NOT_FOUND),
    }
}

async fn live(
    imagicle: &Imagicle,
    caller: &Caller,
    request: &HttpRequest,
    segments: &[&str],
) -> HttpResponse {
    let (gateway, method) = (&imagicle.gateway, request.method());
    let (verb, segments) = match segments {
        [segments @ .., last] if operation(last).is_some() => (operation(last), segments),
        _ => (None, segments),
    };
    match (segments, verb) {
        ([], None) => match *method {
            Method::GET | Method::HEAD => live::list(imagicle, caller, request).await,
            Method::POST => live::start(gateway, caller, request),
            Method::DELETE => control_response(live::stop_by_line(gateway, caller, request)),
            _ => not_allowed("GET, HEAD, POST, DELETE"),
        },
        (["mine"] | [_], None) if *method != Method::DELETE => not_allowed("DELETE"),
        (["mine"], None) => control_response(live::control_own(gateway, caller, ControlOperation::Stop)),
        ([id], None) => control_response(live::control_by_id(gateway, caller, id, ControlOperation::Stop)),
        ([] | [_], Some(_)) if *method != Method::PUT => not_allowed("PUT"),
        ([], Some(operation)) => {
            control_response(live::control_by_number(gateway, caller, request, operation))
        }
        (["mine"], Some(operation)) => control_response(live::control_own(gateway, caller, operation)),
        ([id], Some(operation)) => control_response(live::control_by_id(gateway, caller, id, operation)),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

/// 504 is published for a stop whose recorder, here or on another node, is unavailable or does not
/// respond. The newer pages, which have pauses, resumes and stops of the own line, omit it for every operation, also
/// for the stops that have it, so it holds for these too.
fn control_response(result: Result<()>) -> HttpResponse {
    match result {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        Err(error) if matches!(error.status, Status::Unavailable | Status::Timeout) => {
            empty(StatusCode::GATEWAY_TIMEOUT)
        }
        Err(error) => error_response(&error),
    }
}

async fn recordings(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    request: &HttpRequest,
    segments: &[&str],
) -> HttpResponse {
    let is_resource = matches!(segments, [] | [_] | [_, "media"]);
    if !is_resource {
        return empty(StatusCode::NOT_FOUND);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed("GET, HEAD");
    }
    match segments {
        [] => completed::list(gateway, caller, request).await,
        [id] => completed::get(gateway, caller, id).await,
        [id, ..] => completed::media(gateway, caller, request, id).await,
    }
}

fn operation(verb: &str) -> Option<ControlOperation> {
    match verb {
        "pause" => Some(ControlOperation::Pause),
        "resume" => Some(ControlOperation::Resume),
        _ => None,
    }
}

/// The path's decoded segments in lower case, since paths are case-insensitive.
fn path_segments(rest: &str) -> Vec<String> {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let decoded = |part| form::decoded(part).unwrap_or_else(|| "\u{fffd}".to_owned());
    rest.split('/')
        .map(|part| decoded(part).to_ascii_lowercase())
        .collect()
}

/// A query parameter; empty if it is absent. A parameter given with two different values matches
/// nothing.
fn parameter(request: &HttpRequest, key_name: &str) -> Text {
    let mut values: Vec<_> = request
        .query()
        .filter(|(key, value)| key.eq_ignore_ascii_case(key_name) && !value.is_empty())
        .map(|(_, value)| value)
        .collect();
    values.dedup();
    name(&values.join("\u{fffd}"))
}

/// Calls the engine and turns a panic into an error.
fn catch_panic<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = |_| Err(Error::new(Status::Internal, "a fault inside callrec"));
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(panicked)
}

/// Requires level "Complete Management", whoever owns the call.
fn require_complete_management(caller: &Caller) -> Result<()> {
    if caller.is_limited() {
        return Err(caller.forbidden());
    }
    Ok(())
}

fn unauthorized() -> HttpResponse {
    let mut response = empty(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(WWW_AUTHENTICATE, REALM);
    response
}

fn not_allowed(methods: &'static str) -> HttpResponse {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// The published status, with the reason where the operation publishes one. Reason 1 includes the
/// device's name.
fn error_response(error: &Error) -> HttpResponse {
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
        Status::Forbidden | Status::Mandatory | Status::Consent | Status::Held => StatusCode::FORBIDDEN,
        Status::NotLive | Status::NoCall | Status::DialIn => StatusCode::CONFLICT,
        Status::AlreadyRecording | Status::AlreadyPaused | Status::NotPaused => StatusCode::TOO_MANY_REQUESTS,
        Status::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Status::Limit | Status::NoSpace => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The response when a completed recording cannot be returned.
fn archive_error_response(error: ArchiveError) -> HttpResponse {
    empty(match error {
        ArchiveError::NotFound => StatusCode::NOT_FOUND,
        ArchiveError::Held => StatusCode::FORBIDDEN,
        ArchiveError::NotReady => StatusCode::GATEWAY_TIMEOUT,
        ArchiveError::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ignores_case_and_a_trailing_slash() {
        assert_eq!(path_segments("/LiveRecordings/Mine/"), ["liverecordings", "mine"]);
        assert_eq!(
            path_segments("/liverecordings/%7BA1%7D/PAUSE"),
            ["liverecordings", "{a1}", "pause"]
        );
        assert_eq!(path_segments("/x/%ff"), ["x", "\u{fffd}"]);
        assert_eq!(path_segments(""), [""]);
    }

    #[test]
    fn an_unavailable_recorder_is_504_where_that_is_published() {
        let unavailable = || Err(Error::new(Status::Unavailable, "the engine is closing"));
        assert_eq!(
            control_response(unavailable()).status(),
            StatusCode::GATEWAY_TIMEOUT
        );
        let late = Err(Error::new(Status::Timeout, "node \"n1\": no response in time"));
        assert_eq!(control_response(late).status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(
            archive_error_response(ArchiveError::NotReady).status(),
            StatusCode::GATEWAY_TIMEOUT
        );
    }

    #[test]
    fn every_status_maps_to_the_published_one() {
        for (status, code) in [
            (Status::InvalidId, 400),
            (Status::NoTarget, 400),
            (Status::NotMonitorable, 400),
            (Status::Automatic, 400),
            (Status::InvalidMode, 400),
            (Status::Unauthenticated, 401),
            (Status::Forbidden, 403),
            (Status::Mandatory, 403),
            (Status::Consent, 403),
            (Status::Held, 403),
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
            (Status::Timeout, 500),
        ] {
            assert_eq!(status_of(status).as_u16(), code, "{status:?}");
        }
    }
}
