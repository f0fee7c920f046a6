//! Appends the ends of recordings to the stream of the cluster, from durable jobs.
//!
//! A job is on disk before the recording's end is reported. It is done once the end is in the
//! stream and every group of consumers has acknowledged it, so a Redis that loses its data is
//! given the end again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callrec_core::clock::unix_ms;
use callrec_core::engine::{Engine, JobPerformer};
use callrec_core::jobs::{Action, AttemptFuture, JobOutcome, JobPace};
use callrec_core::storage::{END_JOB, Job, Manifest};
use callrec_core::types::Result;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::link::ClusterLink;
use super::shared_registry::StreamEntry;

/// How often an attempt looks whether the end is acknowledged: after 50, 100, 200 ms and so on.
const LOOKS: u32 = 7;
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// As many attempts wait for consumers. Further ones try again later, so that ends are appended
/// even while no consumer runs.
const WAITING_MAX: usize = 64;
/// When an end that no consumer has acknowledged is looked at again, and when while there are many.
const NEXT_LOOK: Duration = Duration::from_secs(5);
const NEXT_LOOK_AMONG_MANY: Duration = Duration::from_secs(30);
/// An end that has waited for long is looked at after this part of its age, and at least so often. So
/// ends that nobody fetches do not keep Redis busy.
const LOOK_SHARE: u32 = 8;
const NEXT_LOOK_MAX: Duration = Duration::from_secs(300);

/// Performs the jobs of the kind [`END_JOB`].
pub struct EndAction {
    link: Arc<ClusterLink>,
    runtime: Handle,
    waiting: Arc<AtomicUsize>,
    /// The directory that the node has adopted. Empty for its own.
    directory: String,
}

impl EndAction {
    pub fn new(link: Arc<ClusterLink>, runtime: Handle) -> EndAction {
        EndAction {
            link,
            runtime,
            waiting: Arc::default(),
            directory: String::new(),
        }
    }

    pub fn pace() -> JobPace {
        JobPace {
            parallel: 2 * WAITING_MAX,
            retry: Duration::from_millis(500),
            retry_max: Duration::from_secs(15),
            give_up: Some(Duration::from_secs(7 * 24 * 3600)),
            ..JobPace::default()
        }
    }
}

/// Appends the ends in the directories that the node adopts.
pub struct AdoptedEnds {
    pub link: Arc<ClusterLink>,
    pub runtime: Handle,
}

impl JobPerformer for AdoptedEnds {
    fn perform_for(&self, adopted: &Arc<Engine>) -> Result<()> {
        let action = EndAction {
            directory: adopted.config().storage.directory.clone(),
            ..EndAction::new(self.link.clone(), self.runtime.clone())
        };
        adopted.register_action(Arc::new(action), EndAction::pace())?;
        Ok(())
    }
}

impl Action for EndAction {
    fn kind(&self) -> &'static str {
        END_JOB
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let (link, waiting) = (self.link.clone(), self.waiting.clone());
        let attempt = append(link, waiting, job, self.directory.clone());
        // The connection needs its runtime, and the future is polled on another thread.
        let task = self.runtime.spawn(attempt);
        Box::pin(async move {
            let ended = task.await;
            ended.unwrap_or_else(|_| JobOutcome::Waits {
                after: NEXT_LOOK,
                reason: "the cluster is stopping".to_owned(),
            })
        })
    }
}

async fn append(
    link: Arc<ClusterLink>,
    waiting: Arc<AtomicUsize>,
    mut job: Job,
    directory: String,
) -> JobOutcome {
    let json = match described(&mut job.recording) {
        Ok(json) => json,
        Err(error) => return JobOutcome::GiveUp(error.to_string()),
    };
    let end = StreamEntry {
        event: &job.recording.state,
        id: &job.key,
        json: &json,
        directory: &directory,
    };
    let outcome = append_end(&link, &waiting, &end).await;
    let age_ms = u64::try_from(unix_ms().saturating_sub(job.queued_at_ms)).unwrap_or_default();
    looked_at_less_often(outcome, Duration::from_millis(age_ms))
}

/// The longer an end has waited, the later it is looked at again.
fn looked_at_less_often(outcome: JobOutcome, age: Duration) -> JobOutcome {
    match outcome {
        JobOutcome::Waits { after, reason } => JobOutcome::Waits {
            after: after.max((age / LOOK_SHARE).min(NEXT_LOOK_MAX)),
            reason,
        },
        other => other,
    }
}

/// One attempt: appends the end, and waits a while until it is acknowledged.
pub async fn append_end(link: &ClusterLink, waiting: &AtomicUsize, end: &StreamEntry<'_>) -> JobOutcome {
    let _place = WaitingPlace::take(waiting);
    let mut next_look = NEXT_LOOK;
    for look in 0..LOOKS {
        let ended = match link.registry() {
            Ok(registry) => registry.ended(end).await,
            Err(error) => return JobOutcome::retry(error.message),
        };
        match ended {
            Ok(true) => return JobOutcome::Done,
            Ok(false) if waiting.load(Ordering::Relaxed) > WAITING_MAX => {
                next_look = NEXT_LOOK_AMONG_MANY;
                break;
            }
            Ok(false) => sleep(FIRST_LOOK * (1 << look)).await,
            Err(error) => return JobOutcome::retry(link.failure(&error).message),
        }
    }
    JobOutcome::Waits {
        after: next_look,
        reason: "no consumer has acknowledged it".to_owned(),
    }
}

/// The JSON of an end: the manifest without its jobs. Of a recording that was deleted, only the id is left.
fn described(recording: &mut Manifest) -> serde_json::Result<String> {
    if recording.deleted {
        return Ok(json!({ "id": recording.id, "deleted": true }).to_string());
    }
    recording.jobs.clear();
    recording.callback = None;
    serde_json::to_string(recording)
}

/// An attempt that may wait for a consumer.
struct WaitingPlace<'a>(&'a AtomicUsize);

impl WaitingPlace<'_> {
    fn take(waiting: &AtomicUsize) -> WaitingPlace<'_> {
        waiting.fetch_add(1, Ordering::Relaxed);
        WaitingPlace(waiting)
    }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_waits_for_long_is_looked_at_less_often() {
        let after = |age_s: u64| {
            let outcome = JobOutcome::Waits {
                after: NEXT_LOOK,
                reason: String::new(),
            };
            match looked_at_less_often(outcome, Duration::from_secs(age_s)) {
                JobOutcome::Waits { after, .. } => after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(after(0), NEXT_LOOK);
        assert_eq!(after(40), NEXT_LOOK);
        assert_eq!(after(800), Duration::from_secs(100));
        assert_eq!(after(1_000_000), NEXT_LOOK_MAX);
        assert!(matches!(
            looked_at_less_often(JobOutcome::Done, NEXT_LOOK_MAX),
            JobOutcome::Done
        ));
    }
}
