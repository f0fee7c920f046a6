//! Notes in the manifest of a published recording where it was uploaded to, and removes its local
//! copy.
//!
//! The manifest stays: it is how callrec finds the recording, its legal hold and its objects. It
//! says that the local copy is removed before the first file of that copy is removed.

use super::deletion::Deletions;
use super::directory::StorageDirectory;
use super::held_manifest::replace;
use super::manifest::{Manifest, RawEntry, UploadEntry};
use super::published_location::{PublishedLocation, manifest_of};
use std::io;
use uuid::Uuid;

/// What became of the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadNote {
    /// The recording is not there any more.
    Gone,
    /// The local copy stays: it is held, or nobody wants it removed.
    Kept,
    LocalRemoved,
}

/// Stores `entry` in the manifest, on the disk when this returns. With `remove_local`, removes the
/// local copy of a recording that is not held. Returns the manifest as it was before, if it is
/// there. May be repeated. The caller has the recording's turn.
pub async fn note_uploaded(
    deletions: &Deletions,
    (id, file): (Uuid, &str),
    entry: &UploadEntry,
    remove_local: bool,
) -> io::Result<(UploadNote, Option<Manifest>)> {
    let attempt = async || try_note(deletions, (id, file), entry, remove_local).await;
    deletions.directory.when_free(attempt).await
}

async fn try_note(
    deletions: &Deletions,
    (id, file): (Uuid, &str),
    entry: &UploadEntry,
    remove_local: bool,
) -> io::Result<(UploadNote, Option<Manifest>)> {
    let directory = &*deletions.directory;
    let Some((file, _)) = deletions.find(id, Some(file), true).await? else {
        return Ok((UploadNote::Gone, None));
    };
    let Some(files) = PublishedLocation::open(directory, &file).await? else {
        return Ok((UploadNote::Gone, None));
    };
    let bytes = files.manifest_bytes().await?.unwrap_or_default();
    let Some(manifest) = manifest_of(&bytes, id) else {
        return Ok((UploadNote::Gone, None));
    };
    let removes = remove_local && !manifest.held;
    let mut entry = entry.clone();
    if let Some(earlier) = &manifest.uploaded {
        entry.uploaded_at_ms = earlier.uploaded_at_ms;
        entry.local_removed = earlier.local_removed;
    }
    entry.local_removed |= removes;
    let has_raw = manifest.raw.as_ref().is_some_and(RawEntry::has_file);
    write(directory, id, &files, &bytes, (manifest.clone(), entry.clone())).await?;
    if !entry.local_removed {
        return Ok((UploadNote::Kept, Some(manifest)));
    }
    files.remove_sidecar(id).await?;
    if has_raw {
        files.remove_raw().await?;
    }
    files.remove_audio().await?;
    files.sync_names().await?;
    Ok((UploadNote::LocalRemoved, Some(manifest)))
}

async fn write(
    directory: &StorageDirectory,
    id: Uuid,
    files: &PublishedLocation<'_>,
    bytes: &[u8],
    (manifest, entry): (Manifest, UploadEntry),
) -> io::Result<()> {
    if manifest.uploaded.as_ref() == Some(&entry) {
        // An earlier attempt may have failed at this point.
        return files.sync_names().await;
    }
    replace(directory, id, files, &with_entry(bytes, manifest, entry)?).await
}

/// The manifest with the entry. Members that this version does not know stay.
fn with_entry(bytes: &[u8], mut manifest: Manifest, entry: UploadEntry) -> io::Result<Vec<u8>> {
    let is_first = manifest.uploaded.is_none();
    let member = format!(",\"uploaded\":{}", serde_json::to_string(&entry)?);
    manifest.uploaded = Some(entry);
    let end = bytes.iter().rposition(|byte| *byte == b'}');
    let edited = end.map(|end| [&bytes[..end], member.as_bytes(), &bytes[end..]].concat());
    let is_right = |edited: &Vec<u8>| Manifest::from_bytes(edited).as_ref() == Some(&manifest);
    match edited.filter(|edited| is_first && is_right(edited)) {
        Some(edited) => Ok(edited),
        None => manifest.to_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_member_is_added() {
        let plain = br#"{"part":"","id":"x","later":[1]}
"#;
        let read = |bytes: &[u8]| Manifest::from_bytes(bytes).expect("a manifest");
        let entry = UploadEntry {
            url: "s3://b/x.wav".to_owned(),
            ..UploadEntry::default()
        };
        let once = with_entry(plain, read(plain), entry.clone()).expect("bytes");
        assert!(once.starts_with(br#"{"part":"","id":"x","later":[1],"uploaded":{"url":"s3://b/x.wav""#));
        assert!(once.ends_with(b"}}\n"));
        let removed = UploadEntry {
            local_removed: true,
            ..entry
        };
        let twice = with_entry(&once, read(&once), removed.clone()).expect("bytes");
        assert_eq!(read(&twice).uploaded, Some(removed));
        assert_eq!(read(&twice).id, "x");
    }
}
