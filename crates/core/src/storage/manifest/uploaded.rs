//! Where a recording was uploaded to, in its manifest.

use serde::{Deserialize, Serialize};

/// The uploaded copy of a recording. In a manifest, it means that the copy is complete and was
/// verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadEntry {
    /// The URL of the audio, or of the kept packets if there is no audio.
    pub url: String,
    /// The store, as `upload.url` named it.
    pub store: String,
    /// Unix time in milliseconds.
    pub uploaded_at_ms: i64,
    /// The objects, in the order in which they were uploaded: the manifest is the last one.
    pub objects: Vec<UploadedObject>,
    /// The local copy was removed, so that only this manifest is left of it.
    pub local_removed: bool,
}

/// One object of an uploaded recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadedObject {
    /// Its key below the store's URL.
    pub key: String,
    pub bytes: u64,
    /// `sha256:` and the digest as sha256sum prints it.
    pub digest: String,
}
