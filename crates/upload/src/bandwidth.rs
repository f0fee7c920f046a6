//! The limit on the rate of all uploads together.

use std::time::{Duration, Instant};

use callrec_core::sync::Mutex;

/// Shares one rate among all uploads.
pub struct Bandwidth {
    /// 0: no limit.
    bytes_per_second: u64,
    /// When everything that was allowed so far has been sent at this rate.
    free_at: Mutex<Option<Instant>>,
}

impl Bandwidth {
    pub fn new(bytes_per_second: u64) -> Bandwidth {
        Bandwidth {
            bytes_per_second,
            free_at: Mutex::new(None),
        }
    }

    /// Takes the right to send this many bytes. Returns how long the sender has to wait first.
    pub fn take(&self, bytes: usize, now: Instant) -> Duration {
        if self.bytes_per_second == 0 {
            return Duration::ZERO;
        }
        let length = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let mut free_at = self.free_at.lock();
        let begin = free_at.map_or(now, |free_at| free_at.max(now));
        *free_at = Some(begin + length);
        begin - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_senders_together_keep_to_the_rate() {
        let bandwidth = Bandwidth::new(1000);
        let now = Instant::now();
        let waits: Vec<_> = (0..4).map(|_| bandwidth.take(500, now).as_millis()).collect();
        assert_eq!(waits, [0, 500, 1000, 1500]);
        let later = now + Duration::from_secs(60);
        assert_eq!(bandwidth.take(500, later), Duration::ZERO, "unused time is lost");
        assert_eq!(bandwidth.take(500, later).as_millis(), 500);
        assert_eq!(Bandwidth::new(0).take(1 << 30, now), Duration::ZERO);
    }
}
