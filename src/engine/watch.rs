//! The once-a-second duties: free room, forgotten calls, what is to be tried again.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use crate::clock::{NS_PER_MS, coarse_ns, unix_ms};
use crate::events::{Event, Kind, LogLevel};
use crate::words::EndReason;

const PERIOD: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn watch(self: &Arc<Engine>) {
        let mut was_low = false;
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
            self.store.refresh_free();
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
