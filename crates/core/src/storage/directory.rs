//! The storage directory: where the recordings are.

use super::config::{Durability, StorageConfig};
use super::disk::{DirEntry, DiskDir, DiskFile, DiskLock, ErrorClass, FileId, FileOwner};
use super::disk_access::DiskAccess;
use super::faults::{FaultHook, FaultPoint};
use super::files;
use super::name::RecordingName;
use super::os;
use super::planted::StorageFault;
use super::platform::Platform;
use super::rename;
use super::trust;
use crate::clock::Clock;
use crate::sync::Mutex;
use crate::task::{self, NextStep};
use crate::text::{abbreviate, one_line};
use crate::types::{Error, Result, Status};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONTROL: &str = ".callrec";
const LOCK: &str = "lock";

/// How long work that may be repeated waits for a file that another process holds, and how often it
/// looks.
const HELD_WAIT: Duration = Duration::from_secs(2);
const HELD_TICK: Duration = Duration::from_millis(50);

/// The storage directory, its `.callrec`, and access to the directories below it. Locked by one
/// store at a time across all processes.
pub struct StorageDirectory {
    /// The configured path.
    path: PathBuf,
    root: Box<dyn DiskDir>,
    root_id: FileId,
    /// `.callrec`
    control: Box<dyn DiskDir>,
    clock: Arc<dyn Clock>,
    syncs: bool,
    syncs_in_progress: bool,
    access: DiskAccess,
    /// Declared last, so that it is dropped last.
    lock: Mutex<Option<Box<dyn DiskLock>>>,
}

impl StorageDirectory {
    /// Opens and locks the directory. Fails with `Unavailable` if another engine or process holds
    /// it.
    pub async fn open(config: &StorageConfig, platform: &Platform) -> Result<StorageDirectory> {
        let access = DiskAccess {
            disk: platform.disk.clone(),
            hook: FaultHook::new(config),
        };
        let path = Path::new(&config.directory);
        let fail = |what: &str, error: &io::Error| unusable(path, what, error);
        let syncs = config.durability != Durability::Process;
        let root = access.ready().await;
        let root = root.and_then(|()| access.disk.open_root(path, syncs));
        let root = root.map_err(|error| fail("cannot be opened", &not_a_directory(error)))?;
        let root_id = access.ready().await.and_then(|()| root.file_id());
        let root_id = root_id.map_err(|error| fail("cannot be opened", &error))?;
        let control = open_control(&access, &*root).await;
        let control = control.map_err(|error| fail("cannot use its subdirectory .callrec", &error))?;
        if syncs {
            // The entries of `.callrec` must survive a power cut. A failure of this sync is found
            // later, when an end is stored.
            let _ = access.ready().await.and_then(|()| root.sync());
        }
        let lock = access.ready().await.and_then(|()| root.lock(&*control, LOCK));
        let lock = lock
            .map_err(|error| fail("cannot be locked", &error))?
            .ok_or_else(|| already_held(path))?;
        Ok(StorageDirectory {
            path: path.to_owned(),
            root,
            root_id,
            control,
            clock: platform.clock.clone(),
            syncs,
            syncs_in_progress: config.durability == Durability::Power,
            access,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Releases the directory lock. Nothing may be written to the directory afterwards.
    pub fn unlock(&self) {
        let held = self.lock.lock().take();
        drop(held);
    }

    /// The configured path as error texts name it.
    pub fn path_text(&self) -> String {
        path_text(&self.path)
    }

    /// Whether the configured path still names this directory. Fails if the check is impossible.
    pub async fn is_at_its_path(&self) -> io::Result<bool> {
        self.reach(FaultPoint::CheckRoot).await?;
        let found = files::found_or_none(self.access.disk.file_id_at(&self.path))?;
        Ok(found == Some(self.root_id))
    }

    /// Identifies the storage directory.
    pub fn root_id(&self) -> FileId {
        self.root_id
    }

    /// Opens a second handle of the root.
    pub fn clone_root(&self) -> io::Result<Box<dyn DiskDir>> {
        self.root.try_clone()
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// `.callrec`
    pub fn control(&self) -> &dyn DiskDir {
        &*self.control
    }

    /// The access that callers wait for before each call of the disk.
    pub fn access(&self) -> &DiskAccess {
        &self.access
    }

    /// Waits until the disk is ready for the next call.
    pub async fn ready(&self) -> io::Result<()> {
        self.access.ready().await
    }

    /// Like `ready`. At this point a test may make the operation fail, stall or end the process.
    pub async fn reach(&self, point: FaultPoint) -> io::Result<()> {
        self.access.reach(point).await
    }

    /// Whether a test has planted this fault.
    pub fn has_fault(&self, fault: StorageFault) -> bool {
        self.access.hook.has_fault(fault)
    }

    /// A fault point that cannot fail, but that a test may make panic by this name.
    pub fn reach_named(&self, name: &str, point: FaultPoint) {
        self.access.hook.reach_named(name, point);
    }

    /// Whether published data must survive a power cut.
    pub fn syncs(&self) -> bool {
        self.syncs
    }

    /// Whether recordings in progress must survive a power cut.
    pub fn syncs_in_progress(&self) -> bool {
        self.syncs_in_progress
    }

    /// Syncs a small file, if it must survive a power cut.
    pub async fn sync_file(&self, file: &dyn DiskFile) -> io::Result<()> {
        if !self.syncs {
            return Ok(());
        }
        self.reach(FaultPoint::SyncFile).await?;
        file.sync()
    }

    /// Syncs the entries of a directory, if they must survive a power cut.
    pub async fn sync_names(&self, folder: &dyn DiskDir) -> io::Result<()> {
        match self.syncs_names() {
            true => rename::sync_names(&self.access, folder).await,
            false => Ok(()),
        }
    }

    fn syncs_names(&self) -> bool {
        self.syncs && !self.has_fault(StorageFault::NamesUnsynced)
    }

    /// Opens the directory of a recording.
    pub async fn folder(&self, name: &RecordingName) -> io::Result<Folder<'_>> {
        self.open_path(name.directories()).await
    }

    /// Opens the directory of a recording, and creates it if it does not exist.
    pub async fn create_folder(&self, name: &RecordingName) -> io::Result<Folder<'_>> {
        let mut folder = Folder::Root(&*self.root);
        for component in name.directories() {
            self.ready().await?;
            folder = Folder::Sub(folder.open_or_create_dir(component)?);
        }
        Ok(folder)
    }

    /// Opens a directory, given as path components from the root.
    pub async fn open_path(&self, dirs: &[String]) -> io::Result<Folder<'_>> {
        let mut folder = Folder::Root(&*self.root);
        for name in dirs {
            self.ready().await?;
            folder = Folder::Sub(folder.open_dir(name)?);
        }
        Ok(folder)
    }

    /// Syncs the entries of every directory from the root to a recording.
    pub async fn sync_path(&self, name: &RecordingName) -> io::Result<()> {
        let mut folder = Folder::Root(&*self.root);
        self.sync_names(&*folder).await?;
        for component in name.directories() {
            self.ready().await?;
            folder = Folder::Sub(folder.open_dir(component)?);
            self.sync_names(&*folder).await?;
        }
        Ok(())
    }

    /// Lists a directory, given as path components from the root.
    pub async fn list(&self, dirs: &[String]) -> io::Result<Vec<DirEntry>> {
        let folder = self.open_path(dirs).await?;
        self.ready().await?;
        folder.list()
    }

    /// Opens a directory in `.callrec`, and creates it if it does not exist. Fails if it belongs to
    /// another user.
    pub async fn control_folder(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        self.own_folder(&*self.control, name).await
    }

    /// Like `control_folder`, for a directory in `parent`.
    pub async fn own_folder(&self, parent: &dyn DiskDir, name: &str) -> io::Result<Box<dyn DiskDir>> {
        self.ready().await?;
        let folder = parent.open_or_create_dir(name)?;
        self.check_owner(folder.owner()?, name).await?;
        self.sync_names(parent).await?;
        Ok(folder)
    }

    /// Opens a directory in `.callrec`, if it exists. Fails if it belongs to another user.
    pub async fn found_control_folder(&self, name: &str) -> io::Result<Option<Box<dyn DiskDir>>> {
        self.ready().await?;
        let Some(folder) = files::found_or_none(self.control.open_dir(name))? else {
            return Ok(None);
        };
        self.check_owner(folder.owner()?, name).await?;
        Ok(Some(folder))
    }

    /// Reads a file in `.callrec` or in a directory below it. Returns `None` if it does not exist;
    /// fails if it belongs to another user.
    pub async fn read_own(&self, dir: &dyn DiskDir, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = files::open(&self.access, dir, name).await? else {
            return Ok(None);
        };
        self.check_owner(file.owner()?, name).await?;
        files::read_all(&self.access, file).await.map(Some)
    }

    /// Fails unless the file is callrec's own and has one name only. For files that will be written
    /// to.
    pub async fn check_own(&self, file: &dyn DiskFile, name: &str) -> io::Result<()> {
        trust::check_links(&self.access, file, name).await?;
        self.check_owner(file.owner()?, name).await
    }

    async fn check_owner(&self, owner: FileOwner, name: &str) -> io::Result<()> {
        trust::check_owner(&self.access, &*self.root, &*self.control, owner, name).await
    }

    /// Renames a file. Fails with `AlreadyExists` if the new name exists.
    pub async fn rename_new(
        &self,
        from_dir: &dyn DiskDir,
        from: &str,
        to_dir: &dyn DiskDir,
        to: &str,
    ) -> io::Result<()> {
        rename::rename_new(&self.access, self.syncs_names(), from_dir, from, to_dir, to).await
    }

    /// Repeats work that fails because another process, such as a virus scanner, holds a file. For work
    /// outside the writers, which do not wait.
    pub async fn when_free<T>(&self, work: impl AsyncFnMut() -> io::Result<T>) -> io::Result<T> {
        self.when_free_before(self.held_until(), work).await
    }

    /// How long work that begins now waits for a file that another process holds.
    pub fn held_until(&self) -> Instant {
        self.clock.now() + HELD_WAIT
    }

    /// Like `when_free`. Does not repeat the work after `give_up`.
    pub async fn when_free_before<T>(
        &self,
        give_up: Instant,
        mut work: impl AsyncFnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match work().await {
                Err(error) if os::classify(&error) == ErrorClass::Held && self.clock.now() < give_up => {
                    task::suspend(NextStep::At(self.clock.now() + HELD_TICK)).await;
                }
                done => return done,
            }
        }
    }

    /// The free space in bytes. The file system may never answer.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.root.free_bytes()
    }
}

/// Opens `.callrec`. Fails if it belongs to another user, who could replace its files.
async fn open_control(access: &DiskAccess, root: &dyn DiskDir) -> io::Result<Box<dyn DiskDir>> {
    access.ready().await?;
    let control = root.open_or_create_dir(CONTROL)?;
    trust::check_owner(access, root, &*control, control.owner()?, CONTROL).await?;
    Ok(control)
}

/// A directory of recordings: the root, which is always open, or one below it.
pub enum Folder<'a> {
    Root(&'a (dyn DiskDir + 'static)),
    Sub(Box<dyn DiskDir>),
}

impl Deref for Folder<'_> {
    type Target = dyn DiskDir;

    fn deref(&self) -> &(dyn DiskDir + 'static) {
        match self {
            Folder::Root(dir) => *dir,
            Folder::Sub(dir) => &**dir,
        }
    }
}

/// Whether a store was ever opened on this directory.
pub fn is_used(platform: &Platform, path: &Path) -> io::Result<bool> {
    match platform.disk.file_id_at(&path.join(CONTROL)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The error for a storage directory that cannot be used.
pub fn unusable(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::io(format!("{} {what}", path_text(path)), error)
}

/// A file in the place of the directory is found when the directory is created.
fn not_a_directory(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    }
}

fn already_held(path: &Path) -> Error {
    let message = format!("{} is open in another engine or process", path_text(path));
    Error::new(Status::Unavailable, message)
}

/// The path in error texts, shortened so that the reason after it is not cut off.
fn path_text(path: &Path) -> String {
    let path = path.display().to_string();
    format!("storage.directory \"{}\"", abbreviate(&one_line(&path), 300))
}
