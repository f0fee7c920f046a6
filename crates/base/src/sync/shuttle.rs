//! Shuttle's replacements for the standard library.

pub use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
pub use shuttle::{thread, thread_local};
/// A plain atomic, not a step of the model: a lock or a count gives one thread exclusive access.
pub use std::sync::atomic::AtomicU64 as Word;

pub mod slot {
    pub use crate::sync::{Mutex, MutexGuard};
}

/// A model has no clock: a shorter wait ends immediately, a longer wait never.
pub const FOREVER: std::time::Duration = std::time::Duration::from_secs(3600);
