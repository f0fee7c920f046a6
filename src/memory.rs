//! The allocator. When the system refuses memory, Rust's collections abort the process, and with
//! it the host's calls. This allocator prevents that while callrec's code runs:
//!
//! - Code that can continue without the memory allocates inside `callrec_core::memory::attempt`.
//!   Such an allocation may fail.
//! - Any other small allocation is served from a reserve. From then on memory counts as short:
//!   control functions that need memory return `REC_ERR_LIMIT` at once, until the system gives
//!   memory again.
//! - An allocation that is too large for the reserve, or finds it empty, waits. On callrec's
//!   threads this can only lose audio, once the rings are full.
//!
//! Without the feature `memory-reserve` the system's allocator is used, and none of this applies.

#![allow(unsafe_code)]

#[cfg(feature = "memory-reserve")]
mod allocator;
#[cfg(feature = "memory-reserve")]
mod reserve;

#[cfg(feature = "memory-reserve")]
pub use allocator::is_short;

#[cfg(feature = "memory-reserve")]
use parking_lot::Mutex;

use crate::types::Result;

#[cfg(not(feature = "memory-reserve"))]
pub fn is_short() -> bool {
    false
}

/// Makes the system back the whole reserve with memory, by writing to each page. Called before
/// anything is opened.
pub fn prepare() {
    #[cfg(feature = "memory-reserve")]
    {
        // No thread waits for this lock: a child that was forked while another thread held it
        // would wait for ever.
        static PREPARED: Mutex<bool> = Mutex::new(false);
        if let Some(mut is_prepared) = PREPARED.try_lock()
            && !*is_prepared
        {
            reserve::RESERVE.touch();
            *is_prepared = true;
        }
    }
}

/// Fails with `LIMIT` if the system cannot give this many bytes. For functions that need much
/// memory in allocations that cannot fail one by one.
pub fn require(bytes: u64) -> Result<()> {
    #[cfg(feature = "memory-reserve")]
    if bytes > allocator::FROM_RESERVE && !allocator::can_give(usize::try_from(bytes).unwrap_or(usize::MAX)) {
        return Err(crate::core_memory::exhausted());
    }
    #[cfg(not(feature = "memory-reserve"))]
    let _ = bytes;
    Ok(())
}
