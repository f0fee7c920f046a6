//! The callbacks of directories that the gateway's engine adopts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callrec_core::engine::{Engine, JobPerformer};
use callrec_core::jobs::{Action, JobPace, RegisteredAction};
use callrec_core::sync::{Condvar, Mutex};
use callrec_core::types::Result;

/// How long an adoption waits for a gateway that is just starting.
const START_WAIT: Duration = Duration::from_secs(10);

/// Performs the callbacks of adopted directories as long as the gateway runs.
#[derive(Default)]
pub struct AdoptedCallbacks {
    state: Mutex<CallbackState>,
    begun: Condvar,
}

#[derive(Default)]
enum CallbackState {
    #[default]
    Starting,
    Running {
        action: Arc<dyn Action>,
        pace: JobPace,
        registrations: Vec<RegisteredAction>,
    },
    Stopped,
}

impl AdoptedCallbacks {
    /// From now on, adopted directories have their callbacks performed.
    pub fn begin(&self, action: Arc<dyn Action>, pace: JobPace) {
        *self.state.lock() = CallbackState::Running {
            action,
            pace,
            registrations: Vec::new(),
        };
        self.begun.notify_all();
    }

    /// Stops the attempts in progress at `until`, and waits for the disk until `disk_until`.
    pub fn stop(&self, until: Instant, disk_until: Instant) {
        let state = std::mem::replace(&mut *self.state.lock(), CallbackState::Stopped);
        self.begun.notify_all();
        let CallbackState::Running { registrations, .. } = state else {
            return;
        };
        for registration in &registrations {
            registration.withdraw(until);
        }
        for registration in &registrations {
            registration.wait_until_stopped(disk_until);
        }
    }
}

impl JobPerformer for AdoptedCallbacks {
    fn perform_for(&self, adopted: &Arc<Engine>) -> Result<()> {
        let until = Instant::now() + START_WAIT;
        let mut state = self.state.lock();
        while matches!(*state, CallbackState::Starting) && Instant::now() < until {
            self.begun.wait_until(&mut state, until);
        }
        let CallbackState::Running {
            action,
            pace,
            registrations,
        } = &mut *state
        else {
            return Ok(());
        };
        // Those of adoptions that are over.
        registrations.retain(|known| !known.has_stopped());
        registrations.push(adopted.register_action(action.clone(), *pace)?);
        Ok(())
    }
}
