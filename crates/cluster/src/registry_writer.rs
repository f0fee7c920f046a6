//! Keeps the node's lease and its live recordings in Redis up to date.
//!
//! The writer compares what the engine lists with what it has written. It asks the engine
//! often, but cheaply: only a number, unless something has changed. After a loss of the
//! connection, of the lease, or of Redis' data, it writes everything again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use callrec_core::calls::{CallInfo, RecordingView};
use callrec_core::clock::unix_ms;
use callrec_core::events::{Bus, Event, EventKind, LogLevel};
use callrec_core::recorder::Recorder;
use callrec_core::types::{RecordingState, Status};
use redis::{RedisError, RedisResult};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::connection::{NodeConnections, NodeConnector};
use super::entry;
use super::link::{ClusterLink, is_refused_login};
use super::owner::CommandOwner;
use super::planted::{ClusterFault, is_planted};
use super::settings::ClusterSettings;
use super::shared_registry::{Epoch, LostNode, SharedRegistry, WriteOutcome};

/// How often the engine is asked whether something has changed.
const TICK: Duration = Duration::from_millis(20);
/// Reading and writing the list takes at most about one part in this many of a core.
const IDLE_SHARE: u32 = 10;
/// The longest pause that follows from that. A server that stood still for a moment is no reason to
/// leave changes unwritten for longer.
const IDLE_MAX: Duration = Duration::from_millis(500);
/// Recordings in one call of Redis, so that no call takes it long.
const BATCH: usize = 100;
/// The delay before the second attempt to connect. It doubles up to the longest.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long the server may take to load the functions and to begin sending messages.
const PREPARE_WAIT: Duration = Duration::from_secs(5);
/// As many renewals of the lease in a row may be unheard before the connection for messages counts as
/// broken. A connection that a firewall has dropped does not report it.
const UNHEARD_MAX: u32 = 3;
/// How long a node that ends takes to say so.
const LEAVE_WAIT: Duration = Duration::from_millis(500);

/// What Redis shows of a recording.
struct WrittenRecording {
    state: RecordingState,
    is_held: bool,
    info: Arc<CallInfo>,
}

/// Why a session with Redis has ended.
enum SessionEnd {
    Stopped,
    Broken(String),
}

/// Why a node no longer has its lease.
enum TenureEnd {
    Stopped,
    LeaseLost,
    /// The lease is renewed, but messages do not reach this node.
    Unheard,
}

/// Publishes the recordings of one node.
pub struct RegistryWriter {
    pub recorder: Arc<dyn Recorder>,
    pub bus: Arc<Bus>,
    pub link: Arc<ClusterLink>,
    pub connector: Box<dyn NodeConnector>,
    pub settings: ClusterSettings,
    /// Tells this node from another one with the same name.
    pub instance: String,
    /// Tells this process from earlier ones of the node.
    pub process: String,
    written: HashMap<Uuid, WrittenRecording>,
    /// The version of the list that was written.
    version: Option<u64>,
    next_sync: Instant,
    is_lost: bool,
    /// Reports of lost nodes that Redis may have to hear of.
    reported: Vec<String>,
    /// The epoch that this process had last.
    epoch: Option<Epoch>,
}

impl RegistryWriter {
    pub fn new(
        recorder: Arc<dyn Recorder>,
        bus: Arc<Bus>,
        link: Arc<ClusterLink>,
        connector: Box<dyn NodeConnector>,
        settings: ClusterSettings,
        instance: String,
    ) -> RegistryWriter {
        RegistryWriter {
            recorder,
            bus,
            link,
            connector,
            settings,
            instance,
            process: Uuid::new_v4().as_simple().to_string(),
            written: HashMap::new(),
            version: None,
            next_sync: Instant::now(),
            is_lost: false,
            reported: Vec::new(),
            epoch: None,
        }
    }

    /// Runs until the link is stopped.
    pub async fn run(mut self) {
        let mut failures = 0;
        loop {
            let link = self.link.clone();
            // In a given order, so that the simulator can repeat a run.
            let connected = tokio::select! {
                biased;
                () = link.stopped() => return,
                connected = self.connector.connect() => connected,
            };
            let end = match connected {
                Ok(connections) => self.session(connections, &mut failures).await,
                Err(error) => SessionEnd::Broken(explained(&error)),
            };
            self.link.set(None);
            let SessionEnd::Broken(why) = end else {
                return;
            };
            self.note_loss(&why);
            failures += 1;
            let wait = RETRY.saturating_mul(1 << (failures - 1).min(10)).min(RETRY_MAX);
            tokio::select! {
                biased;
                () = link.stopped() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// One connection, from registering to its end.
    async fn session(&mut self, connections: NodeConnections, failures: &mut u32) -> SessionEnd {
        let registry = SharedRegistry::new(connections.commands, &self.settings);
        let mut messages = connections.messages;
        let prepared = async {
            registry.load().await?;
            messages.subscribe(registry.channel(&self.settings.node)).await
        };
        match timeout(PREPARE_WAIT, prepared).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return SessionEnd::Broken(explained(&error)),
            Err(_) => return SessionEnd::Broken("the server does not respond".to_owned()),
        }
        self.link.hear_beat();
        let owner = Arc::new(CommandOwner {
            recorder: self.recorder.clone(),
            link: self.link.clone(),
            registry: registry.clone(),
        });
        let mut receiving = self.link.spawn(owner.run(messages));
        let end = tokio::select! {
            biased;
            end = self.publish(&registry, failures) => end,
            _ = &mut receiving => {
                SessionEnd::Broken("the connection for messages has ended".to_owned())
            }
        };
        receiving.abort();
        end
    }

    async fn publish(&mut self, registry: &SharedRegistry, failures: &mut u32) -> SessionEnd {
        loop {
            let before = self.epoch.as_ref();
            match registry.register(&self.instance, &self.process, before).await {
                Ok(Some(epoch)) => {
                    *failures = 0;
                    self.epoch = Some(epoch.clone());
                    match self.keep_up(registry, &epoch).await {
                        Ok(TenureEnd::Stopped) => return SessionEnd::Stopped,
                        Ok(TenureEnd::Unheard) => {
                            let why = "messages of Redis no longer reach this node";
                            return SessionEnd::Broken(why.to_owned());
                        }
                        // Everything is written again.
                        Ok(TenureEnd::LeaseLost) => {
                            self.link.set(None);
                            self.note_loss("the lease of this node was lost");
                        }
                        Err(error) => return SessionEnd::Broken(explained(&error)),
                    }
                }
                Ok(None) => {
                    return SessionEnd::Broken(format!(
                        "cluster.node \"{}\": another process has this name",
                        self.settings.node
                    ));
                }
                Err(error) => return SessionEnd::Broken(explained(&error)),
            }
        }
    }

    /// Writes all changes and renews the lease, until the lease is lost or the node stops.
    async fn keep_up(&mut self, registry: &SharedRegistry, epoch: &Epoch) -> RedisResult<TenureEnd> {
        if !is_planted(ClusterFault::RewriteForgotten) {
            self.written.clear();
            self.version = None;
        }
        self.next_sync = Instant::now();
        let every = Duration::from_millis((self.settings.lease_ms / 3).into());
        let mut next_beat = Instant::now();
        let mut is_clean = false;
        loop {
            if self.link.is_stopping() {
                let _ = timeout(LEAVE_WAIT, registry.leave(epoch)).await;
                return Ok(TenureEnd::Stopped);
            }
            let is_due = Instant::now() >= next_beat;
            let is_silent = is_due && self.link.count_beat() >= UNHEARD_MAX;
            if is_silent && !is_planted(ClusterFault::SilenceIgnored) {
                return Ok(TenureEnd::Unheard);
            }
            if is_due || self.link.take_suspicion() {
                let (outcome, lost) = registry.beat(epoch, &self.process, &self.reported).await?;
                self.report_lost(lost);
                if outcome == WriteOutcome::Stale {
                    return Ok(TenureEnd::LeaseLost);
                }
                next_beat = Instant::now() + every;
            }
            if self.sync(registry, epoch, next_beat).await? == WriteOutcome::Stale {
                return Ok(TenureEnd::LeaseLost);
            }
            if self.version.is_some() && !is_clean && !is_planted(ClusterFault::EndedKept) {
                if self.remove_others(registry, epoch).await? == WriteOutcome::Stale {
                    return Ok(TenureEnd::LeaseLost);
                }
                is_clean = true;
            }
            if self.version.is_some() && !self.link.is_connected() {
                self.link.set(Some(registry.clone()));
                self.note_return();
            }
            let link = self.link.clone();
            let _ = timeout(TICK, link.changed.notified()).await;
        }
    }

    /// Writes what has changed since the last time. Returns early when a beat is due.
    async fn sync(
        &mut self,
        registry: &SharedRegistry,
        epoch: &Epoch,
        until: Instant,
    ) -> RedisResult<WriteOutcome> {
        let begun = Instant::now();
        if begun < self.next_sync {
            return Ok(WriteOutcome::Written);
        }
        // An engine that closes lists nothing more.
        let (version, listed) = match self.recorder.live_version() {
            Ok(version) if self.version == Some(version) => return Ok(WriteOutcome::Written),
            Ok(_) => match self.recorder.list_live() {
                Ok(list) => (list.version, list.recordings),
                Err(error) if error.status == Status::Unavailable => (u64::MAX, Vec::new()),
                // No memory for the list just now.
                Err(_) => return Ok(WriteOutcome::Written),
            },
            Err(_) => (u64::MAX, Vec::new()),
        };
        let ids: HashSet<Uuid> = listed.iter().map(|listed| listed.view.id).collect();
        let gone: Vec<Uuid> = self
            .written
            .keys()
            .filter(|id| !ids.contains(*id))
            .copied()
            .collect();
        for batch in gone.chunks(BATCH) {
            let ids: Vec<String> = batch.iter().map(|id| id.as_hyphenated().to_string()).collect();
            if registry.remove(epoch, &ids).await? == WriteOutcome::Stale {
                return Ok(WriteOutcome::Stale);
            }
            batch.iter().for_each(|id| drop(self.written.remove(id)));
        }
        let changed = listed
            .iter()
            .map(|listed| &listed.view)
            .filter(|view| self.is_changed(view));
        let changed: Vec<&RecordingView> = changed.collect();
        let mut is_complete = true;
        for batch in changed.chunks(BATCH) {
            if Instant::now() >= until {
                is_complete = false;
                break;
            }
            let rows: Vec<_> = batch.iter().map(|view| entry::row_of(view)).collect();
            if registry.upsert(epoch, &rows).await? == WriteOutcome::Stale {
                return Ok(WriteOutcome::Stale);
            }
            self.written
                .extend(batch.iter().map(|view| (view.id, written(view))));
        }
        let count = self.written.len() as u64;
        self.link.counters.published.store(count, Ordering::Relaxed);
        self.version = is_complete.then_some(version).or(self.version);
        if is_complete {
            self.next_sync = Instant::now() + (begun.elapsed() * IDLE_SHARE).min(IDLE_MAX);
        }
        Ok(WriteOutcome::Written)
    }

    /// Removes the recordings of this node that have ended while it was not registered.
    async fn remove_others(&self, registry: &SharedRegistry, epoch: &Epoch) -> RedisResult<WriteOutcome> {
        let mut others = registry.held().await?;
        others.retain(|id| Uuid::try_parse(id).is_ok_and(|id| !self.written.contains_key(&id)));
        for batch in others.chunks(BATCH) {
            if registry.remove(epoch, batch).await? == WriteOutcome::Stale {
                return Ok(WriteOutcome::Stale);
            }
        }
        Ok(WriteOutcome::Written)
    }

    fn is_changed(&self, view: &RecordingView) -> bool {
        let known = self.written.get(&view.id);
        known.is_none_or(|known| {
            known.state != view.state || known.is_held != view.held || !Arc::ptr_eq(&known.info, &view.info)
        })
    }

    /// The next beat confirms the reports. If its response is lost, the one after it does so again.
    fn report_lost(&mut self, lost: Vec<LostNode>) {
        self.reported = lost.iter().map(|node| node.entry.clone()).collect();
        for node in lost {
            let (name, recordings) = (json!(node.name), node.recordings);
            let message = format!(
                "node \"{}\" of the cluster is lost, with these recordings: {recordings}",
                node.name
            );
            self.bus.log(LogLevel::Warning, message);
            let mut event = Event::new(EventKind::NodeLost, unix_ms());
            event.detail = format!("\"node\":{name},\"recordings\":{recordings}");
            self.bus.publish(event);
        }
    }

    fn note_loss(&mut self, why: &str) {
        if self.is_lost {
            return;
        }
        self.is_lost = true;
        self.link.counters.losses.fetch_add(1, Ordering::Relaxed);
        let message = format!(
            "{}: {why}; recordings go on, and callrec tries again",
            self.link.shown()
        );
        self.bus.log(LogLevel::Error, message);
        let mut event = Event::new(EventKind::ClusterLost, unix_ms());
        event.status = Status::Unavailable as i32;
        event.detail = format!(
            "\"status\":{},\"error\":{}",
            Status::Unavailable as i32,
            json!(why)
        );
        self.bus.publish(event);
    }

    fn note_return(&mut self) {
        if !std::mem::take(&mut self.is_lost) {
            return;
        }
        let count = self.written.len();
        let message = format!(
            "{}: connected again, {count} recordings are written",
            self.link.shown()
        );
        self.bus.log(LogLevel::Info, message);
        let mut event = Event::new(EventKind::ClusterRestored, unix_ms());
        event.detail = format!("\"recordings\":{count}");
        self.bus.publish(event);
    }
}

fn written(view: &RecordingView) -> WrittenRecording {
    WrittenRecording {
        state: view.state,
        is_held: view.held,
        info: view.info.clone(),
    }
}

/// What a person needs to know of an error.
fn explained(error: &RedisError) -> String {
    match is_refused_login(error) {
        true => format!("the login is refused: {error}"),
        false => error.to_string(),
    }
}
