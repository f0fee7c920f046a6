//! Who performs the jobs of an engine's recordings.

use std::sync::Arc;

use super::parts::{EnginePart, Group};
use super::{Engine, closing};
use crate::jobs::{Action, JobPace, JobRunner, RegisteredAction, RunnerHandle};
use crate::storage;
use crate::words::{Error, Result};

impl Engine {
    /// Has an action perform all jobs of its kind, also those that earlier processes have
    /// left, until it is withdrawn or the engine closes. Of several actions for one kind the
    /// first one that was registered does, and the next takes over when that has ended.
    pub fn register_action(
        self: &Arc<Engine>,
        action: Arc<dyn Action>,
        pace: JobPace,
    ) -> Result<RegisteredAction> {
        let (registration, part) = self.prepare_action(action, pace)?;
        let (name, clock) = (part.name.clone(), self.clock.clone());
        let begun = part.begin();
        let thread = storage::spawn(&name, move || begun.runnable().run(&*clock));
        let thread = thread.map_err(|error| {
            registration.cancel(&self.reporter.actions);
            Error::io("starting a thread", &error)
        })?;
        self.threads.lock().push(thread);
        Ok(registration)
    }

    /// The same without a thread: whoever asks for it runs the part.
    pub fn prepare_action(
        self: &Arc<Engine>,
        action: Arc<dyn Action>,
        pace: JobPace,
    ) -> Result<(RegisteredAction, EnginePart)> {
        let handle = RunnerHandle::new(action.kind());
        let runner = JobRunner {
            action,
            pace,
            handle: handle.clone(),
            registry: self.reporter.actions.clone(),
            files: self.store.jobs().clone(),
            clock: self.clock.clone(),
        };
        let part = EnginePart::new(self, Group::Jobs, "callrec-jobs", move || runner.runnable());
        if !self.reporter.actions.add(&handle) {
            return Err(closing());
        }
        Ok((RegisteredAction::new(handle, self.clock.clone()), part))
    }
}
