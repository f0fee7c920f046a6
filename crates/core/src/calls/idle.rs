//! The time of each call's latest media.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Number of calls that are checked under one acquisition of the lock.
pub(super) const SLICE: usize = 64;

/// Each call's latest known media time and number, oldest first. A call is checked again only
/// when its time is too long ago.
#[derive(Default)]
pub(super) struct IdleWatch {
    pub last_media: BinaryHeap<Reverse<(u64, u64)>>,
}
