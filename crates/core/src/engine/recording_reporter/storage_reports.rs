//! What storage reports, one function for each report.

use uuid::Uuid;

use super::super::manifest_change::ManifestChange;
use super::RecordingReporter;
use crate::audit::{Actor, AuditLine, AuditedRecording};
use crate::calls::EventStage;
use crate::events::{EventKind, LogLevel};
use crate::storage::{Confirmation, DeletedRecording, Manifest, StorageListener};
use crate::sync::atomic::Ordering;
use crate::sync::catch_panic;
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Status};

impl RecordingReporter {
    /// The line of a deletion that an earlier process began while the disk was full: who asked for it is not known.
    fn deletion_line(&self, id: Uuid) -> String {
        let mut line = AuditLine::new(self.clock.unix_ms(), Actor::Engine, "delete");
        line.put_recordings(&[AuditedRecording {
            id,
            call_id: Text::default(),
            position_ms: None,
            status: Status::Ok,
        }]);
        line.put_outcome(None);
        line.finish()
    }
}

impl StorageListener for RecordingReporter {
    fn created(&self, id: Uuid) {
        if let Some(recording) = self.registry.recording(id) {
            self.registry.created(&recording);
            let mut stage = recording.event_stage.lock();
            let before = std::mem::replace(&mut *stage, EventStage::Started);
            let state = Some(RecordingState::Recording);
            self.publish(EventKind::Started, &recording, state, (0, ""));
            if let EventStage::LossPending(spans) = before {
                self.publish_loss(&recording, &spans);
            }
        }
    }

    fn create_failed(&self, id: Uuid, error: Error) {
        self.note_failed(id, &error);
        let Some(recording) = self.registry.recording(id) else {
            return;
        };
        {
            let mut life = recording.lifecycle.lock();
            life.state = RecordingState::Failed;
            life.end_reason = Some(EndReason::WriteError);
            life.error = error.status;
        }
        if !self.registry.start_failed(&recording) {
            self.registry.forget(id);
            return;
        }
        let published = catch_panic(|| self.publish_start_failed(&recording, &error));
        self.finish_report(id, published);
    }

    fn manifest_updated(&self, id: Uuid, number: u64) {
        self.publish_pause(id, ManifestChange::of(number));
    }

    fn write_failed(&self, id: Uuid, error: Error) {
        self.note_failed(id, &error);
    }

    fn is_discarded(&self, id: Uuid) -> bool {
        let recording = self.registry.recording(id);
        recording.is_some_and(|found| found.lifecycle.lock().end_reason == Some(EndReason::Discarded))
    }

    fn published(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        let recording = self.registry.recording(id);
        let published = catch_panic(|| self.publish_end(id, recording.as_deref(), manifest, repeated));
        self.finish_report(id, published);
    }

    fn end_deferred(&self, id: Uuid) {
        self.registry.remember(id);
    }

    fn job_queued(&self, kind: &str, id: Uuid) {
        if self.actions.push(kind, id) {
            let message = format!(
                "jobs of the kind {kind} in .callrec/jobs/{kind} wait, because no action for them is \
                     registered; for callbacks, start a gateway"
            );
            self.bus.log(LogLevel::Info, message);
        }
    }

    fn deleted(&self, deleted: DeletedRecording) -> Option<Confirmation> {
        self.deleted.fetch_add(1, Ordering::Relaxed);
        self.registry.forget_deleted(deleted.id);
        self.publish_deleted(deleted.id, deleted.is_resumed);
        let line = match deleted.line.is_empty() {
            true => self.deletion_line(deleted.id),
            false => deleted.line,
        };
        match self.audit.get() {
            Some(audit) => audit.push_awaited(line, deleted.is_resumed, deleted.confirm),
            None => Some(deleted.confirm),
        }
    }

    fn log(&self, level: i32, message: String) {
        let level = match level {
            1 => LogLevel::Error,
            2 => LogLevel::Warning,
            _ => LogLevel::Info,
        };
        self.bus.log(level, message);
    }
}
