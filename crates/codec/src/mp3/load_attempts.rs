//! When loading a library is attempted again after a failure: the search of a loader through the
//! system's directories must not slow down each start.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time for which a failure is remembered. The library may be installed later.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The latest failure, and when it was.
pub struct LoadAttempts(Mutex<Option<(Instant, String)>>);

impl LoadAttempts {
    pub const fn new() -> LoadAttempts {
        LoadAttempts(Mutex::new(None))
    }

    /// Loads the library, or returns the latest failure if it was less than a second before `now`.
    pub fn load<T>(&self, now: Instant, load: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        // Not locked while the library is loaded, so that no thread waits for another one.
        let failure = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, why)) = &*failure()
            && now.saturating_duration_since(*at) < REMEMBERED
        {
            return Err(why.clone());
        }
        let loaded = load();
        *failure() = loaded.as_ref().err().map(|why| (now, why.clone()));
        loaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_remembered_for_a_second() {
        let attempts = LoadAttempts::new();
        let begin = Instant::now();
        let mut count = 0;
        for ms in [0, 0, 1, 999, 1000, 1500, 1999, 2000] {
            let result: Result<(), String> = attempts.load(begin + Duration::from_millis(ms), || {
                count += 1;
                Err(format!("attempt {count}"))
            });
            let attempt = 1 + ms / 1000;
            assert_eq!(result, Err(format!("attempt {attempt}")), "after {ms} ms");
        }
        assert_eq!(count, 3);
        // It was installed meanwhile.
        let later = begin + Duration::from_millis(3000);
        assert_eq!(attempts.load(later, || Ok(1)), Ok(1));
        assert_eq!(
            attempts.load(later, || Ok(2)),
            Ok(2),
            "a success is not remembered"
        );
    }
}
