//! Windows: operations use paths, and each component is checked not to be a link.

use super::super::disk::{
    DirEntry, DirRef, Disk, DiskDir, DiskFile, DiskLock, ErrorClass, FileId, FileOwner,
};
use super::{class_of_kind, spawn_started};
use crate::sync::{StaticMutex, thread};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const SHARE_READ_WRITE_DELETE: u32 = 0x7;
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
const ATTRIBUTE_REPARSE_POINT: u32 = 0x400;

/// The disks of this system.
#[derive(Debug)]
pub struct WindowsDisk;

impl Disk for WindowsDisk {
    /// NTFS journals its directories itself.
    fn open_root(&self, path: &Path, _: bool) -> io::Result<Box<dyn DiskDir>> {
        fs::create_dir_all(path)?;
        opened(path.canonicalize()?)
    }

    fn file_id_at(&self, path: &Path) -> io::Result<FileId> {
        directory_identity(path)
    }

    fn open_files_limit(&self) -> u64 {
        open_files_limit()
    }
}

#[derive(Debug)]
struct WindowsDir {
    path: PathBuf,
}

fn opened(path: PathBuf) -> io::Result<Box<dyn DiskDir>> {
    Ok(Box::new(WindowsDir { path }))
}

fn path_of(dir: &dyn DiskDir) -> io::Result<&Path> {
    match dir.dir_ref() {
        DirRef::Path(path) => Ok(path),
        DirRef::Number(..) => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .share_mode(SHARE_READ_WRITE_DELETE)
        .custom_flags(OPEN_REPARSE_POINT);
    options
}

impl DiskDir for WindowsDir {
    fn dir_ref(&self) -> DirRef<'_> {
        DirRef::Path(&self.path)
    }

    /// Identifies the directory that the path names now. Windows does not rename a directory that
    /// contains an open file, and the lock file is always open.
    fn file_id(&self) -> io::Result<FileId> {
        directory_identity(&self.path)
    }

    fn try_clone(&self) -> io::Result<Box<dyn DiskDir>> {
        opened(self.path.clone())
    }

    fn open_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        let path = self.path.join(name);
        let found = fs::symlink_metadata(&path)?;
        if !found.is_dir() || found.file_attributes() & ATTRIBUTE_REPARSE_POINT != 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "not a directory, or a link",
            ));
        }
        opened(path)
    }

    fn open_or_create_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        match fs::create_dir(self.path.join(name)) {
            Ok(()) => self.open_dir(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open_dir(name),
            Err(error) => Err(error),
        }
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = options();
        let file = options.write(true).create_new(true).open(self.path.join(name))?;
        Ok(super::file(file))
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        regular(options().write(true).open(self.path.join(name))?)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        regular(options().open(self.path.join(name))?)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The standard library provides no file id: size and creation time are used.
    fn file_id_of(&self, name: &str) -> io::Result<FileId> {
        let found = fs::symlink_metadata(self.path.join(name))?;
        Ok((found.file_size(), found.creation_time()))
    }

    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), path_of(to_dir)?.join(to))
    }

    /// The standard library does not support it.
    fn rename_exclusive(&self, _: &str, _: &dyn DiskDir, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(from), path_of(to_dir)?.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn remove_dir(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                let is_directory = entry.file_type()?.is_dir();
                entries.push(DirEntry { name, is_directory });
            }
        }
        Ok(entries)
    }

    /// NTFS journals its directories itself.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The standard library cannot query it. With an unlimited value, recordings start, and a full
    /// disk causes a write error.
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(OWNER)
    }

    fn lock(&self, control: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        let lock = WindowsDirLock::take(&self.path, path_of(control)?, name)?;
        Ok(lock.map(|lock| Box::new(lock) as Box<dyn DiskLock>))
    }
}

/// The standard library provides no directory id: the creation time is used.
fn directory_identity(path: &Path) -> io::Result<FileId> {
    Ok((0, fs::metadata(path)?.creation_time()))
}

/// The standard library provides no owners.
const OWNER: FileOwner = FileOwner { id: 0, is_own: true };

/// An open file.
#[derive(Debug)]
pub struct WindowsFile(File);

impl WindowsFile {
    pub fn new(file: File) -> WindowsFile {
        WindowsFile(file)
    }
}

impl DiskFile for WindowsFile {
    fn write_all_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.seek_write(bytes, at) {
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

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        super::uninterrupted(|| self.0.seek_read(buffer, at))
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    /// See [`DiskDir::file_id_of`].
    fn file_id(&self) -> io::Result<FileId> {
        let found = self.0.metadata()?;
        Ok((found.file_size(), found.creation_time()))
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(OWNER)
    }

    /// The standard library does not count hard links.
    fn links(&self) -> io::Result<u64> {
        Ok(1)
    }

    fn modified(&self) -> Option<SystemTime> {
        self.0.metadata().ok()?.modified().ok()
    }
}

/// Whether the error may mean that the file system does not support the operation.
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

fn regular(file: File) -> io::Result<Box<dyn DiskFile>> {
    let found = file.metadata()?;
    if found.is_file() && found.file_attributes() & ATTRIBUTE_REPARSE_POINT == 0 {
        Ok(super::file(file))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// On Windows, links are refused with `NotADirectory` and `InvalidInput`.
pub fn is_special_file(_: &io::Error) -> bool {
    false
}

pub fn classify(error: &io::Error) -> ErrorClass {
    const TOO_MANY_OPEN_FILES: i32 = 4;
    const CRC: i32 = 23;
    const SHARING_VIOLATION: i32 = 32;
    const LOCK_VIOLATION: i32 = 33;
    const IO_DEVICE: i32 = 1117;
    match error.raw_os_error() {
        Some(CRC | IO_DEVICE) => ErrorClass::Medium,
        Some(TOO_MANY_OPEN_FILES | SHARING_VIOLATION | LOCK_VIOLATION) => ErrorClass::Temporary,
        _ => class_of_kind(error.kind()),
    }
}

/// Windows has no limit on handles that can be queried.
pub fn open_files_limit() -> u64 {
    16_384
}

/// The directories that engines of this process have locked.
static HELD: StaticMutex<Vec<PathBuf>> = StaticMutex::new(Vec::new());

#[derive(Debug)]
struct WindowsDirLock {
    key: PathBuf,
    file: Option<File>,
}

impl WindowsDirLock {
    fn take(dir: &Path, control: &Path, name: &str) -> io::Result<Option<WindowsDirLock>> {
        let key = dir.to_owned();
        let mut held = HELD.lock();
        if held.contains(&key) {
            return Ok(None);
        }
        let file = options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(control.join(name))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        held.push(key.clone());
        Ok(Some(WindowsDirLock {
            key,
            file: Some(file),
        }))
    }
}

impl DiskLock for WindowsDirLock {}

impl Drop for WindowsDirLock {
    fn drop(&mut self) {
        let mut held = HELD.lock();
        drop(self.file.take());
        held.retain(|key| *key != self.key);
    }
}

/// Windows has no signals to block.
pub fn spawn<F>(name: &str, body: F) -> io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    spawn_started(name, body)
}
