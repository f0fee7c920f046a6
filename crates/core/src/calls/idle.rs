//! When media last came for each call.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Calls looked at before the lock is let go of once.
pub(super) const SLICE: usize = 64;

/// When media was last known of each call, the oldest first. A call is looked at again
/// only when that has become too long ago.
#[derive(Default)]
pub(super) struct IdleWatch {
    pub last_media: BinaryHeap<Reverse<(u64, u64)>>,
}
