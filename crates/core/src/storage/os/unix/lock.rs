//! The lock on a directory, and what a forked child does about it.
//!
//! It is an open file description lock (`F_OFD_SETLK`), which belongs to the opened file. A
//! record lock (`F_SETLK`) belongs to the process, and goes as soon as anybody in the process
//! closes any descriptor of the file: a host that reads the lock file would lose it. The two
//! kinds conflict, so a process of version 0.1.0, which takes a record lock, is kept out, and
//! keeps us out. So is another engine of this process, since it opens the file anew; and by
//! the table below, also where somebody has removed the file meanwhile.
//!
//! A forked child inherits the opened file, and could keep the lock when its parent is dead.
//! So the child's fork handler closes what [`take_inherited`] names; nothing is left of it
//! then but the parent's.

use super::super::super::disk::DiskLock;
use super::open_in;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Directories that the engines of one process can hold at the same time.
const HELD_MAX: usize = 4096;

/// A descriptor of a lock file, which file it is, and which directory it locks. Atomics,
/// because the fork handler may wait for no lock.
struct HeldLock {
    taken: AtomicBool,
    descriptor: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
    root: [AtomicU64; 2],
}

static HELD: [HeldLock; HELD_MAX] = [const {
    HeldLock {
        taken: AtomicBool::new(false),
        descriptor: AtomicI32::new(NONE),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
        root: [const { AtomicU64::new(0) }; 2],
    }
}; HELD_MAX];

/// Held by the thread that adds to the table.
static ADDING: TableLock = TableLock::new();

/// A lock that the fork handler opens: its holder may be a thread that the child does not have.
struct TableLock(AtomicBool);

/// Opens the lock when it is dropped.
struct TableGuard<'a>(&'a TableLock);

impl TableLock {
    const fn new() -> TableLock {
        TableLock(AtomicBool::new(false))
    }

    /// `None`: the lock is still held after `time`.
    fn lock_for(&self, time: Duration) -> Option<TableGuard<'_>> {
        let deadline = Instant::now() + time;
        while self.0.swap(true, Ordering::Acquire) {
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::yield_now();
        }
        Some(TableGuard(self))
    }

    fn open(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for TableGuard<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

const NONE: RawFd = -1;

/// No entry behind so many was ever taken.
static USED: AtomicUsize = AtomicUsize::new(0);

fn used() -> &'static [HeldLock] {
    &HELD[..USED.load(Ordering::Acquire)]
}

/// A lock file that a forked child has inherited.
#[derive(Clone, Copy, Debug)]
pub struct InheritedLock {
    /// To be closed, if it is still this file.
    pub descriptor: RawFd,
    pub device: u64,
    pub inode: u64,
}

/// For a fork handler, in the child: the lock files that it has inherited, each once. Takes no
/// lock, allocates nothing, calls nothing.
pub fn take_inherited() -> impl Iterator<Item = InheritedLock> {
    ADDING.open();
    used().iter().filter_map(|held| {
        let descriptor = held.descriptor.swap(NONE, Ordering::AcqRel);
        held.taken.store(false, Ordering::Release);
        (descriptor != NONE).then(|| InheritedLock {
            descriptor,
            device: held.device.load(Ordering::Relaxed),
            inode: held.inode.load(Ordering::Relaxed),
        })
    })
}

/// A place in the table of what a forked child closes.
#[derive(Debug)]
struct Listed(usize);

impl Listed {
    /// `None`: an engine of this process holds the directory.
    fn new(root: BorrowedFd<'_>, file: &File) -> io::Result<Option<Listed>> {
        let [device, inode] = identity(file.as_fd())?;
        let root = identity(root)?;
        let Some(_adding) = ADDING.lock_for(Duration::from_secs(2)) else {
            return Ok(None);
        };
        let taken = |held: &&HeldLock| held.taken.load(Ordering::Acquire);
        let is_held = |held: &HeldLock| held.root.each_ref().map(|part| part.load(Ordering::Relaxed)) == root;
        if used().iter().filter(taken).any(is_held) {
            return Ok(None);
        }
        let at = HELD.iter().position(|held| !taken(&held));
        let at = at.ok_or_else(|| io::Error::other("too many directories are held"))?;
        for (part, value) in HELD[at].root.iter().zip(root) {
            part.store(value, Ordering::Relaxed);
        }
        USED.fetch_max(at + 1, Ordering::AcqRel);
        HELD[at].device.store(device, Ordering::Relaxed);
        HELD[at].inode.store(inode, Ordering::Relaxed);
        HELD[at].descriptor.store(file.as_raw_fd(), Ordering::Release);
        HELD[at].taken.store(true, Ordering::Release);
        Ok(Some(Listed(at)))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        HELD[self.0].descriptor.store(NONE, Ordering::Release);
        HELD[self.0].taken.store(false, Ordering::Release);
    }
}

/// A lock on a directory, held until dropped.
#[derive(Debug)]
pub struct DirLock {
    /// Before the file: what is listed is open.
    _listed: Listed,
    file: File,
}

impl DirLock {
    /// `None`: somebody else holds it.
    pub fn take(root: BorrowedFd<'_>, control: BorrowedFd<'_>, name: &str) -> io::Result<Option<DirLock>> {
        let file = open_in(control, name, OFlag::O_RDWR | OFlag::O_CREAT)?;
        // Listed first, so that no child inherits the lock without knowing of it.
        let Some(listed) = Listed::new(root, &file)? else {
            return Ok(None);
        };
        Ok(lock(&file)?.then_some(DirLock {
            _listed: listed,
            file,
        }))
    }
}

impl DiskLock for DirLock {}

impl Drop for DirLock {
    /// Not by closing alone: a child may have been forked that has not come to its handler.
    fn drop(&mut self) {
        let _ = unlock(&self.file);
    }
}

/// Which file or directory it is.
#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn identity(of: BorrowedFd<'_>) -> io::Result<[u64; 2]> {
    let found = fstat(of)?;
    Ok([found.st_dev as u64, found.st_ino as u64])
}

/// Returns `false` if somebody else holds the lock.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn lock(file: &File) -> io::Result<bool> {
    use nix::fcntl::{FcntlArg, fcntl};
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(Errno::EINVAL) => lock_by_flock(file),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn unlock(file: &File) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, fcntl};
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK))) {
        Err(Errno::EINVAL) => file.unlock(),
        done => Ok(done.map(|_| ())?),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use lock_by_flock as lock;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn unlock(file: &File) -> io::Result<()> {
    file.unlock()
}

/// Where the system has no locks of open file descriptions: `flock`, which belongs to the
/// opened file as well, but need not conflict with the lock of version 0.1.0.
fn lock_by_flock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_closing_another_descriptor_costs_nothing() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let dir = File::open(place.path()).expect("open");
        let take = || DirLock::take(dir.as_fd(), dir.as_fd(), "lock").expect("no error");
        let held = take().expect("free");
        assert!(take().is_none());
        drop(File::open(place.path().join("lock")).expect("there"));
        // As somebody sees it who does not know our table.
        let other = File::options()
            .write(true)
            .open(place.path().join("lock"))
            .expect("there");
        assert!(!lock(&other).expect("no error"));
        std::fs::remove_file(place.path().join("lock")).expect("there");
        assert!(take().is_none());
        drop(held);
        drop(take().expect("free again"));
    }

    /// In a forked child the thread that held the lock does not exist.
    #[test]
    fn a_child_opens_the_lock_that_nobody_is_left_to_open() {
        let lock = TableLock::new();
        let held = lock.lock_for(Duration::ZERO).expect("free");
        assert!(lock.lock_for(Duration::ZERO).is_none());
        std::mem::forget(held);
        lock.open();
        drop(lock.lock_for(Duration::ZERO).expect("opened"));
        drop(lock.lock_for(Duration::ZERO).expect("opened by its holder"));
    }
}
