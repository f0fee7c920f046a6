//! Callbacks that are owed: a file each in `.callrec/outbox`, on disk before the
//! recording's end is told, and removed when the callback was answered.
//!
//! Who delivers them is above; here they are only kept. One that was answered while
//! the end was not told yet leaves its name with the ending `.done` until that is
//! told, so that a crash in between does not let it be owed again.

use super::directory::Directory;
use super::disk::DiskDir;
use super::faults::Step;
use super::files::removed;
use super::live_manifests::{self, LiveManifests, live_name, next_name};
use super::manifest::Manifest;
use super::report::{LOG_ERROR, LOG_WARNING, Report};
use once_cell::sync::OnceCell;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const OUTBOX: &str = "outbox";

/// The recording as it was published, with its callback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owed {
    pub queued_at_ms: i64,
    pub recording: Manifest,
}

fn done_name(id: Uuid) -> String {
    format!("{}.done", id.as_hyphenated())
}

/// The callbacks that are owed for recordings of one directory.
pub struct OwedCallbacks {
    directory: Arc<Directory>,
    manifests: Arc<LiveManifests>,
    report: Arc<dyn Report>,
    /// `.callrec/outbox`, once it was needed.
    outbox: OnceCell<Box<dyn DiskDir>>,
}

impl OwedCallbacks {
    pub fn new(
        directory: Arc<Directory>,
        manifests: Arc<LiveManifests>,
        report: Arc<dyn Report>,
    ) -> OwedCallbacks {
        OwedCallbacks {
            directory,
            manifests,
            report,
            outbox: OnceCell::new(),
        }
    }

    async fn outbox(&self) -> io::Result<&dyn DiskDir> {
        if self.outbox.get().is_none() {
            let made = self.directory.control_folder(OUTBOX).await?;
            // Another may have been quicker.
            let _ = self.outbox.set(made);
        }
        match self.outbox.get() {
            Some(outbox) => Ok(&**outbox),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Writes down that the callback of a published recording is owed. Returns `false` if
    /// that was written down before.
    pub async fn add(&self, id: Uuid, manifest: &Manifest) -> io::Result<bool> {
        let mut recording = manifest.clone();
        recording.spans = Vec::new();
        let owed = Owed {
            queued_at_ms: self.directory.clock().unix_ms(),
            recording,
        };
        let bytes = serde_json::to_vec(&owed)?;
        let outbox = self.outbox().await?;
        let directory = &*self.directory;
        for known in [live_name(id), done_name(id)] {
            directory.turn().await?;
            if outbox.exists(&known)? {
                return Ok(false);
            }
        }
        let next = next_name(id);
        directory.turn().await?;
        removed(outbox.remove(&next))?;
        directory.step(Step::WriteOutbox).await?;
        let file = outbox.create_new(&next)?;
        directory.turn().await?;
        file.write_all_at(&bytes, 0)?;
        directory.sync_file(&*file).await?;
        directory.step(Step::PlaceOutbox).await?;
        outbox.rename_over(&next, outbox, &live_name(id))?;
        directory.sync_names(outbox).await?;
        Ok(true)
    }

    /// The ids of all callbacks that are owed.
    pub async fn list(&self) -> io::Result<Vec<Uuid>> {
        self.directory.step(Step::ListOutbox).await?;
        match self.directory.control().exists(OUTBOX) {
            Ok(true) => {}
            other => return other.map(|_| Vec::new()),
        }
        let outbox = self.outbox().await?;
        self.directory.turn().await?;
        for entry in outbox.list()? {
            let done = entry.name.strip_suffix(".done");
            if let Some(id) = done.and_then(|id| Uuid::try_parse(id).ok())
                && !self.manifests.exists(id).await?
            {
                self.directory.turn().await?;
                removed(outbox.remove(&entry.name))?;
            }
        }
        live_manifests::list(self.directory.steps(), outbox).await
    }

    /// What is owed for a recording. Returns `None` if nothing is any more, or if its file is
    /// unreadable and was put aside.
    pub async fn read(&self, id: Uuid) -> io::Result<Option<Owed>> {
        self.directory.step(Step::ReadOutbox).await?;
        let outbox = self.outbox().await?;
        let Some(bytes) = self.directory.read_own(outbox, &live_name(id)).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&bytes) {
            Ok(owed) => Ok(Some(owed)),
            Err(error) => {
                live_manifests::put_aside(&self.directory, outbox, id).await?;
                let message = format!("{id}: its callback is unreadable and put aside: {error}");
                self.report.log(LOG_ERROR, message);
                Ok(None)
            }
        }
    }

    /// A callback was answered, or given up.
    pub async fn done(&self, id: Uuid) -> io::Result<()> {
        let outbox = self.outbox().await?;
        self.directory.turn().await?;
        match outbox.rename_over(&live_name(id), outbox, &done_name(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        if self.manifests.exists(id).await? {
            return Ok(());
        }
        self.directory.turn().await?;
        removed(outbox.remove(&done_name(id)))
    }

    /// The recording's end was told: its callback will not be owed again.
    pub async fn forget_answered(&self, id: Uuid) {
        let Some(outbox) = self.outbox.get() else { return };
        if let Err(error) = self.remove_answered(&**outbox, id).await {
            self.report
                .log(LOG_WARNING, format!("{id}: not removed from the outbox: {error}"));
        }
    }

    async fn remove_answered(&self, outbox: &dyn DiskDir, id: Uuid) -> io::Result<()> {
        self.directory.turn().await?;
        if !outbox.exists(&done_name(id))? {
            return Ok(());
        }
        // A live manifest that a power cut brings back would owe it again.
        self.directory.sync_names(self.directory.control()).await?;
        self.directory.turn().await?;
        removed(outbox.remove(&done_name(id)))
    }
}
