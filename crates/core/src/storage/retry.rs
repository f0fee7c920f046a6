//! Errors of the disk that pass: what is tried again, and for how long.

use super::activity::Activity;
use super::disk::Outlook;
use super::os;
use super::report::{LOG_WARNING, Report};
use crate::clock::Clock;
use crate::sync::Mutex;
use crate::task::{self, NextStep};
use crate::types::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a writer looks at what is queued, and anyone tries again.
pub const TICK: Duration = Duration::from_millis(20);
/// For what may be a fault of the medium and may pass: a few ticks.
const BRIEFLY: Duration = Duration::from_millis(100);

/// Why a batch was not written.
pub struct Failure {
    pub error: Error,
    pub outlook: Outlook,
}

impl Failure {
    pub fn new(error: Error, cause: &io::Error) -> Failure {
        Failure {
            error,
            outlook: os::outlook(cause),
        }
    }

    /// Of a sync: what the medium refuses once is lost, whatever a second one says.
    pub fn of_sync(error: Error, cause: &io::Error) -> Failure {
        match Failure::new(error, cause) {
            brief if brief.outlook == Outlook::Brief => Failure::lasting(brief.error),
            failure => failure,
        }
    }

    pub fn lasting(error: Error) -> Failure {
        Failure {
            error,
            outlook: Outlook::Lasting,
        }
    }
}

/// Since when one recording's writing fails.
#[derive(Default)]
pub struct Trouble(Mutex<Option<Instant>>);

impl Trouble {
    pub fn over(&self) {
        *self.0.lock() = None;
    }

    /// Whether it has just begun, and how long it has lasted.
    fn lasts(&self, now: Instant) -> (bool, Duration) {
        let mut since = self.0.lock();
        let begins = since.is_none();
        (begins, now.duration_since(*since.get_or_insert(now)))
    }
}

/// Decides what is tried again.
pub struct Retry {
    report: Arc<dyn Report>,
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
    /// How long something may run short.
    longest: Duration,
}

impl Retry {
    pub fn new(
        report: Arc<dyn Report>,
        activity: Arc<Activity>,
        clock: Arc<dyn Clock>,
        longest: Duration,
    ) -> Retry {
        Retry {
            report,
            activity,
            clock,
            longest,
        }
    }

    fn patience(&self, outlook: Outlook) -> Duration {
        match outlook {
            Outlook::Lasting => Duration::ZERO,
            Outlook::Brief => BRIEFLY,
            Outlook::Passing => self.longest,
        }
    }

    /// Whether what failed is to be tried again at the next tick.
    pub fn is_worth_trying(&self, trouble: &Trouble, failure: &Failure) -> bool {
        let (begins, lasted) = trouble.lasts(self.clock.now());
        let worth = lasted < self.patience(failure.outlook);
        if worth && begins {
            let message = format!("{}: tried again", failure.error.message);
            self.report.log(LOG_WARNING, message);
        }
        worth
    }

    /// Tries again what fails for want of something that others may give back soon. Not what
    /// the medium refuses: a second sync does not know of what the first one lost.
    pub async fn persist<T>(&self, mut act: impl AsyncFnMut() -> io::Result<T>) -> io::Result<T> {
        let begun = self.clock.now();
        loop {
            match act().await {
                Err(error)
                    if os::outlook(&error) == Outlook::Passing
                        && self.clock.now() - begun < self.patience(Outlook::Passing)
                        && !self.activity.is_shutting_down()
                        && !self.activity.is_late(false) =>
                {
                    task::suspend(NextStep::At(self.clock.now() + TICK)).await;
                }
                done => return done,
            }
        }
    }
}
