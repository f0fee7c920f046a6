//! One attempt under way: the action's future, and what wakes it.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::action::{JobOutcome, Performing};
use super::schedule::Attempt;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::catch_panic;
use crate::task::Signal;

/// The reason of an attempt that has panicked.
pub const FAULT: &str = "a fault inside callrec";

/// An attempt that has begun and not ended.
pub struct RunningAttempt {
    pub attempt: Attempt,
    pub begun: Instant,
    /// Who is called, for the log.
    pub receiver: String,
    performing: Performing,
    alarm: Arc<AttemptAlarm>,
}

/// Lets the runner poll the attempt once more.
struct AttemptAlarm {
    is_due: AtomicBool,
    runner: Arc<Signal>,
}

impl Wake for AttemptAlarm {
    fn wake(self: Arc<Self>) {
        self.is_due.store(true, Ordering::SeqCst);
        self.runner.notify_all();
    }
}

impl RunningAttempt {
    pub fn new(
        attempt: Attempt,
        receiver: String,
        performing: Performing,
        begun: Instant,
        runner: &Arc<Signal>,
    ) -> RunningAttempt {
        let alarm = AttemptAlarm {
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
        match catch_panic(|| self.performing.as_mut().poll(&mut context)) {
            Ok(Poll::Ready(outcome)) => Some(outcome),
            Ok(Poll::Pending) => None,
            Err(_) => Some(JobOutcome::retry(FAULT)),
        }
    }
}
