//! What differs between operating systems, apart from the disk, and the calls of Windows that the
//! disk needs.

#[cfg(windows)]
mod windows;

use crate::storage::Platform;

/// The clocks and the disks of this system.
pub fn system() -> Platform {
    #[cfg(windows)]
    return Platform::with_disk(crate::storage::os::SystemDisk::new(windows::CALLS));
    #[cfg(not(windows))]
    Platform::system()
}

/// Keeps the module that contains this code loaded from now on: callrec's threads may outlive
/// their engine. On other systems, the shared library is linked so that it is never unloaded.
pub fn stay_loaded() {
    #[cfg(windows)]
    windows::pin_module();
}
