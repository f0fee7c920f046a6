//! Requests and responses of the published HTTP APIs, as they pass between the host and a gateway.

use std::ffi::CString;

/// The response to an HTTP request. Opaque.
pub struct rec_http_response {
    pub(super) status: i32,
    pub(super) headers: CString,
    pub(super) body: Vec<u8>,
}

/// A request as it came over the border.
// Without the feature nobody reads it.
#[cfg_attr(not(feature = "gateway"), allow(dead_code))]
pub(super) struct Given<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a str,
    pub source: &'a str,
    pub body: &'a [u8],
}
