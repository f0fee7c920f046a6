//! The published HTTP APIs: a gateway, and requests without a socket.

use std::ffi::{c_char, c_void};
use std::net::IpAddr;

use super::convert::{flags, invalid, needed, read, read_needed, reserved, str_of};
use super::engine_of;
use super::guard::{answer, answer_anyway, shielded_or};
use super::http_types::{Given, rec_http_response};
use super::types::*;
use crate::handles::{self, Handle};
use crate::types::Result;

#[cfg(feature = "gateway")]
use super::served;
#[cfg(not(feature = "gateway"))]
use super::unserved as served;

/// Longest headers that come in, in bytes.
const HEADERS_MAX: usize = 1 << 20;

/// Starts a gateway: the HTTP APIs that Imagicle, Genesys (with CometD) and Vobiz
/// publish, over this engine. Which of them, their paths and their limits are keys of
/// `rec_config_set` (`gateway.…`). TLS is the reverse proxy's. `rec_close` stops it too,
/// and then its handle is stale.
///
/// `options`: NULL for the defaults (127.0.0.1, any free port, nobody is let in).
/// `gateway`: where the handle is written; not NULL.
///
/// Threads: any.
/// Blocking: until it listens; never for a disk or a peer.
/// In callbacks: yes.
/// Ownership: the gateway is the caller's, until `rec_gateway_stop` or `rec_close`.
/// `options` and its strings are borrowed for the call; `user_data` is lent until `user_data_free`, after
/// an error it is not.
/// Errors: `REC_ERR_UNSUPPORTED` (built without the feature `gateway`), `REC_ERR_IO`
/// (the address is taken, or is not ours), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`,
/// `REC_ERR_UNAVAILABLE` (the engine is closing), `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_start(
    engine: rec_engine,
    options: *const rec_gateway_options,
    gateway: *mut rec_gateway,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        let out = needed(gateway, "gateway")?;
        // SAFETY: a struct or NULL, by the ABI.
        let given = unsafe { read(options, "options") }?;
        let options = given.unwrap_or(NO_OPTIONS);
        flags(options.flags, REC_GATEWAY_NO_SOCKET, "options.flags")?;
        reserved(options.reserved, "options.reserved")?;
        if options.authenticate.is_none() && options.user_data_free.is_some() {
            return Err(invalid("options.user_data_free: given without authenticate"));
        }
        // SAFETY: a string or NULL, by the ABI.
        let address = unsafe { str_of(options.address, "options.address", 64) }?;
        let port = u16::try_from(options.port)
            .map_err(|_| invalid(format!("options.port {}: 0 to 65535", options.port)))?;
        let address = address.filter(|text| !text.is_empty()).unwrap_or("127.0.0.1");
        let address: IpAddr = address
            .parse()
            .map_err(|_| invalid(format!("options.address \"{address}\": no IP address")))?;
        let settings = handles::engine::gateway_settings(Handle(engine.id))?;
        let engine = engine_of(engine)?;
        let Handle(id) = served::start(engine, settings, &options, (address, port).into())?;
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

/// The port that a gateway listens on.
///
/// `port`: where it is written, 0 with `REC_GATEWAY_NO_SOCKET`; not NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: nothing is handed over.
/// Errors: `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`,
/// `REC_ERR_UNSUPPORTED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_port(
    gateway: rec_gateway,
    port: *mut u32,
    error: *mut rec_error,
) -> rec_status {
    answer_anyway(error, || {
        let out = needed(port, "port")?;
        let found = served::port(Handle(gateway.id))?;
        // SAFETY: not NULL, so it points to a writable uint32_t.
        unsafe { out.write(found) };
        Ok(())
    })
}

/// Stops a gateway: its port is closed, waiting long polls are answered, callbacks that
/// are still owed stay on disk for the next gateway. When it returns `REC_OK`, no
/// `rec_http_handle` and no `rec_authenticate_fn` of it runs, and `user_data_free` has
/// been called.
///
/// `timeout_ms`: how long to wait for requests that are being answered, in milliseconds.
/// Then they are cut off: connections are closed, `rec_http_handle` answers
/// `REC_ERR_UNAVAILABLE`, and no `rec_authenticate_fn` begins any more.
///
/// Threads: any.
/// Blocking: at most `timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`): neither in those of the engine nor in
/// `rec_authenticate_fn`.
/// Ownership: the gateway is gone, also after `REC_ERR_TIMEOUT`; not after
/// `REC_ERR_IN_CALLBACK`.
/// Errors: `REC_ERR_TIMEOUT` (what was still being answered is cut off; `user_data_free`
/// is called once a running `rec_authenticate_fn` has returned), `REC_ERR_BAD_HANDLE`
/// (also after `rec_close`, which has stopped it), `REC_ERR_IN_CALLBACK`, `REC_ERR_FORKED`, `REC_ERR_UNSUPPORTED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_gateway_stop(
    gateway: rec_gateway,
    timeout_ms: u32,
    error: *mut rec_error,
) -> rec_status {
    answer_anyway(error, || served::stop(Handle(gateway.id), timeout_ms))
}

/// Answers one request of the published HTTP APIs without any socket, for a host that
/// has an HTTP server already.
///
/// `request`: not NULL; `method` and `target` not NULL. `response`: where the pointer is
/// written; not NULL. Whatever HTTP has an answer for (401, 404, 500, …) is `REC_OK`
/// with that answer.
///
/// Threads: any, several at a time.
/// Blocking: may wait for a disk, for `rec_authenticate_fn`, and with a CometD
/// `/meta/connect` as long as `cometd.timeout_ms`.
/// In callbacks: no (`REC_ERR_IN_CALLBACK`).
/// Ownership: the response is the caller's, until `rec_http_response_free`; the request
/// is borrowed for the call.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (no HTTP: a method, target or header line that
/// cannot be one; a body beyond `gateway.max_body_bytes`), `REC_ERR_UNAVAILABLE` (the
/// gateway is being stopped, or was before the answer was whole), `REC_ERR_IO` (audio
/// that could not be read to its end), `REC_ERR_BAD_HANDLE`, `REC_ERR_IN_CALLBACK`,
/// `REC_ERR_FORKED`, `REC_ERR_UNSUPPORTED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_handle(
    gateway: rec_gateway,
    request: *const rec_http_request,
    response: *mut *mut rec_http_response,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || -> Result<()> {
        let out = needed(response, "response")?;
        // SAFETY: a struct or NULL, by the ABI.
        let given = unsafe { read_needed(request, "request") }?;
        reserved(given.reserved, "request.reserved")?;
        // SAFETY: strings or NULL, by the ABI.
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
            return Err(invalid("request.body: NULL, but body_size is not 0"));
        }
        let body = if given.body_size == 0 {
            &[]
        } else {
            // SAFETY: `body_size` bytes are readable there, by the ABI.
            unsafe { std::slice::from_raw_parts(given.body.cast::<u8>(), given.body_size) }
        };
        let answered = served::handle(
            Handle(gateway.id),
            Given {
                method: method.ok_or_else(|| invalid("request.method: NULL"))?,
                target: target.ok_or_else(|| invalid("request.target: NULL"))?,
                headers: headers.unwrap_or_default(),
                source: source.filter(|text| !text.is_empty()).unwrap_or("127.0.0.1"),
                body,
            },
        )?;
        // SAFETY: not NULL, so it points to a writable pointer.
        unsafe { out.write(Box::into_raw(Box::new(answered))) };
        Ok(())
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
pub unsafe extern "C" fn rec_http_response_status(response: *const rec_http_response) -> i32 {
    // SAFETY: NULL, or made by rec_http_handle and not freed.
    let response = unsafe { response.as_ref() };
    shielded_or(0, || response.map_or(0, |response| response.status))
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
pub unsafe extern "C" fn rec_http_response_headers(response: *const rec_http_response) -> *const c_char {
    // SAFETY: NULL, or made by rec_http_handle and not freed.
    match unsafe { response.as_ref() } {
        Some(response) => response.headers.as_ptr(),
        None => c"".as_ptr(),
    }
}

/// A response's body: bytes, not ended by a NUL.
///
/// `response`: NULL gives NULL. `size`: where its length in bytes is written; may be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the body lives as long as the response.
/// Errors: none; NULL only for a response that is NULL.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_http_response_body(
    response: *const rec_http_response,
    size: *mut usize,
) -> *const c_void {
    // SAFETY: NULL, or made by rec_http_handle and not freed.
    let body = unsafe { response.as_ref() }.map(|response| response.body.as_slice());
    if !size.is_null() {
        // SAFETY: not NULL, so it points to a writable size_t.
        unsafe { size.write(body.map_or(0, <[u8]>::len)) };
    }
    body.map_or(std::ptr::null(), |body| body.as_ptr().cast())
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
        // SAFETY: made by rec_http_handle, and given back once, by the ABI.
        drop(unsafe { Box::from_raw(response) });
    }
}
