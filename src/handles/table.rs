//! The table of the objects that handles open. Each slot has a lock around its generation and
//! its object, so a handle that another thread has just made stale never reaches the object.

use once_cell::sync::OnceCell;

use super::handle::{GENERATION_MASK, Handle, HandleKind};
use crate::core_memory as memory;
use crate::sync;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::slot::{Mutex, MutexGuard};

#[cfg(all(test, callrec_loom))]
mod models;

/// A model has few objects and creates new tables in each run.
const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));
const CHUNK: usize = if MODEL { 4 } else { 1024 };
const CHUNKS: usize = if MODEL { 4 } else { 2 * 1024 };

#[repr(C)]
struct SlotState<T> {
    generation: u32,
    value: Option<T>,
}

/// A slot, on cache lines of its own, because other threads use its neighbours. The first line
/// holds the lock, the generation and the beginning of the object.
#[repr(align(64))]
struct HandleSlot<T>(Mutex<SlotState<T>>);

impl<T> HandleSlot<T> {
    /// Waits until the slot is free. Another thread keeps it only while copying a packet or a
    /// pointer.
    fn enter(&self) -> MutexGuard<'_, SlotState<T>> {
        loop {
            if let Some(state) = self.0.try_lock() {
                return state;
            }
            sync::thread::yield_now();
        }
    }
}

/// Why a slot could not be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEntered {
    BadHandle,
    Busy,
}

type HandleChunk<T> = OnceCell<Box<[HandleSlot<T>]>>;

/// The objects of one kind in one process.
pub struct HandleTable<T> {
    kind: HandleKind,
    depth: u32,
    chunks: Box<[HandleChunk<T>]>,
    high: AtomicU32,
    free: sync::Mutex<Vec<u32>>,
}

impl<T> HandleTable<T> {
    pub fn new(kind: HandleKind, depth: u32) -> HandleTable<T> {
        HandleTable {
            kind,
            depth,
            chunks: (0..CHUNKS).map(|_| OnceCell::new()).collect(),
            high: AtomicU32::new(0),
            free: sync::Mutex::default(),
        }
    }

    fn chunk(&self, number: usize) -> Option<&[HandleSlot<T>]> {
        let empty = || {
            HandleSlot(Mutex::new(SlotState {
                generation: 0,
                value: None,
            }))
        };
        let chunk = self.chunks.get(number)?;
        if let Some(slots) = chunk.get() {
            return Some(slots);
        }
        // Under the lock, so that no thread waits for another one in the cell, which would
        // allocate memory that cannot be refused.
        let mut free = self.free.lock();
        let make = || {
            // Reserves the space here, so that no removal needs memory.
            let more = ((number + 1) * CHUNK).saturating_sub(free.len());
            memory::grow_vec(&mut free, more).map_err(drop)?;
            memory::try_slice(CHUNK, empty).ok_or(())
        };
        chunk.get_or_try_init(make).ok().map(|slots| &**slots)
    }

    #[inline]
    fn slot(&self, handle: Handle) -> Option<&HandleSlot<T>> {
        if handle.kind() != self.kind as u8 || handle.depth() != self.depth {
            return None;
        }
        let index = handle.index();
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }

    /// Adds an object, created by `make` for its handle. `None` if the table is full or there is
    /// no memory to enlarge it.
    pub fn insert(&self, make: impl FnOnce(Handle) -> T) -> Option<Handle> {
        let reused = self.free.lock().pop();
        let index = match reused {
            Some(index) => index,
            None => self.high.fetch_add(1, Ordering::Relaxed),
        };
        let Some(chunk) = self.chunk(index as usize / CHUNK) else {
            self.take_back(index);
            return None;
        };
        let mut state = chunk[index as usize % CHUNK].enter();
        state.generation = (state.generation % GENERATION_MASK) + 1;
        let handle = Handle::new(self.depth, self.kind, state.generation, index);
        state.value = Some(make(handle));
        Some(handle)
    }

    /// Returns an index for which there is no slot.
    fn take_back(&self, index: u32) {
        if index as usize / CHUNK >= CHUNKS {
            self.high.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // Another thread may have taken a higher index meanwhile.
        let mut free = self.free.lock();
        if memory::grow_vec(&mut free, 1).is_ok() {
            free.push(index);
        }
    }

    /// Enters a slot for control. Waits until no other thread is in it.
    pub fn with<R>(&self, handle: Handle, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut state = self.slot(handle)?.enter();
        if state.generation != handle.generation() {
            return None;
        }
        state.value.as_mut().map(act)
    }

    /// Enters a slot for media. Never waits.
    #[inline]
    pub fn try_with<R>(&self, handle: Handle, act: impl FnOnce(&mut T) -> R) -> Result<R, NotEntered> {
        let slot = self.slot(handle).ok_or(NotEntered::BadHandle)?;
        let mut state = slot.0.try_lock().ok_or(NotEntered::Busy)?;
        if state.generation != handle.generation() {
            return Err(NotEntered::BadHandle);
        }
        state.value.as_mut().map(act).ok_or(NotEntered::BadHandle)
    }

    /// Removes the object, and makes the handle stale. Waits until no other thread is in the
    /// slot.
    pub fn remove(&self, handle: Handle) -> Option<T> {
        let mut state = self.slot(handle)?.enter();
        if state.generation != handle.generation() {
            return None;
        }
        let value = state.value.take()?;
        drop(state);
        self.free.lock().push(handle.index() as u32);
        Some(value)
    }
}

impl<T: Clone> HandleTable<T> {
    pub fn get(&self, handle: Handle) -> Option<T> {
        self.with(handle, |value| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_foreign_and_invented_handles_do_not_open_objects() {
        let table = HandleTable::new(HandleKind::Call, 0);
        let Some(first) = table.insert(|_| "first") else {
            panic!("empty table is full")
        };
        assert_eq!(table.get(first), Some("first"));
        assert_eq!(table.remove(first), Some("first"));
        assert_eq!(table.remove(first), None);
        let Some(second) = table.insert(|_| "second") else {
            panic!("empty table is full")
        };
        assert_ne!(first, second, "the generations differ");
        assert_eq!(table.get(first), None);
        for invented in [
            0,
            1,
            u64::MAX,
            second.0 ^ (1 << 55),
            second.0 | 0xfff000,
            second.0 ^ (1 << 60),
        ] {
            assert_eq!(table.get(Handle(invented)), None, "{invented:#x}");
        }
    }

    #[test]
    fn media_never_waits() {
        let table = HandleTable::new(HandleKind::Feed, 3);
        let Some(handle) = table.insert(|_| 1) else {
            panic!("empty table is full")
        };
        let inner = table.with(handle, |_| table.try_with(handle, |value| *value));
        assert_eq!(inner, Some(Err(NotEntered::Busy)));
        assert_eq!(table.try_with(handle, |value| *value), Ok(1));
        table.remove(handle);
        assert_eq!(table.try_with(handle, |value| *value), Err(NotEntered::BadHandle));
    }
}
