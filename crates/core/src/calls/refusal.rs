//! What a refusal of consent does to a call's recordings.

use std::sync::Arc;

use super::consent::RefusalAction;
use super::recording::Recording;
use super::registry::Registry;
use super::registry_state::RegistryState;
use crate::types::{EndReason, Error, Result, Status};

impl RefusalAction {
    /// Why the recordings of the call end.
    pub fn end_reason(self) -> EndReason {
        match self {
            RefusalAction::Stop => EndReason::ConsentRefused,
            RefusalAction::Discard => EndReason::Discarded,
        }
    }
}

impl Registry {
    /// Ends the call's live recordings, and withdraws an automatic one that has not begun. If consent
    /// is given later, an automatic recording begins anew. Returns the recordings that ended.
    pub(super) fn end_refused(
        &self,
        inner: &mut RegistryState,
        number: u64,
        now_ms: i64,
    ) -> Vec<Arc<Recording>> {
        inner.pending_automatic.remove(&number);
        let Some(call) = inner.calls.get_mut(&number) else {
            return Vec::new();
        };
        // Not if it has been stopped, which is for the rest of the call.
        if call.live.iter().any(|live| live.spec.is_automatic()) {
            call.automatic.has_begun = false;
        }
        let (info, lines) = (call.info.clone(), call.lines.clone());
        let (live, media) = (call.live.clone(), call.media.clone());
        for recording in &live {
            // Nothing of a held recording may be destroyed.
            let on_refusal = match recording.lifecycle.lock().held {
                true => RefusalAction::Stop,
                false => self.limits.on_refusal,
            };
            let reason = on_refusal.end_reason();
            // The manifest and the terminal event say that consent was refused.
            recording.update_call(&info, &lines);
            self.finish_live(inner, recording, reason, now_ms);
            media.stop(recording.id, reason);
        }
        live
    }
}

impl RegistryState {
    /// Fails if consent to the recording of this call was refused.
    pub(super) fn check_consent(&self, number: u64) -> Result<()> {
        let Some(call) = self.calls.get(&number) else {
            return Ok(());
        };
        if !call.info.consent.is_refused() {
            return Ok(());
        }
        let call_id = &call.info.call_id;
        Err(Error::new(
            Status::Consent,
            format!("call_id \"{call_id}\": consent to its recording was refused"),
        ))
    }
}
