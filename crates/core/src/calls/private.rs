//! A call's privacy, and the pause state that outlives a failed automatic recording.

use std::sync::Arc;

use uuid::Uuid;

use super::recording::Recording;
use super::registry::{Registry, call_ended};
use super::registry_state::RegistryState;
use super::rules::ControlOperation;
use crate::types::Result;

impl Registry {
    /// Sets whether a call is private. This takes the same lock as every start, pause and resume,
    /// so the call's media sees them in the same order.
    pub fn set_private(&self, number: u64, on: bool) -> Result<()> {
        let mut inner = self.lock();
        let call = inner.calls.get_mut(&number).ok_or_else(call_ended)?;
        if call.info.private == on {
            return Ok(());
        }
        let mut info = (*call.info).clone();
        info.private = on;
        call.info = Arc::new(info);
        call.media.set_info(&call.info);
        call.follow_interruptions(self.now_ns());
        for recording in &call.live {
            recording.update_call(&call.info, &call.lines);
        }
        if !call.live.is_empty() {
            self.note_live_change();
        }
        Ok(())
    }
}

impl RegistryState {
    /// Records that a caller has paused, resumed or stopped this recording.
    pub(super) fn record_automatic_pause(&mut self, recording: &Recording, paused: bool) {
        if recording.spec.is_automatic()
            && let Some(call) = self.calls.get_mut(&recording.call)
        {
            call.automatic.paused = paused;
        }
    }

    /// Whether the call's next automatic recording begins paused.
    pub(super) fn is_automatic_paused(&self, number: u64) -> bool {
        self.calls.get(&number).is_some_and(|call| call.automatic.paused)
    }

    /// Applies a pause or resume to a pending automatic recording. No recording is live, but the
    /// caller has decided whether the call may be recorded.
    pub(super) fn set_next_automatic_paused(
        &mut self,
        operation: ControlOperation,
        calls: &[u64],
        now_ns: u64,
    ) {
        let paused = match operation {
            ControlOperation::Pause => true,
            ControlOperation::Resume => false,
            ControlOperation::Stop | ControlOperation::Discard => return,
        };
        for number in calls {
            if let Some(call) = self.calls.get_mut(number)
                && !call.has_automatic()
                && (!paused || self.pending_automatic.contains(number))
            {
                call.automatic.paused = paused;
                call.follow_interruptions(now_ns);
            }
        }
    }

    /// The call of this recording, if the recording is automatic.
    pub(super) fn automatic_call_of(&self, id: Uuid) -> Option<u64> {
        let recording = self.by_id.get(&id)?;
        recording.spec.is_automatic().then_some(recording.call)
    }
}
