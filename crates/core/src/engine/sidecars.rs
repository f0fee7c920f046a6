//! Performs the jobs that write sidecars.

use std::future::poll_fn;
use std::sync::Arc;

use super::Engine;
use super::parts::EnginePart;
use crate::jobs::{Action, AttemptFuture, JobOutcome, JobPace};
use crate::storage::{Job, SidecarResult, SidecarWriter, VCON};

/// Writes the vCons of recordings.
struct VconAction(Arc<SidecarWriter>);

impl Action for VconAction {
    fn kind(&self) -> &'static str {
        VCON
    }

    fn perform(&self, job: Job) -> AttemptFuture {
        let writer = self.0.clone();
        let mut attempt = Box::pin(async move {
            match writer.write_vcon(&job).await {
                Ok(SidecarResult::Written) => JobOutcome::Done,
                Ok(SidecarResult::Impossible(reason)) => JobOutcome::GiveUp(reason),
                Err(error) => JobOutcome::retry(error.to_string()),
            }
        });
        // Storage's functions wake nobody: they expect to be polled in the next step.
        Box::pin(poll_fn(move |context| {
            let polled = attempt.as_mut().poll(context);
            if polled.is_pending() {
                context.waker().wake_by_ref();
            }
            polled
        }))
    }
}

impl Engine {
    /// The part that writes sidecars; `None` if there are none to write.
    pub(super) fn sidecar_part(self: &Arc<Engine>) -> Option<EnginePart> {
        let writer = self.store.sidecars()?;
        // One at a time: each attempt reads a whole file.
        let pace = JobPace {
            parallel: 1,
            ..JobPace::default()
        };
        let prepared = self.prepare_action(Arc::new(VconAction(writer.clone())), pace);
        let (registration, part) = prepared.ok()?;
        let _ = self.sidecar_jobs.set(registration);
        Some(part)
    }

    /// The number of sidecars that are not written yet; `None` if the engine writes none.
    pub fn pending_sidecars(&self) -> Option<u64> {
        self.sidecar_jobs.get().map(|registration| registration.pending())
    }
}
