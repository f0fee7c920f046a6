//! Faults that a test plants in the timeline: each of them must be found by the tests.
//!
//! Without the feature `faults` nothing is ever planted, and asking costs nothing.

/// What goes wrong, and where the worker decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A recording hears what was handed in while it was paused.
    PauseHeard,
    /// Audio that may have been said before its place is taken for said at its place.
    EarlyIgnored,
    /// A sequence that begins anew after a pause is trusted at once.
    SuspectTrusted,
    /// Two old packets confirm each other.
    StragglersVouch,
    /// What is dropped for `pause_unclear` is not counted.
    DropUncounted,
    /// A duplicate is placed again.
    DuplicatePlaced,
    /// What never came is counted twice.
    MissingTwice,
    /// A packet that comes late stays counted as lost.
    LateStaysLost,
    /// The number of a packet without audio counts as the newest audio's.
    EventOrdersAudio,
    /// The backlog of a stall is placed where it comes, and not where it was said.
    BacklogAtArrival,
    /// Audio that comes for what is written already does not get into the file.
    PatchLeftOut,
    /// A leg that is ahead puts a pause off.
    PausePutOff,
    /// A recording that starts in a private call is not paused.
    PrivateStartsOpen,
    /// A sender's clock that is fast or slow is not followed.
    DriftIgnored,
    /// A timestamp that contradicts the numbers is believed.
    TimestampBelieved,
}

/// What is planted in a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Planted(#[cfg(feature = "faults")] Option<Fault>);

/// Whether it is planted in the call that this thread visits.
#[inline]
pub fn fault(fault: Fault) -> bool {
    here().has(fault)
}

#[cfg(not(feature = "faults"))]
mod none {
    use super::{Fault, Planted};

    impl Planted {
        #[inline]
        pub const fn has(self, _: Fault) -> bool {
            false
        }
    }

    /// What is planted in the call that this thread visits.
    #[inline]
    pub const fn here() -> Planted {
        Planted()
    }
}

#[cfg(not(feature = "faults"))]
pub use none::here;

#[cfg(feature = "faults")]
mod chosen {
    use std::cell::Cell;

    use super::{Fault, Planted};

    thread_local! {
        static HERE: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// For the calls that this thread simulates from now on, and for its visits.
    pub fn plant(fault: Option<Fault>) {
        HERE.set(fault);
    }

    /// What is planted in the call that this thread visits.
    pub fn here() -> Planted {
        Planted(HERE.get())
    }

    impl Planted {
        pub fn has(self, fault: Fault) -> bool {
            self.0 == Some(fault)
        }

        pub fn fault(self) -> Option<Fault> {
            self.0
        }
    }

    impl Fault {
        pub const ALL: [Fault; 15] = [
            Fault::PauseHeard,
            Fault::EarlyIgnored,
            Fault::SuspectTrusted,
            Fault::StragglersVouch,
            Fault::DropUncounted,
            Fault::DuplicatePlaced,
            Fault::MissingTwice,
            Fault::LateStaysLost,
            Fault::EventOrdersAudio,
            Fault::BacklogAtArrival,
            Fault::PatchLeftOut,
            Fault::PausePutOff,
            Fault::PrivateStartsOpen,
            Fault::DriftIgnored,
            Fault::TimestampBelieved,
        ];

        /// By the name of its variant: `faults.panic` has it as "timeline:NAME".
        pub fn named(name: &str) -> Option<Fault> {
            Fault::ALL.into_iter().find(|fault| format!("{fault:?}") == name)
        }
    }
}

#[cfg(feature = "faults")]
pub use chosen::here;
#[cfg(feature = "faults")]
pub use chosen::plant;
