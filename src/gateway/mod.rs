//! The published HTTP APIs over the engine: Imagicle's, Genesys's with its CometD, and
//! Vobiz's. Each vendor is one function from a request to an answer; `server` puts
//! sockets around it, `rec_http_handle` does without.

mod auth;
mod comet;
mod files;
mod genesys;
pub mod http;
mod imagicle;
mod metrics;
mod outbox;
mod server;
mod vobiz;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use auth::{Credentials, Doorkeeper, Identity, Scheme};
pub use outbox::permitted;

use crate::config::GatewayConfig;
use crate::engine::Engine;
use crate::storage;
use crate::sync::thread::JoinHandle;
use crate::sync::{Condvar, Mutex};
use crate::words::{Error, Result, Status};
use auth::Throttle;
use files::Shelf;
use http::{Answer, Asked};
use metrics::Meters;

/// How one gateway is to run.
pub struct Options {
    /// `None`: no socket, requests come by `handle`.
    pub listen: Option<SocketAddr>,
    /// `None`: nobody is let in.
    pub doorkeeper: Option<Arc<dyn Doorkeeper>>,
}

/// One running gateway.
pub struct Gateway {
    engine: Arc<Engine>,
    doorkeeper: Option<Arc<dyn Doorkeeper>>,
    throttle: Throttle,
    meters: Meters,
    shelf: Shelf,
    genesys: genesys::Desk,
    vobiz: vobiz::Desk,
    /// Where it listens, if it does.
    address: Option<SocketAddr>,
    runtime: Handle,
    stop: watch::Sender<bool>,
    ended: Mutex<bool>,
    ended_signal: Condvar,
}

/// What `start` waits for: the gateway is ready, or why not.
type Ready = std::sync::mpsc::SyncSender<Result<Arc<Gateway>>>;

impl Gateway {
    /// Runs until `stop`, or until the engine is closed.
    pub fn start(engine: Arc<Engine>, options: Options) -> Result<Arc<Gateway>> {
        let (ready, answer) = std::sync::mpsc::sync_channel(1);
        // The runtime's threads are born of this one, and like it take no signals.
        let thread = storage::spawn("callrec-http", move || run(engine, options, &ready));
        let _: JoinHandle<()> = thread.map_err(|error| Error::io("starting a thread", &error))?;
        answer
            .recv()
            .unwrap_or_else(|_| Err(Error::new(Status::Internal, "the gateway's thread has ended")))
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub fn config(&self) -> &GatewayConfig {
        &self.engine.config().gateway
    }

    fn outbox(&self) -> &outbox::Outbox {
        &self.vobiz.outbox
    }

    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What stands before a path in an answer's urls.
    pub fn public_url(&self) -> String {
        match (self.config().public_url.as_str(), self.address) {
            ("", Some(address)) => format!("http://{address}"),
            ("", None) => "http://localhost".to_owned(),
            (url, _) => url.to_owned(),
        }
    }

    /// Answers one request on the caller's thread: status, header lines, body. A
    /// `/meta/connect` is held as long as its client would wait.
    pub fn handle(self: &Arc<Self>, asked: Asked) -> Result<(u16, String, Vec<u8>)> {
        if *self.stop.borrow() {
            return Err(Error::new(Status::Unavailable, "the gateway is stopping"));
        }
        let answered = async {
            let (head, body) = self.answer(asked).await.into_parts();
            let body = body.collect().await;
            let body = body.map_err(|error| Error::io("the answer's body", &error))?;
            let mut lines = String::new();
            for (name, value) in &head.headers {
                lines.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
            }
            Ok((head.status.as_u16(), lines, body.to_bytes().into()))
        };
        self.runtime.block_on(answered)
    }

    /// Whether this thread is one of the gateway's own, which must not wait for itself.
    pub fn is_inside() -> bool {
        Handle::try_current().is_ok()
    }

    /// The one way of every request.
    pub async fn answer(self: &Arc<Self>, asked: Asked) -> Answer {
        let (door, answer) = self.route(&asked).await;
        self.meters.answered(door, asked.method(), answer.status());
        answer
    }

    async fn route(self: &Arc<Self>, asked: &Asked) -> (&'static str, Answer) {
        let config = self.config();
        let below = |on: bool, base: &str| on.then(|| asked.below(base)).flatten();
        if let Some(wanted) = vobiz::audio_asked_for(self, asked) {
            return ("audio", vobiz::audio(self, asked, wanted).await);
        }
        if let Some(rest) = below(config.imagicle, &config.imagicle_path) {
            return ("imagicle", imagicle::answer(self, asked, rest).await);
        }
        if let Some(rest) = below(config.genesys, &config.cometd_path) {
            return ("cometd", comet::answer(self, asked, rest).await);
        }
        if let Some(rest) = below(config.genesys, &config.genesys_path) {
            return ("genesys", genesys::answer(self, asked, rest).await);
        }
        if let Some(rest) = below(config.vobiz, &config.vobiz_path) {
            return (
                "vobiz",
                vobiz::answer(self, asked, rest, vobiz::Dialect::Vobiz).await,
            );
        }
        if let Some(rest) = below(config.plivo, &config.plivo_path) {
            return (
                "plivo",
                vobiz::answer(self, asked, rest, vobiz::Dialect::Plivo).await,
            );
        }
        match asked.path() {
            "/healthz" => ("healthz", metrics::health(self)),
            "/metrics" => ("metrics", metrics::metrics(self)),
            "/openapi.yaml" => ("openapi", openapi()),
            _ => ("none", http::empty(StatusCode::NOT_FOUND)),
        }
    }

    /// No request is taken any more; those that are being answered have `timeout`.
    pub fn stop(&self, timeout: Duration) -> Result<()> {
        self.stop.send_replace(true);
        self.shelf.stop();
        let mut ended = self.ended.lock();
        let deadline = std::time::Instant::now() + timeout;
        while !*ended {
            if self.ended_signal.wait_until(&mut ended, deadline).timed_out() && !*ended {
                return Err(Error::new(
                    Status::Timeout,
                    "requests were still being answered; they are cut off",
                ));
            }
        }
        Ok(())
    }
}

fn openapi() -> Answer {
    let text = include_str!("../../docs/openapi.yaml");
    http::answer(StatusCode::OK, Some("application/yaml"), text)
}

/// The body of the thread `callrec-http`.
fn run(engine: Arc<Engine>, options: Options, ready: &Ready) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(engine.config().gateway.threads as usize)
        .thread_name("callrec-http")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(Error::io("starting threads", &error)));
            return;
        }
    };
    let gateway = runtime.block_on(serve(engine, options, ready));
    // What is still being answered is cut off.
    runtime.shutdown_timeout(Duration::from_millis(100));
    if let Some(gateway) = gateway {
        gateway.shelf.close(&gateway.engine);
        *gateway.ended.lock() = true;
        gateway.ended_signal.notify_all();
    }
}

async fn serve(engine: Arc<Engine>, options: Options, ready: &Ready) -> Option<Arc<Gateway>> {
    let listener = match options.listen {
        Some(address) => match server::listen(address).await {
            Ok(listener) => Some(listener),
            Err(error) => {
                let _ = ready.send(Err(Error::io(format!("listening on {address}"), &error)));
                return None;
            }
        },
        None => None,
    };
    let shelf = match Shelf::open(&engine) {
        Ok(shelf) => shelf,
        Err(error) => {
            let _ = ready.send(Err(Error::io("the archive", &error)));
            return None;
        }
    };
    let config = &engine.config().gateway;
    let (stop, mut stopped) = watch::channel(false);
    let gateway = Arc::new(Gateway {
        throttle: Throttle::new(config.auth_delay_ms, config.auth_delay_max_ms),
        meters: Meters::default(),
        shelf,
        genesys: genesys::Desk::new(&engine),
        vobiz: vobiz::Desk::new(&engine),
        doorkeeper: options.doorkeeper,
        address: listener.as_ref().and_then(|listener| listener.local_addr().ok()),
        runtime: Handle::current(),
        stop,
        ended: Mutex::new(false),
        ended_signal: Condvar::new(),
        engine,
    });
    genesys::Desk::attach(&gateway);
    vobiz::Desk::check_urls(&gateway);
    let callbacks = tokio::spawn(outbox::run(gateway.clone(), stopped.clone()));
    let at_close = Arc::downgrade(&gateway);
    gateway.engine.at_close(Box::new(move || {
        if let Some(gateway) = at_close.upgrade() {
            // Nothing of the gateway touches the directory after this.
            let _ = gateway.stop(CLOSING);
        }
    }));
    let _ = ready.send(Ok(gateway.clone()));
    match listener {
        Some(listener) => server::run(&gateway, listener, stopped).await,
        None => {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
    }
    // It hears of the end by itself; a frozen disk may hold it up.
    let _ = tokio::time::timeout(CALLBACKS_END, callbacks).await;
    Some(gateway)
}

/// How long the gateway's end waits for the callbacks that are under way.
const CALLBACKS_END: Duration = Duration::from_secs(1);
/// How long the engine's end waits for requests that are being answered.
const CLOSING: Duration = Duration::from_secs(5);
