//! What the gateway notes in the engine's audit log beside what the engine notes itself: requests
//! that were refused before they came to it, and downloads.

use std::sync::Arc;

use http::{Method, StatusCode};
use uuid::Uuid;

use super::head::is_without_body;
use super::http::{HttpRequest, HttpResponse};
use callrec_core::calls::{Caller, CallerOrigin};
use callrec_core::engine::{Access, Engine};
use callrec_core::text::{Text, brief};

/// Bytes of a path that are noted.
const PATH_MAX: usize = 300;
/// Bytes of a range that are noted.
const RANGE_MAX: usize = 64;

/// What is known of a request for the audit log. It travels with the request.
#[derive(Clone)]
pub struct RequestOrigin {
    pub origin: Arc<CallerOrigin>,
    /// Whom the host knows by the request's credentials.
    user: Arc<once_cell::sync::OnceCell<Caller>>,
}

impl HttpRequest {
    /// From here on the request is this API's.
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

    /// The caller of this name and level, who was let in with this request.
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

    /// Who was let in with this request.
    fn known_caller(&self) -> Option<Caller> {
        self.request_origin()?.user.get().cloned()
    }

    /// Method and path. What stands in the query may be secret.
    fn summary(&self) -> String {
        format!("{} {}", self.method(), brief(self.path(), PATH_MAX))
    }
}

/// Notes a request that was refused, if no line tells of it yet. `claimed_user`: the name that
/// the client gave, right or wrong.
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
        Some(caller) if is_forbidden || changes(request.method()) => {
            engine.note_refused_request(&caller, &summary, status.as_u16());
        }
        None if is_forbidden => {
            let origin = (known.origin.api, known.origin.source);
            engine.note_refused_login(origin, &claimed_user(), &summary, status.as_u16());
        }
        _ => {}
    }
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Notes that audio of a finished recording is being sent.
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
        StatusCode::PARTIAL_CONTENT => brief(range, RANGE_MAX),
        _ => "".into(),
    };
    // Who holds a signed url need not log in.
    let nobody = || request.caller(Text::default(), 0);
    let caller = request.known_caller().unwrap_or_else(nobody);
    engine.note_access(&caller, Access::Download, id, call_id, &range);
}
