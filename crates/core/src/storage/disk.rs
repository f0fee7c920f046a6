//! What storage asks of a disk. One implementation is in production ([`super::os`], where
//! operating systems differ); tests bring a simulated one.
//!
//! Every function may block for as long as the disk does, unless it says otherwise. Whoever
//! takes steps waits for a turn (`Steps::turn`) before each call of one that may. Nothing of a
//! name is ever followed through a link.

use crate::task::Readiness;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A disk, and the process's rights on it.
pub trait Disk: Send + Sync {
    /// Opens a storage directory, made with all its parents where it is not there. The
    /// directory itself may be a link. `durable`: a power cut is not to undo the making, as far
    /// as the process may see to that.
    fn open_root(&self, path: &Path, durable: bool) -> io::Result<Box<dyn DiskDir>>;

    /// What a path names now. It may be a link, as in [`Disk::open_root`].
    fn identity_at(&self, path: &Path) -> io::Result<Identity>;

    /// How many files the process may have open. Never blocks.
    fn open_files_limit(&self) -> u64;

    /// Announces one call that may block; [`Disk::poll`] says when to make it. A disk whose
    /// calls block the thread that makes them has nothing to say.
    fn begin(&self) -> u64 {
        0
    }

    /// Whether the announced call may be made now, or has failed. Once it may, it is made
    /// before anything else is waited for.
    fn poll(&self, ticket: u64) -> Readiness<io::Result<()>> {
        let _ = ticket;
        Readiness::Ready(Ok(()))
    }
}

/// How one directory of a disk names itself to another one of the same disk.
pub enum DirPlace<'a> {
    #[cfg(unix)]
    Descriptor(std::os::fd::BorrowedFd<'a>),
    #[cfg(windows)]
    Path(&'a Path),
    /// Of a disk that is not the system's.
    Number(u64, std::marker::PhantomData<&'a ()>),
}

/// An open directory. `name` is always that of an entry in it, without a separator.
pub trait DiskDir: Send + Sync {
    /// Never blocks.
    fn place(&self) -> DirPlace<'_>;

    /// Which directory it is, whatever it is called by now.
    fn identity(&self) -> io::Result<Identity>;

    /// The same directory once more. Never blocks.
    fn again(&self) -> io::Result<Box<dyn DiskDir>>;

    /// Opens the directory `name` in this one, if it is none behind a link.
    fn sub(&self, name: &str) -> io::Result<Box<dyn DiskDir>>;

    /// The same, made where it is not there.
    fn sub_or_new(&self, name: &str) -> io::Result<Box<dyn DiskDir>>;

    /// Makes a file that was not there, for reading and writing.
    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// The same. Where the disk knows users, no other one may read it.
    fn create_private(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.create_new(name)
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a regular file; a pipe or a device is none.
    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    fn exists(&self, name: &str) -> io::Result<bool>;

    /// What has the name, unless that is a link.
    fn identity_of(&self, name: &str) -> io::Result<Identity>;

    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()>;

    /// Renames, but never over something: then `AlreadyExists`. `Unsupported` where the
    /// disk cannot.
    fn rename_exclusive(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()>;

    /// A second name; `AlreadyExists` if it is taken.
    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Removes an empty directory.
    fn remove_folder(&self, name: &str) -> io::Result<()>;

    fn list(&self) -> io::Result<Vec<DirEntry>>;

    /// Brings the names in it to the disk.
    fn sync(&self) -> io::Result<()>;

    /// Bytes that an ordinary user may still write here.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Never blocks: the system knows it of what is open.
    fn owner(&self) -> io::Result<Owner>;

    /// Locks this directory against other engines and processes, by the file `name` in
    /// `control`. `None`: somebody else holds it. Dropping the lock releases it.
    fn lock(&self, control: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Reads up to the buffer's length, perhaps less; 0 at the end of the file. Never fails
    /// because of a signal.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    fn length(&self) -> io::Result<u64>;

    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Brings its bytes and its length to the disk.
    fn sync(&self) -> io::Result<()>;

    /// Which file it is, as long as it is open. Never blocks.
    fn identity(&self) -> io::Result<Identity>;

    /// Never blocks.
    fn owner(&self) -> io::Result<Owner>;

    /// How many names it has.
    fn links(&self) -> io::Result<u64>;

    /// When it was last written to, if the system says. Never blocks.
    fn modified(&self) -> Option<SystemTime>;
}

/// Held on a directory until it is dropped.
pub trait DiskLock: Send + Sync {}

/// Which file or directory something is: equal for two names of the same one.
pub type Identity = (u64, u64);

/// Whom a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub id: u32,
    /// This process's user, or root, who needs no trick.
    pub is_own: bool,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Names that are not UTF-8 are none of ours and never listed.
    pub name: String,
    pub is_directory: bool,
}

/// What may be hoped for after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    Lasting,
    /// The medium refused, perhaps once.
    Brief,
    /// Something ran short that others give back.
    Passing,
}
