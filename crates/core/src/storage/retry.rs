//! Decides which failed disk operations are retried, and for how long.

use super::activity::Activity;
use super::disk::ErrorClass;
use super::listener::{LOG_WARNING, StorageListener};
use super::os;
use crate::clock::Clock;
use crate::sync::Mutex;
use crate::task::{self, NextStep};
use crate::types::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The interval between retries.
pub const TICK: Duration = Duration::from_millis(20);
/// How long an error of the medium is retried.
const MEDIUM_RETRY: Duration = Duration::from_millis(100);

/// A failed disk operation.
pub struct Failure {
    pub error: Error,
    pub class: ErrorClass,
}

impl Failure {
    pub fn new(error: Error, cause: &io::Error) -> Failure {
        Failure {
            error,
            class: os::classify(cause),
        }
    }

    /// A failed sync. An error of the medium is permanent: the data is lost, even if a second sync
    /// succeeds.
    pub fn from_sync(error: Error, cause: &io::Error) -> Failure {
        match Failure::new(error, cause) {
            brief if brief.class == ErrorClass::Medium => Failure::permanent(brief.error),
            failure => failure,
        }
    }

    pub fn permanent(error: Error) -> Failure {
        Failure {
            error,
            class: ErrorClass::Permanent,
        }
    }
}

/// Since when an operation of one recording has been failing.
#[derive(Default)]
pub struct FailingSince(Mutex<Option<Instant>>);

impl FailingSince {
    pub fn clear(&self) {
        *self.0.lock() = None;
    }

    /// Returns whether the failure is the first one, and for how long it has lasted.
    fn duration(&self, now: Instant) -> (bool, Duration) {
        let mut since = self.0.lock();
        let begins = since.is_none();
        (begins, now.duration_since(*since.get_or_insert(now)))
    }
}

/// Decides what is retried.
pub struct Retry {
    listener: Arc<dyn StorageListener>,
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
    /// How long a temporary shortage is retried.
    longest: Duration,
}

impl Retry {
    pub fn new(
        listener: Arc<dyn StorageListener>,
        activity: Arc<Activity>,
        clock: Arc<dyn Clock>,
        longest: Duration,
    ) -> Retry {
        Retry {
            listener,
            activity,
            clock,
            longest,
        }
    }

    fn retry_window(&self, class: ErrorClass) -> Duration {
        match class {
            ErrorClass::Permanent => Duration::ZERO,
            ErrorClass::Medium => MEDIUM_RETRY,
            ErrorClass::Temporary | ErrorClass::Held => self.longest,
        }
    }

    /// Whether to retry at the next tick.
    pub fn should_retry(&self, failing_since: &FailingSince, failure: &Failure) -> bool {
        let (begins, lasted) = failing_since.duration(self.clock.now());
        let worth = lasted < self.retry_window(failure.class);
        if worth && begins {
            let message = format!(
                "callrec tries again after a disk error that may pass: {}",
                failure.error.message
            );
            self.listener.log(LOG_WARNING, message);
        }
        worth
    }

    /// Retries an operation that fails because of a temporary shortage or a held file. Errors of the medium are
    /// not retried: a second sync does not report the data that the first one lost.
    pub async fn retry_temporary<T>(&self, mut act: impl AsyncFnMut() -> io::Result<T>) -> io::Result<T> {
        let begin = self.clock.now();
        loop {
            match act().await {
                Err(error)
                    if matches!(os::classify(&error), ErrorClass::Temporary | ErrorClass::Held)
                        && self.clock.now() - begin < self.retry_window(ErrorClass::Temporary)
                        && !self.activity.is_shutting_down()
                        && !self.activity.defers_long_work(false) =>
                {
                    task::suspend(NextStep::At(self.clock.now() + TICK)).await;
                }
                done => return done,
            }
        }
    }
}
