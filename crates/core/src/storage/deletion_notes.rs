//! The notes of deletions in progress, `.callrec/deletions/<uuid>.json`: a note is on the disk before the first file of
//! the recording is removed, and until the deletion is in the audit log. The next open completes what a note says.
//!
//! A full disk has no space for a note, but deleting is what makes space. `.callrec/<uuid>.<directory>.deleting` then
//! marks the deletion: an empty file or, if the disk has no space for that either, a second name of the manifest. Only
//! its name counts.

use super::directory::StorageDirectory;
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::files::ignore_not_found;
use super::listener::{LOG_WARNING, StorageListener};
use super::live_manifests::{self, live_name, next_name};
use super::noted_directory::NotedDirectory;
use super::published_location::PublishedLocation;
use crate::types::Status;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use uuid::Uuid;

const DELETIONS: &str = "deletions";
/// The end of the name under which a note is written.
const NEXT: &str = ".tmp";
/// The end of the name of a mark.
const MARK: &str = ".deleting";

/// The file in `.callrec` that marks a deletion.
fn mark_name(id: Uuid, directory: Option<NotedDirectory>) -> String {
    let directory = directory.map(|noted| format!(".{}", noted.to_name()));
    format!("{}{}{MARK}", id.as_hyphenated(), directory.unwrap_or_default())
}

/// Whether a file in `.callrec` marks a deletion.
pub fn is_marker_name(name: &str) -> bool {
    name.ends_with(MARK)
}

/// A deletion that a mark stands for.
struct MarkedDeletion {
    id: Uuid,
    directory: Option<NotedDirectory>,
}

impl MarkedDeletion {
    fn from_name(name: &str) -> Option<MarkedDeletion> {
        let rest = name.strip_suffix(MARK)?;
        let (id, directory) = match rest.split_once('.') {
            Some((id, directory)) => (id, Some(NotedDirectory::from_name(directory)?)),
            None => (rest, None),
        };
        let id = Uuid::try_parse(id).ok()?;
        (mark_name(id, directory) == name).then_some(MarkedDeletion { id, directory })
    }
}

pub fn is_full(error: &io::Error) -> bool {
    Status::of_io(error) == Status::NoSpace
}

/// A deletion that has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeletionNote {
    /// Path of the audio, relative to the storage directory.
    pub file: String,
    /// The directory of the audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<NotedDirectory>,
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

    /// Marks a deletion without using space. `files`: of the recording.
    pub async fn mark(&self, id: Uuid, files: &PublishedLocation<'_>) -> io::Result<()> {
        let directory = &*self.directory;
        let mark = mark_name(id, Some(files.noted_directory().await?));
        let control = directory.control();
        let created = match directory.reach(FaultPoint::MarkDeletion).await {
            Ok(()) => control.create_new(&mark).map(drop),
            refused => refused,
        };
        let marked = match created {
            Err(error) if is_full(&error) => {
                directory.reach(FaultPoint::LinkDeletion).await?;
                files.folder().link(&files.manifest_name(), control, &mark)
            }
            marked => marked,
        };
        match marked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        directory.sync_names(control).await
    }

    /// Stores the note of a marked deletion, whose files are gone. If there still is no space, the mark stays.
    pub async fn write_after_removal(&self, id: Uuid, note: &DeletionNote) -> io::Result<()> {
        match self.write(id, note).await {
            Err(error) if is_full(&error) => Ok(()),
            written => {
                written?;
                self.unmark(id).await
            }
        }
    }

    async fn unmark(&self, id: Uuid) -> io::Result<()> {
        let control = self.directory.control();
        for mark in self.marked().await?.iter().filter(|mark| mark.id == id) {
            self.directory.ready().await?;
            ignore_not_found(control.remove(&mark_name(id, mark.directory)))?;
        }
        Ok(())
    }

    async fn marked(&self) -> io::Result<Vec<MarkedDeletion>> {
        self.directory.ready().await?;
        let entries = self.directory.control().list()?;
        let plain = entries.iter().filter(|entry| !entry.is_directory);
        Ok(plain
            .filter_map(|entry| MarkedDeletion::from_name(&entry.name))
            .collect())
    }

    /// The deletions that an earlier process began. Of a marked one, nothing is known but the recording's id and its
    /// directory. An unreadable note is put aside: it was never synced, so nothing of its recording was removed.
    pub async fn read_all(&self) -> io::Result<Vec<(Uuid, DeletionNote)>> {
        let mut notes = self.read_notes().await?;
        let control = self.directory.control();
        for MarkedDeletion { id, directory } in self.marked().await? {
            let is_noted = notes.iter().any(|(noted, _)| *noted == id);
            let name = mark_name(id, directory);
            // Others must not make callrec delete anything.
            if !is_noted && self.directory.read_own(control, &name).await?.is_some() {
                let marked = DeletionNote {
                    directory,
                    ..DeletionNote::default()
                };
                notes.push((id, marked));
            }
        }
        Ok(notes)
    }

    async fn read_notes(&self) -> io::Result<Vec<(Uuid, DeletionNote)>> {
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

    /// Removes a note or a mark. It need not be synced: completing a deletion once more changes nothing.
    pub async fn remove(&self, id: Uuid) -> io::Result<()> {
        self.directory.reach(FaultPoint::RemoveDeletion).await?;
        self.unmark(id).await?;
        let Some(folder) = self.directory.found_control_folder(DELETIONS).await? else {
            return Ok(());
        };
        self.directory.ready().await?;
        ignore_not_found(folder.remove(&live_name(id)))
    }
}
