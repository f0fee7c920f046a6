//! Where a test makes the disk fail, stall, or the process die.
//!
//! Without the feature `faults` a [`Hook`] is empty and asking it costs nothing.

/// The places that ask. Each is asked before its deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A writer has come to a recording.
    Serve,
    /// A finisher has come to its next work.
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
    PlaceTail,
    RemoveTail,
    WriteMark,
    PlaceMark,
    OverwriteMark,
    Seal,
    Sync,
    /// Of a manifest or another small file.
    SyncFile,
    /// Of the names in a folder.
    SyncFolder,
    Digest,
    WriteManifest,
    PlaceAudio,
    PlaceManifest,
    RenameNew,
    Link,
    Unlink,
    Reserved,
    Report,
    NoteDiscard,
    RemoveAudio,
    Settle,
    Recover,
    RemoveStale,
    FreeRoom,
    /// It is looked whether the path of the storage directory still names it.
    CheckRoot,
    /// A part is looked at in a search.
    Search,
    WriteAudit,
    WriteJob,
    PlaceJob,
    ListJobs,
    ReadJob,
    /// A callback that 0.1.0 has left becomes a job.
    TakeOver,
}

#[cfg(feature = "faults")]
mod on {
    use super::super::planted::StorageFault;
    use super::super::settings::StorageConfig;
    use super::Step;
    use crate::sync::{Mutex, StaticMutex};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// May fail, panic, stall or end the process.
    pub type Fault = Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>;

    static FAULTS: StaticMutex<Vec<(PathBuf, Fault)>> = StaticMutex::new(Vec::new());

    /// Whether this process has ever set a fault. While it has not, a step takes no lock: a
    /// child may be forked at any step, and would find the lock held by nobody.
    static ANY_SET: AtomicBool = AtomicBool::new(false);

    /// From now on `fault` is asked at every step of stores of this directory
    /// (named as it is when they are opened).
    pub fn set(directory: &Path, fault: Fault) {
        ANY_SET.store(true, Ordering::SeqCst);
        let mut faults = FAULTS.lock();
        faults.retain(|(path, _)| path != directory);
        faults.push((directory.to_owned(), fault));
    }

    pub fn clear(directory: &Path) {
        FAULTS.lock().retain(|(path, _)| path != directory);
    }

    #[derive(Debug)]
    pub struct Hook {
        directory: PathBuf,
        panic_at: Mutex<String>,
        planted: Option<StorageFault>,
    }

    impl Hook {
        pub fn new(config: &StorageConfig) -> Hook {
            Hook {
                directory: config.directory.clone().into(),
                panic_at: Mutex::new(config.panic_at.clone()),
                planted: StorageFault::ALL
                    .into_iter()
                    .find(|fault| fault.key() == config.panic_at),
            }
        }

        /// A step that has a name for `faults.panic`, which makes it panic once.
        pub fn place(&self, name: &str, step: Step) {
            let mut panic_at = self.panic_at.lock();
            if *panic_at == name {
                panic_at.clear();
                drop(panic_at);
                panic!("planted at {name}");
            }
            drop(panic_at);
            let _ = self.at(step);
        }

        /// Whether a test has planted this.
        pub fn has(&self, fault: StorageFault) -> bool {
            self.planted == Some(fault)
        }

        pub fn at(&self, step: Step) -> io::Result<()> {
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
            fault.map_or(Ok(()), |fault| fault(step))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// As in a child that was forked while another thread asked: nobody opens the lock.
        /// No unit test of this crate sets a fault.
        #[test]
        fn a_step_takes_no_lock_where_no_fault_was_set() {
            let held = FAULTS.lock();
            let hook = Hook::new(&StorageConfig::default());
            hook.at(Step::Sync).expect("no fault");
            drop(held);
        }
    }
}

#[cfg(not(feature = "faults"))]
mod off {
    use super::super::planted::StorageFault;
    use super::super::settings::StorageConfig;
    use super::Step;
    use std::io;

    #[derive(Debug)]
    pub struct Hook;

    impl Hook {
        pub fn new(_: &StorageConfig) -> Hook {
            Hook
        }

        #[inline(always)]
        pub fn place(&self, _: &str, _: Step) {}

        #[inline(always)]
        pub fn has(&self, _: StorageFault) -> bool {
            false
        }

        #[inline(always)]
        pub fn at(&self, _: Step) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(not(feature = "faults"))]
pub use off::Hook;
#[cfg(feature = "faults")]
pub use on::{Fault, Hook, clear, set};
