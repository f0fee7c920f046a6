//! The engine's overflow memory: chunks that take what a feed's own ring cannot hold.
//!
//! A feed takes a chunk while it hands in a packet: without a lock, an allocation or a
//! system call. Media workers allocate and touch chunks ahead of the feeds that want them;
//! whoever opens a feed adds what is missing of what a burst on all feeds needs. Chunks are
//! freed when feeds close. A chunk whose bit is set in
//! `ChunkSegment::free` is nobody's; whoever clears the bit has it alone.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::feed_ring::FeedRing;
use super::ring_memory::{RingLease, RingMemory};
use crate::memory::PieceVec;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::slot;
use crate::sync::{LargePages, Mutex};
use crate::types::FeedOptions;

/// A model has few chunks, and small ones.
const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));
/// Bytes of a chunk.
pub(super) const CHUNK: usize = if cfg!(callrec_loom) {
    FeedRing::LEAST
} else {
    16 * 1024
};
/// Chunks of a segment: one word of bits.
const SEGMENT: usize = if MODEL { 2 } else { 64 };
/// So many indices fit into an entry of `SwitchLog`.
const CHUNKS_MAX: u64 = (1 << 24) - 2;
/// What a feed's burst is made of: 250 packets of 20 ms, 5 s.
const BURST_PACKETS: usize = 250;
const PACKETS_PER_S: usize = 50;
/// An RTP header and the record's own.
const PACKET_HEADERS: usize = 16 + 16;
/// Chunks that are kept although no open feed wants them: feeds come and go.
const SPARE: u64 = if MODEL { 0 } else { 64 };
/// So many are allocated one after the other, and so lie together: half a MiB. Scattered
/// among them, what every packet needs would lie on many more pages.
const AT_ONCE: u64 = if MODEL { 1 } else { 32 };

struct ChunkSegment {
    free: AtomicU64,
    chunks: [slot::Mutex<Option<Arc<RingLease>>>; SEGMENT],
}

/// What control threads and workers know of the chunks; no feeding thread comes here.
#[derive(Debug, Default)]
struct ChunkCounts {
    /// Chunks that the open feeds want together.
    wanted: u64,
    allocated: u64,
    /// Indices below `next` without a chunk.
    vacant: PieceVec<u32>,
    next: u32,
}

/// Shared by all feeds of an engine.
pub struct OverflowPool {
    limit: u64,
    segments: Box<[OnceCell<ChunkSegment>]>,
    /// Segments that there are.
    opened: AtomicUsize,
    /// Free chunks; while one is given back, it may be counted a moment too early.
    free: AtomicU64,
    /// The segment in which a chunk was found last.
    hint: AtomicUsize,
    /// The open feeds want more chunks than the limit allows.
    scarce: AtomicBool,
    counts: Mutex<ChunkCounts>,
    /// Of the chunks, and of the feeds' own rings.
    chunks: Arc<RingMemory>,
    homes: Arc<RingMemory>,
}

impl OverflowPool {
    /// At most so many bytes, allocated as feeds are opened.
    pub fn new(bytes: u64) -> Arc<OverflowPool> {
        OverflowPool::with_large_pages(bytes, |_| {})
    }

    /// Chunks are seldom needed: the feeds' own rings alone are worth large pages.
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
            homes: Arc::new(RingMemory::new(Some(large_pages))),
        })
    }

    /// Where the feeds' own rings come from.
    pub(super) fn homes(&self) -> &Arc<RingMemory> {
        &self.homes
    }

    /// Chunks that are nobody's.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Chunks that there are.
    pub fn allocated(&self) -> u64 {
        self.counts.lock().allocated
    }

    /// A chunk for a feed, and its index. Called by the feeding thread.
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
        // What the last owner has loaded out of the chunk lies before what the next one stores.
        let taken = segment
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, lowest)
            .ok()?;
        self.free.fetch_sub(1, Ordering::Relaxed);
        Some((number * SEGMENT) as u32 + taken.trailing_zeros())
    }

    fn place(&self, index: u32) -> Option<(&ChunkSegment, usize)> {
        let index = index as usize;
        let segment = self.segments.get(index / SEGMENT)?.get()?;
        Some((segment, index % SEGMENT))
    }

    /// The memory of a chunk that is somebody's. Nobody else looks at it meanwhile, so
    /// that its lock is always free.
    pub(super) fn ring(&self, index: u32) -> Option<FeedRing> {
        let (segment, bit) = self.place(index)?;
        let chunk = segment.chunks.get(bit)?.try_lock()?;
        chunk.as_ref().map(|lease| lease.ring().clone())
    }

    /// Whoever had the chunk stores and loads nothing in it any more.
    pub(super) fn give_back(&self, index: u32) {
        if let Some((segment, bit)) = self.place(index) {
            self.free.fetch_add(1, Ordering::Relaxed);
            segment.free.fetch_or(1 << bit, Ordering::Release);
        }
    }

    /// A feed has been opened that wants so many chunks for a burst: they are there when
    /// this returns, as far as the limit allows.
    pub(super) fn want(&self, chunks: u64) {
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

    /// There is no memory for these chunks: a burst may have to do without.
    fn leave_vacant(&self, indices: &[u32]) {
        let mut counts = self.counts.lock();
        indices.iter().for_each(|index| counts.vacate(*index));
    }

    /// For feeds that are still to be opened, as many again as the open ones want, but for no
    /// more than a reserve. A media worker does so at each tick.
    pub(super) fn prepare(&self) {
        // Whoever opens a feed meanwhile finds them filled, or fills its own.
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
        self.scarce.store(counts.wanted > self.limit, Ordering::Relaxed);
    }

    /// A feed should not keep a chunk that it can do without.
    pub(super) fn is_scarce(&self) -> bool {
        self.scarce.load(Ordering::Relaxed)
    }

    /// Those of these chunks. Under the counts's lock, so that nobody waits for another here:
    /// that would need memory of the system's own.
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

    /// False if there is no memory for this chunk.
    fn fill(&self, index: u32) -> bool {
        let Some(lease) = self.chunks.lease(CHUNK) else {
            return false;
        };
        self.set(index, Some(lease));
        self.give_back(index);
        true
    }

    fn set(&self, index: u32, ring: Option<Arc<RingLease>>) {
        if let Some((segment, bit)) = self.place(index)
            && let Some(chunk) = segment.chunks.get(bit)
            && let Some(mut chunk) = chunk.try_lock()
        {
            *chunk = ring;
        }
    }

    /// The feed has gone. What no open feed wants any more is freed, but for a reserve.
    pub(super) fn forgo(&self, chunks: u64) {
        let surplus = {
            let mut counts = self.counts.lock();
            let surplus = counts.shrink(chunks, self.limit);
            self.note_scarcity(&counts);
            surplus
        };
        // More is freed when the next feed closes: nobody is kept here for long.
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
        self.wanted += chunks;
        let more = self.wanted.min(limit).saturating_sub(self.allocated);
        let more = more.next_multiple_of(AT_ONCE).min(limit - self.allocated);
        self.allocated += more;
        (0..more).map(|_| self.next_vacant()).collect()
    }

    fn prepare(&mut self, limit: u64) -> Vec<u32> {
        let ready = (self.wanted + self.wanted.min(SPARE)).min(limit);
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
        self.wanted = self.wanted.saturating_sub(chunks);
        let kept = self.wanted + self.wanted / 4 + SPARE;
        self.allocated.saturating_sub(kept.min(limit))
    }

    fn vacate(&mut self, index: u32) {
        self.allocated = self.allocated.saturating_sub(1);
        self.vacant.push(index);
    }
}

/// How many chunks take 5 s of this audio, handed in by 20 ms.
pub(super) fn chunks_for(options: FeedOptions) -> u64 {
    let packet = options.bytes_per_s() as usize / PACKETS_PER_S;
    let record = (packet + PACKET_HEADERS).next_multiple_of(8);
    BURST_PACKETS.div_ceil((CHUNK / record).max(1)) as u64
}
