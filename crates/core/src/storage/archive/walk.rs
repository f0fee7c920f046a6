//! The archive's ways into the directory. Nothing is followed through a link.

use std::io;

use uuid::Uuid;

use super::super::disk::{self, DiskDir};
use super::super::endings::JSON;
use super::super::files::{MANIFEST_MAX, removed, there};
use super::super::manifest::Manifest;
use super::super::medium::PlainFile;
use super::super::safe;
use super::ArchiveEntry;

/// Directories below the root that a scan enters.
const DEPTH_MAX: usize = 16;

/// Where one recording's audio and manifest are.
pub struct Place {
    dir: Box<dyn DiskDir>,
    audio: String,
    manifest: String,
}

impl Place {
    /// `None`: the path is none that could be ours, or its directory is gone.
    pub fn of(root: &dyn DiskDir, file: &str) -> io::Result<Option<Place>> {
        let mut parts: Vec<&str> = file.split('/').collect();
        if !parts.iter().all(|part| safe::is_component(part)) {
            return Ok(None);
        }
        let Some(audio) = parts.pop() else { return Ok(None) };
        let Some((stem, _)) = audio.rsplit_once('.') else {
            return Ok(None);
        };
        let Some(dir) = there(enter(root, &parts))? else {
            return Ok(None);
        };
        Ok(Some(Place {
            dir,
            audio: audio.to_owned(),
            manifest: format!("{stem}{JSON}"),
        }))
    }

    /// Whether both are there.
    pub fn exists(&self) -> io::Result<bool> {
        Ok(self.dir.exists(&self.audio)? && self.dir.exists(&self.manifest)?)
    }

    /// The manifest, if it is this recording's: another may have got its name since.
    pub fn manifest(&self, id: Uuid) -> io::Result<Option<Manifest>> {
        let Some(bytes) = there(read(&*self.dir, &self.manifest))? else {
            return Ok(None);
        };
        let found = Manifest::from_bytes(&bytes);
        Ok(found.filter(|manifest| Uuid::try_parse(&manifest.id) == Ok(id)))
    }

    pub fn open(&self) -> io::Result<Option<PlainFile>> {
        Ok(there(self.dir.open_read(&self.audio))?.map(PlainFile::to_read))
    }

    /// The audio first: without it a manifest is not taken for a recording.
    pub fn remove(&self) -> io::Result<()> {
        removed(self.dir.remove(&self.audio))?;
        removed(self.dir.remove(&self.manifest))
    }
}

/// Reads all of a manifest. The result is empty for a file that is too large to be one.
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

fn enter(root: &dyn DiskDir, way: &[&str]) -> io::Result<Box<dyn DiskDir>> {
    let mut below = root.again()?;
    for name in way {
        below = below.sub(name)?;
    }
    Ok(below)
}

/// Every finished recording below `root` is given to `found`, until that says `false`.
/// Answers what could not be read.
pub fn walk(
    root: &dyn DiskDir,
    found: &mut dyn FnMut(Option<ArchiveEntry>) -> bool,
) -> Vec<(String, io::Error)> {
    let mut unread = Vec::new();
    let mut ways: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(way) = ways.pop() {
        let names: Vec<&str> = way.iter().map(String::as_str).collect();
        let listed = enter(root, &names).and_then(|dir| Ok((dir.list()?, dir)));
        let (entries, dir) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                unread.push((way.join("/"), error));
                continue;
            }
        };
        let directories = entries.iter().filter(|entry| entry.is_directory);
        for entry in directories.filter(|entry| safe::is_component(&entry.name)) {
            if way.len() < DEPTH_MAX {
                ways.push([way.as_slice(), std::slice::from_ref(&entry.name)].concat());
            }
        }
        if !walk_files(&*dir, &way, &entries, found) {
            break;
        }
    }
    unread
}

fn walk_files(
    dir: &dyn DiskDir,
    way: &[String],
    entries: &[disk::DirEntry],
    found: &mut dyn FnMut(Option<ArchiveEntry>) -> bool,
) -> bool {
    let manifests = entries.iter().filter(|entry| !entry.is_directory);
    for entry in manifests.filter(|entry| safe::is_component(&entry.name)) {
        let Some(stem) = entry.name.strip_suffix(JSON) else {
            continue;
        };
        if !found(recording(dir, way, stem, &entry.name)) {
            return false;
        }
    }
    true
}

/// What a manifest says, if its audio stands beside it. Where it is decides, not where
/// it says it is: a directory may have been moved as a whole.
fn recording(dir: &dyn DiskDir, way: &[String], stem: &str, name: &str) -> Option<ArchiveEntry> {
    let bytes = read(dir, name).ok()?;
    let manifest = Manifest::from_bytes(&bytes)?;
    let (_, extension) = manifest.file.rsplit_once('.')?;
    let audio = format!("{stem}.{extension}");
    if name == audio || !safe::is_component(&audio) || !matches!(dir.exists(&audio), Ok(true)) {
        return None;
    }
    let mut file = way.join("/");
    if !file.is_empty() {
        file.push('/');
    }
    file.push_str(&audio);
    ArchiveEntry::of_manifest(&manifest, &file)
}
