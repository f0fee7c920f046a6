//! Finds a recording's audio by the names in its manifest and by the id in its header.

use super::activity::Activity;
use super::directory::StorageDirectory;
use super::faults::FaultPoint;
use super::file_suffixes::{JSON, NUMBERS_MAX, split_audio, split_part};
use super::files::{self, found_or_none};
use super::listener::{LOG_WARNING, StorageListener};
use super::manifest::Manifest;
use super::name::RecordingName;
use super::orphan_audio::{OrphanAudio, writer_of};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use uuid::Uuid;

/// The maximum depth of directories that a search enters.
const DEPTH_MAX: usize = 16;

/// Searches for audio files of an earlier process.
pub struct AudioSearch {
    pub directory: Arc<StorageDirectory>,
    pub activity: Arc<Activity>,
    pub listener: Arc<dyn StorageListener>,
}

/// The result of one scan of the directory, shared by all recordings that are searched for.
#[derive(Default)]
pub struct PartFileScan {
    /// Name and suffix of the published file, by recording. `None` before the scan.
    found: Option<HashMap<Uuid, (RecordingName, String)>>,
    unreadable: usize,
}

impl AudioSearch {
    /// Finds the recording's audio by the names in its manifest: in progress, or published under
    /// that name with or without a number.
    pub async fn find(&self, id: Uuid, part: &str, file: &str) -> io::Result<Option<OrphanAudio>> {
        let part_name = split_part(part);
        if let Some((name, suffix)) = &part_name {
            let orphan = OrphanAudio::open(&self.directory, id, name, suffix, true, true).await?;
            if orphan.is_some() {
                return Ok(orphan);
            }
        }
        for (name, suffix) in [split_audio(file), part_name].into_iter().flatten() {
            if let Some(orphan) = self.find_published(id, &name, &suffix).await? {
                return Ok(Some(orphan));
            }
        }
        Ok(None)
    }

    /// Finds the recording's published audio under that name, with or without a number.
    pub async fn find_published(
        &self,
        id: Uuid,
        name: &RecordingName,
        suffix: &str,
    ) -> io::Result<Option<OrphanAudio>> {
        for number in 1..=NUMBERS_MAX {
            let numbered = name.numbered(number);
            let orphan = OrphanAudio::open(&self.directory, id, &numbered, suffix, false, false).await?;
            if orphan.is_some() {
                return Ok(orphan);
            }
            let Some(folder) = found_or_none(self.directory.folder(name).await)? else {
                return Ok(None);
            };
            let stem = name.stem(number);
            self.directory.ready().await?;
            if folder.exists(&format!("{stem}{suffix}"))? {
                continue;
            }
            self.directory.ready().await?;
            if !folder.exists(&format!("{stem}{JSON}"))? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Finds the recording's published manifest under that name, with or without a number.
    pub async fn find_manifest(&self, id: Uuid, part: &str, file: &str) -> io::Result<Option<Manifest>> {
        for (name, _) in [split_audio(file), split_part(part)].into_iter().flatten() {
            let Some(folder) = found_or_none(self.directory.folder(&name).await)? else {
                continue;
            };
            let access = self.directory.access();
            for number in 1..=NUMBERS_MAX {
                let json = format!("{}{JSON}", name.stem(number));
                let Some(found) = found_or_none(files::open(access, &*folder, &json).await)?.flatten() else {
                    break;
                };
                let manifest = Manifest::from_bytes(&files::read_all(access, found).await?);
                if let Some(manifest) = manifest.filter(|found| found.id == id.as_hyphenated().to_string()) {
                    return Ok(Some(manifest));
                }
            }
        }
        Ok(None)
    }

    /// Searches the whole directory for audio in progress with this id in its header.
    pub async fn find_anywhere(&self, id: Uuid, scan: &mut PartFileScan) -> io::Result<Option<OrphanAudio>> {
        if scan.found.is_none() {
            scan.found = Some(self.walk(&mut scan.unreadable).await?);
        }
        let found = scan.found.as_ref().and_then(|found| found.get(&id));
        let orphan = match found {
            Some((name, suffix)) => OrphanAudio::open(&self.directory, id, name, suffix, true, false).await?,
            None => None,
        };
        if orphan.is_none() && scan.unreadable > 0 {
            let why = format!(
                "{} files or directories that may contain its audio cannot be read",
                scan.unreadable
            );
            return Err(io::Error::other(why));
        }
        Ok(orphan)
    }

    /// Scans the directory for audio in progress, by recording. Unreadable entries are skipped, and
    /// counted in `unreadable` if they may be callrec's.
    async fn walk(&self, unreadable: &mut usize) -> io::Result<HashMap<Uuid, (RecordingName, String)>> {
        let mut found = HashMap::new();
        let mut pending: Vec<Vec<String>> = vec![Vec::new()];
        while let Some(dirs) = pending.pop() {
            if self.activity.is_shutting_down() {
                return Err(closing_error());
            }
            let listed = self.directory.list(&dirs).await;
            for entry in self.log_skipped(&dirs, listed, unreadable).unwrap_or_default() {
                let mut path = dirs.clone();
                path.push(entry.name);
                if entry.is_directory {
                    if path.len() <= DEPTH_MAX && !path.last().is_some_and(|name| name.starts_with('.')) {
                        pending.push(path);
                    }
                } else if let Some((name, suffix)) = split_part(&path.join("/")) {
                    let writer = match self.directory.reach(FaultPoint::Search).await {
                        Ok(()) => writer_of(&self.directory, &name, &suffix).await,
                        Err(error) => Err(error),
                    };
                    if let Some(id) = self.log_skipped(&path, writer, unreadable).flatten() {
                        found.insert(id, (name, suffix));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Returns `None` and logs an error for an unreadable entry.
    fn log_skipped<T>(&self, dirs: &[String], looked: io::Result<T>, unreadable: &mut usize) -> Option<T> {
        looked
            .map_err(|error| {
                // callrec has the right to read its own files.
                *unreadable += usize::from(error.kind() != io::ErrorKind::PermissionDenied);
                let message = format!(
                    "recovery skips \"{}\" in storage.directory, because it cannot be read: {error}",
                    dirs.join("/")
                );
                self.listener.log(LOG_WARNING, message);
            })
            .ok()
    }
}

/// The error for work that is left to the next open because the engine closes.
pub fn closing_error() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "closing")
}
