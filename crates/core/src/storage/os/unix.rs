//! Unix: everything relative to a directory's descriptor, so that nobody can
//! swap a link in between.

use super::{Entry, Outlook, outlook_of};
use crate::sync::{StaticMutex, thread};
use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, FcntlArg, OFlag};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{self, Mode};
use nix::sys::statvfs;
use nix::unistd;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

const FILE_MODE: Mode = Mode::from_bits_truncate(0o640);
const DIRECTORY_MODE: u32 = 0o750;

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

impl Dir {
    /// Opens the storage directory, made with all its parents where it is not
    /// there. The directory itself may be a link.
    pub fn open_root(path: &Path) -> io::Result<Dir> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = fcntl::open(path, flags, Mode::empty())?;
        Ok(Dir { fd })
    }

    /// The same directory once more.
    pub fn again(&self) -> io::Result<Dir> {
        Ok(Dir {
            fd: self.fd.try_clone()?,
        })
    }

    /// Opens the directory `name` in this one, if it is none behind a link.
    pub fn sub(&self, name: &str) -> io::Result<Dir> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = fcntl::openat(&self.fd, name, flags, Mode::empty())?;
        Ok(Dir { fd })
    }

    /// The same, made where it is not there.
    pub fn sub_or_new(&self, name: &str) -> io::Result<Dir> {
        match self.sub(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mode = Mode::from_bits_truncate(DIRECTORY_MODE);
                match stat::mkdirat(&self.fd, name, mode) {
                    Ok(()) | Err(Errno::EEXIST) => self.sub(name),
                    Err(errno) => Err(errno.into()),
                }
            }
            other => other,
        }
    }

    /// To be asked about.
    pub fn as_file(&self) -> io::Result<File> {
        Ok(File::from(self.fd.try_clone()?))
    }

    fn open(&self, name: &str, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        Ok(File::from(fcntl::openat(&self.fd, name, flags, FILE_MODE)?))
    }

    /// Makes a file that was not there, for reading and writing.
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)
    }

    pub fn open_write(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlag::O_RDWR)
    }

    /// Opens a regular file; a pipe or a device is none.
    pub fn open_read(&self, name: &str) -> io::Result<File> {
        let file = self.open(name, OFlag::O_RDONLY)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
        }
    }

    pub fn exists(&self, name: &str) -> io::Result<bool> {
        match stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    pub fn rename_over(&self, from: &str, to_dir: &Dir, to: &str) -> io::Result<()> {
        Ok(fcntl::renameat(&self.fd, from, &to_dir.fd, to)?)
    }

    /// Renames, but never over something: then `AlreadyExists`.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub fn rename_exclusive(&self, from: &str, to_dir: &Dir, to: &str) -> io::Result<()> {
        let flags = fcntl::RenameFlags::RENAME_NOREPLACE;
        Ok(fcntl::renameat2(&self.fd, from, &to_dir.fd, to, flags)?)
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub fn rename_exclusive(&self, _: &str, _: &Dir, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A second name; `AlreadyExists` if it is taken.
    pub fn link(&self, from: &str, to_dir: &Dir, to: &str) -> io::Result<()> {
        Ok(unistd::linkat(&self.fd, from, &to_dir.fd, to, AtFlags::empty())?)
    }

    /// What has the name, unless that is a link.
    #[allow(clippy::unnecessary_cast)] // the types differ between systems
    pub fn identity_of(&self, name: &str) -> io::Result<(u64, u64)> {
        let found = stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok((found.st_dev as u64, found.st_ino as u64))
    }

    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unistd::unlinkat(
            &self.fd,
            name,
            unistd::UnlinkatFlags::NoRemoveDir,
        )?)
    }

    pub fn list(&self) -> io::Result<Vec<Entry>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = nix::dir::Dir::openat(&self.fd, ".", flags, Mode::empty())?;
        let mut entries = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if name == "." || name == ".." {
                continue;
            }
            let is_directory = match entry.file_type() {
                Some(kind) => kind == nix::dir::Type::Directory,
                None => self.is_directory(name),
            };
            entries.push(Entry {
                name: name.to_owned(),
                is_directory,
            });
        }
        Ok(entries)
    }

    fn is_directory(&self, name: &str) -> bool {
        let found = stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFDIR)
    }

    pub fn sync(&self) -> io::Result<()> {
        Ok(unistd::fsync(&self.fd)?)
    }

    /// Bytes that an ordinary user may still write here.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let found = statvfs::fstatvfs(&self.fd)?;
        #[allow(clippy::unnecessary_cast)] // the types differ between systems
        let (blocks, size) = (found.blocks_available() as u64, found.fragment_size() as u64);
        Ok(blocks.saturating_mul(size))
    }

    #[allow(clippy::unnecessary_cast)] // the types differ between systems
    fn identity(&self) -> io::Result<(u64, u64)> {
        let found = stat::fstat(&self.fd)?;
        Ok((found.st_dev as u64, found.st_ino as u64))
    }
}

/// Which file it is, as long as it is open.
pub fn identity(file: &File) -> io::Result<(u64, u64)> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

/// Whom a file belongs to.
pub fn owner(file: &File) -> io::Result<u32> {
    Ok(file.metadata()?.uid())
}

/// This process's user, or root, who needs no trick.
pub fn is_own(owner: u32) -> bool {
    owner == 0 || owner == unistd::geteuid().as_raw()
}

/// How many names a file has.
pub fn links(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.nlink())
}

/// Whether it may be that only this way of doing it is refused. Where a file system
/// has no hard links, what it answers is its own affair.
pub fn is_unsupported(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EMLINK) => true,
        // EOPNOTSUPP and ENOTSUP, which are two numbers on some systems.
        _ => error.kind() == io::ErrorKind::Unsupported,
    }
}

pub fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)
}

pub fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(bytes, at)
}

/// Whether something could not be opened because it is a link or a socket. The
/// standard library does not name these kinds yet.
pub fn is_odd(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}

pub fn outlook(error: &io::Error) -> Outlook {
    match error.raw_os_error() {
        Some(libc::EIO) => Outlook::Brief,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS) => Outlook::Passing,
        _ => outlook_of(error.kind()),
    }
}

/// The soft limit of descriptors of this process.
pub fn open_files_limit() -> u64 {
    #[allow(clippy::useless_conversion)] // the type differs between systems
    getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft.into())
}

/// Directories that engines of this process hold. A record lock does not keep out
/// the process that holds it, and is lost when any descriptor of the file closes;
/// so the file is not even opened twice. The process id is part of an entry
/// because a forked child inherits the table, but not the lock.
static HELD: StaticMutex<Vec<(u64, u64, u32)>> = StaticMutex::new(Vec::new());

/// A lock on a directory, held until dropped.
#[derive(Debug)]
pub struct DirLock {
    key: (u64, u64, u32),
    file: Option<File>,
}

impl DirLock {
    /// `None`: somebody else holds it.
    pub fn take(dir: &Dir, control: &Dir, name: &str) -> io::Result<Option<DirLock>> {
        let (device, inode) = dir.identity()?;
        let key = (device, inode, std::process::id());
        // After a fork nobody may be left to unlock it.
        let Some(mut held) = HELD.try_lock_for(Duration::from_secs(2)) else {
            return Ok(None);
        };
        if held.contains(&key) {
            return Ok(None);
        }
        let flags = OFlag::O_RDWR | OFlag::O_CREAT;
        let file = control.open(name, flags)?;
        match fcntl::fcntl(&file, FcntlArg::F_SETLK(&whole_file())) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
        held.push(key);
        Ok(Some(DirLock {
            key,
            file: Some(file),
        }))
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // The file first: who finds the table free must be able to lock it.
        if let Some(mut held) = HELD.try_lock_for(Duration::from_secs(2)) {
            drop(self.file.take());
            held.retain(|key| *key != self.key);
        }
    }
}

fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Starts a thread that takes none of the host's signals.
///
/// The mask is set before the thread exists and put back afterwards, so that not
/// even its first instruction runs with them open. What its own faults raise stays
/// open: blocking these is undefined.
pub fn spawn<F>(name: &str, body: F) -> io::Result<thread::JoinHandle<()>>
where
    F: FnOnce() + Send + 'static,
{
    let mut blocked = SigSet::all();
    for signal in [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGTRAP,
    ] {
        blocked.remove(signal);
    }
    let before = blocked.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK)?;
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    before.thread_set_mask()?;
    thread
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Dir) {
        let path = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open_root(path.path()).expect("open");
        (path, dir)
    }

    #[test]
    fn never_renames_over_something() {
        let (path, dir) = scratch();
        std::fs::write(path.path().join("a"), "a").expect("write");
        std::fs::write(path.path().join("b"), "b").expect("write");
        let error = dir.rename_exclusive("a", &dir, "b").expect_err("b is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let error = dir.link("a", &dir, "b").expect_err("b is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        dir.rename_exclusive("a", &dir, "c").expect("c is free");
        assert!(!dir.exists("a").expect("stat") && dir.exists("c").expect("stat"));
    }

    #[test]
    fn follows_no_link() {
        let (path, dir) = scratch();
        let other = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(other.path().join("f"), "x").expect("write");
        std::os::unix::fs::symlink(other.path(), path.path().join("sub")).expect("link");
        std::os::unix::fs::symlink(other.path().join("f"), path.path().join("f")).expect("link");
        assert!(dir.sub("sub").is_err());
        assert!(dir.sub_or_new("sub").is_err());
        assert!(dir.open_read("f").is_err());
        assert!(dir.open_write("f").is_err());
        assert!(dir.create_new("f").is_err());
    }

    #[test]
    fn own_threads_have_their_signals_blocked() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut before = SigSet::thread_get_mask().expect("mask");
        let thread = spawn("callrec-test", move || {
            let _ = sender.send(SigSet::thread_get_mask());
        });
        let mask = receiver.recv().expect("sent").expect("mask");
        thread.expect("spawned").join().expect("joined");
        for signal in [Signal::SIGTERM, Signal::SIGPIPE, Signal::SIGXFSZ, Signal::SIGUSR1] {
            assert!(mask.contains(signal), "{signal} is open");
        }
        assert!(!mask.contains(Signal::SIGSEGV));
        let after = SigSet::thread_get_mask().expect("mask");
        before.extend(&after);
        assert_eq!(before, after, "the caller's mask is as it was");
    }
}
