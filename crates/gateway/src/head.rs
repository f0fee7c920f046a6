//! HEAD support: the API handles a GET, and the server removes the body.

use http::header::{ALLOW, CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use hyper::body::Body as _;

use super::http::{HttpRequest, HttpResponse, body_of};

/// Turns a HEAD request into a GET. Returns the original method.
pub fn convert_head_to_get(request: &mut HttpRequest) -> Method {
    let method = request.method().clone();
    if method == Method::HEAD {
        *request.inner.method_mut() = Method::GET;
        request.inner.extensions_mut().insert(HeadRequest);
    }
    method
}

/// Marks a request that was sent as HEAD.
#[derive(Clone)]
struct HeadRequest;

/// Whether the response is sent without a body.
pub fn is_without_body(request: &HttpRequest) -> bool {
    request.inner.extensions().get::<HeadRequest>().is_some()
}

/// The same status and headers without the body. The body is not read.
pub fn without_body(response: HttpResponse) -> HttpResponse {
    let (mut head, body) = response.into_parts();
    let has_length = !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = body.size_hint().exact().filter(|_| has_length) {
        let length = HeaderValue::from(length);
        head.headers.entry(CONTENT_LENGTH).or_insert(length);
    }
    HttpResponse::from_parts(head, body_of(""))
}

/// Adds HEAD after GET to the `Allow` header of a 405.
pub fn complete_allow(response: &mut HttpResponse) {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    let Some(allow) = response
        .headers()
        .get(ALLOW)
        .and_then(|allow| allow.to_str().ok())
    else {
        return;
    };
    let methods: Vec<&str> = allow.split(',').map(str::trim).collect();
    if methods.contains(&"HEAD") || !methods.contains(&"GET") {
        return;
    }
    let named = methods.into_iter().flat_map(|method| match method {
        "GET" => vec!["GET", "HEAD"],
        method => vec![method],
    });
    let named: Vec<&str> = named.collect();
    if let Ok(named) = HeaderValue::from_str(&named.join(", ")) {
        response.headers_mut().insert(ALLOW, named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{empty, text};

    fn allowed(methods: &'static str) -> String {
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(methods));
        complete_allow(&mut response);
        response.headers()[ALLOW].to_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn head_is_allowed_where_get_is() {
        assert_eq!(allowed("GET"), "GET, HEAD");
        assert_eq!(allowed("GET, DELETE"), "GET, HEAD, DELETE");
        assert_eq!(allowed("GET, HEAD, POST"), "GET, HEAD, POST");
        assert_eq!(allowed("POST"), "POST");
    }

    #[test]
    fn a_head_has_the_length_of_the_omitted_body() {
        let length = |response: HttpResponse| without_body(response).headers().get(CONTENT_LENGTH).cloned();
        assert_eq!(length(text(StatusCode::OK, "four")), Some(4.into()));
        assert_eq!(length(empty(StatusCode::NOT_FOUND)), Some(0.into()));
        assert_eq!(length(empty(StatusCode::NO_CONTENT)), None);
    }
}
