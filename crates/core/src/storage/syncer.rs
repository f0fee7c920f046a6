//! The syncers, with `storage.durability=power`: what is in progress survives a power cut.
//!
//! A writer sends a recording here when it has made it, when its live manifest is to be
//! rewritten, and when its audio has waited long enough. No writer ever waits for a sync: on a
//! disk that syncs slowly the syncs come late, and what is written does not. Only while a
//! syncer is at work on a recording, that one's audio waits in its channel.

use super::directory::Directory;
use super::faults::Step;
use super::live::{Live, write_error};
use super::live_manifests::LiveManifests;
use super::mark::write_mark;
use super::plan::Stage;
use super::queue::{Channel, Mark};
use super::report::{LOG_ERROR, LOG_WARNING, Report, contain_logged, panic_text};
use super::retry::{Failure, Retry};
use super::sync_queue::SyncQueue;
use super::writer::{Writers, internal};
use crate::sync::Mutex;
use crate::task;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// That syncs come late is logged no more often than this.
const LATE_AGAIN: Duration = Duration::from_secs(60);

/// Syncs what is in progress.
pub struct Syncer {
    pub queue: Arc<SyncQueue>,
    pub writers: Arc<Writers>,
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub retry: Arc<Retry>,
    pub report: Arc<dyn Report>,
    /// `storage.sync_interval_ms`
    pub interval: Duration,
    /// How long after it was written audio is synced, and how old it may have been by then.
    pub delay: Duration,
    pub written_within: Duration,
    /// When it was last logged that syncs come late.
    pub told_late: Mutex<Option<Instant>>,
}

impl Syncer {
    /// One syncer. It returns after the writers.
    pub async fn run(&self) {
        while let Some(channel) = self.queue.next().await {
            contain_logged(&*self.report, self.serve(&channel)).await;
            self.queue.done();
        }
    }

    async fn serve(&self, channel: &Arc<Channel>) {
        let Some(mut mark) = channel.claim() else {
            return;
        };
        let Some(mut stage) = channel.stage.lock().take() else {
            return self.writers.let_go(channel, false);
        };
        let done = task::catch_panic(self.advance(channel, &mut stage, &mut mark)).await;
        let done = done.unwrap_or_else(|panic| Err(Failure::lasting(internal(&panic_text(&panic)))));
        let again = match done {
            Ok(true) => true,
            Ok(false) => {
                channel.sync_trouble.over();
                false
            }
            Err(failure) if self.retry.is_worth_trying(&channel.sync_trouble, &failure) => true,
            Err(failure) => {
                mark = None;
                self.writers.give_up(channel, &mut stage, failure.error).await;
                false
            }
        };
        *channel.stage.lock() = Some(stage);
        if let Some(mark) = mark {
            channel.give_back(mark);
        }
        self.writers.let_go(channel, again);
    }

    /// Tells that the recording has started, if that has not been done, has its live manifest
    /// rewritten if that is asked for, and syncs what was written. Returns whether that is to be
    /// synced once more.
    async fn advance(
        &self,
        channel: &Channel,
        stage: &mut Stage,
        mark: &mut Option<Mark>,
    ) -> Result<bool, Failure> {
        self.directory.step_named("syncer", Step::Serve);
        let Stage::Live(live) = stage else {
            *mark = None;
            return Ok(false);
        };
        self.writers.tell_start(live).await?;
        if let Some(mark) = mark
            && !self.write_mark(channel, live, mark).await?
        {
            return Ok(true);
        }
        *mark = None;
        let again = live.unsynced_since().is_some() && self.sync(channel, live).await;
        live.rest();
        Ok(again)
    }

    /// One that cannot be brought to the disk is written all the same, and the recording goes
    /// on, as with its audio. Returns `false` if it is to be tried again.
    async fn write_mark(&self, channel: &Channel, live: &mut Live, mark: &Mark) -> Result<bool, Failure> {
        let (manifests, report) = (&self.manifests, &*self.report);
        let Err(error) = write_mark(live, mark, true, manifests, report).await else {
            return Ok(true);
        };
        let path = live.audio.path();
        let failure = Failure::new(write_error(&path, &error), &error);
        if self.retry.is_worth_trying(&channel.sync_trouble, &failure) {
            return Ok(false);
        }
        let written = write_mark(live, mark, false, manifests, report).await;
        written.map_err(|error| Failure::new(write_error(&path, &error), &error))?;
        self.note_failed(live, error);
        Ok(true)
    }

    /// A sync that fails does not end the recording: what is said from here on is worth keeping
    /// whatever was lost. But what the disk has kept, nobody knows any more, and its end says so.
    /// Returns whether it is to be tried again.
    async fn sync(&self, channel: &Channel, live: &mut Live) -> bool {
        let since = live.unsynced_since();
        let error = match live.sync().await {
            Ok(()) => {
                self.note_synced(since);
                return false;
            }
            Err(error) => error,
        };
        let failure = Failure::of_sync(live.error(&error), &error);
        let again = self.retry.is_worth_trying(&channel.sync_trouble, &failure);
        match again {
            true => live.sync_again(since),
            false => self.note_failed(live, error),
        }
        again
    }

    fn note_failed(&self, live: &mut Live, error: io::Error) {
        if live.sync_error.is_none() {
            self.log_failed(live, &error);
            live.sync_error = Some(error);
        }
    }

    fn log_failed(&self, live: &Live, error: &io::Error) {
        let (id, file) = (live.id, live.audio.current());
        let rest = "it goes on, and ends as failed";
        let message = format!("recording {id}: \"{file}\" cannot be synced: {error}: {rest}");
        self.report.log(LOG_ERROR, message);
    }

    /// Logs that syncs come much later than they are to.
    fn note_synced(&self, since: Option<Instant>) {
        let now = self.directory.clock().now();
        let waited = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if waited <= self.delay + self.interval {
            return;
        }
        let mut told = self.told_late.lock();
        if told.is_some_and(|told| now.saturating_duration_since(told) < LATE_AGAIN) {
            return;
        }
        *told = Some(now);
        drop(told);
        let (interval, cost) = (self.interval.as_millis(), waited + self.written_within);
        let cost = cost.as_millis();
        let message = format!(
            "storage.sync_interval_ms {interval}: the disk syncs too slowly: a power cut may cost {cost} ms"
        );
        self.report.log(LOG_WARNING, message);
    }
}
