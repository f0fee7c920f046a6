//! From samples to a safe file.
//!
//! A recording's sink queues blocks into its [`RecordingFile`]; a writer thread
//! brings them to the disk and keeps the header's sizes current; a finisher seals,
//! syncs, hashes and publishes; recovery does the same for what an earlier process
//! left. Nothing here waits for a disk but the threads that are for it, and none of
//! them holds a lock while it does.
//!
//! On disk: `<name>.wav.part` in progress beside its later `<name>.wav` and
//! `<name>.json`; `.callrec/<uuid>.json`, the live manifest, from before the audio's
//! file is made until the terminal event has been delivered; `.callrec/outbox/<uuid>.json`
//! from before that event until a callback has been answered.

pub mod archive;
pub mod container;
pub mod faults;
mod handle;
mod live;
mod manifest;
mod name;
pub mod os;
mod outbox;
mod papers;
mod patch;
mod place;
mod pool;
mod publish;
mod queue;
mod recover;
mod safe;
mod search;
mod store;
mod trouble;
mod trust;
pub mod verify;
mod writer;

pub use handle::RecordingFile;
pub use live::Draft;
pub use manifest::{Fragment, LegEntry, Manifest, Reasons, SPANS_MAX, SpanEntry, Spans, rfc3339};
pub use name::{DEFAULT_TEMPLATE, NameFields, RecordingName, Template, gsip_rec_fn};
pub use os::spawn;
pub use outbox::{Callback, Owed};
pub use queue::Source;
pub use store::Store;

use crate::words::Error;
use std::path::PathBuf;
use uuid::Uuid;

/// When what is written is also made to survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Never: it survives the process.
    Process,
    /// Once, before it is told that a recording is published.
    Finish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    Sha256,
    None,
}

#[derive(Clone, Debug)]
pub struct StorageConfig {
    pub directory: PathBuf,
    pub durability: Durability,
    pub digest: Digest,
    /// Audio of one recording that may wait for the disk.
    pub backlog_ms: u32,
    /// Audio of all recordings that may wait for the disk.
    pub backlog_bytes: u64,
    /// Files kept open; 0: half of the soft limit.
    pub max_open_files: u32,
    /// Below this the disk is low.
    pub min_free_bytes: u64,
    pub name: Template,
    /// For `{host}`.
    pub host: String,
    pub writers: usize,
    pub finishers: usize,
    /// Where a test wants a panic, once: `writer`, `finisher`.
    #[cfg(feature = "faults")]
    pub panic_at: String,
}

impl StorageConfig {
    pub fn new(directory: impl Into<PathBuf>) -> StorageConfig {
        StorageConfig {
            directory: directory.into(),
            durability: Durability::Finish,
            digest: Digest::Sha256,
            backlog_ms: 15_000,
            backlog_bytes: 512 << 20,
            max_open_files: 0,
            min_free_bytes: 0,
            name: Template::default(),
            host: String::new(),
            writers: 2,
            finishers: 2,
            #[cfg(feature = "faults")]
            panic_at: String::new(),
        }
    }
}

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
    /// The end: once for each recording that was created, and for each recovered
    /// one. `repeated`: found as already published, so it may have been told.
    fn published(&self, id: Uuid, manifest: Manifest, repeated: bool);
    /// A callback is owed from now on, and its paper is on disk.
    fn owed(&self, id: Uuid);
    /// `level`: 1 error, 2 warning, 3 information.
    fn log(&self, level: i32, message: String);
}

pub const LOG_ERROR: i32 = 1;
pub const LOG_WARNING: i32 = 2;
pub const LOG_INFO: i32 = 3;
