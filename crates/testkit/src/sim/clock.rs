//! The simulated clock, which only the simulation advances.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callrec_core::clock::{Clock, NS_PER_MS};

/// 14 November 2023, 22:13:20 UTC.
const BEGIN_MS: i64 = 1_700_000_000_000;
/// The monotonic clock does not begin at 0.
const BEGIN_NS: u64 = 1_000_000_000_000;

/// Nanoseconds since the simulation began.
#[derive(Debug)]
pub struct SimClock {
    now_ns: AtomicU64,
    begin: Instant,
}

impl Default for SimClock {
    fn default() -> SimClock {
        SimClock {
            now_ns: AtomicU64::new(0),
            begin: Instant::now(),
        }
    }
}

impl SimClock {
    pub fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }

    /// Advances the clock, never back.
    pub fn advance_to(&self, now_ns: u64) {
        self.now_ns.fetch_max(now_ns, Ordering::Relaxed);
    }

    pub fn instant(&self, at_ns: u64) -> Instant {
        self.begin + Duration::from_nanos(at_ns)
    }

    /// How many nanoseconds after the beginning this moment is.
    pub fn ns_of(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.begin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Clock for SimClock {
    fn coarse_ns(&self) -> u64 {
        BEGIN_NS + self.now_ns()
    }

    fn unix_ms(&self) -> i64 {
        BEGIN_MS + (self.now_ns() / NS_PER_MS) as i64
    }

    fn now(&self) -> Instant {
        self.instant(self.now_ns())
    }
}
