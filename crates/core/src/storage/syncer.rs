//! The syncers, used with `storage.durability=power`: recordings in progress survive a power cut.
//!
//! A writer queues a recording for a syncer when it has created the recording, when the live
//! manifest is to be rewritten, and when its audio is due. A writer never waits for a sync: on a
//! disk that syncs slowly, the syncs are late, but the writes are not. Only while a syncer works on
//! a recording, that recording's audio stays in its queue.

use super::creator::Stage;
use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::listener::{LOG_ERROR, LOG_WARNING, StorageListener, contain_logged, panic_text};
use super::live_manifests::LiveManifests;
use super::live_recording::{LiveRecording, write_error};
use super::manifest_update::{is_held, put_off, write_update};
use super::recording_queue::{ManifestUpdate, RecordingQueue};
use super::retry::{Failure, Retry};
use super::sync_queue::SyncQueue;
use super::writer::{Writers, internal_error};
use crate::sync::Mutex;
use crate::task;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The minimum interval between two log lines about late syncs.
const LATE_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Syncs recordings in progress.
pub struct Syncer {
    pub queue: Arc<SyncQueue>,
    pub writers: Arc<Writers>,
    pub directory: Arc<StorageDirectory>,
    pub manifests: Arc<LiveManifests>,
    pub retry: Arc<Retry>,
    pub listener: Arc<dyn StorageListener>,
    /// The value of `storage.sync_interval_ms`.
    pub interval: Duration,
    /// The time from a write to its sync, and the maximum age of audio when it is written.
    pub delay: Duration,
    pub written_within: Duration,
    /// When late syncs were last logged.
    pub late_logged_at: Mutex<Option<Instant>>,
}

impl Syncer {
    /// Runs one syncer. Returns after the writers have returned.
    pub async fn run(&self) {
        while let Some(recording) = self.queue.next().await {
            contain_logged(&*self.listener, pin!(self.serve(&recording))).await;
            self.queue.done();
        }
    }

    async fn serve(&self, recording: &Arc<RecordingQueue>) {
        let Some(mut update) = recording.claim() else {
            return;
        };
        let Some(mut stage) = recording.stage.lock().take() else {
            return self.writers.release(recording, false);
        };
        let done = task::catch_panic(pin!(self.advance(recording, &mut stage, &mut update))).await;
        let done = done.unwrap_or_else(|panic| Err(Failure::permanent(internal_error(&panic_text(&panic)))));
        let again = match done {
            Ok(true) => true,
            Ok(false) => {
                recording.sync_failing_since.clear();
                false
            }
            Err(failure) if self.retry.should_retry(&recording.sync_failing_since, &failure) => true,
            Err(failure) => {
                update = None;
                self.writers.give_up(recording, &mut stage, failure.error).await;
                false
            }
        };
        *recording.stage.lock() = Some(stage);
        if let Some(update) = update {
            recording.put_back_update(update);
        }
        self.writers.release(recording, again);
    }

    /// Reports the start of the recording if that is pending, writes the pending update of its live
    /// manifest, and syncs its files. Returns whether any of that is still to be done.
    async fn advance(
        &self,
        recording: &RecordingQueue,
        stage: &mut Stage,
        update: &mut Option<ManifestUpdate>,
    ) -> Result<bool, Failure> {
        self.directory.reach_named("syncer", FaultPoint::Serve);
        let Stage::Live(live) = stage else {
            *update = None;
            return Ok(false);
        };
        self.writers.report_start(live).await?;
        let is_written = match update {
            Some(update) => self.write_update(recording, live, update).await?,
            None => true,
        };
        if is_written {
            *update = None;
        }
        // The audio does not wait for the manifest.
        let again = live.unsynced_since().is_some() && self.sync(recording, live).await;
        live.close_unless_slotted();
        Ok(again || !is_written)
    }

    /// Writes and syncs an update of the live manifest. If the sync fails permanently, the update
    /// is written without a sync and the recording continues. Returns `false` if it must be
    /// retried, or was put off.
    async fn write_update(
        &self,
        recording: &RecordingQueue,
        live: &mut LiveRecording,
        update: &ManifestUpdate,
    ) -> Result<bool, Failure> {
        let (manifests, listener) = (&self.manifests, &*self.listener);
        let Err(error) = write_update(live, update, true, manifests, listener).await else {
            return Ok(true);
        };
        if is_held(&error) {
            let now = self.directory.clock().now();
            return Ok(put_off(
                live,
                update,
                &error,
                (recording.is_ending(), now),
                listener,
            ));
        }
        let path = live.audio.path();
        let failure = Failure::new(write_error(&path, &error), &error);
        if self.retry.should_retry(&recording.sync_failing_since, &failure) {
            return Ok(false);
        }
        let written = write_update(live, update, false, manifests, listener).await;
        written.map_err(|error| Failure::new(write_error(&path, &error), &error))?;
        self.note_failed(live, error);
        Ok(true)
    }

    /// Syncs the recording's files. A failed sync does not end the recording, since later audio may
    /// still be kept. But it is unknown what the disk has lost, so the recording ends as failed.
    /// Returns whether the sync must be retried.
    async fn sync(&self, recording: &RecordingQueue, live: &mut LiveRecording) -> bool {
        let since = live.unsynced_since();
        let error = match live.sync().await {
            Ok(()) => {
                self.note_synced(since);
                return false;
            }
            Err(error) => error,
        };
        let failure = Failure::from_sync(live.error(&error), &error);
        let again = self.retry.should_retry(&recording.sync_failing_since, &failure);
        match again {
            true => live.retry_sync(since),
            false => self.note_failed(live, error),
        }
        again
    }

    fn note_failed(&self, live: &mut LiveRecording, error: io::Error) {
        if live.sync_error.is_none() {
            self.log_failed(live, &error);
            live.sync_error = Some(error);
        }
    }

    fn log_failed(&self, live: &LiveRecording, error: &io::Error) {
        let (id, file) = (live.id, live.audio.current());
        let message = format!(
            "recording {id}: \"{file}\" cannot be synced, so the disk may have lost audio; the recording \
             continues, and ends as failed: {error}"
        );
        self.listener.log(LOG_ERROR, message);
    }

    /// Logs syncs that are much later than configured.
    fn note_synced(&self, since: Option<Instant>) {
        let now = self.directory.clock().now();
        let waited = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if waited <= self.delay + self.interval {
            return;
        }
        let mut logged_at = self.late_logged_at.lock();
        if logged_at.is_some_and(|logged_at| now.saturating_duration_since(logged_at) < LATE_LOG_INTERVAL) {
            return;
        }
        *logged_at = Some(now);
        drop(logged_at);
        let (interval, cost) = (self.interval.as_millis(), waited + self.written_within);
        let cost = cost.as_millis();
        let message = format!(
            "the disk syncs too slowly for storage.sync_interval_ms {interval}: a power cut may lose the last \
             {cost} ms"
        );
        self.listener.log(LOG_WARNING, message);
    }
}
