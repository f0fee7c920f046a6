//! The memory that rings lie in.

use std::sync::Arc;

#[cfg(not(any(callrec_loom, callrec_shuttle)))]
use crate::memory;
use crate::sync::Word;
use callrec_media::packet::WORD;

/// A model has no memory to share: each ring has a block of its own.
pub(super) const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));

/// Words that are zero until a ring stores something. On a cache line of its own: each
/// packet reads where they are.
#[repr(align(64))]
pub(super) struct RingBlock {
    pub words: Box<[Word]>,
}

impl RingBlock {
    /// Of so many bytes from the beginning of a page of this size on; and where that is, in
    /// words.
    /// `None`: there is no memory for it.
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
