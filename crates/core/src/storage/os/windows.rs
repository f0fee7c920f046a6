//! Windows: operations use paths, and each component is checked not to be a link.

mod calls;
mod file;
mod lock;

use super::super::disk::{
    DirEntry, DirRef, Disk, DiskDir, DiskFile, DiskLock, ErrorClass, FileId, FileOwner,
};
use super::windows_codes::{ACCESS_DENIED, class_of_code, may_be_held, may_be_unsupported};
use super::{class_of_kind, spawn_started};
use crate::sync::thread;
pub use calls::WindowsCalls;
pub use file::WindowsFile;
use file::{OWNER, identity};
use lock::WindowsDirLock;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SHARE_READ_WRITE_DELETE: u32 = 0x7;
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Without it, a directory cannot be opened.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
const ATTRIBUTE_REPARSE_POINT: u32 = 0x400;

/// How often, and at which interval, a call is repeated while another process holds the file.
const TRIES: usize = 10;
const TRY_INTERVAL: Duration = Duration::from_millis(10);

/// The disks of this system.
#[derive(Debug)]
pub struct WindowsDisk {
    calls: WindowsCalls,
}

impl WindowsDisk {
    pub fn new(calls: WindowsCalls) -> WindowsDisk {
        WindowsDisk { calls }
    }
}

/// Without the calls that the C ABI provides.
pub fn system_disk() -> WindowsDisk {
    WindowsDisk::new(WindowsCalls::default())
}

impl Disk for WindowsDisk {
    /// NTFS journals its directories itself. A canonical path begins with `\\\\?\\`, with which paths
    /// may be long; some drivers cannot provide it.
    fn open_root(&self, path: &Path, _: bool) -> io::Result<Box<dyn DiskDir>> {
        fs::create_dir_all(path)?;
        let path = path.canonicalize().or_else(|_| std::path::absolute(path))?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        opened(path, self.calls)
    }

    fn file_id_at(&self, path: &Path) -> io::Result<FileId> {
        id_of_path(path, 0)
    }

    fn open_files_limit(&self) -> u64 {
        open_files_limit()
    }
}

#[derive(Debug)]
struct WindowsDir {
    path: PathBuf,
    calls: WindowsCalls,
}

fn opened(path: PathBuf, calls: WindowsCalls) -> io::Result<Box<dyn DiskDir>> {
    Ok(Box::new(WindowsDir { path, calls }))
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
        id_of_path(&self.path, 0)
    }

    fn try_clone(&self) -> io::Result<Box<dyn DiskDir>> {
        opened(self.path.clone(), self.calls)
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
        opened(path, self.calls)
    }

    fn open_or_create_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        match fs::create_dir(self.path.join(name)) {
            Ok(()) => self.open_dir(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open_dir(name),
            Err(error) => Err(error),
        }
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(super::file(
            self.open(name, options().write(true).create_new(true))?,
        ))
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        regular(self.open(name, options().write(true))?)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        regular(self.open(name, &mut options())?)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn file_id_of(&self, name: &str) -> io::Result<FileId> {
        id_of_path(&self.path.join(name), OPEN_REPARSE_POINT)
    }

    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        let (from, to) = (self.path.join(from), path_of(to_dir)?.join(to));
        patiently(|| fs::rename(&from, &to)).map_err(|error| held_if_there(error, &to))
    }

    fn rename_exclusive(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        let (from, to) = (self.path.join(from), path_of(to_dir)?.join(to));
        patiently(|| (self.calls.rename_exclusive)(&from, &to))
    }

    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        let (from, to) = (self.path.join(from), path_of(to_dir)?.join(to));
        patiently(|| fs::hard_link(&from, &to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path.join(name);
        patiently(|| fs::remove_file(&path)).map_err(|error| held_if_there(error, &path))
    }

    fn remove_dir(&self, name: &str) -> io::Result<()> {
        let path = self.path.join(name);
        patiently(|| fs::remove_dir(&path))
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

    fn free_bytes(&self) -> io::Result<u64> {
        (self.calls.free_bytes)(&self.path)
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(OWNER)
    }

    fn lock(&self, control: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        let lock = WindowsDirLock::take(&self.path, path_of(control)?, name)?;
        Ok(lock.map(|lock| Box::new(lock) as Box<dyn DiskLock>))
    }
}

impl WindowsDir {
    fn open(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        let path = self.path.join(name);
        patiently(|| options.open(&path)).map_err(|error| held_if_vanishing(error, &path))
    }
}

/// Repeats a call for a short time while another process, usually a virus scanner, has the file
/// open without sharing it. Until the last handle of a removed file is closed, access to its name
/// is denied.
fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..TRIES {
        match call() {
            Err(error) if is_held(&error) => thread::sleep(TRY_INTERVAL),
            done => return done,
        }
    }
    call()
}

fn is_held(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(may_be_held)
}

/// Replacing or removing a file that another process has open is denied, as without the right to do
/// it. Where the file is there, callrec has written it, so it had the right.
fn held_if_there(error: io::Error, path: &Path) -> io::Error {
    let is_there =
        || !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound);
    match error.raw_os_error() == Some(ACCESS_DENIED) && is_there() {
        true => held(&error),
        false => error,
    }
}

/// A removed file whose handle another process has is still in its directory, and nobody may open it.
fn held_if_vanishing(error: io::Error, path: &Path) -> io::Error {
    let is_denied = |error: &io::Error| error.raw_os_error() == Some(ACCESS_DENIED);
    match is_denied(&error) && fs::symlink_metadata(path).is_err_and(|error| is_denied(&error)) {
        true => held(&error),
        false => error,
    }
}

fn held(error: &io::Error) -> io::Error {
    let message = format!("another process may have the file open: {error}");
    io::Error::new(io::ErrorKind::ResourceBusy, message)
}

/// Identifies what a path names. Needs no rights on it.
fn id_of_path(path: &Path, flags: u32) -> io::Result<FileId> {
    let mut options = OpenOptions::new();
    options
        .access_mode(0)
        .share_mode(SHARE_READ_WRITE_DELETE)
        .custom_flags(BACKUP_SEMANTICS | flags);
    Ok(identity(&patiently(|| options.open(path))?)?.id)
}

/// Whether the error may mean that the file system does not support the operation.
pub fn is_unsupported(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) => may_be_unsupported(code),
        None => error.kind() == io::ErrorKind::Unsupported,
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
    let known = error.raw_os_error().and_then(class_of_code);
    known.unwrap_or_else(|| class_of_kind(error.kind()))
}

/// Windows has no limit on handles that can be queried.
pub fn open_files_limit() -> u64 {
    16_384
}

/// Windows has no signals to block.
pub fn spawn<F>(name: &str, body: F) -> io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    spawn_started(name, body)
}
