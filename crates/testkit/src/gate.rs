//! A gate that threads pass, and that a test can shut.

use crate::watched::Watched;

#[derive(Debug, Default)]
struct GateState {
    shut: bool,
    /// Threads that may pass the shut gate.
    permits: usize,
    arrivals: usize,
    blocked: usize,
}

impl GateState {
    /// Lets one thread pass if the gate is open or a permit is left, which it uses up.
    fn try_pass(&mut self) -> bool {
        if self.shut && self.permits == 0 {
            return false;
        }
        self.permits = self.permits.saturating_sub(1);
        self.blocked -= 1;
        true
    }
}

/// Holds up the threads that pass it while it is shut.
#[derive(Debug, Default)]
pub struct Gate(Watched<GateState>);

impl Gate {
    /// A gate that is shut. The default is open.
    pub fn new_shut() -> Gate {
        let gate = Gate::default();
        gate.shut();
        gate
    }

    /// Passes the gate; waits, without a deadline, while it is shut.
    pub fn pass(&self) {
        self.0.change(|state| {
            state.arrivals += 1;
            state.blocked += 1;
        });
        self.0.block_until_taken(GateState::try_pass);
    }

    pub fn shut(&self) {
        self.0.change(|state| state.shut = true);
    }

    /// Opens the gate and lets every blocked thread pass.
    pub fn open(&self) {
        self.0.change(|state| state.shut = false);
    }

    /// Lets one thread pass while the gate stays shut.
    pub fn admit_one(&self) {
        self.0.change(|state| state.permits += 1);
    }

    /// Waits until threads have arrived at the gate `count` times since it was made.
    #[track_caller]
    pub fn wait_for_arrivals(&self, count: usize) {
        self.0
            .wait_until("arrivals at the gate", |state| state.arrivals >= count);
    }

    /// Waits until at least `count` threads are blocked at the gate.
    #[track_caller]
    pub fn wait_for_blocked(&self, count: usize) {
        self.0
            .wait_until("threads blocked at the gate", |state| state.blocked >= count);
    }

    /// How often threads have arrived at the gate since it was made.
    pub fn arrivals(&self) -> usize {
        self.0.lock().arrivals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn a_shut_gate_blocks_until_it_admits_or_opens() {
        let (gate, passed) = (Gate::new_shut(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    gate.pass();
                    passed.fetch_add(1, SeqCst);
                });
            }
            gate.wait_for_blocked(3);
            assert_eq!(passed.load(SeqCst), 0);
            gate.admit_one();
            crate::wait::until("one thread passes", || passed.load(SeqCst) == 1);
            gate.open();
        });
        gate.pass();
        assert_eq!((passed.load(SeqCst), gate.arrivals()), (3, 4));
        gate.wait_for_arrivals(4);
    }
}
