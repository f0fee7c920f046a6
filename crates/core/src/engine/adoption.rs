//! Adopting the storage directory of an engine that has died: its recordings are recovered, their
//! ends are reported to this engine's subscribers, and their jobs are performed.
//!
//! A second engine without media threads opens the directory. It has the settings of the adopting
//! engine and publishes on its bus, and it is closed when everything is done or the time is over. What is
//! left then is done by the next adoption, or by the next open.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Dependent, Engine, closing};
use crate::clock::Clock;
use crate::storage::{self, Platform};
use crate::sync::{Condvar, Mutex, catch_panic};
use crate::types::{Error, Result, Status};

/// How often a running adoption looks whether everything is done.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// How long the engine on the adopted directory may take to close when the time is over.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// The same when everything is done, so that only the lock is to be released.
const DONE_CLOSE_WAIT: Duration = Duration::from_secs(5);
/// How much longer than it is given the thread of an adoption may take, unless the disk hangs.
const THREAD_WAIT: Duration = Duration::from_millis(500);

/// What an adoption has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The recordings whose ends were reported.
    pub recordings: u32,
    /// `TIMEOUT` if the time was over first; `IO` if a recording could not be recovered.
    pub outcome: Result<()>,
}

/// Performs jobs of an engine, and those of the directories that it adopts.
pub trait JobPerformer: Send + Sync {
    /// Registers the same actions with the engine on an adopted directory.
    fn perform_for(&self, adopted: &Arc<Engine>) -> Result<()>;
}

/// One adoption, as the thread that performs it, the caller and the closing engine see it.
struct AdoptionRun {
    state: Mutex<AdoptionState>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
}

struct AdoptionState {
    /// When the work stops. If the adopting engine closes, the directory is released until then.
    until: Instant,
    /// The adopting engine closes, so the work has stopped.
    is_halted: bool,
    result: Option<Result<Adoption>>,
}

impl AdoptionRun {
    /// Waits a moment. Returns whether the time is over.
    fn is_over(&self) -> bool {
        let mut state = self.state.lock();
        let now = self.clock.now();
        if now < state.until && !state.is_halted {
            let next = state.until.min(now + LOOK_INTERVAL);
            self.changed.wait_until(&mut state, next);
        }
        state.is_halted || self.clock.now() >= state.until
    }

    fn finish(&self, result: Result<Adoption>) {
        self.state.lock().result = Some(result);
        self.changed.notify_all();
    }

    /// How long the engine on the adopted directory may take to close.
    fn close_wait(&self, is_done: bool) -> Duration {
        let state = self.state.lock();
        match (state.is_halted, is_done) {
            (true, _) => state.until.saturating_duration_since(self.clock.now()),
            (false, true) => DONE_CLOSE_WAIT,
            (false, false) => CLOSE_WAIT,
        }
    }

    /// Waits for the end of the thread, but not for a disk that hangs. `None`: it hangs.
    fn wait(&self) -> Option<Result<Adoption>> {
        let mut state = self.state.lock();
        while state.result.is_none() {
            let spare = match state.is_halted {
                true => THREAD_WAIT,
                false => DONE_CLOSE_WAIT + THREAD_WAIT,
            };
            let limit = state.until + spare;
            if self.clock.now() >= limit {
                return None;
            }
            self.changed.wait_until(&mut state, limit);
        }
        state.result.clone()
    }

    fn is_halted(&self) -> bool {
        self.state.lock().is_halted
    }
}

impl Dependent for AdoptionRun {
    fn halt(&self, until: Instant) {
        let mut state = self.state.lock();
        // A second call shortens the time.
        state.until = match state.is_halted {
            true => state.until.min(until),
            false => until,
        };
        state.is_halted = true;
        drop(state);
        self.changed.notify_all();
    }

    fn wait_until_ended(&self) {
        let _ = self.wait();
    }
}

impl Engine {
    /// Adds a component that performs jobs, so that it does so for adopted directories too.
    pub fn add_job_performer(&self, performer: Arc<dyn JobPerformer>) {
        self.performers.lock().push(performer);
    }

    pub fn remove_job_performer(&self, performer: &Arc<dyn JobPerformer>) {
        let mut performers = self.performers.lock();
        performers.retain(|known| !Arc::ptr_eq(known, performer));
    }

    /// Recovers the recordings in the directory of an engine that has died, reports their ends to this
    /// engine's subscribers, and performs their jobs, for about `timeout` at most.
    ///
    /// Fails with `NOT_FOUND` if no engine ever had this directory, with `UNAVAILABLE` if one has it
    /// now, and with `IN_CALLBACK` inside a callback.
    // A part of a C function would be compiled for speed.
    #[inline(never)]
    pub fn adopt(
        self: &Arc<Engine>,
        platform: Platform,
        directory: &str,
        timeout: Duration,
    ) -> Result<Adoption> {
        self.refuse_in_callback()?;
        let run = Arc::new(AdoptionRun {
            state: Mutex::new(AdoptionState {
                until: self.clock.now() + timeout,
                is_halted: false,
                result: None,
            }),
            changed: Condvar::new(),
            clock: self.clock.clone(),
        });
        let dependent: Arc<dyn Dependent> = run.clone();
        self.attach(dependent.clone())?;
        let (engine, course, directory) = (self.clone(), run.clone(), directory.to_owned());
        let attached = dependent.clone();
        let body = move || {
            let done = catch_panic(|| engine.adopt_directory(platform, &directory, &course));
            let fault = |panic| Error::new(Status::Internal, format!("a fault inside callrec: {panic}"));
            engine.detach(&attached);
            course.finish(done.map_err(fault).flatten());
        };
        // The disk of a node that has died may hang, so the caller does not wait for it.
        let thread = storage::spawn("callrec-adopt", &self.config.thread_hooks, body);
        let thread = thread.map_err(|error| {
            self.detach(&dependent);
            Error::io("a thread cannot be started", &error)
        })?;
        let result = run.wait();
        if result.is_some() {
            // It is about to return.
            let _ = thread.join();
        }
        match result {
            _ if run.is_halted() => Err(closing()),
            Some(result) => result,
            None => Ok(Adoption {
                recordings: 0,
                outcome: Err(out_of_time()),
            }),
        }
    }

    /// The thread of an adoption.
    fn adopt_directory(
        self: &Arc<Engine>,
        platform: Platform,
        directory: &str,
        run: &AdoptionRun,
    ) -> Result<Adoption> {
        require_used(&platform, Path::new(directory))?;
        let mut config = self.config.clone();
        config.storage.directory = directory.to_owned();
        // It records nothing, so it needs no space.
        config.storage.min_free_bytes = 0;
        config.encoders = 1;
        let adopted = Engine::assemble(platform, config, Some(self.bus.clone()))?;
        if let Err(error) = self.begin_adopted(&adopted) {
            adopted.abandon();
            return Err(error);
        }
        let mut is_done = adopted.has_settled();
        while !is_done && !run.is_over() {
            is_done = adopted.has_settled();
        }
        let unrecovered = adopted.store.unrecovered();
        let closed = adopted.close(run.close_wait(is_done));
        let outcome = match (is_done && closed.is_ok(), unrecovered) {
            (false, _) => Err(out_of_time()),
            (true, 0) => Ok(()),
            (true, count) => Err(Error::new(
                Status::Io,
                format!("{count} recordings cannot be recovered now; the log says why"),
            )),
        };
        let recordings = adopted.reporter.ends.published();
        Ok(Adoption {
            recordings: u32::try_from(recordings).unwrap_or(u32::MAX),
            outcome,
        })
    }

    /// Registers the actions before the threads start, so that no job is found without one.
    fn begin_adopted(&self, adopted: &Arc<Engine>) -> Result<()> {
        let performers = self.performers.lock().clone();
        for performer in performers {
            performer.perform_for(adopted)?;
        }
        let started = adopted.start_threads();
        started.map_err(|error| Error::io("a thread cannot be started", &error))
    }

    /// Whether an engine on an adopted directory has recovered everything, its events are delivered to
    /// all subscribers there are, and no job is left that an action could perform.
    fn has_settled(&self) -> bool {
        let is_delivered = || self.reporter.ends.are_delivered() || !self.bus.has_subscribers();
        // After the recovery, no new end appears. Delivered ends are then removed by the finisher.
        self.store.is_idle() && is_delivered() && self.reporter.actions.is_idle() && self.store.is_idle()
    }
}

/// Fails unless an engine has used the directory.
fn require_used(platform: &Platform, directory: &Path) -> Result<()> {
    match storage::is_used(platform, directory) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(
            Status::NotFound,
            format!("\"{}\" is no storage directory of callrec", directory.display()),
        )),
        Err(error) => Err(Error::io("the directory cannot be read", &error)),
    }
}

fn out_of_time() -> Error {
    Error::new(
        Status::Timeout,
        "not everything in the directory was done in time; the next adoption continues",
    )
}
