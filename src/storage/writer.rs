//! The writer threads: few, large writes, and a header that is always true.

use super::container::FileShape;
use super::live::{Draft, Live, PART, Plan, Stage, write_error};
use super::queue::{Channel, Ending, Item, Job};
use super::{Manifest, Store};
use crate::words::{Error, Status};
use std::any::Any;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

const TICK: Duration = Duration::from_millis(20);
/// The largest piece written at once.
const PIECE: usize = 256 << 10;

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
            for channel in channels {
                self.serve(&channel, &mut gather);
                self.work_done();
            }
            if !ending {
                lane.wait(TICK);
            }
        }
    }

    /// Writes all that one recording has queued.
    fn serve(self: &Arc<Self>, channel: &Arc<Channel>, gather: &mut Vec<u8>) {
        let items = channel.take();
        let _queued = Queued {
            store: self,
            channel,
            bytes: audio_bytes(&items),
        };
        let Some(mut stage) = channel.stage.lock().take() else {
            return;
        };
        gather.clear();
        let batch = AssertUnwindSafe(|| self.batch(&mut stage, items, gather));
        let failed = match catch_unwind(batch) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(Error::new(Status::Internal, panic_text(panic.as_ref()))),
        };
        if let Err(error) = failed {
            let told = AssertUnwindSafe(|| self.fail(channel, &mut stage, error));
            if catch_unwind(told).is_err() {
                stage = Stage::Over;
            }
        }
        *channel.stage.lock() = Some(stage);
    }

    fn batch(
        self: &Arc<Self>,
        stage: &mut Stage,
        mut items: Vec<Item>,
        gather: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if let Stage::Planned(id, draft) = stage {
            let id = *id;
            if let Some(draft) = draft.take() {
                let live = self.create(id, draft, &items)?;
                *stage = Stage::Live(Box::new(live));
                self.report.created(id);
            }
        }
        let Stage::Live(live) = stage else {
            items.drain(..).for_each(|item| self.recycle(item));
            return Ok(());
        };
        let ending = match items.pop() {
            Some(Item::Finish(manifest, ending)) => Some((manifest, ending)),
            other => {
                items.extend(other);
                None
            }
        };
        let discarded = matches!(ending, Some((_, Ending::Discard)));
        let written = if discarded {
            // Nothing of it is kept, but what was accepted before is told.
            for item in items {
                if let Item::Mark(_, mark) = &item {
                    self.report.marked(live.id, *mark);
                }
                self.recycle(item);
            }
            Ok(())
        } else {
            self.write_items(live, items, gather)
        };
        let ending = ending.map(|(manifest, ending)| {
            // The latest that is known, also where writing has failed.
            live.manifest = manifest.unwrap_or_else(|| mem::take(&mut live.manifest));
            ending
        });
        written.map_err(|error| write_error(&live.path(), &error))?;
        match ending {
            None => live.rest(),
            Some(Ending::Lost(error)) => return Err(error),
            Some(ending) => {
                // What is kept open beyond the limit is not kept for a finisher either.
                live.rest();
                self.hand_over(stage, ending);
            }
        }
        Ok(())
    }

    fn create(self: &Arc<Self>, id: Uuid, draft: Draft, items: &[Item]) -> Result<Live, Error> {
        let (manifest, name) = draft();
        let mut plan = Plan {
            id,
            manifest: Box::new(manifest),
            name,
        };
        let told = items.iter().find_map(|item| match item {
            Item::Shape(format, rate, channels) => Some(shape(*format, *rate, *channels)),
            _ => None,
        });
        let told = told.unwrap_or_else(|| plan.shape());
        plan.create(self, told)
    }

    /// Audio first, then the header that tells of it, then the latest mark.
    fn write_items(
        self: &Arc<Self>,
        live: &mut Live,
        items: Vec<Item>,
        gather: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut marks: Vec<u32> = Vec::new();
        let mut latest: Option<Box<Manifest>> = None;
        let mut items = items.into_iter().peekable();
        while let Some(item) = items.next() {
            match item {
                Item::Shape(format, rate, channels) => live.set_shape(self, shape(format, rate, channels))?,
                Item::Audio(block) => {
                    let alone =
                        gather.is_empty() && !matches!(items.peek(), Some(Item::Audio(_) | Item::Fill(_)));
                    if alone || gather.len() + block.len() > PIECE {
                        self.flush(live, gather)?;
                        live.append(self, &block)?;
                    } else {
                        gather.extend_from_slice(&block);
                    }
                    self.pool.give(block);
                }
                Item::Fill(bytes) => self.fill(live, bytes, gather)?,
                Item::Mark(manifest, mark) => {
                    marks.push(mark);
                    latest = Some(manifest);
                }
                Item::Finish(..) => {}
            }
        }
        self.flush(live, gather)?;
        live.write_header(self, false)?;
        if let Some(manifest) = latest {
            self.mark(live, manifest, &marks)?;
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

    fn fill(self: &Arc<Self>, live: &mut Live, mut bytes: u64, gather: &mut Vec<u8>) -> io::Result<()> {
        let silence = live.shape.format.silence();
        while bytes > 0 {
            let room = PIECE.saturating_sub(gather.len()) as u64;
            let piece = bytes.min(room);
            gather.resize(gather.len() + piece as usize, silence);
            bytes -= piece;
            if bytes > 0 {
                self.flush(live, gather)?;
            }
        }
        Ok(())
    }

    fn mark(self: &Arc<Self>, live: &mut Live, manifest: Box<Manifest>, marks: &[u32]) -> io::Result<()> {
        live.manifest = manifest;
        live.state_shape();
        live.manifest.id = live.id.as_hyphenated().to_string();
        live.manifest.started = true;
        live.manifest.file = live.path();
        live.manifest.part = format!("{}{PART}", live.manifest.file);
        self.rewrite(live.id, &live.manifest)?;
        for mark in marks {
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
    fn fail(&self, channel: &Channel, stage: &mut Stage, error: Error) {
        match stage {
            Stage::Planned(id, _) => {
                let id = *id;
                *stage = Stage::Over;
                self.report.create_failed(id, error);
            }
            Stage::Live(live) => {
                let id = live.id;
                self.report.write_failed(id, error.clone());
                let discarded = channel.discarded.load(Ordering::SeqCst) || self.report.is_discarded(id);
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

    fn recycle(&self, item: Item) {
        if let Item::Audio(block) = item {
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

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.store.release(self.channel, self.bytes);
    }
}

fn audio_bytes(items: &[Item]) -> u64 {
    let bytes = items.iter().map(|item| match item {
        Item::Audio(block) => block.len() as u64,
        _ => 0,
    });
    bytes.sum()
}

fn shape(format: crate::words::Format, rate: u32, channels: u16) -> FileShape {
    FileShape {
        format,
        rate: rate.max(1),
        channels: channels.max(1),
    }
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("internal error: {}", text.unwrap_or_default())
}
