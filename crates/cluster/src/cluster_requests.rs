//! Lists and control over the whole cluster. What this node has is done at once, and the rest is
//! a future.

use std::collections::BTreeMap;
use std::sync::Arc;

use callrec_core::calls::{Caller, ControlCounts, ControlOperation, Filter, RecordingView, parse_id};
use callrec_core::engine::Engine;
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::Result;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::command::{ClusterCommand, CommandTarget};
use super::entry;
use super::link::ClusterLink;
use super::outcome::{self, NodeOutcome};
use super::pending_command::{PendingCommand, late, unreachable};
use super::remote_page::{LISTED_BYTES, RemotePage};
use super::shared_registry::{FoundRow, RedisTime};

/// The recorder of one node.
pub trait LocalRecorder: Recorder {
    /// Whether this recording is its own.
    fn has(&self, id: Uuid) -> bool;

    /// Fails with `LIMIT` if so many bytes cannot be had.
    fn require_memory(&self) -> fn(u64) -> Result<()>;
}

impl LocalRecorder for Engine {
    fn has(&self, id: Uuid) -> bool {
        self.view(id).is_some()
    }

    fn require_memory(&self) -> fn(u64) -> Result<()> {
        self.config().require_memory
    }
}

/// A page of a list over the cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterPage {
    pub recordings: Vec<RecordingView>,
    /// Where the next page begins; empty after the last one.
    pub cursor: String,
}

/// A request that this node has begun.
pub enum ClusterRequest<T> {
    Done(Result<T>),
    /// Other nodes, or Redis, have a part in it.
    Pending {
        rest: BoxFuture<'static, Result<T>>,
        /// The result if the rest cannot be waited for.
        own: Option<T>,
    },
}

/// Begins requests over the cluster. Cheap to clone.
#[derive(Clone)]
pub struct ClusterRequests {
    recorder: Arc<dyn LocalRecorder>,
    link: Arc<ClusterLink>,
    /// The name of this node.
    node: Text,
}

/// A node that has matching recordings.
struct MatchingNode {
    name: String,
    is_reachable: bool,
    newest: (i64, Uuid),
}

impl ClusterRequests {
    pub fn new(recorder: Arc<dyn LocalRecorder>, link: Arc<ClusterLink>, node: &str) -> ClusterRequests {
        ClusterRequests {
            recorder,
            link,
            node: Text::new(node),
        }
    }

    /// The recordings of other nodes that match, from the place `after` on, at most `limit`.
    pub async fn remote(&self, filter: &Filter, after: String, limit: usize) -> Result<RemotePage> {
        let require_memory = self.recorder.require_memory();
        let own = self.node.as_str();
        RemotePage::read(&self.link, require_memory, filter, own, after, limit).await
    }

    /// A page of the live recordings of all nodes, the newest last. `limit` 0: all.
    pub fn list_page(
        &self,
        caller: &Caller,
        filter: &Filter,
        cursor: &str,
        limit: usize,
    ) -> ClusterRequest<ClusterPage> {
        let own = match self.own_recordings(caller, filter) {
            Ok(own) => own,
            Err(error) => return ClusterRequest::Done(Err(error)),
        };
        let limit = if limit == 0 { usize::MAX } else { limit };
        let (cluster, caller) = (self.clone(), caller.clone());
        let (filter, cursor) = (filter.clone(), cursor.to_owned());
        let rest = async move {
            let remote = cluster.remote(&filter, cursor.clone(), limit).await?;
            Ok(cluster.page_of(&caller, own, remote, &cursor, limit))
        };
        ClusterRequest::Pending {
            rest: rest.boxed(),
            own: None,
        }
    }

    /// This node's own recordings as they are now, with the same rights.
    fn own_recordings(&self, caller: &Caller, filter: &Filter) -> Result<Vec<RecordingView>> {
        if filter.is_empty() {
            let own = self.recorder.statistics()?.live_recordings;
            (self.recorder.require_memory())(own * LISTED_BYTES)?;
        }
        self.recorder.list(caller, filter)
    }

    fn page_of(
        &self,
        caller: &Caller,
        mut all: Vec<RecordingView>,
        remote: RemotePage,
        cursor: &str,
        limit: usize,
    ) -> ClusterPage {
        let RemotePage { views, next, .. } = remote;
        all.extend(views.into_iter().filter(|view| caller.may_access(&view.info)));
        for view in all.iter_mut().filter(|view| view.node.is_empty()) {
            view.node = self.node.clone();
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
        ClusterPage {
            recordings: placed.into_iter().map(|(_, view)| view).collect(),
            cursor,
        }
    }

    /// The recording with this id on another node.
    pub async fn remote_recording(&self, id: Uuid) -> Result<Option<(RecordingView, RedisTime)>> {
        let found = self.link.registry()?.find(id).await;
        let FoundRow {
            row,
            time,
            is_complete,
        } = found.map_err(|error| self.link.failure(&error))?;
        let view = row.as_ref().and_then(entry::view_of);
        if row.is_some() && view.is_none() {
            self.link.note_damage("a recording");
        }
        if view.is_none() && !is_complete {
            return Err(self.link.incomplete());
        }
        let remote = view.filter(|view| view.node != self.node);
        Ok(remote.map(|view| (view, time)))
    }

    /// Applies an operation to the recording with this id, wherever it is.
    pub fn control_by_id(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        id: &str,
        until: Instant,
    ) -> ClusterRequest<()> {
        let parsed = match (caller.authenticate(), parse_id(id)) {
            (Ok(()), Ok(parsed)) if !self.recorder.has(parsed) => parsed,
            _ => return ClusterRequest::Done(self.recorder.control_by_id(caller, operation, id)),
        };
        let (cluster, caller, id) = (self.clone(), caller.clone(), id.to_owned());
        let rest = async move {
            let found = timeout_at(until, cluster.remote_recording(parsed)).await;
            let (remote, time) = match found.unwrap_or_else(|_| Err(late()))? {
                Some(found) if caller.may_access(&found.0.info) => found,
                _ => return cluster.recorder.control_by_id(&caller, operation, &id),
            };
            if remote.is_unreachable {
                return Err(unreachable(remote.node.as_str()));
            }
            let pending = cluster.command(&caller, operation, CommandTarget::Id(id), (until, time));
            let done = pending.send(remote.node.as_str()).await;
            note_remote(&caller, done.is_ok());
            done.map(drop)
        };
        ClusterRequest::Pending {
            rest: rest.boxed(),
            own: None,
        }
    }

    /// Applies an operation to the matching recordings of this node and of all others.
    pub fn control(
        &self,
        caller: &Caller,
        operation: ControlOperation,
        filter: &Filter,
        target: CommandTarget,
        until: Instant,
    ) -> ClusterRequest<ControlCounts> {
        let own_views = self.recorder.list(&Caller::Host, filter).unwrap_or_default();
        let newest = own_views.iter().map(|view| (view.started_at_ms, view.id)).max();
        let result = target.control(&*self.recorder, caller, operation);
        let is_final = |result: &Result<ControlCounts>| {
            let error = result.as_ref().err();
            error.is_some_and(|error| outcome::is_final(error.status))
        };
        if filter.is_empty() || is_final(&result) {
            return ClusterRequest::Done(result);
        }
        // This node's own recordings are controlled even without Redis.
        let changed = result.as_ref().ok().copied().filter(|counts| counts.changed > 0);
        let (cluster, caller, filter) = (self.clone(), caller.clone(), filter.clone());
        let rest = async move {
            let found = timeout_at(until, cluster.matching_nodes(&caller, &filter)).await;
            let (nodes, time) = match found.unwrap_or_else(|_| Err(late())) {
                Ok(found) => found,
                // Another node may have what this one has not.
                Err(error) => {
                    let refusal = result.err().filter(|own| !outcome::found_nothing(own.status));
                    return changed.ok_or(refusal.unwrap_or(error));
                }
            };
            let mut outcomes = vec![NodeOutcome { newest, result }];
            let pending = cluster.command(&caller, operation, target, (until, time));
            let sent = nodes.into_iter().map(|node| send_to(pending.clone(), node));
            outcomes.extend(join_all(sent).await);
            let result = outcome::merged(outcomes);
            note_remote(&caller, result.is_ok());
            result
        };
        ClusterRequest::Pending {
            rest: rest.boxed(),
            own: changed,
        }
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
            from: self.node.as_str().to_owned(),
            caller: caller.clone(),
            operation,
            target,
        };
        PendingCommand {
            command,
            link: self.link.clone(),
            until,
            deadline: time.at(until),
        }
    }

    async fn matching_nodes(
        &self,
        caller: &Caller,
        filter: &Filter,
    ) -> Result<(Vec<MatchingNode>, RedisTime)> {
        let RemotePage { views, time, .. } = self.remote(filter, String::new(), usize::MAX).await?;
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

async fn send_to(pending: PendingCommand, node: MatchingNode) -> NodeOutcome {
    NodeOutcome {
        newest: Some(node.newest),
        result: match node.is_reachable {
            true => pending.send(&node.name).await,
            false => Err(unreachable(&node.name)),
        },
    }
}

/// The owner's audit log has the line about this request.
fn note_remote(caller: &Caller, has_succeeded: bool) {
    if let (true, Some(origin)) = (has_succeeded, caller.origin()) {
        origin.note();
    }
}
