//! Control points that wait for a recording that is behind.

use super::lookback::{MS, call_of, keeping, one_leg_options};
use super::*;
use crate::MediaConfig;

fn feed(sim: &mut Sim, from: u64, to: u64) {
    for n in from..to {
        sim.rtp(Leg::Local, &ulaw(n));
        sim.now_ns += 20 * MS;
    }
}

fn spoken(recording: &SimRecording) -> usize {
    recording
        .out
        .lock()
        .bytes
        .iter()
        .filter(|byte| **byte != 0xff)
        .count()
}

/// A start waits for the stop of a recording that is behind. Meanwhile its look-back is trimmed.
#[test]
fn a_start_that_waits_gets_the_look_back_that_was_promised() {
    let config = MediaConfig {
        overflow_bytes: 64 << 20,
        ..keeping(600_000)
    };
    let mut sim = call_of(config);
    send(&mut sim, 0, 32_000, &[]);
    let promised_ns = sim.now_ns - 600_000 * MS;
    let a = sim.start_from(promised_ns, one_leg_options());
    sim.stop(&a);
    let b = sim.start_from(promised_ns, one_leg_options());
    // The worker is 10 s late.
    feed(&mut sim, 32_000, 32_500);
    sim.pass(3_000);
    sim.end();
    sim.pass(6_000);
    assert_eq!(spoken(&a), 30_000 * 160);
    assert_eq!(
        spoken(&b),
        30_500 * 160,
        "{} ms are missing",
        (30_500 * 160 - spoken(&b)) / 8
    );
}

/// A stop that waits for a missing packet, of a recording that is behind, and another control point.
#[test]
fn a_stopped_recording_is_not_rendered_beyond_its_stop() {
    let bytes = |n: u64| packet(7, 9, n as u16, (n * 160) as u32, &[0x5a; 160]);
    for private in [false, true] {
        let config = MediaConfig {
            overflow_bytes: 64 << 20,
            ..keeping(600_000)
        };
        let mut sim = Sim::new(config);
        sim.attach(Leg::Local, super::codecs::G722);
        sim.visit();
        let feed = |sim: &mut Sim, from: u64, to: u64, visits: bool| {
            for n in from..to {
                sim.rtp(Leg::Local, &bytes(n));
                sim.now_ns += 20 * MS;
                if visits && n % 5 == 4 {
                    sim.visit();
                }
            }
        };
        feed(&mut sim, 0, 8_985, true);
        let a = sim.start_from(
            0,
            crate::sim::RecordingOptions {
                layout: callrec_base::types::Layout::Local,
                ..Default::default()
            },
        );
        // With another recording, nothing is decoded early for the stop.
        let _b = sim.start(one_leg_options());
        // One is missing, so that the next one is not decoded yet.
        feed(&mut sim, 8_986, 8_987, false);
        sim.stop(&a);
        let stopped_ms = sim.now_ns / MS;
        // The worker is 5 s late.
        feed(&mut sim, 8_987, 9_237, false);
        if private {
            sim.private(true)
        } else {
            sim.end()
        }
        sim.pass(3_000);
        if private {
            sim.end()
        }
        sim.pass(6_000);
        let ms = a.out.lock().frames() / 16;
        assert!(
            ms < stopped_ms + 40,
            "{private}: stopped at {stopped_ms} ms, but has {ms} ms"
        );
    }
}
