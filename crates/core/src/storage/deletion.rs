//! Deletes published recordings, with everything that callrec keeps of them except the audit log.
//!
//! A deletion that has begun is completed by the next open, wherever the process died. The order of the syncs makes
//! that true after a power cut as well:
//!
//! 1. the note of the deletion, or on a full disk its mark, before anything is removed;
//! 2. the job that removes its uploaded copy, before the manifest that names its objects is removed;
//! 3. audio, kept packets and sidecar, before the manifest is removed: while there is a manifest, it proves that the
//!    other files with its name belong to the recording, and once it is gone, they are;
//! 4. the removal of the manifest and of all else, before the deletion is reported;
//! 5. the note without its directory, before directories that are empty now are removed;
//! 6. the line in the audit log, before the note is removed.

use super::deletion_notes::{DeletionNote, DeletionNotes, is_full, is_marker_name};
use super::directory::StorageDirectory;
use super::emptied_directories::EmptiedDirectories;
use super::files::ignore_not_found;
use super::id_turns::{IdTurn, IdTurns};
use super::job_files::JobFiles;
use super::job_spec::UPLOAD_REMOVAL;
use super::listener::{DeletedRecording, LOG_ERROR, LOG_WARNING, StorageListener};
use super::live_manifests::{LiveManifests, live_name};
use super::manifest::{Manifest, RawEntry};
use super::noted_directory::{NotedDirectory, not_found};
use super::published_location::PublishedLocation;
use super::published_search::find_published;
use crate::sync::Mutex;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// Deletes the recordings of one storage directory.
pub struct Deletions {
    pub directory: Arc<StorageDirectory>,
    pub manifests: Arc<LiveManifests>,
    pub jobs: Arc<JobFiles>,
    pub listener: Arc<dyn StorageListener>,
    pub notes: DeletionNotes,
    pub turns: Arc<IdTurns>,
    pub emptied: EmptiedDirectories,
    /// Deletions of an earlier process that this one has completed and not reported yet.
    pub completed: Mutex<Vec<(Uuid, DeletionNote)>>,
}

/// What became of a request to delete a recording.
#[derive(Debug, PartialEq, Eq)]
pub enum DeletionResult {
    Deleted,
    /// There is no published recording with this id.
    NotFound,
    /// The recording is live, or the next open publishes it.
    Unpublished,
    Held,
}

impl Deletions {
    /// The turn for the published files of a recording.
    pub fn turn(&self, id: Uuid) -> IdTurn<'_> {
        self.turns.take(id)
    }

    /// Deletes a recording, except that it does not report that. `file`: where its audio is, if known; otherwise, or
    /// if it is there no longer, the recording is searched for. `line`: for the audit log.
    pub async fn delete(
        &self,
        id: Uuid,
        file: Option<&str>,
        search: bool,
        line: &str,
    ) -> io::Result<DeletionResult> {
        let attempt = async || self.try_delete(id, file, search, line).await;
        self.directory.when_free(attempt).await
    }

    async fn try_delete(
        &self,
        id: Uuid,
        file: Option<&str>,
        search: bool,
        line: &str,
    ) -> io::Result<DeletionResult> {
        let Some((file, manifest)) = self.find(id, file, search).await? else {
            return Ok(match self.manifests.awaits_publication(id).await? {
                true => DeletionResult::Unpublished,
                false => DeletionResult::NotFound,
            });
        };
        if manifest.held {
            return Ok(DeletionResult::Held);
        }
        let note = DeletionNote {
            directory: self.noted_directory(&file).await?,
            file,
            line: line.to_owned(),
        };
        self.emptied.keep(id, &note.file).await;
        match self.notes.write(id, &note).await {
            Err(error) if is_full(&error) => self.delete_marked(id, &note, error).await?,
            noted => {
                noted?;
                self.remove_all(id, &note).await?;
            }
        }
        self.remove_emptied(id, &note).await;
        Ok(DeletionResult::Deleted)
    }

    /// Removes the directories that the deletion has emptied. They stay if that fails.
    async fn remove_emptied(&self, id: Uuid, note: &DeletionNote) {
        let without = DeletionNote {
            directory: None,
            ..note.clone()
        };
        let forget = async || self.notes.write(id, &without).await;
        if let Err(error) = self.emptied.remove(id, &note.file, forget).await {
            let message =
                format!("recording {id} is deleted, but its directory, which may be empty, stays: {error}");
            self.listener.log(LOG_WARNING, message);
        }
    }

    /// Deletes a recording for whose note there is no space. Deleting is what makes space.
    async fn delete_marked(&self, id: Uuid, note: &DeletionNote, full: io::Error) -> io::Result<()> {
        let Some(files) = PublishedLocation::open(&self.directory, &note.file).await? else {
            return Err(full);
        };
        self.notes.mark(id, &files).await?;
        self.remove_all(id, note).await?;
        self.notes.write_after_removal(id, note).await
    }

    /// The published recording: the path of its audio, and its manifest.
    pub async fn find(
        &self,
        id: Uuid,
        file: Option<&str>,
        search: bool,
    ) -> io::Result<Option<(String, Manifest)>> {
        if let Some(file) = file
            && let Some(manifest) = self.manifest_at(id, file).await?
        {
            return Ok(Some((file.to_owned(), manifest)));
        }
        if !search {
            return Ok(None);
        }
        let Some(file) = find_published(&self.directory, id).await? else {
            return Ok(None);
        };
        let manifest = self.manifest_at(id, &file).await?;
        Ok(manifest.map(|manifest| (file, manifest)))
    }

    async fn manifest_at(&self, id: Uuid, file: &str) -> io::Result<Option<Manifest>> {
        match PublishedLocation::open(&self.directory, file).await? {
            Some(files) => files.manifest(id).await,
            None => Ok(None),
        }
    }

    async fn noted_directory(&self, file: &str) -> io::Result<Option<NotedDirectory>> {
        match PublishedLocation::open(&self.directory, file).await? {
            Some(files) => files.noted_directory().await.map(Some),
            None => Ok(None),
        }
    }

    /// Removes everything of a recording. May be repeated, also by the next process. Fails if the directory of its
    /// audio is not there.
    async fn remove_all(&self, id: Uuid, note: &DeletionNote) -> io::Result<()> {
        let files = PublishedLocation::open(&self.directory, &note.file).await?;
        let found = match &files {
            Some(files) => Some(files.noted_directory().await?),
            None => None,
        };
        if !note.file.is_empty() && note.directory.is_some() && note.directory != found {
            return Err(not_found(&note.file));
        }
        let manifest = match &files {
            Some(files) => files.manifest(id).await?,
            None => None,
        };
        if let Some(manifest) = &manifest {
            self.manifests.clear_end(id, manifest).await?;
        }
        let removes_upload = match &manifest {
            Some(manifest) => self.jobs.queue_upload_removal(id, manifest).await?,
            None => false,
        };
        self.jobs.remove_all(id).await?;
        if removes_upload {
            self.listener.job_queued(UPLOAD_REMOVAL, id);
        }
        if let Some(files) = &files {
            files.remove_sidecar(id).await?;
            if let Some(manifest) = &manifest {
                if manifest.raw.as_ref().is_some_and(RawEntry::has_file) {
                    files.remove_raw().await?;
                }
                files.remove_audio().await?;
                files.sync_names().await?;
                files.remove_manifest().await?;
                // Again, because a job may have written it meanwhile. From now on the job finds no manifest.
                files.remove_sidecar(id).await?;
            }
            files.sync_names().await?;
        }
        self.remove_leftovers(id).await
    }

    /// Removes what recovery may have left of the recording in `.callrec`, except its live manifest, in which only
    /// the end is left, and a mark of the deletion.
    async fn remove_leftovers(&self, id: Uuid) -> io::Result<()> {
        let control = self.directory.control();
        self.directory.ready().await?;
        let (live, prefix) = (live_name(id), format!("{}.", id.as_hyphenated()));
        let own = |name: &str| name.starts_with(&prefix) && name != live && !is_marker_name(name);
        let entries = control.list()?;
        for entry in entries
            .iter()
            .filter(|entry| !entry.is_directory && own(&entry.name))
        {
            self.directory.ready().await?;
            ignore_not_found(control.remove(&entry.name))?;
        }
        self.directory.sync_names(control).await
    }

    /// Completes the deletions of an earlier process, when the directory is opened.
    pub async fn complete(&self) {
        let notes = match self.notes.read_all().await {
            Ok(notes) => notes,
            Err(error) => {
                let message = format!(
                    "the notes of deletions in .callrec/deletions cannot be read, and the next open tries again: {error}"
                );
                return self.listener.log(LOG_ERROR, message);
            }
        };
        for (id, note) in &notes {
            self.emptied.keep(*id, &note.file).await;
        }
        // However many files another process holds, the open waits once.
        let give_up = self.directory.held_until();
        for (id, note) in notes {
            let attempt = async || self.complete_one(id, &note).await;
            let completed = self.directory.when_free_before(give_up, attempt);
            match completed.await {
                // The line of a marked one is made when it is reported.
                Ok(true) => self.completed.lock().push((id, note)),
                Ok(false) => {}
                Err(error) => {
                    let message = format!(
                        "recording {id}: its deletion cannot be completed, and the next open tries again: {error}"
                    );
                    self.listener.log(LOG_ERROR, message);
                }
            }
        }
    }

    /// Returns `false` if the recording was held after its deletion had failed. Then it stays.
    async fn complete_one(&self, id: Uuid, note: &DeletionNote) -> io::Result<bool> {
        let note = match self.find(id, Some(&note.file), true).await? {
            Some((_, manifest)) if manifest.held => {
                self.notes.remove(id).await?;
                self.emptied.release(id);
                return Ok(false);
            }
            // Its directory may have been moved.
            Some((file, _)) => match self.noted_directory(&file).await? {
                None => return Err(not_found(&file)),
                directory => DeletionNote {
                    file,
                    directory,
                    line: note.line.clone(),
                },
            },
            None => DeletionNote {
                file: self.removed_file(note).await?,
                ..note.clone()
            },
        };
        self.remove_all(id, &note).await?;
        self.remove_emptied(id, &note).await;
        Ok(true)
    }

    /// Where the audio was of a recording that is not found. Fails if its directory is not found either: then nobody
    /// knows whether its files are gone.
    async fn removed_file(&self, note: &DeletionNote) -> io::Result<String> {
        let Some(noted) = note.directory else {
            return Ok(note.file.clone());
        };
        if self.noted_directory(&note.file).await? == Some(noted) {
            return Ok(note.file.clone());
        }
        match (noted.find(&self.directory).await?, note.file.rsplit('/').next()) {
            (None, _) => Err(not_found(&note.file)),
            // Of a marked one, the name is not known.
            (Some(_), None | Some("")) => Ok(String::new()),
            (Some(dirs), Some(name)) => Ok([dirs, vec![name.to_owned()]].concat().join("/")),
        }
    }

    /// Whether there are deletions to report that were completed when the directory was opened.
    pub fn has_completed(&self) -> bool {
        !self.completed.lock().is_empty()
    }

    /// Reports the deletions that were completed when the directory was opened.
    pub async fn report_completed(self: &Arc<Deletions>) {
        let completed = std::mem::take(&mut *self.completed.lock());
        for (id, note) in completed {
            self.report(id, note.line, true).await;
        }
    }

    /// Reports a deletion, and has its note removed once it is in the audit log.
    pub async fn report(self: &Arc<Deletions>, id: Uuid, line: String, is_resumed: bool) {
        let deletions = Arc::clone(self);
        let confirm = Box::new(move || {
            let done: super::listener::Confirming = Box::pin(async move { deletions.forget(id).await });
            done
        });
        let unused = self.listener.deleted(DeletedRecording {
            id,
            line,
            is_resumed,
            confirm,
        });
        if let Some(confirm) = unused {
            confirm().await;
        }
    }

    async fn forget(&self, id: Uuid) {
        let removed = self.directory.when_free(async || self.notes.remove(id).await);
        match removed.await {
            Ok(()) => self.emptied.release(id),
            Err(error) => {
                let message = format!(
                    "recording {id}: the note of its deletion, .callrec/deletions/{id}.json, cannot be removed, so the \
                     next open may report the deletion again: {error}"
                );
                self.listener.log(LOG_WARNING, message);
            }
        }
    }
}

#[cfg(all(test, unix, not(any(callrec_loom, callrec_shuttle))))]
mod tests;
