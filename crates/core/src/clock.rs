//! The two clocks: coarse monotonic time for media, Unix time for people.

use std::time::{SystemTime, UNIX_EPOCH};

pub use callrec_media::time::{NS_PER_MS, NS_PER_S};

/// Coarse monotonic nanoseconds: a few milliseconds' steps, but no precise
/// clock read, which would cost more than copying the packet.
///
/// Arrivals and control points use this one clock alone, so that what was handed
/// in after a point never seems to have come before it.
#[inline]
pub fn coarse_ns() -> u64 {
    let ticks = coarsetime::Instant::now_without_cache_update().as_ticks();
    // A tick is 2^-32 s.
    ((ticks as u128 * NS_PER_S as u128) >> 32) as u64
}

pub fn unix_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_millis() as i64,
        Err(before) => -(before.duration().as_millis() as i64),
    }
}
