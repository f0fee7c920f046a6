//! One attempt under way: the action's future, and what wakes it.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::action::{AttemptFuture, JobOutcome};
use super::schedule::Attempt;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::contained;
use crate::task::Signal;

/// The reason of an attempt that has panicked.
pub const PANICKED: &str = "a fault inside callrec";

/// An attempt that has begun and not ended.
pub struct RunningAttempt {
    pub attempt: Attempt,
    pub begun: Instant,
    /// Who is called, for the log.
    pub receiver: String,
    performing: AttemptFuture,
    alarm: Arc<AttemptWaker>,
}

/// Lets the runner poll the attempt once more.
struct AttemptWaker {
    is_due: AtomicBool,
    runner: Arc<Signal>,
}

impl Wake for AttemptWaker {
    fn wake(self: Arc<Self>) {
        self.is_due.store(true, Ordering::SeqCst);
        self.runner.notify_all();
    }
}

impl RunningAttempt {
    pub fn new(
        attempt: Attempt,
        receiver: String,
        performing: AttemptFuture,
        begun: Instant,
        runner: &Arc<Signal>,
    ) -> RunningAttempt {
        let alarm = AttemptWaker {
            is_due: AtomicBool::new(true),
            runner: runner.clone(),
        };
        RunningAttempt {
            attempt,
            begun,
            receiver,
            performing,
            alarm: Arc::new(alarm),
        }
    }

    /// What came of it, once it has ended.
    pub fn poll(&mut self) -> Option<JobOutcome> {
        if !self.alarm.is_due.swap(false, Ordering::SeqCst) {
            return None;
        }
        let waker = Waker::from(self.alarm.clone());
        let mut context = Context::from_waker(&waker);
        match contained(|| self.performing.as_mut().poll(&mut context)) {
            Ok(Poll::Ready(outcome)) => Some(outcome),
            Ok(Poll::Pending) => None,
            Err(_) => Some(JobOutcome::retry(PANICKED)),
        }
    }
}
