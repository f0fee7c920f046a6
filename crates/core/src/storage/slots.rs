//! How many files may be kept open.

use crate::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// The limit of files that are kept open.
pub struct FileSlots {
    open: Arc<AtomicUsize>,
    max: usize,
}

impl FileSlots {
    /// `asked`: how many; 0: half of `limit`, which the process may have open.
    pub fn new(asked: u32, limit: u64) -> FileSlots {
        let max = if asked == 0 { limit / 2 } else { u64::from(asked) };
        FileSlots {
            open: Arc::default(),
            max: usize::try_from(max).unwrap_or(usize::MAX),
        }
    }

    /// The right to keep one more file open, if there is one left.
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

/// Held with a file that is kept open.
pub struct FileSlot(Arc<AtomicUsize>);

impl Drop for FileSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
