//! The audio of recordings whose local copy was removed.

use super::manifest::Manifest;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

/// Bytes that are being read from a store.
pub type RemoteRead = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

/// Finds uploaded audio.
pub trait RemoteAudio: Send + Sync {
    /// The audio of a recording. `None` if it is in another store. Never waits.
    fn open(&self, manifest: &Manifest) -> Option<Arc<dyn RemoteFile>>;
}

/// The audio of one recording in a store.
pub trait RemoteFile: Send + Sync {
    fn bytes(&self) -> u64;

    /// Reads at most `most` bytes, none at the end. May be polled on any thread.
    fn read(&self, at: u64, most: usize) -> RemoteRead;
}
