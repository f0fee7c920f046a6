//! Plays a schedule, and notes for each recording the audio that was written while it was open.

use callrec::media::sim::{RecordingOptions, Sim, SimRecording};
use callrec::types::{Codec, Format, Layout, Leg, PauseMode, Status};
use callrec_testkit::random::SeededRng;

use crate::fixture::format;
use crate::plan::{Schedule, ScheduledRecording};
use crate::senders::{BLOCK, LINEAR, SenderItem, SenderWrite, items};

pub const LEGS: [Leg; 2] = [Leg::Local, Leg::Remote];

#[derive(Clone, Copy)]
enum ScheduleEvent {
    Start(usize),
    Pause(usize),
    Resume(usize),
    Stop(usize),
    Private(bool),
    /// The next item of a leg.
    HostWrite(usize),
}

/// The audio that one leg has written for one recording.
#[derive(Default)]
pub struct LegInput {
    /// Samples between the recording's start and its stop.
    pub during: u64,
    pub after: u64,
    /// By block: whether it was written while the recording was open, unpaused and not private.
    pub kept: Vec<bool>,
}

/// One recording during the playback.
#[derive(Clone, Copy, Default)]
struct PlaybackState {
    started: bool,
    stopped: bool,
    paused: bool,
}

pub struct SchedulePlayback {
    pub tapes: Vec<Option<SimRecording>>,
    /// By recording and leg.
    pub handed: Vec<Vec<LegInput>>,
    pub items: Vec<Vec<SenderItem>>,
    sim: Sim,
    began_ns: u64,
    next_visit_ns: u64,
    states: Vec<PlaybackState>,
    private: bool,
    next: Vec<usize>,
}

/// Plays the whole schedule.
pub fn run(plan: &Schedule, rng: &mut SeededRng) -> SchedulePlayback {
    let items: Vec<_> = plan
        .senders
        .iter()
        .map(|kind| items(*kind, plan.ms, rng))
        .collect();
    let mut run = SchedulePlayback::new(plan, items);
    for (us, event) in events(plan, &run.items) {
        run.until(us, plan.visit_ms, rng);
        run.event(event, plan);
    }
    run.end();
    run
}

/// All events in order. Other events come before packets of the same time.
fn events(plan: &Schedule, items: &[Vec<SenderItem>]) -> Vec<(u64, ScheduleEvent)> {
    let mut events = Vec::new();
    for (n, recording) in plan.recordings.iter().enumerate() {
        events.push((recording.start * 1000, ScheduleEvent::Start(n)));
        for (from, to) in &recording.pauses {
            events.push((from * 1000, ScheduleEvent::Pause(n)));
            events.push((to * 1000, ScheduleEvent::Resume(n)));
        }
        events.push((recording.stop * 1000, ScheduleEvent::Stop(n)));
    }
    for (from, to) in &plan.private {
        events.push((from * 1000, ScheduleEvent::Private(true)));
        events.push((to * 1000, ScheduleEvent::Private(false)));
    }
    for (leg, items) in items.iter().enumerate() {
        events.extend(
            items
                .iter()
                .map(|item| (item.arrival_us, ScheduleEvent::HostWrite(leg))),
        );
    }
    events.sort_by_key(|(us, _)| *us);
    events
}

impl SchedulePlayback {
    fn new(plan: &Schedule, items: Vec<Vec<SenderItem>>) -> SchedulePlayback {
        let mut sim = Sim::real();
        for leg in &LEGS[..items.len()] {
            let linear = format(Codec::Pcm16, 8000);
            sim.attach(*leg, linear);
            sim.payload(*leg, LINEAR, linear);
        }
        // A fast sender sends more than 8 samples per ms.
        let blocks = plan.ms as usize * 9 / BLOCK + 4;
        let fresh = || LegInput {
            kept: vec![false; blocks],
            ..LegInput::default()
        };
        let legs = items.len();
        SchedulePlayback {
            tapes: vec![None; plan.recordings.len()],
            handed: plan
                .recordings
                .iter()
                .map(|_| (0..legs).map(|_| fresh()).collect())
                .collect(),
            began_ns: sim.now_ns,
            next_visit_ns: sim.now_ns,
            states: vec![PlaybackState::default(); plan.recordings.len()],
            private: false,
            next: vec![0; legs],
            items,
            sim,
        }
    }

    fn until(&mut self, us: u64, visit_ms: u64, rng: &mut SeededRng) {
        let until = self.began_ns + us * 1000;
        while self.next_visit_ns <= until {
            self.sim.now_ns = self.next_visit_ns;
            self.sim.visit();
            let ms = if visit_ms == 100 {
                100
            } else {
                rng.between(1, visit_ms)
            };
            self.next_visit_ns += ms * 1_000_000;
        }
        self.sim.now_ns = until;
    }

    fn event(&mut self, event: ScheduleEvent, plan: &Schedule) {
        match event {
            ScheduleEvent::Start(n) => self.start(n, &plan.recordings[n]),
            ScheduleEvent::Pause(n) => self.with_tape(n, |sim, tape| sim.pause(tape)).paused = true,
            ScheduleEvent::Resume(n) => self.with_tape(n, |sim, tape| sim.resume(tape)).paused = false,
            ScheduleEvent::Stop(n) => self.with_tape(n, |sim, tape| sim.stop(tape)).stopped = true,
            ScheduleEvent::Private(on) => {
                self.sim.private(on);
                self.private = on;
            }
            ScheduleEvent::HostWrite(leg) => self.hand(leg),
        }
    }

    fn start(&mut self, n: usize, recording: &ScheduledRecording) {
        let options = RecordingOptions {
            format: Format::WAV,
            layout: if self.items.len() == 1 {
                Layout::Local
            } else {
                Layout::Stereo
            },
            pause_mode: if recording.skips {
                PauseMode::Skip
            } else {
                PauseMode::Silence
            },
            ..RecordingOptions::default()
        };
        self.tapes[n] = Some(self.sim.start(options));
        self.states[n].started = true;
    }

    fn with_tape(&mut self, n: usize, act: impl FnOnce(&mut Sim, &SimRecording)) -> &mut PlaybackState {
        let tape = self.tapes[n].as_ref().expect("a started recording");
        act(&mut self.sim, tape);
        &mut self.states[n]
    }

    fn hand(&mut self, leg: usize) {
        let item = &self.items[leg][self.next[leg]];
        self.next[leg] += 1;
        let status = match &item.hand {
            SenderWrite::Rtp(packet) => self.sim.rtp(LEGS[leg], packet),
            SenderWrite::Write(bytes) => self.sim.write(LEGS[leg], bytes),
        };
        assert!(matches!(status, Status::Ok | Status::Overrun), "{status:?}");
        for (state, handed) in self.states.iter().zip(&mut self.handed) {
            let handed = &mut handed[leg];
            if !state.started {
                continue;
            }
            if state.stopped {
                handed.after += item.samples as u64;
                continue;
            }
            handed.during += item.samples as u64;
            if !state.paused && !self.private {
                handed.kept[item.from / BLOCK..(item.from + item.samples) / BLOCK].fill(true);
            }
        }
    }

    /// Waits until all recordings have ended.
    fn end(&mut self) {
        for _ in 0..100 {
            self.sim.pass(100);
            let ended = |tape: &SimRecording| tape.out.lock().ending.is_some();
            if self.tapes.iter().flatten().all(ended) {
                break;
            }
        }
    }
}
