//! How a recording's end is told, and what goes once it has been.

use super::directory::Directory;
use super::faults::Step;
use super::job_files::JobFiles;
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::planted::StorageFault;
use super::report::{LOG_ERROR, LOG_WARNING, Report, contain_logged};
use crate::types::EndReason;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// Tells the engine of the end of recordings.
pub struct Notifier {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub jobs: Arc<JobFiles>,
    pub report: Arc<dyn Report>,
}

impl Notifier {
    /// Tells a recording's end, after its jobs are on disk. `repeated`: it may have been told
    /// before.
    pub async fn ended(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        let queued = contain_logged(&*self.report, self.queue_jobs(id, &manifest)).await;
        if queued.is_none() {
            // The next open tries again.
            self.manifests.keep(id);
        }
        let repeated = repeated && !self.directory.has(StorageFault::RepeatedAsNew);
        if self.directory.has(StorageFault::SettledEarly) {
            let _ = self.manifests.forget(id).await;
            let _ = self.directory.step(Step::Settle).await;
        }
        if self.directory.has(StorageFault::EndTwice) {
            self.report.published(id, manifest.clone(), repeated);
        }
        self.report.published(id, manifest, repeated);
        for kind in queued.unwrap_or_default() {
            self.report.job_queued(&kind, id);
        }
    }

    /// Writes the recording's jobs down. Returns the kinds of those that were not known before.
    async fn queue_jobs(&self, id: Uuid, manifest: &Manifest) -> Vec<String> {
        let specs = manifest.job_specs();
        if manifest.end_reason_is(EndReason::Discarded) || self.manifests.is_kept(id) {
            return Vec::new();
        }
        let mut queued = Vec::new();
        for spec in specs.all() {
            match self.jobs.add(id, spec, manifest).await {
                Ok(true) => queued.push(spec.kind.clone()),
                Ok(false) => {}
                Err(error) => {
                    // The next open tries again.
                    self.manifests.keep(id);
                    let message = format!("{id}: its {} cannot be kept: {error}", spec.kind);
                    self.report.log(LOG_ERROR, message);
                }
            }
        }
        queued
    }

    /// The end has been delivered to everybody: the live manifest goes, unless the next
    /// open still needs it.
    pub async fn settle(&self, id: Uuid) {
        if self.manifests.take_kept(id) {
            return;
        }
        if let Err(error) = self.forget(id).await {
            self.report
                .log(LOG_WARNING, format!("{id}: live manifest not removed: {error}"));
            return;
        }
        self.jobs.forget_finished(id).await;
    }

    async fn forget(&self, id: Uuid) -> io::Result<()> {
        self.directory.step(Step::Settle).await?;
        self.manifests.forget(id).await
    }
}
