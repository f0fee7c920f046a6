//! The writer threads: few, large writes, and a header that is always true.

use super::container::FileShape;
use super::faults::Step;
use super::live::{Live, PART, Plan, Stage, write_error};
use super::patch::Patch;
use super::queue::{Channel, Ending, Item, Job, Mark, Work};
use super::trouble::{Failure, TICK, panic_text};
use super::{LOG_ERROR, Manifest, Store};
use crate::words::{Error, Status};
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// The largest piece written at once.
pub(super) const PIECE: usize = 256 << 10;

impl Store {
    /// A writer thread's body; returns after [`Store::shutdown`].
    pub fn run_writer(self: &Arc<Self>, index: usize) {
        let Some(lane) = self.lanes.get(index) else {
            return;
        };
        let mut gather = Vec::new();
        loop {
            let ending = self.is_shutting_down();
            let channels = lane.take();
            if ending && channels.is_empty() {
                return self.writer_returned();
            }
            let mut again = false;
            for channel in channels {
                let served = catch_unwind(AssertUnwindSafe(|| self.serve(&channel, &mut gather)));
                match served {
                    Ok(put_back) => again |= put_back,
                    Err(panic) => self.give_up_on(&channel, &panic_text(panic.as_ref())),
                }
                self.work_done();
            }
            if again || !ending {
                lane.wait(TICK);
            }
        }
    }

    /// Writes all that one recording has queued. True: not now, so it was put back.
    fn serve(self: &Arc<Self>, channel: &Arc<Channel>, gather: &mut Vec<u8>) -> bool {
        self.hook.place("writer", Step::Serve);
        let mut work = channel.take();
        let mut queued = Queued {
            store: self,
            channel,
            bytes: work.audio_bytes(),
        };
        let Some(mut stage) = channel.stage.lock().take() else {
            return false;
        };
        gather.clear();
        let batch = AssertUnwindSafe(|| self.batch(channel, &mut stage, &mut work, gather));
        let failure = match catch_unwind(batch) {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => Some(Failure::lasting(internal(&panic_text(panic.as_ref())))),
        };
        let mut put_back = false;
        match failure {
            None => channel.trouble.over(),
            Some(failure) if self.is_worth_trying(&channel.trouble, &failure) => put_back = true,
            Some(failure) => self.fail(channel, &mut stage, &mut work, failure.error),
        }
        *channel.stage.lock() = Some(stage);
        if put_back {
            if !gather.is_empty() {
                work.items.push_front(Item::Audio(mem::take(gather)));
            }
            queued.keep(work.audio_bytes());
            self.schedule(channel, channel.put_back(work));
        }
        put_back
    }

    /// A panic where none was to be: the recording must not stay live for ever.
    fn give_up_on(&self, channel: &Channel, why: &str) {
        let mut work = channel.take();
        self.release(channel, work.audio_bytes());
        let Some(mut stage) = channel.stage.lock().take() else {
            return self.report.log(LOG_ERROR, why.to_owned());
        };
        self.fail(channel, &mut stage, &mut work, internal(why));
        *channel.stage.lock() = Some(stage);
    }

    /// What has been written is taken out of `work` and `gather`.
    fn batch(
        self: &Arc<Self>,
        channel: &Channel,
        stage: &mut Stage,
        work: &mut Work,
        gather: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if let Stage::Planned(id, draft) = stage
            && let Some(draft) = draft.take()
        {
            let (manifest, name) = draft();
            *stage = Stage::Drawn(Box::new(Plan {
                id: *id,
                manifest: Box::new(manifest),
                name,
            }));
        }
        if let Stage::Drawn(plan) = stage {
            let live = self.create(plan, &work.items)?;
            let id = live.id;
            *stage = Stage::Live(Box::new(live));
            self.report.created(id);
        }
        let Stage::Live(live) = stage else {
            return Ok(());
        };
        if channel.discarded.load(Ordering::SeqCst) {
            self.drop_work(live.id, work);
        } else {
            self.write_work(live, work, gather)
                .map_err(|error| Failure::new(write_error(&live.path(), &error), &error))?;
        }
        // What is kept open beyond the limit is not kept for a finisher either.
        live.rest();
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

    /// Nothing of it is kept, but what was accepted before is told.
    fn drop_work(&self, id: Uuid, work: &mut Work) {
        while let Some(item) = work.items.pop_front_if(|item| !matches!(item, Item::Finish(..))) {
            self.recycle(item);
        }
        for mark in work.mark.take().into_iter().flat_map(|mark| mark.told) {
            self.report.marked(id, mark);
        }
    }

    fn create(self: &Arc<Self>, plan: &mut Plan, items: &VecDeque<Item>) -> Result<Live, Failure> {
        let told = items.iter().find_map(|item| match item {
            Item::Shape(format, rate, channels) => Some(shape(*format, *rate, *channels)),
            _ => None,
        });
        let told = told.unwrap_or_else(|| plan.shape());
        plan.create(self, told)
    }

    /// Audio first, then the header that tells of it, then the latest mark.
    fn write_work(
        self: &Arc<Self>,
        live: &mut Live,
        work: &mut Work,
        gather: &mut Vec<u8>,
    ) -> io::Result<()> {
        let items = &mut work.items;
        while let Some(item) = items.front() {
            let more = matches!(
                items.get(1),
                Some(Item::Audio(_) | Item::Fill(_) | Item::Patch(_))
            );
            match item {
                Item::Shape(format, rate, channels) => {
                    live.set_shape(self, shape(*format, *rate, *channels))?
                }
                Item::Audio(block) if (gather.is_empty() && !more) || gather.len() + block.len() > PIECE => {
                    self.flush(live, gather)?;
                    live.append(self, block)?;
                }
                Item::Audio(block) => gather.extend_from_slice(block),
                Item::Fill(_) => {}
                Item::Patch(_) => self.patch(live, items, gather)?,
                Item::Finish(..) => break,
            }
            if let Some(Item::Fill(bytes)) = items.front_mut() {
                self.fill(live, bytes, gather)?;
            }
            items.pop_front().into_iter().for_each(|item| self.recycle(item));
        }
        self.flush(live, gather)?;
        live.write_header(self, false)?;
        if let Some(mark) = &work.mark {
            self.mark(live, mark)?;
            work.mark = None;
        }
        Ok(())
    }

    fn flush(self: &Arc<Self>, live: &mut Live, gather: &mut Vec<u8>) -> io::Result<()> {
        if !gather.is_empty() {
            live.append(self, gather)?;
            gather.clear();
        }
        Ok(())
    }

    /// `bytes`: how much is left to be written or gathered.
    fn fill(self: &Arc<Self>, live: &mut Live, bytes: &mut u64, gather: &mut Vec<u8>) -> io::Result<()> {
        let silence = live.shape.format.samples().silence();
        while *bytes > 0 {
            if gather.len() >= PIECE {
                self.flush(live, gather)?;
            }
            let piece = (*bytes).min(PIECE.saturating_sub(gather.len()) as u64);
            gather.resize(gather.len() + piece as usize, silence);
            *bytes -= piece;
        }
        Ok(())
    }

    fn mark(self: &Arc<Self>, live: &mut Live, mark: &Mark) -> io::Result<()> {
        live.manifest = mark.source.manifest();
        live.state_shape();
        live.manifest.id = live.id.as_hyphenated().to_string();
        live.manifest.started = true;
        live.manifest.file = live.path();
        live.manifest.part = format!("{}{PART}", live.manifest.file);
        self.rewrite(live.id, &live.manifest)?;
        for mark in &mark.told {
            self.report.marked(live.id, *mark);
        }
        Ok(())
    }

    fn hand_over(&self, stage: &mut Stage, ending: Ending) {
        if let Stage::Live(live) = mem::replace(stage, Stage::Over) {
            self.work_begun();
            self.jobs.push(Job::Finish(live, ending));
        }
    }

    /// Only this recording fails; what is on disk is published as partial, unless it
    /// was discarded meanwhile.
    fn fail(&self, channel: &Channel, stage: &mut Stage, work: &mut Work, error: Error) {
        match stage {
            Stage::Planned(id, _) => {
                let id = *id;
                self.not_made(id, stage, error);
            }
            Stage::Drawn(plan) => {
                let id = plan.id;
                self.not_made(id, stage, error);
            }
            Stage::Live(live) => {
                let id = live.id;
                // The latest that is known.
                if let Some(Item::Finish(manifest, _)) = work.items.back_mut() {
                    live.manifest = manifest.take().unwrap_or_else(|| mem::take(&mut live.manifest));
                } else if let Some(manifest) = self.latest(work) {
                    live.manifest = manifest;
                }
                self.guarded(|| self.report.write_failed(id, error.clone()));
                let discarded = channel.discarded.load(Ordering::SeqCst)
                    || self.guarded(|| self.report.is_discarded(id)).unwrap_or(false);
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
        self.guarded(|| self.report.create_failed(id, error));
    }

    fn latest(&self, work: &Work) -> Option<Box<Manifest>> {
        let mark = work.mark.as_ref()?;
        self.guarded(|| mark.source.manifest())
    }

    fn recycle(&self, item: Item) {
        if let Item::Audio(block) | Item::Patch(Patch { bytes: block, .. }) = item {
            self.pool.give(block);
        }
    }
}

impl Live {
    /// Notes in the manifest what the file is.
    pub fn state_shape(&mut self) {
        self.manifest.format = self.shape.format.text().to_owned();
        self.manifest.sample_rate = self.shape.rate;
        self.manifest.channels = self.shape.channels;
    }
}

/// Gives the backlog's room back, also when writing panics.
struct Queued<'a> {
    store: &'a Store,
    channel: &'a Channel,
    bytes: u64,
}

impl Queued<'_> {
    /// So many bytes wait on. What was silence among them now counts, too.
    fn keep(&mut self, bytes: u64) {
        self.store.charge(self.channel, bytes.saturating_sub(self.bytes));
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.store.release(self.channel, self.bytes);
    }
}

fn shape(format: crate::words::Format, rate: u32, channels: u16) -> FileShape {
    FileShape {
        format,
        rate: rate.max(1),
        channels: channels.max(1),
    }
}

fn internal(why: &str) -> Error {
    Error::new(Status::Internal, why)
}
