//! What a runner shares with those who queue jobs for it and those who end it.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use crate::clock::Clock;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::task::Signal;

/// More new jobs than this are not remembered one by one: the runner then lists all.
const NEW_MAX: usize = 4096;

/// How far a runner has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerStatus {
    /// Another one performs the jobs of this kind.
    Standby,
    Active,
    /// No attempt begins any more. Those under way are dropped at this moment.
    Stopping(Instant),
    Stopped,
}

/// Jobs that a runner has not seen yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewJobs {
    /// All that lie on disk.
    pub all: bool,
    pub ids: Vec<Uuid>,
}

/// One runner, as others see it.
pub struct RunnerHandle {
    pub kind: &'static str,
    /// Wakes the runner.
    pub signal: Arc<Signal>,
    /// Signalled when it is over.
    over: Signal,
    state: Mutex<LinkState>,
    pending: AtomicU64,
}

struct LinkState {
    standing: RunnerStatus,
    new: NewJobs,
}

impl RunnerHandle {
    pub fn new(kind: &'static str) -> Arc<RunnerHandle> {
        let state = LinkState {
            standing: RunnerStatus::Standby,
            new: NewJobs::default(),
        };
        Arc::new(RunnerHandle {
            kind,
            signal: Arc::default(),
            over: Signal::default(),
            state: Mutex::new(state),
            pending: AtomicU64::new(0),
        })
    }

    pub fn standing(&self) -> RunnerStatus {
        self.state.lock().standing
    }

    /// All jobs of its kind are its own from now on.
    pub fn activate(&self) {
        let mut state = self.state.lock();
        if state.standing == RunnerStatus::Standby {
            state.standing = RunnerStatus::Active;
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
        mem::take(&mut self.state.lock().new)
    }

    /// Lets the runner end. A second call may only shorten its time.
    pub fn end(&self, until: Instant) {
        let mut state = self.state.lock();
        state.standing = match state.standing {
            RunnerStatus::Stopped => RunnerStatus::Stopped,
            RunnerStatus::Stopping(earlier) => RunnerStatus::Stopping(earlier.min(until)),
            RunnerStatus::Standby | RunnerStatus::Active => RunnerStatus::Stopping(until),
        };
        drop(state);
        self.signal.notify_all();
    }

    pub fn set_stopped(&self) {
        self.set_pending(0);
        self.state.lock().standing = RunnerStatus::Stopped;
        self.over.notify_all();
    }

    pub fn set_pending(&self, count: usize) {
        self.pending.store(count as u64, Ordering::Relaxed);
    }

    /// How many jobs are not performed yet. 0 while it waits for its turn.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Waits at most until this moment. Returns whether the runner is over.
    pub fn wait_until_stopped(&self, until: Instant, clock: &dyn Clock) -> bool {
        loop {
            let seen = self.over.count();
            if self.standing() == RunnerStatus::Stopped {
                return true;
            }
            if clock.now() >= until {
                return false;
            }
            self.over.wait(seen, Some(until));
        }
    }
}
