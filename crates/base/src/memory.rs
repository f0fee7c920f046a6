//! Handling of exhausted memory.
//!
//! Rust's collections abort the process if the system refuses memory. The C library's allocator
//! prevents that for callrec's code. This module tells the allocator whether a thread currently
//! runs callrec's code, and whether that code can continue without the requested memory.

mod pieces;
mod sharded_map;

use std::cell::Cell;
use std::collections::{HashMap, TryReserveError};
use std::hash::Hash;

pub use pieces::{PieceQueue, PieceVec};
pub use sharded_map::ShardedMap;

use crate::types::{Error, Result, Status};

std::thread_local! {
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    static IS_REFUSABLE: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as running callrec's code until the guard is dropped. If the system refuses
/// memory, the allocator serves such code from a reserve, and lets it wait when that is empty.
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

/// Marks this thread for its whole life. For threads that callrec created.
pub fn stay_inside() {
    std::mem::forget(InsideGuard::enter());
}

pub fn is_inside() -> bool {
    INSIDE.get() > 0
}

/// Runs `act`, in which an allocation may fail instead of waiting for memory.
pub fn attempt<T>(act: impl FnOnce() -> T) -> T {
    struct RestoreRefusable(bool);
    impl Drop for RestoreRefusable {
        fn drop(&mut self) {
            IS_REFUSABLE.set(self.0);
        }
    }
    let _restore = RestoreRefusable(IS_REFUSABLE.replace(true));
    act()
}

pub fn is_refusable() -> bool {
    IS_REFUSABLE.get()
}

/// The error of a request that needs more memory than is available.
pub fn exhausted() -> Error {
    Error::new(Status::Limit, "out of memory")
}

fn or_exhausted(reserved: std::result::Result<(), TryReserveError>) -> Result<()> {
    reserved.map_err(|_| exhausted())
}

/// Reserves memory for `more` entries, so that inserting them cannot fail. Fails with `Limit`.
pub fn grow_map<K: Eq + Hash, V>(map: &mut HashMap<K, V>, more: usize) -> Result<()> {
    or_exhausted(attempt(|| map.try_reserve(more)))
}

/// Reserves memory for `more` elements, so that pushing them cannot fail. Fails with `Limit`.
pub fn grow_vec<T>(vec: &mut Vec<T>, more: usize) -> Result<()> {
    or_exhausted(attempt(|| vec.try_reserve(more)))
}

/// Bytes of a buffer that the allocator's reserve can supply.
pub const SMALL_BUFFER: usize = 16 << 10;

/// A zeroed read buffer of `bytes` bytes, or of at most [`SMALL_BUFFER`] if memory is exhausted.
pub fn read_buffer(bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    let length = match grow_vec(&mut buffer, bytes) {
        Ok(()) => bytes,
        Err(_) => bytes.min(SMALL_BUFFER),
    };
    buffer.resize(length, 0);
    buffer
}

/// Collects the iterator into a vector. Fails with `Limit` if memory is exhausted.
pub fn try_collect<T>(all: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut vec = Vec::new();
    or_exhausted(attempt(|| vec.try_reserve_exact(all.len())))?;
    vec.extend(all);
    Ok(vec)
}

/// A slice of `len` values returned by `make`, or `None` if memory is exhausted.
pub fn try_slice<T>(len: usize, make: impl FnMut() -> T) -> Option<Box<[T]>> {
    let mut values = Vec::new();
    attempt(|| values.try_reserve_exact(len)).ok()?;
    values.extend(std::iter::repeat_with(make).take(len));
    Some(values.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_nest_and_restore_the_state() {
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
    fn impossible_requests_are_refused() {
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
