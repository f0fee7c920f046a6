//! A value that other threads change, and that a test waits for.

use std::fmt::Debug;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::wait::PATIENCE;

/// A value with a lock, whose changes wake the threads that wait for them.
#[derive(Debug, Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub const fn new(value: T) -> Watched<T> {
        Watched {
            value: Mutex::new(value),
            changed: Condvar::new(),
        }
    }

    /// Locks the value for reading. Changes made through the guard wake no thread.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock()
    }

    /// Changes the value and wakes every waiting thread.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value.lock());
        self.changed.notify_all();
        result
    }

    /// Waits, without a deadline, until `take` returns true. `take` may change the value; the lock
    /// is held from its check to its change.
    pub fn block_until_taken(&self, mut take: impl FnMut(&mut T) -> bool) {
        let mut value = self.value.lock();
        while !take(&mut value) {
            self.changed.wait(&mut value);
        }
    }

    /// Waits, without a deadline, while `holds` returns true.
    pub fn block_while(&self, mut holds: impl FnMut(&T) -> bool) {
        let mut value = self.value.lock();
        while holds(&value) {
            self.changed.wait(&mut value);
        }
    }

    /// Waits until `find` returns something. Panics with `what` and the value after
    /// [`PATIENCE`].
    #[track_caller]
    pub fn wait_for<R>(&self, what: &str, mut find: impl FnMut(&T) -> Option<R>) -> R
    where
        T: Debug,
    {
        let deadline = Instant::now() + PATIENCE;
        let mut value = self.value.lock();
        loop {
            if let Some(found) = find(&value) {
                return found;
            }
            let waited = self.changed.wait_until(&mut value, deadline);
            assert!(!waited.timed_out(), "waited in vain: {what}: {value:#?}");
        }
    }

    /// Waits until `holds` returns true. Panics with `what` and the value after [`PATIENCE`].
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&T) -> bool)
    where
        T: Debug,
    {
        self.wait_for(what, |value| holds(value).then_some(()));
    }
}

impl<T: Clone> Watched<T> {
    /// A copy of the present value.
    pub fn get(&self) -> T {
        self.value.lock().clone()
    }
}

impl<T> Watched<Vec<T>> {
    /// Appends an item and wakes every waiting thread.
    pub fn push(&self, item: T) {
        self.change(|items| items.push(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_wakes_a_waiting_thread() {
        let items = Watched::new(Vec::new());
        std::thread::scope(|scope| {
            scope.spawn(|| (0..3).for_each(|item| items.push(item)));
            items.wait_until("three items", |items| items.len() == 3);
            items.block_while(|items| items.is_empty());
            let second = items.wait_for("the second item", |items| items.get(1).copied());
            assert_eq!(second, 1);
        });
        assert_eq!(items.get(), [0, 1, 2]);
    }
}
