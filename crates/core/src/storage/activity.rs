//! Tracks whether a store has work, and how far its shutdown is.

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The pending work of a store, and the state of its shutdown.
#[derive(Default)]
pub struct Activity {
    work: AtomicUsize,
    recovering: AtomicBool,
    shutting_down: AtomicBool,
    given_up: AtomicBool,
}

impl Activity {
    pub fn work_begun(&self) {
        self.work.fetch_add(1, Ordering::SeqCst);
    }

    pub fn work_done(&self) {
        self.work.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn has_work(&self) -> bool {
        self.work.load(Ordering::SeqCst) != 0
    }

    pub fn set_recovering(&self, recovering: bool) {
        self.recovering.store(recovering, Ordering::SeqCst);
    }

    /// Whether no work is queued or in progress, including recovery.
    pub fn is_idle(&self) -> bool {
        !self.has_work() && !self.recovering.load(Ordering::SeqCst)
    }

    pub fn shut_down(&self) {
        self.shutting_down.store(true, Ordering::SeqCst);
    }

    pub fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::SeqCst)
    }

    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Whether long work is left to the next open. The shutdown does not wait for recovery.
    pub fn defers_long_work(&self, in_recovery: bool) -> bool {
        self.given_up.load(Ordering::SeqCst) || (in_recovery && self.is_shutting_down())
    }
}
