//! How a writer fails a recording.

use super::super::backlog::TakenAudio;
use super::super::creator::Stage;
use super::super::ending::Ending;
use super::super::listener::{LOG_ERROR, guarded};
use super::super::manifest::Manifest;
use super::super::recording_queue::{PendingWork, QueueEntry, RecordingQueue};
use super::Writers;
use crate::types::{Error, Status};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

impl Writers {
    /// Handles an unexpected panic. The recording must not stay live forever.
    pub(super) async fn fail_after_panic(&self, recording: &Arc<RecordingQueue>, why: &str) {
        let stage = recording.stage.lock().take();
        match stage {
            Some(mut stage) => {
                self.give_up(recording, &mut stage, internal_error(why)).await;
                *recording.stage.lock() = Some(stage);
            }
            None => self.context.listener.log(LOG_ERROR, why.to_owned()),
        }
        self.release(recording, false);
    }

    /// Fails this recording and drops its queued work.
    pub async fn give_up(&self, recording: &RecordingQueue, stage: &mut Stage, error: Error) {
        let mut work = recording.clear();
        drop(TakenAudio::new(&self.backlog, recording, work.audio_bytes()));
        self.fail(recording, stage, &mut work, error).await;
    }

    /// Passes a failing recording to a finisher once its end is queued.
    pub(super) fn end_failing(&self, recording: &RecordingQueue, stage: &mut Stage, work: &mut PendingWork) {
        let end = work
            .entries
            .pop_back_if(|entry| matches!(entry, QueueEntry::Finish(..)));
        for entry in work.entries.drain(..) {
            if let (Stage::Failing(live, _), QueueEntry::Raw(block)) = (&mut *stage, &entry) {
                live.drop_raw(block);
            }
            entry.recycle(&self.pool);
        }
        work.update = None;
        let Some(QueueEntry::Finish(manifest, _)) = end else {
            return;
        };
        if let Stage::Failing(mut live, ending) = mem::replace(stage, Stage::Done) {
            if let Some(manifest) = manifest.or_else(|| self.latest(recording)) {
                live.manifest = manifest;
            }
            self.push_ended(live, ending);
        }
    }

    /// Fails this recording. Its written audio is published as partial, unless it was discarded in
    /// between. Publishing waits for the recording's own end, which says how much audio could not
    /// be written.
    pub(super) async fn fail(
        &self,
        recording: &RecordingQueue,
        stage: &mut Stage,
        work: &mut PendingWork,
        error: Error,
    ) {
        let listener = &*self.context.listener;
        match stage {
            Stage::New(id, _) => {
                let id = *id;
                self.report_create_failed(id, stage, error);
            }
            Stage::Planned(plan) => {
                let id = plan.id;
                self.report_create_failed(id, stage, error);
            }
            Stage::Live(live) if !live.is_start_reported => {
                let id = live.id;
                self.context.creator.remove_unreported(live).await;
                self.report_create_failed(id, stage, error);
            }
            Stage::Live(live) => {
                let id = live.id;
                guarded(listener, || listener.write_failed(id, error.clone()));
                let discarded = recording.discarded.load(Ordering::SeqCst)
                    || guarded(listener, || listener.is_discarded(id)).unwrap_or(false);
                let ending = if discarded {
                    Ending::Discard
                } else {
                    Ending::Fail(error)
                };
                if let Stage::Live(live) = mem::replace(stage, Stage::Done) {
                    *stage = Stage::Failing(live, ending);
                }
                self.end_failing(recording, stage, work);
            }
            Stage::Failing(..) => self.end_failing(recording, stage, work),
            Stage::Done => {}
        }
    }

    pub(super) fn report_create_failed(&self, id: Uuid, stage: &mut Stage, error: Error) {
        *stage = Stage::Done;
        let listener = &*self.context.listener;
        guarded(listener, || listener.create_failed(id, error));
    }

    pub(super) fn latest(&self, recording: &RecordingQueue) -> Option<Box<Manifest>> {
        let source = recording.source.get()?.upgrade()?;
        guarded(&*self.context.listener, || source.manifest())
    }
}

pub fn internal_error(why: &str) -> Error {
    Error::new(Status::Internal, why)
}
