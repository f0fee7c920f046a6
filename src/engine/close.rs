//! The end of an engine: what is live is finished, told, and let go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::slots::Id;
use super::{Engine, process};
use crate::storage;
use crate::sync::thread;
use crate::words::{EndReason, Error, Result, Status};

/// How often the closing thread looks whether all has been published.
const LOOK: Duration = Duration::from_millis(2);

impl Engine {
    /// Always consumes the engine, but from inside one of its own callbacks.
    pub fn close(id: Id, timeout: Duration) -> Result<()> {
        let Some(process) = process::current() else {
            return Err(super::too_many_forks());
        };
        let bad = || Error::new(process::refusal(id), "engine: no such engine");
        let engine = process.engines.get(id).ok_or_else(bad)?;
        if engine.bus.is_inside() {
            return Err(Error::new(
                Status::InCallback,
                "closing waits for the callback that it was called from",
            ));
        }
        let engine = process.engines.remove(id).ok_or_else(bad)?;
        let deadline = Instant::now() + timeout;
        engine.closing.store(true, Ordering::Release);
        // Here, not on the thread below: no feed takes anything once this has returned,
        // however little time there is.
        engine.end_calls();
        let keeper = engine.clone();
        // Beside this thread, so that a disk that stands still does not hold the host.
        let thread = storage::spawn("callrec-close", move || keeper.shut_down());
        if thread.is_err() {
            engine.clone().shut_down();
        }
        engine.await_closed(deadline)?;
        // It has said so, and is about to return.
        join(thread.into_iter().collect());
        Ok(())
    }

    fn await_closed(&self, deadline: Instant) -> Result<()> {
        let mut closed = self.closed.lock();
        while !*closed {
            if self.closed_signal.wait_until(&mut closed, deadline).timed_out() && !*closed {
                drop(closed);
                self.release_subscriptions();
                // No callback begins after this returns; what was not told stays owed.
                self.bus.stop(false);
                self.store.give_up();
                return Err(Error::new(
                    Status::Timeout,
                    "not all could be finished in time; the next open goes on with it",
                ));
            }
        }
        Ok(())
    }

    /// False if there was none. Waits for packets that are just being copied.
    fn end_calls(&self) -> bool {
        let calls = self.registry.call_numbers();
        for number in &calls {
            self.end_call(*number, EndReason::EngineClosed);
        }
        !calls.is_empty()
    }

    /// The whole shutdown, however long the disk takes.
    fn shut_down(self: Arc<Engine>) {
        self.stop_watch();
        // Those that were just being begun.
        while self.end_calls() {}
        while self.registry.counts().2 > 0 {
            self.store.nudge();
            thread::sleep(LOOK);
        }
        for worker in &self.workers {
            worker.stop();
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        join(threads.workers);
        let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
        while !self.bus.drain(far) {}
        for event in self.bus.unheard() {
            // Of this process, and nobody ever wanted to hear of it.
            if !event.inherited
                && let Some(settle) = &event.settle
            {
                settle();
            }
        }
        for closer in std::mem::take(&mut *self.closers.lock()) {
            closer();
        }
        self.store.shutdown();
        join(threads.storage);
        self.bus.stop(true);
        join(threads.events);
        self.release_subscriptions();
        join(threads.watch);
        self.registry.clear();
        self.store.unlock();
        *self.closed.lock() = true;
        self.closed_signal.notify_all();
    }

    fn release_subscriptions(&self) {
        let Some(process) = process::current() else { return };
        for id in std::mem::take(&mut *self.subscriptions.lock()) {
            process.subscriptions.remove(id);
        }
    }

    /// An engine that could not be started: its threads end, nothing was live.
    pub(super) fn abandon(self: &Arc<Engine>) {
        self.closing.store(true, Ordering::Release);
        self.clone().shut_down();
    }
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        // A thread that panicked has ended all the same.
        let _ = thread.join();
    }
}
