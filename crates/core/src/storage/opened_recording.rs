//! Opens the files of a published recording for reading, without following links.

use super::deletion::Deletions;
use super::files::{self, found_or_none};
use super::manifest::{Manifest, RawEntry};
use super::plain_file::PlainFile;
use super::published_location::{PublishedLocation, manifest_of};
use super::raw_file::raw_suffix;
use super::sidecar::vcon_name;
use super::vcon::is_vcon_of;
use callrec_codec::Medium;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// A published recording, with its files open.
pub struct OpenedRecording {
    /// The path of its audio, relative to the storage directory. Of its kept packets if it was
    /// published without audio.
    pub file: String,
    pub manifest: Manifest,
    /// The audio, the kept packets and the sidecar, in this order, as far as they exist.
    pub files: Vec<PublishedFile>,
}

impl OpenedRecording {
    /// Whether the published file itself is open. It is not if it is missing or no plain file.
    pub fn has_published_file(&self) -> bool {
        self.files
            .iter()
            .any(|opened| self.file.ends_with(&opened.suffix))
    }
}

/// One open file beside the manifest.
pub struct PublishedFile {
    /// Begins with a dot: `.wav`.
    pub suffix: String,
    pub medium: Arc<dyn Medium>,
}

/// Opens a recording whose audio was published as `file`. Returns `None` if it is gone.
pub async fn open_published(
    deletions: &Deletions,
    id: Uuid,
    file: &str,
) -> io::Result<Option<OpenedRecording>> {
    let Some((file, _)) = deletions.find(id, Some(file), true).await? else {
        return Ok(None);
    };
    let directory = &*deletions.directory;
    let Some(location) = PublishedLocation::open(directory, &file).await? else {
        return Ok(None);
    };
    let access = directory.access();
    let open = async |name: &str| {
        let opened = files::open(access, location.folder(), name).await;
        found_or_none(opened).map(Option::flatten)
    };
    let mut found = Vec::new();
    let mut push = |suffix: String, opened: Option<Box<dyn super::disk::DiskFile>>| {
        if let Some(opened) = opened {
            let medium = Arc::new(PlainFile::to_read(opened));
            found.push(PublishedFile { suffix, medium });
        }
    };
    let stem = location.stem().to_owned();
    let suffix = location.audio_suffix();
    if suffix != raw_suffix() {
        push(suffix, open(location.audio_name()).await?);
    }
    push(raw_suffix(), open(&format!("{stem}{}", raw_suffix())).await?);
    let sidecar = vcon_name(&stem);
    let is_own = match open(&sidecar).await? {
        Some(opened) => is_vcon_of(&files::read_all(access, opened).await?, id),
        None => false,
    };
    if is_own {
        push(sidecar[stem.len()..].to_owned(), open(&sidecar).await?);
    }
    // Read last: while it is the recording's, the other names are too.
    let bytes = location.manifest_bytes().await?.unwrap_or_default();
    let Some(manifest) = manifest_of(&bytes, id) else {
        return Ok(None);
    };
    if !manifest.raw.as_ref().is_some_and(RawEntry::has_file) {
        found.retain(|opened| opened.suffix != raw_suffix());
    }
    Ok(Some(OpenedRecording {
        file,
        manifest,
        files: found,
    }))
}
