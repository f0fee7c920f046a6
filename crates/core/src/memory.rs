//! Memory that may run out: which threads run callrec's code, and which requests may be refused.
//!
//! Rust's collections end the process if the system refuses memory. The allocator of the C
//! library prevents that for callrec's code. This module tells it whether a thread runs such code,
//! and whether the code can go on without the memory that it asks for.

mod pieces;

use std::cell::Cell;
use std::collections::{HashMap, TryReserveError};
use std::hash::Hash;

pub use pieces::{PieceQueue, PieceVec};

use crate::words::{Error, Result, Status};

std::thread_local! {
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    static IS_REFUSABLE: Cell<bool> = const { Cell::new(false) };
}

/// Until it is dropped, this thread runs callrec's code. The allocator gives such code memory from
/// a reserve if the system refuses it, and otherwise lets it wait.
pub struct InsideGuard {
    _here: std::marker::PhantomData<*const ()>,
}

impl InsideGuard {
    #[must_use]
    pub fn enter() -> InsideGuard {
        INSIDE.set(INSIDE.get() + 1);
        InsideGuard {
            _here: std::marker::PhantomData,
        }
    }
}

impl Drop for InsideGuard {
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
    }
}

/// For a thread of callrec's own, which runs nothing else.
pub fn stay_inside() {
    std::mem::forget(InsideGuard::enter());
}

pub fn is_inside() -> bool {
    INSIDE.get() > 0
}

/// Runs `act`, which can go on without memory. What the system does not give it is refused.
pub fn attempt<T>(act: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            IS_REFUSABLE.set(self.0);
        }
    }
    let _before = Before(IS_REFUSABLE.replace(true));
    act()
}

pub fn is_refusable() -> bool {
    IS_REFUSABLE.get()
}

/// The answer to a request that needs more memory than there is.
pub fn exhausted() -> Error {
    Error::new(Status::Limit, "out of memory")
}

fn or_exhausted(reserved: std::result::Result<(), TryReserveError>) -> Result<()> {
    reserved.map_err(|_| exhausted())
}

/// Makes room for some more entries, so that adding them cannot fail. `LIMIT`: there is no memory.
pub fn grow_map<K: Eq + Hash, V>(map: &mut HashMap<K, V>, more: usize) -> Result<()> {
    or_exhausted(attempt(|| map.try_reserve(more)))
}

/// The same for a vector.
pub fn grow_vec<T>(vec: &mut Vec<T>, more: usize) -> Result<()> {
    or_exhausted(attempt(|| vec.try_reserve(more)))
}

/// A piece of this size can be had from the reserve.
pub const SMALL_BUFFER: usize = 16 << 10;

/// A buffer of so many bytes for reading, or of [`SMALL_BUFFER`] if there is no memory for that.
pub fn read_buffer(bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    let length = match grow_vec(&mut buffer, bytes) {
        Ok(()) => bytes,
        Err(_) => bytes.min(SMALL_BUFFER),
    };
    buffer.resize(length, 0);
    buffer
}

/// All that the iterator has. `LIMIT`: there is no memory for it.
pub fn try_collect<T>(all: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut vec = Vec::new();
    or_exhausted(attempt(|| vec.try_reserve_exact(all.len())))?;
    vec.extend(all);
    Ok(vec)
}

/// A slice made of one value after the other. `None`: there is no memory for it.
pub fn try_slice<T>(len: usize, make: impl FnMut() -> T) -> Option<Box<[T]>> {
    let mut made = Vec::new();
    attempt(|| made.try_reserve_exact(len)).ok()?;
    made.extend(std::iter::repeat_with(make).take(len));
    Some(made.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_begun_ends() {
        assert!(!is_inside());
        {
            let _outer = InsideGuard::enter();
            drop(InsideGuard::enter());
            assert!(is_inside());
        }
        assert!(!is_inside());
        assert!(attempt(is_refusable));
        assert!(!is_refusable());
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        let mut vec = vec![1_u64];
        let error = grow_vec(&mut vec, usize::MAX / 16).expect_err("too much");
        assert_eq!(
            (error.status, error.message.as_str()),
            (Status::Limit, "out of memory")
        );
        assert_eq!(grow_vec(&mut vec, 3), Ok(()));
        assert!(vec.capacity() >= 4);
        assert_eq!(try_collect(0..3), Ok(vec![0, 1, 2]));
        assert_eq!(read_buffer(usize::MAX / 2).len(), SMALL_BUFFER);
        assert_eq!(read_buffer(3), [0; 3]);
        assert!(try_slice(usize::MAX / 16, || 1_u64).is_none());
        assert_eq!(try_slice(2, || 7).as_deref(), Some(&[7, 7][..]));
    }
}
