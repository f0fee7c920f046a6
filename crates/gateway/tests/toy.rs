//! A new API, the toy, needs one file, `toy/api.rs`, and one line that registers it.
#![cfg(feature = "server")]

#[path = "toy/api.rs"]
mod api;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use callrec_core::config::Config;
use callrec_core::engine::Engine;
use callrec_core::storage::Template;
use callrec_core::types::Status;
use callrec_gateway::{
    AuthenticatedUser, Authenticator, Credentials, GatewaySettings, Options, Registration, Router, Scheme,
    apis, start,
};

use api::ToyConfig;

const TIMEOUT: Duration = Duration::from_secs(60);

/// The APIs of `apis.rs`, and the toy.
fn registered(toy: ToyConfig) -> Vec<Box<dyn Registration>> {
    let mut registered = apis::registered();
    registered.push(Box::new(toy));
    registered
}

struct ToyHost;

impl Authenticator for ToyHost {
    fn authenticate(&self, credentials: &Credentials) -> Result<AuthenticatedUser, Status> {
        let Credentials {
            scheme, name, secret, ..
        } = credentials;
        if (*scheme, name.as_str(), secret.as_str()) != (Scheme::Basic, "user1", "secret") {
            return Err(Status::Unauthenticated);
        }
        Ok(AuthenticatedUser {
            username: "user1".into(),
            level: 10,
            signature_key: String::new(),
        })
    }
}

/// The credentials of user1.
const USER: &str = "authorization: Basic dXNlcjE6c2VjcmV0\r\n";

struct ToyGateway {
    engine: Arc<Engine>,
    router: Arc<Router>,
    toy: ToyConfig,
    _directory: tempfile::TempDir,
}

impl ToyGateway {
    fn with(keys: &[(&str, &str)]) -> ToyGateway {
        let directory = tempfile::tempdir().expect("a directory");
        let toy = ToyConfig::default();
        let mut settings = GatewaySettings::with(registered(toy.clone()));
        for (name, value) in keys {
            assert_eq!(settings.set_known(name, value), Some(Ok(())), "{name}");
        }
        let mut config = Config::default();
        config.storage.directory = directory.path().to_string_lossy().into_owned();
        let engine = Engine::open(config).expect("an engine");
        let options = Options {
            recorder: None,
            settings: Arc::new(settings),
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            authenticator: Some(Arc::new(ToyHost)),
        };
        let router = start(engine.clone(), options).expect("a gateway");
        ToyGateway {
            engine,
            router,
            toy,
            _directory: directory,
        }
    }

    /// Sends a request; returns the status and the body.
    fn request(&self, line: &str, headers: &str, body: &str) -> (u16, String) {
        let length = format!("content-length: {}\r\n", body.len());
        self.send(&format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}{length}\r\n{body}"
        ))
    }

    fn send(&self, request: &str) -> (u16, String) {
        let address = self.router.gateway().address().expect("a port");
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(TIMEOUT)).expect("set");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    fn metrics(&self) -> String {
        self.request("GET /metrics", "", "").1
    }
}

impl Drop for ToyGateway {
    fn drop(&mut self) {
        let _ = self.router.gateway().stop(TIMEOUT);
        let _ = self.engine.close(TIMEOUT);
    }
}

#[test]
fn a_new_api_is_routed_by_its_own_key_and_authenticates_through_the_host() {
    let gateway = ToyGateway::with(&[
        ("gateway.apis", "imagicle,toy"),
        ("toy.path", "/box/toy"),
        ("toy.greeting", "good day"),
    ]);
    let greeting = "POST /box/toy/greeting";
    assert_eq!(
        gateway.request(greeting, USER, ""),
        (200, "good day, user1".to_owned())
    );
    assert_eq!(
        gateway.request(greeting, "", ""),
        (401, "The toy says: I do not know you".to_owned())
    );
    assert_eq!(gateway.request("GET /box/toys", USER, "").0, 404);
    // The other APIs are not affected.
    assert_eq!(
        gateway.request("GET /fw/Apps/Recorder/WebAPI/liverecordings", USER, ""),
        (200, "[]".to_owned())
    );
    assert_eq!(
        gateway.request("GET /api/v2/me", USER, "").0,
        404,
        "the API is not offered"
    );
}

#[test]
fn a_new_api_sends_error_responses_for_requests_that_never_reached_it() {
    let gateway = ToyGateway::with(&[("gateway.apis", "toy"), ("gateway.max_body_bytes", "1024")]);
    let greeting = "POST /toy/greeting";
    let large = "x".repeat(1025);
    assert_eq!(
        gateway.request(greeting, USER, &large),
        (413, "The toy says: The body is too large".to_owned())
    );
    let broken = format!("{greeting} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n");
    assert_eq!(
        gateway.send(&broken),
        (400, "The toy says: The body cannot be read".to_owned())
    );
    assert_eq!(
        gateway.request(greeting, USER, "break"),
        (500, "The toy says: Internal error".to_owned())
    );
    // The API still works.
    assert_eq!(gateway.request(greeting, USER, "").0, 200);
}

#[test]
fn a_new_api_has_request_counters_and_gauges() {
    let gateway = ToyGateway::with(&[("gateway.apis", "toy"), ("gateway.max_body_bytes", "1024")]);
    let greeting = "POST /toy/greeting";
    gateway.request(greeting, USER, "");
    gateway.request(greeting, "", "");
    gateway.request(greeting, USER, &"x".repeat(1025));
    gateway.request(greeting, USER, "break");
    let metrics = gateway.metrics();
    for status in [200, 401, 413, 500] {
        let line =
            format!("callrec_http_requests_total{{api=\"toy\",method=\"POST\",status=\"{status}\"}} 1\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert!(metrics.contains("\ncallrec_toy_greetings 1\n"), "{metrics}");
    assert!(
        !metrics.contains("cometd"),
        "an API that is not offered: {metrics}"
    );
}

#[test]
fn a_new_api_is_stopped_with_its_gateway() {
    let gateway = ToyGateway::with(&[("gateway.apis", "toy")]);
    assert!(!gateway.toy.has_stopped.load(Ordering::Relaxed));
    assert_eq!(gateway.router.gateway().stop(TIMEOUT), Ok(()));
    assert!(gateway.toy.has_stopped.load(Ordering::Relaxed));
}

#[test]
fn a_new_api_registers_its_keys() {
    let toy = ToyConfig::default();
    let mut settings = GatewaySettings::with(registered(toy));
    let keys = settings.described_keys();
    let apis = keys.iter().find(|key| key.name == "gateway.apis");
    let apis = apis.expect("a key");
    assert_eq!(apis.default, "imagicle,genesys,vobiz");
    assert!(
        apis.meaning.ends_with("imagicle, genesys, vobiz, plivo, toy."),
        "{}",
        apis.meaning
    );
    assert!(settings.key_names().contains(&"toy.greeting"));
    let refused = settings.set_known("gateway.apis", "toys").expect("a key");
    let refused = refused.expect_err("no such API");
    assert!(
        refused.message.contains("plivo, toy is needed"),
        "{}",
        refused.message
    );
    assert!(
        settings
            .set_known("toy.path", "box")
            .is_some_and(|set| set.is_err())
    );
    assert_eq!(settings.set_known("toy.colour", "red"), None);
    assert_eq!(GatewaySettings::default().set_known("toy.path", "/box"), None);
    let template = Template::with("{toy}", &settings.placeholders());
    assert_eq!(template, Template::parse("wooden"));
}
