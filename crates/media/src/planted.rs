//! Faults that a test plants in the timeline: each of them must be found by the tests.
//!
//! Without the feature `faults` nothing is ever planted, and asking costs nothing.

/// What goes wrong, and where the worker decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineFault {
    /// A recording hears what was handed in while it was paused.
    PausedAudioRecorded,
    /// Audio that may have been said before its place is taken for said at its place.
    HiddenDelayIgnored,
    /// A sequence that begins anew after a pause is trusted at once.
    RestartTrusted,
    /// Two old packets confirm each other.
    OldPacketsConfirmed,
    /// What is dropped for `pause_unclear` is not counted.
    DropNotCounted,
    /// A duplicate is placed again.
    DuplicatePlaced,
    /// What never came is counted twice.
    MissingCountedTwice,
    /// A packet that comes late stays counted as lost.
    LateCountedAsLost,
    /// The number of a packet without audio counts as the newest audio's.
    EventReordersAudio,
    /// The backlog of a stall is placed where it comes, and not where it was said.
    BacklogAtArrival,
    /// Audio that comes for what is written already does not get into the file.
    PatchSkipped,
    /// A leg that is ahead puts a pause off.
    PauseDelayed,
    /// A recording that starts in a private call is not paused.
    PrivateStartRecorded,
    /// A sender's clock that is fast or slow is not followed.
    DriftIgnored,
    /// A timestamp that contradicts the numbers is believed.
    WrongTimestampTrusted,
}

/// What is planted in a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlantedFault(#[cfg(feature = "faults")] Option<TimelineFault>);

/// Whether it is planted in the call that this thread visits.
#[inline]
pub fn is_planted(fault: TimelineFault) -> bool {
    current().has(fault)
}

#[cfg(not(feature = "faults"))]
mod none {
    use super::{PlantedFault, TimelineFault};

    impl PlantedFault {
        #[inline]
        pub const fn has(self, _: TimelineFault) -> bool {
            false
        }
    }

    /// What is planted in the call that this thread visits.
    #[inline]
    pub const fn current() -> PlantedFault {
        PlantedFault()
    }
}

#[cfg(not(feature = "faults"))]
pub use none::current;

#[cfg(feature = "faults")]
mod chosen {
    use std::cell::Cell;

    use super::{PlantedFault, TimelineFault};

    thread_local! {
        static HERE: Cell<Option<TimelineFault>> = const { Cell::new(None) };
    }

    /// For the calls that this thread simulates from now on, and for its visits.
    pub fn plant(fault: Option<TimelineFault>) {
        HERE.set(fault);
    }

    /// What is planted in the call that this thread visits.
    pub fn current() -> PlantedFault {
        PlantedFault(HERE.get())
    }

    impl PlantedFault {
        pub fn has(self, fault: TimelineFault) -> bool {
            self.0 == Some(fault)
        }

        pub fn fault(self) -> Option<TimelineFault> {
            self.0
        }
    }

    impl TimelineFault {
        pub const ALL: [TimelineFault; 15] = [
            TimelineFault::PausedAudioRecorded,
            TimelineFault::HiddenDelayIgnored,
            TimelineFault::RestartTrusted,
            TimelineFault::OldPacketsConfirmed,
            TimelineFault::DropNotCounted,
            TimelineFault::DuplicatePlaced,
            TimelineFault::MissingCountedTwice,
            TimelineFault::LateCountedAsLost,
            TimelineFault::EventReordersAudio,
            TimelineFault::BacklogAtArrival,
            TimelineFault::PatchSkipped,
            TimelineFault::PauseDelayed,
            TimelineFault::PrivateStartRecorded,
            TimelineFault::DriftIgnored,
            TimelineFault::WrongTimestampTrusted,
        ];

        /// By the name of its variant: `faults.panic` has it as "timeline:NAME".
        pub fn named(name: &str) -> Option<TimelineFault> {
            TimelineFault::ALL
                .into_iter()
                .find(|fault| format!("{fault:?}") == name)
        }
    }
}

#[cfg(feature = "faults")]
pub use chosen::current;
#[cfg(feature = "faults")]
pub use chosen::plant;
