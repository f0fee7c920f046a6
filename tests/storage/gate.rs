//! Where a test holds up the disk.

use callrec::storage::faults::{self, FaultPoint};
use callrec_testkit::wait::PATIENCE;
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::sync::Arc;

/// A gate that the faults hook waits at.
#[derive(Default)]
pub struct Gate {
    state: Mutex<(bool, usize)>,
    passed: Condvar,
}

impl Gate {
    /// Where the recordings of a directory come by at this step.
    pub fn at(directory: &Path, stop: FaultPoint) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        let at = Arc::clone(&gate);
        faults::set(
            directory,
            Arc::new(move |step| {
                if step == stop {
                    at.pass();
                }
                Ok(())
            }),
        );
        gate
    }

    pub fn pass(&self) {
        let mut state = self.state.lock();
        state.1 += 1;
        self.passed.notify_all();
        while state.0 {
            self.passed.wait(&mut state);
        }
    }

    pub fn set(&self, shut: bool) {
        self.state.lock().0 = shut;
        self.passed.notify_all();
    }

    /// Until so many have come by.
    pub fn reached(&self, times: usize) {
        let mut state = self.state.lock();
        while state.1 < times {
            let waited = self.passed.wait_for(&mut state, PATIENCE);
            assert!(!waited.timed_out(), "waited in vain");
        }
    }
}
