//! The HTTP gateway, and requests without a socket.

use std::ffi::{c_char, c_void};
use std::net::IpAddr;

use super::convert::{check_reserved, flags, invalid, not_null, read, read_required, str_of};
use super::engine_of;
use super::gateway_types::*;
use super::guard::{catch_faults_or, run_always, run_with_memory};
use super::http_types::{HttpRequestParts, rec_http_response};
use super::nodes;
use super::types::*;
use crate::handles::{self, Handle};
use crate::types::Result;

#[cfg(not(feature = "gateway"))]
use super::gateway_disabled as backend;
#[cfg(feature = "gateway")]
use super::gateway_enabled as backend;

/// Longest headers that come in, in bytes.
const HEADERS_MAX: usize = 1 << 20;

/// Starts a gateway: a server with the HTTP APIs that Imagicle, Genesys (with CometD) and Vobiz
/// publish.
///
/// The `gateway.…` keys of `rec_config_set` choose the APIs, their paths and their limits.
/// callrec does not terminate TLS; put a reverse proxy in front. `rec_close` also stops the
/// gateway.
///
/// @param engine The engine.
/// @param options The options, or NULL for the defaults: the address 127.0.0.1, any free port,
///   and no client that is let in.
/// @param[out] gateway The new gateway. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: until the gateway listens, never for a disk or a client.
/// In callbacks: yes.
/// Ownership: the caller owns the gateway until `rec_gateway_stop` or `rec_close`. `options`
/// and its strings remain the caller's. callrec uses `user_data` until it calls
/// `user_data_free`; after an error, it uses neither.
/// Errors: `REC_ERR_UNSUPPORTED` (the build lacks the feature `gateway`), `REC_ERR_IO` (the
/// port is in use, or the address is not one of this machine), `REC_ERR_INVALID_ARGUMENT`,
/// `REC_ERR_LIMIT`, `REC_ERR_UNAVAILABLE` (the engine is closing), `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_start(
    engine: rec_engine,
    options: *const rec_gateway_options,
    gateway: *mut rec_gateway,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let out = not_null(gateway, "gateway")?;
        // SAFETY: a struct or NULL, by the rules of the API.
        let given = unsafe { read(options, "options") }?;
        let options = given.unwrap_or(NO_OPTIONS);
        flags(options.flags, REC_GATEWAY_NO_SOCKET, "options.flags")?;
        check_reserved(options.reserved, "options.reserved")?;
        if options.authenticate.is_none() && options.user_data_free.is_some() {
            return Err(invalid(
                "options.user_data_free must be NULL if authenticate is NULL",
            ));
        }
        // SAFETY: a string or NULL, by the rules of the API.
        let address = unsafe { str_of(options.address, "options.address", 64) }?;
        let port = u16::try_from(options.port)
            .map_err(|_| invalid(format!("options.port {}: must be 0 to 65535", options.port)))?;
        let address = address.filter(|text| !text.is_empty()).unwrap_or("127.0.0.1");
        let address: IpAddr = address
            .parse()
            .map_err(|_| invalid(format!("options.address \"{address}\" is not an IP address")))?;
        let settings = handles::engine::gateway_settings(Handle(engine.id))?;
        let recorder = nodes::gateway_recorder(Handle(engine.id));
        let engine = engine_of(engine)?;
        let Handle(id) = backend::start(engine, recorder, settings, &options, (address, port).into())?;
        // SAFETY: not NULL, so it points to a writable rec_gateway.
        unsafe { out.write(rec_gateway { id }) };
        Ok(())
    })
}

const NO_OPTIONS: rec_gateway_options = rec_gateway_options {
    struct_size: size_of::<rec_gateway_options>() as u32,
    port: 0,
    address: std::ptr::null(),
    flags: 0,
    reserved: 0,
    authenticate: None,
    user_data: std::ptr::null_mut(),
    user_data_free: None,
};

/// Returns the port on which a gateway listens.
///
/// @param gateway The gateway.
/// @param[out] port The port, or 0 with `REC_GATEWAY_NO_SOCKET`. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`,
/// `REC_ERR_UNSUPPORTED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_port(
    gateway: rec_gateway,
    port: *mut u32,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || {
        let out = not_null(port, "port")?;
        let found = backend::port(Handle(gateway.id))?;
        // SAFETY: not NULL, so it points to a writable uint32_t.
        unsafe { out.write(found) };
        Ok(())
    })
}

/// Stops a gateway. Its port is closed, and pending long polls are answered. Callbacks that are
/// not delivered yet stay on the disk for the next gateway.
///
/// When the function returns `REC_OK`, no `rec_http_handle` and no `rec_authenticate_fn` of the
/// gateway is running, and `user_data_free` has been called.
///
/// @param gateway The gateway.
/// @param timeout_ms The maximum wait, in milliseconds, for requests that are being answered.
///   After that time, their connections are closed, `rec_http_handle` returns
///   `REC_ERR_UNAVAILABLE`, and no further `rec_authenticate_fn` begins.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: at most `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`), neither in a callback of the engine nor in any
/// `rec_authenticate_fn`.
/// Ownership: the gateway no longer exists, even after `REC_ERR_TIMEOUT`. After
/// `REC_ERR_IN_CALLBACK`, it still exists.
/// Errors: `REC_ERR_TIMEOUT` (requests were cut off; `user_data_free` is called once a running
/// `rec_authenticate_fn` has returned), `REC_ERR_BAD_HANDLE` (also after `rec_close`, which
/// stops the gateway), `REC_ERR_INVALID_ARGUMENT` (`error` has a wrong `struct_size`),
/// `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`, `REC_ERR_UNSUPPORTED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_stop(
    gateway: rec_gateway,
    timeout_ms: u32,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || backend::stop(Handle(gateway.id), timeout_ms))
}

/// Answers one request of the HTTP APIs without a socket, for a host that has its own HTTP
/// server.
///
/// The function returns `REC_OK` whenever there is an HTTP response, even if its status is 401,
/// 404 or 500.
///
/// @param gateway The gateway.
/// @param request The request. It, its `method` and its `target` must not be NULL.
/// @param[out] response The response. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: may wait for a disk, for `rec_authenticate_fn`, and for a CometD `/meta/connect`
/// up to `cometd.timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: the caller owns the response until `rec_http_response_free`. `request` and all
/// that it points to remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (not HTTP: an invalid method, target or header line, or a
/// body larger than `gateway.max_body_bytes`), `REC_ERR_UNAVAILABLE` (the gateway is being
/// stopped, or was stopped before the response was complete), `REC_ERR_IO` (audio could not be
/// read to its end), `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`,
/// `REC_ERR_UNSUPPORTED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_handle(
    gateway: rec_gateway,
    request: *const rec_http_request,
    response: *mut *mut rec_http_response,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || -> Result<()> {
        let out = not_null(response, "response")?;
        // SAFETY: a struct or NULL, by the rules of the API.
        let given = unsafe { read_required(request, "request") }?;
        check_reserved(given.reserved, "request.reserved")?;
        // SAFETY: strings or NULL, by the rules of the API.
        let (method, target) = unsafe {
            let method = str_of(given.method, "request.method", 32)?;
            (method, str_of(given.target, "request.target", HEADERS_MAX)?)
        };
        // SAFETY: as above.
        let (headers, source) = unsafe {
            let headers = str_of(given.headers, "request.headers", HEADERS_MAX)?;
            (headers, str_of(given.source, "request.source", 64)?)
        };
        if given.body.is_null() && given.body_size > 0 {
            return Err(invalid("request.body is NULL, but body_size is not 0"));
        }
        let body = if given.body_size == 0 {
            &[]
        } else {
            // SAFETY: `body_size` bytes are readable there, by the rules of the API.
            unsafe { std::slice::from_raw_parts(given.body.cast::<u8>(), given.body_size) }
        };
        let answer = backend::handle(
            Handle(gateway.id),
            HttpRequestParts {
                method: method.ok_or_else(|| invalid("request.method is NULL"))?,
                target: target.ok_or_else(|| invalid("request.target is NULL"))?,
                headers: headers.unwrap_or_default(),
                source: source.filter(|text| !text.is_empty()).unwrap_or("127.0.0.1"),
                body,
            },
        )?;
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(Box::into_raw(Box::new(answer))) };
        Ok(())
    })
}

/// Returns the HTTP status of a response.
///
/// @param response The response, or NULL.
/// @return The status, such as 200. 0 if `response` is NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_response_status(response: *const rec_http_response) -> i32 {
    // SAFETY: NULL, or created by rec_http_handle and not freed.
    let response = unsafe { response.as_ref() };
    catch_faults_or(0, || response.map_or(0, |response| response.status))
}

/// Returns the headers of a response: "Name: value" lines, each ending with CR LF.
///
/// @param response The response, or NULL.
/// @return The headers, never NULL. "" if `response` is NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the string lives as long as the response.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_response_headers(response: *const rec_http_response) -> *const c_char {
    // SAFETY: NULL, or created by rec_http_handle and not freed.
    match unsafe { response.as_ref() } {
        Some(response) => response.headers.as_ptr(),
        None => c"".as_ptr(),
    }
}

/// Returns the body of a response. The body does not end with a NUL.
///
/// @param response The response, or NULL.
/// @param[out] size The size of the body in bytes. May be NULL.
/// @return The body. NULL only if `response` is NULL.
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
    // SAFETY: NULL, or created by rec_http_handle and not freed.
    let body = unsafe { response.as_ref() }.map(|response| response.body.as_slice());
    if !size.is_null() {
        // SAFETY: not NULL, so it points to a writable size_t.
        unsafe { size.write(body.map_or(0, <[u8]>::len)) };
    }
    body.map_or(std::ptr::null(), |body| body.as_ptr().cast())
}

/// Frees a response.
///
/// @param response The response. NULL is allowed.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the response no longer exists.
/// Errors: none.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_response_free(response: *mut rec_http_response) {
    if !response.is_null() {
        // SAFETY: created by rec_http_handle and not freed.
        drop(unsafe { Box::from_raw(response) });
    }
}
