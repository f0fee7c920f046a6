//! The version, and the texts of statuses.

use std::ffi::{CStr, c_char};

use super::types::*;
use crate::types::Status;

/// Returns the library's version. `REC_VERSION_STRING` is the version of the header.
///
/// @return The version, such as "0.1.0", never NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the string is static.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rec_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Returns the library's version as a number. A program may assert that it is at least
/// `REC_VERSION_NUMBER`.
///
/// @return major << 16 | minor << 8 | patch.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: nothing is transferred.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rec_version_number() -> u32 {
    const fn part(text: &str) -> u32 {
        match u32::from_str_radix(text, 10) {
            Ok(value) => value,
            Err(_) => 0,
        }
    }
    const NUMBER: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
        | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
        | part(env!("CARGO_PKG_VERSION_PATCH"));
    NUMBER
}

/// Describes a status in words.
///
/// @param status Any number.
/// @return The text, never NULL. "unknown status" if the number is not a status.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the string is static.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rec_status_text(status: rec_status) -> *const c_char {
    status_text(status).as_ptr()
}

fn status_text(status: rec_status) -> &'static CStr {
    let Some(status) = Status::from_code(status) else {
        return c"unknown status";
    };
    match status {
        Status::Ok => c"ok",
        Status::InvalidArgument => c"invalid argument",
        Status::InvalidId => c"id is not a GUID",
        Status::NoTarget => c"neither device name nor directory number",
        Status::InvalidMode => c"unknown format or mode",
        Status::NotMonitorable => c"line is not monitorable",
        Status::Automatic => c"line is configured for automatic recording",
        Status::Unauthenticated => c"not authenticated",
        Status::Forbidden => c"forbidden",
        Status::NotLive => c"no such live recording",
        Status::NoCall => c"no such call",
        Status::DialIn => c"manually started dial-in",
        Status::AlreadyRecording => c"already being recorded",
        Status::AlreadyPaused => c"already paused",
        Status::NotPaused => c"not paused",
        Status::BadHandle => c"bad handle",
        Status::Limit => c"limit reached",
        Status::NoSpace => c"too little disk space",
        Status::Io => c"input/output error",
        Status::Overrun => c"feed is full",
        Status::Unavailable => c"unavailable",
        Status::Unsupported => c"not supported by this build",
        Status::InCallback => c"not from inside this callback",
        Status::Forked => c"belongs to the parent process",
        Status::Config => c"configuration error",
        Status::Timeout => c"time ran out",
        Status::Internal => c"internal error",
        Status::Exists => c"exists already",
        Status::Busy => c"busy",
        Status::Audit => c"audit log was altered",
        Status::Consent => c"consent was refused",
        Status::NotFound => c"no such recording",
        Status::Live => c"recording is live or not published yet",
        Status::Held => c"recording is under a legal hold",
        Status::Mandatory => c"recordings of this line are mandatory",
    }
}
