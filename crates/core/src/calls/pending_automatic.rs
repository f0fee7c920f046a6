//! Calls whose line's policy asks for a recording that has not begun, was refused, or has
//! failed.

use super::call::CallState;
use super::idle::SLICE;
use super::recording::Recording;
use super::registry::Registry;
use super::registry_state::RegistryState;
use super::rules;

impl RegistryState {
    /// Marks the call's automatic recording as pending, if the line's policy asks for one. Returns
    /// whether it may start at `now_ns` on the coarse clock; otherwise the watch retries it.
    pub(super) fn request_automatic(&mut self, number: u64, now_ns: u64) -> bool {
        if !self.wants_automatic(number) {
            return false;
        }
        let Some(call) = self.calls.get(&number).filter(|call| !call.automatic.has_begun) else {
            return false;
        };
        self.pending_automatic.insert(number);
        call.automatic.is_due(now_ns)
    }

    /// Decided by the line's present policy.
    pub(super) fn wants_automatic(&self, number: u64) -> bool {
        self.calls.get(&number).is_some_and(|call| {
            call.info.state == CallState::Connected
                && !call.info.consent.is_refused()
                && self.policies.of(&call.info) & rules::AUTOMATIC != 0
                && !call.has_automatic()
        })
    }

    /// Schedules a retry after the call's automatic recording could not begin or has failed.
    pub(super) fn retry_automatic(&mut self, number: u64, now_ns: u64) {
        if let Some(call) = self.calls.get_mut(&number) {
            call.automatic.fail(now_ns);
            self.pending_automatic.insert(number);
        }
    }
}

impl Registry {
    /// The calls whose automatic recording is pending and due. The lock is released after every
    /// `SLICE` calls, and no memory for all of them is allocated under it.
    pub fn due_automatic_calls(&self) -> Vec<u64> {
        let mut due = Vec::new();
        let mut from = Some(0);
        while let Some(first) = from {
            let inner = self.lock();
            let slice: Vec<u64> = inner
                .pending_automatic
                .range(first..)
                .take(SLICE)
                .copied()
                .collect();
            let now = self.now_ns();
            let is_due = |number: &u64| {
                inner
                    .calls
                    .get(number)
                    .is_some_and(|call| call.automatic.is_due(now))
                    && inner.wants_automatic(*number)
            };
            let found: Vec<u64> = slice.iter().copied().filter(is_due).collect();
            drop(inner);
            from = slice.last().map(|last| last + 1);
            due.extend(found);
        }
        due
    }

    /// Schedules a retry of a refused start. Returns whether an event is to report the refusal:
    /// only the first one of a call is reported.
    pub fn automatic_refused(&self, number: u64) -> bool {
        let mut inner = self.lock();
        inner.retry_automatic(number, self.now_ns());
        let call = inner.calls.get_mut(&number);
        call.is_some_and(|call| call.automatic.should_report_failure())
    }

    /// Takes back a recording that could not begin. Returns whether an event is to report that:
    /// for an automatic recording only the first failure of a call is reported.
    pub fn start_failed(&self, recording: &Recording) -> bool {
        let mut inner = self.lock();
        let Some(call) = inner.calls.get_mut(&recording.call) else {
            return true;
        };
        let newest = call.newest.as_ref();
        if newest.is_some_and(|newest| newest.order == recording.order) {
            // No event has reported this recording.
            call.newest = call.previous.take();
        }
        !recording.spec.is_automatic() || call.automatic.should_report_failure()
    }

    /// The recording's file exists. A later failure to begin is reported again.
    pub fn created(&self, recording: &Recording) {
        if recording.spec.is_automatic()
            && let Some(call) = self.lock().calls.get_mut(&recording.call)
        {
            call.automatic.created(self.now_ns());
        }
    }
}
