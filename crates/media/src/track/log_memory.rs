//! The memory of a track's log.

use smallvec::SmallVec;

use super::{Content, LONG_BYTES, Track, TrackChunk};

/// Fewer discarded bytes than this are not worth a move of the remaining bytes.
const COMPACT_BYTES: usize = 4096;
/// More audio than this is not moved by [`Track::borrow`].
const MOVED_BYTES: usize = 4096;
/// The step by which a track's own memory grows.
const OWN_STEP: usize = 512;

impl Track {
    /// Removes audio that no chunk needs, if that is worth it.
    pub(super) fn compact(&mut self) {
        let dead = self.dead_bytes();
        // A long log of a past is kept in little more memory than it needs.
        let is_long = self.keeps_past && self.bytes.len() > LONG_BYTES;
        let share = if is_long { 8 } else { 2 };
        if dead < COMPACT_BYTES || dead < self.bytes.len() / share {
            return;
        }
        self.bytes.drain(..dead);
        if self.keeps_past && self.bytes.capacity() > LONG_BYTES {
            self.bytes.shrink_to(self.bytes.len() / 8 * 9);
        }
        self.shift(dead);
    }

    /// Empties the log, and frees its memory if that is more than `most` bytes of a past.
    pub(super) fn release_log(&mut self, most: usize) {
        self.bytes.clear();
        if self.keeps_past && self.bytes.capacity() > most {
            self.bytes = Vec::new();
        }
        if self.keeps_past && self.chunks.is_empty() && self.chunks.spilled() {
            self.chunks = SmallVec::new();
        }
    }

    /// Sets whether audio is kept for recordings that begin earlier. Then its memory is freed early.
    pub fn set_keeps_past(&mut self, on: bool) {
        self.keeps_past = on;
    }

    /// The memory of the audio.
    pub fn held_bytes(&self) -> u64 {
        let chunks = if self.chunks.spilled() {
            self.chunks.capacity()
        } else {
            0
        };
        (self.bytes.capacity() + chunks * size_of::<TrackChunk>()) as u64
    }

    /// The number of bytes before those that a chunk needs.
    fn dead_bytes(&self) -> usize {
        let used = |chunk: &TrackChunk| matches!(chunk.content, Content::Audio(_)).then_some(chunk.off);
        let used = self.chunks.iter().filter_map(used).min();
        used.unwrap_or(self.bytes.len())
    }

    /// The bytes before `dead` have been removed.
    fn shift(&mut self, dead: usize) {
        for chunk in &mut self.chunks {
            chunk.off = chunk.off.saturating_sub(dead);
        }
    }

    /// Moves the audio into `buffer` until [`Track::give_back`], so that audio of many tracks passes
    /// through the same memory. Does nothing and returns false if that would move much of it.
    pub fn borrow(&mut self, buffer: &mut Vec<u8>) -> bool {
        if !self.is_kept || self.bytes.len() > MOVED_BYTES {
            return false;
        }
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        std::mem::swap(&mut self.bytes, buffer);
        true
    }

    /// Takes the audio that is left back into the track's own memory, which is in `buffer` since
    /// [`Track::borrow`].
    pub fn give_back(&mut self, buffer: &mut Vec<u8>) {
        let dead = self.dead_bytes();
        let left = self.bytes.get(dead..).unwrap_or_default();
        buffer.clear();
        if buffer.capacity() < left.len() {
            buffer.reserve_exact(left.len().next_multiple_of(OWN_STEP));
        }
        buffer.extend_from_slice(left);
        std::mem::swap(&mut self.bytes, buffer);
        self.shift(dead);
        if !self.is_kept {
            self.release_log(0);
        }
    }
}
