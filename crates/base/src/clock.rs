//! The clocks that the engine uses.

use std::fmt::Debug;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use callrec_media::time::{NS_PER_MS, NS_PER_S};

/// The engine's source of time: [`SystemClock`] in production, another one in a simulator.
pub trait Clock: Debug + Send + Sync {
    /// Coarse monotonic nanoseconds; see [`coarse_ns`].
    fn coarse_ns(&self) -> u64;

    /// Wall-clock time in milliseconds since 1970, UTC.
    fn unix_ms(&self) -> i64;

    /// Monotonic time for deadlines.
    fn now(&self) -> Instant;
}

/// The clocks of the operating system.
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

/// Coarse monotonic time in nanoseconds, which advances in steps of a few milliseconds. Reading
/// a precise clock would cost more than copying the packet.
///
/// Packet arrivals and control points both use this clock, so that a packet fed after a control
/// point never appears to be older than it.
#[cfg(not(windows))]
#[inline]
pub fn coarse_ns() -> u64 {
    let ticks = coarsetime::Instant::now_without_cache_update().as_ticks();
    // A tick is 2^-32 s.
    ((ticks as u128 * NS_PER_S as u128) >> 32) as u64
}

/// The coarse clock of Windows advances in steps of 15.6 ms, almost a packet, and its precise clock
/// is read without a system call.
#[cfg(windows)]
pub fn coarse_ns() -> u64 {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let since_begin = BEGIN.get_or_init(Instant::now).elapsed();
    // Time 0 means "never" in some places.
    NS_PER_S + since_begin.as_nanos() as u64
}

pub fn unix_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_millis() as i64,
        Err(before) => -(before.duration().as_millis() as i64),
    }
}
