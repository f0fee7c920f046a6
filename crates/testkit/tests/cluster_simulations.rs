//! The first simulations of a cluster. `cargo run -p callrec-testkit --release --features cluster --
//! --simulate cluster --seed N` plays one again, with its trace.
#![cfg(feature = "cluster")]

use callrec_testkit::cluster_sim::{PlantedClusterFault, play, play_planted};
use callrec_testkit::environment::number;

const SEEDS: u64 = 120;
/// The shares are played at the same time.
const SHARES: u64 = 2;
/// Each planted fault is found within as many seeds.
const PLANTED_SEEDS: u64 = 200;

/// A failing seed shows its trace.
fn share(of: u64) {
    for seed in (of..number("SIMULATION_SEEDS").unwrap_or(SEEDS)).step_by(SHARES as usize) {
        let outcome = play(seed);
        let (wrong, trace) = (outcome.wrong, outcome.trace.join("\n"));
        assert!(wrong.is_empty(), "{trace}\nseed {seed}: {wrong:#?}");
    }
}

#[test]
fn clusters_of_the_first_share_keep_their_promises() {
    share(0);
}

#[test]
fn clusters_of_the_second_share_keep_their_promises() {
    share(1);
}

#[test]
fn a_seed_has_the_same_trace_each_time() {
    let mut lines = 0;
    for seed in 0..10 {
        let (first, second) = (play(seed), play(seed));
        lines += first.trace.len();
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
    assert!(lines > 10 * 100, "a short trace: {lines} lines");
}

#[test]
fn every_planted_fault_is_found() {
    let finds = |fault| (0..PLANTED_SEEDS).any(|seed| !play_planted(seed, Some(fault)).wrong.is_empty());
    let missed: Vec<_> = PlantedClusterFault::all()
        .filter(|fault| !finds(*fault))
        .collect();
    assert!(
        missed.is_empty(),
        "not found within {PLANTED_SEEDS} seeds: {missed:?}"
    );
}
