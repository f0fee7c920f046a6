//! The recording part of Genesys Web Services' voice API: a user's own calls, the operations on
//! them, and their CometD notifications.

mod call;
mod call_tracker;
mod csrf;
mod device;
mod notifications;
mod operations;
mod recording_operation;
mod status_code;

use std::collections::HashMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::GenesysConfig;
use super::comet::Sessions;
use super::names::gsip_rec_fn;
use crate::api::{CorsHeaders, HttpApi, ResponseFuture};
use crate::auth::AuthError;
use crate::config::origin::WebOrigin;
use crate::gateway::Gateway;
use crate::http::{HttpRequest, HttpResponse, decoded, with_retry_after};
use call::CallResource;
use callrec_core::calls::{CallView, Caller, Filter};
use callrec_core::clock::unix_ms;
use callrec_core::recorder::Recorder;
use callrec_core::storage::Template;
use callrec_core::sync::Mutex;
use callrec_core::text::Text;
use callrec_core::types::Result;
use csrf::Csrf;
use status_code::{GenesysCode, engine_error, error_response, not_allowed, not_found};

/// The state of the Genesys API of one gateway.
pub struct Genesys {
    gateway: Arc<Gateway>,
    config: GenesysConfig,
    sessions: Arc<Sessions>,
    csrf: Csrf,
    /// The template of the attribute `GSIP_REC_FN`.
    rec_fn: Template,
    /// Serializes starts on automatic lines.
    starts: Mutex<()>,
}

impl Genesys {
    pub fn new(gateway: &Arc<Gateway>, config: &GenesysConfig) -> Genesys {
        Genesys {
            sessions: Arc::new(Sessions::new(config)),
            rec_fn: gsip_rec_fn(config),
            csrf: Csrf::new(),
            starts: Mutex::default(),
            config: config.clone(),
            gateway: gateway.clone(),
        }
    }

    /// The CometD sessions.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }
}

/// The Genesys API of the server.
pub struct GenesysApi(Arc<Genesys>);

impl GenesysApi {
    pub fn new(genesys: Genesys) -> GenesysApi {
        GenesysApi(Arc::new(genesys))
    }
}

impl HttpApi for GenesysApi {
    fn name(&self) -> &'static str {
        "genesys"
    }

    fn base_path(&self) -> &str {
        &self.0.config.path
    }

    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a> {
        let rest = request.path_below(self.base_path()).unwrap_or_default();
        Box::pin(respond(&self.0, request, rest))
    }

    fn error_response(&self, _: &HttpRequest, status: StatusCode, message: &str) -> HttpResponse {
        server_error(status, message)
    }

    fn allowed_origins(&self) -> &[WebOrigin] {
        &self.0.config.cors_origins
    }

    fn cors_headers(&self) -> CorsHeaders {
        CorsHeaders {
            request: &[csrf::HEADER],
            response: &["X-CSRF-HEADER", csrf::HEADER],
        }
    }

    /// Subscribes to the engine's events.
    fn attach(&self) {
        notifications::subscribe(&self.0);
    }
}

async fn respond(genesys: &Arc<Genesys>, request: &HttpRequest, rest: &str) -> HttpResponse {
    let gateway = &genesys.gateway;
    let (username, origin) = match gateway.logins.authenticate_basic(request).await {
        Ok(Caller::User { username, origin, .. }) => (username, origin),
        // HTTP clients are never the host.
        Ok(Caller::Host) | Err(AuthError::HostFailed) => return internal_error(),
        Err(AuthError::Unavailable) => {
            return with_retry_after(error_response(GenesysCode::Unavailable, "Too many logins wait"));
        }
        Err(AuthError::InvalidCredentials) => {
            return error_response(GenesysCode::Unauthenticated, "The user is not authenticated");
        }
    };
    let changes_state = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if genesys.config.csrf && changes_state && !genesys.csrf.permits(request, username.as_str()) {
        return csrf::refused();
    }
    // "Me": at every level, other users' calls do not exist here.
    let me = Caller::User {
        username,
        level: 1,
        origin,
    };
    route(genesys, request, rest, me).await
}

async fn route(genesys: &Arc<Genesys>, request: &HttpRequest, rest: &str, me: Caller) -> HttpResponse {
    let is_get = *request.method() == Method::GET;
    // The device URI in a call resource leads to the same resource.
    let device = || rest.starts_with("/devices/").then_some(rest);
    let Some(path) = rest.strip_prefix("/me").or_else(device) else {
        return not_found();
    };
    match path {
        "" if is_get => get_user(genesys, request, &me),
        "/calls" | "/devices" if is_get => {
            let list = if path == "/calls" {
                list_calls
            } else {
                device::list
            };
            let (genesys, uris) = (genesys.clone(), request.parameter("fields").is_none());
            // The list may be long.
            let list = tokio::task::spawn_blocking(move || list(&genesys, &me, uris));
            list.await.unwrap_or_else(|_| internal_error())
        }
        "" | "/calls" | "/devices" => not_allowed("GET"),
        _ => match (
            last_segment(path, "/calls/"),
            last_segment(path, "/devices/"),
            request.method(),
        ) {
            (Some(id), _, &Method::GET) => get_call(genesys, &me, &Text::from(id)),
            (Some(id), _, &Method::POST) => operations::operate(genesys, &me, &Text::from(id), request),
            (_, Some(id), &Method::GET) => device::get(genesys, &me, &id),
            (_, Some(id), &Method::POST) => device::operate(genesys, &me, &id, request),
            (None, None, _) => not_found(),
            _ => not_allowed("GET, POST"),
        },
    }
}

/// The decoded last segment of a path directly below `above`.
fn last_segment(path: &str, above: &str) -> Option<String> {
    let id = path.strip_prefix(above).filter(|part| !part.contains('/'));
    let id = id.and_then(decoded);
    // An id with a NUL would be truncated.
    id.filter(|id| !id.is_empty() && !id.contains('\0'))
}

/// The error response to a request that never reached the API.
fn server_error(status: StatusCode, message: &str) -> HttpResponse {
    let code = match status {
        StatusCode::FORBIDDEN => GenesysCode::Forbidden,
        _ if status.is_client_error() => GenesysCode::Invalid,
        _ => GenesysCode::Internal,
    };
    let mut response = error_response(code, message);
    *response.status_mut() = status;
    response
}

fn internal_error() -> HttpResponse {
    error_response(GenesysCode::Internal, "Internal error")
}

/// `{"statusCode":0}` with additional members.
fn success_with(members: Value) -> HttpResponse {
    let mut body = json!({ "statusCode": 0 });
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
        body.extend(members);
    }
    crate::http::json(StatusCode::OK, &body)
}

fn success() -> HttpResponse {
    success_with(Value::Null)
}

/// The user's calls with this id, as this recorder has them. An internal call may have two.
fn calls_of(recorder: &dyn Recorder, me: &Caller, call_id: &Text) -> Result<Vec<CallView>> {
    let username = match me {
        Caller::User { username, .. } if !username.is_empty() => username.clone(),
        // A user without a name has no calls.
        _ => return Ok(Vec::new()),
    };
    let filter = Filter {
        username,
        call_id: call_id.clone(),
        ..Filter::default()
    };
    recorder.calls(me, &filter)
}

/// The user's calls on this node.
fn local_calls(gateway: &Gateway, me: &Caller, call_id: &Text) -> Result<Vec<CallView>> {
    calls_of(&**gateway.engine(), me, call_id)
}

/// All calls of the user. If those of other nodes cannot be listed, those of this node count, if there
/// are any.
fn user_calls(gateway: &Gateway, me: &Caller) -> Result<Vec<CallView>> {
    calls_of(gateway.recorder(), me, &Text::default()).or_else(|error| {
        let local = local_calls(gateway, me, &Text::default())?;
        if local.is_empty() { Err(error) } else { Ok(local) }
    })
}

/// The user's calls with this call id, or else those of the call with this connId. If several calls
/// have the connId, the oldest one counts. A call of this node is found without asking others.
fn named_calls(gateway: &Gateway, me: &Caller, id: &Text) -> Result<Vec<CallView>> {
    let local = named_by(&**gateway.engine(), me, id)?;
    if !local.is_empty() {
        return Ok(local);
    }
    named_by(gateway.recorder(), me, id)
}

fn named_by(recorder: &dyn Recorder, me: &Caller, id: &Text) -> Result<Vec<CallView>> {
    let found = calls_of(recorder, me, id)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let mut all = calls_of(recorder, me, &Text::default())?;
    let named = all.iter().find(|call| call.info.switch_call_id == *id);
    let Some(call_id) = named.map(|call| call.info.call_id.clone()) else {
        return Ok(Vec::new());
    };
    all.retain(|call| call.info.call_id == call_id);
    Ok(all)
}

/// `GET /me`
fn get_user(genesys: &Genesys, request: &HttpRequest, me: &Caller) -> HttpResponse {
    let Caller::User { username, .. } = me else {
        return not_found();
    };
    // The host provides only the user name.
    let id = Uuid::new_v5(&USERS, username.as_str().as_bytes())
        .simple()
        .to_string();
    let mut response = success_with(json!({ "user": {
        "id": id,
        "userName": username.as_str(),
        "roles": ["ROLE_AGENT"],
        "enabled": true,
        "uri": format!("{}/users/{id}", call::base(genesys)),
        "path": format!("/users/{id}"),
    }}));
    if genesys.config.csrf {
        let csrf = &genesys.csrf;
        csrf.add_token(genesys, request, username.as_str(), &mut response);
    }
    response
}

/// The namespace of user ids.
const USERS: Uuid = Uuid::from_u128(0x8a0c_61d3_27f4_4be9_b3a5_90e2_d4c8_1f76);

/// `GET /me/calls`: only resources with `?fields=…`, otherwise their URIs too.
fn list_calls(genesys: &Genesys, me: &Caller, with_uris: bool) -> HttpResponse {
    let found = match user_calls(&genesys.gateway, me) {
        Ok(found) => found,
        Err(error) => return engine_error(&error),
    };
    let now_ms = unix_ms();
    let calls = group_by_id(found);
    let calls = calls.iter().filter_map(|ends| CallResource::live(ends, now_ms));
    let calls: Vec<Value> = calls.map(|call| call.to_json(genesys)).collect();
    if !with_uris {
        return success_with(json!({ "calls": calls }));
    }
    let uris: Vec<_> = calls.iter().map(|call| call["uri"].clone()).collect();
    success_with(json!({ "uris": uris, "calls": calls }))
}

/// Groups calls by id, ordered by the oldest call of each group.
fn group_by_id(found: Vec<CallView>) -> Vec<Vec<CallView>> {
    let mut positions = HashMap::new();
    let mut all: Vec<Vec<CallView>> = Vec::new();
    for view in found {
        let position = *positions.entry(view.info.call_id.clone()).or_insert(all.len());
        match all.get_mut(position) {
            Some(ends) => ends.push(view),
            None => all.push(vec![view]),
        }
    }
    all
}

/// `GET /me/calls/{id}`
fn get_call(genesys: &Genesys, me: &Caller, id: &Text) -> HttpResponse {
    let found = match named_calls(&genesys.gateway, me, id) {
        Ok(found) => found,
        Err(error) => return engine_error(&error),
    };
    match CallResource::live(&found, unix_ms()) {
        Some(calls) => success_with(json!({ "call": calls.to_json(genesys) })),
        None => not_found(),
    }
}
