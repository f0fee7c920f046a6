//! `.callrec/outbox`, where 0.1.0 kept the callbacks that nobody had answered yet.
//!
//! Its files become jobs by a rename each, so that each is there once at every moment in
//! which the process may die.

use super::directory::Directory;
use super::disk::{DirEntry, DiskDir};
use super::faults::Step;
use super::files::removed;
use crate::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::Arc;

const OUTBOX: &str = "outbox";

/// Whether this entry of `.callrec` is the folder of 0.1.0.
pub fn is_outbox(entry: &DirEntry) -> bool {
    entry.name == OUTBOX && entry.is_directory
}

/// The folder that 0.1.0 has left, if it has.
pub struct OldOutbox {
    directory: Arc<Directory>,
    is_there: AtomicBool,
}

impl OldOutbox {
    pub fn new(directory: Arc<Directory>, is_there: bool) -> OldOutbox {
        OldOutbox {
            directory,
            is_there: AtomicBool::new(is_there),
        }
    }

    /// Whether something may be left to be taken over.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// Moves the files in it to `jobs`, and removes it. Others may do the same meanwhile.
    pub async fn take_over(&self, jobs: &dyn DiskDir) -> io::Result<()> {
        if let Some(outbox) = self.directory.found_control_folder(OUTBOX).await? {
            self.directory.turn().await?;
            let entries = outbox.list()?;
            for entry in entries.iter().filter(|entry| !entry.is_directory) {
                self.take_over_file(&*outbox, &entry.name, jobs).await?;
            }
            self.directory.sync_names(jobs).await?;
            self.directory.sync_names(&*outbox).await?;
            self.directory.step(Step::TakeOver).await?;
            // What is none of ours may keep it there; it is of no more use.
            let _ = self.directory.control().remove_folder(OUTBOX);
        }
        self.is_there.store(false, Ordering::Release);
        Ok(())
    }

    async fn take_over_file(&self, outbox: &dyn DiskDir, name: &str, jobs: &dyn DiskDir) -> io::Result<()> {
        self.directory.step(Step::TakeOver).await?;
        if self.is_needless(name, jobs).await? {
            self.directory.turn().await?;
            return removed(outbox.remove(name));
        }
        self.directory.turn().await?;
        // Nothing has the new name, and whoever else takes it over has found that as well. What
        // is not there any more was taken over by them.
        removed(outbox.rename_over(name, jobs, name))
    }

    /// Whether it says nothing that is not known.
    async fn is_needless(&self, name: &str, jobs: &dyn DiskDir) -> io::Result<bool> {
        if name.ends_with(".tmp") {
            // Half-written: its live manifest leads to it again.
            return Ok(true);
        }
        // Queued by this version, and perhaps performed, before 0.1.0 queued it once more.
        let stem = name.strip_suffix(".json").unwrap_or(name);
        for known in [name, &format!("{stem}.done")] {
            self.directory.turn().await?;
            if jobs.exists(known)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
