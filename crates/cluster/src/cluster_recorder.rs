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
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::timeout;
use uuid::Uuid;

use super::cluster_requests::{ClusterPage, ClusterRequest, ClusterRequests};
use super::command::CommandTarget;
use super::entry;
use super::node::ClusterNode;
use super::pending_command::{late, stopping};
use super::remote_page::RemotePage;

/// As many bits of an order tell recordings of one node apart that start in the same millisecond.
const ORDER_BITS: u32 = 20;
/// How much longer than the parts of a request all of it may take.
const SPARE: Duration = Duration::from_millis(50);

/// A recorder over the whole cluster. Its functions may wait, each for its timeout at most.
pub struct ClusterRecorder {
    node: Arc<ClusterNode>,
    requests: ClusterRequests,
    timeout: Duration,
    versions: AtomicU64,
}

impl ClusterRecorder {
    /// `timeout` of one request; that of the configuration if `None`.
    pub fn new(node: Arc<ClusterNode>, timeout: Option<Duration>) -> ClusterRecorder {
        let configured = Duration::from_millis(node.settings().timeout_ms.into());
        let requests =
            ClusterRequests::new(node.engine().clone(), node.link().clone(), &node.settings().node);
        ClusterRecorder {
            requests,
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

    /// Waits for the rest of a request that this node has begun.
    fn finish<T: Send + 'static>(&self, until: Instant, request: ClusterRequest<T>) -> Result<T> {
        match request {
            ClusterRequest::Done(result) => result,
            ClusterRequest::Pending { rest, own } => self.wait(until, rest).or_else(|error| own.ok_or(error)),
        }
    }

    /// All recordings of other nodes that match.
    fn remote(&self, filter: &Filter) -> Result<RemotePage> {
        let (requests, filter) = (self.requests.clone(), filter.clone());
        self.wait(self.until(), async move {
            requests.remote(&filter, String::new(), usize::MAX).await
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
        let until = self.until();
        self.finish(until, self.requests.list_page(caller, filter, cursor, limit))
    }

    /// Applies an operation to the matching recordings of this node and of all others.
    fn control(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        filter: &Filter,
        target: CommandTarget,
    ) -> Result<ControlCounts> {
        let until = self.until();
        let request = self
            .requests
            .control(caller, operation, filter, target, until.into());
        self.finish(until, request)
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
        let until = self.until();
        let request = self.requests.control_by_id(caller, operation, id, until.into());
        self.finish(until, request)
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
        let remote = self.remote(&Filter::default())?;
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
        let requests = self.requests.clone();
        let remote = self.wait(
            self.until(),
            async move { requests.remote_recording(parsed).await },
        )?;
        match remote {
            Some((remote, _)) if caller.may_access(&remote.info) => Ok(remote),
            _ => own(),
        }
    }

    /// This node's calls, and those calls of other nodes that are recorded.
    fn calls(&self, caller: &Caller, filter: &Filter) -> Result<Vec<CallView>> {
        let mut calls = self.engine().calls(caller, filter)?;
        let remote = self.remote(filter)?;
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
