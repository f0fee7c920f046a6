//! Generation-checked ids: a stale, foreign or made-up one is an error, never
//! memory damage, also while another thread closes the object.

use once_cell::sync::OnceCell;

use crate::sync;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::slot::{Mutex, MutexGuard};

/// A model has few objects, and makes its tables anew each time.
const MODEL: bool = cfg!(any(callrec_loom, callrec_shuttle));
const CHUNK: usize = if MODEL { 4 } else { 1024 };
const CHUNKS: usize = if MODEL { 4 } else { 2 * 1024 };
const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 31;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

/// What an id names; ids of different kinds are never equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Engine = 1,
    Call = 2,
    Feed = 3,
    Subscription = 4,
    Gateway = 5,
}

/// `depth:6 | kind:3 | generation:31 | index:24`. The depth counts forks: a
/// child's ids differ from those it inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub u64);

impl Id {
    fn new(depth: u32, kind: Kind, generation: u32, index: u32) -> Id {
        Id((u64::from(depth) << 58)
            | ((kind as u64) << 55)
            | (u64::from(generation) << INDEX_BITS)
            | u64::from(index))
    }

    pub fn depth(self) -> u32 {
        (self.0 >> 58) as u32
    }

    fn kind(self) -> u8 {
        (self.0 >> 55) as u8 & 7
    }

    fn generation(self) -> u32 {
        (self.0 >> INDEX_BITS) as u32 & GENERATION_MASK
    }

    fn index(self) -> usize {
        self.0 as usize & ((1 << INDEX_BITS) - 1)
    }
}

#[repr(C)]
struct Occupancy<T> {
    generation: u32,
    value: Option<T>,
}

/// On cache lines of its own: neighbours are entered by other threads. On the first
/// one lie lock, generation and the beginning of the object.
#[repr(align(64))]
struct Slot<T>(Mutex<Occupancy<T>>);

impl<T> Slot<T> {
    /// Whoever is inside copies a packet, or a pointer: control gives way until it
    /// is out.
    fn enter(&self) -> MutexGuard<'_, Occupancy<T>> {
        loop {
            if let Some(occupancy) = self.0.try_lock() {
                return occupancy;
            }
            sync::thread::yield_now();
        }
    }
}

/// Why an id could not be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    BadHandle,
    Busy,
}

type Chunk<T> = OnceCell<Box<[Slot<T>]>>;

/// The objects of one kind in one process.
pub struct Table<T> {
    kind: Kind,
    depth: u32,
    chunks: Box<[Chunk<T>]>,
    high: AtomicU32,
    free: sync::Mutex<Vec<u32>>,
}

impl<T> Table<T> {
    pub fn new(kind: Kind, depth: u32) -> Table<T> {
        Table {
            kind,
            depth,
            chunks: (0..CHUNKS).map(|_| OnceCell::new()).collect(),
            high: AtomicU32::new(0),
            free: sync::Mutex::default(),
        }
    }

    fn chunk(&self, number: usize) -> Option<&[Slot<T>]> {
        let empty = || {
            Slot(Mutex::new(Occupancy {
                generation: 0,
                value: None,
            }))
        };
        let chunk = self.chunks.get(number)?;
        Some(chunk.get_or_init(|| (0..CHUNK).map(|_| empty()).collect()))
    }

    #[inline]
    fn slot(&self, id: Id) -> Option<&Slot<T>> {
        if id.kind() != self.kind as u8 || id.depth() != self.depth {
            return None;
        }
        let index = id.index();
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }

    /// `None`: the table is full. `make` learns the id that the value will have.
    pub fn insert(&self, make: impl FnOnce(Id) -> T) -> Option<Id> {
        let reused = self.free.lock().pop();
        let index = match reused {
            Some(index) => index,
            None => self.high.fetch_add(1, Ordering::Relaxed),
        };
        let Some(chunk) = self.chunk(index as usize / CHUNK) else {
            self.high.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        let mut occupancy = chunk[index as usize % CHUNK].enter();
        occupancy.generation = (occupancy.generation % GENERATION_MASK) + 1;
        let id = Id::new(self.depth, self.kind, occupancy.generation, index);
        occupancy.value = Some(make(id));
        Some(id)
    }

    /// For control: waits for whoever is in the slot.
    pub fn with<R>(&self, id: Id, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut occupancy = self.slot(id)?.enter();
        if occupancy.generation != id.generation() {
            return None;
        }
        occupancy.value.as_mut().map(act)
    }

    /// For media: never waits.
    #[inline]
    pub fn try_with<R>(&self, id: Id, act: impl FnOnce(&mut T) -> R) -> Result<R, Refused> {
        let slot = self.slot(id).ok_or(Refused::BadHandle)?;
        let mut occupancy = slot.0.try_lock().ok_or(Refused::Busy)?;
        if occupancy.generation != id.generation() {
            return Err(Refused::BadHandle);
        }
        occupancy.value.as_mut().map(act).ok_or(Refused::BadHandle)
    }

    /// Takes the object out; the id is stale from here on. Waits for whoever is in the slot.
    pub fn remove(&self, id: Id) -> Option<T> {
        let mut occupancy = self.slot(id)?.enter();
        if occupancy.generation != id.generation() {
            return None;
        }
        let value = occupancy.value.take()?;
        drop(occupancy);
        self.free.lock().push(id.index() as u32);
        Some(value)
    }
}

impl<T: Clone> Table<T> {
    pub fn get(&self, id: Id) -> Option<T> {
        self.with(id, |value| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_foreign_and_invented_ids_open_nothing() {
        let table = Table::new(Kind::Call, 0);
        let Some(first) = table.insert(|_| "first") else {
            panic!("empty table is full")
        };
        assert_eq!(table.get(first), Some("first"));
        assert_eq!(table.remove(first), Some("first"));
        assert_eq!(table.remove(first), None);
        let Some(second) = table.insert(|_| "second") else {
            panic!("empty table is full")
        };
        assert_ne!(first, second, "the slot is the same, the generation is not");
        assert_eq!(table.get(first), None);
        for invented in [
            0,
            1,
            u64::MAX,
            second.0 ^ (1 << 55),
            second.0 | 0xfff000,
            second.0 ^ (1 << 60),
        ] {
            assert_eq!(table.get(Id(invented)), None, "{invented:#x}");
        }
    }

    #[test]
    fn media_never_waits() {
        let table = Table::new(Kind::Feed, 3);
        let Some(id) = table.insert(|_| 1) else {
            panic!("empty table is full")
        };
        let inner = table.with(id, |_| table.try_with(id, |value| *value));
        assert_eq!(inner, Some(Err(Refused::Busy)));
        assert_eq!(table.try_with(id, |value| *value), Ok(1));
        table.remove(id);
        assert_eq!(table.try_with(id, |value| *value), Err(Refused::BadHandle));
    }
}

#[cfg(all(test, callrec_loom))]
mod models {
    use std::sync::Arc;

    use loom::cell::Cell;
    use loom::thread;

    use super::*;
    use crate::sync::model;

    /// What a feed's slot holds: loom sees it if two threads are in it at once.
    struct Ring {
        of: &'static str,
        records: Cell<u32>,
    }

    fn ring(of: &'static str) -> Ring {
        Ring {
            of,
            records: Cell::new(0),
        }
    }

    fn put(ring: &mut Ring) -> &'static str {
        ring.records.set(ring.records.get() + 1);
        ring.of
    }

    fn insert(table: &Table<Ring>, of: &'static str) -> Id {
        table.insert(|_| ring(of)).expect("there is room")
    }

    /// A packet is in the closed feed's ring, all of it, or it was refused; never in
    /// the ring of whoever has the slot next.
    #[test]
    fn a_feed_is_closed_under_a_packet() {
        model(4, || {
            let table = Arc::new(Table::new(Kind::Feed, 0));
            let id = insert(&table, "first");
            let feeder = thread::spawn({
                let table = table.clone();
                move || [table.try_with(id, put), table.try_with(id, put)]
            });
            let closed = table.remove(id).expect("it was there");
            let before = closed.records.get();
            let next = insert(&table, "next");
            assert_ne!(id, next);
            let answers = feeder.join().expect("no panic");
            let taken = answers.iter().filter(|answer| **answer == Ok("first")).count();
            assert_eq!(before as usize, taken, "{answers:?}");
            let other = |answer: &&Result<_, _>| answer.is_ok_and(|of| of != "first");
            assert_eq!(answers.iter().find(other), None);
            let untouched = table.remove(next).map(|ring| ring.records.get());
            assert_eq!(untouched, Some(0));
        });
    }

    /// Two threads in one feed: one of them is told so, or both have their turn.
    #[test]
    fn two_threads_in_one_feed() {
        model(4, || {
            let table = Arc::new(Table::new(Kind::Feed, 0));
            let id = insert(&table, "only");
            let other = thread::spawn({
                let table = table.clone();
                move || table.try_with(id, put).is_ok()
            });
            let here = table.try_with(id, put).is_ok();
            let taken = u32::from(here) + u32::from(other.join().expect("no panic"));
            assert!(taken > 0, "the first one in is never refused");
            assert_eq!(table.remove(id).map(|ring| ring.records.get()), Some(taken));
        });
    }

    /// Of two that close one object exactly one gets it, also while a third thread
    /// opens others in the same slots.
    #[test]
    fn one_of_two_closes() {
        model(4, || {
            let table = Arc::new(Table::new(Kind::Call, 0));
            let id = insert(&table, "first");
            let close = |table: &Arc<Table<Ring>>| {
                let table = table.clone();
                move || table.remove(id).map(|ring| ring.of)
            };
            let other = thread::spawn(close(&table));
            let opener = thread::spawn({
                let table = table.clone();
                move || [insert(&table, "next"), insert(&table, "last")]
            });
            let closed = [close(&table)(), other.join().expect("no panic")];
            assert_eq!(closed.iter().flatten().collect::<Vec<_>>(), [&"first"]);
            let [next, last] = opener.join().expect("no panic");
            assert!(next != last && next != id && last != id);
            assert_eq!(table.with(next, |ring| ring.of), Some("next"));
            assert_eq!(table.with(last, |ring| ring.of), Some("last"));
        });
    }
}
