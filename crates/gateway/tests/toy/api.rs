//! A complete API: keys, authentication, responses and error form.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use callrec_core::calls::Caller;
use callrec_core::keys::checks::text;
use callrec_core::keys::{KeyDescription, names_of, set_key};
use callrec_core::storage::Placeholders;
use callrec_core::types::Result;
use callrec_gateway::config::BasePath;
use callrec_gateway::http::{HttpRequest, HttpResponse};
use callrec_gateway::{
    ApiGauge, AuthError, Availability, Gateway, HttpApi, Registration, ResponseFuture, http as form,
};
use http::{Method, StatusCode};

callrec_core::config_keys! {
    /// Settings of the toy API.
    pub struct ToyConfig {
        "toy.path" = "/toy" => path: String, BasePath,
            "Base path of the toy API, {range} bytes that begin with \"/\".";
        "toy.greeting" = "hello" => greeting: String, text(1..=40),
            "The greeting of known users, {range} bytes.";
    }
    without key {
        /// The gateway has called `stop`.
        has_stopped: Arc<AtomicBool> = Arc::default();
    }
}

impl Registration for ToyConfig {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn availability(&self) -> Availability {
        Availability::WhenNamed
    }

    fn described_keys() -> Vec<KeyDescription> {
        ToyConfig::described()
    }

    fn key_names(&self) -> Vec<&'static str> {
        names_of(ToyConfig::KEYS)
    }

    fn set_known(&mut self, name: &str, value: &str) -> Option<Result<()>> {
        set_key(self, ToyConfig::KEYS, name, value)
    }

    fn placeholders(&self, known: Placeholders) -> Placeholders {
        known.text("toy", "wooden")
    }

    fn boxed(&self) -> Box<dyn Registration> {
        Box::new(self.clone())
    }

    fn open(&self, gateway: &Arc<Gateway>) -> Vec<Box<dyn HttpApi>> {
        vec![Box::new(ToyApi {
            gateway: gateway.clone(),
            config: self.clone(),
            greetings: AtomicU64::new(0),
            is_attached: AtomicBool::new(false),
        })]
    }
}

struct ToyApi {
    gateway: Arc<Gateway>,
    config: ToyConfig,
    greetings: AtomicU64,
    is_attached: AtomicBool,
}

impl ToyApi {
    async fn greet(&self, request: &HttpRequest) -> HttpResponse {
        let name = match self.gateway.logins.authenticate_basic(request).await {
            Ok(Caller::User { username, .. }) => username,
            Ok(Caller::Host) | Err(AuthError::HostFailed) => return refusal(500, "Who are you?"),
            Err(AuthError::InvalidCredentials) => return refusal(401, "I do not know you"),
            Err(AuthError::Unavailable) => return refusal(503, "Later"),
        };
        assert_ne!(request.body(), b"break", "the planted panic");
        self.greetings.fetch_add(1, Ordering::Relaxed);
        form::text(
            StatusCode::OK,
            format!("{}, {}", self.config.greeting, name.as_str()),
        )
    }
}

impl HttpApi for ToyApi {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn base_path(&self) -> &str {
        &self.config.path
    }

    fn respond<'a>(&'a self, request: &'a HttpRequest) -> ResponseFuture<'a> {
        Box::pin(async move {
            match (request.path_below(&self.config.path), request.method()) {
                (Some("/greeting"), &Method::POST) => self.greet(request).await,
                (Some("/greeting"), _) => refusal(405, "I am greeted by POST"),
                _ => refusal(404, "There is no such toy"),
            }
        })
    }

    fn error_response(&self, _: &HttpRequest, status: StatusCode, reason: &str) -> HttpResponse {
        refusal(status.as_u16(), reason)
    }

    fn attach(&self) {
        self.is_attached.store(true, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.config.has_stopped.store(true, Ordering::Relaxed);
    }

    fn gauges(&self) -> Vec<ApiGauge> {
        let value = match self.is_attached.load(Ordering::Relaxed) {
            true => self.greetings.load(Ordering::Relaxed),
            false => u64::MAX,
        };
        vec![ApiGauge {
            name: "toy_greetings",
            help: "Greetings that the toy has sent",
            value,
        }]
    }
}

/// An error response in the form of the toy.
fn refusal(status: u16, reason: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).expect("a status");
    form::text(status, format!("The toy says: {reason}"))
}
