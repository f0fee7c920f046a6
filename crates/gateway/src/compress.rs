//! Compresses long text responses for clients that prefer gzip.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame};

use super::http::{HttpResponse, ResponseBody};

/// A shorter response fits into one network packet, where compression gains nothing.
const MIN_BYTES: u64 = 1024;
/// Bytes compressed before other tasks of the same thread may run.
const CHUNK_BYTES: usize = 64 << 10;

/// Compresses the response to a request with this method and these headers if the client prefers
/// gzip. Compression happens while the body is sent, on the sending thread.
pub fn compress(method: &Method, headers: &HeaderMap, mut response: HttpResponse) -> HttpResponse {
    if *method != Method::GET || response.status() != StatusCode::OK || !is_compressible(&response) {
        return response;
    }
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(VARY, vary);
    let is_short = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size < MIN_BYTES);
    if is_short || !prefers_gzip(headers) {
        return response;
    }
    let gzip = HeaderValue::from_static("gzip");
    response.headers_mut().insert(CONTENT_ENCODING, gzip);
    response.map(|body| GzipBody::new(body).boxed_unsync())
}

/// Text without a content encoding, never audio.
fn is_compressible(response: &HttpResponse) -> bool {
    const KINDS: [&str; 3] = [
        "application/json",
        "application/yaml",
        "application/openmetrics-text",
    ];
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    KINDS.contains(&kind) && !response.headers().contains_key(CONTENT_ENCODING)
}

/// A body that is compressed while it is sent.
struct GzipBody {
    plain: ResponseBody,
    /// Read from `plain` but not compressed yet.
    rest: Bytes,
    /// `None` after the end was sent.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// Other tasks may run before the next chunk.
    should_yield: bool,
}

impl GzipBody {
    fn new(plain: ResponseBody) -> GzipBody {
        GzipBody {
            plain,
            rest: Bytes::new(),
            // The fastest level; it still shrinks JSON to a fifth.
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
            should_yield: false,
        }
    }

    /// Compresses one chunk and returns the output so far.
    fn compress_chunk(&mut self) -> io::Result<Bytes> {
        let chunk = self.rest.split_to(self.rest.len().min(CHUNK_BYTES));
        let Some(encoder) = &mut self.encoder else {
            return Ok(Bytes::new());
        };
        encoder.write_all(&chunk)?;
        Ok(std::mem::take(encoder.get_mut()).into())
    }
}

impl hyper::body::Body for GzipBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        while self.encoder.is_some() {
            if std::mem::take(&mut self.should_yield) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.rest.is_empty() {
                match ready!(Pin::new(&mut self.plain).poll_frame(context)) {
                    Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => {
                        let end = self.encoder.take().map(GzEncoder::finish).transpose()?;
                        return Poll::Ready(end.map(|end| Ok(Frame::data(end.into()))));
                    }
                }
            }
            let packed = self.compress_chunk()?;
            self.should_yield = true;
            if !packed.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(packed))));
            }
        }
        Poll::Ready(None)
    }
}

/// Whether `Accept-Encoding` accepts gzip with at least the quality of plain text (RFC 9110,
/// 12.5.3).
fn prefers_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    let (mut gzip, mut identity, mut any) = (None, 0.0, 0.0);
    for member in lists.flat_map(|list| list.to_str().unwrap_or_default().split(',')) {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = quality(parts.next());
        match name.as_str() {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "identity" => identity = quality,
            "*" => any = quality,
            _ => {}
        }
    }
    let gzip = gzip.unwrap_or(any);
    gzip > 0.0 && gzip >= identity
}

/// An invalid quality counts as 0, so that the text is sent uncompressed.
fn quality(parameter: Option<&str>) -> f32 {
    let Some(parameter) = parameter else { return 1.0 };
    let pair = parameter.split_once('=');
    let value = pair.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let value = value.and_then(|(_, value)| value.trim().parse::<f32>().ok());
    value.filter(|value| (0.0..=1.0).contains(value)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body_of;

    #[test]
    fn gzip_is_used_where_the_client_prefers_it() {
        let prefers = |accept: &'static str| {
            let accept = (ACCEPT_ENCODING, HeaderValue::from_static(accept));
            prefers_gzip(&HeaderMap::from_iter([accept]))
        };
        for accept in [
            "gzip",
            "GZIP",
            "deflate, gzip;q=1.0, *;q=0.5",
            "*",
            "br, x-gzip",
            "gzip;q=0.001",
            "identity;q=0.5, gzip",
            "identity;q=0, *",
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "",
            "br",
            "identity",
            "gzip;q=0",
            "gzip; q = 0.000",
            "*;q=0",
            "*, gzip;q=0",
            "identity, gzip;q=0.5",
            "gzip;q=nonsense",
            "gzip;q=2",
            "gzip;level=1",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_gzip(&HeaderMap::new()));
    }

    fn poll_once(body: &mut GzipBody) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        Pin::new(body).poll_frame(&mut context)
    }

    #[test]
    fn a_long_body_is_compressed_in_chunks() {
        let plain: Vec<u8> = (0..300_000u32).flat_map(|at| (at / 7).to_le_bytes()).collect();
        let mut body = GzipBody::new(body_of(plain.clone()));
        let (mut packed, mut pending_polls) = (Vec::new(), 0);
        loop {
            match poll_once(&mut body) {
                Poll::Ready(Some(Ok(frame))) => {
                    packed.extend_from_slice(&frame.into_data().expect("data"));
                }
                Poll::Ready(Some(Err(error))) => panic!("{error}"),
                Poll::Ready(None) => break,
                Poll::Pending => pending_polls += 1,
            }
        }
        assert!(pending_polls > plain.len() / CHUNK_BYTES, "{pending_polls}");
        let mut unpacked = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(packed.as_slice());
        io::Read::read_to_end(&mut decoder, &mut unpacked).expect("gzip");
        assert_eq!(unpacked, plain);
    }
}
