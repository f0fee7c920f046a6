//! Finds a published recording by its id, without an index: a store without a gateway keeps none, because there may
//! be millions of recordings.

use super::directory::StorageDirectory;
use super::disk::DirEntry;
use super::file_suffixes::JSON;
use super::files::{self, found_or_none};
use super::manifest::Manifest;
use super::published_location::manifest_of;
use super::safe_name;
use std::io;
use uuid::Uuid;

/// The maximum depth of directories that a search enters, as that of the archive's scan.
const DEPTH_MAX: usize = 16;

/// Returns the path of the recording's audio, relative to the storage directory. Manifests whose names contain the id
/// are read first: with the default `storage.name` no other one is. The audio itself may be gone.
pub async fn find_published(directory: &StorageDirectory, id: Uuid) -> io::Result<Option<String>> {
    match search(directory, id, true).await? {
        Some(found) => Ok(Some(found)),
        None => search(directory, id, false).await,
    }
}

async fn search(directory: &StorageDirectory, id: Uuid, is_in_name: bool) -> io::Result<Option<String>> {
    let text = id.as_hyphenated().to_string();
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(dirs) = pending.pop() {
        let Some(entries) = found_or_none(directory.list(&dirs).await)? else {
            continue;
        };
        let (folders, plain): (Vec<DirEntry>, Vec<DirEntry>) = entries
            .into_iter()
            .filter(|entry| safe_name::is_component(&entry.name))
            .partition(|entry| entry.is_directory);
        let named = plain.iter().filter_map(|entry| entry.name.strip_suffix(JSON));
        for stem in named.filter(|stem| stem.contains(&text) == is_in_name) {
            if let Some(manifest) = read(directory, &dirs, stem, id).await?
                && let Some(file) = audio_of(&manifest, &dirs, stem)
            {
                return Ok(Some(file));
            }
        }
        if dirs.len() < DEPTH_MAX {
            pending.extend(folders.into_iter().map(|folder| {
                let mut below = dirs.clone();
                below.push(folder.name);
                below
            }));
        }
    }
    Ok(None)
}

async fn read(
    directory: &StorageDirectory,
    dirs: &[String],
    stem: &str,
    id: Uuid,
) -> io::Result<Option<Manifest>> {
    let Some(folder) = found_or_none(directory.open_path(dirs).await)? else {
        return Ok(None);
    };
    let access = directory.access();
    let opened = files::open(access, &*folder, &format!("{stem}{JSON}")).await;
    let Some(file) = found_or_none(opened)?.flatten() else {
        return Ok(None);
    };
    let bytes = files::read_all(access, file).await?;
    Ok(manifest_of(&bytes, id).filter(Manifest::has_ended))
}

/// The audio beside the manifest. Its current path is used instead of the one in the manifest, since a directory may
/// have been moved. For a recording whose audio was missing, its kept packets.
fn audio_of(manifest: &Manifest, dirs: &[String], stem: &str) -> Option<String> {
    let file = match (&*manifest.file, &manifest.raw) {
        ("", Some(raw)) => &raw.file,
        (file, _) => file,
    };
    let (_, extension) = file.rsplit_once('.')?;
    let mut parts = dirs.to_vec();
    parts.push(format!("{stem}.{extension}"));
    Some(parts.join("/"))
}
