//! A simulator of the whole engine: hosts, network, engine and disk on one thread, in simulated
//! time, from one seed.
//!
//! Every failure is played again by its seed: [`play`] does the same for the same seed.

mod audio;
mod check;
mod clock;
mod controls;
mod disk;
mod files;
mod host;
mod left;
mod leg;
mod marks;
mod model;
mod network;
mod tree;
mod troubles;
mod turns;
mod verdict;
mod world;

use std::sync::Arc;

use callrec_core::clock::NS_PER_MS;
use callrec_core::config::Config;

use check::{Left, Lost};
use clock::SimClock;
use disk::SimDisk;
use host::{Hosts, PACKET_MS};
use marks::Marks;
use model::{Death, Model};
use world::World;

use crate::random::{Dice, scatter};

/// What a simulation has come to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is wrong, in words; empty if nothing is.
    pub wrong: Vec<String>,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// How much call time was simulated, in milliseconds.
    pub call_ms: u64,
    pub recordings: usize,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    /// In one of its disk calls.
    Killed(u64),
    PowerCut,
}

/// Opening again after a power cut, and the last time, takes no longer.
const RECOVERY_MS: u64 = 120_000;

/// Plays the simulation of one seed.
pub fn play(seed: u64) -> Outcome {
    play_planted(seed, "")
}

/// The same with a fault planted in the library: a value of its key `faults.panic`.
pub fn play_planted(seed: u64, planted: &str) -> Outcome {
    let mut simulation = Simulation::new(seed, planted);
    let processes = simulation.dice.between(1, 3) as usize;
    for process in 0..processes {
        let end = simulation.end(process);
        simulation.run(process, end);
    }
    simulation.recover(processes);
    simulation.outcome()
}

struct Simulation {
    dice: Dice,
    clock: Arc<SimClock>,
    disk: SimDisk,
    model: Model,
    marks: Marks,
    call_ms: u64,
    durability: &'static str,
    sync_interval_ms: u64,
    hold_audio: &'static str,
    planted: String,
    power_was_cut: bool,
    /// The disk is never in trouble.
    calm: bool,
}

impl Simulation {
    fn new(seed: u64, planted: &str) -> Simulation {
        let mut dice = Dice::scattered(seed);
        let clock = Arc::new(SimClock::default());
        let troubles = troubles::any(&mut dice);
        let calm = troubles.is_empty();
        let disk = SimDisk::new(clock.clone(), Dice::new(dice.roll()), troubles);
        let model = Model::default();
        if dice.chance(10) {
            left::leave(&disk, &model);
        }
        Simulation {
            clock,
            disk,
            model,
            marks: Marks::default(),
            call_ms: 0,
            durability: dice.pick(&["process", "finish", "power"]),
            sync_interval_ms: dice.pick(&[200, 1000, 3000]),
            hold_audio: dice.pick(&["keep", "silence"]),
            planted: planted.to_owned(),
            power_was_cut: false,
            calm,
            dice,
        }
    }

    fn end(&mut self, process: usize) -> End {
        match (process, self.dice.below(5)) {
            (_, 0 | 1) => End::Closed,
            (_, 2 | 3) => End::Killed(self.dice.between(1, 4000)),
            _ => End::PowerCut,
        }
    }

    fn config(&mut self) -> Config {
        let mut config = Config::default();
        let digest = self.dice.pick(&["none", "sha256"]);
        let sync_interval = self.sync_interval_ms.to_string();
        for (key, value) in [
            ("storage.directory", "/simulated"),
            ("storage.durability", self.durability),
            ("storage.sync_interval_ms", &sync_interval),
            ("storage.digest", digest),
            ("calls.hold_audio", self.hold_audio),
            ("storage.min_free_bytes", "0"),
            ("media.workers", "1"),
            ("media.overflow_bytes", "1048576"),
        ] {
            if let Err(error) = config.set(key, value) {
                self.model.lock().fault(format!("{key}: {}", error.message));
            }
        }
        if !self.planted.is_empty()
            && let Err(error) = config.set("faults.panic", &self.planted)
        {
            self.model.lock().fault(error.message);
        }
        config
    }

    /// `deaf`: nobody listens to its events.
    fn open(&mut self, process: usize, dies_at: u64, deaf: bool) -> Option<World> {
        self.disk.next_process(dies_at);
        self.model.lock().process = process;
        let (config, seed) = (self.config(), self.dice.roll());
        let opened = World::open(&self.clock, &self.disk, config, scatter(seed));
        let line = match &opened {
            Ok(_) => format!("process {process} opens"),
            Err(error) => format!("process {process} cannot open: {}", error.message),
        };
        self.model.lock().trace.push(line);
        let world = opened.ok()?;
        world.engine.bus().set_log(Some(self.model.listener(&self.disk)));
        if deaf {
            self.model.lock().trace.push("nobody listens".to_owned());
            self.model.lock().somebody_was_deaf = true;
            return Some(world);
        }
        let subscribed = world.engine.bus().subscribe(self.model.listener(&self.disk));
        if subscribed.is_err() {
            self.model.lock().fault("nobody can subscribe".to_owned());
        }
        Some(world)
    }

    /// One process that records calls.
    fn run(&mut self, process: usize, end: End) {
        let dies_at = match end {
            End::Killed(call) => call,
            _ => u64::MAX,
        };
        let deaf = self.dice.chance(10);
        let Some(mut world) = self.open(process, dies_at, deaf) else {
            return;
        };
        let dice = Dice::new(self.dice.roll());
        let mut hosts = Hosts::new(&world.engine, &self.model, process, dice);
        hosts.hold_is_silence = self.hold_audio == "silence";
        hosts.calm = self.calm;
        let ticks = self.dice.between(50, 600);
        let mut alive = true;
        for _ in 0..ticks {
            alive = world.run_until(self.clock.now_ns() + PACKET_MS * NS_PER_MS);
            if !alive {
                break;
            }
            hosts.tick(self.clock.now_ns(), &mut self.marks);
            self.call_ms += hosts.live_calls() as u64 * PACKET_MS;
        }
        if alive && end == End::Closed {
            alive = self.close(&mut world);
        }
        self.model.lock().trace.push(match alive && end == End::Closed {
            true => format!("process {process} has closed"),
            false => format!("process {process} dies: {end:?}"),
        });
        let by_power = end == End::PowerCut;
        if by_power {
            self.disk.cut_power();
            self.power_was_cut = true;
        }
        self.check_secrets();
        world.die(Some(hosts));
        let mut known = self.model.lock();
        let tick = known.tick;
        let death = (!alive || end != End::Closed).then_some(Death { tick, by_power });
        known.process_ended(process, death);
    }

    /// `false`: the process died meanwhile, or never came to its end.
    fn close(&mut self, world: &mut World) -> bool {
        world.begin_close();
        let deadline_ns = self.clock.now_ns() + RECOVERY_MS * NS_PER_MS;
        while !world.is_over() {
            if !world.run_until(self.clock.now_ns() + NS_PER_MS) {
                return false;
            }
            if self.clock.now_ns() > deadline_ns {
                self.model
                    .lock()
                    .fault("closing never comes to its end".to_owned());
                return false;
            }
        }
        true
    }

    /// The last process finds what is left, on a disk that works.
    fn recover(&mut self, process: usize) {
        self.disk.heal();
        let Some(mut world) = self.open(process, u64::MAX, false) else {
            self.model
                .lock()
                .fault("the directory cannot be opened".to_owned());
            return;
        };
        world.run_until(self.clock.now_ns() + 5000 * NS_PER_MS);
        self.close(&mut world);
        world.die(None);
        self.check_secrets();
        let files = self.disk.files();
        let lost = match (self.power_was_cut, self.durability) {
            (false, _) => Lost::Nothing,
            (true, "process") => Lost::Anything,
            (true, "power") => Lost::WhatWasNotSynced,
            (true, _) => Lost::WhatWasNotTold,
        };
        let left = Left::new(&files, lost, self.calm, self.sync_interval_ms / PACKET_MS);
        check::check(&mut self.model.lock(), &left);
    }

    fn check_secrets(&self) {
        let files = self.disk.files();
        check::check_secrets(&mut self.model.lock(), &files);
    }

    fn outcome(self) -> Outcome {
        // A process that has died may hold it for ever.
        self.disk.clear();
        let mut known = self.model.lock();
        Outcome {
            recordings: known.recordings.len(),
            wrong: [std::mem::take(&mut known.wrong), self.disk.wrong()].concat(),
            trace: std::mem::take(&mut known.trace),
            call_ms: self.call_ms,
        }
    }
}
