//! What waits for the disk: a channel for each recording, and a lane for each writer.
//! Locks here are held for a push or a swap only.

use super::container::FileShape;
use super::manifest::Manifest;
use super::patch::Patch;
use super::plan::Stage;
use super::pool::Pool;
use super::retry::Trouble;
use super::wake::Wake;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::words::Error;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// What a sink asks for, in order.
pub enum Item {
    Shape(FileShape),
    Audio(Vec<u8>),
    /// So many bytes of silence.
    Fill(u64),
    Patch(Patch),
    /// Always the last.
    Finish(Option<Box<Manifest>>, Ending),
}

impl Item {
    /// Gives the block's buffer back.
    pub fn recycle(self, pool: &Pool) {
        if let Item::Audio(block) | Item::Patch(Patch { bytes: block, .. }) = self {
            pool.give(block);
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
        match (earlier.mark, &mut self.mark) {
            (Some(mut old), Some(new)) => {
                old.told.append(&mut new.told);
                new.told = old.told;
            }
            (Some(old), none) => *none = Some(old),
            (None, _) => {}
        }
    }

    /// What the audio is, if that was told.
    pub fn shape(&self) -> Option<FileShape> {
        self.items.iter().find_map(|item| match item {
            Item::Shape(shape) => Some(*shape),
            _ => None,
        })
    }

    pub fn audio_bytes(&self) -> u64 {
        let bytes = self.items.iter().map(|item| match item {
            Item::Audio(block) | Item::Patch(Patch { bytes: block, .. }) => block.len() as u64,
            _ => 0,
        });
        bytes.sum()
    }
}

/// What becomes of a recording's file.
pub enum Ending {
    Keep,
    Discard,
    /// What is there is published as partial.
    Fail(Error),
    /// The same, but the engine does not know yet.
    Lost(Error),
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
    /// A discard is queued, or was: nothing of it may be published.
    pub discarded: AtomicBool,
    pub trouble: Trouble,
}

#[derive(Default)]
struct Queued {
    work: Work,
    scheduled: bool,
}

impl Channel {
    pub fn new(lane: usize, stage: Stage) -> Channel {
        Channel {
            lane,
            queued: Mutex::default(),
            stage: Mutex::new(Some(stage)),
            waiting: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            discarded: AtomicBool::new(false),
            trouble: Trouble::default(),
        }
    }

    /// Whether the writer must now be told of this channel.
    pub fn push(&self, item: Option<Item>) -> bool {
        let mut queued = self.queued.lock();
        match (item, queued.work.items.back_mut()) {
            (Some(Item::Fill(more)), Some(Item::Fill(bytes))) => {
                *bytes = bytes.saturating_add(more);
            }
            (Some(item), _) => queued.work.items.push_back(item),
            (None, _) => {}
        }
        !mem::replace(&mut queued.scheduled, true)
    }

    /// Asks for a rewritten manifest; answers whether the writer must now be told.
    pub fn push_mark(&self, source: Arc<dyn Source>, mark: u32) -> bool {
        let mut queued = self.queued.lock();
        queued.work.add_mark(source, mark);
        !mem::replace(&mut queued.scheduled, true)
    }

    /// Takes back what could not be written; answers whether the writer must now be told.
    pub fn put_back(&self, work: Work) -> bool {
        let mut queued = self.queued.lock();
        queued.work.precede(work);
        !mem::replace(&mut queued.scheduled, true)
    }

    pub fn take(&self) -> Work {
        let mut queued = self.queued.lock();
        queued.scheduled = false;
        mem::take(&mut queued.work)
    }
}

/// The channels that have something for one writer.
#[derive(Default)]
pub struct Lane {
    channels: Mutex<Vec<Arc<Channel>>>,
    wake: Wake,
}

impl Lane {
    /// Wakes nobody: the writer looks on its own tick.
    pub fn push(&self, channel: Arc<Channel>) {
        self.channels.lock().push(channel);
    }

    pub fn take(&self) -> Vec<Arc<Channel>> {
        mem::take(&mut *self.channels.lock())
    }

    pub fn nudge(&self) {
        self.wake.nudge();
    }

    /// Waits until nudged, but no longer than a tick.
    pub fn wait(&self, tick: Duration) {
        self.wake.wait(tick);
    }
}
