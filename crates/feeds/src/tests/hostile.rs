//! Malformed and malicious packets.

use super::*;
use crate::sim::{RecordingOptions, SinkEnd, config};
use crate::{ClockMode, MediaConfig};
use callrec_base::types::PauseMode;

/// A reproducible random number generator (SplitMix64).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

fn feed_random(sim: &mut Sim, random: &mut SplitMix, last: &mut (u64, u64)) {
    let (seq, ts) = match random.below(4) {
        0 => (random.below(1 << 16), random.below(1 << 32)),
        1 => (last.0 + random.below(40_000), last.1 + random.below(40_000_000)),
        _ => (last.0 + 1, last.1 + 160),
    };
    *last = (seq, ts);
    let (ssrc, kind) = (
        random.pick(&[1, 2, 3]),
        random.pick(&[0u8, 0, 0, 8, 11, 13, 97, 98, 127]),
    );
    let len = random.pick(&[0usize, 1, 2, 160, 160, 160, 333]);
    let bytes = packet(ssrc, kind, seq as u16, ts as u32, &vec![5; len]);
    let now = sim.now_ns;
    let arrival = match random.below(20) {
        0 => random.below(now),
        _ => now,
    };
    let leg = random.pick(&[Leg::Local, Leg::Local, Leg::Remote]);
    if let Some(feed) = sim.feed(leg) {
        feed.rtp(&bytes, arrival);
        if random.below(10) == 0 {
            feed.write_at(random.below(u64::MAX), &[1; 160], arrival);
        }
        if random.below(10) == 0 {
            feed.write(&[1; 160], arrival);
        }
    }
}

fn run(settings: MediaConfig, seed: u64, packets: u64) {
    let real = settings.clock == ClockMode::Real;
    let mut sim = Sim::new(settings);
    let mut random = SplitMix(seed);
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
        // Hours of audio are discarded.
        recording.out.lock().pool = Some(Default::default());
    }
    let mut last = (0, 0);
    for _ in 0..packets {
        feed_random(&mut sim, &mut random, &mut last);
        match random.below(60) {
            0 => sim.pause(&recordings[1]),
            1 => sim.resume(&recordings[1]),
            2 => sim.now_ns += random.below(10_000 * NS_PER_MS),
            3 => sim.now_ns += random.below(60) / 59 * 3_600_000 * NS_PER_MS,
            n if n < 20 => sim.visit(),
            _ => sim.now_ns += random.below(30 * NS_PER_MS),
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
fn hostile_packets_do_not_break_a_recording() {
    let seeds = std::env::var("CALLREC_HOSTILE").ok().and_then(|n| n.parse().ok());
    for seed in 0..seeds.unwrap_or(3) {
        run(config(ClockMode::Real), seed, 600);
        run(config(ClockMode::Stream), seed, 100);
    }
}
