//! The calls whose line wants them recorded, and which have no recording: it is still to
//! begin, was refused, or has failed.

use super::call::CallState;
use super::idle::SLICE;
use super::recording::Recording;
use super::registry::Registry;
use super::registry_state::RegistryState;
use super::rules;

impl RegistryState {
    /// Whether this call has just come to owe an automatic recording. `now_ns`: the coarse clock. Where one has failed
    /// a moment ago, the watch tries again.
    pub(super) fn request_automatic(&mut self, number: u64, now_ns: u64) -> bool {
        if !self.wants_automatic(number) {
            return false;
        }
        let Some(call) = self.calls.get(&number).filter(|call| !call.automatic.begun) else {
            return false;
        };
        self.pending_automatic.insert(number);
        call.automatic.is_due(now_ns)
    }

    /// What counts is the mark at the moment of asking.
    pub(super) fn wants_automatic(&self, number: u64) -> bool {
        self.calls.get(&number).is_some_and(|call| {
            call.info.state == CallState::Connected
                && self.policies.of(&call.info) & rules::AUTOMATIC != 0
                && !call.has_automatic()
        })
    }

    /// The call's automatic recording could not begin, or has failed.
    pub(super) fn retry_automatic(&mut self, number: u64, now_ns: u64) {
        if let Some(call) = self.calls.get_mut(&number) {
            call.automatic.fail(now_ns);
            self.pending_automatic.insert(number);
        }
    }
}

impl Registry {
    /// Calls whose line wants them recorded, but whose recording could not begin or has
    /// failed. Not all are looked at under one lock, and under none is memory taken for all.
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

    /// A start was refused, and is tried again. True if this is to be told: the first time
    /// for a call.
    pub fn automatic_refused(&self, number: u64) -> bool {
        let mut inner = self.lock();
        inner.retry_automatic(number, self.now_ns());
        let call = inner.calls.get_mut(&number);
        call.is_some_and(|call| call.automatic.should_report_failure())
    }

    /// A recording that could not begin. True if this is to be told: where a line asked for
    /// it, the first time for a call.
    pub fn start_failed(&self, recording: &Recording) -> bool {
        let mut inner = self.lock();
        let Some(call) = inner.calls.get_mut(&recording.call) else {
            return true;
        };
        let newest = call.newest.as_ref();
        if newest.is_some_and(|newest| newest.order == recording.order) {
            // Nobody has been told of it.
            call.newest = call.before.take();
        }
        !recording.spec.is_automatic() || call.automatic.should_report_failure()
    }

    /// Its file exists: that a later one cannot begin is told again.
    pub fn created(&self, recording: &Recording) {
        if recording.spec.is_automatic()
            && let Some(call) = self.lock().calls.get_mut(&recording.call)
        {
            call.automatic.created(self.now_ns());
        }
    }
}
