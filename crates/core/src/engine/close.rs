//! Closing an engine: ends calls, publishes recordings, delivers events, releases the directory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::parts::{Group, join};
use super::{Dependent, Engine, closing};
use crate::events::LogLevel;
use crate::host_codecs::HostCodecs;
use crate::storage;
use crate::sync::catch_panic;
use crate::sync::thread::JoinHandle;
use crate::task::{self, NextStep, Runnable};
use crate::types::{EndReason, Error, Result, Status};

/// How often the closing thread checks whether all recordings are published.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// How long dependents may take to end: at most this, and at most half of the remaining time.
const DEPENDENTS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long running job attempts may take to end after that.
const JOBS_TIMEOUT: Duration = Duration::from_millis(500);
/// Calls are listed in batches of this size, so that closing needs no large allocation.
const CALLS_PER_BATCH: usize = 4096;

/// The result of ending one batch of calls.
struct EndedCalls {
    /// There were calls.
    found: bool,
    /// At least one call was ended here and not by another thread.
    ended: bool,
}

impl Engine {
    /// Fails with `IN_CALLBACK` inside one of the engine's own callbacks and in the functions of
    /// registered codecs, because closing would wait for them.
    pub fn refuse_in_callback(&self) -> Result<()> {
        if !self.bus.is_inside() && !HostCodecs::is_in_host() {
            return Ok(());
        }
        Err(Error::new(
            Status::InCallback,
            "the function would wait for the callback that called it",
        ))
    }

    /// Ends all calls, publishes their recordings, delivers every event and releases the
    /// directory. Waits at most `timeout`. Only the first call closes the engine; later ones fail
    /// with `UNAVAILABLE`. Fails with `TIMEOUT` if recordings are left to the next open.
    pub fn close(self: &Arc<Engine>, timeout: Duration) -> Result<()> {
        let deadline = self.clock.now() + timeout;
        self.begin_close()?;
        let thread = self.start_shutdown(deadline);
        if thread.is_none() && !self.shut_down(deadline).run_until(&*self.clock, deadline) {
            // What is left may take as long as the disk needs. Its thread begins anew, which does no
            // harm. If there is none, the next process that opens the directory does it.
            self.start_shutdown(deadline);
        }
        self.await_closed(deadline)?;
        // The shutdown is complete, so its thread is about to return.
        join(thread.into_iter().collect());
        Ok(())
    }

    /// Shuts down on a thread of its own, so that a disk that hangs does not block the host. Returns
    /// `None` if no thread can be started.
    fn start_shutdown(self: &Arc<Engine>, deadline: Instant) -> Option<JoinHandle<()>> {
        if (self.config.is_memory_short)() {
            return None;
        }
        let (closing, clock) = (self.clone(), self.clock.clone());
        let body = move || closing.shut_down(deadline).run(&*clock);
        storage::spawn("callrec-close", &self.config.thread_hooks, body).ok()
    }

    /// Ends all calls. No feed accepts audio once this has returned. [`Engine::shut_down`] does
    /// the rest.
    pub fn begin_close(&self) -> Result<()> {
        self.refuse_in_callback()?;
        if self.closing.swap(true, Ordering::AcqRel) {
            return Err(closing());
        }
        // The loop does not wait until no call is left: another thread may be ending the last ones.
        while self.end_calls().ended {}
        Ok(())
    }

    fn await_closed(&self, deadline: Instant) -> Result<()> {
        let mut closed = self.closed.lock();
        while !*closed {
            if self.closed_signal.wait_until(&mut closed, deadline).timed_out() && !*closed {
                drop(closed);
                self.release_subscriptions();
                // No callback begins after this returns. Undelivered terminal events stay owed.
                self.stop_bus(false);
                self.halt_dependents(self.clock.now());
                self.reporter.actions.close(self.clock.now());
                self.store.give_up();
                self.audit.give_up();
                return Err(Error::new(
                    Status::Timeout,
                    "not all recordings could be finished in time; the next open finishes them",
                ));
            }
        }
        Ok(())
    }

    /// Ends one batch of calls. Waits for packets that are just being copied.
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

    /// The shutdown after [`Engine::begin_close`]. It takes as long as the disk needs.
    pub fn shut_down(self: &Arc<Engine>, deadline: Instant) -> Runnable {
        let engine = self.clone();
        Runnable::new(self.running.signal().clone(), async move {
            engine.end_all(deadline).await;
        })
    }

    async fn end_all(self: &Arc<Engine>, deadline: Instant) {
        self.stop_watch();
        // Calls that were just beginning.
        while self.end_calls().found {
            self.wait_for_poll().await;
        }
        while self.registry.counts().2 > 0 {
            self.store.wake_writers();
            self.wait_for_poll().await;
        }
        for worker in &self.workers {
            worker.stop();
        }
        self.running.ended(Group::Media).await;
        self.codecs.stop();
        if !self.is_adopted {
            self.deliver_events().await;
        }
        let now = self.clock.now();
        let left = deadline.saturating_duration_since(now) / 2;
        for dependent in self.halt_dependents(now + left.min(DEPENDENTS_TIMEOUT)) {
            self.contain(|| dependent.wait_until_ended());
        }
        self.reporter.actions.close(self.clock.now() + JOBS_TIMEOUT);
        self.running.ended(Group::Jobs).await;
        self.store.shutdown();
        self.audit.shut_down();
        self.running.ended(Group::Storage).await;
        self.stop_bus(true);
        self.running.ended(Group::Events).await;
        self.release_subscriptions();
        self.running.ended(Group::Watch).await;
        self.join_threads();
        self.registry.clear();
        self.store.unlock();
        // Last, because a function of the host may not return.
        while self.codecs.running_threads() > 0 {
            task::suspend(NextStep::Signalled).await;
        }
        self.codecs.release();
        *self.closed.lock() = true;
        self.closed_signal.notify_all();
    }

    async fn wait_for_poll(&self) {
        task::suspend(NextStep::At(self.clock.now() + POLL_INTERVAL)).await;
    }

    async fn deliver_events(&self) {
        while !self.bus.is_drained() {
            self.wait_for_poll().await;
        }
        self.settle_undelivered();
    }

    /// The bus of an adopting engine goes on.
    fn stop_bus(&self, wait: bool) {
        if !self.is_adopted {
            self.bus.stop(wait);
        }
    }

    /// Marks this process's terminal events that never had a subscriber as delivered.
    fn settle_undelivered(&self) {
        for event in self.bus.undelivered() {
            if !event.inherited
                && let Some(settle) = &event.settle
            {
                settle();
            }
        }
    }

    fn halt_dependents(&self, until: Instant) -> Vec<Arc<dyn Dependent>> {
        let all = self.dependents.lock().clone();
        for dependent in &all {
            self.contain(|| dependent.halt(until));
        }
        all
    }

    /// Logs a panic of a dependent, so that closing continues.
    fn contain(&self, act: impl FnOnce()) {
        if let Err(panic) = catch_panic(act) {
            self.bus.log(
                LogLevel::Error,
                format!("a fault inside callrec while the engine closed: {panic}"),
            );
        }
    }

    fn release_subscriptions(&self) {
        for reference in std::mem::take(&mut *self.subscriptions.lock()) {
            reference.revoke();
        }
    }

    /// Ends an engine whose threads could not all be started.
    pub(super) fn abandon(self: &Arc<Engine>) {
        self.closing.store(true, Ordering::Release);
        self.shut_down(self.clock.now()).run(&*self.clock);
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::*;
    use crate::calls::{CallInfo, CallUpdate, ConsentState, RefusalAction, rules};
    use crate::config::Config;
    use crate::engine::call::Call;
    use crate::storage::{Platform, StorageConfig};
    use crate::text::Text;
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    fn config_in(dir: &tempfile::TempDir, is_memory_short: fn() -> bool) -> Config {
        Config {
            storage: StorageConfig {
                min_free_bytes: 0,
                ..StorageConfig::new(dir.path().to_str().expect("UTF-8"))
            },
            is_memory_short,
            ..Config::default()
        }
    }

    /// A call whose recording has begun.
    fn record(engine: &Arc<Engine>) -> Arc<Call> {
        let device = Text::new("AUTO");
        engine
            .set_line(&device, &Text::default(), rules::AUTOMATIC)
            .expect("a line");
        let info = CallInfo {
            device_name: device,
            ..CallInfo::default()
        };
        let call = engine.begin_call(info).expect("a call");
        assert_eq!(engine.registry.counts().1, 1, "a live recording");
        call
    }

    /// Closing has begun, and another thread is ending the calls.
    #[test]
    fn consent_can_be_refused_while_the_engine_closes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = Config {
            on_refusal: RefusalAction::Discard,
            ..config_in(&dir, || false)
        };
        let engine = Engine::prepare(Platform::system(), config).expect("an engine");
        let call = record(&engine);
        engine.closing.store(true, Ordering::Release);
        let mut update = CallUpdate::default();
        let error = call.update(&update).expect_err("it closes");
        assert_eq!(error.status, Status::Unavailable);
        update.consent.state = Some(ConsentState::Refused);
        call.update(&update).expect("a refusal");
        assert_eq!(engine.registry.counts().1, 0, "no live recording");
    }

    /// The threads of this engine do not run, so its recording never ends.
    #[test]
    fn closing_without_a_thread_returns_in_time() {
        static SHORT: AtomicBool = AtomicBool::new(false);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = config_in(&dir, || SHORT.load(Ordering::SeqCst));
        let engine = Engine::prepare(Platform::system(), config).expect("an engine");
        record(&engine);
        SHORT.store(true, Ordering::SeqCst);
        let error = engine.close(Duration::from_millis(50)).expect_err("no time");
        assert_eq!(error.status, Status::Timeout);
    }

    /// What is left at the deadline is done by a thread that can be started by then.
    #[test]
    fn closing_continues_when_there_is_memory_again() {
        static SHORT: AtomicUsize = AtomicUsize::new(0);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let is_short = || {
            let less = |left: usize| left.checked_sub(1);
            SHORT
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
                .is_ok()
        };
        let engine = Engine::open(config_in(&dir, is_short)).expect("an engine");
        record(&engine);
        SHORT.store(1, Ordering::SeqCst);
        let error = engine.close(Duration::ZERO).expect_err("no time");
        assert_eq!(error.status, Status::Timeout);
        let begin = Instant::now();
        while !*engine.closed.lock() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it never closes");
            std::thread::yield_now();
        }
        let again = Engine::open(config_in(&dir, || false)).expect("the directory is free");
        again.close(Duration::from_secs(60)).expect("it closes");
    }

    #[test]
    fn closing_ends_more_calls_than_one_batch() {
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
