//! What the move of a call to another line does to its recordings.

use std::sync::Arc;

use super::recording::Recording;
use super::registry::Registry;
use super::registry_state::RegistryState;
use super::rules;
use super::spec::RecordingSpec;
use super::successor::{SuccessorStart, TransferAction, TransferredRecording};
use crate::types::{EndReason, Result};

impl Registry {
    /// Ends the call's live recordings, before the registry has the call's new line. The audio of one
    /// that is followed by another goes on until that one begins, so that none is lost between them.
    pub(super) fn end_transferred(
        &self,
        inner: &mut RegistryState,
        number: u64,
        now_ms: i64,
    ) -> Vec<TransferredRecording> {
        let Some(call) = inner.calls.get(&number) else {
            return Vec::new();
        };
        if self.limits.on_transfer == TransferAction::Continue {
            return Vec::new();
        }
        let (live, media) = (call.live.clone(), call.media.clone());
        let end = |ended: Arc<Recording>| {
            self.finish_live(inner, &ended, EndReason::Transferred, now_ms);
            if self.limits.on_transfer != TransferAction::New {
                media.stop(ended.id, EndReason::Transferred);
            }
            TransferredRecording {
                ended,
                successor: None,
            }
        };
        live.into_iter().map(end).collect()
    }

    /// Starts the recordings that follow. No other operation comes between the end of one and the
    /// start of the next, so that one that was paused is followed by one that is.
    pub(super) fn start_successors(
        &self,
        inner: &mut RegistryState,
        number: u64,
        transferred: &mut [TransferredRecording],
        start: &SuccessorStart<'_>,
    ) {
        if self.limits.on_transfer != TransferAction::New {
            return;
        }
        let Some(media) = inner.calls.get(&number).map(|call| call.media.clone()) else {
            return;
        };
        for recording in transferred {
            let successor = self.start_successor(inner, number, &recording.ended, start);
            if successor.is_err() {
                media.stop(recording.ended.id, EndReason::Transferred);
            }
            recording.successor = Some(successor);
        }
    }

    fn start_successor(
        &self,
        inner: &mut RegistryState,
        number: u64,
        ended: &Recording,
        start: &SuccessorStart<'_>,
    ) -> Result<Arc<Recording>> {
        inner.check_monitorable(number)?;
        inner.check_consent(number)?;
        start.storage.clone()?;
        let spec = RecordingSpec {
            lookback_ms: 0,
            ..ended.spec.clone()
        };
        let paused = ended.lifecycle.lock().paused;
        let mut draft = (start.draft)(spec);
        draft.follows = Some(ended.id);
        self.accept(inner, number, paused, draft, |accepted| (start.begin)(accepted))
    }
}

impl RegistryState {
    fn check_monitorable(&self, number: u64) -> Result<()> {
        let Some(call) = self.calls.get(&number) else {
            return Ok(());
        };
        match self.policies.of(&call.info) & rules::NOT_MONITORABLE {
            0 => Ok(()),
            _ => Err(rules::not_monitorable(
                &call.info.device_name,
                &call.info.directory_number,
            )),
        }
    }
}
