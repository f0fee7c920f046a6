//! The once-a-second duties: too little room, forgotten calls, what is to be tried again.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::clock::{NS_PER_MS, coarse_ns, unix_ms};
use crate::events::{Event, Kind, LogLevel};
use crate::words::EndReason;

const PERIOD: Duration = Duration::from_secs(1);
const SILENT_ROUNDS: u32 = 10;

impl Engine {
    pub(super) fn watch(self: &Arc<Engine>) {
        let mut was_low = false;
        let mut answered = (self.store.free_answers(), 0);
        loop {
            {
                let mut stop = self.watch_stop.lock();
                if !*stop {
                    self.watch_signal.wait_for(&mut stop, PERIOD);
                }
                if *stop {
                    return;
                }
            }
            self.note_answer(&mut answered);
            let low = self.store.low();
            if low && !was_low {
                self.tell_low();
            }
            was_low = low;
            self.end_idle_calls();
            for number in self.registry.owed_automatic() {
                self.start_automatic(number);
            }
            self.registry.forget_ended();
        }
    }

    /// `answered`: how often the file system has said what is free, and for how many
    /// rounds it has not.
    fn note_answer(&self, answered: &mut (u64, u32)) {
        let answers = self.store.free_answers();
        *answered = if answers == answered.0 {
            (answers, answered.1 + 1)
        } else {
            (answers, 0)
        };
        if answered.1 == SILENT_ROUNDS {
            let message = "the file system does not answer: how much is free is not known any more";
            self.bus.log(LogLevel::Warning, message.to_owned());
        }
    }

    pub(super) fn stop_watch(&self) {
        *self.watch_stop.lock() = true;
        self.watch_signal.notify_all();
    }

    fn tell_low(&self) {
        let mut event = Event::new(Kind::DiskLow, unix_ms());
        event.detail = format!(
            "\"free_bytes\":{},\"min_free_bytes\":{}",
            self.store.free_bytes(),
            self.config.min_free_bytes
        );
        self.bus.publish(event);
    }

    fn end_idle_calls(&self) {
        let before = match self.config.calls_idle_ms.saturating_mul(NS_PER_MS) {
            // Asked all the same: the registry then sorts out who has begun and ended.
            0 => 0,
            idle_ns => coarse_ns().saturating_sub(idle_ns),
        };
        for number in self.registry.idle_calls(before) {
            self.bus.log(
                LogLevel::Warning,
                format!(
                    "call {number}: no media for calls.idle_ms {}, ended",
                    self.config.calls_idle_ms
                ),
            );
            self.end_call(number, EndReason::CallEnded);
        }
    }
}
