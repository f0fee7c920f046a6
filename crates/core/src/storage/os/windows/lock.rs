//! Locks of directories.

use super::options;
use crate::storage::disk::DiskLock;
use crate::sync::StaticMutex;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The directories that engines of this process have locked.
static HELD: StaticMutex<Vec<PathBuf>> = StaticMutex::new(Vec::new());

#[derive(Debug)]
pub struct WindowsDirLock {
    key: PathBuf,
    file: Option<File>,
}

impl WindowsDirLock {
    pub fn take(dir: &Path, control: &Path, name: &str) -> io::Result<Option<WindowsDirLock>> {
        let key = dir.to_owned();
        let mut held = HELD.lock();
        if held.contains(&key) {
            return Ok(None);
        }
        let file = options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(control.join(name))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        held.push(key.clone());
        Ok(Some(WindowsDirLock {
            key,
            file: Some(file),
        }))
    }
}

impl DiskLock for WindowsDirLock {}

impl Drop for WindowsDirLock {
    fn drop(&mut self) {
        let mut held = HELD.lock();
        drop(self.file.take());
        held.retain(|key| *key != self.key);
    }
}
