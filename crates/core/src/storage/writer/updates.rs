//! Updates of live manifests that a writer puts off, because another process holds the manifest.

use super::super::creator::Stage;
use super::super::live_recording::LiveRecording;
use super::super::manifest_update::{is_held, put_off, write_update};
use super::super::recording_queue::{PendingWork, RecordingQueue};
use super::{DueRecordings, Writers};
use std::io;
use std::sync::Arc;

impl Writers {
    /// Writes the update of the live manifest, unless it was put off and is not due yet. Leaves it in
    /// `work` if another process holds the manifest.
    pub(super) async fn write_due_update(
        &self,
        live: &mut LiveRecording,
        work: &mut PendingWork,
    ) -> io::Result<()> {
        let (ends, now) = (work.is_ending(), self.now());
        let is_due = ends || live.update_due.is_none_or(|due| due <= now);
        let Some(update) = work.update.as_ref().filter(|_| is_due) else {
            return Ok(());
        };
        let (manifests, listener) = (&self.context.manifests, &*self.context.listener);
        let is_done = match write_update(live, update, false, manifests, listener).await {
            Err(error) if is_held(&error) => put_off(live, update, &error, (ends, now), listener),
            written => written.map(|()| true)?,
        };
        if is_done {
            work.update = None;
        }
        Ok(())
    }

    /// Whether an update of the live manifest was put off. The end does not wait.
    pub(super) fn defers_update(
        &self,
        recording: &RecordingQueue,
        stage: &Stage,
        work: &PendingWork,
    ) -> bool {
        let Stage::Live(live) = stage else {
            return false;
        };
        live.update_due.is_some()
            && !work.is_ending()
            && (work.update.is_some() || recording.has_ready_update())
    }

    /// Whether an update of the live manifest is to be written and synced now.
    pub(super) fn must_sync_update(
        &self,
        recording: &RecordingQueue,
        live: &LiveRecording,
        work: &PendingWork,
    ) -> bool {
        let is_put_off = live.update_due.is_some_and(|due| self.now() < due);
        (work.update.is_some() || recording.has_ready_update()) && (work.is_ending() || !is_put_off)
    }

    /// Schedules the next attempt at an update that was put off.
    pub(super) fn schedule_update(
        &self,
        recording: &Arc<RecordingQueue>,
        stage: &mut Stage,
        updates: &mut DueRecordings,
    ) {
        if let Stage::Live(live) = stage
            && let Some(due) = live.update_due
            && live.update_scheduled != Some(due)
        {
            live.update_scheduled = Some(due);
            updates.push_back((due, Arc::clone(recording)));
        }
    }

    /// Queues the recordings whose updates are due.
    pub(super) fn queue_due_updates(&self, updates: &mut DueRecordings) {
        let now = self.now();
        while updates.front().is_some_and(|(due, _)| *due <= now)
            && let Some((_, recording)) = updates.pop_front()
        {
            self.schedule(&recording, recording.push(None));
        }
    }
}
