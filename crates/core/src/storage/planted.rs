//! Faults that a test plants in storage: each of them must be found by the simulator.
//!
//! They are chosen by `faults.panic`, as "storage:" and a name. Without the feature `faults`
//! nothing is ever planted, and asking costs nothing.

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageFault {
    /// The note of a discard, and of an end that was not published, is not synced.
    NotesUnsynced,
    /// Audio is told as published and is not synced.
    AudioUnsynced,
    /// Names are told as published and are not synced.
    NamesUnsynced,
    /// A recording is told as started and is not synced.
    StartUnsynced,
    /// What is in progress is not synced.
    ProgressUnsynced,
    /// An end is told twice.
    EndTwice,
    /// A finisher is not woken for its next work.
    WakeUpLost,
    /// What could not be written counts as written.
    FailureCounted,
    /// What was gathered and could not be written is not tried again.
    GatheredForgotten,
    /// What is discarded is published.
    DiscardPublished,
    /// A live manifest is removed before its end is told.
    SettledEarly,
    /// What may have been told before is told as new.
    RepeatedAsNew,
    /// That a recording has begun is not noted.
    StartNotNoted,
    /// What is left of a crash is found and not told.
    RecoveryUntold,
}

impl StorageFault {
    pub const ALL: [StorageFault; 14] = [
        StorageFault::NotesUnsynced,
        StorageFault::AudioUnsynced,
        StorageFault::NamesUnsynced,
        StorageFault::StartUnsynced,
        StorageFault::ProgressUnsynced,
        StorageFault::EndTwice,
        StorageFault::WakeUpLost,
        StorageFault::FailureCounted,
        StorageFault::GatheredForgotten,
        StorageFault::DiscardPublished,
        StorageFault::SettledEarly,
        StorageFault::RepeatedAsNew,
        StorageFault::StartNotNoted,
        StorageFault::RecoveryUntold,
    ];

    /// The value of `faults.panic` that plants it.
    pub fn key(self) -> String {
        format!("storage:{self:?}")
    }
}
