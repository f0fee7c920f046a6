//! What the one who registered an action holds.

use std::sync::Arc;
use std::time::Instant;

use super::link::RunnerLink;
use super::registry::ActionRegistry;
use crate::clock::Clock;

/// A registered action. It stays registered if this is dropped.
pub struct RegisteredAction {
    link: Arc<RunnerLink>,
    clock: Arc<dyn Clock>,
}

impl RegisteredAction {
    pub fn new(link: Arc<RunnerLink>, clock: Arc<dyn Clock>) -> RegisteredAction {
        RegisteredAction { link, clock }
    }

    /// How many jobs are not performed yet. 0 while another action of the kind has its turn.
    pub fn waiting(&self) -> u64 {
        self.link.waiting()
    }

    /// No attempt begins any more, and what is under way is dropped at `until`. Then another
    /// action of the kind has its turn. Waits for nothing.
    pub fn withdraw(&self, until: Instant) {
        self.link.end(until);
    }

    /// Waits at most until this moment. Returns whether the action is not used any more.
    pub fn wait_over(&self, until: Instant) -> bool {
        self.link.wait_over(until, &*self.clock)
    }

    /// For an action whose runner never began.
    pub fn cancel(&self, registry: &ActionRegistry) {
        registry.remove(&self.link);
        self.link.note_over();
    }
}
