//! Legal holds: a held recording is neither deleted nor discarded.

use std::path::Path;

use uuid::Uuid;

use super::Engine;
use super::deletion::{may_change_finished, not_found};
use super::parts::{Group, RunningGuard};
use crate::calls::{Caller, HoldTarget};
use crate::types::{Error, Result};

impl Engine {
    /// Holds or releases the recording with this id, live or finished.
    pub(super) fn hold_by_id(&self, caller: &Caller, id: &str, is_held: bool) -> Result<()> {
        let done = self.hold_as(caller, id, is_held);
        let operation = if is_held { "hold" } else { "release" };
        match &done {
            Ok(id) => self.audit_hold(caller, operation, *id),
            Err(error) => self.audit_refused(caller, operation, id, error),
        }
        done.map(drop)
    }

    fn hold_as(&self, caller: &Caller, id: &str, is_held: bool) -> Result<Uuid> {
        // Closing waits until this is dropped, and so does the release of the directory.
        let _running = RunningGuard::new(&self.running, Group::Jobs);
        self.require_open()?;
        let id = may_change_finished(caller, id)?;
        // No recording is published while its turn is taken, so its state does not change.
        let _turn = self.store.turn(id);
        if let Some(file) = self.store.just_published(id) {
            return self.hold_published(id, Some(&file), is_held);
        }
        match self.registry.hold(id, is_held) {
            // From now on, no discard is accepted.
            Some(HoldTarget::Unpublished { was_held }) => {
                let stored = self.store.hold_unpublished(id, is_held);
                stored.map_err(|error| {
                    self.registry.hold(id, was_held);
                    unstored(id, &error)
                })?;
                Ok(id)
            }
            Some(HoldTarget::Discarded) => Err(not_found(id)),
            Some(HoldTarget::Ended { path }) => {
                let file = self.below_directory(path.as_str());
                self.hold_published(id, file.as_deref(), is_held)
            }
            None => self.hold_published(id, None, is_held),
        }
    }

    fn hold_published(&self, id: Uuid, file: Option<&str>, is_held: bool) -> Result<Uuid> {
        let found = self.store.hold_published(id, file, is_held);
        match found.map_err(|error| unstored(id, &error))? {
            true => {
                self.registry.note_held(id, is_held);
                Ok(id)
            }
            false => Err(not_found(id)),
        }
    }

    /// The path of a published file relative to the storage directory, with `/` on every system.
    pub(super) fn below_directory(&self, path: &str) -> Option<String> {
        let file = Path::new(path)
            .strip_prefix(&self.config.storage.directory)
            .ok()?;
        let parts: Option<Vec<_>> = file.iter().map(|part| part.to_str()).collect();
        parts.map(|parts| parts.join("/"))
    }
}

fn unstored(id: Uuid, error: &std::io::Error) -> Error {
    Error::io(format!("recording {id}: its hold cannot be stored"), error)
}
