//! The notes of deletions in progress, `.callrec/deletions/<uuid>.json`: a note is on the disk before the first file of
//! the recording is removed, and until the deletion is in the audit log. The next open completes what a note says.

use super::directory::StorageDirectory;
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::files::ignore_not_found;
use super::listener::{LOG_WARNING, StorageListener};
use super::live_manifests::{self, live_name, next_name};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const DELETIONS: &str = "deletions";
/// The end of the name under which a note is written.
const NEXT: &str = ".tmp";

/// A deletion that has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeletionNote {
    /// Path of the audio, relative to the storage directory.
    pub file: String,
    /// The members of the line for the audit log.
    pub line: String,
}

/// The notes of one storage directory.
pub struct DeletionNotes {
    pub directory: Arc<StorageDirectory>,
    pub listener: Arc<dyn StorageListener>,
}

impl DeletionNotes {
    /// Stores a note, in place of an earlier one about the same recording.
    pub async fn write(&self, id: Uuid, note: &DeletionNote) -> io::Result<()> {
        let directory = &*self.directory;
        let bytes = serde_json::to_vec(note)?;
        let folder = directory.control_folder(DELETIONS).await?;
        let next = next_name(id);
        directory.ready().await?;
        ignore_not_found(folder.remove(&next))?;
        directory.reach(FaultPoint::WriteDeletion).await?;
        let file = folder.create_new(&next)?;
        directory.ready().await?;
        if let Err(error) = file.write_all_at(&bytes, 0) {
            // A full disk may have accepted a part of it.
            directory.ready().await?;
            let _ = folder.remove(&next);
            return Err(error);
        }
        directory.sync_file(&*file).await?;
        directory.reach(FaultPoint::RenameDeletion).await?;
        folder.rename_over(&next, &*folder, &live_name(id))?;
        directory.sync_names(&*folder).await
    }

    /// The deletions that an earlier process began. An unreadable note is put aside: it was never synced, so nothing
    /// of its recording was removed.
    pub async fn read_all(&self) -> io::Result<Vec<(Uuid, DeletionNote)>> {
        let directory = &*self.directory;
        let Some(folder) = directory.found_control_folder(DELETIONS).await? else {
            return Ok(Vec::new());
        };
        self.remove_unfinished(&*folder).await?;
        let mut notes = Vec::new();
        for id in live_manifests::list(directory.access(), &*folder).await? {
            let bytes = directory.read_own(&*folder, &live_name(id)).await?;
            match serde_json::from_slice(&bytes.unwrap_or_default()) {
                Ok(note) => notes.push((id, note)),
                Err(error) => {
                    live_manifests::quarantine(directory, &*folder, id).await?;
                    let message = format!(
                        "recording {id}: the note of its deletion is unreadable and was put aside, in \
                         .callrec/deletions as {id}.json.bad; delete the recording again: {error}"
                    );
                    self.listener.log(LOG_WARNING, message);
                }
            }
        }
        Ok(notes)
    }

    /// Removes notes that were never stored: nothing of their recordings was removed.
    async fn remove_unfinished(&self, folder: &dyn DiskDir) -> io::Result<()> {
        self.directory.ready().await?;
        for entry in folder.list()?.iter().filter(|entry| entry.name.ends_with(NEXT)) {
            self.directory.ready().await?;
            ignore_not_found(folder.remove(&entry.name))?;
        }
        Ok(())
    }

    /// Removes a note. It need not be synced: completing a deletion once more changes nothing.
    pub async fn remove(&self, id: Uuid) -> io::Result<()> {
        let Some(folder) = self.directory.found_control_folder(DELETIONS).await? else {
            return Ok(());
        };
        self.directory.reach(FaultPoint::RemoveDeletion).await?;
        ignore_not_found(folder.remove(&live_name(id)))
    }
}
