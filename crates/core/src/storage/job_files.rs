//! Jobs that are not performed yet: a file each in `.callrec/jobs/<kind>`, on disk before
//! the recording's end is told, and removed when the job was performed.
//!
//! Who performs them is above; here they are only kept. A job that was performed while the
//! end was not told yet leaves its name with the ending `.done` until that is told, so that
//! a crash in between does not queue it again.

use super::directory::Directory;
use super::disk::DiskDir;
use super::faults::Step;
use super::files::removed;
use super::fragment::Fragment;
use super::job_spec::{CALLBACK, JobSpec, is_kind};
use super::live_manifests::{self, LiveManifests, live_name, next_name};
use super::manifest::Manifest;
use super::old_outbox::OldOutbox;
use super::report::{LOG_ERROR, LOG_WARNING, Report};
use crate::sync::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const JOBS: &str = "jobs";

/// What is to be done after a recording was published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Empty in files of 0.1.0, as `key` and `payload` are.
    pub kind: String,
    /// The idempotency key: the same in every attempt, also of later processes. It is the
    /// recording's id, so jobs of different kinds for one recording share it.
    pub key: String,
    pub queued_at_ms: i64,
    /// As it was published, without its spans.
    pub recording: Manifest,
    /// What the start handed over for the job's action.
    pub payload: Fragment,
}

pub fn done_name(id: Uuid) -> String {
    format!("{}.done", id.as_hyphenated())
}

/// The jobs for recordings of one directory.
pub struct JobFiles {
    directory: Arc<Directory>,
    manifests: Arc<LiveManifests>,
    report: Arc<dyn Report>,
    /// Of each kind, once it was needed.
    folders: Mutex<HashMap<String, Arc<dyn DiskDir>>>,
    old_outbox: OldOutbox,
}

impl JobFiles {
    /// `has_old_outbox`: 0.1.0 has left its folder of callbacks.
    pub fn new(
        directory: Arc<Directory>,
        manifests: Arc<LiveManifests>,
        report: Arc<dyn Report>,
        has_old_outbox: bool,
    ) -> JobFiles {
        JobFiles {
            old_outbox: OldOutbox::new(Arc::clone(&directory), has_old_outbox),
            directory,
            manifests,
            report,
            folders: Mutex::default(),
        }
    }

    /// Takes over what 0.1.0 has left. What fails now is tried again before any job of that
    /// kind is touched.
    pub async fn take_over(&self) {
        if self.old_outbox.is_there()
            && let Err(error) = self.folder(CALLBACK).await
        {
            let message = format!("the callbacks that 0.1.0 has left are not taken over yet: {error}");
            self.log(LOG_ERROR, message);
        }
    }

    pub fn log(&self, level: i32, message: String) {
        self.report.log(level, message);
    }

    async fn folder(&self, kind: &str) -> io::Result<Arc<dyn DiskDir>> {
        let folder = self.opened_folder(kind).await?;
        if kind == CALLBACK && self.old_outbox.is_there() {
            self.old_outbox.take_over(&*folder).await?;
        }
        Ok(folder)
    }

    async fn opened_folder(&self, kind: &str) -> io::Result<Arc<dyn DiskDir>> {
        if let Some(folder) = self.known_folder(kind) {
            return Ok(folder);
        }
        if !is_kind(kind) {
            let message = format!("\"{kind}\" is no kind of jobs");
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

    /// Whether there has ever been a job of this kind, or 0.1.0 has left some.
    async fn has_folder(&self, kind: &str) -> io::Result<bool> {
        if self.known_folder(kind).is_some() || (kind == CALLBACK && self.old_outbox.is_there()) {
            return Ok(true);
        }
        self.directory.turn().await?;
        if !self.directory.control().exists(JOBS)? {
            return Ok(false);
        }
        let jobs = self.directory.control_folder(JOBS).await?;
        self.directory.turn().await?;
        jobs.exists(kind)
    }

    /// Writes down a job for a published recording. Returns `false` if that was written down
    /// before.
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
            directory.turn().await?;
            if folder.exists(&known)? {
                return Ok(false);
            }
        }
        let next = next_name(id);
        directory.turn().await?;
        removed(folder.remove(&next))?;
        directory.step(Step::WriteJob).await?;
        let file = folder.create_new(&next)?;
        directory.turn().await?;
        file.write_all_at(&bytes, 0)?;
        directory.sync_file(&*file).await?;
        directory.step(Step::PlaceJob).await?;
        folder.rename_over(&next, &*folder, &live_name(id))?;
        directory.sync_names(&*folder).await?;
        Ok(true)
    }

    /// The ids of all recordings with a job of this kind.
    pub async fn list(&self, kind: &str) -> io::Result<Vec<Uuid>> {
        self.directory.step(Step::ListJobs).await?;
        if !self.has_folder(kind).await? {
            return Ok(Vec::new());
        }
        let folder = self.folder(kind).await?;
        self.directory.turn().await?;
        for entry in folder.list()? {
            let done = entry.name.strip_suffix(".done");
            if let Some(id) = done.and_then(|id| Uuid::try_parse(id).ok())
                && !self.manifests.exists(id).await?
            {
                self.directory.turn().await?;
                removed(folder.remove(&entry.name))?;
            }
        }
        live_manifests::list(self.directory.steps(), &*folder).await
    }

    /// A recording's job of this kind. Returns `None` if there is none any more, or if its
    /// file is unreadable and was put aside.
    pub async fn read(&self, kind: &str, id: Uuid) -> io::Result<Option<Job>> {
        self.directory.step(Step::ReadJob).await?;
        let folder = self.folder(kind).await?;
        let Some(bytes) = self.directory.read_own(&*folder, &live_name(id)).await? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Job>(&bytes) {
            Ok(job) => Ok(Some(completed(job, kind, id))),
            Err(error) => {
                live_manifests::put_aside(&self.directory, &*folder, id).await?;
                let message = format!("{id}: its {kind} is unreadable and put aside: {error}");
                self.log(LOG_ERROR, message);
                Ok(None)
            }
        }
    }

    /// A job was performed, or given up.
    pub async fn finish(&self, kind: &str, id: Uuid) -> io::Result<()> {
        let folder = self.folder(kind).await?;
        self.directory.turn().await?;
        match folder.rename_over(&live_name(id), &*folder, &done_name(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        if self.manifests.exists(id).await? {
            return Ok(());
        }
        self.directory.turn().await?;
        removed(folder.remove(&done_name(id)))
    }

    /// The recording's end was told: no job of it will be queued again.
    pub async fn forget_finished(&self, id: Uuid) {
        let folders: Vec<_> = self.folders.lock().values().map(Arc::clone).collect();
        for folder in folders {
            if let Err(error) = self.remove_finished(&*folder, id).await {
                let message = format!("{id}: not removed from the finished jobs: {error}");
                self.log(LOG_WARNING, message);
            }
        }
    }

    async fn remove_finished(&self, folder: &dyn DiskDir, id: Uuid) -> io::Result<()> {
        self.directory.turn().await?;
        if !folder.exists(&done_name(id))? {
            return Ok(());
        }
        // A live manifest that a power cut brings back would queue it again.
        self.directory.sync_names(self.directory.control()).await?;
        self.directory.turn().await?;
        removed(folder.remove(&done_name(id)))
    }
}

/// A file of 0.1.0 names neither kind nor key, and its payload stands in the manifest alone.
fn completed(mut job: Job, kind: &str, id: Uuid) -> Job {
    if job.kind.is_empty() {
        job.kind = kind.to_owned();
        job.key = id.as_hyphenated().to_string();
        job.payload = job.recording.callback.clone().unwrap_or_default();
    }
    job
}
