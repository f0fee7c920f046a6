//! What the engine asks of the system's memory.

use std::sync::atomic::AtomicU64;

/// Asks for large pages, where the system has them: they make what each packet touches
/// cheaper to find.
pub(super) fn large_pages(words: &[AtomicU64]) {
    #[cfg(target_os = "linux")]
    // SAFETY: the range is the slice's own, and the advice changes nothing of its contents.
    unsafe {
        let at = words.as_ptr().cast_mut().cast();
        libc::madvise(at, size_of_val(words), libc::MADV_HUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = words;
}
