//! Genesys' status codes and the corresponding HTTP statuses.

use http::StatusCode;
use http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use crate::http::{HttpResponse, json};
use callrec_core::types::{Error, Status};

/// Why a request failed. Codes that callrec never returns are omitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenesysCode {
    /// A required parameter is missing.
    MissingParameter,
    /// Not valid for the current state.
    WrongState,
    /// The operation is forbidden.
    Forbidden,
    /// An internal error.
    Internal,
    /// A temporary internal error.
    Unavailable,
    /// The resource could not be found.
    NotFound,
    /// Input validation error.
    Invalid,
    /// The user is not authenticated.
    Unauthenticated,
}

impl GenesysCode {
    /// The published number and the HTTP status.
    pub fn numbers(self) -> (u32, StatusCode) {
        match self {
            GenesysCode::MissingParameter => (1, StatusCode::BAD_REQUEST),
            GenesysCode::WrongState => (2, StatusCode::CONFLICT),
            GenesysCode::Forbidden => (3, StatusCode::FORBIDDEN),
            GenesysCode::Internal => (4, StatusCode::INTERNAL_SERVER_ERROR),
            GenesysCode::Unavailable => (4, StatusCode::SERVICE_UNAVAILABLE),
            GenesysCode::NotFound => (6, StatusCode::NOT_FOUND),
            GenesysCode::Invalid => (10, StatusCode::BAD_REQUEST),
            GenesysCode::Unauthenticated => (20, StatusCode::UNAUTHORIZED),
        }
    }

    /// The code for an engine error of an operation on the user's own call.
    pub fn of(status: Status) -> GenesysCode {
        match status {
            Status::Unauthenticated => GenesysCode::Unauthenticated,
            // The call has just ended or belongs to another user now.
            Status::Forbidden => GenesysCode::NotFound,
            Status::NoCall
            | Status::NotLive
            | Status::DialIn
            | Status::AlreadyRecording
            | Status::AlreadyPaused
            | Status::NotPaused => GenesysCode::WrongState,
            Status::NotMonitorable
            | Status::Automatic
            | Status::Mandatory
            | Status::Consent
            | Status::Held => GenesysCode::Forbidden,
            Status::InvalidArgument | Status::InvalidId | Status::InvalidMode | Status::NoTarget => {
                GenesysCode::Invalid
            }
            Status::Limit | Status::NoSpace | Status::Unavailable | Status::Timeout => {
                GenesysCode::Unavailable
            }
            _ => GenesysCode::Internal,
        }
    }
}

/// `{"statusCode":…,"statusMessage":…}` without other members.
pub fn error_response(code: GenesysCode, message: &str) -> HttpResponse {
    let (number, status) = code.numbers();
    let mut response = json(status, &json!({ "statusCode": number, "statusMessage": message }));
    if code == GenesysCode::Unauthenticated {
        let basic = HeaderValue::from_static("Basic realm=\"callrec\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, basic);
    }
    response
}

pub fn engine_error(error: &Error) -> HttpResponse {
    match GenesysCode::of(error.status) {
        // Internal details are not sent to clients.
        GenesysCode::Internal => error_response(GenesysCode::Internal, "Internal error"),
        GenesysCode::NotFound => not_found(),
        code => error_response(code, &error.message),
    }
}

pub fn not_found() -> HttpResponse {
    error_response(GenesysCode::NotFound, "The requested resource could not be found")
}

pub fn not_allowed(allow: &'static str) -> HttpResponse {
    let mut response = error_response(GenesysCode::Forbidden, "The method is not allowed here");
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allow));
    response
}
