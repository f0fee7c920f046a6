//! Waiting for a condition that no event reports, and for a point in time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a test waits for anything. Only a test that is about to fail waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long a waiting test sleeps before it looks again.
const INTERVAL: Duration = Duration::from_millis(2);

/// Waits until `holds` returns true. Panics with `what` after [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    until_for(PATIENCE, what, holds);
}

/// Waits until `holds` returns true. Panics with `what` after `patience`.
#[track_caller]
pub fn until_for(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    try_until(patience, || holds().then_some(()).ok_or_else(|| what.to_owned()));
}

/// Waits until `look` returns `Ok`, and returns its value. Panics with `what` and the last
/// error after [`PATIENCE`].
#[track_caller]
pub fn until_some<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    try_until(PATIENCE, || look().map_err(|last| format!("{what}: {last:?}")))
}

#[track_caller]
fn try_until<T>(patience: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Ok(found) => return found,
            Err(words) => assert!(Instant::now() < deadline, "waited in vain: {words}"),
        }
        std::thread::sleep(INTERVAL);
    }
}

/// Sleeps until `at`. Returns how late the thread woke up.
pub fn sleep_until(at: Instant) -> Duration {
    let now = Instant::now();
    if at > now {
        std::thread::sleep(at - now);
    }
    at.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_returns_when_the_condition_holds() {
        let mut looks = 0;
        until("the third look", || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
        let found = until_some("the fifth look", || {
            looks += 1;
            if looks == 5 { Ok(looks) } else { Err(looks) }
        });
        assert_eq!(found, 5);
    }

    #[test]
    #[should_panic(expected = "waited in vain: it never happens")]
    fn until_panics_after_its_patience() {
        until_for(Duration::from_millis(5), "it never happens", || false);
    }

    #[test]
    #[should_panic(expected = "waited in vain: it never happens: 7")]
    fn the_panic_contains_the_last_error() {
        try_until(Duration::ZERO, || Err::<(), _>("it never happens: 7".to_owned()));
    }

    #[test]
    fn sleep_until_returns_at_once_for_a_past_time() {
        let at = Instant::now() + Duration::from_millis(5);
        let late = sleep_until(at);
        assert!(Instant::now() >= at + late);
        assert!(sleep_until(at) >= late);
    }
}
