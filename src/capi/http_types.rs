//! HTTP requests and responses, as the host and a gateway exchange them.

use std::ffi::CString;

/// The response to an HTTP request. Opaque.
pub struct rec_http_response {
    pub(super) status: i32,
    pub(super) headers: CString,
    pub(super) body: Vec<u8>,
}

/// A request whose strings have been checked.
// Only the feature `gateway` reads the fields.
#[cfg_attr(not(feature = "gateway"), allow(dead_code))]
pub(super) struct HttpRequestParts<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a str,
    pub source: &'a str,
    pub body: &'a [u8],
}
