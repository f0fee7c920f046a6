//! The engine's overflow memory: chunks for audio that a feed's own ring cannot hold.
//!
//! A feed takes a chunk while it stores a packet, without a lock, an allocation or a system call.
//! Media workers allocate and touch chunks in advance. The thread that opens a feed allocates
//! what is still missing for a burst on all feeds. Chunks are freed when feeds close. A chunk is
//! free while its bit in `ChunkSegment::free` is set; the thread that clears the bit owns it.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::feed_ring::FeedRing;
use super::ring_memory::{RingLease, RingMemory};
use callrec_base::memory::PieceVec;
use callrec_base::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use callrec_base::sync::slot;
use callrec_base::sync::{LargePages, Mutex};
use callrec_base::types::FeedOptions;

/// A model has few and small chunks.
const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));
/// Bytes of a chunk.
pub(super) const CHUNK: usize = if cfg!(callrec_loom) {
    FeedRing::MIN_BYTES
} else {
    16 * 1024
};
/// Chunks of a segment: one word of bits.
const SEGMENT: usize = if MODEL { 2 } else { 64 };
/// Limit of the chunk indices that an entry of `SwitchLog` can hold.
const CHUNKS_MAX: u64 = (1 << 24) - 2;
/// Packets of a feed's burst: 5 s in packets of 20 ms.
const BURST_PACKETS: usize = 250;
const PACKETS_PER_S: usize = 50;
/// Bytes of an RTP header and a packet header of the ring, rounded up.
const PACKET_HEADERS: usize = 16 + 16;
/// Chunks that are kept beyond what open feeds reserve, because new feeds will be opened.
const SPARE: u64 = if MODEL { 0 } else { 64 };
/// Chunks that are allocated together: half a MiB. Otherwise they would be scattered between the
/// data of every packet, which would then occupy many more pages.
const AT_ONCE: u64 = if MODEL { 1 } else { 32 };

struct ChunkSegment {
    free: AtomicU64,
    chunks: [slot::Mutex<Option<Arc<RingLease>>>; SEGMENT],
}

/// Numbers of chunks. Used by control threads and workers, never by a feeding thread.
#[derive(Debug, Default)]
struct ChunkCounts {
    /// Chunks reserved by all open feeds together.
    reserved: u64,
    allocated: u64,
    /// Indices below `next` that have no chunk.
    vacant: PieceVec<u32>,
    next: u32,
}

/// The overflow memory, shared by all feeds of an engine.
pub struct OverflowPool {
    limit: u64,
    segments: Box<[OnceCell<ChunkSegment>]>,
    /// Number of segments in use.
    opened: AtomicUsize,
    /// Number of free chunks. A chunk that is being returned may be counted slightly too early.
    free: AtomicU64,
    /// The segment in which the last chunk was found.
    hint: AtomicUsize,
    /// The open feeds reserve more chunks than the limit allows.
    scarce: AtomicBool,
    counts: Mutex<ChunkCounts>,
    /// Memory of the chunks.
    chunks: Arc<RingMemory>,
    /// Memory of the feeds' own rings.
    own_rings: Arc<RingMemory>,
}

impl OverflowPool {
    /// Creates a pool of at most `bytes` bytes, which are allocated as feeds are opened.
    pub fn new(bytes: u64) -> Arc<OverflowPool> {
        OverflowPool::with_large_pages(bytes, |_| {})
    }

    /// As `new`. Only the feeds' own rings use large pages, because chunks are seldom needed.
    pub fn with_large_pages(bytes: u64, large_pages: LargePages) -> Arc<OverflowPool> {
        let limit = (bytes / CHUNK as u64).min(CHUNKS_MAX);
        let segments = (limit as usize).div_ceil(SEGMENT);
        Arc::new(OverflowPool {
            limit,
            segments: (0..segments).map(|_| OnceCell::new()).collect(),
            opened: AtomicUsize::new(0),
            free: AtomicU64::new(0),
            hint: AtomicUsize::new(0),
            scarce: AtomicBool::new(false),
            counts: Mutex::default(),
            chunks: Arc::new(RingMemory::new(None)),
            own_rings: Arc::new(RingMemory::new(Some(large_pages))),
        })
    }

    /// The memory of the feeds' own rings.
    pub(super) fn own_rings(&self) -> &Arc<RingMemory> {
        &self.own_rings
    }

    /// Number of free chunks.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Number of allocated chunks.
    pub fn allocated(&self) -> u64 {
        self.counts.lock().allocated
    }

    /// Takes a chunk for a feed. Called by the feeding thread.
    pub(super) fn take(&self) -> Option<(u32, FeedRing)> {
        if self.free.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let opened = self.opened.load(Ordering::Acquire);
        let first = self.hint.load(Ordering::Relaxed);
        for n in 0..opened {
            let number = (first + n) % opened;
            if let Some(index) = self.take_from(number) {
                self.hint.store(number, Ordering::Relaxed);
                return Some((index, self.ring(index)?));
            }
        }
        None
    }

    fn take_from(&self, number: usize) -> Option<u32> {
        let segment = self.segments.get(number)?.get()?;
        let lowest = |free: u64| (free != 0).then(|| free & (free - 1));
        // The previous owner's loads from the chunk happen before the next owner's stores.
        let taken = segment
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, lowest)
            .ok()?;
        self.free.fetch_sub(1, Ordering::Relaxed);
        Some((number * SEGMENT) as u32 + taken.trailing_zeros())
    }

    fn segment_of(&self, index: u32) -> Option<(&ChunkSegment, usize)> {
        let index = index as usize;
        let segment = self.segments.get(index / SEGMENT)?.get()?;
        Some((segment, index % SEGMENT))
    }

    /// The memory of a chunk that the caller owns. No other thread uses it, so its lock is free.
    pub(super) fn ring(&self, index: u32) -> Option<FeedRing> {
        let (segment, bit) = self.segment_of(index)?;
        let chunk = segment.chunks.get(bit)?.try_lock()?;
        chunk.as_ref().map(|lease| lease.ring().clone())
    }

    /// Returns a chunk. The previous owner must not access it any more.
    pub(super) fn give_back(&self, index: u32) {
        if let Some((segment, bit)) = self.segment_of(index) {
            self.free.fetch_add(1, Ordering::Relaxed);
            segment.free.fetch_or(1 << bit, Ordering::Release);
        }
    }

    /// Reserves chunks for the burst of a new feed. They are allocated when this returns, as far as
    /// limit and memory allow.
    pub(super) fn reserve(&self, chunks: u64) {
        let vacant = {
            let mut counts = self.counts.lock();
            let vacant = counts.grow(chunks, self.limit);
            self.open_segments(&vacant);
            self.note_scarcity(&counts);
            vacant
        };
        for (n, index) in vacant.iter().enumerate() {
            if !self.fill(*index) {
                return self.leave_vacant(&vacant[n..]);
            }
        }
    }

    /// Gives up these chunks, for which there is no memory.
    fn leave_vacant(&self, indices: &[u32]) {
        let mut counts = self.counts.lock();
        indices.iter().for_each(|index| counts.vacate(*index));
    }

    /// Allocates chunks for feeds that are yet to be opened: as many as the open ones reserve, but
    /// at most `SPARE`. Called by a media worker at each tick.
    pub(super) fn prepare(&self) {
        // A thread that opens a feed meanwhile uses these chunks or allocates its own.
        let mut counts = self.counts.lock();
        let vacant = counts.prepare(self.limit);
        self.open_segments(&vacant);
        for (n, index) in vacant.iter().enumerate() {
            if !self.fill(*index) {
                return vacant[n..].iter().for_each(|index| counts.vacate(*index));
            }
        }
    }

    fn note_scarcity(&self, counts: &ChunkCounts) {
        self.scarce.store(counts.reserved > self.limit, Ordering::Relaxed);
    }

    /// Whether feeds should return chunks early.
    pub(super) fn is_scarce(&self) -> bool {
        self.scarce.load(Ordering::Relaxed)
    }

    /// Creates the segments of these chunks. Called under the lock of `counts`, so that no thread
    /// waits in `get_or_init`, for which the system might need memory.
    fn open_segments(&self, indices: &[u32]) {
        for index in indices {
            let number = *index as usize / SEGMENT;
            if let Some(segment) = self.segments.get(number) {
                segment.get_or_init(|| ChunkSegment {
                    free: AtomicU64::new(0),
                    chunks: std::array::from_fn(|_| slot::Mutex::new(None)),
                });
                self.opened.fetch_max(number + 1, Ordering::AcqRel);
            }
        }
    }

    /// Allocates this chunk. Returns `false` if memory is exhausted.
    fn fill(&self, index: u32) -> bool {
        let Some(lease) = self.chunks.lease(CHUNK) else {
            return false;
        };
        self.set(index, Some(lease));
        self.give_back(index);
        true
    }

    fn set(&self, index: u32, ring: Option<Arc<RingLease>>) {
        if let Some((segment, bit)) = self.segment_of(index)
            && let Some(chunk) = segment.chunks.get(bit)
            && let Some(mut chunk) = chunk.try_lock()
        {
            *chunk = ring;
        }
    }

    /// Cancels the reservation of a closed feed. Frees the chunks that are no longer reserved,
    /// except for `SPARE`.
    pub(super) fn release(&self, chunks: u64) {
        let surplus = {
            let mut counts = self.counts.lock();
            let surplus = counts.shrink(chunks, self.limit);
            self.note_scarcity(&counts);
            surplus
        };
        // The rest is freed when other feeds close, so that this returns quickly.
        for _ in 0..surplus.min(2 * chunks) {
            let Some((index, ring)) = self.take() else {
                break;
            };
            self.set(index, None);
            drop(ring);
            self.counts.lock().vacate(index);
        }
    }
}

impl ChunkCounts {
    fn grow(&mut self, chunks: u64, limit: u64) -> Vec<u32> {
        self.reserved += chunks;
        let more = self.reserved.min(limit).saturating_sub(self.allocated);
        let more = more.next_multiple_of(AT_ONCE).min(limit - self.allocated);
        self.allocated += more;
        (0..more).map(|_| self.next_vacant()).collect()
    }

    fn prepare(&mut self, limit: u64) -> Vec<u32> {
        let ready = (self.reserved + self.reserved.min(SPARE)).min(limit);
        let more = ready.saturating_sub(self.allocated).min(AT_ONCE);
        self.allocated += more;
        (0..more).map(|_| self.next_vacant()).collect()
    }

    fn next_vacant(&mut self) -> u32 {
        self.vacant.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    fn shrink(&mut self, chunks: u64, limit: u64) -> u64 {
        self.reserved = self.reserved.saturating_sub(chunks);
        let keep = self.reserved + self.reserved / 4 + SPARE;
        self.allocated.saturating_sub(keep.min(limit))
    }

    fn vacate(&mut self, index: u32) {
        self.allocated = self.allocated.saturating_sub(1);
        self.vacant.push(index);
    }
}

/// Number of chunks for 5 s of this audio in packets of 20 ms.
pub(super) fn chunks_for(options: FeedOptions) -> u64 {
    let packet = options.bytes_per_s() as usize / PACKETS_PER_S;
    let stored = (packet + PACKET_HEADERS).next_multiple_of(8);
    BURST_PACKETS.div_ceil((CHUNK / stored).max(1)) as u64
}
