//! The rings of a feed: its own one and chunks of the overflow memory, and how the worker follows.
//!
//! Positions continue across all rings of a feed. When the feed switches to another ring, it
//! writes the position and the chunk (or its own ring) to a log. The worker reads each ring up to
//! the next entry, and returns a chunk when it enters the next ring.

use std::sync::Arc;

use super::counts::LegCounts;
use super::feed_ring::{FeedRing, WORD};
use super::overflow::OverflowPool;
use super::ring_memory::RingLease;
use callrec_base::sync::Word;
use callrec_base::sync::atomic::{AtomicU64, Ordering};

/// More than the number of chunks for 5 s at the highest rate in stereo.
const ENTRIES: usize = if cfg!(callrec_loom) { 4 } else { 128 };
/// Low bits of an entry: the chunk's index plus one, or 0 for the feed's own ring. The high bits are
/// the position in words.
const CHUNK_BITS: u32 = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SwitchEntry {
    at: u64,
    chunk: Option<u32>,
}

impl SwitchEntry {
    fn word(self) -> u64 {
        let chunk = self.chunk.map_or(0, |index| u64::from(index) + 1);
        (self.at / WORD as u64) << CHUNK_BITS | chunk
    }

    fn of(word: u64) -> SwitchEntry {
        let chunk = (word & ((1 << CHUNK_BITS) - 1)) as u32;
        SwitchEntry {
            at: (word >> CHUNK_BITS) * WORD as u64,
            chunk: chunk.checked_sub(1),
        }
    }
}

/// The log of switches. The feed writes it and the worker reads it. When both have dropped it, the
/// remaining chunks are returned.
struct SwitchLog {
    entries: [Word; ENTRIES],
    written: AtomicU64,
    /// Number of entries whose chunks the worker has returned.
    returned: AtomicU64,
    /// Number of chunks reserved for this feed.
    reserved: AtomicU64,
    pool: Arc<OverflowPool>,
}

impl SwitchLog {
    fn entry(&self, number: u64) -> &Word {
        &self.entries[number as usize % ENTRIES]
    }

    fn is_full(&self) -> bool {
        let returned = self.returned.load(Ordering::Acquire);
        self.written.load(Ordering::Relaxed) - returned >= ENTRIES as u64
    }

    fn write(&self, entry: SwitchEntry) {
        let number = self.written.load(Ordering::Relaxed);
        self.entry(number).store(entry.word(), Ordering::Relaxed);
        self.written.store(number + 1, Ordering::Release);
    }

    fn read(&self, number: u64) -> Option<SwitchEntry> {
        let exists = number < self.written.load(Ordering::Acquire);
        exists.then(|| SwitchEntry::of(self.entry(number).load(Ordering::Relaxed)))
    }

    /// Returns the chunk of this entry. The worker, and so the feed, is past it.
    fn return_chunk(&self, number: u64) {
        let entry = SwitchEntry::of(self.entry(number).load(Ordering::Relaxed));
        self.returned.store(number + 1, Ordering::Release);
        if let Some(chunk) = entry.chunk {
            self.pool.give_back(chunk);
        }
    }
}

impl Drop for SwitchLog {
    fn drop(&mut self) {
        let returned = self.returned.load(Ordering::Acquire);
        for number in returned..self.written.load(Ordering::Acquire) {
            self.return_chunk(number);
        }
        self.pool.release(self.reserved.load(Ordering::Acquire));
    }
}

/// The feed's side: its own ring, and the chunks that it switches to.
pub(super) struct FeedRings {
    own: Arc<RingLease>,
    /// Position at which the feed left its own ring; `None` while it uses that ring.
    left_own: Option<u64>,
    /// `None` in stream time, where the feed uses only its own ring.
    log: Option<Arc<SwitchLog>>,
}

/// The ring that a feed switches to.
pub(super) struct NextRing {
    pub ring: FeedRing,
    chunk: Option<u32>,
}

impl FeedRings {
    /// `pool`: the overflow memory and the number of chunks to reserve.
    pub(super) fn new(own: Arc<RingLease>, pool: Option<(&Arc<OverflowPool>, u64)>) -> FeedRings {
        let log = pool.map(|(pool, chunks)| {
            pool.reserve(chunks);
            Arc::new(SwitchLog {
                entries: std::array::from_fn(|_| Word::new(0)),
                written: AtomicU64::new(0),
                returned: AtomicU64::new(0),
                reserved: AtomicU64::new(chunks),
                pool: pool.clone(),
            })
        });
        FeedRings {
            own,
            left_own: None,
            log,
        }
    }

    pub(super) fn own(&self) -> &FeedRing {
        self.own.ring()
    }

    /// Increases the reservation if the feed may receive more audio than before.
    pub(super) fn reserve(&self, chunks: u64) {
        let Some(log) = &self.log else {
            return;
        };
        let before = log.reserved.fetch_max(chunks, Ordering::AcqRel);
        if before < chunks {
            log.pool.reserve(chunks - before);
        }
    }

    /// Whether the feed should return to its own ring before its chunk is full. It should only if
    /// chunks are scarce; otherwise a burst can use all of its chunks.
    pub(super) fn should_return(&self, taken: u64) -> bool {
        let scarce = |log: &Arc<SwitchLog>| log.pool.is_scarce();
        self.may_return(taken) && self.log.as_ref().is_some_and(scarce)
    }

    /// Whether the feed has left its own ring and the worker has emptied it.
    fn may_return(&self, taken: u64) -> bool {
        self.left_own.is_some_and(|left| left <= taken)
    }

    /// An empty ring to switch to: the feed's own one, or a chunk. `enter` must follow.
    pub(super) fn next(&self, taken: u64) -> Option<NextRing> {
        let log = self.log.as_ref().filter(|log| !log.is_full())?;
        if self.may_return(taken) {
            return Some(NextRing {
                ring: self.own.ring().clone(),
                chunk: None,
            });
        }
        let (index, ring) = log.pool.take()?;
        Some(NextRing {
            ring,
            chunk: Some(index),
        })
    }

    /// The feed uses this ring from position `at`, and has dropped the previous one.
    pub(super) fn enter(&mut self, at: u64, chunk: Option<u32>) {
        let Some(log) = &self.log else {
            return;
        };
        log.write(SwitchEntry { at, chunk });
        self.left_own = match chunk {
            Some(_) => self.left_own.or(Some(at)),
            None => None,
        };
    }

    /// The worker's side. `counts`: those of the feed's leg.
    pub(super) fn reader(&self, counts: &LegCounts) -> RingReader {
        RingReader {
            switched: counts.switched.load(Ordering::Relaxed),
            current: self.own.ring().clone(),
            own: self.own.clone(),
            entered: 0,
            log: self.log.clone(),
        }
    }
}

impl NextRing {
    /// The ring, and the chunk for `FeedRings::enter`.
    pub(super) fn split(self) -> (FeedRing, Option<u32>) {
        (self.ring, self.chunk)
    }
}

/// The worker's side: reads stored bytes from whichever ring contains them.
pub(super) struct RingReader {
    own: Arc<RingLease>,
    /// The ring that the worker reads now.
    current: FeedRing,
    /// Number of log entries that the worker has followed.
    entered: u64,
    /// Value of `LegCounts::switched` when the worker has followed the whole log.
    switched: u32,
    log: Option<Arc<SwitchLog>>,
}

impl RingReader {
    /// Bytes of the feed's own ring.
    pub(super) fn bytes(&self) -> usize {
        self.own.ring().bytes()
    }

    /// Reads the bytes from position `from` to `to`. `to` must have been read before `counts`.
    pub(super) fn load(&mut self, from: u64, to: u64, counts: &LegCounts, into: &mut Vec<u8>) {
        into.resize(to.saturating_sub(from) as usize, 0);
        // The log is seldom needed, so its memory is not in the cache.
        if counts.switched.load(Ordering::Acquire) == self.switched {
            return self.current.load(from, into);
        }
        let (mut at, mut rest) = (from, &mut into[..]);
        while let Some(next) = self.next_entry(to) {
            let here = (next.at.saturating_sub(at) as usize).min(rest.len());
            let (part, remaining) = rest.split_at_mut(here);
            self.current.load(at, part);
            (at, rest) = (next.at, remaining);
            self.follow(next);
        }
        self.current.load(at, rest);
    }

    /// The feed's next switch, if it is before `to`.
    fn next_entry(&self, to: u64) -> Option<SwitchEntry> {
        let log = self.log.as_ref()?;
        log.read(self.entered).filter(|entry| entry.at < to)
    }

    fn follow(&mut self, entry: SwitchEntry) {
        let Some(log) = &self.log else {
            return;
        };
        let chunk = entry.chunk.and_then(|index| log.pool.ring(index));
        self.current = chunk.unwrap_or_else(|| self.own.ring().clone());
        if let Some(before) = self.entered.checked_sub(1) {
            log.return_chunk(before);
        }
        self.entered += 1;
        self.switched = self.switched.wrapping_add(1);
    }
}
