//! Stores pending jobs: one file each in `.callrec/jobs/<kind>`, on disk before the recording's end
//! is reported, and removed when the job was performed.
//!
//! The module `jobs` performs them. A job that is performed before the end is reported leaves a
//! file `<uuid>.done` until then, so that a crash in between does not queue the job again.

use super::directory::StorageDirectory;
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::files::ignore_not_found;
use super::fragment::Fragment;
use super::job_spec::{CALLBACK, END_JOB, JobSpec, UPLOAD_REMOVAL, is_kind};
use super::listener::{LOG_ERROR, LOG_WARNING, StorageListener};
use super::live_manifests::{self, LiveManifests, live_name, next_name};
use super::manifest::Manifest;
use super::old_outbox::OldOutbox;
use crate::sync::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const JOBS: &str = "jobs";

/// A job to be performed after a recording was published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Empty in files of 0.1.0, like `key` and `payload`.
    pub kind: String,
    /// The idempotency key, the same in every attempt and in later processes. It is the recording's
    /// id, so all jobs of a recording share it, except [`UPLOAD_HOLD`](super::job_spec::UPLOAD_HOLD).
    pub key: String,
    pub queued_at_ms: i64,
    /// The manifest as published, without its spans.
    pub recording: Manifest,
    /// The payload that the start gave to the job's action.
    pub payload: Fragment,
}

pub fn done_name(id: Uuid) -> String {
    format!("{}.done", id.as_hyphenated())
}

/// The jobs of one storage directory.
pub struct JobFiles {
    directory: Arc<StorageDirectory>,
    manifests: Arc<LiveManifests>,
    listener: Arc<dyn StorageListener>,
    /// The directory of each kind that was used.
    folders: Mutex<HashMap<String, Arc<dyn DiskDir>>>,
    old_outbox: OldOutbox,
}

impl JobFiles {
    /// `has_old_outbox`: the directory of callbacks of 0.1.0 exists.
    pub fn new(
        directory: Arc<StorageDirectory>,
        manifests: Arc<LiveManifests>,
        listener: Arc<dyn StorageListener>,
        has_old_outbox: bool,
    ) -> JobFiles {
        JobFiles {
            old_outbox: OldOutbox::new(Arc::clone(&directory), has_old_outbox),
            directory,
            manifests,
            listener,
            folders: Mutex::default(),
        }
    }

    /// Converts the callbacks of 0.1.0 to jobs. If that fails, it is retried before any access to
    /// jobs of that kind.
    pub async fn migrate_old_outbox(&self) {
        if self.old_outbox.exists()
            && let Err(error) = self.folder(CALLBACK).await
        {
            let message = format!(
                "the callbacks that version 0.1.0 left in .callrec/outbox cannot be converted to jobs; no \
                 callback is delivered until callrec succeeds, and it tries again: {error}"
            );
            self.log(LOG_ERROR, message);
        }
    }

    pub(super) fn directory(&self) -> &StorageDirectory {
        &self.directory
    }

    pub fn log(&self, level: i32, message: String) {
        self.listener.log(level, message);
    }

    /// Tells the runner of a kind that a job was stored.
    pub(super) fn queued(&self, kind: &str, id: Uuid) {
        self.listener.job_queued(kind, id);
    }

    /// The directory of the jobs of a kind. It is created if it does not exist.
    pub(super) async fn folder(&self, kind: &str) -> io::Result<Arc<dyn DiskDir>> {
        let folder = self.opened_folder(kind).await?;
        if kind == CALLBACK && self.old_outbox.exists() {
            self.old_outbox.migrate(&*folder).await?;
        }
        Ok(folder)
    }

    async fn opened_folder(&self, kind: &str) -> io::Result<Arc<dyn DiskDir>> {
        if let Some(folder) = self.known_folder(kind) {
            return Ok(folder);
        }
        if !is_kind(kind) {
            let message = format!("\"{kind}\" is not a valid kind of job");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let jobs = self.directory.control_folder(JOBS).await?;
        let folder = self.directory.own_folder(&*jobs, kind).await?;
        let folder: Arc<dyn DiskDir> = Arc::from(folder);
        self.folders.lock().insert(kind.to_owned(), Arc::clone(&folder));
        Ok(folder)
    }

    fn known_folder(&self, kind: &str) -> Option<Arc<dyn DiskDir>> {
        self.folders.lock().get(kind).map(Arc::clone)
    }

    /// Whether there has ever been a job of this kind, including callbacks of 0.1.0.
    pub(super) async fn has_folder(&self, kind: &str) -> io::Result<bool> {
        if self.known_folder(kind).is_some() || (kind == CALLBACK && self.old_outbox.exists()) {
            return Ok(true);
        }
        self.directory.ready().await?;
        if !self.directory.control().exists(JOBS)? {
            return Ok(false);
        }
        let jobs = self.directory.control_folder(JOBS).await?;
        self.directory.ready().await?;
        jobs.exists(kind)
    }

    /// Stores a job for a published recording. Returns `false` if it was stored before.
    pub async fn add(&self, id: Uuid, spec: &JobSpec, manifest: &Manifest) -> io::Result<bool> {
        let mut recording = manifest.clone();
        recording.spans = Vec::new();
        let job = Job {
            kind: spec.kind.clone(),
            key: id.as_hyphenated().to_string(),
            queued_at_ms: self.directory.clock().unix_ms(),
            recording,
            payload: spec.payload.clone(),
        };
        let bytes = serde_json::to_vec(&job)?;
        let folder = self.folder(&spec.kind).await?;
        let directory = &*self.directory;
        for known in [live_name(id), done_name(id)] {
            directory.ready().await?;
            if folder.exists(&known)? {
                return Ok(false);
            }
        }
        let next = next_name(id);
        directory.ready().await?;
        ignore_not_found(folder.remove(&next))?;
        directory.reach(FaultPoint::WriteJob).await?;
        let file = folder.create_new(&next)?;
        directory.ready().await?;
        file.write_all_at(&bytes, 0)?;
        directory.sync_file(&*file).await?;
        directory.reach(FaultPoint::RenameJob).await?;
        folder.rename_over(&next, &*folder, &live_name(id))?;
        directory.sync_names(&*folder).await?;
        Ok(true)
    }

    /// The ids of all recordings with a job of this kind.
    pub async fn list(&self, kind: &str) -> io::Result<Vec<Uuid>> {
        self.directory.reach(FaultPoint::ListJobs).await?;
        if !self.has_folder(kind).await? {
            return Ok(Vec::new());
        }
        let folder = self.folder(kind).await?;
        self.directory.ready().await?;
        for entry in folder.list()? {
            let done = entry.name.strip_suffix(".done");
            if let Some(id) = done.and_then(|id| Uuid::try_parse(id).ok())
                && !self.manifests.exists(id).await?
            {
                self.directory.ready().await?;
                ignore_not_found(folder.remove(&entry.name))?;
            }
        }
        live_manifests::list(self.directory.access(), &*folder).await
    }

    /// Reads a recording's job. Returns `None` if there is none, or if its file was unreadable and
    /// is set aside.
    pub async fn read(&self, kind: &str, id: Uuid) -> io::Result<Option<Job>> {
        self.directory.reach(FaultPoint::ReadJob).await?;
        let folder = self.folder(kind).await?;
        let Some(bytes) = self.directory.read_own(&*folder, &live_name(id)).await? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Job>(&bytes) {
            Ok(job) => Ok(Some(with_defaults(job, kind, id))),
            Err(error) => {
                live_manifests::quarantine(&self.directory, &*folder, id).await?;
                let message = format!(
                    "recording {id}: its {kind} is unreadable and was put aside, in .callrec/jobs/{kind} as \
                     {id}.json.bad: {error}"
                );
                self.log(LOG_ERROR, message);
                Ok(None)
            }
        }
    }

    /// Removes a job that was performed or given up. Its progress stays.
    pub async fn finish(&self, kind: &str, id: Uuid) -> io::Result<()> {
        let finish = async || self.try_finish(kind, id).await;
        self.directory.when_free(finish).await
    }

    async fn try_finish(&self, kind: &str, id: Uuid) -> io::Result<()> {
        let folder = self.folder(kind).await?;
        self.directory.ready().await?;
        match folder.rename_over(&live_name(id), &*folder, &done_name(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        if self.manifests.exists(id).await? {
            return Ok(());
        }
        self.directory.ready().await?;
        ignore_not_found(folder.remove(&done_name(id)))
    }

    /// Whether a recording has a pending job of this kind.
    pub async fn is_pending(&self, kind: &str, id: Uuid) -> io::Result<bool> {
        if !self.has_folder(kind).await? {
            return Ok(false);
        }
        let folder = self.folder(kind).await?;
        self.directory.ready().await?;
        folder.exists(&live_name(id))
    }

    /// Removes all jobs of a recording that is being deleted, and what attempts at them have left.
    /// The job that removes its uploaded copy stays, and so does its end for a cluster, without anything of
    /// the call.
    pub async fn remove_all(&self, id: Uuid) -> io::Result<()> {
        let directory = &*self.directory;
        let Some(jobs) = directory.found_control_folder(JOBS).await? else {
            return Ok(());
        };
        directory.ready().await?;
        let prefix = format!("{}.", id.as_hyphenated());
        let is_removed = |name: &str| name != UPLOAD_REMOVAL;
        let kinds = jobs.list()?;
        for kind in kinds
            .iter()
            .filter(|entry| entry.is_directory && is_removed(&entry.name))
        {
            let folder = directory.own_folder(&*jobs, &kind.name).await?;
            let is_kept = kind.name == END_JOB && self.reduce_end(&*folder, id).await?;
            let is_own = |name: &str| name.starts_with(&prefix) && !(is_kept && name == live_name(id));
            let mut is_changed = false;
            // A job that ends meanwhile gets another name.
            loop {
                directory.ready().await?;
                let mut names = folder.list()?;
                names.retain(|entry| !entry.is_directory && is_own(&entry.name));
                if names.is_empty() {
                    break;
                }
                is_changed = true;
                for entry in &names {
                    directory.reach(FaultPoint::DeleteJobs).await?;
                    ignore_not_found(folder.remove(&entry.name))?;
                }
            }
            if is_changed {
                directory.sync_names(&*folder).await?;
            }
        }
        Ok(())
    }

    /// Removes the recording's `.done` files. Its end was reported, so its jobs will not be queued
    /// again.
    pub async fn remove_done_markers(&self, id: Uuid) {
        let folders: Vec<_> = self.folders.lock().values().map(Arc::clone).collect();
        for folder in folders {
            let remove = async || self.remove_done_marker(&*folder, id).await;
            if let Err(error) = self.directory.when_free(remove).await {
                let message = format!(
                    "recording {id}: the marker {id}.done in .callrec/jobs cannot be removed: {error}"
                );
                self.log(LOG_WARNING, message);
            }
        }
    }

    async fn remove_done_marker(&self, folder: &dyn DiskDir, id: Uuid) -> io::Result<()> {
        self.directory.ready().await?;
        if !folder.exists(&done_name(id))? {
            return Ok(());
        }
        // A live manifest that a power cut restores would queue the job again.
        self.directory.sync_names(self.directory.control()).await?;
        self.directory.ready().await?;
        ignore_not_found(folder.remove(&done_name(id)))
    }
}

/// Completes a job from a file of 0.1.0, which has no kind and no key, and whose payload is in the
/// manifest.
fn with_defaults(mut job: Job, kind: &str, id: Uuid) -> Job {
    if job.kind.is_empty() {
        job.kind = kind.to_owned();
        job.key = id.as_hyphenated().to_string();
        job.payload = job.recording.callback.clone().unwrap_or_default();
    }
    job
}
