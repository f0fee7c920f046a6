//! Gateways of the C ABI, over sockets and over `rec_http_handle`.

use std::ffi::CStr;

use callrec::capi::*;
use callrec_testkit::http::{ClientResponse, HeaderMap, HeaderName};

use super::abi::{AbiResult, CText, checked, init};

/// Starts a gateway with these options.
pub fn start_gateway_with(engine: rec_engine, options: &rec_gateway_options) -> AbiResult<rec_gateway> {
    let mut gateway = rec_gateway { id: 0 };
    checked(|e| unsafe { rec_gateway_start(engine, options, &mut gateway, e) })?;
    Ok(gateway)
}

/// The port that a gateway listens on.
pub fn gateway_port(gateway: rec_gateway) -> AbiResult<u16> {
    let mut port = 0;
    checked(|e| unsafe { rec_gateway_port(gateway, &mut port, e) })?;
    Ok(port as u16)
}

pub fn stop_gateway(gateway: rec_gateway) {
    checked(|e| unsafe { rec_gateway_stop(gateway, 5000, e) }).unwrap();
}

/// Handles a request by `rec_http_handle`, without a socket.
pub fn handle(
    gateway: rec_gateway,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> AbiResult<ClientResponse> {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let (method, target, lines) = (
        CText::from(method),
        CText::from(target),
        CText::from(lines.as_str()),
    );
    let mut request: rec_http_request = init();
    request.method = method.ptr();
    request.target = target.ptr();
    request.headers = lines.ptr();
    request.body = body.as_ptr().cast();
    request.body_size = body.len();
    let mut response = std::ptr::null_mut();
    checked(|e| unsafe { rec_http_handle(gateway, &request, &mut response, e) })?;
    Ok(unsafe { response_of(response) })
}

/// # Safety
/// `response` is a response of `rec_http_handle` that has not been freed. It is freed here.
unsafe fn response_of(response: *mut rec_http_response) -> ClientResponse {
    let status = unsafe { rec_http_response_status(response) } as u16;
    let lines = unsafe { CStr::from_ptr(rec_http_response_headers(response)) };
    let mut headers = HeaderMap::new();
    for line in lines.to_str().unwrap().split_terminator("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let mut size = 0;
    let body = unsafe { rec_http_response_body(response, &mut size) };
    let body = unsafe { std::slice::from_raw_parts(body.cast::<u8>(), size) }.to_vec();
    unsafe { rec_http_response_free(response) };
    ClientResponse {
        status,
        headers,
        body,
    }
}
