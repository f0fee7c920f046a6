//! Who performs the jobs of which kind.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::runner_handle::RunnerHandle;
use crate::sync::Mutex;

/// The runners of one engine. Of several for one kind the one that was registered first
/// performs the jobs, and the next takes over when it has ended.
#[derive(Default)]
pub struct ActionRegistry {
    runners: Mutex<Runners>,
}

#[derive(Default)]
struct Runners {
    known: Vec<Arc<RunnerHandle>>,
    /// Kinds that had a job while they had no runner.
    unperformed: Vec<String>,
    is_closed: bool,
}

impl Runners {
    fn first(&self, kind: &str) -> Option<&Arc<RunnerHandle>> {
        self.known.iter().find(|runner| runner.kind == kind)
    }
}

impl ActionRegistry {
    /// Returns `false` once [`ActionRegistry::close`] was called.
    pub fn add(&self, runner: &Arc<RunnerHandle>) -> bool {
        let mut runners = self.runners.lock();
        if runners.is_closed {
            return false;
        }
        runners.known.push(runner.clone());
        if runners
            .first(runner.kind)
            .is_some_and(|first| Arc::ptr_eq(first, runner))
        {
            runner.activate();
        }
        true
    }

    /// The runner has ended.
    pub fn remove(&self, runner: &Arc<RunnerHandle>) {
        let mut runners = self.runners.lock();
        runners.known.retain(|known| !Arc::ptr_eq(known, runner));
        if let Some(next) = runners.first(runner.kind) {
            next.activate();
        }
    }

    /// A job is on disk. Without a runner for its kind it stays there; returns `true` at the
    /// first such job of each kind, so that the operator is told once.
    pub fn queued(&self, kind: &str, id: Uuid) -> bool {
        let mut runners = self.runners.lock();
        if let Some(first) = runners.first(kind) {
            first.push(id);
            return false;
        }
        let is_new = !runners.unperformed.iter().any(|known| known == kind);
        if is_new {
            runners.unperformed.push(kind.to_owned());
        }
        is_new
    }

    /// Lets all runners end; none is added any more.
    pub fn close(&self, until: Instant) {
        let mut runners = self.runners.lock();
        runners.is_closed = true;
        for runner in &runners.known {
            runner.end(until);
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
        let told = ["a", "a", "c"].map(|kind| registry.queued(kind, id));
        assert_eq!(told, [true, false, true], "once for each kind");
        let [first, second, other] = ["a", "a", "b"].map(runner);
        let standings = || [&first, &second, &other].map(|runner| runner.standing());
        let (performing, waiting) = (RunnerStatus::Active, RunnerStatus::Standby);
        assert_eq!(standings(), [performing, waiting, performing]);
        assert!(!registry.queued("a", id), "it is performed");
        let new = |all, ids: &[Uuid]| NewJobs {
            all,
            ids: ids.to_vec(),
        };
        assert_eq!(first.take_new(), new(true, &[id]));
        assert_eq!(second.take_new(), new(false, &[]));
        assert_eq!(other.take_new(), new(true, &[]));
        let now = Instant::now();
        first.end(now);
        assert_eq!(second.standing(), waiting, "the first has not ended yet");
        registry.remove(&first);
        assert_eq!(second.standing(), performing);
        assert_eq!(second.take_new(), new(true, &[]));
        registry.close(now);
        assert_eq!(second.standing(), RunnerStatus::Stopping(now));
        assert!(!registry.add(&RunnerHandle::new("a")));
    }
}
