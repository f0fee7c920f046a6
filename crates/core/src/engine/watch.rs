//! Duties performed once a second: checking free space, ending forgotten calls, retrying automatic
//! starts and reporting pauses that have become too long.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::clock::NS_PER_MS;
use crate::events::{CallFacts, Event, EventKind, EventSubject, LogLevel};
use crate::storage::Fragment;
use crate::sync::atomic::Ordering;
use crate::sync::catch_panic;
use crate::task::{self, NextStep, Runnable};
use crate::types::EndReason;

const PERIOD: Duration = Duration::from_secs(1);
/// After this many periods without an answer about free space, a warning is logged.
const UNANSWERED_PERIODS: u32 = 10;

impl Engine {
    pub(super) fn watch(self: &Arc<Engine>) -> Runnable {
        let engine = self.clone();
        Runnable::new(
            self.watch_signal.clone(),
            async move { engine.keep_watch().await },
        )
    }

    async fn keep_watch(self: &Arc<Engine>) {
        let mut was_low = false;
        let mut answered = (self.store.free_space_answers(), 0);
        while self.await_tick().await {
            self.duty("free space", || {
                self.note_answer(&mut answered);
                self.watch_free_space(&mut was_low);
            });
            self.duty("idle calls", || self.end_idle_calls());
            self.duty("automatic starts", || self.start_pending_automatic());
            self.duty("overdue pauses", || self.reporter.report_overdue_pauses());
            self.duty("ended recordings", || self.registry.forget_ended());
        }
    }

    /// Waits for the next period. Returns false when the watch must end.
    async fn await_tick(&self) -> bool {
        let tick = self.clock.now() + PERIOD;
        while !self.watch_stopped.load(Ordering::SeqCst) && self.clock.now() < tick {
            task::suspend(NextStep::At(tick)).await;
        }
        !self.watch_stopped.load(Ordering::SeqCst)
    }

    /// Runs one duty. A panic is logged, and the duty runs again in the next period.
    fn duty(&self, name: &str, act: impl FnOnce()) {
        if let Err(panic) = catch_panic(act) {
            self.bus.log(
                LogLevel::Error,
                format!("a fault inside callrec in its periodic check of {name}, which continues: {panic}"),
            );
        }
    }

    fn start_pending_automatic(&self) {
        for number in self.registry.due_automatic_calls() {
            self.duty("an automatic start", || self.start_automatic(number));
        }
    }

    fn watch_free_space(&self, was_low: &mut bool) {
        let low = self.store.is_low_on_space();
        let before = std::mem::replace(was_low, low);
        if low && !before {
            self.publish_disk_low();
        }
    }

    /// Logs a warning if the file system has not reported free space for some periods.
    /// `answered` is the number of its answers, and of the periods since the last one.
    fn note_answer(&self, answered: &mut (u64, u32)) {
        let answers = self.store.free_space_answers();
        *answered = if answers == answered.0 {
            (answers, answered.1 + 1)
        } else {
            (answers, 0)
        };
        if answered.1 == UNANSWERED_PERIODS {
            let message = format!(
                "the file system of storage.directory has not answered for {UNANSWERED_PERIODS} s; callrec uses \
                 the last value of its free space"
            );
            self.bus.log(LogLevel::Warning, message);
        }
    }

    pub(super) fn stop_watch(&self) {
        self.watch_stopped.store(true, Ordering::SeqCst);
        self.watch_signal.notify_all();
    }

    fn publish_disk_low(&self) {
        let mut event = Event::new(EventKind::DiskLow, self.clock.unix_ms());
        event.detail = format!(
            "\"free_bytes\":{},\"min_free_bytes\":{}",
            self.store.free_bytes(),
            self.config.storage.min_free_bytes
        );
        self.bus.publish(event);
    }

    fn end_idle_calls(&self) {
        self.panic_point("watch");
        let before = match self.config.calls_idle_ms.saturating_mul(NS_PER_MS) {
            // Called anyway, because the registry then cleans up its list of calls.
            0 => 0,
            idle_ns => self.clock.coarse_ns().saturating_sub(idle_ns),
        };
        for number in self.registry.idle_calls(before) {
            self.duty("an idle call", || self.end_idle(number));
        }
    }

    /// Ends a forgotten call, then publishes the event, so that the call's handles are stale
    /// when the host receives it. The call's recordings have terminal events of their own.
    fn end_idle(&self, number: u64) {
        let Some(info) = self.registry.call_info(number) else {
            return;
        };
        if !self.end_call(number, EndReason::CallEnded) {
            return;
        }
        let idle_ms = self.config.calls_idle_ms;
        let mut event = Event::new(EventKind::CallIdle, self.clock.unix_ms());
        event.detail = format!(
            "\"idle_ms\":{idle_ms},\"call\":{}",
            Fragment::of(&info.to_manifest()).text()
        );
        let text = format!(
            "call \"{}\" is ended, because it has had no media for {idle_ms} ms (calls.idle_ms)",
            info.call_id
        );
        event.subject = EventSubject::Call(CallFacts::new(number, info));
        self.bus.publish(event);
        self.bus.log(LogLevel::Warning, text);
    }
}
