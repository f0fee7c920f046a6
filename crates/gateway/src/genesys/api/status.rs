//! Genesys' status codes, and the HTTP status that goes with each.

use http::StatusCode;
use http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use crate::http::{Answer, json};
use callrec_core::types::{Error, Status};

/// Why a request failed. Codes that nothing here leads to are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A required parameter is missing.
    Missing,
    /// Not valid for the current state.
    WrongState,
    /// The operation is forbidden.
    Forbidden,
    /// An internal error.
    Internal,
    /// An internal error that may pass by itself.
    NotNow,
    /// The resource could not be found.
    NotFound,
    /// Input validation error.
    Invalid,
    /// The user is not authenticated.
    Unauthenticated,
}

impl Code {
    /// The published number, and the HTTP status beside it.
    pub fn numbers(self) -> (u32, StatusCode) {
        match self {
            Code::Missing => (1, StatusCode::BAD_REQUEST),
            Code::WrongState => (2, StatusCode::CONFLICT),
            Code::Forbidden => (3, StatusCode::FORBIDDEN),
            Code::Internal => (4, StatusCode::INTERNAL_SERVER_ERROR),
            Code::NotNow => (4, StatusCode::SERVICE_UNAVAILABLE),
            Code::NotFound => (6, StatusCode::NOT_FOUND),
            Code::Invalid => (10, StatusCode::BAD_REQUEST),
            Code::Unauthenticated => (20, StatusCode::UNAUTHORIZED),
        }
    }

    /// What the engine's refusal of an operation on one's own call is called here.
    pub fn of(status: Status) -> Code {
        match status {
            Status::Unauthenticated => Code::Unauthenticated,
            // Nobody else's call was asked for: it has just ended, or become another's.
            Status::Forbidden => Code::NotFound,
            Status::NoCall
            | Status::NotLive
            | Status::DialIn
            | Status::AlreadyRecording
            | Status::AlreadyPaused
            | Status::NotPaused => Code::WrongState,
            Status::NotMonitorable | Status::Automatic | Status::Mandatory => Code::Forbidden,
            Status::InvalidArgument | Status::InvalidId | Status::InvalidMode | Status::NoTarget => {
                Code::Invalid
            }
            Status::Limit | Status::NoSpace | Status::Unavailable => Code::NotNow,
            _ => Code::Internal,
        }
    }
}

/// `{"statusCode":…,"statusMessage":…}`, and no other member.
pub fn refused(code: Code, message: &str) -> Answer {
    let (number, status) = code.numbers();
    let mut answer = json(status, &json!({ "statusCode": number, "statusMessage": message }));
    if code == Code::Unauthenticated {
        let basic = HeaderValue::from_static("Basic realm=\"callrec\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, basic);
    }
    answer
}

pub fn refusal(error: &Error) -> Answer {
    match Code::of(error.status) {
        // What went wrong inside is for the log, not for a client.
        Code::Internal => refused(Code::Internal, "Internal error"),
        Code::NotFound => not_found(),
        code => refused(code, &error.message),
    }
}

pub fn not_found() -> Answer {
    refused(Code::NotFound, "The requested resource could not be found")
}

pub fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = refused(Code::Forbidden, "The method is not allowed here");
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allow));
    answer
}
