//! Deleting finished recordings, whether the C API or an HTTP API asks for it.

use uuid::Uuid;

use super::Engine;
use super::parts::{Group, RunningGuard};
use crate::calls::{Caller, held, parse_id};
use crate::storage::DeletionResult;
use crate::types::{Error, RecordingState, Result, Status};

/// Where a deletion looks for the recording.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Its audio is here, relative to the storage directory.
    At(&'a str),
    Anywhere,
}

impl Engine {
    /// Deletes the recording with this id, wherever in the storage directory it is.
    pub(super) fn delete_by_id(&self, caller: &Caller, id: &str) -> Result<()> {
        let done = self.delete_as(caller, id, Place::Anywhere);
        if let Err(error) = &done {
            self.audit_refused(caller, "delete", id, error);
        }
        done
    }

    /// As [`crate::recorder::Recorder::delete`], for a recording whose audio is in `file`, relative to the storage
    /// directory. `NOT_FOUND` is not audited: another client may have deleted it.
    pub fn delete_at(&self, caller: &Caller, id: Uuid, file: &str) -> Result<()> {
        let id = id.to_string();
        let done = self.delete_as(caller, &id, Place::At(file));
        match &done {
            Err(error) if error.status != Status::NotFound => {
                self.audit_refused(caller, "delete", &id, error);
            }
            _ => {}
        }
        done
    }

    fn delete_as(&self, caller: &Caller, id: &str, place: Place<'_>) -> Result<()> {
        // Closing waits until this is dropped, and so does the release of the directory.
        let _running = RunningGuard::new(&self.running, Group::Jobs);
        self.require_open()?;
        let id = may_change_finished(caller, id)?;
        self.refuse_unfinished(id)?;
        let (file, search) = match place {
            Place::At(file) => (Some(file.to_owned()), false),
            Place::Anywhere => (self.known_file(id), true),
        };
        let line = self.deletion_line(caller, id).finish();
        let done = self.store.delete(id, file.as_deref(), search, line);
        let done = done.map_err(|error| Error::io(format!("recording {id} cannot be deleted"), &error))?;
        match done {
            DeletionResult::Deleted => Ok(()),
            DeletionResult::NotFound => Err(not_found(id)),
            DeletionResult::Unpublished => Err(live(id, "is not published yet")),
            DeletionResult::Held => Err(held(id)),
        }
    }

    /// Where the audio of a recording is that ended in the last minute.
    fn known_file(&self, id: Uuid) -> Option<String> {
        let path = self.registry.recording(id)?.view().path;
        self.below_directory(path.as_str())
    }

    /// Fails with `LIVE` while the recording has not ended, or its file is not published yet.
    fn refuse_unfinished(&self, id: Uuid) -> Result<()> {
        let state = self.registry.recording(id).map(|found| found.view().state);
        match state {
            Some(RecordingState::Recording | RecordingState::Paused) => {
                Err(live(id, "is live: stop it first"))
            }
            Some(RecordingState::Finishing) => Err(live(id, "is not published yet")),
            Some(RecordingState::Finished | RecordingState::Failed) | None => Ok(()),
        }
    }
}

/// The id, if the caller may change finished recordings: the host, and users of level 10.
pub(super) fn may_change_finished(caller: &Caller, id: &str) -> Result<Uuid> {
    caller.authenticate()?;
    if caller.is_limited() {
        return Err(Error::new(
            Status::Forbidden,
            format!(
                "caller \"{}\": deleting and holding recordings needs level 10",
                caller.username()
            ),
        ));
    }
    parse_id(id)
}

pub(super) fn not_found(id: Uuid) -> Error {
    Error::new(Status::NotFound, format!("id {id}: no such recording"))
}

fn live(id: Uuid, why: &str) -> Error {
    Error::new(Status::Live, format!("id {id}: the recording {why}"))
}
