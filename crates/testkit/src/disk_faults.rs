//! Disk faults: steps of an engine's disk that fail, or that block until a test releases them.
//!
//! A fault concerns every engine of one storage directory, and replaces the directory's earlier
//! fault. [`clear`] ends it.

use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

pub use callrec_core::storage::faults::{FaultPoint, clear};

use crate::gate::Gate;

/// Makes the error of a failing step.
pub type MakeError = fn() -> io::Error;

/// Calls `fault` at every step.
pub fn set(directory: &Path, fault: impl Fn(FaultPoint) -> io::Result<()> + Send + Sync + 'static) {
    callrec_core::storage::faults::set(directory, Arc::new(fault));
}

/// Fails every time at one step.
pub fn fail_at(directory: &Path, failing: FaultPoint, error: MakeError) {
    set(directory, move |step| match step == failing {
        true => Err(error()),
        false => Ok(()),
    });
}

/// Fails at one step, the first `times` times.
pub fn fail_times(directory: &Path, failing: FaultPoint, times: usize, error: MakeError) {
    let left = Mutex::new(times);
    set(directory, move |step| {
        let mut left = left.lock();
        if step != failing || *left == 0 {
            return Ok(());
        }
        *left -= 1;
        Err(error())
    });
}

/// An error whose text is "planted".
pub fn planted() -> io::Error {
    io::Error::other("planted")
}

pub fn disk_full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

/// A gate at one step of a directory's engines. It opens when it is dropped.
pub struct DiskGate {
    gate: Arc<Gate>,
    error: Arc<Mutex<Option<MakeError>>>,
}

impl DiskGate {
    /// An open gate at `gated`.
    pub fn at(directory: &Path, gated: FaultPoint) -> DiskGate {
        let gate = DiskGate {
            gate: Arc::default(),
            error: Arc::default(),
        };
        let (passed, error) = (Arc::clone(&gate.gate), Arc::clone(&gate.error));
        set(directory, move |step| {
            if step != gated {
                return Ok(());
            }
            passed.pass();
            match *error.lock() {
                Some(error) => Err(error()),
                None => Ok(()),
            }
        });
        gate
    }

    pub fn shut_at(directory: &Path, gated: FaultPoint) -> DiskGate {
        let gate = DiskGate::at(directory, gated);
        gate.shut();
        gate
    }

    /// A shut gate; the steps that pass it fail.
    pub fn failing_at(directory: &Path, gated: FaultPoint, error: MakeError) -> DiskGate {
        let gate = DiskGate::shut_at(directory, gated);
        gate.fail_with(error);
        gate
    }

    /// From now on the steps that pass the gate fail.
    pub fn fail_with(&self, error: MakeError) {
        *self.error.lock() = Some(error);
    }
}

impl Deref for DiskGate {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}

impl Drop for DiskGate {
    fn drop(&mut self) {
        self.gate.open();
    }
}
