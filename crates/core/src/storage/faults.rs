//! Fault points, at which a test can make the disk fail or stall, or end the process.
//!
//! Without the feature `faults`, a [`FaultHook`] is empty and costs nothing.

/// The fault points. Each is reached before the operation that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// A writer begins to serve a recording.
    Serve,
    /// A finisher begins its next work.
    Finisher,
    CreateManifest,
    CreateAudio,
    WriteHeader,
    NoteStarted,
    WriteAudio,
    PatchAudio,
    WriteTail,
    PatchTail,
    CompactTail,
    RenameTail,
    RemoveTail,
    CreateRaw,
    WriteRaw,
    RenameRaw,
    RemoveRaw,
    WriteLiveManifest,
    RenameLiveManifest,
    OverwriteLiveManifest,
    Seal,
    Sync,
    /// Syncing a manifest or another small file.
    SyncFile,
    /// Syncing the entries of a directory.
    SyncFolder,
    Digest,
    WriteManifest,
    RenameAudio,
    RenameManifest,
    RenameNew,
    Link,
    Unlink,
    RenameReserved,
    Report,
    NoteDiscard,
    RemoveAudio,
    Settle,
    Recover,
    RemoveStale,
    FreeSpace,
    /// Checking that the path of the storage directory still names it.
    CheckRoot,
    /// A search examines audio in progress.
    Search,
    WriteAudit,
    WriteJob,
    RenameJob,
    ListJobs,
    ReadJob,
    WriteSidecar,
    RenameSidecar,
    WriteDeletion,
    RenameDeletion,
    /// Marking a deletion for whose note there is no space, by an empty file or by a link.
    MarkDeletion,
    LinkDeletion,
    DeleteJobs,
    DeleteSidecar,
    DeleteRaw,
    DeleteAudio,
    DeleteManifest,
    DeleteFolder,
    RemoveDeletion,
    WriteHold,
    RemoveHold,
    WriteHeldManifest,
    RenameHeldManifest,
    /// A callback of 0.1.0 is converted to a job.
    MigrateOutbox,
}

#[cfg(feature = "faults")]
mod on {
    use super::super::config::StorageConfig;
    use super::super::planted::StorageFault;
    use super::FaultPoint;
    use crate::sync::{Mutex, StaticMutex};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A test's function for fault points. May fail, panic, stall or end the process.
    pub type FaultHandler = Arc<dyn Fn(FaultPoint) -> io::Result<()> + Send + Sync>;

    static FAULTS: StaticMutex<Vec<(PathBuf, FaultHandler)>> = StaticMutex::new(Vec::new());

    /// Whether this process has ever set a fault. While it has not, a fault point takes no lock: a
    /// child may be forked at any point, and its copy of the lock would stay held.
    static ANY_SET: AtomicBool = AtomicBool::new(false);

    /// Sets the function that is called at every fault point of stores of this directory.
    /// `directory` is the path as configured.
    pub fn set(directory: &Path, fault: FaultHandler) {
        ANY_SET.store(true, Ordering::SeqCst);
        let mut faults = FAULTS.lock();
        faults.retain(|(path, _)| path != directory);
        faults.push((directory.to_owned(), fault));
    }

    pub fn clear(directory: &Path) {
        FAULTS.lock().retain(|(path, _)| path != directory);
    }

    #[derive(Debug)]
    pub struct FaultHook {
        directory: PathBuf,
        panic_at: Mutex<String>,
        planted: Option<StorageFault>,
    }

    impl FaultHook {
        pub fn new(config: &StorageConfig) -> FaultHook {
            FaultHook {
                directory: config.directory.clone().into(),
                panic_at: Mutex::new(config.panic_at.clone()),
                planted: StorageFault::ALL
                    .into_iter()
                    .find(|fault| fault.key() == config.panic_at),
            }
        }

        /// A fault point with a name for `faults.panic`, which makes it panic once.
        pub fn reach_named(&self, name: &str, point: FaultPoint) {
            let mut panic_at = self.panic_at.lock();
            if *panic_at == name {
                panic_at.clear();
                drop(panic_at);
                panic!("planted at {name}");
            }
            drop(panic_at);
            let _ = self.check(point);
        }

        /// Whether a test has planted this fault.
        pub fn has_fault(&self, fault: StorageFault) -> bool {
            self.planted == Some(fault)
        }

        pub fn check(&self, point: FaultPoint) -> io::Result<()> {
            if !ANY_SET.load(Ordering::SeqCst) {
                return Ok(());
            }
            let fault = {
                let faults = FAULTS.lock();
                faults
                    .iter()
                    .find(|(path, _)| *path == self.directory)
                    .map(|(_, fault)| Arc::clone(fault))
            };
            fault.map_or(Ok(()), |fault| fault(point))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Simulates a child that was forked while another thread held the lock. No unit test of
        /// this crate sets a fault.
        #[test]
        fn a_fault_point_takes_no_lock_if_no_fault_was_set() {
            let held = FAULTS.lock();
            let hook = FaultHook::new(&StorageConfig::default());
            hook.check(FaultPoint::Sync).expect("no fault");
            drop(held);
        }
    }
}

#[cfg(not(feature = "faults"))]
mod off {
    use super::super::config::StorageConfig;
    use super::super::planted::StorageFault;
    use super::FaultPoint;
    use std::io;

    #[derive(Debug)]
    pub struct NoFaultHook;

    impl NoFaultHook {
        pub fn new(_: &StorageConfig) -> NoFaultHook {
            NoFaultHook
        }

        #[inline(always)]
        pub fn reach_named(&self, _: &str, _: FaultPoint) {}

        #[inline(always)]
        pub fn has_fault(&self, _: StorageFault) -> bool {
            false
        }

        #[inline(always)]
        pub fn check(&self, _: FaultPoint) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(not(feature = "faults"))]
pub use off::NoFaultHook as FaultHook;
#[cfg(feature = "faults")]
pub use on::{FaultHandler, FaultHook, clear, set};
