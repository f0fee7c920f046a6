//! Error responses in the vendor's form. Vobiz has a general form and one for the Recording
//! resource; Plivo uses the latter everywhere.

use http::StatusCode;
use serde_json::json;

use super::{Dialect, VobizRequest};
use crate::archive_service::ArchiveError;
use crate::http::{HttpResponse, json as json_response, set_header, text as text_response, with_retry_after};
use callrec_core::clock::unix_ms;
use callrec_core::storage::rfc3339;
use callrec_core::types::{Error, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorForm {
    /// `{"status":"error","error":{…},…}`
    General,
    /// `{"api_id":…,"error":"…"}`
    Resource,
}

impl VobizRequest<'_> {
    pub fn error(&self, form: ErrorForm, status: StatusCode, message: &str) -> HttpResponse {
        if form == ErrorForm::Resource || self.dialect == Dialect::Plivo {
            let mut body = json!({ "api_id": self.api_id, "error": message });
            if self.is_plivo_list() {
                // Plivo's SDK for Python counts the objects before it checks the status. Without
                // this member it does not raise its own error.
                body["objects"] = json!([]);
            }
            return json_response(status, &body);
        }
        let request: String = self.api_id.chars().filter(|c| *c != '-').take(12).collect();
        let body = json!({
            "status": "error",
            "error": { "code": code(status), "message": message, "details": {} },
            "timestamp": rfc3339(unix_ms()),
            "requestId": format!("req_{request}"),
        });
        json_response(status, &body)
    }

    pub fn unauthorized(&self, form: ErrorForm) -> HttpResponse {
        let message = "Authentication failed: check the account, its token and the path";
        if self.dialect == Dialect::Vobiz {
            return self.error(form, StatusCode::UNAUTHORIZED, message);
        }
        // Not JSON: Plivo's SDK for Python would parse it as a list, fail on missing members, and
        // not raise its AuthenticationError.
        let mut response = text_response(StatusCode::UNAUTHORIZED, message);
        set_header(&mut response, "www-authenticate", "Basic realm=\"Plivo\"");
        response
    }

    /// The response when the client could not be authenticated yet.
    pub fn unavailable(&self, form: ErrorForm) -> HttpResponse {
        with_retry_after(self.error(form, StatusCode::SERVICE_UNAVAILABLE, "Too many logins wait"))
    }

    /// The response to an error of the engine.
    pub fn engine_error(&self, error: &Error) -> HttpResponse {
        self.error(ErrorForm::General, status_of(error.status), &error.message)
    }

    /// The response to a caller at level 1.
    pub fn record_only(&self) -> HttpResponse {
        let message = "Recordings are not for your level (1, Record Only)";
        self.error(ErrorForm::Resource, StatusCode::FORBIDDEN, message)
    }

    pub fn archive_error(&self, error: ArchiveError) -> HttpResponse {
        let (status, message) = match error {
            ArchiveError::NotFound => (StatusCode::NOT_FOUND, "Recording not found"),
            ArchiveError::Held => (StatusCode::FORBIDDEN, "The recording is under a legal hold"),
            ArchiveError::NotReady => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The recordings are still being read",
            ),
            ArchiveError::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "The recordings cannot be read"),
        };
        self.error(ErrorForm::Resource, status, message)
    }
}

fn status_of(status: Status) -> StatusCode {
    match status {
        // A format that this build cannot write is an invalid parameter.
        Status::InvalidArgument | Status::InvalidId | Status::NoTarget | Status::InvalidMode => {
            StatusCode::BAD_REQUEST
        }
        Status::Unsupported | Status::NotMonitorable | Status::Automatic => StatusCode::BAD_REQUEST,
        Status::Unauthenticated => StatusCode::UNAUTHORIZED,
        Status::Forbidden | Status::Mandatory | Status::Consent | Status::Held => StatusCode::FORBIDDEN,
        Status::NoCall | Status::NotLive | Status::NotFound => StatusCode::NOT_FOUND,
        Status::AlreadyRecording | Status::DialIn | Status::Live => StatusCode::CONFLICT,
        Status::Limit | Status::NoSpace => StatusCode::SERVICE_UNAVAILABLE,
        Status::Unavailable | Status::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The `code` of the general form.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "INVALID_PARAMETER",
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "FORBIDDEN",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
        StatusCode::CONFLICT => "CONFLICT",
        StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT => "GATEWAY_TIMEOUT",
        _ if status.is_client_error() => "INVALID_PARAMETER",
        _ => "INTERNAL_ERROR",
    }
}
