//! Time as the engine is given it: two clocks, and the moments that threads wait for.

use std::fmt::Debug;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use callrec_media::time::{NS_PER_MS, NS_PER_S};

/// Where the engine takes the time from. [`SystemClock`] is in production; a simulator brings
/// its own.
pub trait Clock: Debug + Send + Sync {
    /// Coarse monotonic nanoseconds; see [`coarse_ns`].
    fn coarse_ns(&self) -> u64;

    /// Milliseconds since 1970, UTC, for people.
    fn unix_ms(&self) -> i64;

    /// What deadlines are counted from.
    fn now(&self) -> Instant;
}

/// The clocks of this system.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn coarse_ns(&self) -> u64 {
        coarse_ns()
    }

    fn unix_ms(&self) -> i64 {
        unix_ms()
    }

    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// Coarse monotonic nanoseconds of this system: a few milliseconds' steps, but no precise
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
