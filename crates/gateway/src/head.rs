//! HEAD, wherever an API answers GET: the API is asked for a GET, and the body is left out.

use http::header::{ALLOW, CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use hyper::body::Body as _;

use super::http::{Answer, Asked, body_of};

/// Makes a GET of a HEAD; returns the method that was sent.
pub fn become_get(asked: &mut Asked) -> Method {
    let method = asked.method().clone();
    if method == Method::HEAD {
        *asked.request.method_mut() = Method::GET;
        asked.request.extensions_mut().insert(WithoutBody);
    }
    method
}

/// Travels with a request that was sent as HEAD.
#[derive(Clone)]
struct WithoutBody;

/// Whether the body of the answer is left out.
pub fn is_without_body(asked: &Asked) -> bool {
    asked.request.extensions().get::<WithoutBody>().is_some()
}

/// The same status and headers without the body, which is not read.
pub fn without_body(answer: Answer) -> Answer {
    let (mut head, body) = answer.into_parts();
    let has_length = !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = body.size_hint().exact().filter(|_| has_length) {
        let length = HeaderValue::from(length);
        head.headers.entry(CONTENT_LENGTH).or_insert(length);
    }
    Answer::from_parts(head, body_of(""))
}

/// Names HEAD behind GET in the `Allow` of a 405.
pub fn complete_allow(answer: &mut Answer) {
    if answer.status() != StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    let Some(allow) = answer.headers().get(ALLOW).and_then(|allow| allow.to_str().ok()) else {
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
        answer.headers_mut().insert(ALLOW, named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{empty, text};

    fn allowed(methods: &'static str) -> String {
        let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(methods));
        complete_allow(&mut answer);
        answer.headers()[ALLOW].to_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn head_is_allowed_where_get_is() {
        assert_eq!(allowed("GET"), "GET, HEAD");
        assert_eq!(allowed("GET, DELETE"), "GET, HEAD, DELETE");
        assert_eq!(allowed("GET, HEAD, POST"), "GET, HEAD, POST");
        assert_eq!(allowed("POST"), "POST");
    }

    #[test]
    fn a_head_says_how_long_the_body_would_be() {
        let length = |answer: Answer| without_body(answer).headers().get(CONTENT_LENGTH).cloned();
        assert_eq!(length(text(StatusCode::OK, "four")), Some(4.into()));
        assert_eq!(length(empty(StatusCode::NOT_FOUND)), Some(0.into()));
        assert_eq!(length(empty(StatusCode::NO_CONTENT)), None);
    }
}
