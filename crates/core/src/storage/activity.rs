//! Whether a store still works, and whether it is to end.

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What is queued or being done in a store, and how far its end has come.
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

    /// Whether nothing is queued or being done, recovery included.
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

    /// Whether what takes long is to be left to the next open. Recovery is waited for
    /// by nobody.
    pub fn is_late(&self, recovers: bool) -> bool {
        self.given_up.load(Ordering::SeqCst) || (recovers && self.is_shutting_down())
    }
}
