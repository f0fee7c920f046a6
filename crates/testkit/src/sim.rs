//! A simulator of the whole engine: hosts, network, engine and disk on one thread, in simulated
//! time, from one seed.
//!
//! A failure is repeated by its seed: [`play`] does the same for the same seed.

mod audio;
mod check;
mod clock;
mod concealed;
mod controls;
#[cfg(test)]
mod deletions;
mod disk;
mod files;
mod host;
#[cfg(test)]
mod idle;
mod kept_past;
mod known_call;
mod leg;
mod lookback;
mod model;
mod network;
mod old_version;
mod past;
mod patterns;
mod presence;
mod process;
mod raw;
mod run_frames;
mod succession;
mod transfers;
mod tree;
mod troubles;
mod turns;
mod whole_frames;

use std::sync::Arc;

use callrec_core::calls::{RefusalAction, TransferAction};
use callrec_core::clock::NS_PER_MS;
use callrec_core::config::Config;

use check::{AllowedLoss, FinalDisk};
use clock::SimClock;
use disk::SimDisk;
use host::Hosts;
use model::{ProcessDeath, SharedModel};
use patterns::{PACKET_MS, PatternSource};
use process::SimProcess;

use crate::random::{SeededRng, splitmix64};

/// The result of a simulation.
#[derive(Debug, Default)]
pub struct SimOutcome {
    /// The failures; empty if there are none.
    pub wrong: Vec<String>,
    /// What happened, one event a line.
    pub trace: Vec<String>,
    /// The simulated call time, in milliseconds.
    pub call_ms: u64,
    pub recordings: usize,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessEnd {
    Closed,
    /// In the disk call with this number.
    Killed(u64),
    PowerCut,
}

/// The longest time that a close may take.
const RECOVERY_MS: u64 = 120_000;

/// Plays the simulation of one seed.
pub fn play(seed: u64) -> SimOutcome {
    play_planted(seed, "")
}

/// The same with a fault planted in the library: a value of the key `faults.panic`.
pub fn play_planted(seed: u64, planted: &str) -> SimOutcome {
    run_frames::install();
    let mut simulation = Simulation::new(seed, planted);
    let processes = simulation.rng.between(1, 3) as usize;
    for process in 0..processes {
        let end = simulation.end(process);
        simulation.run(process, end);
    }
    simulation.recover(processes);
    simulation.outcome()
}

struct Simulation {
    seed: u64,
    rng: SeededRng,
    clock: Arc<SimClock>,
    disk: SimDisk,
    model: SharedModel,
    patterns: PatternSource,
    call_ms: u64,
    durability: &'static str,
    sync_interval_ms: u64,
    hold_audio: &'static str,
    on_transfer: TransferAction,
    planted: String,
    power_was_cut: bool,
    /// Audio is kept for recordings that begin earlier than they are started.
    keeps_past: bool,
    /// With that: whether consent is required, and what a refusal does.
    consent: (bool, RefusalAction),
    /// The disk never fails.
    disk_is_sound: bool,
}

impl Simulation {
    fn new(seed: u64, planted: &str) -> Simulation {
        let mut rng = SeededRng::scattered(seed);
        let clock = Arc::new(SimClock::default());
        let troubles = troubles::any(&mut rng);
        let disk_is_sound = troubles.is_empty();
        let disk = SimDisk::new(clock.clone(), SeededRng::new(rng.next_u64()), troubles);
        let model = SharedModel::default();
        // The audio holds no tones, but some packets look like telephone events.
        model.lock().masks_dtmf = seed % 4 == 3;
        model.lock().conceals = seed % 5 == 1;
        if rng.chance(10) {
            old_version::leave(&disk, &model);
        }
        Simulation {
            seed,
            clock,
            disk,
            model,
            patterns: PatternSource::default(),
            call_ms: 0,
            durability: rng.pick(&["process", "finish", "power"]),
            sync_interval_ms: rng.pick(&[200, 1000, 3000]),
            hold_audio: rng.pick(&["keep", "silence"]),
            on_transfer: rng.pick(&[
                TransferAction::Continue,
                TransferAction::Stop,
                TransferAction::New,
            ]),
            planted: planted.to_owned(),
            power_was_cut: false,
            keeps_past: seed % 3 == 1,
            consent: (
                seed % 9 == 4,
                match seed % 2 {
                    0 => RefusalAction::Stop,
                    _ => RefusalAction::Discard,
                },
            ),
            disk_is_sound,
            rng,
        }
    }

    fn end(&mut self, process: usize) -> ProcessEnd {
        match (process, self.rng.below(5)) {
            (_, 0 | 1) => ProcessEnd::Closed,
            (_, 2 | 3) => ProcessEnd::Killed(self.rng.between(1, 4000)),
            _ => ProcessEnd::PowerCut,
        }
    }

    fn config(&mut self) -> Config {
        let mut config = Config::default();
        let digest = self.rng.pick(&["none", "sha256"]);
        let sync_interval = self.sync_interval_ms.to_string();
        let dtmf = if self.model.lock().masks_dtmf {
            "mask"
        } else {
            "keep"
        };
        let kept_ms = lookback::KEPT_MS.to_string();
        let on_refusal = match self.consent.1 {
            RefusalAction::Stop => "stop",
            RefusalAction::Discard => "discard",
        };
        let on_transfer = match self.on_transfer {
            TransferAction::Continue => "continue",
            TransferAction::Stop => "stop",
            TransferAction::New => "new",
        };
        let concealment = if self.model.lock().conceals { "on" } else { "off" };
        for (key, value) in [
            ("storage.directory", "/simulated"),
            ("storage.durability", self.durability),
            ("storage.sync_interval_ms", &sync_interval),
            ("storage.digest", digest),
            ("calls.hold_audio", self.hold_audio),
            ("media.dtmf", dtmf),
            ("media.concealment", concealment),
            ("media.lookback_ms", if self.keeps_past { &kept_ms } else { "0" }),
            ("consent.required", if self.consent.0 { "true" } else { "false" }),
            ("consent.on_refusal", on_refusal),
            ("recording.on_transfer", on_transfer),
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

    /// Starts a process. With `unsubscribed`, its engine has no subscriber.
    fn open(&mut self, process: usize, dies_at: u64, unsubscribed: bool) -> Option<SimProcess> {
        self.disk.next_process(dies_at);
        self.model.lock().process = process;
        let (config, seed) = (self.config(), self.rng.next_u64());
        let opened = SimProcess::open(&self.clock, &self.disk, config, splitmix64(seed));
        let line = match &opened {
            Ok(_) => format!("process {process} opens"),
            Err(error) => format!("process {process} cannot open: {}", error.message),
        };
        self.model.lock().trace.push(line);
        let running = opened.ok()?;
        running
            .engine
            .bus()
            .set_log(Some(self.model.listener(&self.disk)));
        if unsubscribed {
            self.model.lock().trace.push("nobody subscribes".to_owned());
            self.model.lock().had_no_subscriber = true;
            return Some(running);
        }
        let subscribed = running.engine.bus().subscribe(self.model.listener(&self.disk));
        if subscribed.is_err() {
            self.model.lock().fault("a subscription is refused".to_owned());
        }
        Some(running)
    }

    /// Runs one process that records calls.
    fn run(&mut self, process: usize, end: ProcessEnd) {
        let dies_at = match end {
            ProcessEnd::Killed(call) => call,
            _ => u64::MAX,
        };
        let unsubscribed = self.rng.chance(10);
        let Some(mut running) = self.open(process, dies_at, unsubscribed) else {
            return;
        };
        let rng = SeededRng::new(self.rng.next_u64());
        let mut hosts = Hosts::new(&running.engine, &self.model, process, rng);
        hosts.hold_is_silence = self.hold_audio == "silence";
        hosts.disk_is_sound = self.disk_is_sound;
        hosts.on_transfer = self.on_transfer;
        if self.keeps_past {
            // Seeds that keep nothing stay as they are.
            let seed = splitmix64(self.seed ^ (process as u64 + 1) << 32);
            hosts.past_rng = Some(SeededRng::scattered(seed));
            (hosts.needs_consent, hosts.on_refusal) = self.consent;
        }
        let ticks = self.rng.between(50, 600);
        let mut alive = true;
        for _ in 0..ticks {
            alive = running.run_until(self.clock.now_ns() + PACKET_MS * NS_PER_MS);
            if !alive {
                break;
            }
            hosts.tick(self.clock.now_ns(), &mut self.patterns);
            self.call_ms += hosts.live_calls() as u64 * PACKET_MS;
        }
        if alive && end == ProcessEnd::Closed {
            alive = self.close(&mut running);
        }
        self.model
            .lock()
            .trace
            .push(match alive && end == ProcessEnd::Closed {
                true => format!("process {process} has closed"),
                false => format!("process {process} dies: {end:?}"),
            });
        let by_power = end == ProcessEnd::PowerCut;
        if by_power {
            self.disk.cut_power();
            self.power_was_cut = true;
        }
        self.check_secrets();
        running.die(Some(hosts));
        let mut state = self.model.lock();
        let tick = state.tick;
        let death = (!alive || end != ProcessEnd::Closed).then_some(ProcessDeath { tick, by_power });
        state.process_ended(process, death);
    }

    /// Closes the engine. Returns false if the process has died meanwhile, or does not end.
    fn close(&mut self, running: &mut SimProcess) -> bool {
        running.begin_close();
        let deadline_ns = self.clock.now_ns() + RECOVERY_MS * NS_PER_MS;
        while !running.is_over() {
            if !running.run_until(self.clock.now_ns() + NS_PER_MS) {
                return false;
            }
            if self.clock.now_ns() > deadline_ns {
                self.model.lock().fault("the close does not end".to_owned());
                return false;
            }
        }
        true
    }

    /// Runs the last process, which recovers everything on a sound disk.
    fn recover(&mut self, process: usize) {
        self.disk.end_troubles();
        let Some(mut running) = self.open(process, u64::MAX, false) else {
            self.model
                .lock()
                .fault("the directory cannot be opened".to_owned());
            return;
        };
        running.run_until(self.clock.now_ns() + 5000 * NS_PER_MS);
        self.close(&mut running);
        running.die(None);
        self.check_secrets();
        let files = self.disk.files();
        let lost = match (self.power_was_cut, self.durability) {
            (false, _) => AllowedLoss::Nothing,
            (true, "process") => AllowedLoss::Anything,
            (true, "power") => AllowedLoss::Unsynced,
            (true, _) => AllowedLoss::Unreported,
        };
        let left = FinalDisk::new(
            &files,
            lost,
            self.disk_is_sound,
            self.sync_interval_ms / PACKET_MS,
        );
        check::check(&mut self.model.lock(), &left);
    }

    fn check_secrets(&self) {
        let files = self.disk.files();
        check::check_secrets(&mut self.model.lock(), &files);
    }

    fn outcome(self) -> SimOutcome {
        // Leaked parts of a dead process may keep the disk alive.
        self.disk.clear();
        let mut state = self.model.lock();
        SimOutcome {
            recordings: state.recordings.len(),
            wrong: [std::mem::take(&mut state.wrong), self.disk.wrong()].concat(),
            trace: std::mem::take(&mut state.trace),
            call_ms: self.call_ms,
        }
    }
}
