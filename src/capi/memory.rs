//! Advice to the system about the engine's memory.

use std::sync::atomic::AtomicU64;

/// Asks the system for large pages, which make the memory that each packet uses cheaper to
/// address.
pub(super) fn advise_large_pages(words: &[AtomicU64]) {
    #[cfg(target_os = "linux")]
    // SAFETY: the range is the slice's own, and the advice does not change its contents.
    unsafe {
        let at = words.as_ptr().cast_mut().cast();
        libc::madvise(at, size_of_val(words), libc::MADV_HUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = words;
}
