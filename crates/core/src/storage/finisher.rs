//! The finishers: publish or discard recordings that have ended, then report the end.
//!
//! An end is reported once the disk holds it, in the manifest beside the audio or in the live
//! manifest. While the disk accepts neither, the end is not reported, and the finisher retries as
//! long as the engine runs. After that, the next open reports the end. So a later open never
//! reports a different end.

use super::activity::Activity;
use super::directory::StorageDirectory;
use super::ending::Ending;
use super::faults::FaultPoint;
use super::file_suffixes::PART;
use super::finisher_queue::{EndedRecording, FinisherQueue, FinisherWork};
use super::listener::{LOG_ERROR, StorageListener, contain_logged, panic_text};
use super::live_manifests::LiveManifests;
use super::live_recording::LiveRecording;
use super::notifier::Notifier;
use super::planted::StorageFault;
use super::publisher::{Publisher, record_end};
use super::retry::Retry;
use crate::task;
use crate::types::{Error, RecordingState, Status};
use std::io;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The delay before the first retry of an end that the disk refused. It doubles with each retry, up
/// to `RETRY_LONGEST`.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(1);

/// Ends recordings.
pub struct Finisher {
    pub directory: Arc<StorageDirectory>,
    pub manifests: Arc<LiveManifests>,
    pub publisher: Arc<Publisher>,
    pub notifier: Arc<Notifier>,
    pub finisher_queue: Arc<FinisherQueue>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub listener: Arc<dyn StorageListener>,
}

/// The result of one attempt to end a recording.
enum FinishResult {
    /// The disk holds the end.
    Stored,
    /// The disk does not accept the end.
    Refused(Error),
    OutOfTime,
}

impl Finisher {
    /// Runs one finisher. Returns after the shutdown.
    pub async fn run(&self) {
        while let Some(work) = self.finisher_queue.next().await {
            let done = async {
                match work {
                    FinisherWork::Finish(ended) => self.finish(ended).await,
                    FinisherWork::Settle(id) => self.notifier.settle(id).await,
                }
            };
            contain_logged(&*self.listener, pin!(done)).await;
            self.finisher_queue.work_done();
        }
    }

    async fn finish(&self, mut ended: Box<EndedRecording>) {
        match self.try_end(&mut ended).await {
            FinishResult::Stored => {
                // Only a test can end the process here.
                let _ = self.directory.reach(FaultPoint::Report).await;
                let manifest = mem::take(&mut *ended.live.manifest);
                self.notifier.report_end(ended.live.id, manifest, false).await;
            }
            FinishResult::OutOfTime => {
                self.defer_to_next_open(ended.live.id, "encoding or hashing its file would take too long")
            }
            FinishResult::Refused(error) if self.is_closing() => {
                self.defer_to_next_open(ended.live.id, &error.message)
            }
            FinishResult::Refused(error) => self.retry_later(ended, &error),
        }
    }

    fn is_closing(&self) -> bool {
        self.activity.is_shutting_down() || self.activity.defers_long_work(false)
    }

    /// Schedules a retry. The end is not reported yet.
    fn retry_later(&self, mut ended: Box<EndedRecording>, error: &Error) {
        if ended.attempts == 0 {
            let (id, why) = (ended.live.id, &error.message);
            let message = format!(
                "recording {id} has ended, but the disk refuses to store its end; callrec tries again, and \
                 reports the end afterwards: {why}"
            );
            self.listener.log(LOG_ERROR, message);
        }
        let pause = RETRY_FIRST.saturating_mul(1 << ended.attempts.min(10));
        ended.attempts += 1;
        let due = self.directory.clock().now() + pause.min(RETRY_LONGEST);
        self.finisher_queue.push_at(due, FinisherWork::Finish(ended));
    }

    /// Leaves the end to the next open. This engine does not report it.
    fn defer_to_next_open(&self, id: Uuid, why: &str) {
        let message = format!(
            "recording {id} has ended, but the engine closes before its end is stored; the next open reports \
             the end: {why}"
        );
        self.listener.log(LOG_ERROR, message);
        self.listener.end_deferred(id);
    }

    async fn try_end(&self, ended: &mut EndedRecording) -> FinishResult {
        let EndedRecording {
            live,
            ending,
            attempts,
            has_noted_end,
        } = ended;
        let discards = matches!(ending, Ending::Discard);
        let done = task::catch_panic(pin!(async {
            self.directory.reach_named("finisher", FaultPoint::Finisher);
            if *attempts > 0 && !discards {
                // If the disk refuses a manifest, nothing else is attempted.
                let probe = match *has_noted_end {
                    true => self.retract_noted_end(live).await,
                    false => self.manifests.prepare(live.id, &live.manifest).await,
                };
                probe.map_err(|error| live.error(&error))?;
                *has_noted_end = false;
            }
            match ending {
                Ending::Discard if self.directory.has_fault(StorageFault::DiscardPublished) => {
                    self.publisher.publish(live, false).await
                }
                Ending::Discard => self.discard(live).await.map(|()| true),
                Ending::Fail(error) | Ending::Lost(error) => {
                    live.manifest.fail(error);
                    self.publisher.publish(live, true).await
                }
                Ending::Keep => self.publisher.publish(live, false).await,
            }
        }))
        .await;
        match done {
            Ok(Ok(true)) => FinishResult::Stored,
            Ok(Ok(false)) => FinishResult::OutOfTime,
            // The next open must not publish a discarded recording.
            Ok(Err(error)) if discards => FinishResult::Refused(error),
            Err(panic) if discards => FinishResult::Refused(Error::new(Status::Internal, panic_text(&panic))),
            Ok(Err(error)) => self.note_unpublished(live, has_noted_end, error).await,
            Err(panic) => {
                self.note_unpublished(
                    live,
                    has_noted_end,
                    Error::new(Status::Internal, panic_text(&panic)),
                )
                .await
            }
        }
    }

    /// Records in the live manifest that publishing failed. The failure is then reported, and the
    /// next open publishes the audio.
    async fn note_unpublished(
        &self,
        live: &mut LiveRecording,
        has_noted_end: &mut bool,
        error: Error,
    ) -> FinishResult {
        record_end(live, self.directory.clock().unix_ms());
        let mut reported = live.manifest.clone();
        reported.fail(&error);
        reported.file = self.publisher.reported_path(live);
        let mut note = reported.clone();
        note.part = format!("{}{PART}", live.audio.path());
        if !live.audio.is_published() {
            note.file = live.audio.path();
        }
        let noted = contain_logged(&*self.listener, pin!(self.manifests.note_end(live.id, &note))).await;
        if !matches!(noted, Some(Ok(()))) {
            *has_noted_end = true;
            return FinishResult::Refused(error);
        }
        let (id, file, why) = (live.id, live.audio.current_path(), &error.message);
        let message = format!(
            "recording {id} cannot be published; its audio stays in \"{file}\", and the next open tries \
             again: {why}"
        );
        self.listener.log(LOG_ERROR, message);
        self.manifests.retain(id);
        live.manifest = reported;
        FinishResult::Stored
    }

    /// Removes an unreported end from the live manifest before another end is reported. Otherwise
    /// the next open would report the first one.
    async fn retract_noted_end(&self, live: &LiveRecording) -> io::Result<()> {
        let mut manifest = (*live.manifest).clone();
        manifest.state = RecordingState::Recording.text().to_owned();
        manifest.end_reason = String::new();
        manifest.part = format!("{}{PART}", live.audio.path());
        if !live.audio.is_published() {
            manifest.file = live.audio.path();
        }
        self.manifests.rewrite_safely(live.id, &manifest).await
    }

    /// Discards the audio. The discard is stored before the audio is removed; otherwise a crash in
    /// between would look like lost audio.
    async fn discard(&self, live: &mut LiveRecording) -> Result<(), Error> {
        record_discard(live, self.directory.clock().unix_ms());
        let mut noted = self
            .retry
            .retry_temporary(async || self.note_discard(live).await)
            .await;
        let removed = self
            .retry
            .retry_temporary(async || live.remove_audio().await)
            .await;
        if noted.is_err() {
            // A full disk now has free space.
            noted = self.note_discard(live).await;
        }
        noted.and(removed).map_err(|error| live.error(&error))
    }

    async fn note_discard(&self, live: &LiveRecording) -> io::Result<()> {
        self.directory.reach(FaultPoint::NoteDiscard).await?;
        let mut note = (*live.manifest).clone();
        note.part = format!("{}{PART}", live.audio.path());
        self.manifests.note_end(live.id, &note).await
    }
}

/// `now_ms`: Unix time.
fn record_discard(live: &mut LiveRecording, now_ms: i64) {
    record_end(live, now_ms);
    live.record_measured();
    live.manifest.discard();
}
