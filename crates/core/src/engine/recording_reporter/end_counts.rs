//! Counts the ends of recordings that an engine has published, and those that were delivered.

use crate::sync::atomic::{AtomicU64, Ordering};

/// The ends of one engine's recordings.
#[derive(Default)]
pub struct EndCounts {
    published: AtomicU64,
    delivered: AtomicU64,
}

impl EndCounts {
    pub fn count_published(&self) {
        self.published.fetch_add(1, Ordering::SeqCst);
    }

    /// The end was delivered to every subscription that it is owed to.
    pub fn count_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::SeqCst);
    }

    pub fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    /// Whether no published end is still to be delivered.
    pub fn are_delivered(&self) -> bool {
        self.delivered.load(Ordering::SeqCst) >= self.published()
    }
}
