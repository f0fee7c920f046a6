//! Waking a thread before its tick.

use crate::sync::{Condvar, Mutex};
use std::time::Duration;

/// What one thread waits on.
#[derive(Default)]
pub struct Wake {
    nudged: Mutex<bool>,
    condition: Condvar,
}

impl Wake {
    /// Ends the current wait, or the next one.
    pub fn nudge(&self) {
        *self.nudged.lock() = true;
        self.condition.notify_one();
    }

    /// Waits until nudged, but no longer than a tick.
    pub fn wait(&self, tick: Duration) {
        let mut nudged = self.nudged.lock();
        if !*nudged {
            self.condition.wait_for(&mut nudged, tick);
        }
        *nudged = false;
    }
}
