//! Audit entries of the gateway beyond those of the engine: requests that were refused before they
//! reached the engine, and downloads.

use std::sync::Arc;

use http::{Method, StatusCode};
use uuid::Uuid;

use super::head::is_without_body;
use super::http::{HttpRequest, HttpResponse};
use callrec_core::calls::{Caller, CallerOrigin};
use callrec_core::engine::Engine;
use callrec_core::text::{Text, abbreviate};

/// Maximum bytes of a path in an entry.
const PATH_MAX: usize = 300;
/// Maximum bytes of a range in an entry.
const RANGE_MAX: usize = 64;

/// Audit data of a request, stored in its extensions.
#[derive(Clone)]
pub struct RequestOrigin {
    pub origin: Arc<CallerOrigin>,
    /// The caller who authenticated with this request.
    user: Arc<once_cell::sync::OnceCell<Caller>>,
}

impl HttpRequest {
    /// Assigns the request to this API.
    pub fn set_api(&mut self, api: &'static str) {
        let origin = RequestOrigin {
            origin: Arc::new(CallerOrigin::new(api, Some(self.client_address))),
            user: Arc::default(),
        };
        self.inner.extensions_mut().insert(origin);
    }

    fn request_origin(&self) -> Option<&RequestOrigin> {
        self.inner.extensions().get()
    }

    /// The caller who authenticated with this request, with this name and level.
    pub fn caller(&self, username: Text, level: u32) -> Caller {
        let known = self.request_origin();
        let origin = known.map(|known| known.origin.clone());
        if let Some(origin) = &origin {
            origin.note_login(level);
        }
        let caller = Caller::User {
            username,
            level,
            origin,
        };
        if let Some(known) = known {
            // The first login of a request counts.
            let _ = known.user.set(caller.clone());
        }
        caller
    }

    /// The caller, if the request has authenticated.
    fn known_caller(&self) -> Option<Caller> {
        self.request_origin()?.user.get().cloned()
    }

    /// Method and path. The query is left out, since it may hold secrets.
    fn summary(&self) -> String {
        format!("{} {}", self.method(), abbreviate(self.path(), PATH_MAX))
    }
}

/// Records a refused request unless an entry for it exists. `claimed_user` returns the name that
/// the client claims, valid or not.
pub fn note_refusal(
    engine: &Engine,
    request: &HttpRequest,
    status: StatusCode,
    claimed_user: impl FnOnce() -> String,
) {
    let Some(known) = request.request_origin() else {
        return;
    };
    if known.origin.is_noted() || !(status.is_client_error() || status.is_server_error()) {
        return;
    }
    let is_forbidden = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let summary = request.summary();
    match request.known_caller() {
        Some(caller) if is_forbidden || changes_state(request.method()) => {
            engine.audit_refused_request(&caller, &summary, status.as_u16());
        }
        None if is_forbidden => {
            let origin = (known.origin.api, known.origin.source);
            engine.audit_refused_login(origin, &claimed_user(), &summary, status.as_u16());
        }
        _ => {}
    }
}

fn changes_state(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Records that audio of a finished recording is being sent.
pub fn note_download(
    engine: &Engine,
    request: &HttpRequest,
    id: Uuid,
    call_id: &str,
    response: &HttpResponse,
) {
    if is_without_body(request) || !response.status().is_success() {
        return;
    }
    let range = request.header("range").unwrap_or_default();
    let range = match response.status() {
        StatusCode::PARTIAL_CONTENT => abbreviate(range, RANGE_MAX),
        _ => "".into(),
    };
    // A signed URL needs no login.
    let anonymous = || request.caller(Text::default(), 0);
    let caller = request.known_caller().unwrap_or_else(anonymous);
    engine.audit_download(&caller, id, call_id, &range);
}
