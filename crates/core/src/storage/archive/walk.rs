//! Finds and opens the archive's files. Does not follow symbolic links.

use std::io;

use uuid::Uuid;

use super::super::disk::{self, DiskDir};
use super::super::file_suffixes::JSON;
use super::super::files::{MANIFEST_MAX, found_or_none};
use super::super::manifest::Manifest;
use super::super::plain_file::PlainFile;
use super::super::safe_name;
use super::ArchiveEntry;

/// The maximum depth of directories that a scan enters.
const DEPTH_MAX: usize = 16;

/// The audio and the manifest of one recording.
pub struct EntryFiles {
    dir: Box<dyn DiskDir>,
    audio: String,
    manifest: String,
}

impl EntryFiles {
    /// Returns `None` if callrec would not use the path, or if its directory does not exist.
    pub fn of(root: &dyn DiskDir, file: &str) -> io::Result<Option<EntryFiles>> {
        let mut parts: Vec<&str> = file.split('/').collect();
        if !parts.iter().all(|part| safe_name::is_component(part)) {
            return Ok(None);
        }
        let Some(audio) = parts.pop() else { return Ok(None) };
        let Some((stem, _)) = audio.rsplit_once('.') else {
            return Ok(None);
        };
        let Some(dir) = found_or_none(open_path(root, &parts))? else {
            return Ok(None);
        };
        Ok(Some(EntryFiles {
            dir,
            audio: audio.to_owned(),
            manifest: format!("{stem}{JSON}"),
        }))
    }

    /// Whether both files exist, or the manifest of a recording whose audio is only uploaded.
    pub fn exists(&self) -> io::Result<bool> {
        if self.dir.exists(&self.audio)? {
            return self.dir.exists(&self.manifest);
        }
        let bytes = found_or_none(read(&*self.dir, &self.manifest))?.unwrap_or_default();
        Ok(Manifest::from_bytes(&bytes).is_some_and(|manifest| manifest.is_only_uploaded()))
    }

    /// Reads the manifest, if it belongs to this recording. Another recording may have got the name
    /// since.
    pub fn manifest(&self, id: Uuid) -> io::Result<Option<Manifest>> {
        let Some(bytes) = found_or_none(read(&*self.dir, &self.manifest))? else {
            return Ok(None);
        };
        let found = Manifest::from_bytes(&bytes);
        Ok(found.filter(|manifest| Uuid::try_parse(&manifest.id) == Ok(id)))
    }

    pub fn open(&self) -> io::Result<Option<PlainFile>> {
        Ok(found_or_none(self.dir.open_read(&self.audio))?.map(PlainFile::to_read))
    }
}

/// Reads a manifest. Returns no bytes if the file is too large to be one.
fn read(dir: &dyn DiskDir, name: &str) -> io::Result<Vec<u8>> {
    let file = dir.open_read(name)?;
    let length = file.length()?;
    if length > MANIFEST_MAX {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; length as usize];
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

fn open_path(root: &dyn DiskDir, dirs: &[&str]) -> io::Result<Box<dyn DiskDir>> {
    let mut below = root.try_clone()?;
    for name in dirs {
        below = below.open_dir(name)?;
    }
    Ok(below)
}

/// Calls `found` for each manifest below `root`, with its recording if it has finished, until
/// `found` returns false. Returns the paths that could not be read.
pub fn walk(
    root: &dyn DiskDir,
    found: &mut dyn FnMut(Option<ArchiveEntry>) -> bool,
) -> Vec<(String, io::Error)> {
    let mut unread = Vec::new();
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(dirs) = pending.pop() {
        let names: Vec<&str> = dirs.iter().map(String::as_str).collect();
        let listed = open_path(root, &names).and_then(|dir| Ok((dir.list()?, dir)));
        let (entries, dir) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                unread.push((dirs.join("/"), error));
                continue;
            }
        };
        let directories = entries.iter().filter(|entry| entry.is_directory);
        for entry in directories.filter(|entry| safe_name::is_component(&entry.name)) {
            if dirs.len() < DEPTH_MAX {
                pending.push([dirs.as_slice(), std::slice::from_ref(&entry.name)].concat());
            }
        }
        if !walk_files(&*dir, &dirs, &entries, found) {
            break;
        }
    }
    unread
}

fn walk_files(
    dir: &dyn DiskDir,
    dirs: &[String],
    entries: &[disk::DirEntry],
    found: &mut dyn FnMut(Option<ArchiveEntry>) -> bool,
) -> bool {
    let manifests = entries.iter().filter(|entry| !entry.is_directory);
    for entry in manifests.filter(|entry| safe_name::is_component(&entry.name)) {
        let Some(stem) = entry.name.strip_suffix(JSON) else {
            continue;
        };
        if !found(recording(dir, dirs, stem, &entry.name)) {
            return false;
        }
    }
    true
}

/// Reads the recording of a manifest, if its audio is beside it or only uploaded. Its current path is used instead
/// of the one in the manifest, since a directory may have been moved.
fn recording(dir: &dyn DiskDir, dirs: &[String], stem: &str, name: &str) -> Option<ArchiveEntry> {
    let bytes = read(dir, name).ok()?;
    let manifest = Manifest::from_bytes(&bytes)?;
    let (_, extension) = manifest.file.rsplit_once('.')?;
    let audio = format!("{stem}.{extension}");
    if name == audio || !safe_name::is_component(&audio) {
        return None;
    }
    if !matches!(dir.exists(&audio), Ok(true)) && !manifest.is_only_uploaded() {
        return None;
    }
    let mut file = dirs.join("/");
    if !file.is_empty() {
        file.push('/');
    }
    file.push_str(&audio);
    ArchiveEntry::of_manifest(&manifest, &file)
}
