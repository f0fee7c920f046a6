//! Which API a request is for. Where the request never came to it, because the server could
//! not take it in or because it broke the API's function, the API says in its form what the
//! server found.

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
use callrec_core::words::{Error, Result, Status};

/// Who answers a request.
#[derive(Clone, Copy)]
enum Destination<'a> {
    Api(&'a dyn HttpApi),
    Health,
    Metrics,
    OpenApi(DocumentFormat),
    NotFound,
}

/// How the text of all APIs is written.
#[derive(Clone, Copy)]
enum DocumentFormat {
    Yaml,
    Json,
}

impl Destination<'_> {
    /// As it is counted.
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
        gateway.engine().fault(self.name());
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

/// A gateway with the APIs above it: takes each request to its own.
pub struct Router {
    gateway: Arc<Gateway>,
    /// Those that are offered. The first that claims a request has it.
    apis: Vec<Box<dyn HttpApi>>,
    /// Where clients find the gateway, if the host has said so. Its own address may be a
    /// loopback one, where a browser finds what runs beside it.
    own_origin: Option<WebOrigin>,
    runtime: Handle,
}

impl Router {
    /// Its work is done on the threads of the runtime that it is made in.
    pub fn new(gateway: Arc<Gateway>, settings: &GatewaySettings) -> Router {
        Router {
            apis: settings.open(&gateway),
            own_origin: WebOrigin::of_url(&gateway.config().public_url),
            runtime: Handle::current(),
            gateway,
        }
    }

    /// The gateway has started.
    pub fn attach(&self) {
        self.apis.iter().for_each(|api| api.attach());
    }

    /// What the APIs do beside answering, each until the gateway stops.
    pub fn background_tasks(&self) -> Vec<BackgroundTask> {
        self.apis.iter().filter_map(|api| api.background_task()).collect()
    }

    /// It takes no requests any more.
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

    /// Answers one request on the caller's thread: status, header lines, body. A
    /// `/meta/connect` is held as long as its client would wait.
    pub fn handle(self: &Arc<Self>, mut request: HttpRequest) -> Result<(u16, String, Vec<u8>)> {
        let (peer, trusted) = (request.client_address, &self.gateway.config().trusted_proxies);
        drop_forwarded_host(request.inner.headers_mut(), peer, trusted);
        let lifecycle = &self.gateway.lifecycle;
        let stopping = || Error::new(Status::Unavailable, "the gateway is stopping");
        let _guard = lifecycle.begin_request().ok_or_else(stopping)?;
        // On a thread of ours: what it begins must not take the host's signal mask over.
        let router = self.clone();
        let mut buffered_response = self
            .runtime
            .spawn(async move { router.buffered_response(request).await });
        self.runtime.block_on(async {
            tokio::select! {
                buffered_response = &mut buffered_response => {
                    buffered_response.unwrap_or_else(|broken| Err(Error::new(Status::Internal, broken.to_string())))
                }
                () = lifecycle.wait_abort() => {
                    buffered_response.abort();
                    Err(stopping())
                }
            }
        })
    }

    /// Status, header lines and body.
    async fn buffered_response(&self, request: HttpRequest) -> Result<(u16, String, Vec<u8>)> {
        let (head, body) = self.respond(request).await.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| Error::io("the answer's body", &error))?;
        let body = body.to_bytes();
        let mut lines = String::new();
        for (name, value) in &head.headers {
            lines.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
        }
        Ok((head.status.as_u16(), lines, body.into()))
    }

    /// The one way of every request.
    pub async fn respond(&self, mut request: HttpRequest) -> HttpResponse {
        let method = head::convert_head_to_get(&mut request);
        let destination = self.destination(&request);
        request.set_api(destination.name());
        let cors = self.cors(destination, &request);
        let response = if let Some(response) = cors.preflight(&request) {
            response
        } else if cors.is_foreign_write(&request, self.own_origin.as_ref()) {
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

    /// The answer to a request that could not be taken in; its body is not looked at.
    pub fn reject(&self, mut request: HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
        let method = head::convert_head_to_get(&mut request);
        let destination = self.destination(&request);
        let cors = self.cors(destination, &request);
        let response = self.error_response(&request, status, reason);
        self.complete(destination, &method, &cors, response)
    }

    /// What every answer has in common, whoever gave it.
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

    /// The rules for pages in a browser. What is the server's own changes nothing, and is
    /// for no page.
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
        Cors::of(allowed, api.page_headers(), request.headers())
    }

    /// In the API's own form.
    fn error_response(&self, request: &HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
        match self.destination(request) {
            Destination::Api(api) => api.error_response(request, status, reason),
            _ => form::empty(status),
        }
    }
}

/// `None`: it panicked, and with it this one request alone.
async fn catch_panic(response: impl Future<Output = HttpResponse>) -> Option<HttpResponse> {
    let mut response = pin!(response);
    let polled = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    });
    polled.await
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
