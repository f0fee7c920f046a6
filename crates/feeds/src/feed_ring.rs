//! A feed's ring: words that the feed stores and the worker loads.
//!
//! A ring has no head or tail of its own. Positions are bytes over the leg's whole life, in
//! whichever ring they are. `LegCounts::handed` publishes the stored bytes and
//! `WorkerCounts::taken` frees their space. A packet therefore touches no cache line that the
//! worker writes, and loads nothing from the ring.

use std::sync::Arc;

use super::ring_block::RingBlock;
use callrec_base::sync::Word;
use callrec_base::sync::atomic::Ordering;

pub(super) const WORD: usize = size_of::<u64>();
/// Words of a cache line. A G.711 packet of 20 ms and its header need three lines.
pub(super) const LINE: usize = 8;

/// A ring in a block of memory. The counters ensure that no word is stored while it is loaded.
#[derive(Clone)]
pub(super) struct FeedRing {
    block: Arc<RingBlock>,
    /// Position of the first word in the block.
    begin: u32,
    /// Number of lines minus one.
    mask: u32,
}

impl FeedRing {
    /// Smallest size in bytes. In a model, two packets fill a ring.
    pub(super) const MIN_BYTES: usize = if cfg!(callrec_loom) { 128 } else { 8 * 1024 };

    /// A ring of `bytes` bytes, a power of two, from word `begin` of the block.
    pub(super) fn of(block: Arc<RingBlock>, begin: usize, bytes: usize) -> FeedRing {
        FeedRing {
            block,
            begin: begin as u32,
            mask: (bytes / (LINE * WORD)) as u32 - 1,
        }
    }

    pub(super) fn is_of(&self, block: &Arc<RingBlock>) -> bool {
        Arc::ptr_eq(&self.block, block)
    }

    pub(super) fn words(&self) -> &[Word] {
        let begin = self.begin as usize;
        self.block
            .words
            .get(begin..begin + self.bytes() / WORD)
            .unwrap_or_default()
    }

    #[inline]
    pub(super) fn bytes(&self) -> usize {
        (self.mask as usize + 1) * LINE * WORD
    }

    /// The line of a word. Never `None` for a ring that `of` created.
    #[inline]
    fn line(&self, number: usize) -> Option<&[Word; LINE]> {
        let line = (number / LINE) & self.mask as usize;
        self.block
            .words
            .get(self.begin as usize + line * LINE..)?
            .first_chunk()
    }

    #[inline]
    fn word(&self, number: usize) -> Option<&Word> {
        Some(&self.line(number)?[number % LINE])
    }

    #[inline]
    fn set(&self, number: usize, value: u64) {
        if let Some(word) = self.word(number) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Stores `head` and then `body`, padded with zeros to a whole word, from position `at`.
    #[inline]
    pub(super) fn store(&self, at: u64, head: &[u64], body: &[u8]) {
        let mut next = number(at);
        for value in head {
            self.set(next, *value);
            next += 1;
        }
        let (whole, rest) = body.as_chunks::<WORD>();
        next = self.store_words(next, whole);
        if !rest.is_empty() {
            let mut last = [0; WORD];
            last[..rest.len()].copy_from_slice(rest);
            self.set(next, u64::from_ne_bytes(last));
        }
    }

    /// Stores words, which may continue at the beginning of the ring. Returns the number of the next
    /// word.
    #[inline]
    fn store_words(&self, from: usize, words: &[[u8; WORD]]) -> usize {
        let ring = self.words();
        let at = from % ((self.mask as usize + 1) * LINE);
        if let Some((before, after)) = ring.split_at_checked(at) {
            let (first, rest) = words.split_at(words.len().min(after.len()));
            store_each(after, first);
            store_each(before, rest);
        }
        from + words.len()
    }

    /// Loads whole words from position `from` until `into` is full.
    pub(super) fn load(&self, from: u64, into: &mut [u8]) {
        let (words, _) = into.as_chunks_mut::<WORD>();
        let mut next = number(from);
        let (first, words) = words.split_at_mut(words.len().min(next.wrapping_neg() % LINE));
        for bytes in first {
            *bytes = self.get(next);
            next += 1;
        }
        let (lines, last) = words.as_chunks_mut::<LINE>();
        for line in lines {
            if let Some(from) = self.line(next) {
                *line = from.each_ref().map(bytes_of);
            }
            next += LINE;
        }
        for bytes in last {
            *bytes = self.get(next);
            next += 1;
        }
    }

    fn get(&self, number: usize) -> [u8; WORD] {
        self.word(number).map(bytes_of).unwrap_or_default()
    }
}

fn bytes_of(word: &Word) -> [u8; WORD] {
    word.load(Ordering::Relaxed).to_ne_bytes()
}

#[inline]
fn store_each(places: &[Word], words: &[[u8; WORD]]) {
    for (word, bytes) in places.iter().zip(words) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
}

/// The number of the word at a position. A cast that truncates is harmless, because the size of a
/// ring divides the truncated part.
#[inline]
fn number(at: u64) -> usize {
    (at / WORD as u64) as usize
}
