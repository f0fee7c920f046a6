//! What the engine is given of the machine that it runs on.

use std::sync::Arc;

use uuid::Uuid;

use super::disk::Disk;
use super::os::SystemDisk;
use crate::clock::{Clock, SystemClock};

/// A clock, a disk, and new ids. [`Platform::system`] is in production; a simulator brings its own.
#[derive(Clone)]
pub struct Platform {
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
    /// Ids that nobody else has.
    pub ids: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Platform {
    /// The clocks and the disks of this system.
    pub fn system() -> Platform {
        Platform {
            clock: Arc::new(SystemClock),
            disk: Arc::new(SystemDisk),
            ids: Arc::new(Uuid::new_v4),
        }
    }
}
