//! System calls that the standard library does not make.

use std::io;
use std::path::Path;

/// The calls. The C ABI provides them, because only it calls the system directly.
#[derive(Clone, Copy, Debug)]
pub struct WindowsCalls {
    /// The bytes that the user may still write to the disk of a directory.
    pub free_bytes: fn(&Path) -> io::Result<u64>,
    /// Renames a file, and returns when the disk has the new name. Fails with `AlreadyExists` if
    /// the new name exists.
    pub rename_exclusive: fn(&Path, &Path) -> io::Result<()>,
}

/// Without the calls, recordings start on any disk, and are published by hard links.
impl Default for WindowsCalls {
    fn default() -> WindowsCalls {
        WindowsCalls {
            free_bytes: |_| Ok(u64::MAX),
            rename_exclusive: |_, _| Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
