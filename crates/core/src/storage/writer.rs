//! The writers.

use super::activity::Activity;
use super::backlog::{Backlog, TakenAudio};
use super::batch::Batch;
use super::directory::Directory;
use super::faults::Step;
use super::jobs::{EndedRecording, Job, Jobs};
use super::live::write_error;
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::plan::{FirstManifest, Maker, Plan, Stage};
use super::planted::StorageFault;
use super::pool::Pool;
use super::queue::{Channel, Ending, Item, Lane, Source, Work};
use super::report::{LOG_ERROR, Report, guarded, panic_text};
use super::retry::{Failure, Retry, TICK};
use crate::task::{self, Next, Signal};
use crate::words::{Error, Status};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// What the writers share with the rest of a store.
pub struct WriterLinks {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub maker: Maker,
    pub jobs: Arc<Jobs>,
    pub retry: Arc<Retry>,
    pub activity: Arc<Activity>,
    pub report: Arc<dyn Report>,
}

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
        let mut gather = Vec::new();
        loop {
            let ending = self.links.activity.is_shutting_down();
            let channels = lane.take();
            if ending && channels.is_empty() {
                return self.links.jobs.writer_returned();
            }
            let mut again = false;
            for channel in channels {
                let served = task::contain(self.serve(&channel, &mut gather)).await;
                match served {
                    Ok(put_back) => again |= put_back,
                    Err(panic) => self.give_up_on(&channel, &panic_text(&panic)),
                }
                self.links.jobs.work_done();
            }
            if again || !ending {
                task::leave(Next::At(self.links.directory.clock().now() + TICK)).await;
            }
        }
    }

    /// Writes all that one recording has queued. Returns `true` if that cannot be done now,
    /// so it was put back.
    async fn serve(&self, channel: &Arc<Channel>, gather: &mut Vec<u8>) -> bool {
        self.links.directory.step_named("writer", Step::Serve);
        let mut work = channel.take();
        let mut taken = TakenAudio::new(&self.backlog, channel, work.audio_bytes());
        let Some(mut stage) = channel.stage.lock().take() else {
            return false;
        };
        gather.clear();
        let advanced = task::contain(self.advance(channel, &mut stage, &mut work, gather));
        let failure = match advanced.await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => Some(Failure::lasting(internal(&panic_text(&panic)))),
        };
        let mut put_back = false;
        match failure {
            None => channel.trouble.over(),
            Some(failure) if self.links.retry.is_worth_trying(&channel.trouble, &failure) => put_back = true,
            Some(failure) => self.fail(channel, &mut stage, &mut work, failure.error),
        }
        *channel.stage.lock() = Some(stage);
        if put_back {
            if !gather.is_empty() && !self.links.directory.has(StorageFault::GatheredForgotten) {
                work.items.push_front(Item::Gathered(mem::take(gather)));
            }
            taken.keep(work.audio_bytes());
            self.schedule(channel, channel.put_back(work));
        }
        put_back
    }

    /// A panic where none was to be: the recording must not stay live for ever.
    fn give_up_on(&self, channel: &Channel, why: &str) {
        let mut work = channel.take();
        drop(TakenAudio::new(&self.backlog, channel, work.audio_bytes()));
        let Some(mut stage) = channel.stage.lock().take() else {
            return self.links.report.log(LOG_ERROR, why.to_owned());
        };
        self.fail(channel, &mut stage, &mut work, internal(why));
        *channel.stage.lock() = Some(stage);
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
        self.make(stage, work).await?;
        let Stage::Live(live) = stage else {
            return Ok(());
        };
        if channel.discarded.load(Ordering::SeqCst) {
            self.drop_work(live.id, work);
        } else {
            let mut batch = Batch {
                live,
                gather,
                manifests: &self.links.manifests,
                pool: &self.pool,
                report: &*self.links.report,
            };
            let written = batch.write(work).await;
            written.map_err(|error| Failure::new(write_error(&live.audio.path(), &error), &error))?;
        }
        // What is kept open beyond the limit is not kept for a finisher either.
        live.rest();
        let length = live.audio.length();
        channel.file_bytes.store(length.bytes, Ordering::Relaxed);
        let Some(Item::Finish(manifest, ending)) = work.items.pop_front() else {
            return Ok(());
        };
        live.manifest = manifest.unwrap_or_else(|| mem::take(&mut live.manifest));
        match ending {
            Ending::Lost(error) => Err(Failure::lasting(error)),
            ending => {
                self.hand_over(stage, ending);
                Ok(())
            }
        }
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
            let id = live.id;
            *stage = Stage::Live(Box::new(live));
            self.links.report.created(id);
        }
        Ok(())
    }

    /// Nothing of it is kept, but what was accepted before is told.
    fn drop_work(&self, id: Uuid, work: &mut Work) {
        while let Some(item) = work.items.pop_front_if(|item| !matches!(item, Item::Finish(..))) {
            item.recycle(&self.pool);
        }
        for mark in work.mark.take().into_iter().flat_map(|mark| mark.told) {
            self.links.report.marked(id, mark);
        }
    }

    fn hand_over(&self, stage: &mut Stage, ending: Ending) {
        if let Stage::Live(live) = mem::replace(stage, Stage::Over) {
            self.links
                .jobs
                .push(Job::Finish(EndedRecording::new(live, ending)));
        }
    }

    /// Only this recording fails; what is on disk is published as partial, unless it
    /// was discarded meanwhile.
    fn fail(&self, channel: &Channel, stage: &mut Stage, work: &mut Work, error: Error) {
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
            Stage::Live(live) => {
                let id = live.id;
                // The latest that is known.
                if let Some(Item::Finish(manifest, _)) = work.items.back_mut() {
                    live.manifest = manifest.take().unwrap_or_else(|| mem::take(&mut live.manifest));
                } else if let Some(manifest) = self.latest(channel) {
                    live.manifest = manifest;
                }
                guarded(report, || report.write_failed(id, error.clone()));
                let discarded = channel.discarded.load(Ordering::SeqCst)
                    || guarded(report, || report.is_discarded(id)).unwrap_or(false);
                let ending = if discarded {
                    Ending::Discard
                } else {
                    Ending::Fail(error)
                };
                self.hand_over(stage, ending);
            }
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

fn internal(why: &str) -> Error {
    Error::new(Status::Internal, why)
}
