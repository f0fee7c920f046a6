//! Memory for rings, in blocks that many rings share.
//!
//! Rings that were allocated one by one would be scattered over many more pages than they fill,
//! and every packet would wait for the page tables. The system supplies a block zeroed and
//! untouched. The memory of a ring is touched when it is leased, so that no packet causes a page
//! fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::feed_ring::{FeedRing, LINE, WORD};
use super::ring_block::{MODEL, RingBlock};
use callrec_base::memory;
use callrec_base::sync::atomic::Ordering;
use callrec_base::sync::{LargePages, Mutex};

const PAGE: usize = 4096;
const LARGE_PAGE: usize = 2 << 20;
/// Bytes of the first block, for a host with few calls.
const FIRST_BLOCK: usize = 256 << 10;
/// Bytes of any other block.
const BLOCK: usize = 1 << 20;
/// Bytes of any other block on large pages.
const LARGE_BLOCK: usize = 4 * LARGE_PAGE;

/// A block and the number of leased rings in it.
struct SharedBlock {
    block: Arc<RingBlock>,
    rings: usize,
}

#[derive(Default)]
struct BlockStore {
    blocks: Vec<SharedBlock>,
    /// The newest block, and the begin and end of its unused rest in words.
    rest: Option<(Arc<RingBlock>, usize, usize)>,
    /// By the size of the rings in bytes.
    sizes: BTreeMap<usize, SameSize>,
}

/// The rings of one size in all blocks.
#[derive(Default)]
struct SameSize {
    created: usize,
    /// Returned rings. The capacity suffices for all of them, so that returning needs no memory.
    free: Vec<FeedRing>,
}

impl SameSize {
    /// Reserves capacity for one more ring. Returns `None` if memory is exhausted.
    fn grow(&mut self) -> Option<()> {
        let more = (self.created + 1).saturating_sub(self.free.len());
        memory::grow_vec(&mut self.free, more).ok()
    }

    /// Removes the rings of a freed block.
    fn remove_block(&mut self, block: &Arc<RingBlock>) {
        let before = self.free.len();
        self.free.retain(|ring| !ring.is_of(block));
        self.created -= before - self.free.len();
    }
}

/// Memory for rings, shared by all feeds of an engine.
pub struct RingMemory {
    store: Mutex<BlockStore>,
    large_pages: Option<LargePages>,
}

/// A leased ring. Dropping it returns the memory.
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

    /// Leases a ring of at least `bytes` bytes, rounded up to a power of two. Returns `None` if
    /// memory is exhausted.
    pub(super) fn lease(self: &Arc<RingMemory>, bytes: usize) -> Option<Arc<RingLease>> {
        let bytes = bytes.max(FeedRing::MIN_BYTES).next_power_of_two();
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
                self.sizes.entry(bytes).or_default().created += 1;
                ring
            }
        };
        if let Some(shared) = self.shared(&ring) {
            shared.rings += 1;
        }
        Some(ring)
    }

    /// Creates a ring in the newest block if it fits, otherwise in a new one.
    fn cut(&mut self, bytes: usize, large_pages: Option<LargePages>) -> Option<FeedRing> {
        let words = bytes / WORD;
        let fits = |(_, begin, end): &(_, usize, usize)| end - begin >= words;
        let rest = self.rest.clone().filter(fits);
        let (block, begin, end) = match rest {
            Some(rest) => rest,
            None => self.new_block(bytes, large_pages)?,
        };
        self.rest = Some((block.clone(), begin + words, end));
        Some(FeedRing::of(block, begin, bytes))
    }

    /// Allocates a block and returns it with the begin and end of its unused words. If there is no
    /// memory for the usual size, the block holds only this ring.
    fn new_block(
        &mut self,
        bytes: usize,
        large_pages: Option<LargePages>,
    ) -> Option<(Arc<RingBlock>, usize, usize)> {
        let (size, page, advise) = match large_pages {
            _ if self.blocks.is_empty() => (FIRST_BLOCK, PAGE, None),
            Some(advise) => (LARGE_BLOCK, LARGE_PAGE, Some(advise)),
            None => (BLOCK, PAGE, None),
        };
        let usual = RingBlock::new(bytes.max(size), page).map(|block| (block, bytes.max(size), advise));
        let allocated = usual.or_else(|| Some((RingBlock::new(bytes, PAGE)?, bytes, None)));
        let ((block, begin), size, advise) = allocated?;
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

    /// Returns a ring. A block without leased rings is freed.
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
        let freed = shared.block.clone();
        self.blocks.retain(|shared| !Arc::ptr_eq(&shared.block, &freed));
        self.sizes.values_mut().for_each(|size| size.remove_block(&freed));
        self.rest.take_if(|(block, ..)| Arc::ptr_eq(block, &freed));
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
    fn rings_are_adjacent_and_do_not_overlap() {
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
            1 + (bytes - FIRST_BLOCK).div_ceil(BLOCK)
        );
    }

    /// A request that the system cannot satisfy changes nothing.
    #[test]
    fn an_impossible_ring_is_refused() {
        let memory = Arc::new(RingMemory::new(None));
        let _first = lease(&memory, 8 << 10);
        assert!(memory.lease(1 << 46).is_none());
        assert_eq!(memory.store.lock().blocks.len(), 1);
        let _second = lease(&memory, 8 << 10);
        assert_eq!(memory.store.lock().blocks.len(), 1, "the rest of the first block");
    }

    #[test]
    fn returned_rings_are_reused_and_empty_blocks_are_freed() {
        let memory = Arc::new(RingMemory::new(None));
        let first = lease(&memory, 8 << 10);
        let address = lease(&memory, 8 << 10).ring().words().as_ptr();
        assert_eq!(lease(&memory, 5000).ring().words().as_ptr(), address);
        let large = lease(&memory, 4 << 20);
        assert_eq!(memory.store.lock().blocks.len(), 2);
        drop(large);
        assert_eq!(memory.store.lock().blocks.len(), 1);
        drop(first);
        let store = memory.store.lock();
        assert!(store.blocks.is_empty() && store.rest.is_none());
        let is_empty = |size: &SameSize| size.created == 0 && size.free.is_empty();
        assert!(store.sizes.values().all(is_empty));
    }

    #[test]
    fn returning_a_ring_needs_no_memory() {
        let memory = Arc::new(RingMemory::new(None));
        let capacity = || memory.store.lock().sizes[&(8 << 10)].free.capacity();
        let leases: Vec<_> = (0..1000).map(|_| lease(&memory, 8 << 10)).collect();
        let before = capacity();
        assert!(before >= 1000);
        drop(leases);
        assert_eq!(capacity(), before);
    }
}
