//! Bugs that simulations have found, each with a simulation of its own.

use std::sync::Arc;
use std::time::Duration;

use callrec_core::calls::{CallInfo, ControlOperation};
use tokio::runtime::Builder;
use tokio::time::sleep;
use uuid::Uuid;

use super::host_network::HostNetwork;
use super::judge::Judge;
use super::node_process::{NodeProcess, NodeSurroundings};
use super::scenario::settings;
use super::sim_redis::SimRedis;
use super::sim_time;
use crate::random::SeededRng;

const LEASE_MS: u64 = 60_000;

fn start(server: &Arc<SimRedis>, judge: &Arc<Judge>, name: &str) -> NodeProcess {
    let around = NodeSurroundings {
        server: server.clone(),
        judge: judge.clone(),
        settings: settings(name, LEASE_MS, 0),
    };
    let network = HostNetwork::new(name, SeededRng::new(1));
    NodeProcess::start(&around, &network, &Arc::default(), name)
}

async fn pass(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}

/// A node paused its writing for ten times as long as Redis had stood still.
#[test]
fn changes_are_written_soon_after_redis_stood_still() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        sim_time::begin();
        let judge = Arc::new(Judge::new(LEASE_MS));
        let server = SimRedis::new(&judge, None);
        let (owner, other) = (start(&server, &judge, "n1"), start(&server, &judge, "n2"));
        pass(1000).await;
        server.running.set_open(false);
        owner.recorder.begin(Uuid::from_u128(1), CallInfo::default());
        pass(3000).await;
        server.running.set_open(true);
        pass(100).await;
        owner.recorder.begin(Uuid::from_u128(2), CallInfo::default());
        owner.control_by_id(ControlOperation::Stop, Uuid::from_u128(1), Duration::from_secs(1));
        pass(1000).await;
        other.check_list().await;
        let (wrong, trace) = judge.take();
        assert!(wrong.is_empty(), "{trace:#?}");
    });
}
