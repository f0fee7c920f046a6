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

use super::api::{ApiWork, HttpApi};
use super::audited::note_refusal;
use super::compress::compress;
use super::config::origin::WebOrigin;
use super::cors::Cors;
use super::gateway::Gateway;
use super::head;
use super::http::{self as form, Answer, Asked};
use super::metrics;
use super::settings::GatewaySettings;
use super::source::drop_forwarded_host;
use callrec_core::words::{Error, Result, Status};

/// Who answers a request.
#[derive(Clone, Copy)]
enum Destination<'a> {
    Api(&'a dyn HttpApi),
    Health,
    Metrics,
    Contract(Notation),
    Nobody,
}

/// How the text of all APIs is written.
#[derive(Clone, Copy)]
enum Notation {
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
            Destination::Contract(_) => "openapi",
            Destination::Nobody => "none",
        }
    }

    fn claimed_user(&self, asked: &Asked) -> String {
        match self {
            Destination::Api(api) => api.claimed_user(asked),
            _ => String::new(),
        }
    }

    async fn answer(self, router: &Router, asked: &Asked) -> Answer {
        let gateway = &router.gateway;
        gateway.engine().panic_point(self.name());
        match self {
            Destination::Api(api) => api.answer(asked).await,
            Destination::Health => metrics::health(gateway),
            Destination::Metrics => {
                let gauges: Vec<_> = router.apis.iter().flat_map(|api| api.gauges()).collect();
                metrics::metrics(gateway, &gauges)
            }
            Destination::Contract(notation) => openapi(notation),
            Destination::Nobody => form::empty(StatusCode::NOT_FOUND),
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
    pub fn work(&self) -> Vec<ApiWork> {
        self.apis.iter().filter_map(|api| api.work()).collect()
    }

    /// It takes no requests any more.
    pub fn stop(&self) {
        self.apis.iter().for_each(|api| api.stop());
    }

    fn destination(&self, asked: &Asked) -> Destination<'_> {
        if let Some(api) = self.apis.iter().find(|api| api.claims(asked)) {
            return Destination::Api(&**api);
        }
        match asked.path() {
            "/healthz" => Destination::Health,
            "/metrics" => Destination::Metrics,
            "/openapi.yaml" => Destination::Contract(Notation::Yaml),
            "/openapi.json" => Destination::Contract(Notation::Json),
            _ => {
                let left_over = self.apis.iter().find(|api| api.claims_left_over(asked));
                left_over.map_or(Destination::Nobody, |api| Destination::Api(&**api))
            }
        }
    }

    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Answers one request on the caller's thread: status, header lines, body. A
    /// `/meta/connect` is held as long as its client would wait.
    pub fn handle(self: &Arc<Self>, mut asked: Asked) -> Result<(u16, String, Vec<u8>)> {
        let (peer, trusted) = (asked.source, &self.gateway.config().trusted_proxies);
        drop_forwarded_host(asked.request.headers_mut(), peer, trusted);
        let life = &self.gateway.life;
        let stopping = || Error::new(Status::Unavailable, "the gateway is stopping");
        let _under_way = life.enter().ok_or_else(stopping)?;
        // On a thread of ours: what it begins must not take the host's signal mask over.
        let router = self.clone();
        let mut answered = self.runtime.spawn(async move { router.answered(asked).await });
        self.runtime.block_on(async {
            tokio::select! {
                answered = &mut answered => {
                    answered.unwrap_or_else(|broken| Err(Error::new(Status::Internal, broken.to_string())))
                }
                () = life.cut() => {
                    answered.abort();
                    Err(stopping())
                }
            }
        })
    }

    /// Status, header lines and body.
    async fn answered(&self, asked: Asked) -> Result<(u16, String, Vec<u8>)> {
        let (head, body) = self.answer(asked).await.into_parts();
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
    pub async fn answer(&self, mut asked: Asked) -> Answer {
        let method = head::become_get(&mut asked);
        let destination = self.destination(&asked);
        asked.set_api(destination.name());
        let cors = self.cors(destination, &asked);
        let answer = if let Some(answer) = cors.preflight(&asked) {
            answer
        } else if cors.is_foreign_write(&asked, self.own_origin.as_ref()) {
            let why = "Another site's page may not change anything here";
            self.failed(&asked, StatusCode::FORBIDDEN, why)
        } else {
            match unbroken(destination.answer(self, &asked)).await {
                Some(answer) => answer,
                None => self.failed(&asked, StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            }
        };
        let claimed_user = || destination.claimed_user(&asked);
        note_refusal(self.gateway.engine(), &asked, answer.status(), claimed_user);
        let answer = compress(asked.method(), asked.headers(), answer);
        self.complete(destination, &method, &cors, answer)
    }

    /// The answer to a request that could not be taken in; its body is not looked at.
    pub fn refuse(&self, mut asked: Asked, status: StatusCode, why: &str) -> Answer {
        let method = head::become_get(&mut asked);
        let destination = self.destination(&asked);
        let cors = self.cors(destination, &asked);
        let answer = self.failed(&asked, status, why);
        self.complete(destination, &method, &cors, answer)
    }

    /// What every answer has in common, whoever gave it.
    fn complete(
        &self,
        destination: Destination<'_>,
        method: &Method,
        cors: &Cors<'_>,
        mut answer: Answer,
    ) -> Answer {
        head::complete_allow(&mut answer);
        cors.label(&mut answer);
        let (name, status) = (destination.name(), answer.status());
        self.gateway.meters.answered(name, method, status);
        match *method == Method::HEAD {
            true => head::without_body(answer),
            false => answer,
        }
    }

    /// The rules for pages in a browser. What is the server's own changes nothing, and is
    /// for no page.
    fn cors<'a>(&'a self, destination: Destination<'a>, asked: &Asked) -> Cors<'a> {
        let Destination::Api(api) = destination else {
            return Cors::none();
        };
        let others = self
            .apis
            .iter()
            .filter(|other| api.belongs_to().contains(&other.name()));
        let others = others.flat_map(|other| other.allowed_origins());
        let allowed = api.allowed_origins().iter().chain(others).collect();
        Cors::of(allowed, api.page_headers(), asked.headers())
    }

    /// In the API's own form.
    fn failed(&self, asked: &Asked, status: StatusCode, why: &str) -> Answer {
        match self.destination(asked) {
            Destination::Api(api) => api.refuse(asked, status, why),
            _ => form::empty(status),
        }
    }
}

/// `None`: it panicked, and with it this one request alone.
async fn unbroken(answer: impl Future<Output = Answer>) -> Option<Answer> {
    let mut answer = pin!(answer);
    let polled = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    });
    polled.await
}

fn openapi(notation: Notation) -> Answer {
    let (kind, text) = match notation {
        Notation::Yaml => ("application/yaml", include_str!("../../../docs/openapi.yaml")),
        Notation::Json => (
            "application/json",
            include_str!(concat!(env!("OUT_DIR"), "/openapi.json")),
        ),
    };
    form::answer(StatusCode::OK, Some(kind), text)
}
