//! Checks that `storage.directory` still names the directory that the store has locked.
//!
//! The store accesses all files through the directory that it has opened. If that directory is
//! moved, removed, or covered by a mount, recordings are still written to it and are not lost. But
//! the path in an event would be wrong. So no recording is begun or published until the path names
//! the directory again.

use super::directory::StorageDirectory;
use super::listener::{LOG_ERROR, LOG_INFO, StorageListener};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::types::{Error, Result, Status};
use std::sync::Arc;

/// The path of the storage directory, and the result of the last check.
pub struct RootPath {
    directory: Arc<StorageDirectory>,
    listener: Arc<dyn StorageListener>,
    is_elsewhere: AtomicBool,
}

impl RootPath {
    pub fn new(directory: Arc<StorageDirectory>, listener: Arc<dyn StorageListener>) -> RootPath {
        RootPath {
            directory,
            listener,
            is_elsewhere: AtomicBool::new(false),
        }
    }

    /// Checks the path. If the check is impossible, the last result stays: the process may have
    /// given up its right to read the path since it opened the directory.
    pub async fn check(&self) -> Result<()> {
        if let Ok(is_there) = self.directory.is_at_its_path().await {
            let was_elsewhere = self.is_elsewhere.swap(!is_there, Ordering::SeqCst);
            if was_elsewhere == is_there {
                self.log_change(is_there);
            }
        }
        self.last_result()
    }

    /// The result of the last check. Does not access the disk.
    pub fn last_result(&self) -> Result<()> {
        match self.is_elsewhere.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Error::new(
                Status::Io,
                "storage.directory no longer names the open directory",
            )),
        }
    }

    fn log_change(&self, is_there: bool) {
        let path = self.directory.path_text();
        let (level, line) = match is_there {
            true => (LOG_INFO, format!("{path} names the open directory again")),
            false => (
                LOG_ERROR,
                format!(
                    "{path} no longer names the open directory: live recordings continue in the open \
                     directory, but none is started or published"
                ),
            ),
        };
        self.listener.log(level, line);
    }
}
