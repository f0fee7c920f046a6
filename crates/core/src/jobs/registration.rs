//! The handle on a registered action.

use std::sync::Arc;
use std::time::Instant;

use super::registry::ActionRegistry;
use super::runner_handle::{RunnerHandle, RunnerStatus};
use crate::clock::Clock;

/// A registered action. Dropping this value does not withdraw the action.
pub struct RegisteredAction {
    handle: Arc<RunnerHandle>,
    clock: Arc<dyn Clock>,
}

impl RegisteredAction {
    pub fn new(handle: Arc<RunnerHandle>, clock: Arc<dyn Clock>) -> RegisteredAction {
        RegisteredAction { handle, clock }
    }

    /// The number of pending jobs. 0 while another action of the same kind is active.
    pub fn pending(&self) -> u64 {
        self.handle.pending()
    }

    /// How long the oldest pending job has been queued, by the wall clock. `None` if there is none.
    pub fn oldest_age_ms(&self) -> Option<u64> {
        let queued_at_ms = self.handle.oldest_ms()?;
        let age = self.clock.unix_ms().saturating_sub(queued_at_ms);
        Some(u64::try_from(age).unwrap_or_default())
    }

    /// Reads the number of pending jobs later, without keeping this value.
    pub fn pending_counter(&self) -> impl Fn() -> u64 + Send + 'static {
        let handle = self.handle.clone();
        move || handle.pending()
    }

    /// Stops the action: no new attempt begins, and running attempts are dropped at `until`. Then
    /// the next action of the kind takes over. Never waits.
    pub fn withdraw(&self, until: Instant) {
        self.handle.stop(until);
    }

    pub fn has_stopped(&self) -> bool {
        self.handle.status() == RunnerStatus::Stopped
    }

    /// Waits until the action has stopped, at most until `until`. Returns whether it has stopped.
    pub fn wait_until_stopped(&self, until: Instant) -> bool {
        self.handle.wait_until_stopped(until, &*self.clock)
    }

    /// Removes an action whose runner never started.
    pub fn cancel(&self, registry: &ActionRegistry) {
        registry.remove(&self.handle);
        self.handle.set_stopped();
    }
}
