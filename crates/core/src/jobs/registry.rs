//! The registered runners of each kind of jobs.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::runner_handle::RunnerHandle;
use crate::sync::Mutex;

/// The runners of one engine. If several have the same kind, the first registered one performs
/// the jobs, and the next takes over when that one has stopped.
#[derive(Default)]
pub struct ActionRegistry {
    runners: Mutex<Runners>,
}

#[derive(Default)]
struct Runners {
    registered: Vec<Arc<RunnerHandle>>,
    /// Kinds for which a job was queued while there was no runner.
    without_runner: Vec<String>,
    is_closed: bool,
}

impl Runners {
    fn first(&self, kind: &str) -> Option<&Arc<RunnerHandle>> {
        self.registered.iter().find(|runner| runner.kind == kind)
    }
}

impl ActionRegistry {
    /// Adds a runner. Returns `false` after [`ActionRegistry::close`].
    pub fn add(&self, runner: &Arc<RunnerHandle>) -> bool {
        let mut runners = self.runners.lock();
        if runners.is_closed {
            return false;
        }
        runners.registered.push(runner.clone());
        if runners
            .first(runner.kind)
            .is_some_and(|first| Arc::ptr_eq(first, runner))
        {
            runner.activate();
        }
        true
    }

    /// Removes a runner that has stopped, and activates the next one of its kind.
    pub fn remove(&self, runner: &Arc<RunnerHandle>) {
        let mut runners = self.runners.lock();
        runners.registered.retain(|other| !Arc::ptr_eq(other, runner));
        if let Some(next) = runners.first(runner.kind) {
            next.activate();
        }
    }

    /// Passes a new job on disk to the runner of its kind. Without a runner the job stays on
    /// disk. Returns `true` for the first such job of each kind, so that it is logged once.
    pub fn push(&self, kind: &str, id: Uuid) -> bool {
        let mut runners = self.runners.lock();
        if let Some(first) = runners.first(kind) {
            first.push(id);
            return false;
        }
        let is_new = !runners.without_runner.iter().any(|known| known == kind);
        if is_new {
            runners.without_runner.push(kind.to_owned());
        }
        is_new
    }

    /// Whether no runner has a job to perform. Jobs without a runner do not count.
    pub fn is_idle(&self) -> bool {
        self.runners
            .lock()
            .registered
            .iter()
            .all(|runner| runner.is_idle())
    }

    /// Stops all runners, and refuses new ones.
    pub fn close(&self, until: Instant) {
        let mut runners = self.runners.lock();
        runners.is_closed = true;
        for runner in &runners.registered {
            runner.stop(until);
        }
    }
}

#[cfg(all(test, not(any(callrec_loom, callrec_shuttle))))]
mod tests {
    use super::super::runner_handle::{NewJobs, RunnerStatus};
    use super::*;

    #[test]
    fn one_runner_of_a_kind_at_a_time_and_the_next_takes_over() {
        let registry = ActionRegistry::default();
        let runner = |kind| {
            let runner = RunnerHandle::new(kind);
            assert!(registry.add(&runner));
            runner
        };
        let id = Uuid::from_u128(7);
        let is_first = ["a", "a", "c"].map(|kind| registry.push(kind, id));
        assert_eq!(is_first, [true, false, true], "once for each kind");
        let [first, second, other] = ["a", "a", "b"].map(runner);
        let statuses = || [&first, &second, &other].map(|runner| runner.status());
        let (active, standby) = (RunnerStatus::Active, RunnerStatus::Standby);
        assert_eq!(statuses(), [active, standby, active]);
        assert!(!registry.push("a", id), "the kind has a runner");
        let new = |all, ids: &[Uuid]| NewJobs {
            all,
            ids: ids.to_vec(),
        };
        assert_eq!(first.take_new(), new(true, &[id]));
        assert_eq!(second.take_new(), new(false, &[]));
        assert_eq!(other.take_new(), new(true, &[]));
        let now = Instant::now();
        first.stop(now);
        assert_eq!(second.status(), standby, "the first has not stopped yet");
        registry.remove(&first);
        assert_eq!(second.status(), active);
        assert_eq!(second.take_new(), new(true, &[]));
        registry.close(now);
        assert_eq!(second.status(), RunnerStatus::Stopping(now));
        assert!(!registry.add(&RunnerHandle::new("a")));
    }
}
