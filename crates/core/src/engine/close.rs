//! The end of an engine: what is live is finished, told, and let go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Above, Engine, closing};
use crate::events::LogLevel;
use crate::storage;
use crate::sync::{contained, thread};
use crate::words::{EndReason, Error, Result, Status};

/// How often the closing thread looks whether all has been published.
const LOOK: Duration = Duration::from_millis(2);
/// What stands above the engine has so long to end by itself, and no more than half of
/// the time that is left.
const ABOVE: Duration = Duration::from_secs(5);

impl Engine {
    /// `IN_CALLBACK` inside one of the engine's own callbacks: closing would wait for it.
    pub fn refuse_in_callback(&self) -> Result<()> {
        if !self.bus.is_inside() {
            return Ok(());
        }
        Err(Error::new(
            Status::InCallback,
            "closing waits for the callback that it was called from",
        ))
    }

    /// Ends what is live, publishes it, delivers every event, and lets the directory go;
    /// waits for that at most `timeout`. Only the first call closes the engine.
    pub fn close(self: &Arc<Engine>, timeout: Duration) -> Result<()> {
        self.refuse_in_callback()?;
        let deadline = Instant::now() + timeout;
        if self.closing.swap(true, Ordering::AcqRel) {
            return Err(closing());
        }
        // Here, not on the thread below: no feed takes anything once this has returned,
        // however little time there is.
        self.end_calls();
        let keeper = self.clone();
        // Beside this thread, so that a disk that stands still does not hold the host.
        let thread = storage::spawn("callrec-close", move || keeper.shut_down(deadline));
        if thread.is_err() {
            self.clone().shut_down(deadline);
        }
        self.await_closed(deadline)?;
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
                self.halt_above(Instant::now());
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
    fn shut_down(self: Arc<Engine>, deadline: Instant) {
        self.stop_watch();
        // Those that were just being begun.
        while self.end_calls() {
            thread::sleep(LOOK);
        }
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
        let now = Instant::now();
        let left = deadline.saturating_duration_since(now) / 2;
        for above in self.halt_above(now + left.min(ABOVE)) {
            self.contain(|| above.wait_ended());
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

    /// Of whatever stands above the engine.
    fn halt_above(&self, until: Instant) -> Vec<Arc<dyn Above>> {
        let all = self.above.lock().clone();
        for above in &all {
            self.contain(|| above.halt(until));
        }
        all
    }

    /// What stands above does not keep the engine from its end.
    fn contain(&self, act: impl FnOnce()) {
        if let Err(panic) = contained(act) {
            self.bus.log(LogLevel::Error, format!("closing: {panic}"));
        }
    }

    fn release_subscriptions(&self) {
        for reference in std::mem::take(&mut *self.subscriptions.lock()) {
            reference.revoke();
        }
    }

    /// An engine that could not be started: its threads end, nothing was live.
    pub(super) fn abandon(self: &Arc<Engine>) {
        self.closing.store(true, Ordering::Release);
        self.clone().shut_down(Instant::now());
    }
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        // A thread that panicked has ended all the same.
        let _ = thread.join();
    }
}
