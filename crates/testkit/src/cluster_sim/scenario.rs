//! One simulation: what hosts do, what goes wrong, and how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use callrec_cluster::ClusterSettings;
use callrec_cluster::simulation::CommandTarget;
use callrec_core::calls::{CallInfo, ControlOperation};
use futures_util::FutureExt;
use tokio::time::sleep;
use uuid::Uuid;

mod trouble;

use self::trouble::{ClusterTrouble, TROUBLES};
use super::ClusterOutcome;
use super::consumer::{RememberedIds, consume};
use super::host_network::HostNetwork;
use super::judge::{GROUPS, Judge};
use super::library_fault::LibraryFault;
use super::model_recorder::ModelStorage;
use super::node_process::{NodeProcess, NodeSurroundings, line};
use super::sim_connector::SimConnector;
use super::sim_redis::SimRedis;
use super::sim_time::elapsed_ms;
use super::task_gate::TaskGate;
use crate::random::SeededRng;

const NODES: usize = 3;
const DEVICES: u64 = 5;
/// Live recordings of a node, about.
const LIVE_MAX: usize = 6;
/// What connecting again may take, besides leases: the longest retry and several timeouts.
const CALM_MS: u64 = 10_000;
/// How long jobs and consumers may need after the last trouble: the longest retry, and more.
const SETTLE_MS: u64 = 60_000;

/// What happens at a later time.
enum LaterAction {
    Heal(usize),
    Thaw(usize),
    Kill(usize),
    /// A process begins, in the same directory or in another one.
    Return(usize, bool),
    KillRival(NodeProcess),
    ThawRedis,
    StartRedis,
}

struct SimNode {
    around: NodeSurroundings,
    network: Arc<HostNetwork>,
    storage: Arc<ModelStorage>,
    instance: String,
    process: Option<NodeProcess>,
}

struct SimConsumer {
    gate: Arc<TaskGate>,
    network: Arc<HostNetwork>,
    known: RememberedIds,
}

/// The state of a simulation.
pub struct ClusterScenario {
    rng: SeededRng,
    judge: Arc<Judge>,
    server: Arc<SimRedis>,
    nodes: Vec<SimNode>,
    consumers: Vec<SimConsumer>,
    troubles: Vec<ClusterTrouble>,
    later: BTreeMap<(u64, u64), LaterAction>,
    counter: u64,
    ids: Vec<Uuid>,
    /// A request has just begun, and something goes wrong meanwhile.
    is_critical: bool,
    /// Directories without a node.
    abandoned: Vec<Arc<ModelStorage>>,
    /// How long leases, graces and connecting again may take.
    calm_ms: u64,
}

pub fn settings(node: &str, lease_ms: u64, grace_ms: u64) -> ClusterSettings {
    let mut settings = ClusterSettings::default();
    for (key, value) in [
        ("cluster.node", node.to_owned()),
        ("cluster.lease_ms", lease_ms.to_string()),
        ("cluster.grace_ms", grace_ms.to_string()),
    ] {
        settings.set_known(key, &value).expect("a key").expect("valid");
    }
    settings
}

impl ClusterScenario {
    pub fn new(seed: u64, planted: Option<LibraryFault>) -> ClusterScenario {
        let mut rng = SeededRng::scattered(seed);
        let (lease_ms, grace_ms) = (rng.pick(&[600, 1500, 3000]), rng.pick(&[0, 1000, 8000]));
        let judge = Arc::new(Judge::new(lease_ms));
        let server = SimRedis::new(&judge, planted);
        let troubles: Vec<ClusterTrouble> = TROUBLES.into_iter().filter(|_| rng.chance(50)).collect();
        judge.note(format!(
            "lease {lease_ms} ms, grace {grace_ms} ms, troubles {troubles:?}"
        ));
        let mut network = |name: &str| HostNetwork::new(name, SeededRng::new(rng.next_u64()));
        let nodes = (1..=NODES).map(|number| {
            let name = format!("n{number}");
            SimNode {
                network: network(&name),
                around: NodeSurroundings {
                    server: server.clone(),
                    judge: judge.clone(),
                    settings: settings(&name, lease_ms, grace_ms),
                },
                storage: Arc::default(),
                instance: format!("directory of {name}"),
                process: None,
            }
        });
        let nodes = nodes.collect();
        let consumers = GROUPS.iter().map(|group| SimConsumer {
            gate: Arc::default(),
            network: network(group),
            known: RememberedIds::default(),
        });
        ClusterScenario {
            consumers: consumers.collect(),
            nodes,
            rng,
            judge,
            server,
            troubles,
            later: BTreeMap::new(),
            counter: 0,
            ids: Vec::new(),
            is_critical: false,
            abandoned: Vec::new(),
            calm_ms: lease_ms + grace_ms + CALM_MS,
        }
    }

    pub async fn run(mut self) -> ClusterOutcome {
        (0..NODES).for_each(|node| self.start(node));
        (0..GROUPS.len()).for_each(|group| self.start_consumer(group));
        let active_ms = self.rng.between(6000, 20_000);
        while elapsed_ms() < active_ms {
            let most_ms = if self.is_critical { 40 } else { 80 };
            sleep(Duration::from_millis(self.rng.between(1, most_ms))).await;
            self.act_on_time(elapsed_ms());
            match std::mem::take(&mut self.is_critical) {
                true => self.disturb(),
                false => self.step(),
            }
        }
        self.settle().await;
        let (wrong, trace) = self.judge.take();
        ClusterOutcome {
            wrong,
            trace,
            recordings: self.ids.len(),
        }
    }

    async fn settle(&mut self) {
        self.judge.note("all is healed".to_owned());
        self.act_on_time(u64::MAX);
        // Leases and graces end, and what nodes have left in Redis is removed.
        let calm_ms = elapsed_ms() + self.calm_ms;
        while elapsed_ms() < calm_ms {
            sleep(Duration::from_millis(700)).await;
            (0..NODES).for_each(|node| self.with(node, |process| process.list(0, Duration::from_secs(1))));
        }
        // The recordings of nodes that stay away are forgotten, although nobody knows yet how they ended.
        self.check_lists().await;
        for abandoned in std::mem::take(&mut self.abandoned) {
            self.nodes[0].storage.adopt(&abandoned);
        }
        let until_ms = elapsed_ms() + SETTLE_MS;
        while elapsed_ms() < until_ms && !self.judge.has_all_ends() {
            sleep(Duration::from_secs(1)).await;
        }
        self.check_lists().await;
        self.check_commands().await;
        self.judge.check_ends();
        self.judge.check_lost_events();
    }

    async fn check_lists(&self) {
        for process in self.nodes.iter().filter_map(|node| node.process.as_ref()) {
            process.check_list().await;
        }
    }

    /// A command to every node that runs succeeds.
    async fn check_commands(&self) {
        for id in self.ids.iter().filter(|id| self.judge.is_live(**id)) {
            for node in &self.nodes {
                let Some(process) = node.process.as_ref().filter(|process| !process.has(*id)) else {
                    continue;
                };
                process.check_control(*id).await;
            }
        }
    }

    fn schedule(&mut self, after_ms: u64, action: LaterAction) {
        self.counter += 1;
        self.later.insert((elapsed_ms() + after_ms, self.counter), action);
    }

    /// Does what is due.
    fn act_on_time(&mut self, now_ms: u64) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now_ms {
                return;
            }
            match entry.remove() {
                LaterAction::Heal(node) => self.nodes[node].network.heal(),
                LaterAction::Thaw(node) => {
                    if let Some(process) = &self.nodes[node].process {
                        process.gate.set_frozen(false);
                    }
                }
                LaterAction::Kill(node) => self.kill(node),
                LaterAction::Return(node, is_same) => {
                    self.kill(node);
                    // At the end, some nodes stay away, and another one takes their directory over.
                    let stays_away = now_ms == u64::MAX && node > 0 && self.rng.chance(50);
                    if !is_same || stays_away {
                        self.move_node(node);
                    }
                    if !stays_away {
                        self.start(node);
                    }
                }
                LaterAction::KillRival(rival) => rival.kill(),
                LaterAction::ThawRedis => self.server.running.set_open(true),
                LaterAction::StartRedis => self.server.start_again(),
            }
        }
    }

    fn start(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        let process = NodeProcess::start(&node.around, &node.network, &node.storage, &node.instance);
        node.process = Some(process);
    }

    fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        if let Some(process) = node.process.take() {
            process.kill();
            // What it has sent still arrives, unless the network keeps it back.
            if !node.network.outward.is_open() {
                self.server.reset_host(&node.network.name);
            }
        }
    }

    /// The node's next process has another directory.
    fn move_node(&mut self, node: usize) {
        self.counter += 1;
        let node = &mut self.nodes[node];
        node.instance = format!("directory {}", self.counter);
        self.abandoned.push(std::mem::take(&mut node.storage));
    }

    fn start_consumer(&mut self, number: usize) {
        let consumer = &mut self.consumers[number];
        consumer.gate.kill();
        consumer.gate = Arc::default();
        let connector = SimConnector {
            network: consumer.network.clone(),
            server: self.server.clone(),
            response_wait: Duration::from_secs(2),
        };
        let work = consume(
            GROUPS[number],
            connector,
            self.judge.clone(),
            consumer.known.clone(),
        );
        consumer.gate.spawn(work.boxed());
    }

    /// A node whose process runs.
    fn running(&mut self) -> Option<usize> {
        let node = self.rng.index(NODES);
        let process = self.nodes[node].process.as_ref()?;
        (!process.gate.is_frozen() && !process.link.is_stopping()).then_some(node)
    }

    fn step(&mut self) {
        if self.rng.chance(4) {
            return self.disturb();
        }
        if self.rng.chance(10) {
            self.server.make_copy();
        }
        let Some(node) = self.running() else {
            return;
        };
        match self.rng.below(100) {
            0..40 => self.start_recording(node),
            40..75 => self.control_by_id(node),
            75..85 => self.control_line(node),
            _ => {
                let limit = self.rng.pick(&[0, 1, 3]);
                let timeout = self.timeout();
                self.with(node, |process| process.list(limit, timeout));
            }
        }
    }

    fn with(&self, node: usize, work: impl FnOnce(&NodeProcess)) {
        if let Some(process) = &self.nodes[node].process {
            work(process);
        }
    }

    fn timeout(&mut self) -> Duration {
        Duration::from_millis(self.rng.between(50, 1500))
    }

    fn operation(&mut self) -> ControlOperation {
        self.rng.pick(&[
            ControlOperation::Stop,
            ControlOperation::Stop,
            ControlOperation::Discard,
            ControlOperation::Pause,
            ControlOperation::Resume,
        ])
    }

    fn start_recording(&mut self, node: usize) {
        let halves = (u128::from(self.rng.next_u64()) << 64) | u128::from(self.rng.next_u64());
        let id = uuid::Builder::from_random_bytes(halves.to_be_bytes()).into_uuid();
        let device = format!("d{}", self.rng.below(DEVICES));
        let info = CallInfo {
            call_id: format!("c{}", self.rng.below(4 * DEVICES)).as_str().into(),
            device_name: device.as_str().into(),
            ..CallInfo::default()
        };
        let mut is_begun = false;
        self.with(node, |process| {
            is_begun = process.recorder.ids().len() < LIVE_MAX;
            if is_begun {
                process.recorder.begin(id, info);
            }
        });
        if is_begun {
            self.ids.push(id);
        }
    }

    /// One of the latest recordings, mostly a live one.
    fn some_recording(&mut self) -> Option<Uuid> {
        let latest = self.ids.len().saturating_sub(30);
        let live: Vec<Uuid> = self.ids[latest..].to_vec();
        let is_live = |id: &&Uuid| self.judge.is_live(**id);
        let live: Vec<Uuid> = match self.rng.chance(85) {
            true => live.iter().filter(is_live).copied().collect(),
            false => live,
        };
        (!live.is_empty()).then(|| live[self.rng.index(live.len())])
    }

    /// One request by id, or the same on several nodes at once.
    fn control_by_id(&mut self, node: usize) {
        let Some(id) = self.some_recording() else {
            return;
        };
        let (operation, timeout) = (self.operation(), self.timeout());
        self.is_critical = self.rng.chance(8);
        self.with(node, |process| process.control_by_id(operation, id, timeout));
        for _ in 0..self.rng.pick(&[0, 0, 1, 3]) {
            let timeout = self.timeout();
            if let Some(other) = self.running() {
                self.with(other, |process| process.control_by_id(operation, id, timeout));
            }
        }
    }

    fn control_line(&mut self, node: usize) {
        let target = match self.rng.chance(50) {
            true => line(&format!("d{}", self.rng.below(DEVICES))),
            false => CommandTarget::Call {
                call_id: format!("c{}", self.rng.below(4 * DEVICES)).as_str().into(),
                url: None,
            },
        };
        let (operation, timeout) = (self.operation(), self.timeout());
        self.with(node, |process| process.control(operation, target, timeout));
    }
}
