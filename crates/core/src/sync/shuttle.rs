//! What shuttle puts in place of the standard library.

pub use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
pub use shuttle::{thread, thread_local};
/// Who has the lock or has seen the count is alone with it: no step of the model.
pub use std::sync::atomic::AtomicU64 as Word;

pub mod slot {
    pub use crate::sync::{Mutex, MutexGuard};
}

/// There is no time in a model: a shorter wait is over at once, a longer one never.
pub const FOR_EVER: std::time::Duration = std::time::Duration::from_secs(3600);
