//! What the server knows of an API: which requests are its own, how it answers them, and
//! what it says where a request never came to it.

use std::pin::Pin;

use http::StatusCode;

use super::http::{HttpRequest, HttpResponse};
use crate::config::origin::WebOrigin;

/// An answer that is being made.
pub type ResponseFuture<'a> = Pin<Box<dyn Future<Output = HttpResponse> + Send + 'a>>;

/// What an API does beside answering.
pub type BackgroundTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A number of an API's own in `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiGauge {
    /// Behind the prefix `callrec_`.
    pub name: &'static str,
    pub help: &'static str,
    pub value: u64,
}

/// Headers that pages of other sites send and read, beyond those of HTTP itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorsHeaders {
    pub request: &'static [&'static str],
    pub response: &'static [&'static str],
}

/// One API of one gateway. The server calls it on several threads at the same time.
///
/// The API checks who asks with the gateway's [`Logins`](super::Logins), and writes every
/// status and body in its vendor's form. The server counts its requests, bounds them in
/// size and time, and answers in its form ([`HttpApi::refuse`]) where a request was too
/// large, incomplete or broke [`HttpApi::answer`].
pub trait HttpApi: Send + Sync {
    /// How `/metrics` counts its requests.
    fn name(&self) -> &'static str;

    /// Where its paths begin, as its own keys say.
    fn base_path(&self) -> &str;

    /// Whether it answers this request. Of several APIs that claim one, the API that is
    /// registered first has it.
    fn claims(&self, request: &HttpRequest) -> bool {
        request.path_below(self.base_path()).is_some()
    }

    /// Whether it answers this request if no API claims it and it is none of the server's
    /// own: for a vendor whose paths know no case.
    fn claims_unmatched(&self, _: &HttpRequest) -> bool {
        false
    }

    /// Answers a request that it claims. A panic ends this request alone: the client gets
    /// [`HttpApi::refuse`] with 500.
    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a>;

    /// The vendor's form of an answer that the server gives by itself: to a request whose
    /// body is too large (413), incomplete (400) or late (408), to what another site's page
    /// wants to change (403), and after a panic (500).
    /// The request's body is empty if it was not read.
    fn error_response(&self, request: &HttpRequest, status: StatusCode, message: &str) -> HttpResponse;

    /// The name that the client gives, right or wrong: the audit log notes it where a login is
    /// refused. By default that of HTTP Basic.
    fn claimed_user(&self, request: &HttpRequest) -> String {
        request.basic().map(|(name, _)| name).unwrap_or_default()
    }

    /// Sites whose pages may use it in a browser. The server answers their preflights, lets
    /// them read every answer, and refuses with 403 what other sites' pages want to change.
    fn allowed_origins(&self) -> &[WebOrigin] {
        &[]
    }

    /// Headers of its own that those pages send and read.
    fn page_headers(&self) -> CorsHeaders {
        CorsHeaders::default()
    }

    /// Names of APIs whose answers lead to this one: pages that may use them may use it too.
    fn shares_origins_with(&self) -> &[&'static str] {
        &[]
    }

    /// The gateway has started, and this is one of its threads: the place to observe the
    /// engine, to start tasks and to log what the operator should know of the keys.
    fn attach(&self) {}

    /// The gateway takes no requests any more. It does not wait for tasks that `attach` has
    /// started: they end with [`Gateway::stopping`](super::Gateway::stopping).
    fn stop(&self) {}

    /// What it does beside answering: a future that ends soon after
    /// [`Gateway::stopping`](super::Gateway::stopping) turns true. The gateway runs it from
    /// its start on, and waits a moment for its end.
    fn background_task(&self) -> Option<BackgroundTask> {
        None
    }

    /// Its own numbers in `/metrics`, as they are now.
    fn gauges(&self) -> Vec<ApiGauge> {
        Vec::new()
    }
}
