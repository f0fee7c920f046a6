//! A recorder that lists and controls the recordings of all nodes.
//!
//! What this node has itself it reads and controls itself, even without Redis. For the rest it
//! asks Redis which node has it, and that node applies its own rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use callrec_core::calls::{
    CallView, Caller, ControlCounts, ControlOperation, Filter, ListedRecording, LiveList, ReadingsHandle,
    RecordingSpec, RecordingView, parse_id,
};
use callrec_core::engine::Engine;
use callrec_core::events::{Listener, RefusedSubscription, SubscriptionId, SubscriptionOptions};
use callrec_core::recorder::{Recorder, Statistics};
use callrec_core::text::Text;
use callrec_core::types::{Format, Result};
use futures_util::future::join_all;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::timeout;
use uuid::Uuid;

use super::command::{ClusterCommand, CommandTarget};
use super::entry;
use super::node::ClusterNode;
use super::outcome::{self, NodeOutcome};
use super::pending_command::{PendingCommand, late, stopping, unreachable};
use super::remote_page::{LISTED_BYTES, RemotePage};
use super::shared_registry::RedisTime;

/// As many bits of an order tell recordings of one node apart that start in the same millisecond.
const ORDER_BITS: u32 = 20;
/// How much longer than the parts of a request all of it may take.
const SPARE: Duration = Duration::from_millis(50);

/// A recorder over the whole cluster. Its functions may wait, each for its timeout at most.
pub struct ClusterRecorder {
    node: Arc<ClusterNode>,
    timeout: Duration,
    versions: AtomicU64,
}

/// A page of a list over the cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterPage {
    pub recordings: Vec<RecordingView>,
    /// Where the next page begins; empty after the last one.
    pub cursor: String,
}

/// A node that has matching recordings.
struct MatchingNode {
    name: String,
    is_reachable: bool,
    newest: (i64, Uuid),
}

impl ClusterRecorder {
    /// `timeout` of one request; that of the configuration if `None`.
    pub fn new(node: Arc<ClusterNode>, timeout: Option<Duration>) -> ClusterRecorder {
        let configured = Duration::from_millis(node.settings().timeout_ms.into());
        ClusterRecorder {
            timeout: timeout.unwrap_or(configured),
            node,
            versions: AtomicU64::new(0),
        }
    }

    fn engine(&self) -> &Arc<Engine> {
        self.node.engine()
    }

    fn until(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Runs `work` on the cluster's threads, and waits for it.
    fn wait<T: Send + 'static>(
        &self,
        until: Instant,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (send, receive) = mpsc::sync_channel(1);
        let limit = until.saturating_duration_since(Instant::now());
        self.node.runtime().spawn(async move {
            // A command has ended by then.
            let done = timeout(limit + SPARE, work).await;
            let _ = send.send(done.unwrap_or_else(|_| Err(late())));
        });
        // The work has its own limit. This one is for a process that had no time.
        let wait = move || match receive.recv_timeout(limit + Duration::from_secs(1)) {
            Ok(done) => done,
            Err(mpsc::RecvTimeoutError::Timeout) => Err(late()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(stopping()),
        };
        let is_in_runtime =
            Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        match is_in_runtime {
            // Another thread takes over the tasks of this one.
            true => tokio::task::block_in_place(wait),
            false => wait(),
        }
    }

    /// The recordings of other nodes that match, from the place `after` on, at most `limit`.
    fn remote(&self, filter: &Filter, after: String, limit: usize, until: Instant) -> Result<RemotePage> {
        let (link, filter) = (self.node.link().clone(), filter.clone());
        let own = self.node.settings().node.clone();
        let require_memory = self.engine().config().require_memory;
        self.wait(until, async move {
            RemotePage::read(&link, require_memory, &filter, &own, after, limit).await
        })
    }

    /// A page of the live recordings of all nodes, the newest last. `cursor`: that of the page
    /// before, empty for the first. `limit` 0: all.
    pub fn list_page(
        &self,
        caller: &Caller,
        filter: &Filter,
        cursor: &str,
        limit: usize,
    ) -> Result<ClusterPage> {
        if filter.is_empty() {
            let own = self.engine().statistics()?.live_recordings;
            (self.engine().config().require_memory)(own * LISTED_BYTES)?;
        }
        // The same rights, and this node's own recordings as they are now.
        let mut all = self.engine().list(caller, filter)?;
        let limit = if limit == 0 { usize::MAX } else { limit };
        let RemotePage { views, next, .. } = self.remote(filter, cursor.to_owned(), limit, self.until())?;
        all.extend(views.into_iter().filter(|view| caller.may_access(&view.info)));
        for view in &mut all {
            if view.node.is_empty() {
                view.node = Text::new(&self.node.settings().node);
            }
        }
        let mut placed: Vec<(String, RecordingView)> = all
            .into_iter()
            .map(|view| (entry::place_of(&view), view))
            .filter(|(place, _)| place.as_str() > cursor && next.as_ref().is_none_or(|next| place <= next))
            .collect();
        placed.sort_by(|a, b| a.0.cmp(&b.0));
        let is_cut = placed.len() > limit;
        placed.truncate(limit);
        let cursor = match (is_cut, next) {
            (true, _) => placed.last().map(|(place, _)| place.clone()).unwrap_or_default(),
            (false, next) => next.unwrap_or_default(),
        };
        Ok(ClusterPage {
            recordings: placed.into_iter().map(|(_, view)| view).collect(),
            cursor,
        })
    }

    /// The recording with this id on another node.
    fn remote_recording(&self, id: Uuid, until: Instant) -> Result<Option<(RecordingView, RedisTime)>> {
        let link = self.node.link().clone();
        let found = self.wait(until, async move {
            let (row, time) = link
                .registry()?
                .find(id)
                .await
                .map_err(|error| link.failure(&error))?;
            let view = row.as_ref().and_then(entry::view_of);
            if row.is_some() && view.is_none() {
                link.note_damage("a recording");
            }
            Ok(view.map(|view| (view, time)))
        })?;
        let own = self.node.settings().node.as_str();
        Ok(found.filter(|(view, _)| view.node.as_str() != own))
    }

    /// A command, and the time that it has.
    fn command(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        target: CommandTarget,
        (until, time): (Instant, RedisTime),
    ) -> PendingCommand {
        let command = ClusterCommand {
            request: String::new(),
            from: self.node.settings().node.clone(),
            caller: caller.clone(),
            operation,
            target,
        };
        PendingCommand {
            command,
            link: self.node.link().clone(),
            until,
            deadline: time.at(until),
        }
    }

    /// Applies an operation to the matching recordings of this node and of all others.
    fn control(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        filter: &Filter,
        target: CommandTarget,
    ) -> Result<ControlCounts> {
        let until = Instant::now() + self.timeout;
        let own_views = self.engine().list(&Caller::Host, filter).unwrap_or_default();
        let newest = own_views.iter().map(|view| (view.started_at_ms, view.id)).max();
        let result = target.control(&**self.engine(), caller, operation);
        if filter.is_empty()
            || result
                .as_ref()
                .is_err_and(|error| outcome::is_final(error.status))
        {
            return result;
        }
        let (nodes, time) = match self.matching_nodes(caller, filter, until) {
            Ok(found) => found,
            // This node's own recordings are controlled even without Redis.
            Err(error) => {
                return result.and_then(|counts| {
                    if counts.changed > 0 {
                        Ok(counts)
                    } else {
                        Err(error)
                    }
                });
            }
        };
        let mut outcomes = vec![NodeOutcome { newest, result }];
        if !nodes.is_empty() {
            let pending = self.command(caller, operation, target, (until, time));
            let sent = nodes.into_iter().map(move |node| {
                let pending = pending.clone();
                async move {
                    NodeOutcome {
                        newest: Some(node.newest),
                        result: match node.is_reachable {
                            true => pending.send(&node.name).await,
                            false => Err(unreachable(&node.name)),
                        },
                    }
                }
            });
            outcomes.extend(self.wait(until, async move { Ok(join_all(sent).await) })?);
        }
        let result = outcome::merged(outcomes);
        note_remote(caller, result.is_ok());
        result
    }

    fn matching_nodes(
        &self,
        caller: &Caller,
        filter: &Filter,
        until: Instant,
    ) -> Result<(Vec<MatchingNode>, RedisTime)> {
        let RemotePage { views, time, .. } = self.remote(filter, String::new(), usize::MAX, until)?;
        let mut nodes: BTreeMap<String, MatchingNode> = BTreeMap::new();
        for view in views.iter().filter(|view| caller.may_access(&view.info)) {
            let newest = (view.started_at_ms, view.id);
            let name = view.node.as_str().to_owned();
            let node = nodes.entry(name.clone()).or_insert(MatchingNode {
                name,
                is_reachable: !view.is_unreachable,
                newest,
            });
            node.newest = node.newest.max(newest);
        }
        Ok((nodes.into_values().collect(), time))
    }
}

/// The owner's audit log has the line about this request.
fn note_remote(caller: &Caller, has_succeeded: bool) {
    if let (true, Some(origin)) = (has_succeeded, caller.origin()) {
        origin.note();
    }
}

impl Recorder for ClusterRecorder {
    fn default_spec(&self, format: Format) -> RecordingSpec {
        self.engine().default_spec(format)
    }

    fn file_rate(&self, format: Format) -> u32 {
        self.engine().file_rate(format)
    }

    /// Starts only recordings of this node's calls.
    fn start(&self, caller: &Caller, target: &Filter, spec: Result<RecordingSpec>) -> Result<Uuid> {
        self.engine().start(caller, target, spec)
    }

    fn start_own(&self, caller: &Caller, spec: Result<RecordingSpec>) -> Result<Uuid> {
        self.engine().start_own(caller, spec)
    }

    fn control_by_id(&self, caller: &Caller, operation: ControlOperation, id: &str) -> Result<()> {
        let own = || self.engine().control_by_id(caller, operation, id);
        let parsed = match (caller.authenticate(), parse_id(id)) {
            (Ok(()), Ok(parsed)) => parsed,
            _ => return own(),
        };
        if self.engine().view(parsed).is_some() {
            return own();
        }
        let until = self.until();
        let (remote, time) = match self.remote_recording(parsed, until)? {
            Some(found) if caller.may_access(&found.0.info) => found,
            _ => return own(),
        };
        if remote.is_unreachable {
            return Err(unreachable(remote.node.as_str()));
        }
        let pending = self.command(caller, operation, CommandTarget::Id(id.to_owned()), (until, time));
        let done = self.wait(until, async move { pending.send(remote.node.as_str()).await });
        note_remote(caller, done.is_ok());
        done.map(drop)
    }

    fn control_by_line(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        device: &Text,
        number: &Text,
    ) -> Result<ControlCounts> {
        let target = CommandTarget::Line {
            device: device.clone(),
            number: number.clone(),
        };
        self.control(caller, operation, &Filter::line(device, number), target)
    }

    fn control_by_call(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        call_id: &Text,
        url: Option<&Text>,
    ) -> Result<ControlCounts> {
        let target = CommandTarget::Call {
            call_id: call_id.clone(),
            url: url.cloned(),
        };
        self.control(caller, operation, &Filter::call(call_id), target)
    }

    fn control_own(&self, caller: &Caller, operation: ControlOperation) -> Result<ControlCounts> {
        let filter = Filter {
            username: caller.username(),
            ..Filter::default()
        };
        self.control(caller, operation, &filter, CommandTarget::Own)
    }

    /// Deletes only recordings of this node.
    fn delete(&self, caller: &Caller, id: &str) -> Result<()> {
        self.engine().delete(caller, id)
    }

    /// Holds only recordings of this node.
    fn hold(&self, caller: &Caller, id: &str, is_held: bool) -> Result<()> {
        self.engine().hold(caller, id, is_held)
    }

    fn list(&self, caller: &Caller, filter: &Filter) -> Result<Vec<RecordingView>> {
        Ok(self.list_page(caller, filter, "", 0)?.recordings)
    }

    fn list_live(&self) -> Result<LiveList> {
        let mut live = self.engine().list_live()?;
        let remote = self.remote(&Filter::default(), String::new(), usize::MAX, self.until())?;
        live.recordings
            .extend(remote.views.into_iter().map(|view| ListedRecording {
                readings: ReadingsHandle::fixed(view.readings),
                view,
            }));
        live.recordings
            .sort_by_cached_key(|listed| entry::place_of(&listed.view));
        // Orders count on each node anew. In the list, each recording has its own, always the same.
        for listed in &mut live.recordings {
            let started = u64::try_from(listed.view.started_at_ms).unwrap_or_default();
            listed.view.order = (started << ORDER_BITS) | (listed.view.order & ((1 << ORDER_BITS) - 1));
        }
        live.version = self.live_version()?;
        Ok(live)
    }

    /// Always a new one, because another node may have changed its list.
    fn live_version(&self) -> Result<u64> {
        self.engine().live_version()?;
        Ok(self.versions.fetch_add(1, Ordering::Relaxed))
    }

    fn get(&self, caller: &Caller, id: &str) -> Result<RecordingView> {
        let own = || {
            let mut view = self.engine().get(caller, id)?;
            view.node = Text::new(&self.node.settings().node);
            Ok(view)
        };
        let parsed = match (caller.authenticate(), parse_id(id)) {
            (Ok(()), Ok(parsed)) => parsed,
            _ => return own(),
        };
        if self.engine().view(parsed).is_some() {
            return own();
        }
        match self.remote_recording(parsed, self.until())? {
            Some((remote, _)) if caller.may_access(&remote.info) => Ok(remote),
            _ => own(),
        }
    }

    /// This node's calls, and those calls of other nodes that are recorded.
    fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>> {
        let mut calls = self.engine().calls(caller, filter)?;
        let remote = self.remote(filter, String::new(), usize::MAX, self.until())?;
        let mut by_call: BTreeMap<(String, u64), CallView> = BTreeMap::new();
        for view in remote
            .views
            .into_iter()
            .filter(|view| caller.may_access(&view.info))
        {
            let key = (view.node.as_str().to_owned(), view.call);
            let call = by_call.entry(key).or_insert_with(|| CallView {
                number: view.call,
                info: view.info.clone(),
                live: Vec::new(),
                newest: None,
                monitorable: true,
                mandatory: false,
                automatic: false,
            });
            call.automatic |= view.spec.is_automatic();
            call.live.push(view);
        }
        calls.extend(by_call.into_values());
        Ok(calls)
    }

    fn subscribe(
        &self,
        options: SubscriptionOptions,
        listener: Arc<dyn Listener>,
    ) -> std::result::Result<SubscriptionId, RefusedSubscription> {
        self.engine().subscribe(options, listener)
    }

    fn unsubscribe(&self, id: SubscriptionId) -> bool {
        self.engine().unsubscribe(id)
    }

    fn statistics(&self) -> Result<Statistics> {
        Ok(Statistics {
            cluster: self.node.statistics(),
            ..self.engine().statistics()?
        })
    }
}
