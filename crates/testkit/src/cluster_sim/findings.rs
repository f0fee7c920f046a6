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

const LONG_LEASE_MS: u64 = 60_000;

fn start(
    network: &Arc<HostNetwork>,
    server: &Arc<SimRedis>,
    judge: &Arc<Judge>,
    lease_ms: u64,
) -> NodeProcess {
    let around = NodeSurroundings {
        server: server.clone(),
        judge: judge.clone(),
        settings: settings(&network.name, lease_ms, 0),
    };
    NodeProcess::start(&around, network, &Arc::default(), &network.name)
}

fn simulate(
    lease_ms: u64,
    work: impl AsyncFnOnce([Arc<HostNetwork>; 2], [NodeProcess; 2], &Judge, &SimRedis),
) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(async {
        sim_time::begin();
        let judge = Arc::new(Judge::new(lease_ms));
        let server = SimRedis::new(&judge, None);
        let networks = ["n1", "n2"].map(|name| HostNetwork::new(name, SeededRng::new(1)));
        let nodes = networks
            .each_ref()
            .map(|network| start(network, &server, &judge, lease_ms));
        work(networks, nodes, &judge, &server).await;
        let (wrong, trace) = judge.take();
        assert!(wrong.is_empty(), "{trace:#?}");
    });
}

async fn pass(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}

/// A node paused its writing for ten times as long as Redis had stood still.
#[test]
fn changes_are_written_soon_after_redis_stood_still() {
    simulate(LONG_LEASE_MS, async |_, [owner, other], _, server| {
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
    });
}

/// No event named a dead node if the connection of the node that had found it was lost then.
#[test]
fn a_death_is_reported_although_the_response_is_lost() {
    // One of these times is that of the beat that finds the death.
    for cut_ms in (1000..3500).step_by(50) {
        simulate(3000, async |[network, _], [_finder, dead], judge, server| {
            pass(1000).await;
            dead.kill();
            pass(cut_ms).await;
            network.inward.set_open(false);
            pass(200).await;
            server.reset_host(&network.name);
            network.heal();
            pass(6000).await;
            judge.check_lost_events();
            assert!(judge.has_found_death());
        });
    }
}
