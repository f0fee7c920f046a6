//! Locks that do not poison, built on the standard library's.
//!
//! `parking_lot` is not used: its waiting threads share one table per process. If another thread
//! holds a lock of that table during a fork, a child that opens its own engine could wait for
//! ever. A standard lock is its own futex. The code that catches a panic must fail or finish
//! whatever the panic left half done behind a lock.
//!
//! Every primitive that threads share comes from this module, so that a model checker can
//! replace it: `--cfg callrec_loom`, `--cfg callrec_shuttle` (see `.ci/models`).

use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

#[cfg(not(any(callrec_loom, callrec_shuttle)))]
mod base {
    /// A word of a feed's ring.
    pub use std::sync::atomic::AtomicU64 as Word;
    pub use std::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub use std::{thread, thread_local};

    /// Locks for handles. They are released by a plain store: a second locked instruction
    /// would wait until everything the packet wrote has reached the cache.
    pub mod slot {
        pub use spin::mutex::{SpinMutex as Mutex, SpinMutexGuard as MutexGuard};
    }
}
#[cfg(callrec_loom)]
#[path = "sync/loom.rs"]
mod base;
#[cfg(callrec_shuttle)]
#[path = "sync/shuttle.rs"]
mod base;

#[cfg(callrec_loom)]
pub use base::loom_crate;
pub use base::{Word, atomic, slot, thread, thread_local};

/// Asks the system to keep these words on large pages. They begin and end at the boundary of a
/// large page. The C ABI provides this function, because only it calls the system directly.
pub type LargePages = fn(&[Word]);

/// Runs a model in every interleaving, and with every value that the memory model allows its
/// loads to return, up to `preemptions` preemptions or `LOOM_MAX_PREEMPTIONS`.
#[cfg(callrec_loom)]
pub fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 10_000;
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = runs.clone();
    builder.check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        run();
    });
    println!("{} runs", runs.load(std::sync::atomic::Ordering::Relaxed));
}

#[derive(Debug, Default)]
pub struct Mutex<T>(base::Mutex<T>);

/// Holds no lock while its condition variable waits.
pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    held: Option<base::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(base::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            lock: self,
            held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    #[cfg(any(callrec_loom, callrec_shuttle))]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = self.0.try_lock().ok()?;
        Some(MutexGuard {
            lock: self,
            held: Some(held),
        })
    }
}

/// A lock for statics, which outlive every model. A child that is forked while another thread
/// holds it can never take it, so it must not guard anything that a child needs.
#[cfg(any(windows, feature = "faults"))]
pub type StaticMutex<T> = parking_lot::Mutex<T>;

impl<T> MutexGuard<'_, T> {
    /// Releases the lock, runs `act`, and takes the lock again.
    pub fn unlocked<R>(guard: &mut Self, act: impl FnOnce() -> R) -> R {
        guard.held = None;
        let result = act();
        guard.held = guard.lock.lock().held.take();
        result
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
pub struct Condvar(base::Condvar);

/// Whether a wait ended because its time limit passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitOutcome {
    timed_out: bool,
}

impl WaitOutcome {
    pub fn timed_out(self) -> bool {
        self.timed_out
    }
}

impl Condvar {
    pub fn new() -> Condvar {
        Condvar(base::Condvar::new())
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

    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) -> WaitOutcome {
        #[cfg(callrec_shuttle)]
        if time < base::FOREVER {
            MutexGuard::unlocked(guard, thread::yield_now);
            return WaitOutcome { timed_out: true };
        }
        let Some(held) = guard.held.take() else {
            return WaitOutcome { timed_out: true };
        };
        let (held, over) = self
            .0
            .wait_timeout(held, time)
            .unwrap_or_else(PoisonError::into_inner);
        guard.held = Some(held);
        WaitOutcome {
            timed_out: over.timed_out(),
        }
    }

    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> WaitOutcome {
        self.wait_for(guard, deadline.saturating_duration_since(Instant::now()))
    }
}

/// Runs `act`. Returns the message of a panic as an error.
pub fn catch_panic<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    // Locks do not poison: the caller must fail or finish whatever a panic left half done.
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("no message").to_owned()
    })
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
    fn waiting_releases_the_lock() {
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
