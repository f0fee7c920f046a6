//! Where a feed goes on when its own ring is full, and how its worker follows.
//!
//! Positions go on across all rings of a feed. Each time the feed goes to another one, it
//! notes the position and the chunk (or its own ring) in a log; the worker reads each
//! ring up to the next entry, and gives a chunk back when it enters what comes after it.

use std::sync::Arc;

use super::counts::LegCounts;
use super::feed_ring::{FeedRing, WORD};
use super::overflow::OverflowPool;
use super::ring_memory::RingLease;
use crate::sync::Word;
use crate::sync::atomic::{AtomicU64, Ordering};

/// More than the chunks of 5 s at the highest rate, in stereo.
const ENTRIES: usize = if cfg!(callrec_loom) { 4 } else { 128 };
/// An entry is a position in words above, and below the chunk's index and one; 0 is the
/// feed's own ring.
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

/// The log. The feed writes it, the worker reads it; when both have let go of it, the
/// chunks that are left in it go back.
struct SwitchLog {
    entries: [Word; ENTRIES],
    written: AtomicU64,
    /// Entries whose chunks the worker has given back.
    left: AtomicU64,
    /// Chunks that the pool keeps for this feed.
    wanted: AtomicU64,
    pool: Arc<OverflowPool>,
}

impl SwitchLog {
    fn entry(&self, number: u64) -> &Word {
        &self.entries[number as usize % ENTRIES]
    }

    fn is_full(&self) -> bool {
        let left = self.left.load(Ordering::Acquire);
        self.written.load(Ordering::Relaxed) - left >= ENTRIES as u64
    }

    fn write(&self, entry: SwitchEntry) {
        let number = self.written.load(Ordering::Relaxed);
        self.entry(number).store(entry.word(), Ordering::Relaxed);
        self.written.store(number + 1, Ordering::Release);
    }

    fn read(&self, number: u64) -> Option<SwitchEntry> {
        let is_there = number < self.written.load(Ordering::Acquire);
        is_there.then(|| SwitchEntry::of(self.entry(number).load(Ordering::Relaxed)))
    }

    /// The worker is past this entry: so is the feed.
    fn leave(&self, number: u64) {
        let entry = SwitchEntry::of(self.entry(number).load(Ordering::Relaxed));
        self.left.store(number + 1, Ordering::Release);
        if let Some(chunk) = entry.chunk {
            self.pool.give_back(chunk);
        }
    }
}

impl Drop for SwitchLog {
    fn drop(&mut self) {
        let left = self.left.load(Ordering::Acquire);
        for number in left..self.written.load(Ordering::Acquire) {
            self.leave(number);
        }
        self.pool.forgo(self.wanted.load(Ordering::Acquire));
    }
}

/// The feed's side: its own ring, and where it goes from there.
pub(super) struct FeedRings {
    home: Arc<RingLease>,
    /// Where the feed left its own ring; `None`: it is there.
    left_home: Option<u64>,
    /// `None` in stream time: nothing is taken that the feed's own ring cannot hold.
    switches: Option<Arc<SwitchLog>>,
}

/// A ring that a feed goes on in.
pub(super) struct NextRing {
    pub ring: FeedRing,
    chunk: Option<u32>,
}

impl FeedRings {
    /// `chunks`: what the pool keeps for this feed.
    pub(super) fn new(home: Arc<RingLease>, pool: Option<(&Arc<OverflowPool>, u64)>) -> FeedRings {
        let switches = pool.map(|(pool, chunks)| {
            pool.want(chunks);
            Arc::new(SwitchLog {
                entries: std::array::from_fn(|_| Word::new(0)),
                written: AtomicU64::new(0),
                left: AtomicU64::new(0),
                wanted: AtomicU64::new(chunks),
                pool: pool.clone(),
            })
        });
        FeedRings {
            home,
            left_home: None,
            switches,
        }
    }

    pub(super) fn home(&self) -> &FeedRing {
        self.home.ring()
    }

    /// The feed may be given more audio than was thought.
    pub(super) fn want(&self, chunks: u64) {
        let Some(switches) = &self.switches else {
            return;
        };
        let before = switches.wanted.fetch_max(chunks, Ordering::AcqRel);
        if before < chunks {
            switches.pool.want(chunks - before);
        }
    }

    /// The feed should go back to its own ring before the chunk that it is in is full. While
    /// there are chunks for all, it stays: then a burst has all of its chunks' room.
    pub(super) fn should_return(&self, taken: u64) -> bool {
        let scarce = |switches: &Arc<SwitchLog>| switches.pool.is_scarce();
        self.may_return(taken) && self.switches.as_ref().is_some_and(scarce)
    }

    /// The feed is away from its own ring, and the worker has emptied that.
    fn may_return(&self, taken: u64) -> bool {
        self.left_home.is_some_and(|left| left <= taken)
    }

    /// An empty ring: its own, or a chunk. `enter` follows.
    pub(super) fn next(&self, taken: u64) -> Option<NextRing> {
        let switches = self.switches.as_ref().filter(|switches| !switches.is_full())?;
        if self.may_return(taken) {
            return Some(NextRing {
                ring: self.home.ring().clone(),
                chunk: None,
            });
        }
        let (index, ring) = switches.pool.take()?;
        Some(NextRing {
            ring,
            chunk: Some(index),
        })
    }

    /// The feed is in that ring from position `at` on, and holds no other.
    pub(super) fn enter(&mut self, at: u64, chunk: Option<u32>) {
        let Some(switches) = &self.switches else {
            return;
        };
        switches.write(SwitchEntry { at, chunk });
        self.left_home = match chunk {
            Some(_) => self.left_home.or(Some(at)),
            None => None,
        };
    }

    /// `counts`: of the feed's leg.
    pub(super) fn reader(&self, counts: &LegCounts) -> RingReader {
        RingReader {
            switched: counts.switched.load(Ordering::Relaxed),
            present: self.home.ring().clone(),
            home: self.home.clone(),
            entered: 0,
            switches: self.switches.clone(),
        }
    }
}

impl NextRing {
    /// The ring, and what `FeedRings::enter` is told.
    pub(super) fn split(self) -> (FeedRing, Option<u32>) {
        (self.ring, self.chunk)
    }
}

/// The worker's side: gives what was stored, whichever ring it lies in.
pub(super) struct RingReader {
    home: Arc<RingLease>,
    /// What the worker reads now.
    present: FeedRing,
    /// Entries of the log that the worker has followed.
    entered: u64,
    /// `LegCounts::switched` once all of the log has been followed.
    switched: u32,
    switches: Option<Arc<SwitchLog>>,
}

impl RingReader {
    /// Of the feed's own ring.
    pub(super) fn bytes(&self) -> usize {
        self.home.ring().bytes()
    }

    /// What lies from position `from` up to `to`, which was read before `counts` is.
    pub(super) fn load(&mut self, from: u64, to: u64, counts: &LegCounts, into: &mut Vec<u8>) {
        into.resize(to.saturating_sub(from) as usize, 0);
        // The log is memory that is seldom needed, and cold.
        if counts.switched.load(Ordering::Acquire) == self.switched {
            return self.present.load(from, into);
        }
        let (mut at, mut rest) = (from, &mut into[..]);
        while let Some(next) = self.next_entry(to) {
            let here = (next.at.saturating_sub(at) as usize).min(rest.len());
            let (part, behind) = rest.split_at_mut(here);
            self.present.load(at, part);
            (at, rest) = (next.at, behind);
            self.follow(next);
        }
        self.present.load(at, rest);
    }

    /// The feed's next going to another ring, if it lies before `to`.
    fn next_entry(&self, to: u64) -> Option<SwitchEntry> {
        let switches = self.switches.as_ref()?;
        switches.read(self.entered).filter(|entry| entry.at < to)
    }

    fn follow(&mut self, entry: SwitchEntry) {
        let Some(switches) = &self.switches else {
            return;
        };
        let chunk = entry.chunk.and_then(|index| switches.pool.ring(index));
        self.present = chunk.unwrap_or_else(|| self.home.ring().clone());
        if let Some(before) = self.entered.checked_sub(1) {
            switches.leave(before);
        }
        self.entered += 1;
        self.switched = self.switched.wrapping_add(1);
    }
}
