//! Routes requests to the APIs. When a request cannot be read, or when the API panics, the router
//! returns an error response in the API's form.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::runtime::Handle;

use super::api::{BackgroundTask, HttpApi};
use super::client_address::drop_forwarded_host;
use super::compress::compress;
use super::config::origin::WebOrigin;
use super::cors::Cors;
use super::gateway::Gateway;
use super::head;
use super::http::{self as form, HttpRequest, HttpResponse};
use super::metrics;
use super::request_audit::note_refusal;
use super::settings::GatewaySettings;
use callrec_core::types::{Error, Result, Status};

/// The handler of a request.
#[derive(Clone, Copy)]
enum Destination<'a> {
    Api(&'a dyn HttpApi),
    Health,
    Metrics,
    OpenApi(DocumentFormat),
    NotFound,
}

/// The format of the OpenAPI document.
#[derive(Clone, Copy)]
enum DocumentFormat {
    Yaml,
    Json,
}

impl Destination<'_> {
    /// The label `api` of its requests in `/metrics`.
    fn name(&self) -> &'static str {
        match self {
            Destination::Api(api) => api.name(),
            Destination::Health => "healthz",
            Destination::Metrics => "metrics",
            Destination::OpenApi(_) => "openapi",
            Destination::NotFound => "none",
        }
    }

    fn claimed_user(&self, request: &HttpRequest) -> String {
        match self {
            Destination::Api(api) => api.claimed_user(request),
            _ => String::new(),
        }
    }

    async fn respond(self, router: &Router, request: &HttpRequest) -> HttpResponse {
        let gateway = &router.gateway;
        gateway.engine().panic_point(self.name());
        match self {
            Destination::Api(api) => api.respond(request).await,
            Destination::Health => metrics::health(gateway),
            Destination::Metrics => {
                let gauges: Vec<_> = router.apis.iter().flat_map(|api| api.gauges()).collect();
                metrics::metrics(gateway, &gauges)
            }
            Destination::OpenApi(format) => openapi(format),
            Destination::NotFound => form::empty(StatusCode::NOT_FOUND),
        }
    }
}

/// A gateway with its APIs. Routes each request to its handler.
pub struct Router {
    gateway: Arc<Gateway>,
    /// The offered APIs. The first one that claims a request gets it.
    apis: Vec<Box<dyn HttpApi>>,
    /// The configured public origin of the gateway. The listening address is not used: it may be a
    /// loopback address where other local services run.
    own_origin: Option<WebOrigin>,
    runtime: Handle,
}

impl Router {
    /// Uses the threads of the current runtime.
    pub fn new(gateway: Arc<Gateway>, settings: &GatewaySettings) -> Router {
        Router {
            apis: settings.open(&gateway),
            own_origin: WebOrigin::of_url(&gateway.config().public_url),
            runtime: Handle::current(),
            gateway,
        }
    }

    /// Called when the gateway has started.
    pub fn attach(&self) {
        self.apis.iter().for_each(|api| api.attach());
    }

    /// Background tasks of the APIs, which end when the gateway stops.
    pub fn background_tasks(&self) -> Vec<BackgroundTask> {
        self.apis.iter().filter_map(|api| api.background_task()).collect()
    }

    /// Called when the gateway accepts no more requests.
    pub fn stop(&self) {
        self.apis.iter().for_each(|api| api.stop());
    }

    fn destination(&self, request: &HttpRequest) -> Destination<'_> {
        if let Some(api) = self.apis.iter().find(|api| api.claims(request)) {
            return Destination::Api(&**api);
        }
        match request.path() {
            "/healthz" => Destination::Health,
            "/metrics" => Destination::Metrics,
            "/openapi.yaml" => Destination::OpenApi(DocumentFormat::Yaml),
            "/openapi.json" => Destination::OpenApi(DocumentFormat::Json),
            _ => {
                let unmatched = self.apis.iter().find(|api| api.claims_unmatched(request));
                unmatched.map_or(Destination::NotFound, |api| Destination::Api(&**api))
            }
        }
    }

    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Handles one request on the calling thread. Returns status, header lines and body. A
    /// `/meta/connect` is held as usual.
    pub fn handle(self: &Arc<Self>, mut request: HttpRequest) -> Result<(u16, String, Vec<u8>)> {
        let (peer, trusted) = (request.client_address, &self.gateway.config().trusted_proxies);
        drop_forwarded_host(request.inner.headers_mut(), peer, trusted);
        let lifecycle = &self.gateway.lifecycle;
        let stopping = || Error::new(Status::Unavailable, "the gateway is stopping");
        let _guard = lifecycle.begin_request().ok_or_else(stopping)?;
        // Runs on a thread of the runtime, so that spawned tasks do not inherit the host's signal
        // mask.
        let router = self.clone();
        let mut task = self
            .runtime
            .spawn(async move { router.buffered_response(request).await });
        self.runtime.block_on(async {
            tokio::select! {
                result = &mut task => {
                    result.unwrap_or_else(|error| Err(Error::new(Status::Internal, error.to_string())))
                }
                () = lifecycle.wait_abort() => {
                    task.abort();
                    Err(stopping())
                }
            }
        })
    }

    /// Status, header lines and body.
    async fn buffered_response(&self, request: HttpRequest) -> Result<(u16, String, Vec<u8>)> {
        let (head, body) = self.respond(request).await.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| Error::io("the response's body cannot be read", &error))?;
        let body = body.to_bytes();
        let mut lines = String::new();
        for (name, value) in &head.headers {
            lines.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
        }
        Ok((head.status.as_u16(), lines, body.into()))
    }

    /// Handles a request. All requests pass through here.
    pub async fn respond(&self, mut request: HttpRequest) -> HttpResponse {
        let method = head::convert_head_to_get(&mut request);
        let destination = self.destination(&request);
        request.set_api(destination.name());
        let cors = self.cors(destination, &request);
        let response = if let Some(response) = cors.preflight(&request) {
            response
        } else if cors.is_cross_site_write(&request, self.own_origin.as_ref()) {
            let reason = "Another site's page may not change anything here";
            self.error_response(&request, StatusCode::FORBIDDEN, reason)
        } else {
            match catch_panic(destination.respond(self, &request)).await {
                Some(response) => response,
                None => self.error_response(&request, StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            }
        };
        let claimed_user = || destination.claimed_user(&request);
        note_refusal(self.gateway.engine(), &request, response.status(), claimed_user);
        let response = compress(request.method(), request.headers(), response);
        self.complete(destination, &method, &cors, response)
    }

    /// The response to a request that could not be read. Its body is empty.
    pub fn reject(&self, mut request: HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
        let method = head::convert_head_to_get(&mut request);
        let destination = self.destination(&request);
        let cors = self.cors(destination, &request);
        let response = self.error_response(&request, status, reason);
        self.complete(destination, &method, &cors, response)
    }

    /// The final steps of every response.
    fn complete(
        &self,
        destination: Destination<'_>,
        method: &Method,
        cors: &Cors<'_>,
        mut response: HttpResponse,
    ) -> HttpResponse {
        head::complete_allow(&mut response);
        cors.add_headers(&mut response);
        let (name, status) = (destination.name(), response.status());
        self.gateway.request_counters.count(name, method, status);
        match *method == Method::HEAD {
            true => head::without_body(response),
            false => response,
        }
    }

    /// The cross-site rules of the destination. The server's own paths change nothing and are not
    /// for pages.
    fn cors<'a>(&'a self, destination: Destination<'a>, request: &HttpRequest) -> Cors<'a> {
        let Destination::Api(api) = destination else {
            return Cors::none();
        };
        let others = self
            .apis
            .iter()
            .filter(|other| api.shares_origins_with().contains(&other.name()));
        let others = others.flat_map(|other| other.allowed_origins());
        let allowed = api.allowed_origins().iter().chain(others).collect();
        Cors::of(allowed, api.cors_headers(), request.headers())
    }

    /// The error response in the API's form.
    fn error_response(&self, request: &HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
        match self.destination(request) {
            Destination::Api(api) => api.error_response(request, status, reason),
            _ => form::empty(status),
        }
    }
}

/// Returns `None` if handling this request panicked.
async fn catch_panic(response: impl Future<Output = HttpResponse>) -> Option<HttpResponse> {
    let mut response = pin!(response);
    let result = poll_fn(|context| {
        let result = catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(context)));
        result.map_or(Poll::Ready(None), |result| result.map(Some))
    });
    result.await
}

fn openapi(format: DocumentFormat) -> HttpResponse {
    let (kind, text) = match format {
        DocumentFormat::Yaml => ("application/yaml", include_str!("../../../docs/openapi.yaml")),
        DocumentFormat::Json => (
            "application/json",
            include_str!(concat!(env!("OUT_DIR"), "/openapi.json")),
        ),
    };
    form::response(StatusCode::OK, Some(kind), text)
}
