//! How a recording's end is told, and what goes once it has been.

use super::callbacks::OwedCallbacks;
use super::directory::Directory;
use super::faults::Step;
use super::live_manifests::LiveManifests;
use super::manifest::Manifest;
use super::planted::StorageFault;
use super::report::{LOG_ERROR, LOG_WARNING, Report, contain_logged};
use crate::words::EndReason;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// Tells the engine of the end of recordings.
pub struct Notifier {
    pub directory: Arc<Directory>,
    pub manifests: Arc<LiveManifests>,
    pub callbacks: Arc<OwedCallbacks>,
    pub report: Arc<dyn Report>,
}

impl Notifier {
    /// Tells a recording's end, after what is owed for it is on disk. `repeated`: it may
    /// have been told before.
    pub async fn ended(&self, id: Uuid, manifest: Manifest, repeated: bool) {
        let owed = contain_logged(&*self.report, self.owe(id, &manifest)).await;
        let owed = owed.unwrap_or_else(|| Err(io::Error::other("internal error")));
        if let Err(error) = &owed {
            // The next open tries again.
            self.manifests.keep(id);
            self.report
                .log(LOG_ERROR, format!("{id}: its callback cannot be kept: {error}"));
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
        if owed.unwrap_or(false) {
            self.report.owed(id);
        }
    }

    /// Whether a callback is owed from now on: there is somebody to call back, and it was
    /// not owed before.
    async fn owe(&self, id: Uuid, manifest: &Manifest) -> io::Result<bool> {
        let unpublished = self.manifests.is_kept(id);
        if manifest.callback.is_none() || manifest.end_reason_is(EndReason::Discarded) || unpublished {
            return Ok(false);
        }
        self.callbacks.add(id, manifest).await
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
        self.callbacks.forget_answered(id).await;
    }

    async fn forget(&self, id: Uuid) -> io::Result<()> {
        self.directory.step(Step::Settle).await?;
        self.manifests.forget(id).await
    }
}
