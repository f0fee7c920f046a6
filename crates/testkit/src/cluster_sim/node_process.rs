//! One process of a node: the parts of the cluster around a model of its recorder.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use callrec_cluster::ClusterSettings;
use callrec_cluster::simulation::{
    ClusterLink, ClusterRequest, ClusterRequests, CommandTarget, RegistryWriter, StreamEntry, TaskSpawner,
    append_end,
};
use callrec_core::calls::{Caller, ControlCounts, ControlOperation, Filter};
use callrec_core::events::{Bus, Event, EventKind, Observer};
use callrec_core::jobs::JobOutcome;
use callrec_core::text::Text;
use callrec_core::types::{Error, Result, Status};
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::host_network::HostNetwork;
use super::judge::Judge;
use super::model_recorder::{ModelRecorder, ModelStorage};
use super::sim_connector::SimConnector;
use super::sim_redis::SimRedis;
use super::sim_time::elapsed_ms;
use super::task_gate::TaskGate;

/// The delays of a job that is retried.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// How much longer than its parts a request may take.
const SPARE: Duration = Duration::from_millis(50);

/// What a process needs of its surroundings.
pub struct NodeSurroundings {
    pub server: Arc<SimRedis>,
    pub judge: Arc<Judge>,
    pub settings: ClusterSettings,
}

/// A running process.
pub struct NodeProcess {
    pub gate: Arc<TaskGate>,
    pub recorder: Arc<ModelRecorder>,
    pub link: Arc<ClusterLink>,
    requests: ClusterRequests,
    judge: Arc<Judge>,
    node: String,
}

/// Notes the events of the cluster.
struct EventNotes {
    judge: Arc<Judge>,
    process: usize,
    node: String,
}

impl Observer for EventNotes {
    fn published(&self, event: &Arc<Event>) {
        let detail = match event.kind {
            EventKind::NodeLost => event.detail.as_str(),
            _ => "",
        };
        if event.kind == EventKind::NodeLost {
            self.judge.note_lost_event(self.process, detail);
        }
        self.judge
            .note(format!("{}: event {} {detail}", self.node, event.kind.text()));
    }
}

impl NodeProcess {
    /// Starts a process on a directory. The first thing it does is the recovery.
    pub fn start(
        around: &NodeSurroundings,
        network: &Arc<HostNetwork>,
        storage: &Arc<ModelStorage>,
        instance: &str,
    ) -> NodeProcess {
        let node = around.settings.node.clone();
        let judge = around.judge.clone();
        let number = judge.begin_process(&node);
        storage.recover();
        let gate = Arc::new(TaskGate::default());
        let tasks = gate.clone();
        let spawner: TaskSpawner = Box::new(move |task| tasks.spawn(task));
        let link = ClusterLink::new("redis", spawner, |_, _| ());
        let recorder = Arc::new(ModelRecorder::new(number, &node, &judge, storage, &link));
        let bus = Bus::new();
        bus.observe(Arc::new(EventNotes {
            judge: judge.clone(),
            process: number,
            node: node.clone(),
        }));
        let connector = Box::new(SimConnector {
            network: network.clone(),
            server: around.server.clone(),
            response_wait: Duration::from_millis(around.settings.lease_ms.clamp(500, 5000).into()),
        });
        let settings = around.settings.clone();
        let writer = RegistryWriter::new(
            recorder.clone(),
            bus,
            link.clone(),
            connector,
            settings,
            instance.to_owned(),
        );
        judge.identify(number, &writer.process);
        gate.spawn(writer.run().boxed());
        gate.spawn(append_ends(gate.clone(), link.clone(), storage.clone()).boxed());
        NodeProcess {
            requests: ClusterRequests::new(recorder.clone(), link.clone(), &node),
            gate,
            recorder,
            link,
            judge,
            node,
        }
    }

    fn caller(name: &str) -> Caller {
        Caller::User {
            username: name.into(),
            level: 10,
            origin: None,
        }
    }

    /// A request by id, whose result the caller is told.
    pub fn control_by_id(&self, operation: ControlOperation, id: Uuid, timeout: Duration) {
        let ends = matches!(operation, ControlOperation::Stop | ControlOperation::Discard);
        let shown = format!("{} asks to {operation:?} {id}", self.node);
        let name = self.judge.begin_request(shown.clone(), ends.then_some(id));
        let is_own = self.has(id);
        let until = Instant::now() + timeout;
        let caller = Self::caller(&name);
        let request = self
            .requests
            .control_by_id(&caller, operation, &id.to_string(), until);
        if is_own && matches!(request, ClusterRequest::Pending { .. }) {
            self.judge.fault(format!("{shown}: it waits for others"));
        }
        let changed = |(): ()| ControlCounts {
            changed: 1,
            ..ControlCounts::default()
        };
        let judge = self.judge.clone();
        self.gate.spawn(
            finish(request, until)
                .map(move |result| judge.end_request(&name, &result.map(changed)))
                .boxed(),
        );
    }

    /// A request for all recordings of a line or a call.
    pub fn control(&self, operation: ControlOperation, target: CommandTarget, timeout: Duration) {
        let shown = format!("{} asks to {operation:?} {target:?}", self.node);
        let filter = match &target {
            CommandTarget::Line { device, number } => Filter::line(device, number),
            CommandTarget::Call { call_id, .. } => Filter::call(call_id),
            CommandTarget::Id(_) | CommandTarget::Own => Filter::default(),
        };
        let name = self.judge.begin_request(shown, None);
        let until = Instant::now() + timeout;
        let caller = Self::caller(&name);
        let request = self.requests.control(&caller, operation, &filter, target, until);
        let judge = self.judge.clone();
        self.gate.spawn(
            finish(request, until)
                .map(move |result| judge.end_request(&name, &result))
                .boxed(),
        );
    }

    /// Lists the cluster, all at once or page by page.
    pub fn list(&self, limit: usize, timeout: Duration) {
        let (requests, judge, node) = (self.requests.clone(), self.judge.clone(), self.node.clone());
        self.gate.spawn(Box::pin(async move {
            let (begun_ms, until) = (elapsed_ms(), Instant::now() + timeout);
            let (mut views, mut cursor) = (Vec::new(), String::new());
            loop {
                let request = requests.list_page(&Caller::Host, &Filter::default(), &cursor, limit);
                match finish(request, until).await {
                    Ok(page) => {
                        views.extend(page.recordings);
                        cursor = page.cursor;
                    }
                    Err(error) => {
                        judge.note(format!("{node} cannot list: {:?}", error.status));
                        return;
                    }
                }
                if cursor.is_empty() {
                    break;
                }
            }
            judge.note_list(&node, begun_ms, &views);
        }));
    }

    /// What this node lists after the end of all troubles.
    pub async fn check_list(&self) {
        let until = Instant::now() + Duration::from_secs(5);
        let request = self.requests.list_page(&Caller::Host, &Filter::default(), "", 0);
        match finish(request, until).await {
            Ok(page) => self.judge.check_list(&self.node, &page.recordings),
            Err(error) => self
                .judge
                .fault(format!("after all is healed, {} cannot list: {error}", self.node)),
        }
    }

    pub fn has(&self, id: Uuid) -> bool {
        self.recorder.ids().contains(&id)
    }

    /// After the end of all troubles: whether this node can pause and resume another node's recording.
    pub async fn check_control(&self, id: Uuid) {
        let mut results = Vec::new();
        for operation in [ControlOperation::Pause, ControlOperation::Resume] {
            let until = Instant::now() + Duration::from_secs(2);
            let request = self
                .requests
                .control_by_id(&Caller::Host, operation, &id.to_string(), until);
            results.push(finish(request, until).await.map_err(|error| error.status));
        }
        // It may have been paused before, or not.
        let is_good = |result: &std::result::Result<(), Status>| {
            matches!(result, Ok(()) | Err(Status::AlreadyPaused | Status::NotPaused))
        };
        if !results.iter().all(is_good) {
            let words = format!("after all is healed, {} controls {id}: {results:?}", self.node);
            self.judge.fault(words);
        }
    }

    /// Kills the process.
    pub fn kill(self) {
        self.gate.kill();
        self.judge.end_process(self.recorder.process);
    }

    /// Ends all recordings and leaves the cluster in order. The process is killed later.
    pub fn begin_close(&self) {
        self.recorder.close();
        self.judge
            .note(format!("process {} closes", self.recorder.process));
        let until = Instant::now() + Duration::from_secs(1);
        self.link.stop(until.into_std());
    }
}

/// The result of a request, at the latest a little after its time.
async fn finish<T>(request: ClusterRequest<T>, until: Instant) -> Result<T> {
    match request {
        ClusterRequest::Done(result) => result,
        ClusterRequest::Pending { rest, own } => match timeout_at(until + SPARE, rest).await {
            Ok(result) => result,
            Err(_) => own.ok_or_else(|| Error::new(Status::Timeout, "no response in time")),
        },
    }
}

/// Performs the jobs of a directory.
async fn append_ends(gate: Arc<TaskGate>, link: Arc<ClusterLink>, storage: Arc<ModelStorage>) {
    let waiting: Arc<AtomicUsize> = Arc::default();
    let begun: Mutex<BTreeSet<Uuid>> = Mutex::default();
    loop {
        for id in storage.ends() {
            if begun.lock().insert(id) {
                let job = append_until_done(link.clone(), waiting.clone(), storage.clone(), id);
                gate.spawn(job.boxed());
            }
        }
        storage.changed.notified().await;
    }
}

async fn append_until_done(
    link: Arc<ClusterLink>,
    waiting: Arc<AtomicUsize>,
    storage: Arc<ModelStorage>,
    id: Uuid,
) {
    let (text, mut retry) = (id.to_string(), RETRY);
    let end = StreamEntry {
        event: "finished",
        id: &text,
        json: "{}",
        directory: "",
    };
    loop {
        let after = match append_end(&link, &waiting, &end).await {
            JobOutcome::Done | JobOutcome::GiveUp(_) => break storage.settle(id),
            JobOutcome::Waits { after, .. } => after,
            JobOutcome::Retry { after, .. } => {
                let next = after.unwrap_or(retry);
                retry = (2 * retry).min(RETRY_MAX);
                next
            }
        };
        sleep(after).await;
    }
}

/// The target that names a line.
pub fn line(device: &str) -> CommandTarget {
    CommandTarget::Line {
        device: device.into(),
        number: Text::default(),
    }
}
