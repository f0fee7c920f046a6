//! Registering the actions that perform an engine's jobs.

use std::sync::Arc;

use super::parts::{EnginePart, Group};
use super::{Engine, closing};
use crate::jobs::{Action, JobPace, JobRunner, RegisteredAction, RunnerHandle};
use crate::storage;
use crate::types::{Error, Result};

impl Engine {
    /// Registers an action, which performs all jobs of its kind, including those that earlier
    /// processes left, until it is withdrawn or the engine closes. If several actions have the
    /// same kind, the first registered one performs the jobs, and the next takes over when that
    /// one has stopped.
    pub fn register_action(
        self: &Arc<Engine>,
        action: Arc<dyn Action>,
        pace: JobPace,
    ) -> Result<RegisteredAction> {
        let (registration, part) = self.prepare_action(action, pace)?;
        let (name, clock) = (part.name.clone(), self.clock.clone());
        let begun = part.begin();
        let hooks = &self.config.thread_hooks;
        let thread = storage::spawn(&name, hooks, move || begun.runnable().run(&*clock));
        let thread = thread.map_err(|error| {
            registration.cancel(&self.reporter.actions);
            Error::io("a thread cannot be started", &error)
        })?;
        self.threads.lock().push(thread);
        Ok(registration)
    }

    /// As [`Engine::register_action`], but starts no thread: the caller runs the part.
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
