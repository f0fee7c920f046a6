//! Whether `storage.directory` still names the directory that the store holds.
//!
//! The store reaches everything through the directory that it has opened. Where that is moved
//! away, removed, or covered by a mount, what is recorded still goes there, and is not lost.
//! But the path that an event would tell leads elsewhere. So nothing is published and nothing
//! is begun until the path names the directory again.

use super::directory::Directory;
use super::report::{LOG_ERROR, LOG_INFO, Report};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::types::{Error, Result, Status};
use std::sync::Arc;

/// The path of the storage directory, and what it was last seen to name.
pub struct RootPath {
    directory: Arc<Directory>,
    report: Arc<dyn Report>,
    leads_elsewhere: AtomicBool,
}

impl RootPath {
    pub fn new(directory: Arc<Directory>, report: Arc<dyn Report>) -> RootPath {
        RootPath {
            directory,
            report,
            leads_elsewhere: AtomicBool::new(false),
        }
    }

    /// Looks what the path names. Where nobody can tell, the last answer holds: a process may
    /// have given up the right to walk the path since it opened the directory.
    pub async fn check(&self) -> Result<()> {
        if let Ok(is_there) = self.directory.is_at_its_path().await {
            let was_elsewhere = self.leads_elsewhere.swap(!is_there, Ordering::SeqCst);
            if was_elsewhere == is_there {
                self.log_change(is_there);
            }
        }
        self.answer()
    }

    /// What the last look has shown. Asks no disk.
    pub fn answer(&self) -> Result<()> {
        match self.leads_elsewhere.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Error::new(
                Status::Io,
                "storage.directory does not name the open directory any more",
            )),
        }
    }

    fn log_change(&self, is_there: bool) {
        let path = self.directory.named();
        let (level, line) = match is_there {
            true => (LOG_INFO, format!("{path} names the open directory again")),
            false => (
                LOG_ERROR,
                format!(
                    "{path} does not name the open directory any more: what is recorded stays \
                     there, and no recording is begun or published"
                ),
            ),
        };
        self.report.log(level, line);
    }
}
