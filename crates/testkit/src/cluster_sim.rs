//! A simulator of a cluster: nodes, their networks and Redis on one thread, in simulated time, from
//! one seed.
//!
//! A failure is repeated by its seed: [`play`] does the same for the same seed.

mod consumer;
mod data_set;
#[cfg(test)]
mod findings;
mod function_library;
mod host_network;
mod judge;
mod library_fault;
mod model_recorder;
mod node_process;
mod reply;
mod scenario;
mod sim_connector;
mod sim_redis;
mod sim_time;
mod stream;
mod task_gate;
mod tenures;
mod wire;

pub use library_fault::LibraryFault;

use callrec_cluster::simulation::{ClusterFault, plant};
use tokio::runtime::Builder;

use scenario::ClusterScenario;

/// The result of a simulation of a cluster.
#[derive(Debug, Default)]
pub struct ClusterOutcome {
    /// The failures; empty if there are none.
    pub wrong: Vec<String>,
    /// What happened, one event a line, each with its time in milliseconds.
    pub trace: Vec<String>,
    pub recordings: usize,
}

/// A fault that a test plants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedClusterFault {
    /// In the functions inside Redis.
    Library(LibraryFault),
    /// In a node.
    Node(ClusterFault),
}

impl PlantedClusterFault {
    pub fn all() -> impl Iterator<Item = PlantedClusterFault> {
        let library = LibraryFault::ALL.into_iter().map(PlantedClusterFault::Library);
        library.chain(ClusterFault::ALL.into_iter().map(PlantedClusterFault::Node))
    }

    /// The fault with this name, for example `EpochUnchecked`.
    pub fn named(name: &str) -> Option<PlantedClusterFault> {
        PlantedClusterFault::all().find(|fault| fault.name() == name)
    }

    pub fn name(self) -> String {
        match self {
            PlantedClusterFault::Library(fault) => format!("{fault:?}"),
            PlantedClusterFault::Node(fault) => format!("{fault:?}"),
        }
    }
}

/// Plays the simulation of one seed.
pub fn play(seed: u64) -> ClusterOutcome {
    play_planted(seed, None)
}

/// The same with a planted fault.
pub fn play_planted(seed: u64, planted: Option<PlantedClusterFault>) -> ClusterOutcome {
    let (library, node) = match planted {
        Some(PlantedClusterFault::Library(fault)) => (Some(fault), None),
        Some(PlantedClusterFault::Node(fault)) => (None, Some(fault)),
        None => (None, None),
    };
    plant(node);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let outcome = runtime.block_on(async {
        sim_time::begin();
        ClusterScenario::new(seed, library).run().await
    });
    plant(None);
    outcome
}
