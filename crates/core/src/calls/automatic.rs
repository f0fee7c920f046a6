//! State of a call's automatic recording: whether it has begun, and when a refused or failed
//! one is retried.

use crate::clock::NS_PER_S;

/// Longest delay between two attempts. The delays are 1, 2, 4, … seconds. They start over only
/// after a recording that lasted this long, so that a disk that accepts a little data and then
/// fails does not get a new recording every other second.
const MAX_RETRY_NS: u64 = 60 * NS_PER_S;

/// The state for one call.
#[derive(Default)]
pub(super) struct AutomaticState {
    /// A recording has begun since the call came to this line, and it has not failed. A caller
    /// who stops it prevents another one.
    pub has_begun: bool,
    /// A caller paused the recording and nobody resumed or stopped it. Its successor begins paused.
    pub paused: bool,
    /// An event has reported that the recording could not begin.
    failure_reported: bool,
    failures: u32,
    /// Earliest time of the next attempt, on the coarse clock.
    retry_ns: u64,
    /// When the latest recording's file was created; 0 if it was not.
    created_ns: u64,
}

impl AutomaticState {
    /// A recording begins.
    pub fn begin(&mut self) {
        self.has_begun = true;
        self.created_ns = 0;
    }

    pub fn is_due(&self, now: u64) -> bool {
        self.retry_ns <= now
    }

    /// The recording's file exists. A later failure to begin is reported again.
    pub fn created(&mut self, now: u64) {
        self.failure_reported = false;
        self.created_ns = now;
    }

    /// The start was refused, or the recording has failed.
    pub fn fail(&mut self, now: u64) {
        if self.created_ns != 0 && now.saturating_sub(self.created_ns) >= MAX_RETRY_NS {
            self.failures = 0;
        }
        self.has_begun = false;
        self.created_ns = 0;
        self.failures = (self.failures + 1).min(7);
        let delay_ns = (NS_PER_S << (self.failures - 1)).min(MAX_RETRY_NS);
        self.retry_ns = now + delay_ns;
    }

    /// Whether a failure to begin is to be reported: only the first one is.
    pub fn should_report_failure(&mut self) -> bool {
        !std::mem::replace(&mut self.failure_reported, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay_s(state: &mut AutomaticState, now: u64) -> u64 {
        state.fail(now);
        (state.retry_ns - now) / NS_PER_S
    }

    #[test]
    fn the_delays_double_up_to_one_minute() {
        let mut state = AutomaticState::default();
        let delays: Vec<u64> = (1..=9).map(|now| delay_s(&mut state, now)).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn the_delays_start_over_after_a_recording_of_one_minute() {
        let mut state = AutomaticState::default();
        assert_eq!(delay_s(&mut state, 1), 1);
        for (lasted_ns, delay) in [(MAX_RETRY_NS - 1, 2), (MAX_RETRY_NS, 1)] {
            state.begin();
            state.created_ns = 5;
            assert_eq!(delay_s(&mut state, 5 + lasted_ns), delay);
        }
        state.begin();
        assert_eq!(delay_s(&mut state, 1 << 60), 2, "no file was created");
    }
}
