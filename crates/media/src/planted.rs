//! Faults that tests plant in the timeline. The tests must find each of them.
//!
//! Without the feature `faults`, no fault is ever planted and the checks cost nothing.

/// A fault, by the decision that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineFault {
    /// A recording includes audio that was handed in while it was paused.
    PausedAudioRecorded,
    /// Hidden delay is ignored: audio counts as spoken at its position.
    HiddenDelayIgnored,
    /// A sequence that restarts after a pause is trusted at once.
    RestartTrusted,
    /// Two very old packets confirm each other.
    OldPacketsConfirmed,
    /// Audio dropped as `pause_unclear` is not counted.
    DropNotCounted,
    /// A duplicate is placed again.
    DuplicatePlaced,
    /// Missing packets are counted twice.
    MissingCountedTwice,
    /// A late packet stays counted as lost.
    LateCountedAsLost,
    /// The sequence number of a packet without audio counts as the newest audio packet's.
    EventReordersAudio,
    /// The backlog of a stall is placed at its arrival.
    BacklogAtArrival,
    /// Audio that arrives for a range that is already written is left out of the file.
    PatchSkipped,
    /// A leg that is ahead of the clock delays a pause.
    PauseDelayed,
    /// A recording that starts in a private call is not paused.
    PrivateStartRecorded,
    /// Clock drift of a sender is not followed.
    DriftIgnored,
    /// A timestamp that contradicts the sequence numbers is trusted.
    WrongTimestampTrusted,
    /// A recording that begins earlier includes the last packet of a pause.
    LookbackIntoPause,
    /// A recording that begins earlier begins a packet later than its caller was told.
    LookbackBeginsLate,
}

/// The fault planted in a call, if any.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlantedFault(#[cfg(feature = "faults")] Option<TimelineFault>);

/// Whether `fault` is planted in the call that this thread visits.
#[inline]
pub fn is_planted(fault: TimelineFault) -> bool {
    current().has(fault)
}

#[cfg(not(feature = "faults"))]
mod none {
    use super::{PlantedFault, TimelineFault};

    /// The stride of a recording that is behind, if a test has set it.
    #[inline]
    pub(crate) const fn stride_ns() -> Option<u64> {
        None
    }

    impl PlantedFault {
        #[inline]
        pub const fn has(self, _: TimelineFault) -> bool {
            false
        }
    }

    /// The fault planted in the call that this thread visits.
    #[inline]
    pub const fn current() -> PlantedFault {
        PlantedFault()
    }
}

#[cfg(not(feature = "faults"))]
pub use none::current;
#[cfg(not(feature = "faults"))]
pub(crate) use none::stride_ns;

#[cfg(feature = "faults")]
mod chosen {
    use std::cell::Cell;

    use super::{PlantedFault, TimelineFault};

    thread_local! {
        static HERE: Cell<Option<TimelineFault>> = const { Cell::new(None) };
        static STRIDE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Sets the stride of recordings that are behind, for calls that this thread visits from now on. `None`: the
    /// real one. No fault: the files are the same.
    pub fn set_stride_ns(stride_ns: Option<u64>) {
        STRIDE.set(stride_ns);
    }

    /// The stride of a recording that is behind, if a test has set it.
    pub fn stride_ns() -> Option<u64> {
        STRIDE.get()
    }

    /// Plants a fault in all calls that this thread simulates or visits from now on.
    pub fn plant(fault: Option<TimelineFault>) {
        HERE.set(fault);
    }

    /// The fault planted in the call that this thread visits.
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

        /// The faults of recordings that begin earlier than they are started. Only the simulator
        /// has such recordings.
        pub const OF_LOOKBACK: [TimelineFault; 2] = [
            TimelineFault::LookbackIntoPause,
            TimelineFault::LookbackBeginsLate,
        ];

        /// Finds a fault by the name of its variant, as in `faults.panic` "timeline:NAME".
        pub fn named(name: &str) -> Option<TimelineFault> {
            let all = TimelineFault::ALL.into_iter();
            all.chain(TimelineFault::OF_LOOKBACK)
                .find(|fault| format!("{fault:?}") == name)
        }
    }
}

#[cfg(feature = "faults")]
pub use chosen::current;
#[cfg(feature = "faults")]
pub use chosen::{plant, set_stride_ns, stride_ns};
