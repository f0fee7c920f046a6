//! Legal holds and deletions of the recordings that the registry knows.

use uuid::Uuid;

use super::registry::Registry;
use crate::text::Text;
use crate::types::{EndReason, Error, RecordingState, Status};

/// A recording of this process that is to be held or released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldTarget {
    /// It is live or finishing, and held or released from now on.
    Unpublished { was_held: bool },
    /// Its discard was accepted before.
    Discarded,
    /// It has ended. The path of its file, if it has one.
    Ended { path: Text },
}

impl Registry {
    /// Holds or releases a recording that is not published yet. `None`: the registry does not know it.
    pub fn hold(&self, id: Uuid, is_held: bool) -> Option<HoldTarget> {
        let inner = self.lock();
        let recording = inner.by_id.get(&id)?;
        let lifecycle = recording.lifecycle.lock().clone();
        if lifecycle.end_reason == Some(EndReason::Discarded) {
            return Some(HoldTarget::Discarded);
        }
        if matches!(lifecycle.state, RecordingState::Finished | RecordingState::Failed) {
            return Some(HoldTarget::Ended { path: lifecycle.path });
        }
        recording.set_held(is_held);
        self.note_live_change();
        Some(HoldTarget::Unpublished {
            was_held: lifecycle.held,
        })
    }

    /// A recording that has ended is held from now on, or no longer.
    pub fn note_held(&self, id: Uuid, is_held: bool) {
        let inner = self.lock();
        if let Some(recording) = inner.by_id.get(&id) {
            recording.set_held(is_held);
        }
    }

    /// Removes a recording that has ended and whose files were deleted.
    pub fn forget_deleted(&self, id: Uuid) {
        let mut inner = self.lock();
        inner.ended.retain(|(_, ended)| *ended != id);
        let removed = inner.by_id.remove(&id);
        drop(inner);
        drop(removed);
    }
}

/// The error of a discard or a deletion of a held recording.
pub fn held(id: Uuid) -> Error {
    Error::new(
        Status::Held,
        format!("id {id}: the recording is under a legal hold"),
    )
}
