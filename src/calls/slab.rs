//! Live recordings in stamped slots: a full list reads them without the
//! registry's lock, and yet sees one instant.
//!
//! Each slot carries the sequence numbers of its recording's start and stop. A
//! list takes one number and keeps what started up to it and stopped after it. A
//! slot is used again only when no list that is older than its stop still runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::Mutex;
use once_cell::sync::OnceCell;

use super::recording::Recording;

const CHUNK: usize = 1024;
/// A little over four million live recordings.
const CHUNKS: usize = 4096;

#[derive(Default)]
struct Slot {
    start: AtomicU64,
    /// 0: still live.
    stop: AtomicU64,
    recording: Mutex<Option<Arc<Recording>>>,
}

pub struct Slots {
    chunks: Box<[OnceCell<Box<[Slot]>>]>,
}

impl Slots {
    pub fn new() -> Slots {
        Slots {
            chunks: (0..CHUNKS).map(|_| OnceCell::new()).collect(),
        }
    }

    fn slot(&self, index: u32) -> Option<&Slot> {
        let chunk = self.chunks.get(index as usize / CHUNK)?;
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect());
        chunk.get(index as usize % CHUNK)
    }

    pub fn clear(&self) {
        for slot in self.chunks.iter().filter_map(OnceCell::get).flatten() {
            slot.start.store(0, Ordering::Release);
            slot.recording.lock().take();
        }
    }

    /// All that was live at `instant`, in the slots below `high`.
    pub fn at(&self, instant: u64, high: u32) -> Vec<Arc<Recording>> {
        let mut found = Vec::with_capacity(high as usize);
        for index in 0..high {
            let Some(slot) = self.slot(index) else { break };
            let start = slot.start.load(Ordering::Acquire);
            let stop = slot.stop.load(Ordering::Acquire);
            if start != 0 && start <= instant && (stop == 0 || stop > instant) {
                let recording = slot.recording.lock().clone();
                // Unchanged: the slot was not given to another recording in between.
                if slot.start.load(Ordering::Acquire) == start {
                    found.extend(recording);
                }
            }
        }
        found
    }
}

/// The book-keeping beside the slots, under the registry's lock.
#[derive(Default)]
pub struct SlotBook {
    sequence: u64,
    high: u32,
    free: Vec<u32>,
    /// Stopped, but perhaps still wanted by an older list.
    limbo: VecDeque<(u64, u32)>,
    lists: BTreeMap<u64, usize>,
}

impl SlotBook {
    /// `None` when all four million are taken.
    pub fn insert(&mut self, slots: &Slots, recording: &Arc<Recording>) -> Option<u32> {
        self.reclaim(slots);
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = self.high;
                slots.slot(index)?;
                self.high += 1;
                index
            }
        };
        let slot = slots.slot(index)?;
        self.sequence += 1;
        *slot.recording.lock() = Some(recording.clone());
        slot.stop.store(0, Ordering::Release);
        slot.start.store(self.sequence, Ordering::Release);
        Some(index)
    }

    pub fn remove(&mut self, slots: &Slots, index: u32) {
        let Some(slot) = slots.slot(index) else { return };
        self.sequence += 1;
        slot.stop.store(self.sequence, Ordering::Release);
        self.limbo.push_back((self.sequence, index));
        self.reclaim(slots);
    }

    /// The instant of a list that begins now, and how many slots it has to read.
    pub fn begin_list(&mut self) -> (u64, u32) {
        *self.lists.entry(self.sequence).or_default() += 1;
        (self.sequence, self.high)
    }

    pub fn end_list(&mut self, slots: &Slots, instant: u64) {
        if let Some(count) = self.lists.get_mut(&instant) {
            *count -= 1;
            if *count == 0 {
                self.lists.remove(&instant);
            }
        }
        self.reclaim(slots);
    }

    fn reclaim(&mut self, slots: &Slots) {
        let oldest = self.lists.keys().next().copied().unwrap_or(u64::MAX);
        // Bounded, so that no single operation pays for a long list's end.
        for _ in 0..256 {
            let Some((stop, index)) = self.limbo.front().copied() else {
                break;
            };
            if stop > oldest {
                break;
            }
            self.limbo.pop_front();
            if let Some(slot) = slots.slot(index) {
                slot.start.store(0, Ordering::Release);
                *slot.recording.lock() = None;
            }
            self.free.push(index);
        }
    }
}
