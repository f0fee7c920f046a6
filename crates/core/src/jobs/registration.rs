//! What the one who registered an action holds.

use std::sync::Arc;
use std::time::Instant;

use super::registry::ActionRegistry;
use super::runner_handle::RunnerHandle;
use crate::clock::Clock;

/// A registered action. It stays registered if this is dropped.
pub struct RegisteredAction {
    handle: Arc<RunnerHandle>,
    clock: Arc<dyn Clock>,
}

impl RegisteredAction {
    pub fn new(handle: Arc<RunnerHandle>, clock: Arc<dyn Clock>) -> RegisteredAction {
        RegisteredAction { handle, clock }
    }

    /// How many jobs are not performed yet. 0 while another action of the kind has its turn.
    pub fn pending(&self) -> u64 {
        self.handle.pending()
    }

    /// No attempt begins any more, and what is under way is dropped at `until`. Then another
    /// action of the kind has its turn. Waits for nothing.
    pub fn withdraw(&self, until: Instant) {
        self.handle.end(until);
    }

    /// Waits at most until this moment. Returns whether the action is not used any more.
    pub fn wait_until_stopped(&self, until: Instant) -> bool {
        self.handle.wait_until_stopped(until, &*self.clock)
    }

    /// For an action whose runner never began.
    pub fn cancel(&self, registry: &ActionRegistry) {
        registry.remove(&self.handle);
        self.handle.set_stopped();
    }
}
