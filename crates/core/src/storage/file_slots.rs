//! Limits how many files are kept open.

use crate::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// The limit of files that are kept open.
pub struct FileSlots {
    open: Arc<AtomicUsize>,
    max: usize,
}

impl FileSlots {
    /// `configured`: the limit; 0 means half of `limit`, the number of files that the process may
    /// have open.
    pub fn new(configured: u32, limit: u64) -> FileSlots {
        let max = if configured == 0 {
            limit / 2
        } else {
            u64::from(configured)
        };
        FileSlots {
            open: Arc::default(),
            max: usize::try_from(max).unwrap_or(usize::MAX),
        }
    }

    /// Reserves a slot for one more open file, if one is left.
    pub fn take(&self) -> Option<FileSlot> {
        let taken = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < self.max).then_some(open + 1)
            });
        taken.ok().map(|_| FileSlot(Arc::clone(&self.open)))
    }

    pub fn taken(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// The slot of a file that is kept open. Dropping it frees the slot.
pub struct FileSlot(Arc<AtomicUsize>);

impl Drop for FileSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
