//! Locks without poison, on the standard library's.
//!
//! Not `parking_lot`'s: its waiting threads share one table in the process, whose
//! locks another thread may hold at the moment of a fork, so that a child which
//! opens an engine of its own could wait for ever. A standard lock is its own
//! futex. What a panic leaves behind a lock is for the one who catches it to fail.

use std::ops::{Deref, DerefMut};
use std::sync::{self, PoisonError, TryLockError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

/// Empty only while its condition variable waits.
pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    held: Option<sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            lock: self,
            held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// For what is static: a fork may have left it locked for ever in the child.
    pub fn try_lock_for(&self, time: Duration) -> Option<MutexGuard<'_, T>> {
        let deadline = Instant::now() + time;
        loop {
            let held = match self.0.try_lock() {
                Ok(held) => Some(held),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if held.is_some() {
                return Some(MutexGuard { lock: self, held });
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::yield_now();
        }
    }
}

impl<T> MutexGuard<'_, T> {
    /// Runs `act` without the lock, and takes it again.
    pub fn unlocked<R>(guard: &mut Self, act: impl FnOnce() -> R) -> R {
        guard.held = None;
        let done = act();
        guard.held = guard.lock.lock().held.take();
        done
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.held {
            Some(held) => held,
            None => unreachable!("a guard is empty only while it waits"),
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.held {
            Some(held) => held,
            None => unreachable!("a guard is empty only while it waits"),
        }
    }
}

#[derive(Default)]
pub struct Condvar(sync::Condvar);

/// Whether a wait ended because its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    timed_out: bool,
}

impl Waited {
    pub fn timed_out(self) -> bool {
        self.timed_out
    }
}

impl Condvar {
    pub const fn new() -> Condvar {
        Condvar(sync::Condvar::new())
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if let Some(held) = guard.held.take() {
            guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) -> Waited {
        let Some(held) = guard.held.take() else {
            return Waited { timed_out: true };
        };
        let (held, over) = self
            .0
            .wait_timeout(held, time)
            .unwrap_or_else(PoisonError::into_inner);
        guard.held = Some(held);
        Waited {
            timed_out: over.timed_out(),
        }
    }

    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> Waited {
        self.wait_for(guard, deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_panic_does_not_poison() {
        let lock = Arc::new(Mutex::new(1));
        let other = lock.clone();
        let thread = std::thread::spawn(move || {
            let _guard = other.lock();
            panic!("planted");
        });
        assert!(thread.join().is_err());
        assert_eq!(*lock.lock(), 1);
    }

    #[test]
    fn waiting_gives_the_lock_back() {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let other = shared.clone();
        let mut ready = shared.0.lock();
        let thread = std::thread::spawn(move || {
            *other.0.lock() = true;
            other.1.notify_one();
        });
        while !*ready {
            shared.1.wait(&mut ready);
        }
        drop(ready);
        assert!(thread.join().is_ok());
        let mut guard = shared.0.lock();
        assert!(MutexGuard::unlocked(&mut guard, || *shared.0.lock()));
        assert!(
            shared
                .1
                .wait_for(&mut guard, Duration::from_millis(1))
                .timed_out()
        );
    }
}
