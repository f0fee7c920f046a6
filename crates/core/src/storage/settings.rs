//! How a store is set up.

use super::name::Template;
use std::path::PathBuf;

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
