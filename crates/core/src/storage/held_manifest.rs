//! Holds and releases a published recording, in its manifest.

use super::directory::StorageDirectory;
use super::disk::DiskDir;
use super::faults::FaultPoint;
use super::files::ignore_not_found;
use super::live_manifests::next_name;
use super::manifest::Manifest;
use super::published_location::{PublishedLocation, manifest_of};
use std::io;
use uuid::Uuid;

/// Directory in which the new manifest is written before it replaces the old one.
const HOLDS: &str = "holds";
const HELD: &[u8] = b",\"held\":true";

/// Returns the manifest as it is then, or `None` if the recording is not there. On the disk when
/// this returns.
pub async fn set_held(
    directory: &StorageDirectory,
    id: Uuid,
    file: &str,
    is_held: bool,
) -> io::Result<Option<Manifest>> {
    let attempt = async || try_set_held(directory, id, file, is_held).await;
    directory.when_free(attempt).await
}

async fn try_set_held(
    directory: &StorageDirectory,
    id: Uuid,
    file: &str,
    is_held: bool,
) -> io::Result<Option<Manifest>> {
    let Some(files) = PublishedLocation::open(directory, file).await? else {
        return Ok(None);
    };
    let bytes = files.manifest_bytes().await?.unwrap_or_default();
    let Some(mut manifest) = manifest_of(&bytes, id) else {
        return Ok(None);
    };
    if manifest.held != is_held {
        let changed = with_held(&bytes, manifest.clone(), is_held)?;
        replace(directory, id, &files, &changed).await?;
        manifest.held = is_held;
    } else {
        // An earlier attempt may have failed at this point.
        files.sync_names().await?;
    }
    Ok(Some(manifest))
}

/// Replaces the manifest of a published recording. On the disk when this returns.
pub(super) async fn replace(
    directory: &StorageDirectory,
    id: Uuid,
    files: &PublishedLocation<'_>,
    bytes: &[u8],
) -> io::Result<()> {
    let work = directory.control_folder(HOLDS).await?;
    let next = next_name(id);
    let written = write(directory, &*work, &next, bytes).await;
    let replaced = match written {
        Ok(()) => {
            directory.reach(FaultPoint::RenameHeldManifest).await?;
            work.rename_over(&next, files.folder(), &files.manifest_name())
        }
        Err(error) => Err(error),
    };
    if replaced.is_err() {
        directory.ready().await?;
        ignore_not_found(work.remove(&next))?;
    }
    replaced?;
    files.sync_names().await
}

async fn write(directory: &StorageDirectory, work: &dyn DiskDir, name: &str, bytes: &[u8]) -> io::Result<()> {
    directory.ready().await?;
    ignore_not_found(work.remove(name))?;
    directory.reach(FaultPoint::WriteHeldManifest).await?;
    let file = work.create_new(name)?;
    directory.ready().await?;
    file.write_all_at(bytes, 0)?;
    directory.sync_file(&*file).await
}

/// The manifest with only this member changed. Members that this version does not know stay.
fn with_held(bytes: &[u8], mut manifest: Manifest, is_held: bool) -> io::Result<Vec<u8>> {
    manifest.held = is_held;
    let edited = match is_held {
        true => with_member(bytes),
        // Quotes inside JSON strings are escaped, so the match is the member.
        false => bytes
            .windows(HELD.len())
            .position(|window| window == HELD)
            .map(|at| [&bytes[..at], &bytes[at + HELD.len()..]].concat()),
    };
    let is_right = |edited: &Vec<u8>| Manifest::from_bytes(edited).as_ref() == Some(&manifest);
    match edited.filter(is_right) {
        Some(edited) => Ok(edited),
        // Somebody has formatted it in another way.
        None => manifest.to_bytes(),
    }
}

/// The object with the member at its end.
fn with_member(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().rposition(|byte| *byte == b'}')?;
    Some([&bytes[..end], HELD, &bytes[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_member_changes() {
        let plain = br#"{"part":"","id":"x","later":{"held":[1]},"call":{"a":",\"held\":true"}}
"#;
        let held = br#"{"part":"","id":"x","later":{"held":[1]},"call":{"a":",\"held\":true"},"held":true}
"#;
        let read = |bytes: &[u8]| Manifest::from_bytes(bytes).expect("a manifest");
        assert_eq!(with_held(plain, read(plain), true).expect("bytes"), held);
        assert_eq!(with_held(held, read(held), false).expect("bytes"), plain);
        let spaced = br#"{"id": "x", "held": true}"#;
        let released = with_held(spaced, read(spaced), false).expect("bytes");
        assert!(!read(&released).held);
        assert_eq!(read(&released).id, "x");
    }
}
