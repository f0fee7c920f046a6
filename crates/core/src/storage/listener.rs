//! What storage reports to the engine.

use super::manifest::Manifest;
use crate::sync::catch_panic;
use crate::task;
use crate::types::Error;
use std::pin::Pin;
use uuid::Uuid;

/// Receives storage's notifications, on storage's threads. No function may block.
pub trait StorageListener: Send + Sync {
    fn created(&self, id: Uuid);
    /// The recording could not be created. No file of it remains, and no further call follows.
    fn create_failed(&self, id: Uuid, error: Error);
    /// The live manifest of the update with this number is on disk.
    fn manifest_updated(&self, id: Uuid, number: u64);
    /// Called at once when a write fails. `published` with the state `failed` follows.
    fn write_failed(&self, id: Uuid, error: Error);
    /// Returns whether the recording's discard has been accepted; then it must not be published.
    /// Called after `write_failed`, from which on no discard is accepted.
    fn is_discarded(&self, id: Uuid) -> bool;
    /// The recording has ended. Called once for each recording that was created, unless
    /// `end_deferred` is called, and once for each recovered recording. `repeated`: the end was
    /// stored before and may already have been reported.
    fn published(&self, id: Uuid, manifest: Manifest, repeated: bool);
    /// The recording has ended, but its end could not be stored before the engine closed. The next
    /// open reports it; no further call for this recording follows.
    fn end_deferred(&self, id: Uuid);
    /// A job for a recording is queued, and its file is on disk.
    fn job_queued(&self, kind: &str, id: Uuid);
    /// A recording was deleted: its files are gone, as far as the configured durability requires. Returns
    /// `confirm` if it need not wait for the audit log.
    fn deleted(&self, deleted: DeletedRecording) -> Option<Confirmation>;
    /// `level`: 1 error, 2 warning, 3 information.
    fn log(&self, level: i32, message: String);
}

/// A recording that was deleted.
pub struct DeletedRecording {
    pub id: Uuid,
    /// The members of the line for the audit log. Empty if an earlier process could not store them.
    pub line: String,
    /// An earlier process began the deletion, and may have reported it.
    pub is_resumed: bool,
    /// To be called once the line is on the disk.
    pub confirm: Confirmation,
}

/// Ends a deletion, on a part that may wait for the disk.
pub type Confirmation = Box<dyn FnOnce() -> Confirming + Send>;
pub type Confirming = Pin<Box<dyn Future<Output = ()>>>;

pub const LOG_ERROR: i32 = 1;
pub const LOG_WARNING: i32 = 2;
pub const LOG_INFO: i32 = 3;

/// Runs `act`. If it panics, logs the panic and returns `None`.
pub fn guarded<T>(listener: &dyn StorageListener, act: impl FnOnce() -> T) -> Option<T> {
    catch_panic(act)
        .map_err(|panic| listener.log(LOG_ERROR, panic_text(&panic)))
        .ok()
}

/// Like `guarded`, for asynchronous work.
pub async fn contain_logged<T>(
    listener: &dyn StorageListener,
    body: Pin<&mut dyn Future<Output = T>>,
) -> Option<T> {
    let done = task::catch_panic(body).await;
    done.map_err(|panic| listener.log(LOG_ERROR, panic_text(&panic)))
        .ok()
}

/// The log text of a panic message (see [`catch_panic`]).
pub fn panic_text(message: &str) -> String {
    format!("a fault inside callrec: {message}")
}
