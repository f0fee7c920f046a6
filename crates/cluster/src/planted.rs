//! Bugs that a test plants in a node. The simulator must find each of them.
//!
//! Without the feature `simulation`, none is ever planted and the checks cost nothing.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterFault {
    /// A command whose grant was held up is carried out.
    LateGrantCarriedOut,
    /// After the lease was lost, only changes are written.
    RewriteForgotten,
    /// Recordings that have ended while the node was away stay in Redis.
    EndedKept,
    /// The connection for messages is never found broken.
    SilenceIgnored,
}

#[cfg(feature = "simulation")]
mod chosen {
    use std::cell::Cell;

    use super::ClusterFault;

    thread_local! {
        static HERE: Cell<Option<ClusterFault>> = const { Cell::new(None) };
    }

    /// Plants a bug in all nodes that this thread simulates from now on.
    pub fn plant(fault: Option<ClusterFault>) {
        HERE.set(fault);
    }

    /// Whether `fault` is planted in the nodes of this thread.
    pub fn is_planted(fault: ClusterFault) -> bool {
        HERE.get() == Some(fault)
    }

    impl ClusterFault {
        pub const ALL: [ClusterFault; 4] = [
            ClusterFault::LateGrantCarriedOut,
            ClusterFault::RewriteForgotten,
            ClusterFault::EndedKept,
            ClusterFault::SilenceIgnored,
        ];
    }
}

#[cfg(feature = "simulation")]
pub use chosen::{is_planted, plant};

/// Whether `fault` is planted.
#[cfg(not(feature = "simulation"))]
pub const fn is_planted(_: ClusterFault) -> bool {
    false
}
