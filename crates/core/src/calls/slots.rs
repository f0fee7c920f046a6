//! Slots of live recordings. A full list reads them without the registry's lock and still sees
//! the state of one instant.
//!
//! Each slot stores the sequence numbers of its recording's start and stop. A list takes one
//! number and includes the recordings that started up to it and stopped after it. A slot is
//! reused only when every list that began before its stop has ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::recording::Recording;
use crate::memory;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::Result;

/// A model has few recordings and creates its slots in every run.
const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));
const CHUNK: usize = if MODEL { 4 } else { 1024 };
/// Limits the slots to about four million.
const CHUNKS: usize = if MODEL { 4 } else { 4096 };

/// Slots that a start or a stop reclaims: more than it can add.
const FEW: usize = 4;
/// Slots that the end of a list reclaims.
const MANY: usize = 64;

struct Slot<T> {
    start: AtomicU64,
    /// 0 while the recording is live.
    stop: AtomicU64,
    recording: Mutex<Option<Arc<T>>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot {
            start: AtomicU64::new(0),
            stop: AtomicU64::new(0),
            recording: Mutex::new(None),
        }
    }
}

type Chunk<T> = OnceCell<Box<[Slot<T>]>>;

pub struct Slots<T = Recording> {
    chunks: Box<[Chunk<T>]>,
}

impl<T> Slots<T> {
    pub fn new() -> Slots<T> {
        Slots {
            chunks: (0..CHUNKS).map(|_| OnceCell::new()).collect(),
        }
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let chunk = self.chunks.get(index as usize / CHUNK)?;
        let slots = chunk.get_or_try_init(|| memory::try_slice(CHUNK, Slot::default).ok_or(()));
        slots.ok()?.get(index as usize % CHUNK)
    }

    pub fn clear(&self) {
        for slot in self.chunks.iter().filter_map(OnceCell::get).flatten() {
            slot.start.store(0, Ordering::Release);
            slot.recording.lock().take();
        }
    }

    /// The recordings that were live at `instant`, from the slots below `high`. Fails with `Limit`
    /// if there is no memory for the list.
    pub fn at(&self, instant: u64, high: u32) -> Result<Vec<Arc<T>>> {
        let mut found = Vec::new();
        memory::grow_vec(&mut found, high as usize)?;
        for index in 0..high {
            let Some(slot) = self.slot(index) else { break };
            let start = slot.start.load(Ordering::Acquire);
            let stop = slot.stop.load(Ordering::Acquire);
            if start != 0 && start <= instant && (stop == 0 || stop > instant) {
                let recording = slot.recording.lock().clone();
                // If it is unchanged, the slot was not given to another recording meanwhile.
                if slot.start.load(Ordering::Acquire) == start {
                    found.extend(recording);
                }
            }
        }
        Ok(found)
    }
}

/// Allocates slots, under the registry's lock.
#[derive(Default)]
pub struct SlotAllocator {
    sequence: u64,
    high: u32,
    free: Vec<u32>,
    /// Stop numbers and slots of stopped recordings that an older list may still need.
    stopped: VecDeque<(u64, u32)>,
    lists: BTreeMap<u64, usize>,
}

impl SlotAllocator {
    /// Reserves memory for one more slot and for reclaiming all of them, so that neither can fail.
    /// Fails with `Limit`.
    pub fn grow<T>(&mut self, slots: &Slots<T>) -> Result<()> {
        self.reclaim(slots, FEW);
        let all = self.high as usize + 1;
        let more = all.saturating_sub(self.free.len());
        memory::grow_vec(&mut self.free, more)?;
        let stopped = &mut self.stopped;
        let more = all.saturating_sub(stopped.len());
        memory::attempt(|| stopped.try_reserve(more)).map_err(|_| memory::exhausted())
    }

    /// Returns `None` if all slots are taken or there is no memory for more.
    pub fn insert<T>(&mut self, slots: &Slots<T>, recording: &Arc<T>) -> Option<u32> {
        self.reclaim(slots, FEW);
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

    pub fn remove<T>(&mut self, slots: &Slots<T>, index: u32) {
        let Some(slot) = slots.slot(index) else { return };
        self.sequence += 1;
        slot.stop.store(self.sequence, Ordering::Release);
        self.stopped.push_back((self.sequence, index));
        self.reclaim(slots, FEW);
    }

    /// Begins a list. Returns its instant and the number of slots that it has to read.
    pub fn begin_list(&mut self) -> (u64, u32) {
        *self.lists.entry(self.sequence).or_default() += 1;
        (self.sequence, self.high)
    }

    /// Ends a list. Returns whether more slots may be reclaimable.
    pub fn end_list<T>(&mut self, slots: &Slots<T>, instant: u64) -> bool {
        if let Some(count) = self.lists.get_mut(&instant) {
            *count -= 1;
            if *count == 0 {
                self.lists.remove(&instant);
            }
        }
        self.reclaim_many(slots)
    }

    pub fn reclaim_many<T>(&mut self, slots: &Slots<T>) -> bool {
        self.reclaim(slots, MANY)
    }

    /// Reclaims at most `max` slots, so that no single operation pays for the end of a long list.
    /// Returns whether it reclaimed that many.
    fn reclaim<T>(&mut self, slots: &Slots<T>, max: usize) -> bool {
        let oldest = self.lists.keys().next().copied().unwrap_or(u64::MAX);
        for _ in 0..max {
            let Some((stop, index)) = self.stopped.front().copied() else {
                return false;
            };
            if stop > oldest {
                return false;
            }
            self.stopped.pop_front();
            if let Some(slot) = slots.slot(index) {
                slot.start.store(0, Ordering::Release);
                *slot.recording.lock() = None;
            }
            self.free.push(index);
        }
        true
    }
}

#[cfg(all(test, callrec_loom))]
mod models {
    use loom::thread;

    use super::*;
    use crate::sync::model;

    /// The registry's part: the allocator and, under the same lock, the live recordings.
    #[derive(Default)]
    struct ListModelState {
        allocator: SlotAllocator,
        live: Vec<(u32, Arc<u32>)>,
    }

    struct ListModel {
        inner: Mutex<ListModelState>,
        slots: Slots<u32>,
    }

    impl ListModel {
        fn new() -> Arc<ListModel> {
            Arc::new(ListModel {
                inner: Mutex::default(),
                slots: Slots::new(),
            })
        }

        fn start(&self, name: u32) {
            let mut inner = self.inner.lock();
            let name = Arc::new(name);
            let slot = inner
                .allocator
                .insert(&self.slots, &name)
                .expect("a slot is free");
            inner.live.push((slot, name));
        }

        fn stop(&self, name: u32) {
            let mut inner = self.inner.lock();
            let position = inner.live.iter().position(|(_, live)| **live == name);
            let (slot, _) = inner.live.remove(position.expect("it is live"));
            inner.allocator.remove(&self.slots, slot);
        }

        /// As in `Registry::all`: the list must equal the recordings that were live when it began.
        fn list(&self) {
            let (expected, instant, high) = {
                let mut inner = self.inner.lock();
                let expected: Vec<u32> = inner.live.iter().map(|(_, name)| **name).collect();
                let (instant, high) = inner.allocator.begin_list();
                (expected, instant, high)
            };
            let mut found: Vec<u32> = self
                .slots
                .at(instant, high)
                .expect("there is memory")
                .iter()
                .map(|name| **name)
                .collect();
            self.inner.lock().allocator.end_list(&self.slots, instant);
            found.sort_unstable();
            assert_eq!(found, expected);
        }
    }

    /// Slots are stopped, reclaimed and reused during a list.
    #[test]
    fn a_list_shows_one_instant() {
        model(3, || {
            let model = ListModel::new();
            model.start(1);
            model.start(2);
            let other = thread::spawn({
                let model = model.clone();
                move || {
                    model.stop(1);
                    model.start(3);
                    model.stop(2);
                    model.start(4);
                }
            });
            model.list();
            other.join().expect("no panic");
            model.list();
        });
    }

    /// A slot that was stopped before a list began may be reused during it. Here an older list
    /// has prevented the reuse until then.
    #[test]
    fn a_slot_is_reused_during_a_list() {
        model(4, || {
            let model = ListModel::new();
            model.start(1);
            let (older, _) = model.inner.lock().allocator.begin_list();
            model.stop(1);
            let lister = thread::spawn({
                let model = model.clone();
                move || model.list()
            });
            model.inner.lock().allocator.end_list(&model.slots, older);
            model.start(2);
            lister.join().expect("no panic");
        });
    }

    /// An earlier list keeps its slots while a later one begins and ends.
    #[test]
    fn the_oldest_list_keeps_its_slots() {
        model(3, || {
            let model = ListModel::new();
            model.start(1);
            let lister = thread::spawn({
                let model = model.clone();
                move || model.list()
            });
            let changer = thread::spawn({
                let model = model.clone();
                move || {
                    model.stop(1);
                    model.list();
                    model.start(2);
                }
            });
            model.list();
            lister.join().expect("no panic");
            changer.join().expect("no panic");
            // All slots except the one in use are free again.
            let mut inner = model.inner.lock();
            inner.allocator.reclaim(&model.slots, MANY);
            let (stopped, lists) = (inner.allocator.stopped.len(), inner.allocator.lists.len());
            assert_eq!(
                (stopped, lists, inner.allocator.free.len()),
                (0, 0, inner.allocator.high as usize - 1)
            );
        });
    }
}
