//! Packets that no honest sender would send.

use super::*;
use crate::media::sim::{RecordingOptions, SinkEnd, config};
use crate::media::{ClockMode, MediaConfig};
use crate::types::PauseMode;

/// The same numbers each time (SplitMix64).
struct SplitMix(u64);

impl SplitMix {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len() as u64) as usize]
    }
}

fn throw(sim: &mut Sim, dice: &mut SplitMix, last: &mut (u64, u64)) {
    let (seq, ts) = match dice.roll(4) {
        0 => (dice.roll(1 << 16), dice.roll(1 << 32)),
        1 => (last.0 + dice.roll(40_000), last.1 + dice.roll(40_000_000)),
        _ => (last.0 + 1, last.1 + 160),
    };
    *last = (seq, ts);
    let (ssrc, kind) = (
        dice.one(&[1, 2, 3]),
        dice.one(&[0u8, 0, 0, 8, 11, 13, 97, 98, 127]),
    );
    let len = dice.one(&[0usize, 1, 2, 160, 160, 160, 333]);
    let bytes = packet(ssrc, kind, seq as u16, ts as u32, &vec![5; len]);
    let now = sim.now_ns;
    let arrival = match dice.roll(20) {
        0 => dice.roll(now),
        _ => now,
    };
    let leg = dice.one(&[Leg::Local, Leg::Local, Leg::Remote]);
    if let Some(feed) = sim.feed(leg) {
        feed.rtp(&bytes, arrival);
        if dice.roll(10) == 0 {
            feed.write_at(dice.roll(u64::MAX), &[1; 160], arrival);
        }
        if dice.roll(10) == 0 {
            feed.write(&[1; 160], arrival);
        }
    }
}

fn run(settings: MediaConfig, seed: u64, packets: u64) {
    let real = settings.clock == ClockMode::Real;
    let mut sim = Sim::new(settings);
    let mut dice = SplitMix(seed);
    for leg in [Leg::Local, Leg::Remote] {
        sim.attach(leg, ULAW);
        sim.payload(leg, 97, WIDE);
        sim.payload(leg, 98, FeedFormat { rate: 48_000, ..PCM });
    }
    let begin = sim.now_ns;
    let options = |pause_mode| RecordingOptions {
        pause_mode,
        ..RecordingOptions::default()
    };
    let recordings = [PauseMode::Silence, PauseMode::Skip].map(|mode| sim.start(options(mode)));
    for recording in &recordings {
        // Nothing is kept of hours of it.
        recording.out.lock().pool = Some(Default::default());
    }
    let mut last = (0, 0);
    for _ in 0..packets {
        throw(&mut sim, &mut dice, &mut last);
        match dice.roll(60) {
            0 => sim.pause(&recordings[1]),
            1 => sim.resume(&recordings[1]),
            2 => sim.now_ns += dice.roll(10_000 * NS_PER_MS),
            3 => sim.now_ns += dice.roll(60) / 59 * 3_600_000 * NS_PER_MS,
            n if n < 20 => sim.visit(),
            _ => sim.now_ns += dice.roll(30 * NS_PER_MS),
        }
    }
    let wall = (sim.now_ns - begin) / NS_PER_MS;
    sim.end();
    for _ in 0..1_000_000 {
        sim.visit();
        if sim.is_over() {
            break;
        }
    }
    assert!(
        sim.stats.frames_lost() < 1 << 40,
        "{} lost",
        sim.stats.frames_lost()
    );
    for recording in &recordings {
        let ending = recording.out.lock().ending.clone();
        assert!(
            matches!(ending, Some(SinkEnd::Finished(..))),
            "seed {seed}: {ending:?}"
        );
        let (length, lost) = (recording.progress.duration_ms(), recording.progress.lost_ms());
        assert!(
            !real || length <= wall + 2020,
            "seed {seed}: {length} of {wall} ms"
        );
        assert!(lost <= 2 * length + 1, "seed {seed}: {lost} of {length} ms lost");
    }
}

#[test]
fn nothing_breaks() {
    let seeds = std::env::var("CALLREC_HOSTILE").ok().and_then(|n| n.parse().ok());
    for seed in 0..seeds.unwrap_or(3) {
        run(config(ClockMode::Real), seed, 600);
        run(config(ClockMode::Stream), seed, 100);
    }
}
