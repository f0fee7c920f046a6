//! Identifies the directory of a recording that is being deleted, to a later process.
//!
//! If neither the recording nor its directory is found, nobody knows whether its files are gone: the directory may be
//! on a disk that is not mounted, where an empty directory may take its place.

use super::directory::StorageDirectory;
use super::disk::FileId;
use super::files::found_or_none;
use super::safe_name;
use serde::{Deserialize, Serialize};
use std::io;

/// The maximum depth of directories that a search enters, as that of the archive's scan.
const DEPTH_MAX: usize = 16;

/// A directory. The number of a device may change when it is mounted again, the inode does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedDirectory {
    inode: u64,
    /// Whether it is on another device than the storage directory.
    mounted: bool,
}

impl NotedDirectory {
    pub fn new((device, inode): FileId, directory: &StorageDirectory) -> NotedDirectory {
        NotedDirectory {
            inode,
            mounted: device != directory.root_id().0,
        }
    }

    /// As a part of a file's name.
    pub fn to_name(self) -> String {
        let kind = if self.mounted { "m" } else { "d" };
        format!("{kind}{:x}", self.inode)
    }

    pub fn from_name(name: &str) -> Option<NotedDirectory> {
        let (kind, inode) = name.split_at_checked(1)?;
        Some(NotedDirectory {
            inode: u64::from_str_radix(inode, 16).ok()?,
            mounted: kind == "m",
        })
    }

    /// Searches the storage directory for this directory. Returns its path from there.
    pub async fn find(self, directory: &StorageDirectory) -> io::Result<Option<Vec<String>>> {
        let mut pending: Vec<Vec<String>> = vec![Vec::new()];
        while let Some(dirs) = pending.pop() {
            let Some(folder) = found_or_none(directory.open_path(&dirs).await)? else {
                continue;
            };
            directory.ready().await?;
            if NotedDirectory::new(folder.file_id()?, directory) == self {
                return Ok(Some(dirs));
            }
            if dirs.len() == DEPTH_MAX {
                continue;
            }
            directory.ready().await?;
            let folders = folder.list()?.into_iter().filter(|entry| entry.is_directory);
            let folders = folders.filter(|entry| safe_name::is_component(&entry.name));
            pending.extend(folders.map(|entry| [dirs.clone(), vec![entry.name]].concat()));
        }
        Ok(None)
    }
}

/// The error while it is not found.
pub fn not_found(file: &str) -> io::Error {
    let message = match file {
        "" => "its directory is not there: mount it, or move it back".to_owned(),
        file => format!("the directory of \"{file}\" is not there: mount it, or move it back"),
    };
    io::Error::new(io::ErrorKind::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_identifies_a_directory() {
        for (inode, mounted) in [(0, false), (7, true), (u64::MAX, false)] {
            let noted = NotedDirectory { inode, mounted };
            assert_eq!(NotedDirectory::from_name(&noted.to_name()), Some(noted));
        }
        assert_eq!(["", "d", "m-1", "é"].map(NotedDirectory::from_name), [None; 4]);
    }
}
