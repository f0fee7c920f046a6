//! The directory that recordings lie in.

use super::disk::{DirEntry, DiskDir, DiskFile, DiskLock, Owner};
use super::faults::{Hook, Step};
use super::files;
use super::name::RecordingName;
use super::planted::StorageFault;
use super::platform::Platform;
use super::rename;
use super::settings::{Durability, StorageConfig};
use super::steps::Steps;
use super::trust;
use crate::clock::Clock;
use crate::sync::Mutex;
use crate::text::{abbreviate, one_line};
use crate::words::{Error, Result, Status};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CONTROL: &str = ".callrec";
const LOCK: &str = "lock";

/// The root of the recordings, its `.callrec`, and the way to whatever lies below them. One
/// store holds it at a time, in all processes.
pub struct Directory {
    /// As configured.
    path: PathBuf,
    root: Box<dyn DiskDir>,
    /// `.callrec`
    control: Box<dyn DiskDir>,
    clock: Arc<dyn Clock>,
    syncs: bool,
    syncs_in_progress: bool,
    steps: Steps,
    /// Released last.
    lock: Mutex<Option<Box<dyn DiskLock>>>,
}

impl Directory {
    /// Opens and locks the directory. Fails if another engine or process holds it.
    pub async fn open(config: &StorageConfig, platform: &Platform) -> Result<Directory> {
        let steps = Steps {
            disk: platform.disk.clone(),
            hook: Hook::new(config),
        };
        let path = Path::new(&config.directory);
        let fail = |what: &str, error: &io::Error| unusable(path, what, error);
        let syncs = config.durability != Durability::Process;
        let root = steps.turn().await;
        let root = root.and_then(|()| steps.disk.open_root(path, syncs));
        let root = root.map_err(|error| fail("cannot be opened", &error))?;
        let control = open_control(&steps, &*root).await;
        let control = control.map_err(|error| fail(CONTROL, &error))?;
        if syncs {
            // What is noted there must be found again. One that cannot be synced says so when
            // something is to be told.
            let _ = steps.turn().await.and_then(|()| root.sync());
        }
        let lock = steps.turn().await.and_then(|()| root.lock(&*control, LOCK));
        let lock = lock
            .map_err(|error| fail("cannot be locked", &error))?
            .ok_or_else(|| held_elsewhere(path))?;
        Ok(Directory {
            path: path.to_owned(),
            root,
            control,
            clock: platform.clock.clone(),
            syncs,
            syncs_in_progress: config.durability == Durability::Power,
            steps,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Lets others open the directory. Nothing may be written to it from here on.
    pub fn unlock(&self) {
        let held = self.lock.lock().take();
        drop(held);
    }

    /// The configured path, in words.
    pub fn named(&self) -> String {
        named(&self.path)
    }

    /// Whether the configured path still names this directory; an error if nobody can tell.
    pub async fn is_at_its_path(&self) -> io::Result<bool> {
        self.step(Step::CheckRoot).await?;
        let there = files::there(self.steps.disk.identity_at(&self.path))?;
        self.turn().await?;
        Ok(there == Some(self.root.identity()?))
    }

    /// A second handle of the root.
    pub fn root_again(&self) -> io::Result<Box<dyn DiskDir>> {
        self.root.again()
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// `.callrec`
    pub fn control(&self) -> &dyn DiskDir {
        &*self.control
    }

    /// What a function waits for before each call of the disk.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Waits until the disk is ready for the one call that follows.
    pub async fn turn(&self) -> io::Result<()> {
        self.steps.turn().await
    }

    /// The same. A test may let this step fail, stall or end the process.
    pub async fn step(&self, step: Step) -> io::Result<()> {
        self.steps.step(step).await
    }

    /// Whether a test has planted this.
    pub fn has(&self, fault: StorageFault) -> bool {
        self.steps.hook.has(fault)
    }

    /// A step that cannot fail but may be asked to panic, by this name.
    pub fn step_named(&self, name: &str, step: Step) {
        self.steps.hook.place(name, step);
    }

    /// Whether what is written must survive a power cut.
    pub fn syncs(&self) -> bool {
        self.syncs
    }

    /// Whether that holds for what is in progress, too.
    pub fn syncs_in_progress(&self) -> bool {
        self.syncs_in_progress
    }

    /// Brings a small file to the disk, if it must survive a power cut.
    pub async fn sync_file(&self, file: &dyn DiskFile) -> io::Result<()> {
        if !self.syncs {
            return Ok(());
        }
        self.step(Step::SyncFile).await?;
        file.sync()
    }

    /// Brings to the disk what was made, renamed and removed in a folder, if that must survive
    /// a power cut.
    pub async fn sync_names(&self, folder: &dyn DiskDir) -> io::Result<()> {
        if !self.syncs || self.has(StorageFault::NamesUnsynced) {
            return Ok(());
        }
        self.step(Step::SyncFolder).await?;
        folder.sync()
    }

    /// The folder that a recording lies in.
    pub async fn folder(&self, name: &RecordingName) -> io::Result<Folder<'_>> {
        self.enter(name.directories()).await
    }

    /// The folder that a recording is to lie in, made where it is missing.
    pub async fn make_folder(&self, name: &RecordingName) -> io::Result<Folder<'_>> {
        let mut folder = Folder::Root(&*self.root);
        for component in name.directories() {
            self.turn().await?;
            folder = Folder::Sub(folder.sub_or_new(component)?);
        }
        Ok(folder)
    }

    async fn enter(&self, way: &[String]) -> io::Result<Folder<'_>> {
        let mut folder = Folder::Root(&*self.root);
        for name in way {
            self.turn().await?;
            folder = Folder::Sub(folder.sub(name)?);
        }
        Ok(folder)
    }

    /// The same for every folder on the way to a recording.
    pub async fn sync_way(&self, name: &RecordingName) -> io::Result<()> {
        let mut folder = Folder::Root(&*self.root);
        self.sync_names(&*folder).await?;
        for component in name.directories() {
            self.turn().await?;
            folder = Folder::Sub(folder.sub(component)?);
            self.sync_names(&*folder).await?;
        }
        Ok(())
    }

    /// What lies in a folder, by the names that lead to it from the root.
    pub async fn list(&self, way: &[String]) -> io::Result<Vec<DirEntry>> {
        let folder = self.enter(way).await?;
        self.turn().await?;
        folder.list()
    }

    /// A folder in `.callrec`, made if it is missing. It must not be somebody else's.
    pub async fn control_folder(&self, name: &str) -> io::Result<Box<dyn DiskDir>> {
        self.own_folder(&*self.control, name).await
    }

    /// The same in another folder of ours.
    pub async fn own_folder(&self, parent: &dyn DiskDir, name: &str) -> io::Result<Box<dyn DiskDir>> {
        self.turn().await?;
        let folder = parent.sub_or_new(name)?;
        self.check_owner(folder.owner()?, name).await?;
        self.sync_names(parent).await?;
        Ok(folder)
    }

    /// A folder in `.callrec`, if it is there. It must not be somebody else's.
    pub async fn found_control_folder(&self, name: &str) -> io::Result<Option<Box<dyn DiskDir>>> {
        self.turn().await?;
        let Some(folder) = files::there(self.control.sub(name))? else {
            return Ok(None);
        };
        self.check_owner(folder.owner()?, name).await?;
        Ok(Some(folder))
    }

    /// Reads all of a file in `.callrec` or in a folder of it, if it is there. Fails if
    /// it is somebody else's.
    pub async fn read_own(&self, dir: &dyn DiskDir, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = files::open(&self.steps, dir, name).await? else {
            return Ok(None);
        };
        self.check_owner(file.owner()?, name).await?;
        files::read_all(&self.steps, file).await.map(Some)
    }

    /// Fails unless a file that is to be written to is ours, and under one name only.
    pub async fn check_own(&self, file: &dyn DiskFile, name: &str) -> io::Result<()> {
        trust::check_links(&self.steps, file, name).await?;
        self.check_owner(file.owner()?, name).await
    }

    async fn check_owner(&self, owner: Owner, name: &str) -> io::Result<()> {
        trust::check_owner(&self.steps, &*self.root, &*self.control, owner, name).await
    }

    /// Renames a file. Fails with `AlreadyExists` if something has the new name.
    pub async fn rename_new(
        &self,
        from_dir: &dyn DiskDir,
        from: &str,
        to_dir: &dyn DiskDir,
        to: &str,
    ) -> io::Result<()> {
        let sync = async |folder: &dyn DiskDir| self.sync_names(folder).await;
        rename::rename_new(&self.steps, sync, from_dir, from, to_dir, to).await
    }

    /// Asks the file system how much is free. It may never answer.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.root.free_bytes()
    }
}

/// `.callrec`. It must not be somebody else's, who could exchange what lies in it.
async fn open_control(steps: &Steps, root: &dyn DiskDir) -> io::Result<Box<dyn DiskDir>> {
    steps.turn().await?;
    let control = root.sub_or_new(CONTROL)?;
    trust::check_owner(steps, root, &*control, control.owner()?, CONTROL).await?;
    Ok(control)
}

/// A folder of the recordings: the root, which is always open, or one below it.
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

/// The error of a directory that cannot be used.
pub fn unusable(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::io(format!("{}: {what}", named(path)), error)
}

fn held_elsewhere(path: &Path) -> Error {
    let message = format!("{}: held by another engine or process", named(path));
    Error::new(Status::Unavailable, message)
}

/// So short that the reason behind it is not cut.
fn named(path: &Path) -> String {
    let path = path.display().to_string();
    format!("storage.directory \"{}\"", abbreviate(&one_line(&path), 300))
}
