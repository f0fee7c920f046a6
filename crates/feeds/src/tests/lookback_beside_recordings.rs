//! Look-back changes nothing in recordings that do not use it: the same random call with and without
//! it gives the same ledgers.

use super::lookback::{MS, call_of, ended, keeping, one_leg_options};
use super::*;
use crate::sim::RecordingOptions;
use callrec_base::types::Layout;

/// Calls that are compared; the first ones have differed before.
const SEEDS: [u64; 4] = [113, 143, 1, 2];
const PACKETS: u64 = 400;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn is(&mut self, one_of: u64) -> bool {
        self.below(one_of) == 0
    }
}

struct RandomRecording {
    recording: SimRecording,
    is_paused: bool,
    is_stopped: bool,
}

/// A call with one leg that changes its clock rate and stalls or writes in bursts, and one that
/// writes faster than the clock.
struct RandomCall {
    random: Random,
    sim: Sim,
    recordings: Vec<RandomRecording>,
    writes: bool,
    is_private: bool,
    is_on_hold: bool,
    is_wide: bool,
    timestamp: u32,
    /// The local leg hands in nothing for so many packets.
    stalled: u64,
    held: Vec<Vec<u8>>,
}

impl RandomCall {
    fn new(seed: u64, lookback_ms: u64) -> RandomCall {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..5 {
            random.below(2);
        }
        let mut config = keeping(lookback_ms);
        config.conceals = random.is(4);
        config.masks_dtmf = random.is(4);
        config.hold_is_silence = random.is(2);
        let writes = random.is(3);
        let mut sim = Sim::new(config);
        sim.attach(Leg::Local, ULAW);
        sim.attach(Leg::Remote, if random.is(2) { ULAW } else { WIDE });
        sim.payload(Leg::Local, 96, WIDE);
        sim.visit();
        RandomCall {
            random,
            sim,
            writes,
            recordings: Vec::new(),
            is_private: false,
            is_on_hold: false,
            is_wide: false,
            timestamp: 0,
            stalled: 0,
            held: Vec::new(),
        }
    }

    /// The ledgers of its recordings.
    fn run(mut self) -> Vec<String> {
        for n in 0..PACKETS {
            if self.random.is(12) {
                self.change();
            }
            match self.writes {
                true => self.write(n),
                false => self.send(n),
            }
            if !self.random.is(3) {
                self.sim.write(Leg::Remote, &[tag(n); 320]);
            }
            self.sim.now_ns += 20 * MS;
            if n % 5 == 4 {
                self.sim.visit();
            }
        }
        self.sim.end();
        self.sim.pass(8_000);
        let ledger = |one: &RandomRecording| {
            let progress = &one.recording.progress;
            format!("{:?} {}", progress.ledger().legs, progress.lost_ms())
        };
        self.recordings.iter().map(ledger).collect()
    }

    fn change(&mut self) {
        let live = |one: &(usize, &RandomRecording)| !one.1.is_stopped;
        let live: Vec<usize> = self
            .recordings
            .iter()
            .enumerate()
            .filter(live)
            .map(|(n, _)| n)
            .collect();
        match self.random.below(12) {
            0..=2 if live.len() < 3 => self.start(),
            3 | 4 if !live.is_empty() => {
                let one = live[self.random.below(live.len() as u64) as usize];
                let RandomRecording {
                    recording, is_paused, ..
                } = &mut self.recordings[one];
                match *is_paused {
                    true => self.sim.resume(recording),
                    false => self.sim.pause(recording),
                }
                *is_paused = !*is_paused;
            }
            5 if !live.is_empty() => {
                let one = live[self.random.below(live.len() as u64) as usize];
                self.sim.stop(&self.recordings[one].recording);
                self.recordings[one].is_stopped = true;
            }
            6 => {
                let is_private = !self.random.is(2);
                if is_private != self.is_private {
                    self.sim.private(is_private);
                    self.is_private = is_private;
                }
            }
            7 => {
                self.is_on_hold = !self.is_on_hold;
                self.sim.hold(self.is_on_hold);
            }
            8 => self.sim.digit(Leg::Local, 100),
            9 => self.is_wide = !self.is_wide && !self.writes,
            10 => self.stalled = self.random.below(60),
            _ => {}
        }
    }

    fn start(&mut self) {
        let options = RecordingOptions {
            layout: [Layout::Local, Layout::Stereo, Layout::Mono][self.random.below(3) as usize],
            rate: [0, 16_000][self.random.below(2) as usize],
            ..RecordingOptions::default()
        };
        self.recordings.push(RandomRecording {
            recording: self.sim.start(options),
            is_paused: false,
            is_stopped: false,
        });
    }

    fn write(&mut self, n: u64) {
        if self.stalled > 0 {
            self.stalled -= 1;
            return;
        }
        let burst = if self.random.is(30) {
            1 + self.random.below(30)
        } else {
            1
        };
        for _ in 0..burst {
            self.sim.write(Leg::Local, &[tag(n); 160]);
        }
        self.stalled = burst - 1;
    }

    fn send(&mut self, n: u64) {
        let (payload_type, bytes, samples) = if self.is_wide {
            (96, 640, 320)
        } else {
            (0, 160, 160)
        };
        let bytes = packet(9, payload_type, n as u16, self.timestamp, &vec![tag(n); bytes]);
        self.timestamp += samples;
        if !self.random.is(40) {
            self.held.push(bytes.clone());
        }
        if self.random.is(40) {
            self.held.push(bytes);
        }
        self.stalled = self.stalled.saturating_sub(1);
        if self.stalled == 0 && !self.random.is(10) {
            if self.random.is(20) {
                self.held.reverse();
            }
            for bytes in self.held.drain(..) {
                self.sim.rtp(Leg::Local, &bytes);
            }
        }
    }
}

#[test]
fn look_back_changes_no_ledger_of_another_recording() {
    for seed in SEEDS {
        let [without, with] = [0, 60_000].map(|ms| RandomCall::new(seed, ms).run());
        assert_eq!(with, without, "seed {seed}");
    }
}

/// A refusal is withdrawn just after a packet, and consent is still required: the audio is kept from
/// that moment on, not from the end of the packet.
#[test]
fn what_follows_a_withdrawn_refusal_is_kept_whole() {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 50, &[]);
    sim.private(true);
    send(&mut sim, 50, 100, &[]);
    sim.now_ns -= 20 * MS;
    sim.await_consent();
    let from_ns = sim.now_ns;
    sim.now_ns += 20 * MS;
    send(&mut sim, 100, 150, &[]);
    sim.forget_before(60_000 * MS);
    sim.private(false);
    let recording = sim.start_from(from_ns, one_leg_options());
    send(&mut sim, 150, 160, &[]);
    let recorded = ended(sim, &recording);
    assert_eq!(recorded[0], 0);
    assert_eq!(recorded[1..], expected(100, 160));
}
