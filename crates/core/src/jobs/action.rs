//! The trait that performs the jobs of one kind.

use std::pin::Pin;
use std::time::Duration;

use crate::storage::Job;

/// One attempt at a job, polled on one of the engine's threads. The engine sets no time limit.
/// The attempt occupies one of the parallel slots until it ends, and is dropped if it is still
/// running when its withdrawn action has to stop.
pub type AttemptFuture = Pin<Box<dyn Future<Output = JobOutcome> + Send>>;

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// The job is done.
    Done,
    /// The job is retried after this time, or after the back-off of its kind.
    Retry { after: Option<Duration>, reason: String },
    /// The job waits for something outside callrec, and is looked at again after this time. This is no
    /// failure, so it is not logged.
    Waits { after: Duration, reason: String },
    /// The job is given up, and the reason is logged.
    GiveUp(String),
}

impl JobOutcome {
    /// A retry after the back-off.
    pub fn retry(reason: impl Into<String>) -> JobOutcome {
        JobOutcome::Retry {
            after: None,
            reason: reason.into(),
        }
    }
}

/// Performs all jobs of one kind.
///
/// A job may be performed more than once, always with the same key, because a process may die
/// after performing a job and before removing its file.
pub trait Action: Send + Sync {
    /// The kind, which is also the name of the jobs' folder: lower-case letters, digits, `-` and
    /// `_`.
    fn kind(&self) -> &'static str;

    /// The receiver that the job contacts. A slow or failing receiver does not delay the jobs
    /// for other receivers.
    fn receiver(&self, job: &Job) -> String {
        let _ = job;
        String::new()
    }

    /// The job is given up and its file is removed. Must not block.
    fn given_up(&self, job: &Job, reason: &str) {
        let _ = (job, reason);
    }

    /// Begins one attempt. Must not block: the future does the work that takes time.
    fn perform(&self, job: Job) -> AttemptFuture;
}
