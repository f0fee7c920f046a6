//! Which API a request is for, and what each of them says where the request never came
//! to it: one that the server could not take in, or one that broke a vendor's function.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::runtime::Handle;

use super::audited::note_refusal;
use super::gateway::Gateway;
use super::genesys::Genesys;
use super::http::{self as form, Answer, Asked};
use super::outbox::Outbox;
use super::vobiz::{AudioWanted, Dialect};
use super::{comet, genesys, imagicle, metrics, vobiz};
use callrec_core::words::{Error, Result, Status};

/// Whose request it is, with what stands behind the API's path.
enum Api<'a> {
    Audio(Option<AudioWanted>),
    Imagicle(&'a str),
    Comet(&'a str),
    Genesys(&'a str),
    Vobiz(&'a str, Dialect),
    Health,
    Metrics,
    Contract,
    Nobody,
}

impl<'a> Api<'a> {
    fn of(gateway: &Gateway, asked: &'a Asked) -> Api<'a> {
        let config = gateway.config();
        let below = |on: bool, base: &str| on.then(|| asked.below(base)).flatten();
        if let Some(wanted) = vobiz::audio_asked_for(gateway, asked) {
            return Api::Audio(wanted);
        }
        if let Some(rest) = below(config.apis.imagicle, &config.imagicle_path) {
            return Api::Imagicle(rest);
        }
        if let Some(rest) = below(config.apis.genesys, &config.cometd_path) {
            return Api::Comet(rest);
        }
        if let Some(rest) = below(config.apis.genesys, &config.genesys_path) {
            return Api::Genesys(rest);
        }
        if let Some(rest) = below(config.apis.vobiz, &config.vobiz_path) {
            return Api::Vobiz(rest, Dialect::Vobiz);
        }
        if let Some(rest) = below(config.apis.plivo, &config.plivo_path) {
            return Api::Vobiz(rest, Dialect::Plivo);
        }
        match asked.path() {
            "/healthz" => Api::Health,
            "/metrics" => Api::Metrics,
            "/openapi.yaml" => Api::Contract,
            _ => Api::Nobody,
        }
    }

    /// As it is counted.
    fn name(&self) -> &'static str {
        match self {
            Api::Audio(_) => "audio",
            Api::Imagicle(_) => "imagicle",
            Api::Comet(_) => "cometd",
            Api::Genesys(_) => "genesys",
            Api::Vobiz(_, Dialect::Vobiz) => "vobiz",
            Api::Vobiz(_, Dialect::Plivo) => "plivo",
            Api::Health => "healthz",
            Api::Metrics => "metrics",
            Api::Contract => "openapi",
            Api::Nobody => "none",
        }
    }

    async fn answer(self, router: &Router, asked: &Asked) -> Answer {
        let (gateway, sessions) = (&router.gateway, router.genesys.sessions());
        gateway.engine().fault(self.name());
        match self {
            Api::Audio(wanted) => vobiz::audio(gateway, asked, wanted).await,
            Api::Imagicle(rest) => imagicle::answer(gateway, asked, rest).await,
            Api::Comet(rest) => comet::answer(gateway, sessions, asked, rest).await,
            Api::Genesys(rest) => genesys::answer(&router.genesys, asked, rest).await,
            Api::Vobiz(rest, dialect) => vobiz::answer(gateway, asked, rest, dialect).await,
            Api::Health => metrics::health(gateway),
            Api::Metrics => metrics::metrics(gateway, router.outbox.waiting(), sessions.count()),
            Api::Contract => openapi(),
            Api::Nobody => form::empty(StatusCode::NOT_FOUND),
        }
    }

    /// In the API's own form.
    fn failed(self, gateway: &Arc<Gateway>, asked: &Asked, status: StatusCode, why: &str) -> Answer {
        match self {
            Api::Audio(_) => vobiz::audio_failed(gateway, asked, status, why),
            Api::Comet(_) => comet::failed(status, &format!("{}::{why}", status.as_u16())),
            Api::Genesys(_) => genesys::failed(status, why),
            Api::Vobiz(rest, dialect) => vobiz::failed(gateway, asked, rest, dialect, status, why),
            // Imagicle publishes no body for any of them.
            _ => form::empty(status),
        }
    }
}

/// A gateway with the APIs above it: takes each request to its own.
pub struct Router {
    gateway: Arc<Gateway>,
    pub genesys: Arc<Genesys>,
    pub outbox: Arc<Outbox>,
    runtime: Handle,
}

impl Router {
    /// Its work is done on the threads of the runtime that it is made in.
    pub fn new(gateway: Arc<Gateway>) -> Router {
        Router {
            genesys: Arc::new(Genesys::new(&gateway)),
            outbox: Arc::default(),
            runtime: Handle::current(),
            gateway,
        }
    }

    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Answers one request on the caller's thread: status, header lines, body. A
    /// `/meta/connect` is held as long as its client would wait.
    pub fn handle(self: &Arc<Self>, asked: Asked) -> Result<(u16, String, Vec<u8>)> {
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
        let is_head = asked.method() == Method::HEAD;
        let (mut head, body) = self.answer(asked).await.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| Error::io("the answer's body", &error))?;
        let mut body = body.to_bytes();
        if is_head {
            // As a server on a socket does.
            if !body.is_empty() {
                let length = HeaderValue::from(body.len());
                head.headers.entry(CONTENT_LENGTH).or_insert(length);
            }
            body.clear();
        }
        let mut lines = String::new();
        for (name, value) in &head.headers {
            lines.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
        }
        Ok((head.status.as_u16(), lines, body.into()))
    }
    /// The one way of every request.
    pub async fn answer(&self, mut asked: Asked) -> Answer {
        let name = Api::of(&self.gateway, &asked).name();
        asked.set_api(name);
        let api = Api::of(&self.gateway, &asked);
        let answer = match unbroken(api.answer(self, &asked)).await {
            Some(answer) => answer,
            None => self.failed(&asked, StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        };
        note_refusal(self.gateway.engine(), &asked, answer.status());
        self.gateway
            .meters
            .answered(name, asked.method(), answer.status());
        answer
    }

    /// The answer to a request that could not be taken in; its body is not looked at.
    pub fn refuse(&self, asked: &Asked, status: StatusCode, why: &str) -> Answer {
        let answer = self.failed(asked, status, why);
        let name = Api::of(&self.gateway, asked).name();
        self.gateway.meters.answered(name, asked.method(), status);
        answer
    }

    fn failed(&self, asked: &Asked, status: StatusCode, why: &str) -> Answer {
        Api::of(&self.gateway, asked).failed(&self.gateway, asked, status, why)
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

fn openapi() -> Answer {
    let text = include_str!("../../../docs/openapi.yaml");
    form::answer(StatusCode::OK, Some("application/yaml"), text)
}
