//! The simulator finds each fault that is planted in the library.

#![cfg(feature = "faults")]

use callrec_core::storage::planted::StorageFault;
use callrec_testkit::sim::play_planted;

const SEEDS: u64 = 2000;

/// Whether a seed finds the fault. `known` is a seed that has found it before; all others are tried
/// after it.
fn is_found(planted: &str, known: u64) -> bool {
    let finds = |seed: u64| !play_planted(seed, planted).wrong.is_empty();
    finds(known) || (0..SEEDS).any(finds)
}

/// A seed below [`SEEDS`] that has found the fault.
fn known(fault: StorageFault) -> u64 {
    match fault {
        StorageFault::NotesUnsynced => 22,
        StorageFault::AudioUnsynced => 18,
        StorageFault::NamesUnsynced | StorageFault::StartUnsynced => 7,
        StorageFault::ProgressUnsynced => 68,
        StorageFault::FailureCounted => 243,
        StorageFault::GatheredForgotten => 795,
        StorageFault::SettledEarly => 2,
        StorageFault::RepeatedAsNew => 4,
        StorageFault::StartNotNoted => 8,
        StorageFault::WakeUpLost => 1,
        StorageFault::EndTwice | StorageFault::DiscardPublished | StorageFault::RecoveryUnreported => 0,
    }
}

#[test]
fn every_fault_of_storage_is_found() {
    let mut missed = Vec::new();
    for fault in StorageFault::ALL {
        if !is_found(&fault.key(), known(fault)) {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}

/// Faults of the timeline; `tests/timeline` finds all of them.
#[test]
fn faults_of_the_timeline_are_found() {
    let faults = [
        ("PausedAudioRecorded", 0),
        ("PrivateStartRecorded", 0),
        ("DropNotCounted", 1),
        ("BacklogAtArrival", 40),
        ("PatchSkipped", 0),
        ("DuplicatePlaced", 165),
        ("PauseDelayed", 1120),
        ("LookbackIntoPause", 361),
        ("LookbackBeginsLate", 1),
    ];
    let is_missed = |(name, known): &(&str, u64)| !is_found(&format!("timeline:{name}"), *known);
    let missed: Vec<_> = faults.into_iter().filter(is_missed).collect();
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
