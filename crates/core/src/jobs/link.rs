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
pub enum Standing {
    /// Another one performs the jobs of this kind.
    Waiting,
    Performing,
    /// No attempt begins any more. Those under way are dropped at this moment.
    Ending(Instant),
    Over,
}

/// Jobs that a runner has not seen yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewJobs {
    /// All that lie on disk.
    pub all: bool,
    pub ids: Vec<Uuid>,
}

/// One runner, as others see it.
pub struct RunnerLink {
    pub kind: &'static str,
    /// Wakes the runner.
    pub signal: Arc<Signal>,
    /// Signalled when it is over.
    over: Signal,
    state: Mutex<LinkState>,
    waiting: AtomicU64,
}

struct LinkState {
    standing: Standing,
    new: NewJobs,
}

impl RunnerLink {
    pub fn new(kind: &'static str) -> Arc<RunnerLink> {
        let state = LinkState {
            standing: Standing::Waiting,
            new: NewJobs::default(),
        };
        Arc::new(RunnerLink {
            kind,
            signal: Arc::default(),
            over: Signal::default(),
            state: Mutex::new(state),
            waiting: AtomicU64::new(0),
        })
    }

    pub fn standing(&self) -> Standing {
        self.state.lock().standing
    }

    /// All jobs of its kind are its own from now on.
    pub fn take_turn(&self) {
        let mut state = self.state.lock();
        if state.standing == Standing::Waiting {
            state.standing = Standing::Performing;
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
            Standing::Over => Standing::Over,
            Standing::Ending(earlier) => Standing::Ending(earlier.min(until)),
            Standing::Waiting | Standing::Performing => Standing::Ending(until),
        };
        drop(state);
        self.signal.notify_all();
    }

    pub fn note_over(&self) {
        self.set_waiting(0);
        self.state.lock().standing = Standing::Over;
        self.over.notify_all();
    }

    pub fn set_waiting(&self, count: usize) {
        self.waiting.store(count as u64, Ordering::Relaxed);
    }

    /// How many jobs are not performed yet. 0 while it waits for its turn.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits at most until this moment. Returns whether the runner is over.
    pub fn wait_over(&self, until: Instant, clock: &dyn Clock) -> bool {
        loop {
            let seen = self.over.count();
            if self.standing() == Standing::Over {
                return true;
            }
            if clock.now() >= until {
                return false;
            }
            self.over.wait(seen, Some(until));
        }
    }
}
