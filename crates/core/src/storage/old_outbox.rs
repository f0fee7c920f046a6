//! Converts `.callrec/outbox`, where 0.1.0 stored pending callbacks.
//!
//! Each file becomes a job by one rename, so that it exists exactly once at every point where the
//! process may die.

use super::directory::StorageDirectory;
use super::disk::{DirEntry, DiskDir};
use super::faults::FaultPoint;
use super::files::ignore_not_found;
use crate::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::Arc;

const OUTBOX: &str = "outbox";

/// Whether this entry of `.callrec` is the outbox of 0.1.0.
pub fn is_outbox(entry: &DirEntry) -> bool {
    entry.name == OUTBOX && entry.is_directory
}

/// The outbox of 0.1.0, if it exists.
pub struct OldOutbox {
    directory: Arc<StorageDirectory>,
    exists: AtomicBool,
}

impl OldOutbox {
    pub fn new(directory: Arc<StorageDirectory>, exists: bool) -> OldOutbox {
        OldOutbox {
            directory,
            exists: AtomicBool::new(exists),
        }
    }

    /// Whether there may be files to convert.
    pub fn exists(&self) -> bool {
        self.exists.load(Ordering::Acquire)
    }

    /// Moves its files to `jobs`, and removes it. Other threads may do the same at the same time.
    pub async fn migrate(&self, jobs: &dyn DiskDir) -> io::Result<()> {
        if let Some(outbox) = self.directory.found_control_folder(OUTBOX).await? {
            self.directory.ready().await?;
            let entries = outbox.list()?;
            for entry in entries.iter().filter(|entry| !entry.is_directory) {
                self.migrate_file(&*outbox, &entry.name, jobs).await?;
            }
            self.directory.sync_names(jobs).await?;
            self.directory.sync_names(&*outbox).await?;
            self.directory.reach(FaultPoint::MigrateOutbox).await?;
            // Foreign files may keep the directory in place; it has no further use.
            let _ = self.directory.control().remove_dir(OUTBOX);
        }
        self.exists.store(false, Ordering::Release);
        Ok(())
    }

    async fn migrate_file(&self, outbox: &dyn DiskDir, name: &str, jobs: &dyn DiskDir) -> io::Result<()> {
        self.directory.reach(FaultPoint::MigrateOutbox).await?;
        if self.is_redundant(name, jobs).await? {
            self.directory.ready().await?;
            return ignore_not_found(outbox.remove(name));
        }
        self.directory.ready().await?;
        // The new name is free, and other threads have found the same. A missing file was moved by
        // one of them.
        ignore_not_found(outbox.rename_over(name, jobs, name))
    }

    /// Whether the file has no new information.
    async fn is_redundant(&self, name: &str, jobs: &dyn DiskDir) -> io::Result<bool> {
        if name.ends_with(".tmp") {
            // Incomplete: its live manifest will queue it again.
            return Ok(true);
        }
        // This version queued it, and perhaps performed it, before 0.1.0 queued it once more.
        let stem = name.strip_suffix(".json").unwrap_or(name);
        for known in [name, &format!("{stem}.done")] {
            self.directory.ready().await?;
            if jobs.exists(known)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
