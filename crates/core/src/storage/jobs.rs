//! The finishers' jobs.

use super::activity::Activity;
use super::live::Live;
use super::queue::Ending;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::{self, Answer, Next, Signal};
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// Work of the finishers.
pub enum Job {
    Finish(Box<Live>, Ending),
    Settle(Uuid),
}

/// Between the writers and the finishers. It knows when nothing more can come.
pub struct Jobs {
    activity: Arc<Activity>,
    writers: usize,
    writers_returned: AtomicUsize,
    queue: Mutex<VecDeque<Job>>,
    signal: Arc<Signal>,
}

impl Jobs {
    pub fn new(activity: Arc<Activity>, writers: usize) -> Jobs {
        Jobs {
            activity,
            writers,
            writers_returned: AtomicUsize::new(0),
            queue: Mutex::default(),
            signal: Arc::default(),
        }
    }

    pub fn push(&self, job: Job) {
        self.activity.work_begun();
        self.queue.lock().push_back(job);
        self.signal.notify_one();
    }

    /// What a finisher that has nothing to do waits for.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// The next job. `None` once there is none and none can come.
    pub async fn next(&self) -> Option<Job> {
        let next = || match self.queue.lock().pop_front() {
            Some(job) => Answer::Ready(Some(job)),
            None if self.is_over() => Answer::Ready(None),
            None => Answer::AskAgain(Next::Signalled),
        };
        task::until(next).await
    }

    /// Whether nothing more can come for the finishers.
    fn is_over(&self) -> bool {
        let no_writer = self.writers_returned.load(Ordering::SeqCst) >= self.writers;
        self.activity.is_shutting_down() && (no_writer || !self.activity.has_work())
    }

    /// A writer or a finisher has done something that was queued.
    pub fn work_done(&self) {
        self.activity.work_done();
        if self.activity.is_shutting_down() {
            self.look_again();
        }
    }

    pub fn writer_returned(&self) {
        self.writers_returned.fetch_add(1, Ordering::SeqCst);
        self.look_again();
    }

    /// Makes every finisher that waits look whether all is over.
    pub fn look_again(&self) {
        self.signal.notify_all();
    }
}
