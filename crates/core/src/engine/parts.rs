//! The engine's long-running parts, each of which runs on a thread of its own in production.

use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use crate::storage;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::JoinHandle;
use crate::task::{self, NextStep, Part, Runnable, Signal};

/// Parts that end together when the engine closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Media,
    Storage,
    Events,
    Watch,
    Jobs,
}

/// A part of an engine that has not started.
pub struct EnginePart {
    /// The name of its thread.
    pub name: String,
    engine: Arc<Engine>,
    group: Group,
    make: Box<dyn FnOnce() -> Runnable + Send>,
}

impl EnginePart {
    pub(super) fn new(
        engine: &Arc<Engine>,
        group: Group,
        name: impl Into<String>,
        make: impl FnOnce() -> Runnable + Send + 'static,
    ) -> EnginePart {
        EnginePart {
            name: name.into(),
            engine: engine.clone(),
            group,
            make: Box::new(make),
        }
    }

    /// Counts the part as running; closing waits until it has ended. The thread that runs the
    /// part then calls [`StartedPart::runnable`].
    pub fn begin(self) -> StartedPart {
        let running = RunningGuard::new(&self.engine.running, self.group);
        StartedPart {
            running,
            make: self.make,
        }
    }
}

/// A part that is counted as running.
pub struct StartedPart {
    running: RunningGuard,
    make: Box<dyn FnOnce() -> Runnable + Send>,
}

impl StartedPart {
    pub fn runnable(self) -> Runnable {
        let made = (self.make)();
        Runnable {
            signal: made.signal,
            part: Box::new(CountedPart {
                part: made.part,
                _running: self.running,
            }),
        }
    }
}

struct CountedPart {
    part: Box<dyn Part>,
    _running: RunningGuard,
}

impl Part for CountedPart {
    fn step(&mut self, now: Instant) -> NextStep {
        self.part.step(now)
    }
}

/// The number of running parts in each group.
#[derive(Default)]
pub(super) struct RunningParts {
    counts: [AtomicUsize; 5],
    /// Signalled whenever a part has ended.
    ended: Arc<Signal>,
}

impl RunningParts {
    pub fn signal(&self) -> &Arc<Signal> {
        &self.ended
    }

    /// Waits until no part of a group runs.
    pub async fn ended(&self, group: Group) {
        while self.counts[group as usize].load(Ordering::SeqCst) > 0 {
            task::suspend(NextStep::Signalled).await;
        }
    }
}

/// Counts one part as running until dropped.
pub(super) struct RunningGuard {
    parts: Arc<RunningParts>,
    group: Group,
}

impl RunningGuard {
    pub fn new(parts: &Arc<RunningParts>, group: Group) -> RunningGuard {
        parts.counts[group as usize].fetch_add(1, Ordering::SeqCst);
        RunningGuard {
            parts: parts.clone(),
            group,
        }
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.parts.counts[self.group as usize].fetch_sub(1, Ordering::SeqCst);
        self.parts.ended.notify_all();
    }
}

impl Engine {
    /// All parts of the engine. The caller runs each until it has ended. Called once.
    pub fn parts(self: &Arc<Engine>) -> Vec<EnginePart> {
        let mut parts = Vec::new();
        if !self.is_adopted {
            let bus = self.bus.clone();
            let dispatcher = move || bus.dispatcher();
            parts.push(EnginePart::new(self, Group::Events, "callrec-events", dispatcher));
        }
        for (index, inbox) in self.workers.iter().enumerate() {
            let (name, inbox) = (format!("callrec-media{index}"), inbox.clone());
            parts.push(EnginePart::new(self, Group::Media, name, move || inbox.worker()));
        }
        let (writers, encoders) = self.store.writers();
        for index in 0..writers + encoders {
            let name = match index.checked_sub(writers) {
                Some(encoder) => format!("callrec-encode{encoder}"),
                None => format!("callrec-write{index}"),
            };
            let store = self.store.clone();
            parts.push(EnginePart::new(self, Group::Storage, name, move || {
                store.writer(index)
            }));
        }
        for index in 0..self.store.syncers() {
            let (name, store) = (format!("callrec-sync{index}"), self.store.clone());
            parts.push(EnginePart::new(self, Group::Storage, name, move || {
                store.syncer()
            }));
        }
        for index in 0..self.store.finishers() {
            let (name, store) = (format!("callrec-finish{index}"), self.store.clone());
            parts.push(EnginePart::new(self, Group::Storage, name, move || {
                store.finisher()
            }));
        }
        let store = self.store.clone();
        parts.push(EnginePart::new(
            self,
            Group::Storage,
            "callrec-recover",
            move || store.recovery(),
        ));
        let store = self.store.clone();
        parts.push(EnginePart::new(
            self,
            Group::Storage,
            "callrec-space",
            move || store.free_space_monitor(),
        ));
        if self.audit.is_on() {
            let audit = self.audit.clone();
            parts.push(EnginePart::new(
                self,
                Group::Storage,
                "callrec-audit",
                move || audit.writer(),
            ));
        }
        parts.extend(self.sidecar_part());
        let engine = self.clone();
        parts.push(EnginePart::new(self, Group::Watch, "callrec-watch", move || {
            engine.watch()
        }));
        parts
    }

    /// Starts a thread for each part.
    pub(super) fn start_threads(self: &Arc<Engine>) -> std::io::Result<()> {
        let mut threads = self.threads.lock();
        let hooks = &self.config.thread_hooks;
        for part in self.parts() {
            let (name, clock) = (part.name.clone(), self.clock.clone());
            let begun = part.begin();
            threads.push(storage::spawn(&name, hooks, move || {
                begun.runnable().run(&*clock)
            })?);
        }
        Ok(())
    }

    /// Joins the threads. Every part has ended, so every thread is about to return.
    pub(super) fn join_threads(&self) {
        join(std::mem::take(&mut *self.threads.lock()));
    }
}

pub(super) fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A thread that panicked has ended as well.
        let _ = thread.join();
    }
}
