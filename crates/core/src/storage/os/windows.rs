//! Windows: by paths, each part of which is checked not to be a link.

use super::{Entry, Outlook, outlook_of};
use crate::sync::{StaticMutex, thread};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const SHARE_READ_WRITE_DELETE: u32 = 0x7;
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
const ATTRIBUTE_REPARSE_POINT: u32 = 0x400;

#[derive(Debug)]
pub struct Dir {
    path: PathBuf,
}

impl Dir {
    pub fn open_root(path: &Path) -> io::Result<Dir> {
        fs::create_dir_all(path)?;
        Ok(Dir {
            path: path.canonicalize()?,
        })
    }

    pub fn again(&self) -> io::Result<Dir> {
        Ok(Dir {
            path: self.path.clone(),
        })
    }

    pub fn sub(&self, name: &str) -> io::Result<Dir> {
        let path = self.path.join(name);
        let found = fs::symlink_metadata(&path)?;
        if !found.is_dir() || found.file_attributes() & ATTRIBUTE_REPARSE_POINT != 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "not a directory, or a link",
            ));
        }
        Ok(Dir { path })
    }

    pub fn sub_or_new(&self, name: &str) -> io::Result<Dir> {
        match fs::create_dir(self.path.join(name)) {
            Ok(()) => self.sub(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.sub(name),
            Err(error) => Err(error),
        }
    }

    /// To be asked about.
    pub fn as_file(&self) -> io::Result<File> {
        const BACKUP_SEMANTICS: u32 = 0x0200_0000;
        OpenOptions::new()
            .read(true)
            .custom_flags(BACKUP_SEMANTICS)
            .open(&self.path)
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .share_mode(SHARE_READ_WRITE_DELETE)
            .custom_flags(OPEN_REPARSE_POINT);
        options
    }

    pub fn create_new(&self, name: &str) -> io::Result<File> {
        Self::options()
            .write(true)
            .create_new(true)
            .open(self.path.join(name))
    }

    pub fn open_write(&self, name: &str) -> io::Result<File> {
        let file = Self::options().write(true).open(self.path.join(name))?;
        regular(file)
    }

    pub fn open_read(&self, name: &str) -> io::Result<File> {
        regular(Self::options().open(self.path.join(name))?)
    }

    pub fn exists(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn rename_over(&self, from: &str, to_dir: &Dir, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), to_dir.path.join(to))
    }

    /// The standard library cannot.
    pub fn rename_exclusive(&self, _: &str, _: &Dir, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn link(&self, from: &str, to_dir: &Dir, to: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(from), to_dir.path.join(to))
    }

    /// What has the name, as far as the standard library can tell: an empty file of
    /// another instant is another one.
    pub fn identity_of(&self, name: &str) -> io::Result<(u64, u64)> {
        let found = fs::symlink_metadata(self.path.join(name))?;
        Ok((found.file_size(), found.creation_time()))
    }

    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                let is_directory = entry.file_type()?.is_dir();
                entries.push(Entry { name, is_directory });
            }
        }
        Ok(entries)
    }

    /// NTFS journals its directories itself.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The standard library cannot ask; unlimited means that recordings start and
    /// a full disk shows itself as a write error.
    pub fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

/// See [`Dir::identity_of`].
pub fn identity(file: &File) -> io::Result<(u64, u64)> {
    let found = file.metadata()?;
    Ok((found.file_size(), found.creation_time()))
}

/// The standard library knows no owners and does not count names.
pub fn owner(_: &File) -> io::Result<u32> {
    Ok(0)
}

pub fn is_own(_: u32) -> bool {
    true
}

pub fn links(_: &File) -> io::Result<u64> {
    Ok(1)
}

/// Whether it may be that only this way of doing it is refused.
pub fn is_unsupported(error: &io::Error) -> bool {
    const INVALID_FUNCTION: i32 = 1;
    const ACCESS_DENIED: i32 = 5;
    const NOT_SUPPORTED: i32 = 50;
    const INVALID_PARAMETER: i32 = 87;
    const TOO_MANY_LINKS: i32 = 1142;
    match error.raw_os_error() {
        Some(INVALID_FUNCTION | ACCESS_DENIED | NOT_SUPPORTED | INVALID_PARAMETER | TOO_MANY_LINKS) => true,
        _ => error.kind() == io::ErrorKind::Unsupported,
    }
}

fn regular(file: File) -> io::Result<File> {
    let found = file.metadata()?;
    if found.is_file() && found.file_attributes() & ATTRIBUTE_REPARSE_POINT == 0 {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

pub fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek_read(bytes, at)
}

/// Links are refused as `NotADirectory` and `InvalidInput` here.
pub fn is_odd(_: &io::Error) -> bool {
    false
}

pub fn outlook(error: &io::Error) -> Outlook {
    const TOO_MANY_OPEN_FILES: i32 = 4;
    const CRC: i32 = 23;
    const SHARING_VIOLATION: i32 = 32;
    const LOCK_VIOLATION: i32 = 33;
    const IO_DEVICE: i32 = 1117;
    match error.raw_os_error() {
        Some(CRC | IO_DEVICE) => Outlook::Brief,
        Some(TOO_MANY_OPEN_FILES | SHARING_VIOLATION | LOCK_VIOLATION) => Outlook::Passing,
        _ => outlook_of(error.kind()),
    }
}

/// Handles are not limited by a number that one could ask for.
pub fn open_files_limit() -> u64 {
    16_384
}

/// Directories that engines of this process hold.
static HELD: StaticMutex<Vec<PathBuf>> = StaticMutex::new(Vec::new());

#[derive(Debug)]
pub struct DirLock {
    key: PathBuf,
    file: Option<File>,
}

impl DirLock {
    pub fn take(dir: &Dir, control: &Dir, name: &str) -> io::Result<Option<DirLock>> {
        let key = dir.path.clone();
        let mut held = HELD.lock();
        if held.contains(&key) {
            return Ok(None);
        }
        let file = Dir::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(control.path.join(name))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        held.push(key.clone());
        Ok(Some(DirLock {
            key,
            file: Some(file),
        }))
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        let mut held = HELD.lock();
        drop(self.file.take());
        held.retain(|key| *key != self.key);
    }
}

/// There are no signals to keep away.
pub fn spawn<F>(name: &str, body: F) -> io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
