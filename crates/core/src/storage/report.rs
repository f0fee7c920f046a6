//! What storage reports to the engine.

use super::manifest::Manifest;
use crate::sync::catch_panic;
use crate::task;
use crate::types::Error;
use uuid::Uuid;

/// What storage tells the engine, on storage's own threads: it may not block.
pub trait Report: Send + Sync {
    fn created(&self, id: Uuid);
    /// Nothing is left of it, and nothing more will be told of it.
    fn create_failed(&self, id: Uuid, error: Error);
    /// The live manifest with this mark is on disk.
    fn marked(&self, id: Uuid, mark: u32);
    /// Told at once; `published` with the state `failed` follows by itself.
    fn write_failed(&self, id: Uuid, error: Error);
    /// Whether its discard has been accepted: then nothing of it may be published.
    /// Asked after `write_failed`, from which on no discard is accepted.
    fn is_discarded(&self, id: Uuid) -> bool;
    /// The end: once for each recording that was created and is not left, and for each
    /// recovered one. `repeated`: its end had been written down, so it may have been told.
    fn published(&self, id: Uuid, manifest: Manifest, repeated: bool);
    /// The recording has ended, and the disk did not take its end before the engine closed: the
    /// next open tells it, and this engine nothing more.
    fn left(&self, id: Uuid);
    /// A job for a recording is queued from now on, and its file is on disk.
    fn job_queued(&self, kind: &str, id: Uuid);
    /// `level`: 1 error, 2 warning, 3 information.
    fn log(&self, level: i32, message: String);
}

pub const LOG_ERROR: i32 = 1;
pub const LOG_WARNING: i32 = 2;
pub const LOG_INFO: i32 = 3;

/// Runs what must not stop its thread if it panics. A panic is logged, and `None` returned.
pub fn guarded<T>(report: &dyn Report, act: impl FnOnce() -> T) -> Option<T> {
    catch_panic(act)
        .map_err(|panic| report.log(LOG_ERROR, panic_text(&panic)))
        .ok()
}

/// The same for what may take several steps.
pub async fn contain_logged<T>(report: &dyn Report, body: impl Future<Output = T>) -> Option<T> {
    let done = task::catch_panic(body).await;
    done.map_err(|panic| report.log(LOG_ERROR, panic_text(&panic)))
        .ok()
}

/// The message of a panic (see [`catch_panic`]), as it is logged.
pub fn panic_text(message: &str) -> String {
    format!("internal error: {message}")
}
