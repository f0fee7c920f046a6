//! The published HTTP APIs: not in this build.

use std::ffi::{c_char, c_void};

use super::convert::{needed, read, read_needed};
use super::engine_of;
use super::guard::answer;
use super::types::*;
use crate::words::{Error, Result, Status};

/// The answer to an HTTP request. Opaque.
pub struct rec_http_response {
    _private: (),
}

fn lacking() -> Error {
    Error::new(Status::Unsupported, "the HTTP gateway is not in this build")
}

/// Starts the gateway that offers the published HTTP APIs. Not in this build.
///
/// `options`: NULL for the defaults. `gateway`: where the handle is written; not NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the gateway is the caller's, until `rec_gateway_stop`.
/// Errors: `REC_ERR_UNSUPPORTED`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_start(
    engine: rec_engine,
    options: *const rec_gateway_options,
    gateway: *mut rec_gateway,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        needed(gateway, "gateway")?;
        // SAFETY: a struct or NULL, by the ABI.
        unsafe { read(options, "options") }?;
        engine_of(engine)?;
        Err(lacking())
    })
}

/// Stops a gateway. Not in this build.
///
/// `timeout_ms`: how long to wait for requests that are being answered, in milliseconds.
///
/// Threads: any.
/// Blocking: at most `timeout_ms`.
/// In callbacks: yes.
/// Ownership: the gateway is gone.
/// Errors: `REC_ERR_UNSUPPORTED`, `REC_ERR_INVALID_ARGUMENT`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_stop(
    gateway: rec_gateway,
    timeout_ms: u32,
    error: *mut rec_error,
) -> rec_status {
    let _ = (gateway, timeout_ms);
    answer(error, || Err(lacking()))
}

/// Answers one request of the published HTTP APIs without any socket. Not in this build.
///
/// `request`: not NULL. `response`: where the pointer is written; not NULL.
///
/// Threads: any.
/// Blocking: may wait for a disk.
/// In callbacks: yes.
/// Ownership: the response is the caller's, until `rec_http_response_free`.
/// Errors: `REC_ERR_UNSUPPORTED`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_handle(
    engine: rec_engine,
    request: *const rec_http_request,
    response: *mut *mut rec_http_response,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || -> Result<()> {
        needed(response, "response")?;
        // SAFETY: a struct or NULL, by the ABI.
        unsafe { read_needed(request, "request") }?;
        engine_of(engine)?;
        Err(lacking())
    })
}

/// A response's HTTP status.
///
/// `response`: NULL gives 0.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: nothing is handed over.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rec_http_response_status(response: *const rec_http_response) -> i32 {
    let _ = response;
    0
}

/// A response's headers: "Name: value" lines, each ended by CR LF.
///
/// `response`: NULL gives "".
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the text lives as long as the response.
/// Errors: none; never NULL.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rec_http_response_headers(response: *const rec_http_response) -> *const c_char {
    let _ = response;
    c"".as_ptr()
}

/// A response's body.
///
/// `response`: NULL gives NULL. `size`: where its length in bytes is written; may be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the body lives as long as the response.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_response_body(
    response: *const rec_http_response,
    size: *mut usize,
) -> *const c_void {
    let _ = response;
    if !size.is_null() {
        // SAFETY: not NULL, so it points to a writable size_t.
        unsafe { size.write(0) };
    }
    std::ptr::null()
}

/// Frees a response.
///
/// `response`: NULL is allowed.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the pointer is gone afterwards.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_response_free(response: *mut rec_http_response) {
    if !response.is_null() {
        // SAFETY: no response is ever made in this build; one that comes back is ours by the ABI.
        drop(unsafe { Box::from_raw(response) });
    }
}
