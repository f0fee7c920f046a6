//! The interface between storage and a disk. [`super::os`] implements it for the operating systems;
//! tests use a simulated disk.
//!
//! Every function may block for as long as the disk does, unless its documentation says otherwise.
//! A caller waits for `DiskAccess::ready` before each call that may block. No function follows a
//! symbolic link in `name`.

use crate::task::Readiness;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A disk, accessed with the rights of this process.
pub trait Disk: Send + Sync {
    /// Opens a storage directory. Creates it and its parents if they do not exist. The path may be
    /// a symbolic link. With `durable`, the new directories are synced as far as the process has
    /// the rights to do so.
    fn open_root(&self, path: &Path, durable: bool) -> io::Result<Box<dyn DiskDir>>;

    /// Identifies the file or directory that `path` names now. The path may be a symbolic link.
    fn file_id_at(&self, path: &Path) -> io::Result<FileId>;

    /// The number of files that the process may have open. Never blocks.
    fn open_files_limit(&self) -> u64;

    /// Announces one call that may block and returns its ticket. [`Disk::poll`] says when to make
    /// the call. The default is for disks whose calls block the calling thread.
    fn begin(&self) -> u64 {
        0
    }

    /// Returns `Ready` when the announced call may be made, or when it has failed. The caller makes
    /// a call that is ready before it waits for anything else.
    fn poll(&self, ticket: u64) -> Readiness<io::Result<()>> {
        let _ = ticket;
        Readiness::Ready(Ok(()))
    }
}

/// Identifies a directory to another directory of the same disk.
pub enum DirRef<'a> {
    #[cfg(unix)]
    Descriptor(std::os::fd::BorrowedFd<'a>),
    #[cfg(windows)]
    Path(&'a Path),
    /// A directory of a simulated disk.
    Number(u64, std::marker::PhantomData<&'a ()>),
}

/// An open directory. `name` is an entry of it and contains no separator.
pub trait DiskDir: Send + Sync {
    /// Refers to this directory in a call on another one. Never blocks.
    fn dir_ref(&self) -> DirRef<'_>;

    /// Identifies the directory, even if it has been renamed.
    fn file_id(&self) -> io::Result<FileId>;

    /// Opens a second handle of this directory. Never blocks.
    fn try_clone(&self) -> io::Result<Box<dyn DiskDir>>;

    /// Opens the directory `name`. Fails if `name` is a symbolic link.
    fn open_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>>;

    /// Opens the directory `name`, and creates it if it does not exist.
    fn open_or_create_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>>;

    /// Creates a file for reading and writing. Fails with `AlreadyExists` if `name` exists.
    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Like `create_new`. On disks with users, only the owner may read the file.
    fn create_private(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.create_new(name)
    }

    /// Opens an existing file for reading and writing.
    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a regular file. Fails with `InvalidInput` for any other kind of file.
    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    fn exists(&self, name: &str) -> io::Result<bool>;

    /// Identifies the file or directory `name`. Does not follow a symbolic link.
    fn file_id_of(&self, name: &str) -> io::Result<FileId>;

    /// Renames, and replaces `to` if it exists.
    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()>;

    /// Renames without replacing an existing entry. Fails with `AlreadyExists` if `to` exists, and
    /// with `Unsupported` if the disk cannot rename exclusively.
    fn rename_exclusive(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()>;

    /// Creates a hard link. Fails with `AlreadyExists` if `to` exists.
    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_dir(&self, name: &str) -> io::Result<()>;

    /// Lists the directory's entries in any order.
    fn list(&self) -> io::Result<Vec<DirEntry>>;

    /// Syncs the directory's entries.
    fn sync(&self) -> io::Result<()>;

    /// The free space in bytes, as available to an ordinary user.
    fn free_bytes(&self) -> io::Result<u64>;

    /// The owner of the open directory. Never blocks.
    fn owner(&self) -> io::Result<FileOwner>;

    /// Locks this directory against other engines and processes, with the file `name` in `control`.
    /// Returns `None` if another holder has the lock. Dropping the lock releases it.
    fn lock(&self, control: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Reads at most the buffer's length and returns the number of bytes read; 0 at the end of the
    /// file. A signal does not make it fail.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    fn length(&self) -> io::Result<u64>;

    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Syncs the file's bytes and its length.
    fn sync(&self) -> io::Result<()>;

    /// Identifies the file while it is open. Never blocks.
    fn file_id(&self) -> io::Result<FileId>;

    /// The owner of the open file. Never blocks.
    fn owner(&self) -> io::Result<FileOwner>;

    /// The number of hard links.
    fn links(&self) -> io::Result<u64>;

    /// The time of the last write, if the system provides it. Never blocks.
    fn modified(&self) -> Option<SystemTime>;
}

/// A directory lock. Dropping it releases the lock.
pub trait DiskLock: Send + Sync {}

/// Device and inode of a file or directory. Two names of the same file have equal ids.
pub type FileId = (u64, u64);

/// The owner of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOwner {
    pub id: u32,
    /// The owner is this process's user, or root.
    pub is_own: bool,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Entries whose names are not UTF-8 are never callrec's and are not listed.
    pub name: String,
    pub is_directory: bool,
}

/// Whether a disk operation is worth retrying after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    Permanent,
    /// An error of the medium, which may occur only once.
    Medium,
    /// A shortage of a resource that others may release soon.
    Temporary,
    /// Another process has the file open, and does not allow the operation meanwhile.
    Held,
}
