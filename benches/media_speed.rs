//! Measures the cost of a packet from feed to block, with up to 1,000 calls of G.711 RTP that are
//! recorded as stereo PCM16.
//!
//! `cargo bench --bench media_speed`; `-- --mask 1` searches for DTMF tones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callrec::media::ClockMode;
use callrec::media::sim::{self, RecordingOptions, Sim};
use callrec::sync::Mutex;
use callrec::types::{Codec, FeedFormat, Leg};
use callrec_testkit::arguments::Arguments;

const SECONDS: u64 = 20;
const VISIT_MS: u64 = 100;

fn main() {
    let masks_dtmf = Arguments::read().number("mask", 0) == 1;
    for calls in [10, 100, 1000] {
        measure(calls, masks_dtmf);
    }
}

fn call(masks_dtmf: bool) -> Sim {
    let mut config = sim::config(ClockMode::Real);
    config.masks_dtmf = masks_dtmf;
    Sim::new(config)
}

fn measure(count: usize, masks_dtmf: bool) {
    let ulaw = FeedFormat {
        codec: Codec::Pcmu,
        rate: 8000,
    };
    let pool = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let mut calls: Vec<Sim> = (0..count).map(|_| call(masks_dtmf)).collect();
    let tapes: Vec<_> = calls
        .iter_mut()
        .map(|sim| {
            sim.attach(Leg::Local, ulaw);
            sim.attach(Leg::Remote, ulaw);
            let tape = sim.start(RecordingOptions::default());
            tape.out.lock().pool = Some(pool.clone());
            tape
        })
        .collect();
    let mut packet = [0x80u8; 172];
    let (mut feeding, mut visiting) = (Duration::ZERO, Duration::ZERO);
    let packets_per_visit = VISIT_MS / 20;
    for visit in 0..SECONDS * 1000 / VISIT_MS {
        for at in 0..packets_per_visit {
            let n = visit * packets_per_visit + at;
            packet[1] = 0;
            packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(n as u32 * 160).to_be_bytes());
            let begin = Instant::now();
            for sim in &mut calls {
                sim.rtp(Leg::Local, &packet);
                sim.rtp(Leg::Remote, &packet);
                sim.now_ns += 20_000_000;
            }
            feeding += begin.elapsed();
        }
        let begin = Instant::now();
        calls.iter_mut().for_each(Sim::visit);
        visiting += begin.elapsed();
    }
    let packets = (count as u64 * 2 * SECONDS * 50) as f64;
    let lost: u64 = tapes.iter().map(|tape| tape.progress.lost_ms()).sum();
    let (feed, visit) = (
        feeding.as_nanos() as f64 / packets,
        visiting.as_nanos() as f64 / packets,
    );
    println!(
        "{count} calls: feed {feed:.0} ns, visit and render {visit:.0} ns, together {:.0} ns a packet; lost {lost} ms",
        feed + visit
    );
}
