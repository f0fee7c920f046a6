//! Bodies of requests and responses: requests keep to the bandwidth, and both note progress.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use callrec_core::sync::Mutex;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use object_store::client::{HttpError, HttpErrorKind, HttpRequestBody};
use tokio::time::{Sleep, sleep};

use super::bandwidth::Bandwidth;

/// The time of a request's last progress.
pub struct RequestActivity(Mutex<Instant>);

impl RequestActivity {
    pub fn new() -> Arc<RequestActivity> {
        Arc::new(RequestActivity(Mutex::new(Instant::now())))
    }

    /// Notes progress. A wait for the bandwidth until `at` is none that the store causes.
    fn note(&self, at: Instant) {
        *self.0.lock() = at;
    }

    /// Returns once there has been no progress for this long.
    pub async fn stalled(&self, limit: Duration) {
        loop {
            let due = *self.0.lock() + limit;
            if due <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

/// A request's body, whose frames wait for the bandwidth.
pub struct PacedBody {
    body: HttpRequestBody,
    bandwidth: Arc<Bandwidth>,
    activity: Arc<RequestActivity>,
    next: Option<(Frame<Bytes>, Pin<Box<Sleep>>)>,
}

impl PacedBody {
    pub fn new(
        body: HttpRequestBody,
        bandwidth: Arc<Bandwidth>,
        activity: Arc<RequestActivity>,
    ) -> PacedBody {
        PacedBody {
            body,
            bandwidth,
            activity,
            next: None,
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if self.next.is_none() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            let now = Instant::now();
            let wait = self.bandwidth.take(bytes, now);
            self.activity.note(now + wait);
            if wait.is_zero() {
                return Poll::Ready(Some(Ok(frame)));
            }
            self.next = Some((frame, Box::pin(sleep(wait))));
        }
        if let Some((_, wait)) = &mut self.next {
            ready!(wait.as_mut().poll(context));
        }
        Poll::Ready(self.next.take().map(|(frame, _)| Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let queued = self.next.as_ref().and_then(|(frame, _)| frame.data_ref());
        let queued = queued.map_or(0, |data| data.len() as u64);
        let rest = self.body.size_hint().exact().unwrap_or_default();
        SizeHint::with_exact(rest + queued)
    }
}

/// A response's body, which fails if it stalls.
pub struct WatchedBody {
    body: Incoming,
    limit: Duration,
    stall: Pin<Box<Sleep>>,
}

impl WatchedBody {
    pub fn new(body: Incoming, limit: Duration) -> WatchedBody {
        WatchedBody {
            body,
            limit,
            stall: Box::pin(sleep(limit)),
        }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let due = tokio::time::Instant::now() + self.limit;
            self.stall.as_mut().reset(due);
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))),
            );
        }
        ready!(self.stall.as_mut().poll(context));
        Poll::Ready(Some(Err(stalled())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The error of a request without progress.
pub fn stalled() -> HttpError {
    let error = std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "no progress within upload.timeout_ms",
    );
    HttpError::new(HttpErrorKind::Timeout, error)
}
