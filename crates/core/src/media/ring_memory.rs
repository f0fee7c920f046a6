//! Memory for rings, in blocks that many of them share.
//!
//! Allocated one by one, rings would lie scattered among all else that calls need, on many
//! more pages than they fill: every packet would wait for the page tables. A block comes
//! from the system zeroed and untouched; what a ring takes of it is touched at once, so that
//! no packet pays for a page fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::feed_ring::{FeedRing, LINE, WORD};
use super::ring_block::{MODEL, RingBlock};
use crate::memory;
use crate::sync::atomic::Ordering;
use crate::sync::{LargePages, Mutex};

const PAGE: usize = 4096;
const LARGE_PAGE: usize = 2 << 20;
/// The first block, for a host with few calls, and all others.
const FIRST: usize = 256 << 10;
const BLOCK: usize = 1 << 20;
/// The others, where they lie on large pages.
const LARGE: usize = 4 * LARGE_PAGE;

/// A block that rings are taken from, and how many there are of it.
struct SharedBlock {
    block: Arc<RingBlock>,
    rings: usize,
}

#[derive(Default)]
struct BlockStore {
    blocks: Vec<SharedBlock>,
    /// The newest block, where its free rest begins, and where that ends: in words.
    rest: Option<(Arc<RingBlock>, usize, usize)>,
    /// By the rings' bytes.
    sizes: BTreeMap<usize, SameSize>,
}

/// The rings of one size, whatever their block.
#[derive(Default)]
struct SameSize {
    made: usize,
    /// Those that were given back. There is room for all, so that giving back needs no memory.
    free: Vec<FeedRing>,
}

impl SameSize {
    /// Room for one more ring. `None`: there is no memory for that.
    fn grow(&mut self) -> Option<()> {
        let more = (self.made + 1).saturating_sub(self.free.len());
        memory::grow_vec(&mut self.free, more).ok()
    }

    /// The rings of this block are gone.
    fn forget(&mut self, block: &Arc<RingBlock>) {
        let before = self.free.len();
        self.free.retain(|ring| !ring.is_of(block));
        self.made -= before - self.free.len();
    }
}

/// Shared by all feeds of an engine.
pub struct RingMemory {
    store: Mutex<BlockStore>,
    large_pages: Option<LargePages>,
}

/// A ring's memory, until it is dropped.
pub(super) struct RingLease {
    ring: FeedRing,
    memory: Arc<RingMemory>,
}

impl RingLease {
    pub(super) fn ring(&self) -> &FeedRing {
        &self.ring
    }
}

impl Drop for RingLease {
    fn drop(&mut self) {
        self.memory.give_back(&self.ring);
    }
}

impl RingMemory {
    pub(super) fn new(large_pages: Option<LargePages>) -> RingMemory {
        RingMemory {
            store: Mutex::default(),
            large_pages,
        }
    }

    /// A ring of at least so many bytes, and a power of two. `None`: there is no memory for it.
    pub(super) fn lease(self: &Arc<RingMemory>, bytes: usize) -> Option<Arc<RingLease>> {
        let bytes = bytes.max(FeedRing::LEAST).next_power_of_two();
        let ring = match MODEL {
            true => {
                let (block, begin) = RingBlock::new(bytes, PAGE)?;
                FeedRing::of(block, begin, bytes)
            }
            false => self.store.lock().take(bytes, self.large_pages)?,
        };
        for word in ring.words().iter().step_by(PAGE / WORD) {
            word.store(0, Ordering::Relaxed);
        }
        Some(Arc::new(RingLease {
            ring,
            memory: self.clone(),
        }))
    }

    fn give_back(&self, ring: &FeedRing) {
        if !MODEL {
            self.store.lock().give_back(ring);
        }
    }
}

impl BlockStore {
    fn take(&mut self, bytes: usize, large_pages: Option<LargePages>) -> Option<FeedRing> {
        let size = self.sizes.entry(bytes).or_default();
        let ring = match size.free.pop() {
            Some(ring) => ring,
            None => {
                size.grow()?;
                let ring = self.cut(bytes, large_pages)?;
                self.sizes.entry(bytes).or_default().made += 1;
                ring
            }
        };
        if let Some(shared) = self.shared(&ring) {
            shared.rings += 1;
        }
        Some(ring)
    }

    /// A new ring, of the newest block if that has room.
    fn cut(&mut self, bytes: usize, large_pages: Option<LargePages>) -> Option<FeedRing> {
        let words = bytes / WORD;
        let room = |(_, begin, end): &(_, usize, usize)| end - begin >= words;
        let rest = self.rest.clone().filter(room);
        let (block, begin, end) = match rest {
            Some(rest) => rest,
            None => self.new_block(bytes, large_pages)?,
        };
        self.rest = Some((block.clone(), begin + words, end));
        Some(FeedRing::of(block, begin, bytes))
    }

    /// A block, and where its free rest begins and ends. Where there is no memory for one of
    /// the usual size, one for this ring alone.
    fn new_block(
        &mut self,
        bytes: usize,
        large_pages: Option<LargePages>,
    ) -> Option<(Arc<RingBlock>, usize, usize)> {
        let (size, page, advise) = match large_pages {
            _ if self.blocks.is_empty() => (FIRST, PAGE, None),
            Some(advise) => (LARGE, LARGE_PAGE, Some(advise)),
            None => (BLOCK, PAGE, None),
        };
        let usual = RingBlock::new(bytes.max(size), page).map(|made| (made, bytes.max(size), advise));
        let made = usual.or_else(|| Some((RingBlock::new(bytes, PAGE)?, bytes, None)));
        let ((block, begin), size, advise) = made?;
        let end = begin + size / WORD;
        if let (Some(advise), Some(words)) = (advise, block.words.get(begin..end)) {
            advise(words);
        }
        self.blocks.push(SharedBlock {
            block: block.clone(),
            rings: 0,
        });
        Some((block, begin, end))
    }

    fn shared(&mut self, ring: &FeedRing) -> Option<&mut SharedBlock> {
        let own = |shared: &&mut SharedBlock| ring.is_of(&shared.block);
        self.blocks.iter_mut().rev().find(own)
    }

    /// A block of which no ring is left goes back to the system.
    fn give_back(&mut self, ring: &FeedRing) {
        if let Some(size) = self.sizes.get_mut(&ring.bytes()) {
            size.free.push(ring.clone());
        }
        let Some(shared) = self.shared(ring) else {
            return;
        };
        shared.rings -= 1;
        if shared.rings > 0 {
            return;
        }
        let gone = shared.block.clone();
        self.blocks.retain(|shared| !Arc::ptr_eq(&shared.block, &gone));
        self.sizes.values_mut().for_each(|size| size.forget(&gone));
        self.rest.take_if(|(block, ..)| Arc::ptr_eq(block, &gone));
    }
}

const _: () = assert!(PAGE.is_multiple_of(LINE * WORD));

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(memory: &Arc<RingMemory>, bytes: usize) -> Arc<RingLease> {
        memory.lease(bytes).expect("there is memory")
    }

    #[test]
    fn rings_lie_side_by_side_and_apart() {
        let memory = Arc::new(RingMemory::new(None));
        let leases: Vec<_> = (0..200)
            .map(|n| lease(&memory, if n % 3 == 0 { 16 << 10 } else { 8 << 10 }))
            .collect();
        for (n, lease) in leases.iter().enumerate() {
            lease
                .ring()
                .words()
                .iter()
                .for_each(|word| word.store(n as u64, Ordering::Relaxed));
        }
        for (n, lease) in leases.iter().enumerate() {
            assert!(
                lease
                    .ring()
                    .words()
                    .iter()
                    .all(|word| word.load(Ordering::Relaxed) == n as u64)
            );
            assert!(lease.ring().words().as_ptr().addr().is_multiple_of(LINE * WORD));
        }
        let bytes: usize = leases.iter().map(|lease| lease.ring().bytes()).sum();
        assert_eq!(
            memory.store.lock().blocks.len(),
            1 + (bytes - FIRST).div_ceil(BLOCK)
        );
    }

    /// More than the system can have: nothing is lost by having asked.
    #[test]
    fn a_ring_that_cannot_be_had_is_refused() {
        let memory = Arc::new(RingMemory::new(None));
        let _first = lease(&memory, 8 << 10);
        assert!(memory.lease(1 << 46).is_none());
        assert_eq!(memory.store.lock().blocks.len(), 1);
        let _second = lease(&memory, 8 << 10);
        assert_eq!(memory.store.lock().blocks.len(), 1, "the rest of the first block");
    }

    #[test]
    fn what_is_given_back_is_taken_again_and_an_empty_block_goes() {
        let memory = Arc::new(RingMemory::new(None));
        let first = lease(&memory, 8 << 10);
        let place = lease(&memory, 8 << 10).ring().words().as_ptr();
        assert_eq!(lease(&memory, 5000).ring().words().as_ptr(), place);
        let large = lease(&memory, 4 << 20);
        assert_eq!(memory.store.lock().blocks.len(), 2);
        drop(large);
        assert_eq!(memory.store.lock().blocks.len(), 1);
        drop(first);
        let store = memory.store.lock();
        assert!(store.blocks.is_empty() && store.rest.is_none());
        let is_gone = |size: &SameSize| size.made == 0 && size.free.is_empty();
        assert!(store.sizes.values().all(is_gone));
    }

    #[test]
    fn giving_back_needs_no_memory() {
        let memory = Arc::new(RingMemory::new(None));
        let capacity = || memory.store.lock().sizes[&(8 << 10)].free.capacity();
        let leases: Vec<_> = (0..1000).map(|_| lease(&memory, 8 << 10)).collect();
        let before = capacity();
        assert!(before >= 1000);
        drop(leases);
        assert_eq!(capacity(), before);
    }
}
