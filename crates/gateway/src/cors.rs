//! Rules for pages of other sites in a browser: which responses they may read (CORS), and that they
//! change nothing unless their site is allowed.
//!
//! A browser adds stored credentials, HTTP Basic included, to the requests of any site's page. The
//! page can read the response only if the server names its origin. A plain form is sent regardless,
//! and would start a recording.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, StatusCode};

use super::api::CorsHeaders;
use super::http::{HttpRequest, HttpResponse, empty};
use crate::config::origin::WebOrigin;

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
/// Headers that a page may send in addition to the safelisted ones.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, X-Requested-With, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Cache-Control";
/// Headers that a page may read in addition to the safelisted ones.
const RESPONSE_HEADERS: &str =
    "Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Retry-After, WWW-Authenticate";
/// Seconds for which a browser may cache a preflight. No browser caches it for longer.
const MAX_AGE: &str = "7200";
const PRIVATE_NETWORK: &str = "access-control-allow-private-network";

/// One API's rules for pages of other sites.
pub struct Cors<'a> {
    /// Nothing is refused.
    is_open: bool,
    /// Sites whose pages may use the API.
    allowed: Vec<&'a WebOrigin>,
    /// The origin of the page, if it is allowed.
    origin: Option<HeaderValue>,
    own: CorsHeaders,
}

impl<'a> Cors<'a> {
    /// For paths that belong to no API: no page may read them, and nothing is refused.
    pub fn none() -> Cors<'a> {
        Cors {
            is_open: true,
            allowed: Vec::new(),
            origin: None,
            own: CorsHeaders::default(),
        }
    }

    /// Applies the rules to the headers of one request.
    pub fn of(allowed: Vec<&'a WebOrigin>, own: CorsHeaders, headers: &HeaderMap) -> Cors<'a> {
        let named = only_origin(headers);
        let origin = named.filter(|(_, origin)| allowed.contains(&origin));
        Cors {
            is_open: false,
            origin: origin.map(|(text, _)| text.clone()),
            allowed,
            own,
        }
    }

    /// The response to a preflight of an allowed page. Browsers send preflights without
    /// credentials.
    pub fn preflight(&self, request: &HttpRequest) -> Option<HttpResponse> {
        if !is_preflight(request) || self.origin.is_none() {
            return None;
        }
        let mut response = empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        if let Some(names) = names(REQUEST_HEADERS, self.own.request) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        if request.header("access-control-request-private-network") == Some("true") {
            headers.insert(PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        Some(response)
    }

    /// Whether the request comes from a page that is not allowed and may change state. `own` is the
    /// origin under which clients find this gateway, if known.
    pub fn is_cross_site_write(&self, request: &HttpRequest, own: Option<&WebOrigin>) -> bool {
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        !is_safe && !self.is_open && self.origin.is_none() && is_cross_site(request, own)
    }

    /// Lets an allowed page read the response.
    pub fn add_headers(&self, response: &mut HttpResponse) {
        if self.allowed.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = &self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            if let Some(names) = names(RESPONSE_HEADERS, self.own.response) {
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
            }
        }
    }
}

/// Whether a browser asks for permission to send a request with another method or other headers.
pub fn is_preflight(request: &HttpRequest) -> bool {
    *request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn names(common: &str, own: &[&str]) -> Option<HeaderValue> {
    let all: Vec<&str> = std::iter::once(common).chain(own.iter().copied()).collect();
    HeaderValue::from_str(&all.join(", ")).ok()
}

/// The request's origin, if it has exactly one.
fn only_origin(headers: &HeaderMap) -> Option<(&HeaderValue, WebOrigin)> {
    let mut all = headers.get_all(ORIGIN).iter();
    let (Some(text), None) = (all.next(), all.next()) else {
        return None;
    };
    let origin = WebOrigin::parse(text.to_str().ok()?).ok()?;
    Some((text, origin))
}

/// Whether a browser indicates that another site's page made the request. Other clients send no
/// such header, or name the host that they talk to.
fn is_cross_site(request: &HttpRequest, own: Option<&WebOrigin>) -> bool {
    let headers = request.headers();
    let origin = only_origin(headers).map(|(_, origin)| origin);
    if origin.is_some() && origin.as_ref() == own {
        return false;
    }
    // A page cannot change this header, but browsers omit it without TLS.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    match origin {
        Some(origin) => !names_host(request, &origin),
        None => headers.contains_key(ORIGIN),
    }
}

/// Whether the origin is the request's host, or the host that a trusted proxy was asked for. TLS
/// may end at a proxy, so only the origin's own scheme is known.
fn names_host(request: &HttpRequest, origin: &WebOrigin) -> bool {
    let headers = request.headers();
    let hosts = headers.get_all(HOST).iter();
    let forwarded = headers.get_all("x-forwarded-host").iter();
    let named = hosts.chain(forwarded).filter_map(|hosts| hosts.to_str().ok());
    let mut named = named.flat_map(|hosts| hosts.split(','));
    named.any(|host| WebOrigin::of(origin.is_secure(), host.trim()).as_ref() == Some(origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    type HeaderPairs<'a> = &'a [(&'a str, &'a str)];

    fn request(method: &str, headers: HeaderPairs<'_>) -> HttpRequest {
        let mut request = http::Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        HttpRequest {
            inner: request.body(Bytes::new()).expect("a request"),
            client_address: std::net::IpAddr::from([127, 0, 0, 1]),
        }
    }

    fn origin(text: &str) -> WebOrigin {
        WebOrigin::parse(text).unwrap_or_else(|reason| panic!("{reason}"))
    }

    fn is_refused(method: &str, headers: HeaderPairs<'_>) -> bool {
        let (allowed, own) = (origin("https://crm.example"), origin("https://pbx.example"));
        let request = request(method, headers);
        Cors::of(vec![&allowed], CorsHeaders::default(), request.headers())
            .is_cross_site_write(&request, Some(&own))
    }

    const HOST_A: (&str, &str) = ("host", "a.example:8080");

    #[test]
    fn a_request_that_no_other_site_sent_is_accepted() {
        let accepted: &[HeaderPairs<'_>] = &[
            &[HOST_A],
            &[HOST_A, ("origin", "http://a.example:8080")],
            &[HOST_A, ("origin", "http://A.Example:8080")],
            &[("host", "a.example"), ("origin", "https://a.example")],
            &[("host", "a.example"), ("origin", "http://a.example:80")],
            &[HOST_A, ("origin", "https://pbx.example")],
            &[
                HOST_A,
                ("origin", "https://crm.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[
                HOST_A,
                ("origin", "https://other.example"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[HOST_A, ("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[HOST_A, ("sec-fetch-site", "none")],
            &[
                HOST_A,
                ("x-forwarded-host", "front.example"),
                ("origin", "https://front.example"),
            ],
        ];
        for headers in accepted {
            assert!(!is_refused("POST", headers), "{headers:?}");
        }
    }

    #[test]
    fn a_request_from_another_sites_page_is_refused_unless_it_only_reads() {
        let refused: &[HeaderPairs<'_>] = &[
            &[HOST_A, ("origin", "http://a.example:8081")],
            &[HOST_A, ("origin", "http://b.example:8080")],
            &[HOST_A, ("origin", "http://crm.example")],
            &[HOST_A, ("origin", "null")],
            &[HOST_A, ("origin", "nonsense")],
            &[
                HOST_A,
                ("origin", "https://crm.example"),
                ("origin", "https://crm.example"),
            ],
            &[HOST_A, ("sec-fetch-site", "cross-site")],
            &[HOST_A, ("sec-fetch-site", "same-site")],
            &[
                HOST_A,
                ("origin", "http://a.example:8080"),
                ("sec-fetch-site", "cross-site"),
            ],
        ];
        for headers in refused {
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                assert!(is_refused(method, headers), "{method} {headers:?}");
            }
            for method in ["GET", "HEAD", "OPTIONS"] {
                assert!(!is_refused(method, headers), "{method} {headers:?}");
            }
        }
    }

    #[test]
    fn a_preflight_is_answered_only_to_allowed_pages() {
        let allowed = origin("https://crm.example");
        let is_answered = |headers: HeaderPairs<'_>| {
            let request = request("OPTIONS", headers);
            let cors = Cors::of(vec![&allowed], CorsHeaders::default(), request.headers());
            cors.preflight(&request).is_some()
        };
        let method = ("access-control-request-method", "POST");
        assert!(is_answered(&[method, ("origin", "https://crm.example")]));
        assert!(!is_answered(&[method, ("origin", "https://evil.example")]));
        assert!(!is_answered(&[method]));
        assert!(!is_answered(&[("origin", "https://crm.example")]));
    }
}
