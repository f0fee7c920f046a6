//! The state of the connection that the parts of a node share, and its counters.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use callrec_core::events::LogLevel;
use callrec_core::sync::Mutex;
use callrec_core::types::{Error, Status};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::{ErrorKind, RedisError};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::command::CommandReply;
use super::shared_registry::SharedRegistry;

/// Counters of one node, since its engine was opened.
#[derive(Default)]
pub struct LinkCounters {
    /// How often the connection was lost.
    pub losses: AtomicU64,
    /// Own recordings in Redis.
    pub published: AtomicU64,
    /// Commands of other nodes that were carried out.
    pub commands: AtomicU64,
    /// Commands of other nodes that came too late and were refused.
    pub late_commands: AtomicU64,
    /// Entries of Redis that are not callrec's.
    pub damaged: AtomicU64,
}

/// Starts a task of a node.
pub type TaskSpawner = Box<dyn Fn(BoxFuture<'static, ()>) -> JoinHandle<()> + Send + Sync>;

/// The connection of a node.
pub struct ClusterLink {
    /// `None` while there is no connection, or while the node is not registered.
    registry: Mutex<Option<SharedRegistry>>,
    pub counters: LinkCounters,
    /// Told when the engine may have changed, or when a request has found the connection broken.
    pub changed: Notify,
    /// A request has found the connection broken.
    is_suspect: AtomicBool,
    /// Renewals of the lease whose message has not come back.
    unheard_beats: AtomicU32,
    /// Requests to other nodes that wait for the response.
    replies: Mutex<HashMap<String, oneshot::Sender<CommandReply>>>,
    /// When the node ends at the latest, once it is to end.
    stop: watch::Sender<Option<Instant>>,
    spawner: TaskSpawner,
    log: Box<dyn Fn(LogLevel, String) + Send + Sync>,
    /// For messages.
    shown: String,
}

impl ClusterLink {
    pub fn new(
        shown: &str,
        spawner: TaskSpawner,
        log: impl Fn(LogLevel, String) + Send + Sync + 'static,
    ) -> Arc<ClusterLink> {
        Arc::new(ClusterLink {
            registry: Mutex::default(),
            counters: LinkCounters::default(),
            changed: Notify::new(),
            is_suspect: AtomicBool::new(false),
            unheard_beats: AtomicU32::new(0),
            replies: Mutex::default(),
            stop: watch::channel(None).0,
            spawner,
            log: Box::new(log),
            shown: shown.to_owned(),
        })
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        (self.spawner)(task.boxed())
    }

    pub fn set(&self, registry: Option<SharedRegistry>) {
        *self.registry.lock() = registry;
        self.is_suspect.store(false, Ordering::Relaxed);
    }

    pub fn is_connected(&self) -> bool {
        self.registry.lock().is_some()
    }

    /// The functions in Redis. Fails with `UNAVAILABLE` without a connection.
    pub fn registry(&self) -> Result<SharedRegistry, Error> {
        let registry = self.registry.lock().clone();
        registry.ok_or_else(|| Error::new(Status::Unavailable, format!("{}: no connection", self.shown)))
    }

    /// The error of a request. A broken connection is checked at once.
    pub fn failure(&self, error: &RedisError) -> Error {
        self.suspect();
        let status = match error.is_timeout() {
            true => Status::Timeout,
            false => Status::Unavailable,
        };
        Error::new(status, format!("{}: {error}", self.shown))
    }

    /// The error of a request that needs all recordings while some may be missing.
    pub fn incomplete(&self) -> Error {
        self.suspect();
        let message = format!(
            "{}: Redis has lost its data, and the nodes are writing their recordings again",
            self.shown
        );
        Error::new(Status::Unavailable, message)
    }

    pub fn suspect(&self) {
        self.is_suspect.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub fn take_suspicion(&self) -> bool {
        self.is_suspect.swap(false, Ordering::Relaxed)
    }

    /// Counts a renewal of the lease before it is sent. Returns how many before it are unheard.
    pub fn count_beat(&self) -> u32 {
        self.unheard_beats.fetch_add(1, Ordering::Relaxed)
    }

    /// A message has come, so all messages before it have come too.
    pub fn hear_beat(&self) {
        self.unheard_beats.store(0, Ordering::Relaxed);
    }

    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub fn log(&self, level: LogLevel, message: String) {
        (self.log)(level, message);
    }

    /// Counts an entry of Redis that is not callrec's. The first one is logged.
    pub fn note_damage(&self, what: &str) {
        if self.counters.damaged.fetch_add(1, Ordering::Relaxed) == 0 {
            let message = format!("{}: {what} is not callrec's and is left out", self.shown);
            self.log(LogLevel::Warning, message);
        }
    }

    /// Expects the response to a request.
    pub fn expect_reply(&self, request: &str) -> oneshot::Receiver<CommandReply> {
        let (sender, receiver) = oneshot::channel();
        self.replies.lock().insert(request.to_owned(), sender);
        receiver
    }

    pub fn forget_reply(&self, request: &str) {
        self.replies.lock().remove(request);
    }

    /// Passes a response on. One that nobody expects any more is dropped.
    pub fn deliver(&self, reply: CommandReply) {
        let waiting = self.replies.lock().remove(&reply.request);
        if let Some(waiting) = waiting {
            let _ = waiting.send(reply);
        }
    }

    /// Ends the node: in order, but at `until` in any case. A later call can only shorten the time.
    pub fn stop(&self, until: Instant) {
        self.stop
            .send_modify(|stop| *stop = Some(stop.map_or(until, |earlier| earlier.min(until))));
        self.changed.notify_one();
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Returns once [`ClusterLink::stop`] was called.
    pub async fn stopped(&self) {
        let _ = self.stop.subscribe().wait_for(Option::is_some).await;
    }

    /// Returns when the time of [`ClusterLink::stop`] has come.
    pub async fn aborted(&self) {
        let mut stop = self.stop.subscribe();
        loop {
            let until = *stop.borrow_and_update();
            tokio::select! {
                biased;
                () = async { match until {
                    Some(until) => sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }} => return,
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Whether a new connection may help, rather than only another configuration.
pub fn is_refused_login(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::AuthenticationFailed)
        || matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM"))
}
