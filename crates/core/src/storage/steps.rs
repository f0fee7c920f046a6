//! Before each call that may block: leaves the function that makes it until the disk is ready
//! for it, and lets a test have it fail.

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
    /// A test may let this step fail, stall or end the process.
    pub async fn step(&self, step: Step) -> io::Result<()> {
        let ticket = self.disk.begin();
        task::until(|| self.disk.poll(ticket)).await?;
        self.hook.at(step)
    }
}
