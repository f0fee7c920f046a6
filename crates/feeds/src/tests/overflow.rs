//! Bursts that a feed's own ring cannot hold, and the overflow memory.

use std::sync::Arc;

use super::*;
use crate::overflow::{CHUNK, chunks_for};
use crate::sim::{RecordingOptions, config};
use crate::{ClockMode, MediaConfig, OverflowPool};
use callrec_base::types::{FeedOptions, Format, Layout, Status};

const LEG: Leg = Leg::Local;
const BURST: u64 = 250;

fn settings(overflow_bytes: u64) -> MediaConfig {
    let mut settings = config(ClockMode::Real);
    settings.overflow_bytes = overflow_bytes;
    settings
}

fn assert_all_free(pool: &Arc<OverflowPool>) {
    assert_eq!(pool.free(), pool.allocated());
}

/// Starts a recording of the leg.
fn start_recording(sim: &mut Sim) -> SimRecording {
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    });
    sim.visit();
    recording
}

#[test]
fn a_burst_of_five_seconds_is_accepted_in_every_format() {
    for (codec, rate, channels) in [
        (Codec::Pcmu, 8000, 1),
        (Codec::Pcmu, 8000, 2),
        (Codec::Pcm16, 8000, 1),
        (Codec::Pcm16, 16_000, 1),
        (Codec::Pcm16, 48_000, 1),
        (Codec::Pcm16, 48_000, 2),
    ] {
        let options = FeedOptions {
            format: FeedFormat { codec, rate },
            ahead_ms: 0,
            channels,
        };
        let mut sim = Sim::new(settings(64 << 20));
        sim.attach(LEG, options);
        let bytes = options.bytes_per_s() as usize / 50;
        for n in 0..BURST {
            assert_eq!(
                sim.write_at(LEG, n * u64::from(rate / 50), &vec![1; bytes]),
                Status::Ok
            );
        }
        sim.visit();
        assert_eq!((sim.stats.frames_in(), sim.stats.frames_lost()), (BURST, 0));
        sim.detach(LEG);
        sim.visit();
        assert_all_free(&sim.overflow);
    }
}

/// Several bursts, with and without visits between them: every packet is recorded once, in order.
#[test]
fn bursts_of_rtp_are_recorded_completely() {
    let mut sim = Sim::new(settings(1 << 20));
    sim.attach(LEG, ULAW);
    let recording = start_recording(&mut sim);
    let mut sent = 0;
    for count in [250, 40, 1, 250, 90, 250, 50, 250] {
        sim.now_ns += count * 20 * NS_PER_MS;
        for _ in 0..count {
            assert_eq!(sim.rtp(LEG, &ulaw(sent)), Status::Ok, "packet {sent}");
            sent += 1;
        }
        sim.visit();
    }
    sim.end();
    sim.visit();
    assert_eq!((sim.stats.frames_in(), sim.stats.frames_lost()), (sent, 0));
    assert!(recording.out.lock().frames() > 0);
}

/// If chunks are scarce, a feed returns to its own ring once the worker has emptied it, and returns
/// the chunk to the pool.
#[test]
fn a_feed_returns_to_its_own_ring() {
    let mut sim = Sim::new(settings(2 * CHUNK as u64));
    sim.attach(LEG, ULAW);
    let at_rest = sim.overflow.free();
    assert_eq!((at_rest, chunks_for(ULAW.into())), (2, 3));
    for n in 0..60 {
        assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
    }
    assert_eq!(sim.overflow.free(), at_rest - 1);
    for n in 60..60 + 2 * CHUNK as u64 / 192 {
        sim.visit();
        assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
    }
    sim.visit();
    assert_eq!(sim.overflow.free(), at_rest);
}

#[test]
fn packets_beyond_the_limit_are_overruns() {
    let mut sim = Sim::new(settings(CHUNK as u64 + 1));
    sim.attach(LEG, ULAW);
    assert_eq!(sim.overflow.allocated(), 1, "it reserves three");
    let taken = (0..BURST)
        .filter(|n| sim.rtp(LEG, &ulaw(*n)) == Status::Ok)
        .count() as u64;
    assert_eq!(taken, 8192 / 192 + CHUNK as u64 / 192);
    assert_eq!(sim.stats.frames_lost(), BURST - taken);
    sim.visit();
    assert_eq!(sim.rtp(LEG, &ulaw(BURST)), Status::Ok);
}

/// The burst of one feed does not use the chunks of the others.
#[test]
fn many_feeds_have_bursts_at_once() {
    let mut sims: Vec<Sim> = Vec::new();
    let pool = OverflowPool::new(1 << 30);
    for _ in 0..200 {
        let mut sim = Sim::sharing(settings(0), pool.clone());
        sim.attach(LEG, ULAW);
        sim.attach(Leg::Remote, PCM);
        sims.push(sim);
    }
    for sim in &mut sims {
        for n in 0..BURST {
            assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
            assert_eq!(
                sim.write_at(Leg::Remote, n * 160, &pcm(Leg::Remote, n * 160, 160)),
                Status::Ok
            );
        }
    }
    for mut sim in sims {
        sim.visit();
        assert_eq!((sim.stats.frames_in(), sim.stats.frames_lost()), (2 * BURST, 0));
    }
    assert_all_free(&pool);
}

/// A feed that is closed, displaced, reformatted, ended or no longer visited during its burst returns
/// its chunks.
#[test]
fn no_chunk_is_lost() {
    let pool = OverflowPool::new(4 << 20);
    for round in 0..400u64 {
        let mut sim = Sim::sharing(settings(0), pool.clone());
        sim.attach(LEG, ULAW);
        let count = round * 37 % 240;
        for n in 0..count {
            assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
        }
        match round % 7 {
            0 => sim.detach(LEG),
            1 => {
                sim.detach(LEG);
                sim.attach(LEG, ULAW);
                for n in 0..count {
                    assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
                }
            }
            2 => {
                sim.set_format(LEG, FeedFormat { rate: 48_000, ..WIDE });
                for n in 0..count {
                    assert_eq!(sim.rtp(LEG, &ulaw(n)), Status::Ok);
                }
            }
            3 => sim.end(),
            4 => sim.visit(),
            _ => {}
        }
        if round % 2 == 0 {
            sim.visit();
        }
    }
    assert_all_free(&pool);
    assert!(pool.allocated() <= 64, "{} are kept", pool.allocated());
}

/// With feeding threads and draining workers, every packet is read once, whole and in order.
#[test]
fn feeds_and_workers_share_the_pool() {
    const ROUNDS: u64 = 60;
    let pool = OverflowPool::new(8 << 20);
    std::thread::scope(|threads| {
        for thread in 0..4u64 {
            let pool = pool.clone();
            threads.spawn(move || {
                for round in 0..ROUNDS {
                    let mut sim = Sim::sharing(settings(0), pool.clone());
                    sim.attach(LEG, PCM);
                    let recording = sim.start(RecordingOptions {
                        layout: Layout::Local,
                        ..RecordingOptions::default()
                    });
                    let salt = thread * 1000 + round;
                    for n in 0..BURST {
                        assert_eq!(
                            sim.write_at(LEG, n * 160, &pcm(LEG, salt + n * 160, 160)),
                            Status::Ok
                        );
                        if (n + round) % 97 == 96 {
                            sim.visit();
                        }
                    }
                    sim.now_ns += 6000 * NS_PER_MS;
                    sim.visit();
                    sim.end();
                    sim.visit();
                    let recorded = recording.out.lock().channel(0);
                    assert_eq!(recorded[..recorded.len().min(320)], samples(LEG, salt, 320)[..]);
                }
            });
        }
    });
    assert_all_free(&pool);
}
