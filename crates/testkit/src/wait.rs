//! Waiting for a condition that no event tells of, and for a moment.

use std::time::{Duration, Instant};

/// How long a test waits for anything. Generous: only a test that is about to fail waits
/// so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` returns true. Panics with `what` after [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    until_for(PATIENCE, what, holds);
}

/// Waits until `holds` returns true. Panics with `what` after `patience`.
#[track_caller]
pub fn until_for(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
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
    fn it_asks_until_the_answer_is_yes() {
        let mut asked = 0;
        until("the third answer", || {
            asked += 1;
            asked == 3
        });
        assert_eq!(asked, 3);
    }

    #[test]
    #[should_panic(expected = "waited in vain: it never happens")]
    fn it_gives_up() {
        until_for(Duration::from_millis(5), "it never happens", || false);
    }

    #[test]
    fn it_sleeps_until_the_moment_and_not_for_one_that_is_over() {
        let at = Instant::now() + Duration::from_millis(5);
        let late = sleep_until(at);
        assert!(Instant::now() >= at + late);
        assert!(sleep_until(at) >= late);
    }
}
