//! What waits for the disk: a channel for each recording, a lane for each writer,
//! and the finishers' jobs. Locks here are held for a push or a swap only.

use super::Manifest;
use super::live::{Live, Stage};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::words::{Error, Format};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What a sink asks for, in order.
pub enum Item {
    Shape(Format, u32, u16),
    Audio(Vec<u8>),
    /// So many bytes of silence.
    Fill(u64),
    Mark(Box<Manifest>, u32),
    /// Always the last.
    Finish(Option<Box<Manifest>>, Ending),
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
}

#[derive(Default)]
struct Queued {
    items: Vec<Item>,
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
        }
    }

    /// Whether the writer must now be told of this channel.
    pub fn push(&self, item: Option<Item>) -> bool {
        let mut queued = self.queued.lock();
        match (item, queued.items.last_mut()) {
            (Some(Item::Fill(more)), Some(Item::Fill(bytes))) => {
                *bytes = bytes.saturating_add(more);
            }
            (Some(item), _) => queued.items.push(item),
            (None, _) => {}
        }
        !mem::replace(&mut queued.scheduled, true)
    }

    pub fn take(&self) -> Vec<Item> {
        let mut queued = self.queued.lock();
        queued.scheduled = false;
        mem::take(&mut queued.items)
    }

    pub fn audio_taken(&self, bytes: u64) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The channels that have something for one writer.
#[derive(Default)]
pub struct Lane {
    channels: Mutex<Vec<Arc<Channel>>>,
    nudged: Mutex<bool>,
    bell: Condvar,
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
        *self.nudged.lock() = true;
        self.bell.notify_one();
    }

    /// Until nudged, but no longer than a tick.
    pub fn wait(&self, tick: Duration) {
        let mut nudged = self.nudged.lock();
        if !*nudged {
            self.bell.wait_for(&mut nudged, tick);
        }
        *nudged = false;
    }
}

/// Work of the finishers.
pub enum Job {
    Finish(Box<Live>, Ending),
    Settle(Uuid),
}

#[derive(Default)]
pub struct Jobs {
    queue: Mutex<VecDeque<Job>>,
    bell: Condvar,
}

impl Jobs {
    pub fn push(&self, job: Job) {
        self.queue.lock().push_back(job);
        self.bell.notify_one();
    }

    /// The next job; `None` once there is none and `done` says that none will come.
    pub fn next(&self, done: impl Fn() -> bool) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.pop_front() {
                return Some(job);
            }
            if done() {
                return None;
            }
            self.bell.wait(&mut queue);
        }
    }

    /// Makes everyone who waits ask `done` again.
    pub fn ring(&self) {
        let _queue = self.queue.lock();
        self.bell.notify_all();
    }
}
