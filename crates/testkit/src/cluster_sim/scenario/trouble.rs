//! What goes wrong in a simulation.

use std::sync::Arc;

use super::super::judge::GROUPS;
use super::super::model_recorder::ModelStorage;
use super::super::node_process::NodeProcess;
use super::super::sim_time::elapsed_ms;
use super::{ClusterScenario, LaterAction, NODES};

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterTrouble {
    OutwardPartition,
    InwardPartition,
    FullPartition,
    ConnectionsLost,
    MessagesLost,
    NodeFrozen,
    NodeKilled,
    NodeClosed,
    /// Another process has the same name.
    NameTaken,
    RedisFrozen,
    RedisWiped,
    RedisFailedOver,
    ClockJump,
    ConsumerKilled,
}

pub const TROUBLES: [ClusterTrouble; 14] = [
    ClusterTrouble::OutwardPartition,
    ClusterTrouble::InwardPartition,
    ClusterTrouble::FullPartition,
    ClusterTrouble::ConnectionsLost,
    ClusterTrouble::MessagesLost,
    ClusterTrouble::NodeFrozen,
    ClusterTrouble::NodeKilled,
    ClusterTrouble::NodeClosed,
    ClusterTrouble::NameTaken,
    ClusterTrouble::RedisFrozen,
    ClusterTrouble::RedisWiped,
    ClusterTrouble::RedisFailedOver,
    ClusterTrouble::ClockJump,
    ClusterTrouble::ConsumerKilled,
];

impl ClusterScenario {
    pub(super) fn disturb(&mut self) {
        if self.troubles.is_empty() {
            return;
        }
        let trouble = self.rng.pick(&self.troubles.clone());
        let (node, duration_ms) = (self.rng.index(NODES), self.rng.between(20, 6000));
        let name = self.nodes[node].network.name.clone();
        self.judge
            .note(format!("trouble: {trouble:?}, {name}, {duration_ms} ms"));
        let network = self.nodes[node].network.clone();
        match trouble {
            ClusterTrouble::OutwardPartition => network.outward.set_open(false),
            ClusterTrouble::InwardPartition => network.inward.set_open(false),
            ClusterTrouble::FullPartition => {
                network.outward.set_open(false);
                network.inward.set_open(false);
            }
            ClusterTrouble::ConnectionsLost => self.server.reset_host(&name),
            ClusterTrouble::MessagesLost => self.server.mute_host(&name),
            ClusterTrouble::NodeFrozen => {
                self.with(node, |process| process.gate.set_frozen(true));
                return self.schedule(duration_ms, LaterAction::Thaw(node));
            }
            ClusterTrouble::NodeKilled => {
                self.kill(node);
                let is_same = self.rng.chance(75);
                return self.schedule(duration_ms, LaterAction::Return(node, is_same));
            }
            ClusterTrouble::NodeClosed => {
                self.with(node, NodeProcess::begin_close);
                self.schedule(1000, LaterAction::Kill(node));
                return self.schedule(1000 + duration_ms, LaterAction::Return(node, true));
            }
            ClusterTrouble::NameTaken => return self.begin_rival(node, duration_ms),
            ClusterTrouble::RedisFrozen => {
                self.server.running.set_open(false);
                let (from_ms, length_ms) = (elapsed_ms(), duration_ms / 2);
                self.judge.note_standstill(from_ms, from_ms + length_ms);
                return self.schedule(length_ms, LaterAction::ThawRedis);
            }
            ClusterTrouble::RedisWiped => {
                self.server.wipe();
                return self.schedule(duration_ms / 3, LaterAction::StartRedis);
            }
            ClusterTrouble::RedisFailedOver => {
                self.server.fail_over();
                return self.schedule(duration_ms / 3, LaterAction::StartRedis);
            }
            ClusterTrouble::ClockJump => {
                let ms = self.rng.between(0, 400) as i64 - 200;
                self.judge.note_clock_jump(ms);
                return self.server.jump_clock(ms);
            }
            ClusterTrouble::ConsumerKilled => {
                let group = self.rng.index(GROUPS.len());
                return self.start_consumer(group);
            }
        }
        self.schedule(duration_ms, LaterAction::Heal(node));
    }

    /// A second process with the name of a node, in another directory.
    fn begin_rival(&mut self, node: usize, duration_ms: u64) {
        self.counter += 1;
        let (node, storage) = (&self.nodes[node], Arc::new(ModelStorage::default()));
        let instance = format!("directory {}", self.counter);
        let rival = NodeProcess::start(&node.around, &node.network, &storage, &instance);
        self.abandoned.push(storage);
        self.schedule(duration_ms, LaterAction::KillRival(rival));
    }
}
