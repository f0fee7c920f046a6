//! HTTP requests and responses as the vendors' modules use them.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use callrec_core::json::nesting;
use callrec_core::text::Text;

/// A response body, from memory or read from a file while it is sent.
pub type ResponseBody = UnsyncBoxBody<Bytes, std::io::Error>;
pub type HttpResponse = Response<ResponseBody>;

/// One request with its complete body.
pub struct HttpRequest {
    pub inner: http::Request<Bytes>,
    /// The client's address, taking trusted proxies into account.
    pub client_address: IpAddr,
}

impl HttpRequest {
    pub fn method(&self) -> &Method {
        self.inner.method()
    }

    /// The path as it was sent, still percent-encoded.
    pub fn path(&self) -> &str {
        self.inner.uri().path()
    }

    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The body without the byte order mark that some editors put before UTF-8.
    pub fn body(&self) -> &[u8] {
        let body = self.inner.body();
        body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
    }

    /// A header's value; `None` if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The query's decoded pairs.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.inner.uri().query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
    }

    /// The value of the first query parameter with this name, ignoring case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let named = self.query().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.into_owned())
    }

    /// Name and password of HTTP Basic, decoded as UTF-8 or else as Latin-1. Old clients use either
    /// encoding without declaring it.
    pub fn basic_credentials(&self) -> Option<(String, String)> {
        let text = self.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, coded) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let plain = BASE64_STANDARD.decode(coded.trim()).ok()?;
        let latin_1 = |plain: &[u8]| plain.iter().map(|byte| char::from(*byte)).collect();
        let plain = String::from_utf8(plain).unwrap_or_else(|error| latin_1(error.as_bytes()));
        let (name, password) = plain.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    /// The first cookie with this name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let headers = self.headers().get_all(COOKIE).iter();
        let pairs = headers
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The rest of the path after `base`: `/a/b` for `/base/a/b`, empty for `/base`.
    pub fn path_below(&self, base: &str) -> Option<&str> {
        let rest = self.path().strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Like [`path_below`](Self::path_below), but ignores the case of `base`.
    pub fn path_below_ignoring_case(&self, base: &str) -> Option<&str> {
        let (start, rest) = self.path().split_at_checked(base.len())?;
        let is_base = start.eq_ignore_ascii_case(base) && (rest.is_empty() || rest.starts_with('/'));
        is_base.then_some(rest)
    }

    /// Parses the body as JSON nested at most `depth` levels deep.
    pub fn json(&self, depth: u32) -> Result<Value, String> {
        json_of(self.body(), depth)
    }
}

/// Parses JSON nested at most `depth` levels deep.
pub fn json_of(bytes: &[u8], depth: u32) -> Result<Value, String> {
    if nesting(bytes) > depth {
        return Err(format!("JSON is nested deeper than {depth}"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// One decoded segment of a path; `None` if it is not UTF-8.
pub fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Cow::into_owned)
}

/// A name that a client sent. NUL is replaced, since it would hide the rest of the name.
pub fn name(text: &str) -> Text {
    Text::from(text.replace('\0', "\u{fffd}"))
}

pub fn body_of(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub fn empty(status: StatusCode) -> HttpResponse {
    response(status, None, Bytes::new())
}

pub fn json(status: StatusCode, value: &impl serde::Serialize) -> HttpResponse {
    // Serialization cannot fail, since all keys are text.
    let text = serde_json::to_vec(value).unwrap_or_default();
    response(status, Some("application/json"), text)
}

pub fn text(status: StatusCode, text: impl Into<String>) -> HttpResponse {
    response(status, Some("text/plain; charset=utf-8"), text.into())
}

pub fn response(status: StatusCode, kind: Option<&'static str>, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(body_of(body));
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// Adds `Retry-After: 1`.
pub fn with_retry_after(mut response: HttpResponse) -> HttpResponse {
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Sets a header to an untrusted value. An invalid value is dropped.
pub fn set_header(response: &mut HttpResponse, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http_request(request: http::request::Builder, body: &'static str) -> HttpRequest {
        HttpRequest {
            inner: request.body(Bytes::from(body)).expect("a request"),
            client_address: IpAddr::from([127, 0, 0, 1]),
        }
    }

    #[test]
    fn basic_credentials_may_hold_colons() {
        let coded = BASE64_STANDARD.encode("user1:se:cret");
        let request = http::Request::builder().header("Authorization", format!("bAsIc {coded}"));
        let expected = Some(("user1".to_owned(), "se:cret".to_owned()));
        assert_eq!(http_request(request, "").basic_credentials(), expected);
        for wrong in ["Basic", "Basic !!!!", "Bearer abc", "Basic dXNlcg=="] {
            let request = http::Request::builder().header("Authorization", wrong);
            assert_eq!(http_request(request, "").basic_credentials(), None, "{wrong}");
        }
    }

    #[test]
    fn basic_credentials_are_utf_8_or_latin_1() {
        for plain in ["ren\u{e9}:gr\u{fc}n".as_bytes(), b"ren\xe9:gr\xfcn"] {
            let coded = BASE64_STANDARD.encode(plain);
            let request = http::Request::builder().header("Authorization", format!("Basic {coded}"));
            let expected = Some(("ren\u{e9}".to_owned(), "gr\u{fc}n".to_owned()));
            assert_eq!(http_request(request, "").basic_credentials(), expected);
        }
    }

    #[test]
    fn a_byte_order_mark_is_removed_from_the_body() {
        let json = http_request(http::Request::builder(), "\u{feff}{\"a\":1}");
        assert_eq!(json.json(4), Ok(serde_json::json!({ "a": 1 })));
        assert!(
            http_request(http::Request::builder(), "\u{feff}")
                .body()
                .is_empty()
        );
    }

    #[test]
    fn a_base_must_match_whole_segments() {
        let request_to = |path: &str| http_request(http::Request::builder().uri(path), "");
        assert_eq!(request_to("/api/v2/me").path_below("/api/v2"), Some("/me"));
        assert_eq!(request_to("/api/v2").path_below("/api/v2"), Some(""));
        assert_eq!(request_to("/api/v22/me").path_below("/api/v2"), None);
        assert_eq!(request_to("/API/v2/me").path_below("/api/v2"), None);
    }

    #[test]
    fn a_base_in_any_case_must_match_whole_segments() {
        let request_to = |path: &str| http_request(http::Request::builder().uri(path), "");
        for path in ["/Api/V2/Me", "/api/v2/Me"] {
            assert_eq!(
                request_to(path).path_below_ignoring_case("/aPi/v2"),
                Some("/Me"),
                "{path}"
            );
        }
        assert_eq!(
            request_to("/API/V2").path_below_ignoring_case("/api/v2"),
            Some("")
        );
        for path in ["/API/V22", "/API", "/b\u{e4}/V2"] {
            assert_eq!(
                request_to(path).path_below_ignoring_case("/api/v2"),
                None,
                "{path}"
            );
        }
    }

    #[test]
    fn json_that_is_nested_too_deeply_is_refused() {
        assert!(json_of(b"[[[[]]]]", 3).is_err_and(|why| why.contains("deeper")));
        assert!(json_of(b"[[[[]]]]", 4).is_ok());
    }
}
