//! The state that a runner shares with the threads that queue jobs for it and stop it.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::clock::Clock;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use crate::task::Signal;

/// At most this many new jobs are queued by id. Beyond that, the runner lists the folder.
const NEW_MAX: usize = 4096;

/// The state of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerStatus {
    /// Another runner performs the jobs of this kind.
    Standby,
    Active,
    /// No new attempt begins. Running attempts are dropped at this moment.
    Stopping(Instant),
    Stopped,
}

/// Jobs that are queued for a runner.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewJobs {
    /// All jobs on disk.
    pub all: bool,
    pub ids: Vec<Uuid>,
}

/// A handle on one runner.
pub struct RunnerHandle {
    pub kind: &'static str,
    /// Wakes the runner.
    pub signal: Arc<Signal>,
    /// Signalled when the runner has stopped.
    stopped: Signal,
    state: Mutex<HandleState>,
    pending: AtomicU64,
    /// Unix time at which the oldest pending job was queued; 0: none is known.
    oldest_ms: AtomicI64,
}

struct HandleState {
    status: RunnerStatus,
    new: NewJobs,
    /// The runner has taken new jobs, and `pending` does not count all of them yet.
    is_reading: bool,
}

impl RunnerHandle {
    pub fn new(kind: &'static str) -> Arc<RunnerHandle> {
        let state = HandleState {
            status: RunnerStatus::Standby,
            new: NewJobs::default(),
            is_reading: false,
        };
        Arc::new(RunnerHandle {
            kind,
            signal: Arc::default(),
            stopped: Signal::default(),
            state: Mutex::new(state),
            pending: AtomicU64::new(0),
            oldest_ms: AtomicI64::new(0),
        })
    }

    pub fn status(&self) -> RunnerStatus {
        self.state.lock().status
    }

    /// Makes a runner in standby perform all jobs of its kind.
    pub fn activate(&self) {
        let mut state = self.state.lock();
        if state.status == RunnerStatus::Standby {
            state.status = RunnerStatus::Active;
            state.new.all = true;
        }
        drop(state);
        self.signal.notify_all();
    }

    pub fn push(&self, id: Uuid) {
        let mut state = self.state.lock();
        if state.new.ids.len() < NEW_MAX {
            state.new.ids.push(id);
        } else {
            state.new.all = true;
        }
        drop(state);
        self.signal.notify_all();
    }

    pub fn take_new(&self) -> NewJobs {
        let mut state = self.state.lock();
        let new = mem::take(&mut state.new);
        state.is_reading |= new != NewJobs::default();
        new
    }

    /// All jobs that were taken are counted as pending.
    pub fn note_read(&self) {
        self.state.lock().is_reading = false;
    }

    /// Whether the runner knows of no job that it has to perform.
    pub fn is_idle(&self) -> bool {
        let state = self.state.lock();
        match state.status {
            RunnerStatus::Active => {
                state.new == NewJobs::default() && !state.is_reading && self.pending() == 0
            }
            RunnerStatus::Standby | RunnerStatus::Stopping(_) | RunnerStatus::Stopped => true,
        }
    }

    /// Stops the runner, at the latest at `until`. A later call can only shorten the time.
    pub fn stop(&self, until: Instant) {
        let mut state = self.state.lock();
        state.status = match state.status {
            RunnerStatus::Stopped => RunnerStatus::Stopped,
            RunnerStatus::Stopping(earlier) => RunnerStatus::Stopping(earlier.min(until)),
            RunnerStatus::Standby | RunnerStatus::Active => RunnerStatus::Stopping(until),
        };
        drop(state);
        self.signal.notify_all();
    }

    pub fn set_stopped(&self) {
        self.set_pending(0);
        self.set_oldest(None);
        self.state.lock().status = RunnerStatus::Stopped;
        self.stopped.notify_all();
    }

    pub fn set_pending(&self, count: usize) {
        self.pending.store(count as u64, Ordering::Relaxed);
    }

    /// The number of pending jobs. 0 in standby.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    pub fn set_oldest(&self, queued_at_ms: Option<i64>) {
        self.oldest_ms
            .store(queued_at_ms.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Unix time at which the oldest job that was read was queued. `None` if there is none.
    pub fn oldest_ms(&self) -> Option<i64> {
        Some(self.oldest_ms.load(Ordering::Relaxed)).filter(|ms| *ms != 0)
    }

    /// Waits until the runner has stopped, at most until `until`. Returns whether it has stopped.
    pub fn wait_until_stopped(&self, until: Instant, clock: &dyn Clock) -> bool {
        loop {
            let seen = self.stopped.count();
            if self.status() == RunnerStatus::Stopped {
                return true;
            }
            if clock.now() >= until {
                return false;
            }
            self.stopped.wait(seen, Some(until));
        }
    }
}
