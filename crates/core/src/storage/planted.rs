//! Bugs that a test plants in storage. The simulator must find each of them.
//!
//! `faults.panic` selects one by "storage:" and its name. Without the feature `faults`, none is
//! ever planted and the check costs nothing.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageFault {
    /// The record of a discard, or of an end that was not published, is not synced.
    NotesUnsynced,
    /// Audio is reported as published without a sync.
    AudioUnsynced,
    /// Names are reported as published without a sync.
    NamesUnsynced,
    /// A recording is reported as started without a sync.
    StartUnsynced,
    /// A recording in progress is not synced.
    ProgressUnsynced,
    /// An end is reported twice.
    EndTwice,
    /// A finisher is not woken for its next work.
    WakeUpLost,
    /// A failed write counts as written.
    FailureCounted,
    /// A failed write of gathered audio is not retried.
    GatheredForgotten,
    /// A discarded recording is published.
    DiscardPublished,
    /// A live manifest is removed before the end is reported.
    SettledEarly,
    /// An end that may have been reported is reported without `repeated`.
    RepeatedAsNew,
    /// The manifest does not record that the audio file exists.
    StartNotNoted,
    /// A recovered recording is not reported.
    RecoveryUnreported,
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
        StorageFault::RecoveryUnreported,
    ];

    /// The value of `faults.panic` that plants this bug.
    pub fn key(self) -> String {
        format!("storage:{self:?}")
    }
}
