//! A leg's ring: words that its feed stores and its worker loads.
//!
//! It has no head and no tail of its own. Places in it are the leg's positions, in
//! bytes over the leg's whole life, whichever ring they fall into: `LegCounts::handed`
//! publishes what was stored up to it, `LegCounts::taken` gives the room back. So a
//! packet touches no line that the worker writes, and loads nothing of the ring.

use std::sync::Arc;

use super::ring_block::RingBlock;
use crate::sync::Word;
use crate::sync::atomic::Ordering;

pub(super) const WORD: usize = size_of::<u64>();
/// Words of a cache line: a G.711 packet of 20 ms and its header are three of them.
pub(super) const LINE: usize = 8;

/// Where the words are: that none is stored while it is loaded is for the counts.
#[derive(Clone)]
pub(super) struct FeedRing {
    block: Arc<RingBlock>,
    /// In words.
    begin: u32,
    /// Of the numbers of its lines.
    mask: u32,
}

impl FeedRing {
    /// A model fills its rings with two packets.
    pub(super) const LEAST: usize = if cfg!(callrec_loom) { 128 } else { 8 * 1024 };

    /// So many bytes, a power of two, from a word of the block on.
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

    /// The line in which a word is. `None` for no ring that `of` has made.
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

    /// `head` and then `body`, its last word filled up with zeros, from position `at`.
    #[inline]
    pub(super) fn store(&self, at: u64, head: &[u64], body: &[u8]) {
        let mut next = number(at);
        for value in head {
            self.set(next, *value);
            next += 1;
        }
        let (whole, rest) = body.as_chunks::<WORD>();
        let (first, whole) = whole.split_at(whole.len().min(next.wrapping_neg() % LINE));
        let (lines, last) = whole.as_chunks::<LINE>();
        next = self.store_words(next, first);
        for words in lines {
            if let Some(line) = self.line(next) {
                let each = line.iter().zip(words);
                each.for_each(|(word, bytes)| word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed));
            }
            next += LINE;
        }
        next = self.store_words(next, last);
        if !rest.is_empty() {
            let mut last = [0; WORD];
            last[..rest.len()].copy_from_slice(rest);
            self.set(next, u64::from_ne_bytes(last));
        }
    }

    /// Up to the end of a line. Answers the number of the next word.
    #[inline]
    fn store_words(&self, from: usize, words: &[[u8; WORD]]) -> usize {
        if let Some(line) = self.line(from) {
            let each = line.iter().skip(from % LINE).zip(words);
            each.for_each(|(word, bytes)| word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed));
        }
        from + words.len()
    }

    /// As much as `into` is long, whole words, from position `from` on.
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

/// Of the word at a position; the ring's size divides all that a cast may cut off.
#[inline]
fn number(at: u64) -> usize {
    (at / WORD as u64) as usize
}
