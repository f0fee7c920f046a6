//! Memory that the system refuses. Rust's collections then end the process, and with it the
//! host's calls. This allocator prevents that while callrec's code runs:
//!
//! - Code that can go on without the memory asks for it inside `callrec_core::memory::attempt`.
//!   Such a request is refused.
//! - Any other request that is small is served from a reserve. From then on memory counts as
//!   short: control functions that would take memory return `REC_ERR_LIMIT` at their entry,
//!   until the system gives memory again.
//! - A request that is too large for the reserve, or finds it empty, waits. On callrec's threads
//!   that costs audio at most, once the rings are full.
//!
//! Without the feature `memory-reserve` the system's allocator is used, and none of this holds.

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

/// Has the system give the whole reserve, before anything is opened. Until a page is written to,
/// the system has only promised it.
pub fn prepare() {
    #[cfg(feature = "memory-reserve")]
    {
        // Nobody waits for it: a child may be forked while another thread holds it, and would
        // wait for ever.
        static PREPARED: Mutex<bool> = Mutex::new(false);
        if let Some(mut is_prepared) = PREPARED.try_lock()
            && !*is_prepared
        {
            reserve::RESERVE.touch();
            *is_prepared = true;
        }
    }
}

/// `LIMIT` if the system does not have so many bytes. For functions that take much memory in
/// pieces that cannot be refused one by one.
pub fn require(bytes: u64) -> Result<()> {
    #[cfg(feature = "memory-reserve")]
    if bytes > allocator::FROM_RESERVE && !allocator::can_give(usize::try_from(bytes).unwrap_or(usize::MAX)) {
        return Err(crate::core_memory::exhausted());
    }
    #[cfg(not(feature = "memory-reserve"))]
    let _ = bytes;
    Ok(())
}
