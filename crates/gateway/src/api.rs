//! The interface between the server and one HTTP API: which requests the API claims, how it
//! responds to them, and its error responses for requests that never reached it.

use std::pin::Pin;

use http::StatusCode;

use super::http::{HttpRequest, HttpResponse};
use crate::config::origin::WebOrigin;

/// A response in progress.
pub type ResponseFuture<'a> = Pin<Box<dyn Future<Output = HttpResponse> + Send + 'a>>;

/// Work that an API does outside of requests.
pub type BackgroundTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One of an API's own gauges in `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiGauge {
    /// The server adds the prefix `callrec_`.
    pub name: &'static str,
    pub help: &'static str,
    pub value: u64,
}

/// Headers that pages of other sites may send and read in addition to the standard ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorsHeaders {
    pub request: &'static [&'static str],
    pub response: &'static [&'static str],
}

/// One API of one gateway. The server calls it on several threads concurrently.
///
/// The API authenticates clients with the gateway's [`Logins`](super::Logins) and writes every
/// status and body in its vendor's form. The server counts its requests and limits their size and
/// duration. It uses [`HttpApi::error_response`] when a request is too large or incomplete, or when
/// [`HttpApi::respond`] panics.
pub trait HttpApi: Send + Sync {
    /// The label `api` of its requests in `/metrics`.
    fn name(&self) -> &'static str;

    /// The path below which its resources lie, from its configuration keys.
    fn base_path(&self) -> &str;

    /// Whether the API handles this request. When several APIs claim a request, the one that was
    /// registered first gets it.
    fn claims(&self, request: &HttpRequest) -> bool {
        request.path_below(self.base_path()).is_some()
    }

    /// Whether the API handles this request when no API claims it and it is not one of the server's
    /// own paths. For vendors whose paths are case-insensitive.
    fn claims_unmatched(&self, _: &HttpRequest) -> bool {
        false
    }

    /// Handles a request that it claims. A panic affects only this request: the client gets
    /// [`HttpApi::error_response`] with 500.
    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a>;

    /// An error response of the server, in the vendor's form: for a body that is too large (413),
    /// incomplete (400) or late (408), for a forbidden cross-site request (403), and after a panic
    /// (500). The request's body is empty if it was not read.
    fn error_response(&self, request: &HttpRequest, status: StatusCode, message: &str) -> HttpResponse;

    /// The user name that the client claims, valid or not. The audit log records it when a login is
    /// refused. The default takes it from HTTP Basic.
    fn claimed_user(&self, request: &HttpRequest) -> String {
        request
            .basic_credentials()
            .map(|(name, _)| name)
            .unwrap_or_default()
    }

    /// Sites whose pages may use the API in a browser. The server answers their preflights, lets
    /// them read every response, and refuses state-changing requests of other sites' pages with
    /// 403.
    fn allowed_origins(&self) -> &[WebOrigin] {
        &[]
    }

    /// The API's own headers that those pages may send and read.
    fn cors_headers(&self) -> CorsHeaders {
        CorsHeaders::default()
    }

    /// Names of APIs whose responses link to this one. Pages that may use those APIs may use this
    /// one too.
    fn shares_origins_with(&self) -> &[&'static str] {
        &[]
    }

    /// Called on a thread of the runtime when the gateway has started. The API subscribes to the
    /// engine, spawns tasks and logs warnings about the configuration here.
    fn attach(&self) {}

    /// Called when the gateway accepts no more requests. Tasks that `attach` spawned are not
    /// awaited; they end with [`Gateway::stopping`](super::Gateway::stopping).
    fn stop(&self) {}

    /// Work outside of requests: a future that completes soon after
    /// [`Gateway::stopping`](super::Gateway::stopping) becomes true. The gateway runs it from its
    /// start, and waits at most one second for it at its end.
    fn background_task(&self) -> Option<BackgroundTask> {
        None
    }

    /// The current values of its own gauges.
    fn gauges(&self) -> Vec<ApiGauge> {
        Vec::new()
    }
}
