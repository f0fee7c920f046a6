//! Waits for the disk before each call that may block, and passes the fault points of tests.
//!
//! Each call of [`super::disk`] that may block is preceded by its own `ready`. Other tasks can run,
//! and a simulated process can die, between any two calls. The simulated disk reports a call
//! without `ready` as an error.

use super::disk::Disk;
use super::faults::{FaultHook, FaultPoint};
use crate::task;
use std::io;
use std::sync::Arc;

/// Access to the disk of one storage directory.
pub struct DiskAccess {
    pub disk: Arc<dyn Disk>,
    pub hook: FaultHook,
}

impl DiskAccess {
    /// Waits until the disk is ready for the next call. Valid for one call.
    pub async fn ready(&self) -> io::Result<()> {
        let ticket = self.disk.begin();
        task::until_ready(|| self.disk.poll(ticket)).await
    }

    /// Like `ready`. At this point a test may make the operation fail, stall or end the process.
    pub async fn reach(&self, point: FaultPoint) -> io::Result<()> {
        self.ready().await?;
        self.hook.check(point)
    }
}
