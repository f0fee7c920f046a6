//! The published HTTP APIs over the engine: Imagicle's, Genesys's with its CometD, and
//! Vobiz's. Each vendor is one function from a request to an answer; `server` puts
//! sockets around it, `rec_http_handle` does without.

#![forbid(unsafe_code)]

mod auth;
mod comet;
mod files;
mod genesys;
pub mod http;
mod imagicle;
mod life;
mod metrics;
mod missing;
mod outbox;
mod places;
mod recording_url;
mod route;
mod search;
mod sent_audio;
mod server;
mod source;
mod throttle;
mod vobiz;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::Method;
use ::http::header::{CONTENT_LENGTH, HeaderValue};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use auth::{Credentials, Doorkeeper, Identity, Scheme};
pub use outbox::permitted;

use auth::Logins;
use callrec_core::config::GatewayConfig;
use callrec_core::engine::{Above, Engine, HostReference, ReferenceCell};
use callrec_core::storage;
use callrec_core::words::{Error, Result, Status};
use files::Shelf;
use http::Asked;
use life::{Door, Life};
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
    /// To the host's function.
    door: Arc<Door>,
    logins: Logins,
    meters: Meters,
    shelf: Shelf,
    genesys: genesys::Desk,
    vobiz: vobiz::Desk,
    /// Where it listens, if it does.
    address: Option<SocketAddr>,
    runtime: Handle,
    stop: watch::Sender<bool>,
    life: Arc<Life>,
    /// What the host names it by.
    reference: ReferenceCell,
}

/// What `start` waits for: the gateway is ready, or why not.
type Ready = std::sync::mpsc::SyncSender<Result<Arc<Gateway>>>;

impl Gateway {
    /// Runs until `stop`, or until the engine is closed.
    pub fn start(engine: Arc<Engine>, options: Options) -> Result<Arc<Gateway>> {
        let (ready, answer) = std::sync::mpsc::sync_channel(1);
        let life = Life::new();
        let own = life.clone();
        // The runtime's threads are born of this one, and like it take no signals.
        let thread = storage::spawn("callrec-http", move || run(engine, options, &own, &ready));
        life.keep(thread.map_err(|error| Error::io("starting a thread", &error))?);
        answer
            .recv()
            .unwrap_or_else(|_| Err(Error::new(Status::Internal, "the gateway's thread has ended")))
    }

    /// What the host names it by from here on, until it stops.
    pub fn set_reference(&self, reference: Box<dyn HostReference>) {
        self.reference.set(reference);
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
        let stopping = || Error::new(Status::Unavailable, "the gateway is stopping");
        let _under_way = self.life.enter().ok_or_else(stopping)?;
        // On a thread of ours: what it begins must not take the host's signal mask over.
        let gateway = self.clone();
        let mut answered = self.runtime.spawn(async move { gateway.answered(asked).await });
        self.runtime.block_on(async {
            tokio::select! {
                answered = &mut answered => {
                    answered.unwrap_or_else(|broken| Err(Error::new(Status::Internal, broken.to_string())))
                }
                () = self.life.cut() => {
                    answered.abort();
                    Err(stopping())
                }
            }
        })
    }

    /// Status, header lines and body.
    async fn answered(self: &Arc<Self>, asked: Asked) -> Result<(u16, String, Vec<u8>)> {
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

    /// Whether this thread is in a function of the host's that a gateway waits for.
    pub fn is_inside() -> bool {
        life::is_inside()
    }

    /// No request is taken any more; those that are being answered have `timeout`.
    pub fn stop(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        self.halt(deadline);
        if self.life.wait_ended(Some(deadline)) {
            return Ok(());
        }
        // What is still being answered does not ask the host any more.
        self.door.shut();
        Err(Error::new(
            Status::Timeout,
            "requests were still being answered; they are cut off",
        ))
    }
}

impl Above for Gateway {
    fn halt(&self, until: Instant) {
        self.reference.end();
        self.life.stop(until);
        self.stop.send_replace(true);
        self.shelf.stop();
        if until <= Instant::now() {
            self.door.shut();
        }
    }

    fn wait_ended(&self) {
        self.life.wait_ended(None);
    }
}

/// The body of the thread `callrec-http`.
fn run(engine: Arc<Engine>, options: Options, life: &Arc<Life>, ready: &Ready) {
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
    let gateway = runtime.block_on(serve(engine, options, life, ready));
    if let Some(gateway) = gateway {
        // They need the runtime to their end.
        life.wait_empty();
        runtime.shutdown_timeout(LEFT_BEHIND);
        gateway.shelf.close(&gateway.engine);
        gateway.door.let_go();
        gateway.logins.close(LEFT_BEHIND);
        let above: Arc<dyn Above> = gateway.clone();
        gateway.engine.detach(&above);
    }
    life.end();
}

async fn serve(
    engine: Arc<Engine>,
    options: Options,
    life: &Arc<Life>,
    ready: &Ready,
) -> Option<Arc<Gateway>> {
    let (gateway, listener) = match open(engine, options, life).await {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return None;
        }
    };
    let stopped = gateway.stop.subscribe();
    if let Err(error) = register(&gateway) {
        let _ = ready.send(Err(error));
        return Some(gateway);
    }
    genesys::Desk::attach(&gateway);
    vobiz::Desk::check_urls(&gateway);
    let callbacks = tokio::spawn(outbox::run(gateway.clone(), stopped.clone()));
    let _ = ready.send(Ok(gateway.clone()));
    serve_until(&gateway, listener, stopped).await;
    // It hears of the end by itself; a frozen disk may hold it up.
    let _ = tokio::time::timeout(CALLBACKS_END, callbacks).await;
    Some(gateway)
}

async fn serve_until(
    gateway: &Arc<Gateway>,
    listener: Option<TcpListener>,
    mut stopped: watch::Receiver<bool>,
) {
    match listener {
        Some(listener) => server::run(gateway, listener, stopped).await,
        None => {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
    }
}

async fn open(
    engine: Arc<Engine>,
    options: Options,
    life: &Arc<Life>,
) -> Result<(Arc<Gateway>, Option<TcpListener>)> {
    let listener = match options.listen {
        Some(address) => {
            let listening = server::listen(address).await;
            Some(listening.map_err(|error| Error::io(format!("listening on {address}"), &error))?)
        }
        None => None,
    };
    let shelf = Shelf::open(&engine).map_err(|error| Error::io("the archive", &error))?;
    let logins = Logins::new(&engine.config().gateway);
    let logins = logins.map_err(|error| Error::io("starting threads", &error))?;
    let door = Arc::new(Door::new(options.doorkeeper));
    let gateway = Arc::new(Gateway {
        logins,
        meters: Meters::default(),
        shelf,
        genesys: genesys::Desk::new(&engine),
        vobiz: vobiz::Desk::new(&engine),
        door,
        address: listener.as_ref().and_then(|listener| listener.local_addr().ok()),
        runtime: Handle::current(),
        stop: watch::channel(false).0,
        life: life.clone(),
        reference: ReferenceCell::default(),
        engine,
    });
    Ok((gateway, listener))
}

/// From here on the engine's end is the gateway's too.
fn register(gateway: &Arc<Gateway>) -> Result<()> {
    gateway.engine.attach(gateway.clone())?;
    gateway.door.open();
    Ok(())
}

/// How long the gateway's end waits for the callbacks that are under way.
const CALLBACKS_END: Duration = Duration::from_secs(1);
/// How long it waits for a disk, or for a name server, that does not answer.
const LEFT_BEHIND: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use callrec_core::config::Config;

    #[test]
    fn none_is_started_once_the_engine_closes() {
        let dir = tempfile::tempdir().expect("a directory");
        let config = Config {
            directory: dir.path().to_string_lossy().into_owned(),
            ..Config::default()
        };
        let engine = Engine::open(config).expect("an engine");
        engine.close(Duration::from_secs(60)).expect("closed");
        let options = Options {
            listen: None,
            doorkeeper: None,
        };
        // As if the host had asked for it just before.
        let started = Gateway::start(engine.clone(), options);
        assert_eq!(started.err().map(|error| error.status), Some(Status::Unavailable));
        while Arc::strong_count(&engine) > 1 {
            // The gateway that was not to be ends on its own thread.
            std::thread::yield_now();
        }
    }
}
