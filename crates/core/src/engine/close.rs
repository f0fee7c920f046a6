//! The end of an engine: what is live is finished, told, and let go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::parts::{Group, join};
use super::{Dependent, Engine, closing};
use crate::events::LogLevel;
use crate::storage;
use crate::sync::contained;
use crate::task::{self, Next, Runnable};
use crate::words::{EndReason, Error, Result, Status};

/// How often the closing thread looks whether all has been published.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// What stands above the engine has so long to end by itself, and no more than half of
/// the time that is left.
const DEPENDENTS_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts at jobs that are under way then have so long to end.
const JOBS_TIMEOUT: Duration = Duration::from_millis(500);
/// At most this many calls are ended in one go, so that closing needs no large piece of memory.
const CALLS_PER_BATCH: usize = 4096;

/// Whether there were calls, and whether any was ended here and not by another thread.
struct EndedCalls {
    found: bool,
    ended: bool,
}

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
        let deadline = self.clock.now() + timeout;
        self.begin_close()?;
        let (closing, clock) = (self.clone(), self.clock.clone());
        // Beside this thread, so that a disk that stands still does not hold the host.
        let thread = match (self.config.is_memory_short)() {
            true => None,
            false => storage::spawn("callrec-close", move || {
                closing.shut_down(deadline).run(&*clock);
            })
            .ok(),
        };
        if thread.is_none() {
            self.shut_down(deadline).run(&*self.clock);
        }
        self.await_closed(deadline)?;
        // It has said so, and is about to return.
        join(thread.into_iter().collect());
        Ok(())
    }

    /// No feed takes anything once this has returned, however little time there is. The rest
    /// is done by [`Engine::shut_down`].
    pub fn begin_close(&self) -> Result<()> {
        self.refuse_in_callback()?;
        if self.closing.swap(true, Ordering::AcqRel) {
            return Err(closing());
        }
        // Not until there is none: another thread may be ending the last ones.
        while self.end_calls().ended {}
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
                self.halt_dependents(self.clock.now());
                self.reporter.actions.close(self.clock.now());
                self.store.give_up();
                self.audit.give_up();
                return Err(Error::new(
                    Status::Timeout,
                    "not all could be finished in time; the next open goes on with it",
                ));
            }
        }
        Ok(())
    }

    /// Ends some of them. Waits for packets that are just being copied.
    fn end_calls(&self) -> EndedCalls {
        let calls = self.registry.call_numbers(CALLS_PER_BATCH);
        let mut ended = false;
        for number in &calls {
            ended |= self.end_call(*number, EndReason::EngineClosed);
        }
        EndedCalls {
            found: !calls.is_empty(),
            ended,
        }
    }

    /// The whole shutdown, however long the disk takes. The engine's calls have been ended.
    pub fn shut_down(self: &Arc<Engine>, deadline: Instant) -> Runnable {
        let engine = self.clone();
        Runnable::new(self.running.signal().clone(), async move {
            engine.end_all(deadline).await;
        })
    }

    async fn end_all(self: &Arc<Engine>, deadline: Instant) {
        self.stop_watch();
        // Those that were just being begun.
        while self.end_calls().found {
            self.wait_for_poll().await;
        }
        while self.registry.counts().2 > 0 {
            self.store.nudge();
            self.wait_for_poll().await;
        }
        for worker in &self.workers {
            worker.stop();
        }
        self.running.ended(Group::Media).await;
        while !self.bus.is_drained() {
            self.wait_for_poll().await;
        }
        self.settle_undelivered();
        let now = self.clock.now();
        let left = deadline.saturating_duration_since(now) / 2;
        for above in self.halt_dependents(now + left.min(DEPENDENTS_TIMEOUT)) {
            self.contain(|| above.wait_until_ended());
        }
        self.reporter.actions.close(self.clock.now() + JOBS_TIMEOUT);
        self.running.ended(Group::Jobs).await;
        self.store.shutdown();
        self.audit.shut_down();
        self.running.ended(Group::Storage).await;
        self.bus.stop(true);
        self.running.ended(Group::Events).await;
        self.release_subscriptions();
        self.running.ended(Group::Watch).await;
        self.join_threads();
        self.registry.clear();
        self.store.unlock();
        *self.closed.lock() = true;
        self.closed_signal.notify_all();
    }

    async fn wait_for_poll(&self) {
        task::leave(Next::At(self.clock.now() + POLL_INTERVAL)).await;
    }

    /// What is of this process, and what nobody ever wanted to hear of, is owed to nobody.
    fn settle_undelivered(&self) {
        for event in self.bus.unheard() {
            if !event.inherited
                && let Some(settle) = &event.settle
            {
                settle();
            }
        }
    }

    /// Of whatever stands above the engine.
    fn halt_dependents(&self, until: Instant) -> Vec<Arc<dyn Dependent>> {
        let all = self.dependents.lock().clone();
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
        self.shut_down(self.clock.now()).run(&*self.clock);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::calls::CallInfo;
    use crate::config::Config;
    use crate::storage::{Platform, StorageConfig};

    #[test]
    fn closing_ends_all_calls_however_many() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = Config {
            storage: StorageConfig::new(dir.path().to_str().expect("UTF-8")),
            ..Config::default()
        };
        let engine = Engine::prepare(Platform::system(), config).expect("an engine");
        for _ in 0..2 * CALLS_PER_BATCH + 1 {
            engine.begin_call(CallInfo::default()).expect("a call");
        }
        engine.begin_close().expect("it is open");
        assert_eq!(engine.registry.counts().0, 0);
    }
}
