//! Reports the end of recordings, and removes their live manifests afterwards.

use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::holds::LegalHolds;
use super::job_files::JobFiles;
use super::job_spec::JobSpec;
use super::listener::{LOG_ERROR, LOG_WARNING, StorageListener, contain_logged};
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::planted::StorageFault;
use crate::types::EndReason;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use uuid::Uuid;

/// Reports the end of recordings to the engine.
pub struct Notifier {
    pub directory: Arc<StorageDirectory>,
    pub manifests: Arc<LiveManifests>,
    pub jobs: Arc<JobFiles>,
    pub holds: Arc<LegalHolds>,
    /// The jobs of every published recording, besides its own.
    pub common: Vec<JobSpec>,
    /// The jobs of every recording, also of one that is discarded.
    pub end_jobs: Vec<JobSpec>,
    pub listener: Arc<dyn StorageListener>,
}

impl Notifier {
    /// Stores a recording's jobs, then reports its end. `repeated`: the end may have been reported
    /// before.
    pub async fn report_end(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        let queued = contain_logged(&*self.listener, pin!(self.queue_jobs(id, &manifest))).await;
        if queued.is_none() {
            // The next open retries.
            self.manifests.retain(id);
        }
        let repeated = repeated && !self.directory.has_fault(StorageFault::RepeatedAsNew);
        if self.directory.has_fault(StorageFault::SettledEarly) {
            let _ = self.manifests.remove(id).await;
            let _ = self.directory.reach(FaultPoint::Settle).await;
        }
        if self.directory.has_fault(StorageFault::EndTwice) {
            self.listener.published(id, manifest.clone(), repeated);
        }
        self.listener.published(id, manifest, repeated);
        self.holds.note_reported(id);
        for kind in queued.unwrap_or_default() {
            self.listener.job_queued(&kind, id);
        }
    }

    /// Stores the recording's jobs. Returns the kinds of the jobs that are new.
    async fn queue_jobs(&self, id: Uuid, manifest: &Manifest) -> Vec<String> {
        let specs = manifest.job_specs();
        if self.manifests.is_retained(id) {
            return Vec::new();
        }
        let is_kept = !manifest.end_reason_is(EndReason::Discarded);
        let common = self.common.iter().filter(|_| !manifest.file.is_empty());
        let of_kept = specs.all().iter().chain(common).filter(|_| is_kept);
        let mut queued = Vec::new();
        for spec in of_kept.chain(&self.end_jobs) {
            let added = self
                .directory
                .when_free(async || self.jobs.add(id, spec, manifest).await);
            match added.await {
                Ok(true) => queued.push(spec.kind.clone()),
                Ok(false) => {}
                Err(error) => {
                    // The next open retries.
                    self.manifests.retain(id);
                    let message = format!(
                        "recording {id}: its {} cannot be stored, and the next open tries again: {error}",
                        spec.kind
                    );
                    self.listener.log(LOG_ERROR, message);
                }
            }
        }
        queued
    }

    /// The end has been delivered to all subscribers. Removes the live manifest, unless the next
    /// open needs it.
    pub async fn settle(&self, id: Uuid) {
        if self.manifests.take_retained(id) {
            return;
        }
        if let Err(error) = self.remove_manifest(id).await {
            let message = format!(
                "recording {id}: its live manifest .callrec/{id}.json cannot be removed, so the next open may \
                 report its end again: {error}"
            );
            self.listener.log(LOG_WARNING, message);
            return;
        }
        self.jobs.remove_done_markers(id).await;
    }

    async fn remove_manifest(&self, id: Uuid) -> io::Result<()> {
        self.directory.reach(FaultPoint::Settle).await?;
        let remove = async || self.manifests.remove(id).await;
        self.directory.when_free(remove).await
    }
}
