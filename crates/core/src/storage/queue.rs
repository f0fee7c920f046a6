//! What waits for the disk: a channel for each recording, and a lane for each writer.
//! Locks here are held for a push or a swap only.

use super::ending::Ending;
use super::manifest::Manifest;
use super::patch::Patch;
use super::plan::Stage;
use super::pool::Pool;
use super::retry::Trouble;
use crate::memory::PieceQueue;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::task::Signal;
use callrec_codec::{Block, Samples, Shape};
use once_cell::sync::OnceCell;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// What a sink asks for, in order.
pub enum Item {
    Shape(Shape),
    Audio(Block),
    Patch(Patch),
    /// No frame before this one is patched any more.
    Settled(u64),
    /// Audio in the form in which it is written, put back by the writer.
    Gathered(Vec<u8>),
    /// Always the last.
    Finish(Option<Box<Manifest>>, Ending),
}

impl Item {
    /// Gives the block's buffer back.
    pub fn recycle(self, pool: &Pool) {
        match self {
            Item::Audio(block) => pool.give(block.into_buffer()),
            Item::Patch(patch) => pool.give(patch.bytes),
            _ => {}
        }
    }

    /// Bytes of audio that it holds; silence takes none.
    fn audio_bytes(&self) -> u64 {
        match self {
            Item::Audio(block) => block.bytes().len() as u64,
            Item::Patch(Patch { bytes, .. }) | Item::Gathered(bytes) => bytes.len() as u64,
            _ => 0,
        }
    }
}

/// Who can tell the latest manifest of a recording, at the moment it is written.
pub trait Source: Send + Sync {
    fn manifest(&self) -> Box<Manifest>;
}

/// So many marks wait to be told; beyond that the oldest are not.
const MARKS_MAX: usize = 65_536;

/// The live manifest is to be rewritten. Only the latest matters, so there is never
/// more than one of a recording.
pub struct Mark {
    pub source: Arc<dyn Source>,
    /// What is told once it is on disk.
    pub told: VecDeque<u32>,
}

impl Mark {
    /// The later one is written in its place; what was to be told of both, is.
    fn precede(&mut self, mut later: Mark) {
        self.source = later.source;
        self.told.append(&mut later.told);
    }
}

/// What waits for one recording's writer. The mark comes after the audio.
#[derive(Default)]
pub struct Work {
    pub items: VecDeque<Item>,
    pub mark: Option<Mark>,
}

impl Work {
    fn add_mark(&mut self, source: Arc<dyn Source>, told: u32) {
        let mark = self.mark.get_or_insert_with(|| Mark {
            source: Arc::clone(&source),
            told: VecDeque::new(),
        });
        mark.source = source;
        if mark.told.len() >= MARKS_MAX {
            mark.told.pop_front();
        }
        mark.told.push_back(told);
    }

    /// Puts what was taken out earlier before what has come since.
    fn precede(&mut self, mut earlier: Work) {
        earlier.items.append(&mut self.items);
        self.items = earlier.items;
        if let Some(mut mark) = earlier.mark {
            if let Some(later) = self.mark.take() {
                mark.precede(later);
            }
            self.mark = Some(mark);
        }
    }

    /// What the audio is, if that was told.
    pub fn shape(&self) -> Option<Shape> {
        self.items.iter().find_map(|item| match item {
            Item::Shape(shape) => Some(*shape),
            _ => None,
        })
    }

    pub fn audio_bytes(&self) -> u64 {
        self.items.iter().map(Item::audio_bytes).sum()
    }
}

/// Between one recording's sink and its writer.
pub struct Channel {
    pub lane: usize,
    queued: Mutex<Queued>,
    /// Taken out by the recording's writer while it works on it.
    pub stage: Mutex<Option<Stage>>,
    /// Bytes of audio queued, and how many may be.
    pub waiting: AtomicU64,
    pub limit: AtomicU64,
    /// Bytes of the recording's file, as its writer last left it.
    pub file_bytes: Arc<AtomicU64>,
    /// A discard is queued, or was: nothing of it may be published.
    pub discarded: AtomicBool,
    /// Since when its writer fails.
    pub trouble: Trouble,
    /// The same of a syncer.
    pub sync_trouble: Trouble,
    /// Who knows the recording, once somebody does.
    pub source: OnceCell<Weak<dyn Source>>,
}

/// Who works on a recording.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Holder {
    #[default]
    Nobody,
    Writer,
    Syncer,
}

#[derive(Default)]
struct Queued {
    work: Work,
    /// What the writer has come to, and leaves to a syncer.
    ready: Option<Mark>,
    /// The writer has been told that there is something.
    is_scheduled: bool,
    holder: Holder,
    /// A syncer is to come, because somebody waits for what is told then.
    is_awaited: bool,
    /// A syncer has come while somebody else was at work.
    is_wanted: bool,
}

impl Queued {
    /// Whether the writer must now be told. It is told later of what a syncer works on.
    fn schedule(&mut self) -> bool {
        let is_news = !self.is_scheduled && self.holder != Holder::Syncer;
        self.is_scheduled |= is_news;
        is_news
    }
}

/// What is to be done when somebody has let go of a recording.
pub struct LetGo {
    /// The writer must be told.
    pub to_schedule: bool,
    /// A syncer must be sent.
    pub to_send: bool,
}

impl Channel {
    pub fn new(lane: usize, stage: Stage) -> Channel {
        Channel {
            lane,
            queued: Mutex::default(),
            stage: Mutex::new(Some(stage)),
            waiting: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            file_bytes: Arc::default(),
            discarded: AtomicBool::new(false),
            trouble: Trouble::default(),
            sync_trouble: Trouble::default(),
            source: OnceCell::new(),
        }
    }

    /// Whether the writer must now be told of this channel.
    pub fn push(&self, item: Option<Item>) -> bool {
        let mut queued = self.queued.lock();
        match (item, queued.work.items.back_mut()) {
            (Some(Item::Audio(more)), Some(Item::Audio(last)))
                if more.samples == Samples::Silence && last.samples == Samples::Silence =>
            {
                last.frames = last.frames.saturating_add(more.frames);
            }
            (Some(Item::Settled(more)), Some(Item::Settled(last))) => *last = more.max(*last),
            (Some(item), _) => queued.work.items.push_back(item),
            (None, _) => {}
        }
        queued.schedule()
    }

    /// Asks for a rewritten manifest; answers whether the writer must now be told.
    pub fn push_mark(&self, source: Arc<dyn Source>, mark: u32) -> bool {
        let mut queued = self.queued.lock();
        queued.work.add_mark(source, mark);
        queued.schedule()
    }

    /// Takes back what could not be written; answers whether the writer must now be told.
    pub fn put_back(&self, work: Work) -> bool {
        let mut queued = self.queued.lock();
        queued.work.precede(work);
        queued.schedule()
    }

    /// For its writer: all that is queued; [`Channel::let_go`] follows. `None`: a syncer is at
    /// work, and will have the writer told.
    pub fn take(&self) -> Option<Work> {
        let mut queued = self.queued.lock();
        queued.is_scheduled = false;
        if queued.holder == Holder::Syncer {
            return None;
        }
        queued.holder = Holder::Writer;
        Some(mem::take(&mut queued.work))
    }

    /// For its writer: what comes once a syncer has been here.
    pub fn leave(&self, mut work: Work) {
        let mut queued = self.queued.lock();
        if let Some(mark) = work.mark.take() {
            match &mut queued.ready {
                Some(ready) => ready.precede(mark),
                none => *none = Some(mark),
            }
        }
        queued.work.precede(work);
    }

    /// Whether a mark waits for a syncer.
    pub fn has_ready_mark(&self) -> bool {
        self.queued.lock().ready.is_some()
    }

    /// Notes that a syncer is to come. Returns `false` if that was known.
    pub fn await_sync(&self) -> bool {
        !mem::replace(&mut self.queued.lock().is_awaited, true)
    }

    /// For a syncer; [`Channel::let_go`] follows. `None`: somebody else is at work, and will
    /// have a syncer sent. Otherwise the mark that waits.
    pub fn claim(&self) -> Option<Option<Mark>> {
        let mut queued = self.queued.lock();
        queued.is_awaited = false;
        if queued.holder != Holder::Nobody {
            queued.is_wanted = true;
            return None;
        }
        queued.holder = Holder::Syncer;
        Some(queued.ready.take())
    }

    /// For a syncer: a mark that could not be written yet.
    pub fn give_back(&self, mut mark: Mark) {
        let mut queued = self.queued.lock();
        if let Some(later) = queued.ready.take() {
            mark.precede(later);
        }
        queued.ready = Some(mark);
    }

    /// Nobody works on it any more. `again`: the writer is to look at it in any case.
    pub fn let_go(&self, again: bool) -> LetGo {
        let mut queued = self.queued.lock();
        let by_syncer = mem::take(&mut queued.holder) == Holder::Syncer;
        let has_work = !queued.work.items.is_empty() || queued.work.mark.is_some();
        LetGo {
            to_schedule: (again || by_syncer && has_work) && queued.schedule(),
            to_send: mem::take(&mut queued.is_wanted),
        }
    }

    /// For whom it fails: all that is queued.
    pub fn clear(&self) -> Work {
        let mut queued = self.queued.lock();
        queued.ready = None;
        mem::take(&mut queued.work)
    }

    /// Since when it has something that is to be synced while it is in progress.
    pub fn unsynced_since(&self) -> Option<Instant> {
        match &*self.stage.lock() {
            Some(Stage::Live(live)) => live.unsynced_since(),
            _ => None,
        }
    }
}

/// The channels that have something for one writer.
#[derive(Default)]
pub struct Lane {
    channels: Mutex<PieceQueue<Arc<Channel>>>,
    signal: Arc<Signal>,
}

impl Lane {
    /// Wakes nobody: the writer looks on its own tick.
    pub fn push(&self, channel: Arc<Channel>) {
        self.channels.lock().push_back(channel);
    }

    pub fn take(&self) -> PieceQueue<Arc<Channel>> {
        mem::take(&mut *self.channels.lock())
    }

    pub fn nudge(&self) {
        self.signal.notify_all();
    }

    /// What ends a writer's wait for its tick.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}
