//! What performs the jobs of one kind.

use std::pin::Pin;
use std::time::Duration;

use crate::storage::Job;

/// One attempt. It is polled on a thread of the engine's. It has no time limit but its own: it
/// takes one of the parallel slots until it ends, or is dropped when its action is withdrawn.
pub type AttemptFuture = Pin<Box<dyn Future<Output = JobOutcome> + Send>>;

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// The job is over.
    Done,
    /// It is to be tried again, after this time or after the back-off of its kind.
    Retry { after: Option<Duration>, reason: String },
    /// It is over, and the reason is logged.
    GiveUp(String),
}

impl JobOutcome {
    /// To be tried again after the back-off.
    pub fn retry(reason: impl Into<String>) -> JobOutcome {
        JobOutcome::Retry {
            after: None,
            reason: reason.into(),
        }
    }
}

/// Performs all jobs of one kind. A job may be performed more than once, always with the same
/// key: a process may die after it has done something, and before that was written down.
pub trait Action: Send + Sync {
    /// Names the folder of the jobs: lower-case letters, digits, `-` and `_`.
    fn kind(&self) -> &'static str;

    /// Whom the job needs. A receiver that is slow or fails does not delay the jobs for others.
    fn receiver(&self, job: &Job) -> String {
        let _ = job;
        String::new()
    }

    /// Begins one attempt. Must not wait: what takes time belongs into the future.
    fn perform(&self, job: Job) -> AttemptFuture;
}
