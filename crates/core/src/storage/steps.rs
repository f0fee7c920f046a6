//! Before each call that may block: leaves the function that makes it until the disk is ready
//! for it, and lets a test have it fail.
//!
//! Every call of [`super::disk`] that may block has a turn of its own, so that other parts go
//! on, and the process may die, between any two. The simulator's disk reports a call without.

use super::disk::Disk;
use super::faults::{Hook, Step};
use crate::task;
use std::io;
use std::sync::Arc;

/// The steps of everything that is done in one storage directory.
pub struct Steps {
    pub disk: Arc<dyn Disk>,
    pub hook: Hook,
}

impl Steps {
    /// Waits until the disk is ready for the one call that follows.
    pub async fn turn(&self) -> io::Result<()> {
        let ticket = self.disk.begin();
        task::until_ready(|| self.disk.poll(ticket)).await
    }

    /// The same. A test may let this step fail, stall or end the process.
    pub async fn step(&self, step: Step) -> io::Result<()> {
        self.turn().await?;
        self.hook.at(step)
    }
}
