//! The writers.

use super::activity::Activity;
use super::backlog::{Backlog, TakenAudio};
use super::batch::Batch;
use super::directory::Directory;
use super::ending::Ending;
use super::faults::Step;
use super::finisher_queue::{EndedRecording, FinisherQueue, FinisherWork};
use super::live::{Live, write_error};
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::mark::write_mark;
use super::plan::{FirstManifest, Maker, Plan, Stage};
use super::planted::StorageFault;
use super::pool::Pool;
use super::queue::{Channel, Item, Lane, Source, Work};
use super::report::{LOG_ERROR, Report, guarded, panic_text};
use super::retry::{Failure, Retry, TICK};
use super::sync_queue::SyncQueue;
use crate::memory::PieceQueue;
use crate::task::{self, NextStep, Signal};
use crate::types::{Error, Status};
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What the writers share with the rest of a store.
pub struct WriterLinks {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub maker: Maker,
    pub finisher_queue: Arc<FinisherQueue>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
    /// Where what is in progress is synced.
    pub syncs: Option<Syncs>,
}

/// How a writer has its recordings synced.
pub struct Syncs {
    pub queue: Arc<SyncQueue>,
    /// How long after it was written audio is synced.
    pub delay: Duration,
}

/// When which recordings of one writer are to be synced, in order.
type Due = PieceQueue<(Instant, Arc<Channel>)>;

/// A few writers that write for all recordings. Each recording has its writer.
pub struct Writers {
    lanes: Vec<Lane>,
    backlog: Backlog,
    pool: Pool,
    links: WriterLinks,
}

impl Writers {
    pub fn new(count: usize, backlog: Backlog, links: WriterLinks) -> Writers {
        Writers {
            lanes: (0..count).map(|_| Lane::default()).collect(),
            backlog,
            pool: Pool::default(),
            links,
        }
    }

    pub fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Wakes the writers before their tick.
    pub fn nudge(&self) {
        self.lanes.iter().for_each(Lane::nudge);
    }

    /// Queues the making of a recording.
    pub fn begin(&self, id: Uuid, first_manifest: FirstManifest) -> Arc<Channel> {
        let lane = (id.as_u128() % self.lanes.len() as u128) as usize;
        let channel = Arc::new(Channel::new(lane, Stage::Begun(id, Some(first_manifest))));
        self.schedule(&channel, channel.push(None));
        channel
    }

    pub fn queue(&self, channel: &Arc<Channel>, item: Item) {
        self.schedule(channel, channel.push(Some(item)));
    }

    pub fn queue_mark(&self, channel: &Arc<Channel>, source: Arc<dyn Source>, mark: u32) {
        self.schedule(channel, channel.push_mark(source, mark));
    }

    fn schedule(&self, channel: &Arc<Channel>, to_tell: bool) {
        if to_tell {
            self.links.activity.work_begun();
            if let Some(lane) = self.lanes.get(channel.lane) {
                lane.push(Arc::clone(channel));
            }
        }
    }

    /// What ends a writer's wait for its tick; `None`: there is no such writer.
    pub fn signal(&self, index: usize) -> Option<&Arc<Signal>> {
        self.lanes.get(index).map(Lane::signal)
    }

    /// One writer. It returns after the shutdown.
    pub async fn run(&self, index: usize) {
        let Some(lane) = self.lanes.get(index) else {
            return;
        };
        let (mut gather, mut due) = (Vec::new(), Due::default());
        loop {
            let ending = self.links.activity.is_shutting_down();
            // Asked first: what a syncer has let go of since is in the lane.
            let syncs_nothing = self
                .links
                .syncs
                .as_ref()
                .is_none_or(|syncs| syncs.queue.is_empty());
            let channels = lane.take();
            let is_idle = channels.is_empty();
            if ending && is_idle && syncs_nothing {
                return self.return_from_work();
            }
            let mut again = false;
            for channel in channels {
                let served = task::catch_panic(self.serve(&channel, &mut gather, &mut due)).await;
                match served {
                    Ok(put_back) => again |= put_back,
                    Err(panic) => self.give_up_on(&channel, &panic_text(&panic)).await,
                }
                self.links.finisher_queue.work_done();
            }
            self.send_due(&mut due);
            if again || !ending || is_idle {
                task::suspend(NextStep::At(self.now() + TICK)).await;
            }
        }
    }

    fn now(&self) -> Instant {
        self.links.directory.clock().now()
    }

    fn return_from_work(&self) {
        self.links.finisher_queue.writer_returned();
        if let Some(syncs) = &self.links.syncs {
            syncs.queue.look_again();
        }
    }

    /// Sends a syncer to the recordings whose audio has waited long enough.
    fn send_due(&self, due: &mut Due) {
        let Some(syncs) = &self.links.syncs else {
            return;
        };
        let now = self.now();
        while due.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, channel)) = due.pop_front()
        {
            // What a syncer has had meanwhile has a later time, or none.
            if channel
                .unsynced_since()
                .is_some_and(|since| since + syncs.delay <= now)
            {
                syncs.queue.send(&channel);
            }
        }
    }

    /// Writes all that one recording has queued. Returns `true` if that cannot be done now,
    /// so it was put back.
    async fn serve(&self, channel: &Arc<Channel>, gather: &mut Vec<u8>, due: &mut Due) -> bool {
        let Some(mut work) = channel.take() else {
            return false;
        };
        let mut taken = TakenAudio::new(&self.backlog, channel, work.audio_bytes());
        let Some(mut stage) = channel.stage.lock().take() else {
            self.let_go(channel, false);
            return false;
        };
        gather.clear();
        let advanced = task::catch_panic(self.advance(channel, &mut stage, &mut work, gather));
        let failure = match advanced.await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => Some(Failure::lasting(internal(&panic_text(&panic)))),
        };
        let mut put_back = false;
        match failure {
            None => channel.trouble.over(),
            Some(failure) if self.links.retry.is_worth_trying(&channel.trouble, &failure) => put_back = true,
            Some(failure) => self.fail(channel, &mut stage, &mut work, failure.error).await,
        }
        self.note_unsynced(channel, &mut stage, due);
        let awaits_sync = !put_back && self.awaits_sync(channel, &stage, &work);
        *channel.stage.lock() = Some(stage);
        if put_back {
            if !gather.is_empty() && !self.links.directory.has(StorageFault::GatheredForgotten) {
                work.items.push_front(Item::Gathered(mem::take(gather)));
            }
            taken.keep(work.audio_bytes());
            self.schedule(channel, channel.put_back(work));
        } else if awaits_sync {
            channel.leave(work);
        }
        self.let_go(channel, false);
        if awaits_sync && let Some(syncs) = &self.links.syncs {
            syncs.queue.send_awaited(channel);
        }
        put_back
    }

    /// Whether a syncer must have been there before the recording can end: its start was not
    /// told yet, or a mark.
    fn awaits_sync(&self, channel: &Channel, stage: &Stage, work: &Work) -> bool {
        match stage {
            Stage::Live(live) if self.links.syncs.is_some() => {
                !live.is_start_told || work.mark.is_some() || channel.has_ready_mark()
            }
            _ => false,
        }
    }

    /// Nobody works on the recording any more. `again`: it is to be looked at in any case.
    pub fn let_go(&self, channel: &Arc<Channel>, again: bool) {
        let let_go = channel.let_go(again);
        self.schedule(channel, let_go.to_schedule);
        if let_go.to_send
            && let Some(syncs) = &self.links.syncs
        {
            syncs.queue.send_awaited(channel);
        }
    }

    /// Notes when what was written is to be synced.
    fn note_unsynced(&self, channel: &Arc<Channel>, stage: &mut Stage, due: &mut Due) {
        let now = self.now();
        if let Some(syncs) = &self.links.syncs
            && let Stage::Live(live) = stage
            && let Some(since) = live.note_unsynced(now)
        {
            match since < now {
                // It was due before, and refused.
                true => syncs.queue.send(channel),
                false => due.push_back((now + syncs.delay, Arc::clone(channel))),
            }
        }
    }

    /// A panic where none was to be: the recording must not stay live for ever.
    async fn give_up_on(&self, channel: &Arc<Channel>, why: &str) {
        let stage = channel.stage.lock().take();
        match stage {
            Some(mut stage) => {
                self.give_up(channel, &mut stage, internal(why)).await;
                *channel.stage.lock() = Some(stage);
            }
            None => self.links.report.log(LOG_ERROR, why.to_owned()),
        }
        self.let_go(channel, false);
    }

    /// Only this recording fails, whatever is queued for it.
    pub async fn give_up(&self, channel: &Channel, stage: &mut Stage, error: Error) {
        let mut work = channel.clear();
        drop(TakenAudio::new(&self.backlog, channel, work.audio_bytes()));
        self.fail(channel, stage, &mut work, error).await;
    }

    /// Makes the recording if that has not been done, writes what is queued, and hands it to
    /// a finisher if it has ended. What has been written is taken out of `work` and `gather`.
    async fn advance(
        &self,
        channel: &Channel,
        stage: &mut Stage,
        work: &mut Work,
        gather: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.links.directory.step_named("writer", Step::Serve);
        self.make(stage, work).await?;
        if let Stage::Failing(..) = stage {
            self.end_failing(channel, stage, work);
        }
        let Stage::Live(live) = stage else {
            return Ok(());
        };
        if channel.discarded.load(Ordering::SeqCst) {
            self.drop_work(live.id, work);
        } else {
            let mut batch = Batch {
                live,
                gather,
                pool: &self.pool,
                report: &*self.links.report,
            };
            let mut written = batch.write(work).await;
            if written.is_ok() && self.links.syncs.is_none() {
                written = self.write_mark(live, work).await;
            }
            written.map_err(|error| Failure::new(write_error(&live.audio.path(), &error), &error))?;
        }
        // What is kept open beyond the limit is not kept for a finisher either.
        live.rest();
        let length = live.audio.length();
        channel.file_bytes.store(length.bytes, Ordering::Relaxed);
        if self.awaits_sync(channel, stage, work) {
            return Ok(());
        }
        let (Stage::Live(live), Some(Item::Finish(manifest, ending))) = (&mut *stage, work.items.pop_front())
        else {
            return Ok(());
        };
        live.manifest = manifest.unwrap_or_else(|| mem::take(&mut live.manifest));
        match ending {
            Ending::Lost(error) => {
                work.items.push_back(Item::Finish(None, Ending::Keep));
                Err(Failure::lasting(error))
            }
            ending => {
                self.hand_over(stage, ending);
                Ok(())
            }
        }
    }

    async fn write_mark(&self, live: &mut Live, work: &mut Work) -> io::Result<()> {
        if let Some(mark) = &work.mark {
            write_mark(live, mark, false, &self.links.manifests, &*self.links.report).await?;
        }
        work.mark = None;
        Ok(())
    }

    async fn make(&self, stage: &mut Stage, work: &Work) -> Result<(), Failure> {
        if let Stage::Begun(id, first_manifest) = stage
            && let Some(first_manifest) = first_manifest.take()
        {
            let (manifest, name) = first_manifest();
            *stage = Stage::Planned(Box::new(Plan {
                id: *id,
                manifest: Box::new(manifest),
                name,
            }));
        }
        if let Stage::Planned(plan) = stage {
            let live = self.links.maker.make(plan, work.shape()).await?;
            let (id, is_told) = (live.id, live.is_start_told);
            *stage = Stage::Live(Box::new(live));
            if is_told {
                self.links.report.created(id);
            }
        }
        Ok(())
    }

    /// For a syncer: tells that the recording has started, once no power cut can undo that.
    pub async fn tell_start(&self, live: &mut Live) -> Result<(), Failure> {
        if live.is_start_told {
            return Ok(());
        }
        self.links.maker.make_durable(live).await?;
        live.is_start_told = true;
        self.links.report.created(live.id);
        Ok(())
    }

    /// Nothing of it is kept, but what was accepted before is told.
    fn drop_work(&self, id: Uuid, work: &mut Work) {
        while let Some(item) = work.items.pop_front_if(|item| !matches!(item, Item::Finish(..))) {
            item.recycle(&self.pool);
        }
        if self.links.syncs.is_some() {
            // A syncer tells it, after what came before.
            return;
        }
        for mark in work.mark.take().into_iter().flat_map(|mark| mark.told) {
            self.links.report.marked(id, mark);
        }
    }

    fn hand_over(&self, stage: &mut Stage, ending: Ending) {
        if let Stage::Live(live) = mem::replace(stage, Stage::Over) {
            self.push_ended(live, ending);
        }
    }

    fn push_ended(&self, live: Box<Live>, ending: Ending) {
        let work = FinisherWork::Finish(EndedRecording::new(live, ending));
        self.links.finisher_queue.push(work);
    }

    /// Hands over a recording that fails, once its own end has come.
    fn end_failing(&self, channel: &Channel, stage: &mut Stage, work: &mut Work) {
        let end = work.items.pop_back_if(|item| matches!(item, Item::Finish(..)));
        work.items.drain(..).for_each(|item| item.recycle(&self.pool));
        work.mark = None;
        let Some(Item::Finish(manifest, _)) = end else {
            return;
        };
        if let Stage::Failing(mut live, ending) = mem::replace(stage, Stage::Over) {
            if let Some(manifest) = manifest.or_else(|| self.latest(channel)) {
                live.manifest = manifest;
            }
            self.push_ended(live, ending);
        }
    }

    /// Only this recording fails; what is on disk is published as partial, unless it
    /// was discarded meanwhile. That waits for its own end: only then is it known how much was
    /// said that is not there.
    async fn fail(&self, channel: &Channel, stage: &mut Stage, work: &mut Work, error: Error) {
        let report = &*self.links.report;
        match stage {
            Stage::Begun(id, _) => {
                let id = *id;
                self.not_made(id, stage, error);
            }
            Stage::Planned(plan) => {
                let id = plan.id;
                self.not_made(id, stage, error);
            }
            Stage::Live(live) if !live.is_start_told => {
                let id = live.id;
                self.links.maker.unmake(live).await;
                self.not_made(id, stage, error);
            }
            Stage::Live(live) => {
                let id = live.id;
                guarded(report, || report.write_failed(id, error.clone()));
                let discarded = channel.discarded.load(Ordering::SeqCst)
                    || guarded(report, || report.is_discarded(id)).unwrap_or(false);
                let ending = if discarded {
                    Ending::Discard
                } else {
                    Ending::Fail(error)
                };
                if let Stage::Live(live) = mem::replace(stage, Stage::Over) {
                    *stage = Stage::Failing(live, ending);
                }
                self.end_failing(channel, stage, work);
            }
            Stage::Failing(..) => self.end_failing(channel, stage, work),
            Stage::Over => {}
        }
    }

    fn not_made(&self, id: Uuid, stage: &mut Stage, error: Error) {
        *stage = Stage::Over;
        let report = &*self.links.report;
        guarded(report, || report.create_failed(id, error));
    }

    fn latest(&self, channel: &Channel) -> Option<Box<Manifest>> {
        let source = channel.source.get()?.upgrade()?;
        guarded(&*self.links.report, || source.manifest())
    }
}

pub fn internal(why: &str) -> Error {
    Error::new(Status::Internal, why)
}
