//! Blocks of memory that contain rings.

use std::sync::Arc;

#[cfg(not(any(callrec_loom, callrec_shuttle)))]
use callrec_base::memory;
use callrec_base::sync::Word;
use callrec_media::packet::WORD;

/// In a model, each ring has its own block.
pub(super) const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));

/// Words that are zero until a ring stores to them. The pointer has its own cache line, because
/// every packet reads it.
#[repr(align(64))]
pub(super) struct RingBlock {
    pub words: Box<[Word]>,
}

impl RingBlock {
    /// Allocates a block with `bytes` bytes from the beginning of a page of `page` bytes. Returns it
    /// with that position in words, or `None` if memory is exhausted.
    pub(super) fn new(bytes: usize, page: usize) -> Option<(Arc<RingBlock>, usize)> {
        if MODEL {
            let words = zeroed(bytes / WORD)?;
            return Some((Arc::new(RingBlock { words }), 0));
        }
        let words = zeroed((bytes + page) / WORD)?;
        let begin = words.as_ptr().align_offset(page);
        Some((Arc::new(RingBlock { words }), begin))
    }
}

#[cfg(not(any(callrec_loom, callrec_shuttle)))]
fn zeroed(words: usize) -> Option<Box<[Word]>> {
    memory::attempt(|| bytemuck::try_zeroed_slice_box(words)).ok()
}

#[cfg(any(callrec_loom, callrec_shuttle))]
fn zeroed(words: usize) -> Option<Box<[Word]>> {
    Some((0..words).map(|_| Word::new(0)).collect())
}
