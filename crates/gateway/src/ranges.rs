//! Range requests.

use std::io;

use http::header::{ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use tower_http::services::ServeDir;

use super::audio_backend::AudioBackend;
use super::head::is_without_body;
use super::http::{HttpRequest, HttpResponse};

/// Serves the file with ranges and conditional requests. Ranges are defined only for GET: a HEAD is
/// answered as if it had none (RFC 9110, 14.2).
pub async fn serve(file: AudioBackend, request: &HttpRequest) -> io::Result<HttpResponse> {
    let mut headers = request.headers().clone();
    match bytes_range(&headers).filter(|_| !is_without_body(request)) {
        Some(range) if matches_if_range(&file, &headers).await? => headers.insert(RANGE, range),
        _ => headers.remove(RANGE),
    };
    send(file, request.method(), headers).await
}

/// The range in the form that tower-http understands. Unknown units are ignored, and units are
/// case-insensitive (RFC 9110, 14).
fn bytes_range(headers: &HeaderMap) -> Option<HeaderValue> {
    let (unit, range) = headers.get(RANGE)?.to_str().ok()?.split_once('=')?;
    let is_known = unit.trim().eq_ignore_ascii_case("bytes");
    HeaderValue::from_str(&format!("bytes={range}"))
        .ok()
        .filter(|_| is_known)
}

/// Whether `If-Range` matches this file. A weak tag never matches, and a date has a resolution of
/// one second.
async fn matches_if_range(file: &AudioBackend, headers: &HeaderMap) -> io::Result<bool> {
    let Some(known) = headers.get(IF_RANGE) else {
        return Ok(true);
    };
    let now = send(file.clone(), &Method::HEAD, HeaderMap::new()).await?;
    let validators = [ETAG, LAST_MODIFIED];
    Ok(validators
        .iter()
        .any(|name| now.headers().get(name) == Some(known)))
}

async fn send(file: AudioBackend, method: &Method, headers: HeaderMap) -> io::Result<HttpResponse> {
    // The backend serves a single file, whatever the path.
    let mut request = Request::new(Empty::<bytes::Bytes>::new());
    *request.method_mut() = method.clone();
    *request.headers_mut() = headers;
    let served = ServeDir::with_backend("", file)
        .append_index_html_on_directories(false)
        .ignore_multi_range_requests(true)
        .try_call(request)
        .await;
    Ok(served?.map(|body| body.boxed_unsync()))
}
