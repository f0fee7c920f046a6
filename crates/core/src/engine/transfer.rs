//! Calls that move to another line, and the recordings that follow those that this ends.

use std::sync::Arc;

use super::Engine;
use super::recording_reporter::error_members;
use crate::calls::{
    AcceptedDraft, CallUpdate, FollowUp, RecordingDraft, RecordingSpec, SuccessorStart, TransferAction,
    TransferredRecording,
};
use crate::events::{CallFacts, Event, EventKind, EventSubject, LogLevel};
use crate::media::Progress;
use crate::storage::Fragment;
use crate::types::{EndReason, Error, Result};

impl Engine {
    pub(super) fn update_call(&self, number: u64, update: &CallUpdate) -> Result<FollowUp> {
        let draft = |spec: RecordingSpec| RecordingDraft::new((self.ids)(), spec, &self.config.url_base);
        let begin = |accepted: AcceptedDraft<'_>| self.begin(accepted, Arc::<Progress>::default());
        let successors = SuccessorStart {
            storage: match self.config.on_transfer {
                TransferAction::New => self.can_store(),
                TransferAction::Continue | TransferAction::Stop => Ok(()),
            },
            draft: &draft,
            begin: &begin,
        };
        self.registry
            .update(number, update, self.clock.unix_ms(), &successors)
    }

    /// Writes the audit lines, and reports the recordings that could not follow.
    pub(super) fn report_transfer(&self, number: u64, transferred: &[TransferredRecording]) {
        let ended: Vec<_> = transferred.iter().map(|one| one.ended.clone()).collect();
        self.audit_call_end(&ended, EndReason::Transferred);
        for successor in transferred.iter().filter_map(|one| one.successor.as_ref()) {
            self.audit_automatic_start(number, successor);
            if let Err(error) = successor {
                self.publish_successor_failed(number, error);
            }
        }
    }

    fn publish_successor_failed(&self, number: u64, error: &Error) {
        let Some(info) = self.registry.call_info(number) else {
            return;
        };
        let mut event = Event::new(EventKind::StartFailed, self.clock.unix_ms());
        event.status = error.status as i32;
        event.detail = format!(
            "{},\"call\":{}",
            error_members(error),
            Fragment::of(&info.to_manifest()).text()
        );
        let message = format!(
            "call \"{}\": no recording follows the one that its transfer has ended: {}",
            info.call_id, error.message
        );
        event.subject = EventSubject::Call(CallFacts::new(number, info));
        self.bus.publish(event);
        self.bus.log(LogLevel::Warning, message);
    }
}
