//! The engine's interface to the machine that it runs on.

use std::sync::Arc;

use uuid::Uuid;

use super::disk::Disk;
use super::os::system_disk;
use crate::clock::{Clock, SystemClock};

/// A clock, a disk and a source of ids. [`Platform::system`] is used in production; a simulator
/// provides its own.
#[derive(Clone)]
pub struct Platform {
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
    /// Returns unique ids.
    pub ids: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Platform {
    /// The clocks and the disks of this system.
    pub fn system() -> Platform {
        Platform::with_disk(system_disk())
    }

    /// The clocks of this system, and a disk.
    pub fn with_disk(disk: impl Disk + 'static) -> Platform {
        Platform {
            clock: Arc::new(SystemClock),
            disk: Arc::new(disk),
            ids: Arc::new(Uuid::new_v4),
        }
    }
}
