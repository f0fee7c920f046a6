//! What an uploader needs of the engine: the recordings' files, its jobs, and the events.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use once_cell::sync::OnceCell;
use uuid::Uuid;

use super::parts::{Group, RunningGuard};
use super::{Engine, closing};
use crate::jobs::{Action, JobPace, RegisteredAction};
use crate::recorder::UploadCounts;
use crate::storage::{
    Manifest, OpenedRecording, RemoteAudio, RemoteFile, UPLOAD, UploadEntry, UploadNote, VCON,
};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::types::Result;

/// An engine's uploads.
#[derive(Default)]
pub(super) struct Uploads {
    registrations: OnceCell<[RegisteredAction; 3]>,
    is_stopped: AtomicBool,
    done: AtomicU64,
    failed: AtomicU64,
    remote_audio: OnceCell<Arc<dyn RemoteAudio>>,
}

/// What became of a recording that was to be uploaded.
#[derive(Clone, Copy, Debug)]
pub enum UploadResult<'a> {
    Uploaded,
    /// Given up, for this reason.
    Failed(&'a str),
}

impl Engine {
    /// Registers the actions that upload recordings, that remove uploaded copies and that hold them.
    pub fn start_uploads(
        self: &Arc<Engine>,
        (upload, pace): (Arc<dyn Action>, JobPace),
        removal: Arc<dyn Action>,
        hold: Arc<dyn Action>,
    ) -> Result<()> {
        let lasting_pace = JobPace {
            give_up: None,
            ..pace
        };
        let upload = self.register_action(upload, pace)?;
        let removal = self.register_action(removal, lasting_pace)?;
        let hold = self.register_action(hold, lasting_pace)?;
        let _ = self.uploads.registrations.set([upload, removal, hold]);
        Ok(())
    }

    /// Stops the uploads. Attempts in progress are dropped at `until`. Never waits.
    pub fn stop_uploads(&self, until: Instant) {
        self.uploads.is_stopped.store(true, Ordering::SeqCst);
        for registration in self.uploads.registrations.get().into_iter().flatten() {
            registration.withdraw(until);
        }
    }

    /// From now on, a legal hold and a release each leave a job for the uploaded copy.
    pub fn hold_uploaded_copies(&self) {
        self.store.hold_copies();
    }

    /// Sets where the audio of recordings is read whose local copy was removed. Called once.
    pub fn set_remote_audio(&self, audio: Arc<dyn RemoteAudio>) {
        let _ = self.uploads.remote_audio.set(audio);
    }

    /// The uploaded audio of a recording. `None` if there is none, or if it is in a store that this
    /// engine does not use. Never waits.
    pub fn remote_audio(&self, manifest: &Manifest) -> Option<Arc<dyn RemoteFile>> {
        self.uploads.remote_audio.get()?.open(manifest)
    }

    /// `None` if this engine does not upload.
    pub fn upload_counts(&self) -> Option<UploadCounts> {
        let [upload, removal, _] = self.uploads.registrations.get()?;
        Some(UploadCounts {
            pending: upload.pending(),
            oldest_ms: upload.oldest_age_ms().unwrap_or_default(),
            done: self.uploads.done.load(Ordering::Relaxed),
            failed: self.uploads.failed.load(Ordering::Relaxed),
            removals_pending: removal.pending(),
        })
    }

    /// Uses the storage directory, which the engine does not release meanwhile.
    fn with_directory<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let _running = RunningGuard::new(&self.running, Group::Jobs);
        // Set before closing waits for what runs.
        if self.uploads.is_stopped.load(Ordering::SeqCst) {
            return Err(io::Error::other(closing().message));
        }
        act()
    }

    /// Opens the files of a published recording. `file`: where its audio was published. Returns
    /// `None` if the recording is gone. Waits for the disk.
    pub fn published(&self, id: Uuid, file: &str) -> io::Result<Option<OpenedRecording>> {
        self.with_directory(|| self.store.published(id, file))
    }

    /// Whether the recording's vCon is still to be written. Waits for the disk.
    pub fn awaits_sidecar(&self, id: Uuid) -> io::Result<bool> {
        self.with_directory(|| self.store.is_job_pending(VCON, id))
    }

    /// Whether the job that uploads the recording still exists. Waits for the disk.
    pub fn awaits_upload(&self, id: Uuid) -> io::Result<bool> {
        self.with_directory(|| self.store.is_job_pending(UPLOAD, id))
    }

    /// What an earlier attempt to upload the recording has noted. Waits for the disk.
    pub fn upload_progress(&self, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        self.with_directory(|| self.store.job_progress(UPLOAD, id))
    }

    /// Notes the progress of an upload, on the disk when this returns. Fails with `NotFound` if the
    /// recording has been deleted. Waits for the disk.
    pub fn set_upload_progress(&self, id: Uuid, progress: &[u8]) -> io::Result<()> {
        self.with_directory(|| {
            // A deletion reads the progress and removes the job in its own turn.
            let _turn = self.store.turn(id);
            match self.store.is_job_pending(UPLOAD, id)? {
                true => self.store.set_job_progress(UPLOAD, id, progress),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    /// Removes the progress of an upload that is complete. Waits for the disk.
    pub fn remove_upload_progress(&self, id: Uuid) -> io::Result<()> {
        self.with_directory(|| self.store.remove_job_progress(UPLOAD, id))
    }

    /// Notes in the manifest that the recording is uploaded, on the disk when this returns. With
    /// `remove_local`, removes the local copy of a recording that is not held. Waits for the disk.
    pub fn note_uploaded(
        &self,
        id: Uuid,
        file: &str,
        entry: &UploadEntry,
        remove_local: bool,
    ) -> io::Result<UploadNote> {
        self.with_directory(|| self.store.note_uploaded(id, file, entry, remove_local))
    }

    /// Publishes the event about an upload and counts it. `object_url`: the URL of the audio.
    pub fn report_upload(&self, manifest: &Manifest, object_url: &str, result: UploadResult<'_>) {
        let counter = match result {
            UploadResult::Uploaded => &self.uploads.done,
            UploadResult::Failed(_) => &self.uploads.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.reporter.publish_upload(manifest, object_url, result);
    }
}
