//! A running attempt: the action's future and its waker.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::action::{AttemptFuture, JobOutcome};
use super::schedule::Attempt;
use crate::storage::Job;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::catch_panic;
use crate::task::Signal;

/// The reason logged for an attempt that panicked.
pub const PANICKED: &str = "a fault inside callrec";

/// An attempt that has begun and has not ended.
pub struct RunningAttempt {
    pub attempt: Attempt,
    pub job: Job,
    pub begun: Instant,
    /// The receiver, for the log.
    pub receiver: String,
    future: AttemptFuture,
    waker: Arc<AttemptWaker>,
}

/// Makes the runner poll the attempt again.
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
        (attempt, job): (Attempt, Job),
        receiver: String,
        future: AttemptFuture,
        begun: Instant,
        runner: &Arc<Signal>,
    ) -> RunningAttempt {
        let waker = AttemptWaker {
            is_due: AtomicBool::new(true),
            runner: runner.clone(),
        };
        RunningAttempt {
            attempt,
            job,
            begun,
            receiver,
            future,
            waker: Arc::new(waker),
        }
    }

    /// Polls the attempt if it was woken. Returns its outcome once it has ended.
    pub fn poll(&mut self) -> Option<JobOutcome> {
        if !self.waker.is_due.swap(false, Ordering::SeqCst) {
            return None;
        }
        let waker = Waker::from(self.waker.clone());
        let mut context = Context::from_waker(&waker);
        match catch_panic(|| self.future.as_mut().poll(&mut context)) {
            Ok(Poll::Ready(outcome)) => Some(outcome),
            Ok(Poll::Pending) => None,
            Err(_) => Some(JobOutcome::retry(PANICKED)),
        }
    }
}
