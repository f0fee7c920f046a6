//! Faults that are planted in the library: the simulator finds each of them.

#![cfg(feature = "faults")]

use callrec_core::storage::planted::StorageFault;
use callrec_testkit::sim::play_planted;

const SEEDS: u64 = 2000;

/// The first seed that finds it.
fn found_at(planted: &str) -> Option<u64> {
    (0..SEEDS).find(|seed| !play_planted(*seed, planted).wrong.is_empty())
}

#[test]
fn every_fault_of_storage_is_found() {
    let faults = StorageFault::ALL.iter().map(|fault| fault.key());
    let missed: Vec<String> = faults.filter(|key| found_at(key).is_none()).collect();
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}

#[test]
fn a_leak_of_what_is_private_is_found() {
    assert!(found_at("timeline:PrivateStartsOpen").is_some());
}
