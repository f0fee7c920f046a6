//! Unix: all operations are relative to a directory's descriptor, so that another user cannot
//! insert a link in between.

mod lock;

use super::super::disk::{
    DirEntry, DirRef, Disk, DiskDir, DiskFile, DiskLock, ErrorClass, FileId, FileOwner,
};
use super::{class_of_kind, spawn_started};
use crate::sync::thread;
use lock::UnixDirLock;
pub use lock::{InheritedLock, take_inherited};
use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{self, Mode};
use nix::sys::statvfs;
use nix::unistd;
use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::Path;
use std::time::SystemTime;

const FILE_MODE: Mode = Mode::from_bits_truncate(0o640);
const PRIVATE_MODE: Mode = Mode::from_bits_truncate(0o600);
const DIRECTORY_MODE: u32 = 0o750;

/// The disks of this system.
#[derive(Debug)]
pub struct UnixDisk;

pub fn system_disk() -> UnixDisk {
    UnixDisk
}

impl Disk for UnixDisk {
    fn open_root(&self, path: &Path, durable: bool) -> io::Result<Box<dyn DiskDir>> {
        let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)?;
        if durable {
            sync_names_of(&missing);
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        opened(fcntl::open(path, flags, Mode::empty()))
    }

    fn file_id_at(&self, path: &Path) -> io::Result<FileId> {
        Ok(file_id_of(&std::fs::metadata(path)?))
    }

    fn open_files_limit(&self) -> u64 {
        open_files_limit()
    }
}

/// An open directory.
#[derive(Debug)]
struct UnixDir {
    fd: OwnedFd,
}

/// Syncs the entries of new directories.
fn sync_names_of(created: &[&Path]) {
    for parent in created.iter().filter_map(|directory| directory.parent()) {
        // A directory that the process may write but not read cannot be synced.
        if let Ok(parent) = File::open(parent) {
            let _ = parent.sync_all();
        }
    }
}

fn opened(fd: nix::Result<OwnedFd>) -> io::Result<Box<dyn DiskDir>> {
    Ok(Box::new(UnixDir { fd: fd? }))
}

fn descriptor(dir: &dyn DiskDir) -> io::Result<BorrowedFd<'_>> {
    match dir.dir_ref() {
        DirRef::Descriptor(fd) => Ok(fd),
        DirRef::Number(..) => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

impl UnixDir {
    fn open(&self, name: &str, flags: OFlag) -> io::Result<File> {
        open_in(self.fd.as_fd(), name, flags)
    }

    fn open_listing(&self) -> io::Result<nix::dir::Dir> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(nix::dir::Dir::openat(&self.fd, ".", flags, Mode::empty())?)
    }

    fn is_directory(&self, name: &str) -> bool {
        let found = stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFDIR)
    }
}

fn open_in(dir: BorrowedFd<'_>, name: &str, flags: OFlag) -> io::Result<File> {
    open_as(dir, name, flags, FILE_MODE)
}

/// `mode`: the mode of a new file.
fn open_as(dir: BorrowedFd<'_>, name: &str, flags: OFlag, mode: Mode) -> io::Result<File> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    Ok(File::from(fcntl::openat(dir, name, flags, mode)?))
}

impl DiskDir for UnixDir {
    fn dir_ref(&self) -> DirRef<'_> {
        DirRef::Descriptor(self.fd.as_fd())
    }

    #[allow(clippy::unnecessary_cast)] // the types differ between systems
    fn file_id(&self) -> io::Result<FileId> {
        let found = stat::fstat(&self.fd)?;
        Ok((found.st_dev as u64, found.st_ino as u64))
    }

    fn try_clone(&self) -> io::Result<Box<dyn DiskDir>> {
        Ok(Box::new(UnixDir {
            fd: self.fd.try_clone()?,
        }))
    }

    fn open_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        opened(fcntl::openat(&self.fd, name, flags, Mode::empty()))
    }

    fn open_or_create_dir(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        match self.open_dir(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mode = Mode::from_bits_truncate(DIRECTORY_MODE);
                match stat::mkdirat(&self.fd, name, mode) {
                    Ok(()) | Err(Errno::EEXIST) => self.open_dir(name),
                    Err(errno) => Err(errno.into()),
                }
            }
            other => other,
        }
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(super::file(self.open(name, flags)?))
    }

    fn create_private(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(super::file(open_as(self.fd.as_fd(), name, flags, PRIVATE_MODE)?))
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(super::file(self.open(name, OFlag::O_RDWR)?))
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.open(name, OFlag::O_RDONLY)?;
        if file.metadata()?.is_file() {
            Ok(super::file(file))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
        }
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    #[allow(clippy::unnecessary_cast)] // the types differ between systems
    fn file_id_of(&self, name: &str) -> io::Result<FileId> {
        let found = stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok((found.st_dev as u64, found.st_ino as u64))
    }

    fn rename_over(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        Ok(fcntl::renameat(&self.fd, from, descriptor(to_dir)?, to)?)
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn rename_exclusive(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        let flags = fcntl::RenameFlags::RENAME_NOREPLACE;
        Ok(fcntl::renameat2(&self.fd, from, descriptor(to_dir)?, to, flags)?)
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    fn rename_exclusive(&self, _: &str, _: &dyn DiskDir, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn link(&self, from: &str, to_dir: &dyn DiskDir, to: &str) -> io::Result<()> {
        let to_dir = descriptor(to_dir)?;
        Ok(unistd::linkat(&self.fd, from, to_dir, to, AtFlags::empty())?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unistd::unlinkat(
            &self.fd,
            name,
            unistd::UnlinkatFlags::NoRemoveDir,
        )?)
    }

    fn remove_dir(&self, name: &str) -> io::Result<()> {
        Ok(unistd::unlinkat(
            &self.fd,
            name,
            unistd::UnlinkatFlags::RemoveDir,
        )?)
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        let mut dir = self.open_listing()?;
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
            entries.push(DirEntry {
                name: name.to_owned(),
                is_directory,
            });
        }
        Ok(entries)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(unistd::fsync(&self.fd)?)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let found = statvfs::fstatvfs(&self.fd)?;
        #[allow(clippy::unnecessary_cast)] // the types differ between systems
        let (blocks, size) = (found.blocks_available() as u64, found.fragment_size() as u64);
        Ok(blocks.saturating_mul(size))
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(file_owner(stat::fstat(&self.fd)?.st_uid))
    }

    fn lock(&self, control: &dyn DiskDir, name: &str) -> io::Result<Option<Box<dyn DiskLock>>> {
        let lock = UnixDirLock::take(self.fd.as_fd(), descriptor(control)?, name)?;
        Ok(lock.map(|lock| Box::new(lock) as Box<dyn DiskLock>))
    }
}

/// An open file.
#[derive(Debug)]
pub struct UnixFile(File);

impl UnixFile {
    pub fn new(file: File) -> UnixFile {
        UnixFile(file)
    }
}

impl DiskFile for UnixFile {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        super::uninterrupted(|| self.0.read_at(buffer, at))
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

    fn file_id(&self) -> io::Result<FileId> {
        Ok(file_id_of(&self.0.metadata()?))
    }

    fn owner(&self) -> io::Result<FileOwner> {
        Ok(file_owner(self.0.metadata()?.uid()))
    }

    fn links(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.nlink())
    }

    fn modified(&self) -> Option<SystemTime> {
        self.0.metadata().ok()?.modified().ok()
    }
}

fn file_id_of(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

fn file_owner(id: u32) -> FileOwner {
    FileOwner {
        id,
        is_own: id == 0 || id == unistd::geteuid().as_raw(),
    }
}

/// Whether the error may mean that the file system does not support the operation. File systems
/// without hard links return various errors.
pub fn is_unsupported(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EMLINK) => true,
        // EOPNOTSUPP and ENOTSUP, which differ on some systems.
        _ => error.kind() == io::ErrorKind::Unsupported,
    }
}

/// Whether an open failed because the entry is a link or a socket. The standard library has no
/// kinds for these errors yet.
pub fn is_special_file(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}

pub fn classify(error: &io::Error) -> ErrorClass {
    match error.raw_os_error() {
        Some(libc::EIO) => ErrorClass::Medium,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS) => ErrorClass::Temporary,
        _ => class_of_kind(error.kind()),
    }
}

/// The soft limit of file descriptors of this process.
pub fn open_files_limit() -> u64 {
    #[allow(clippy::useless_conversion)] // the type differs between systems
    getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft.into())
}

/// Starts a thread that handles none of the host's signals.
///
/// The signal mask is set before the thread exists and restored afterwards, so that the mask
/// applies from the thread's first instruction. Signals for faults of the thread itself stay
/// unblocked, because blocking them is undefined.
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
    let thread = spawn_started(name, body);
    before.thread_set_mask()?;
    thread
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Box<dyn DiskDir>) {
        let path = tempfile::tempdir().expect("a temporary directory");
        let dir = UnixDisk.open_root(path.path(), false).expect("open");
        (path, dir)
    }

    #[test]
    fn exclusive_rename_and_link_replace_nothing() {
        let (path, dir) = scratch();
        std::fs::write(path.path().join("a"), "a").expect("write");
        std::fs::write(path.path().join("b"), "b").expect("write");
        let error = dir.rename_exclusive("a", &*dir, "b").expect_err("b is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let error = dir.link("a", &*dir, "b").expect_err("b is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        dir.rename_exclusive("a", &*dir, "c").expect("c is free");
        assert!(!dir.exists("a").expect("stat") && dir.exists("c").expect("stat"));
    }

    #[test]
    fn a_root_is_created_with_its_parents() {
        let place = tempfile::tempdir().expect("a temporary directory");
        for durable in [false, true] {
            let path = place.path().join(format!("{durable}/below/root"));
            for _ in 0..2 {
                let dir = UnixDisk.open_root(&path, durable).expect("open");
                let named = UnixDisk.file_id_at(&path).expect("there");
                assert_eq!(dir.file_id().expect("open"), named);
            }
        }
    }

    #[test]
    fn links_are_not_followed() {
        let (path, dir) = scratch();
        let other = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(other.path().join("f"), "x").expect("write");
        std::os::unix::fs::symlink(other.path(), path.path().join("sub")).expect("link");
        std::os::unix::fs::symlink(other.path().join("f"), path.path().join("f")).expect("link");
        assert!(dir.open_dir("sub").is_err());
        assert!(dir.open_or_create_dir("sub").is_err());
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
            assert!(mask.contains(signal), "{signal} is not blocked");
        }
        assert!(!mask.contains(Signal::SIGSEGV));
        let after = SigSet::thread_get_mask().expect("mask");
        before.extend(&after);
        assert_eq!(before, after, "the caller's mask is restored");
    }
}
