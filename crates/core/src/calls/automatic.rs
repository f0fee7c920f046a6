//! A call's automatic recording: whether it has begun, and when one that was refused or has
//! failed is tried again.

use crate::clock::NS_PER_S;

/// The pauses between tries are 1, 2, 4, … seconds, and at most this long. They begin anew
/// after a recording that lasted as long: a disk that always takes a little and then fails
/// gets no new recording every other second.
const MAX_RETRY_NS: u64 = 60 * NS_PER_S;

/// Of one call.
#[derive(Default)]
pub(super) struct AutomaticState {
    /// A recording has begun since the call came to this line, and has not failed since:
    /// who stops it has stopped it.
    pub begun: bool,
    /// The recording was paused last, and nobody has stopped it: one that is begun in its
    /// place begins paused.
    pub paused: bool,
    /// That it could not begin has been told.
    failure_reported: bool,
    failures: u32,
    /// Not tried again before, on the coarse clock.
    retry_ns: u64,
    /// When the file of the latest one was made; 0: not yet.
    created_ns: u64,
}

impl AutomaticState {
    /// It is being begun.
    pub fn begin(&mut self) {
        self.begun = true;
        self.created_ns = 0;
    }

    pub fn is_due(&self, now: u64) -> bool {
        self.retry_ns <= now
    }

    /// Its file exists: that a later one cannot begin is told again.
    pub fn created(&mut self, now: u64) {
        self.failure_reported = false;
        self.created_ns = now;
    }

    /// Its start was refused, or it has failed.
    pub fn fail(&mut self, now: u64) {
        if self.created_ns != 0 && now.saturating_sub(self.created_ns) >= MAX_RETRY_NS {
            self.failures = 0;
        }
        self.begun = false;
        self.created_ns = 0;
        self.failures = (self.failures + 1).min(7);
        let pause_ns = (NS_PER_S << (self.failures - 1)).min(MAX_RETRY_NS);
        self.retry_ns = now + pause_ns;
    }

    /// That it could not begin: true if this is to be told.
    pub fn should_report_failure(&mut self) -> bool {
        !std::mem::replace(&mut self.failure_reported, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause_s(state: &mut AutomaticState, now: u64) -> u64 {
        state.fail(now);
        (state.retry_ns - now) / NS_PER_S
    }

    #[test]
    fn the_pauses_double_and_end_at_a_minute() {
        let mut state = AutomaticState::default();
        let pauses: Vec<u64> = (1..=9).map(|now| pause_s(&mut state, now)).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn the_pauses_begin_anew_after_a_recording_of_a_minute() {
        let mut state = AutomaticState::default();
        assert_eq!(pause_s(&mut state, 1), 1);
        for (lasted_ns, pause) in [(MAX_RETRY_NS - 1, 2), (MAX_RETRY_NS, 1)] {
            state.begin();
            state.created_ns = 5;
            assert_eq!(pause_s(&mut state, 5 + lasted_ns), pause);
        }
        state.begin();
        assert_eq!(pause_s(&mut state, 1 << 60), 2, "it had no file");
    }
}
