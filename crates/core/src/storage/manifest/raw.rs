//! The file of packets that a recording kept as they arrived, in a manifest.

use serde::{Deserialize, Serialize};

/// The file of packets beside the audio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RawEntry {
    /// Path, relative to the storage directory, with `/` on every system; empty if there is no
    /// file, because no packet was written.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// Packets in the file.
    pub packets: u64,
    /// Packets that were dropped, because the disk could not keep up or refused them.
    pub dropped: u64,
    /// `sha256:` and the digest as sha256sum prints it.
    pub digest: String,
}

impl RawEntry {
    pub fn has_file(&self) -> bool {
        !self.file.is_empty()
    }
}
