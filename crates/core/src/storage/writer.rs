//! The writers, and the encoders: writers of recordings whose audio is encoded.

mod encoding;
mod failure;
mod updates;

pub use failure::internal_error;

use super::activity::Activity;
use super::backlog::{Backlog, TakenAudio};
use super::batch::Batch;
use super::buffer_pool::BufferPool;
use super::creator::{FirstManifest, RecordingCreator, RecordingPlan, Stage};
use super::directory::StorageDirectory;
use super::ending::Ending;
use super::faults::FaultPoint;
use super::finisher_queue::{EndedRecording, FinisherQueue, FinisherWork};
use super::listener::{StorageListener, panic_text};
use super::live_manifests::LiveManifests;
use super::live_recording::{LiveRecording, write_error};
use super::planted::StorageFault;
use super::raw_backlog::RawBacklog;
use super::recording_queue::{ManifestSource, PendingWork, QueueEntry, RecordingQueue, WriterQueue};
use super::retry::{Failure, Retry, TICK};
use super::sync_queue::SyncQueue;
use crate::memory::PieceQueue;
use crate::task::{self, NextStep, Signal};
use callrec_codec::Format;
use encoding::Turn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The parts of a store that the writers use.
pub struct WriterContext {
    pub directory: Arc<StorageDirectory>,
    pub manifests: Arc<LiveManifests>,
    pub creator: RecordingCreator,
    pub finisher_queue: Arc<FinisherQueue>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub listener: Arc<dyn StorageListener>,
    /// How recordings in progress are synced; `None` if they are not.
    pub syncs: Option<SyncOptions>,
}

/// How recordings in progress are synced.
pub struct SyncOptions {
    pub queue: Arc<SyncQueue>,
    /// The time from a write to its sync.
    pub delay: Duration,
}

/// Due times of one writer's recordings, in order.
type DueRecordings = PieceQueue<(Instant, Arc<RecordingQueue>)>;

/// What one writer does later.
#[derive(Default)]
struct Schedules {
    syncs: DueRecordings,
    /// Updates of live manifests that were put off.
    updates: DueRecordings,
}

impl Schedules {
    fn next(&self) -> Option<Instant> {
        let next = [&self.syncs, &self.updates].map(|schedule| schedule.front().map(|(at, _)| *at));
        next.into_iter().flatten().min()
    }
}

/// The writers of a store. Each recording belongs to one of them.
pub struct Writers {
    /// Those of the writers, then those of the encoders.
    writer_queues: Vec<WriterQueue>,
    writer_count: usize,
    backlog: Backlog,
    raw_backlog: Arc<RawBacklog>,
    pool: BufferPool,
    context: WriterContext,
}

impl Writers {
    pub fn new(
        (writers, encoders): (usize, usize),
        backlog: Backlog,
        raw_backlog: Arc<RawBacklog>,
        context: WriterContext,
    ) -> Writers {
        Writers {
            writer_queues: (0..writers + encoders).map(|_| WriterQueue::default()).collect(),
            writer_count: writers,
            backlog,
            raw_backlog,
            pool: BufferPool::default(),
            context,
        }
    }

    pub fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    pub fn raw_backlog(&self) -> &Arc<RawBacklog> {
        &self.raw_backlog
    }

    pub fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// Wakes the writers before their tick.
    pub fn wake(&self) {
        self.writer_queues.iter().for_each(WriterQueue::wake);
    }

    /// Queues the creation of a recording.
    pub fn begin(&self, id: Uuid, format: Format, first_manifest: FirstManifest) -> Arc<RecordingQueue> {
        let writer_index = self.index_for(id, format);
        let recording = Arc::new(RecordingQueue::new(
            writer_index,
            Stage::New(id, Some(first_manifest)),
        ));
        self.schedule(&recording, recording.push(None));
        recording
    }

    pub fn queue(&self, recording: &Arc<RecordingQueue>, entry: QueueEntry) {
        self.schedule(recording, recording.push(Some(entry)));
    }

    pub fn queue_update(
        &self,
        recording: &Arc<RecordingQueue>,
        source: Arc<dyn ManifestSource>,
        number: u64,
    ) {
        self.schedule(recording, recording.push_update(source, number));
    }

    fn schedule(&self, recording: &Arc<RecordingQueue>, needs_scheduling: bool) {
        if needs_scheduling {
            self.context.activity.work_begun();
            if let Some(writer_queue) = self.writer_queues.get(recording.writer_index) {
                writer_queue.push(Arc::clone(recording));
            }
        }
    }

    /// Ends a writer's wait for its tick. Returns `None` if there is no such writer.
    pub fn signal(&self, index: usize) -> Option<&Arc<Signal>> {
        self.writer_queues.get(index).map(WriterQueue::signal)
    }

    /// Runs one writer. Returns after the shutdown.
    pub async fn run(&self, index: usize) {
        let Some(writer_queue) = self.writer_queues.get(index) else {
            return;
        };
        let (mut gather, mut due) = (Vec::new(), Schedules::default());
        loop {
            let ending = self.context.activity.is_shutting_down();
            // Checked before the queue: recordings that a syncer has released since are in the
            // queue.
            let syncs_nothing = self
                .context
                .syncs
                .as_ref()
                .is_none_or(|syncs| syncs.queue.is_empty());
            let recordings = writer_queue.take();
            // What has arrived is written first, so that a crash costs no more if encoding is slow.
            let encoding = match recordings.is_empty() {
                true => writer_queue.take_encoding(),
                false => None,
            };
            let is_idle = recordings.is_empty() && encoding.is_none();
            if ending && is_idle && syncs_nothing {
                return self.finish_run();
            }
            let mut again = false;
            let turns = recordings.map(|recording| (recording, Turn::Write));
            for (recording, turn) in turns.chain(encoding.map(|recording| (recording, Turn::Encode))) {
                let served =
                    task::catch_panic(pin!(self.serve(&recording, turn, &mut gather, &mut due))).await;
                match served {
                    Ok(put_back) => again |= put_back,
                    Err(panic) => self.fail_after_panic(&recording, &panic_text(&panic)).await,
                }
                self.context.finisher_queue.work_done();
            }
            self.send_due(&mut due.syncs);
            self.queue_due_updates(&mut due.updates);
            if again || ending && is_idle {
                task::suspend(NextStep::At(self.now() + TICK)).await;
            } else if !ending && writer_queue.sleep() {
                task::suspend(due.next().map_or(NextStep::Signalled, NextStep::At)).await;
            } else {
                task::suspend(NextStep::Now).await;
            }
        }
    }

    fn now(&self) -> Instant {
        self.context.directory.clock().now()
    }

    fn finish_run(&self) {
        self.context.finisher_queue.writer_returned();
        if let Some(syncs) = &self.context.syncs {
            syncs.queue.wake_all();
        }
    }

    /// Queues the syncs that are due.
    fn send_due(&self, due: &mut DueRecordings) {
        let Some(syncs) = &self.context.syncs else {
            return;
        };
        let now = self.now();
        while due.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, recording)) = due.pop_front()
        {
            // A recording that was synced in between has a later time, or none.
            if recording
                .unsynced_since()
                .is_some_and(|since| since + syncs.delay <= now)
            {
                syncs.queue.send(&recording);
            }
        }
    }

    /// Writes the queued work of one recording. Returns `true` if the work was put back for a
    /// retry.
    async fn serve(
        &self,
        recording: &Arc<RecordingQueue>,
        turn: Turn,
        gather: &mut Vec<u8>,
        due: &mut Schedules,
    ) -> bool {
        if turn == Turn::Encode {
            recording.begin_encoding();
        }
        let Some(mut work) = recording.take() else {
            return false;
        };
        let mut taken = TakenAudio::new(&self.backlog, recording, work.audio_bytes());
        let Some(mut stage) = recording.stage.lock().take() else {
            self.release(recording, false);
            return false;
        };
        let put_back = !self
            .advance_or_fail(recording, turn, &mut stage, &mut work, gather)
            .await;
        self.note_unsynced(recording, &mut stage, &mut due.syncs);
        let must_sync_first = !put_back && self.must_sync_first(recording, &stage, &work);
        let must_encode_first = !put_back && self.must_encode_first(recording, &stage);
        let defers_update = !put_back && self.defers_update(recording, &stage, &work);
        if defers_update {
            self.schedule_update(recording, &mut stage, &mut due.updates);
        }
        *recording.stage.lock() = Some(stage);
        if put_back {
            if !gather.is_empty() && !self.context.directory.has_fault(StorageFault::GatheredForgotten) {
                work.entries.push_front(QueueEntry::Gathered(mem::take(gather)));
            }
            taken.put_back(work.audio_bytes());
            self.schedule(recording, recording.put_back(work));
        } else if must_sync_first {
            recording.leave_for_syncer(work);
        } else if must_encode_first || defers_update {
            recording.leave_for_later(work);
        }
        self.release(recording, false);
        if must_encode_first {
            self.queue_encoding(recording);
        }
        if must_sync_first && let Some(syncs) = &self.context.syncs {
            syncs.queue.send_urgent(recording);
        }
        put_back
    }

    /// Advances a recording, or ends it if it cannot be written. Returns `false` if that is to be tried again.
    async fn advance_or_fail(
        &self,
        recording: &RecordingQueue,
        turn: Turn,
        stage: &mut Stage,
        work: &mut PendingWork,
        gather: &mut Vec<u8>,
    ) -> bool {
        gather.clear();
        let advanced = task::catch_panic(pin!(self.advance(recording, turn, stage, work, gather))).await;
        let failure = match advanced {
            // Writing to the tail may succeed while writing to the file fails.
            Ok(Ok(())) if turn == Turn::Write && stage.unencoded() > 0 => return true,
            Ok(Ok(())) => {
                recording.failing_since.clear();
                return true;
            }
            Ok(Err(failure)) => failure,
            Err(panic) => Failure::permanent(internal_error(&panic_text(&panic))),
        };
        let retry = &self.context.retry;
        if retry.should_retry(&recording.failing_since, &failure) {
            return false;
        }
        self.fail(recording, stage, work, failure.error).await;
        true
    }

    /// Whether a sync must precede the recording's end, because its start or an update is not
    /// reported yet.
    fn must_sync_first(&self, recording: &RecordingQueue, stage: &Stage, work: &PendingWork) -> bool {
        match stage {
            Stage::Live(live) if self.context.syncs.is_some() => {
                !live.is_start_reported || self.must_sync_update(recording, live, work)
            }
            _ => false,
        }
    }

    /// Ends a writer's or syncer's work on a recording. With `again`, the recording is queued even
    /// without work.
    pub fn release(&self, recording: &Arc<RecordingQueue>, again: bool) {
        let actions = recording.release(again);
        self.schedule(recording, actions.schedule_writer);
        if actions.queue_sync
            && let Some(syncs) = &self.context.syncs
        {
            syncs.queue.send_urgent(recording);
        }
    }

    /// Schedules the sync of written data.
    fn note_unsynced(&self, recording: &Arc<RecordingQueue>, stage: &mut Stage, due: &mut DueRecordings) {
        let now = self.now();
        if let Some(syncs) = &self.context.syncs
            && let Stage::Live(live) = stage
            && let Some(since) = live.note_unsynced(now)
        {
            match since < now {
                // It was due before, and its sync failed.
                true => syncs.queue.send(recording),
                false => due.push_back((now + syncs.delay, Arc::clone(recording))),
            }
        }
    }

    /// Creates the recording if needed, writes its queued work, and passes it to a finisher if it
    /// has ended. Removes written entries from `work` and `gather`.
    async fn advance(
        &self,
        recording: &RecordingQueue,
        turn: Turn,
        stage: &mut Stage,
        work: &mut PendingWork,
        gather: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.context.directory.reach_named("writer", FaultPoint::Serve);
        self.make(stage, work).await?;
        if let Stage::Failing(..) = stage {
            self.end_failing(recording, stage, work);
        }
        let Stage::Live(live) = stage else {
            return Ok(());
        };
        if recording.discarded.load(Ordering::SeqCst) {
            self.drop_work(live.id, work);
        } else {
            let mut batch = Batch {
                live,
                gather,
                pool: &self.pool,
                listener: &*self.context.listener,
            };
            let mut written = batch.write(work).await;
            if written.is_ok() && work.is_ending() {
                // Nothing follows. An encoder encodes the rest, not a finisher, which others need.
                live.settle(u64::MAX);
            }
            if written.is_ok() {
                written = live.advance(turn.frames(live)).await;
            }
            if written.is_ok() && self.context.syncs.is_none() {
                written = self.write_due_update(live, work).await;
            }
            written.map_err(|error| Failure::new(write_error(&live.audio.path(), &error), &error))?;
        }
        // A file without a slot is closed before a finisher gets it.
        live.close_unless_slotted();
        let length = live.audio.length();
        recording.file_bytes.store(length.bytes, Ordering::Relaxed);
        if self.must_sync_first(recording, stage, work) || self.must_encode_first(recording, stage) {
            return Ok(());
        }
        let (Stage::Live(live), Some(QueueEntry::Finish(manifest, ending))) =
            (&mut *stage, work.entries.pop_front())
        else {
            return Ok(());
        };
        live.manifest = manifest.unwrap_or_else(|| mem::take(&mut live.manifest));
        match ending {
            Ending::Lost(error) => {
                work.entries.push_back(QueueEntry::Finish(None, Ending::Keep));
                Err(Failure::permanent(error))
            }
            ending => {
                self.hand_over(stage, ending);
                Ok(())
            }
        }
    }

    async fn make(&self, stage: &mut Stage, work: &PendingWork) -> Result<(), Failure> {
        if let Stage::New(id, first_manifest) = stage
            && let Some(first_manifest) = first_manifest.take()
        {
            let (manifest, name) = first_manifest();
            *stage = Stage::Planned(Box::new(RecordingPlan {
                id: *id,
                manifest: Box::new(manifest),
                name,
            }));
        }
        if let Stage::Planned(plan) = stage {
            let live = self.context.creator.create(plan, work.shape()).await?;
            let (id, is_reported) = (live.id, live.is_start_reported);
            *stage = Stage::Live(Box::new(live));
            if is_reported {
                self.context.listener.created(id);
            }
        }
        Ok(())
    }

    /// Called by a syncer. Syncs the new recording, then reports its start.
    pub async fn report_start(&self, live: &mut LiveRecording) -> Result<(), Failure> {
        if live.is_start_reported {
            return Ok(());
        }
        self.context.creator.make_durable(live).await?;
        live.is_start_reported = true;
        self.context.listener.created(live.id);
        Ok(())
    }

    /// Drops the audio of a discarded recording. Updates that were accepted before are still
    /// reported.
    fn drop_work(&self, id: Uuid, work: &mut PendingWork) {
        while let Some(entry) = work
            .entries
            .pop_front_if(|entry| !matches!(entry, QueueEntry::Finish(..)))
        {
            entry.recycle(&self.pool);
        }
        if self.context.syncs.is_some() {
            // A syncer reports the updates, in their order.
            return;
        }
        for number in work.update.take().into_iter().flat_map(|update| update.numbers) {
            self.context.listener.manifest_updated(id, number);
        }
    }

    fn hand_over(&self, stage: &mut Stage, ending: Ending) {
        if let Stage::Live(live) = mem::replace(stage, Stage::Done) {
            self.push_ended(live, ending);
        }
    }

    fn push_ended(&self, live: Box<LiveRecording>, ending: Ending) {
        let work = FinisherWork::Finish(EndedRecording::new(live, ending));
        self.context.finisher_queue.push(work);
    }
}
