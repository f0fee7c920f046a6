//! One process of a simulated host: an engine whose parts run on this thread.

use std::sync::Arc;

use callrec_core::clock::{Clock, NS_PER_MS};
use callrec_core::config::Config;
use callrec_core::engine::Engine;
use callrec_core::storage::Platform;
use callrec_core::task::{NextStep, Runnable};
use callrec_core::types::Result;
use uuid::Uuid;

use super::clock::SimClock;
use super::disk::SimDisk;
use super::host::Hosts;
use crate::random::{SeededRng, splitmix64};

struct RunningPart {
    runnable: Runnable,
    next: NextStep,
    /// The count of its signal before its last step.
    seen: u64,
}

impl RunningPart {
    fn new(runnable: Runnable) -> RunningPart {
        RunningPart {
            next: NextStep::Now,
            seen: 0,
            runnable,
        }
    }

    /// The time of its next step, in nanoseconds; `None`: after a signal.
    fn due_ns(&self, clock: &SimClock) -> Option<u64> {
        let signalled = self.runnable.signal.count() != self.seen;
        match self.next {
            NextStep::Now => Some(0),
            NextStep::At(_) | NextStep::Signalled if signalled => Some(0),
            NextStep::At(moment) => Some(clock.ns_of(moment)),
            NextStep::Signalled | NextStep::Over => None,
        }
    }
}

/// A process, from the opening of the engine to the process's end.
pub struct SimProcess {
    pub engine: Arc<Engine>,
    clock: Arc<SimClock>,
    disk: SimDisk,
    rng: SeededRng,
    running: Vec<RunningPart>,
    is_closing: bool,
    #[cfg(test)]
    steps: u64,
}

impl SimProcess {
    /// Opens the engine. The first steps recover the files of earlier processes.
    pub fn open(clock: &Arc<SimClock>, disk: &SimDisk, config: Config, seed: u64) -> Result<SimProcess> {
        let ids = std::sync::Mutex::new(SeededRng::new(splitmix64(seed)));
        let platform = Platform {
            clock: clock.clone(),
            disk: Arc::new(disk.clone()),
            ids: Arc::new(move || {
                let mut rng = ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let halves = (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64());
                uuid::Builder::from_random_bytes(halves.to_be_bytes()).into_uuid()
            }),
        };
        let engine = Engine::prepare(platform, config)?;
        disk.begin_steps();
        let parts = engine.parts().into_iter();
        let running = parts.map(|part| RunningPart::new(part.begin().runnable()));
        Ok(SimProcess {
            running: running.collect(),
            engine,
            clock: clock.clone(),
            disk: disk.clone(),
            rng: SeededRng::new(seed),
            is_closing: false,
            #[cfg(test)]
            steps: 0,
        })
    }

    /// Takes the due steps, in random order, until the clock shows this time. Returns false if the
    /// process has died.
    pub fn run_until(&mut self, until_ns: u64) -> bool {
        loop {
            if self.disk.has_died() {
                return false;
            }
            let now_ns = self.clock.now_ns();
            let due = |running: &RunningPart| running.due_ns(&self.clock);
            let ready: Vec<usize> = (0..self.running.len())
                .filter(|index| due(&self.running[*index]).is_some_and(|due_ns| due_ns <= now_ns))
                .collect();
            if ready.is_empty() {
                let next_ns = self.running.iter().filter_map(due).min().unwrap_or(u64::MAX);
                if next_ns > until_ns {
                    self.clock.advance_to(until_ns);
                    return true;
                }
                self.clock.advance_to(next_ns);
                continue;
            }
            let index = ready[self.rng.index(ready.len())];
            self.step(index);
        }
    }

    fn step(&mut self, index: usize) {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        let running = &mut self.running[index];
        running.seen = running.runnable.signal.count();
        running.next = running.runnable.part.step(self.clock.now());
        self.disk.end_step();
        if running.next == NextStep::Over {
            self.running.swap_remove(index);
        }
    }

    /// The number of steps that the parts have taken.
    #[cfg(test)]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Begins to close the engine. [`SimProcess::is_over`] returns true when it is closed.
    pub fn begin_close(&mut self) {
        if self.engine.begin_close().is_ok() {
            let deadline = self.clock.now() + std::time::Duration::from_secs(3600);
            self.running
                .push(RunningPart::new(self.engine.shut_down(deadline)));
            self.is_closing = true;
        }
    }

    /// Whether the engine is closed, and all parts have ended.
    pub fn is_over(&self) -> bool {
        self.is_closing && self.running.is_empty()
    }

    /// Kills the process: its disk calls have no effect any more. Its calls end, and its parts take
    /// some more steps on the dead disk, only so that its memory is freed.
    pub fn die(mut self, hosts: Option<Hosts>) {
        self.disk.kill();
        if let Some(hosts) = hosts {
            hosts.forget();
        }
        for _ in 0..3 {
            self.clock.advance_to(self.clock.now_ns() + 25 * NS_PER_MS);
            for index in (0..self.running.len()).rev() {
                self.step(index);
            }
        }
    }
}

/// The id of a recording as text.
pub fn text_of(id: Uuid) -> String {
    id.as_hyphenated().to_string()
}
