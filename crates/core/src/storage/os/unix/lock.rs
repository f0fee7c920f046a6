//! The directory lock, and its release in a forked child.
//!
//! The lock is an open file description lock (`F_OFD_SETLK`), which belongs to the open file. A
//! record lock (`F_SETLK`) belongs to the process and is lost as soon as any descriptor of the file
//! is closed: a host that reads the lock file would lose the lock. The two kinds conflict, so
//! callrec and a process of version 0.1.0, which takes a record lock, exclude each other. The lock
//! also excludes another engine of this process, which opens the file separately. The table below
//! does so even if the file has been removed.
//!
//! A forked child inherits the open file and would keep the lock after its parent has died. So the
//! child's fork handler closes the descriptors that [`take_inherited`] returns; then only the
//! parent holds the lock.

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

/// The maximum number of directories that one process can lock at the same time.
const HELD_MAX: usize = 4096;

/// A descriptor of a lock file, the file's id, and the id of the locked directory. The fields are
/// atomic because the fork handler must not wait for a lock.
struct HeldLock {
    taken: AtomicBool,
    /// The complement of the descriptor, or `NONE`. A new table consists of zeros, and so takes no
    /// space in the library's file.
    complement: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
    root: [AtomicU64; 2],
}

static HELD: [HeldLock; HELD_MAX] = [const {
    HeldLock {
        taken: AtomicBool::new(false),
        complement: AtomicI32::new(NONE),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
        root: [const { AtomicU64::new(0) }; 2],
    }
}; HELD_MAX];

/// Held by the thread that adds to the table.
static TABLE_LOCK: TableLock = TableLock::new();

/// A lock that the fork handler releases: its holder may be a thread that does not exist in the
/// child.
struct TableLock(AtomicBool);

/// Releases the lock when it is dropped.
struct TableGuard<'a>(&'a TableLock);

impl TableLock {
    const fn new() -> TableLock {
        TableLock(AtomicBool::new(false))
    }

    /// Returns `None` if the lock is still held after `time`.
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

    fn release(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for TableGuard<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// No descriptor: no complement of one is zero.
const NONE: RawFd = 0;

/// The number of slots that have ever been used.
static USED: AtomicUsize = AtomicUsize::new(0);

fn used() -> &'static [HeldLock] {
    &HELD[..USED.load(Ordering::Acquire)]
}

/// A lock file that a forked child has inherited.
#[derive(Clone, Copy, Debug)]
pub struct InheritedLock {
    /// The descriptor to close, if it still refers to this file.
    pub descriptor: RawFd,
    pub device: u64,
    pub inode: u64,
}

/// For the child's fork handler. Returns the lock files that the child has inherited, each once.
/// Takes no lock, allocates no memory and makes no system call.
pub fn take_inherited() -> impl Iterator<Item = InheritedLock> {
    TABLE_LOCK.release();
    used().iter().filter_map(|held| {
        let complement = held.complement.swap(NONE, Ordering::AcqRel);
        held.taken.store(false, Ordering::Release);
        (complement != NONE).then(|| InheritedLock {
            descriptor: !complement,
            device: held.device.load(Ordering::Relaxed),
            inode: held.inode.load(Ordering::Relaxed),
        })
    })
}

/// A slot in the table of lock files that a forked child closes.
#[derive(Debug)]
struct HeldLockSlot(usize);

impl HeldLockSlot {
    /// Returns `None` if an engine of this process has locked the directory.
    fn new(root: BorrowedFd<'_>, file: &File) -> io::Result<Option<HeldLockSlot>> {
        let [device, inode] = file_id(file.as_fd())?;
        let root = file_id(root)?;
        let Some(_guard) = TABLE_LOCK.lock_for(Duration::from_secs(2)) else {
            return Ok(None);
        };
        let taken = |held: &&HeldLock| held.taken.load(Ordering::Acquire);
        let is_held = |held: &HeldLock| held.root.each_ref().map(|part| part.load(Ordering::Relaxed)) == root;
        if used().iter().filter(taken).any(is_held) {
            return Ok(None);
        }
        let at = HELD.iter().position(|held| !taken(&held));
        let at =
            at.ok_or_else(|| io::Error::other("too many storage directories are open in this process"))?;
        for (part, value) in HELD[at].root.iter().zip(root) {
            part.store(value, Ordering::Relaxed);
        }
        USED.fetch_max(at + 1, Ordering::AcqRel);
        HELD[at].device.store(device, Ordering::Relaxed);
        HELD[at].inode.store(inode, Ordering::Relaxed);
        HELD[at].complement.store(!file.as_raw_fd(), Ordering::Release);
        HELD[at].taken.store(true, Ordering::Release);
        Ok(Some(HeldLockSlot(at)))
    }
}

impl Drop for HeldLockSlot {
    fn drop(&mut self) {
        HELD[self.0].complement.store(NONE, Ordering::Release);
        HELD[self.0].taken.store(false, Ordering::Release);
    }
}

/// A directory lock. Dropping it releases the lock.
#[derive(Debug)]
pub struct UnixDirLock {
    /// Declared before the file: a descriptor in the table is always open.
    _slot: HeldLockSlot,
    file: File,
}

impl UnixDirLock {
    /// Returns `None` if another holder has the lock.
    pub fn take(
        root: BorrowedFd<'_>,
        control: BorrowedFd<'_>,
        name: &str,
    ) -> io::Result<Option<UnixDirLock>> {
        let file = open_in(control, name, OFlag::O_RDWR | OFlag::O_CREAT)?;
        // Added to the table first, so that no child inherits a lock that is not in the table.
        let Some(slot) = HeldLockSlot::new(root, &file)? else {
            return Ok(None);
        };
        Ok(lock(&file)?.then_some(UnixDirLock { _slot: slot, file }))
    }
}

impl DiskLock for UnixDirLock {}

impl Drop for UnixDirLock {
    /// Unlocks explicitly: a forked child that has not run its handler yet may keep the file open.
    fn drop(&mut self) {
        let _ = unlock(&self.file);
    }
}

/// Device and inode of a file or directory.
#[allow(clippy::unnecessary_cast)] // the types differ between systems
fn file_id(of: BorrowedFd<'_>) -> io::Result<[u64; 2]> {
    let found = fstat(of)?;
    Ok([found.st_dev as u64, found.st_ino as u64])
}

/// Returns `false` if another holder has the lock.
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

/// For systems without open file description locks: `flock`, which also belongs to the open file,
/// but need not conflict with the record lock of version 0.1.0.
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
    fn one_holder_keeps_the_lock_when_another_descriptor_is_closed() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let dir = File::open(place.path()).expect("open");
        let take = || UnixDirLock::take(dir.as_fd(), dir.as_fd(), "lock").expect("no error");
        let held = take().expect("free");
        assert!(take().is_none());
        drop(File::open(place.path().join("lock")).expect("there"));
        // The view of a process without this table.
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

    /// In a forked child, the thread that held the lock does not exist.
    #[test]
    fn a_child_releases_the_lock_of_a_missing_thread() {
        let lock = TableLock::new();
        let held = lock.lock_for(Duration::ZERO).expect("free");
        assert!(lock.lock_for(Duration::ZERO).is_none());
        std::mem::forget(held);
        lock.release();
        drop(lock.lock_for(Duration::ZERO).expect("released"));
        drop(lock.lock_for(Duration::ZERO).expect("released by its holder"));
    }
}
