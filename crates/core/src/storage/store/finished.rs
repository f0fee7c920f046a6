//! What a store does with recordings that have ended: deletions, legal holds and uploads. The callers wait for the disk.

use std::io;

use uuid::Uuid;

use super::super::deletion::DeletionResult;
use super::super::held_manifest;
use super::super::id_turns::IdTurn;
use super::super::manifest::UploadEntry;
use super::super::opened_recording::{OpenedRecording, open_published};
use super::super::uploaded_manifest::{UploadNote, note_uploaded};
use super::Store;
use crate::sync::atomic::Ordering;

impl Store {
    /// Deletes a published recording, and reports that. `file`: where its audio is, if known. `search`: whether to
    /// look for the recording if it is not there. `line`: the members of the line for the audit log. Waits for the
    /// disk. After an error, the next open completes a deletion that has begun.
    pub fn delete(
        &self,
        id: Uuid,
        file: Option<&str>,
        search: bool,
        line: String,
    ) -> io::Result<DeletionResult> {
        let _turn = self.deletions.turn(id);
        // Recovery may still report the recording, or queue its jobs.
        if self.recovery.awaits(id) {
            return Ok(DeletionResult::Unpublished);
        }
        let done = self.wait_for(self.deletions.delete(id, file, search, &line))?;
        if done == DeletionResult::Deleted {
            self.wait_for(self.deletions.report(id, line, false));
        }
        Ok(done)
    }

    /// While the turn of a recording is taken, it is neither published nor deleted.
    pub fn turn(&self, id: Uuid) -> IdTurn<'_> {
        self.deletions.turn(id)
    }

    /// Where the audio of a recording is that was published and whose end is not reported yet.
    pub fn just_published(&self, id: Uuid) -> Option<String> {
        self.holds.just_published(id)
    }

    /// Holds or releases a recording that is not published yet. On the disk when this returns.
    pub fn hold_unpublished(&self, id: Uuid, is_held: bool) -> io::Result<()> {
        self.wait_for(self.holds.set(id, is_held))
    }

    /// Holds or releases a recording of which this process knows no file that it is writing. `file`: where its audio
    /// is, if known. Returns whether there is such a recording. On the disk when this returns, and so is the job for
    /// its uploaded copy.
    pub fn hold_published(&self, id: Uuid, file: Option<&str>, is_held: bool) -> io::Result<bool> {
        self.wait_for(async {
            if let Some((file, _)) = self.deletions.find(id, file, true).await? {
                let stored = held_manifest::set_held(&self.directory, id, &file, is_held).await?;
                if let Some(manifest) = stored.as_ref().filter(|manifest| manifest.uploaded.is_some())
                    && self.holds_copies()
                {
                    self.jobs.queue_upload_hold(manifest).await?;
                }
                return Ok(stored.is_some());
            }
            // Recovery or the next open will publish it.
            let is_unpublished = self.deletions.manifests.awaits_publication(id).await?;
            if is_unpublished {
                self.holds.set(id, is_held).await?;
            }
            Ok(is_unpublished)
        })
    }

    /// Opens the files of a published recording. `file`: where its audio was published. Returns
    /// `None` if the recording is gone. Waits for the disk.
    pub fn published(&self, id: Uuid, file: &str) -> io::Result<Option<OpenedRecording>> {
        self.wait_for(open_published(&self.deletions, id, file))
    }

    /// Notes in the manifest that the recording is uploaded. With `remove_local`, removes the local
    /// copy of a recording that is not held. Queues the hold of the uploaded copy of one that is. Waits for the disk.
    pub fn note_uploaded(
        &self,
        id: Uuid,
        file: &str,
        entry: &UploadEntry,
        remove_local: bool,
    ) -> io::Result<UploadNote> {
        let _turn = self.deletions.turn(id);
        self.wait_for(async {
            let (note, manifest) = note_uploaded(&self.deletions, (id, file), entry, remove_local).await?;
            if let Some(manifest) = manifest.filter(|manifest| manifest.held)
                && self.holds_copies()
            {
                self.jobs.queue_upload_hold(&manifest).await?;
            }
            Ok(note)
        })
    }

    /// From now on, the uploaded copy of a recording is held or released with it.
    pub fn hold_copies(&self) {
        self.holds_copies.store(true, Ordering::Relaxed);
    }

    fn holds_copies(&self) -> bool {
        self.holds_copies.load(Ordering::Relaxed)
    }
}
