//! Visits that a worker may skip.

use super::*;
use crate::sim::RecordingOptions;
use callrec_base::types::{Format, Layout};

const MS: u64 = NS_PER_MS;

/// Number of visits that 20 s of a call need. `samples`: length of a packet.
fn visits(samples: usize, each_ms: u64) -> u64 {
    let (mut sim, recording) = one_leg();
    let mut visits = 0;
    let packets = 20_000 / each_ms;
    for n in 0..packets {
        let payload = vec![tag(n); samples];
        let bytes = packet(7, 0, n as u16, n as u32 * samples as u32, &payload);
        assert_eq!(sim.rtp(Leg::Local, &bytes), callrec_base::types::Status::Ok);
        sim.now_ns += each_ms * MS;
        if ((n + 1) * each_ms).is_multiple_of(100) && !sim.can_wait() {
            sim.visit();
            visits += 1;
        }
    }
    sim.stop(&recording);
    sim.visit();
    assert_eq!(
        (sim.stats.frames_in(), recording.progress.lost_ms()),
        (packets, 0)
    );
    visits
}

#[test]
fn a_call_is_not_visited_while_nothing_is_due() {
    let usual = visits(160, 20);
    // A block every 0.7 s is due, and the ring holds 0.8 s.
    assert!((20_000 / 700..=20_000 / 250).contains(&usual), "{usual} visits");
    // Short packets fill the ring more quickly: three fifths of the bytes are headers.
    let short = visits(16, 2);
    assert!(short > usual, "{short} visits");
}

/// Control points that a visit had already taken are applied by the next visit.
#[test]
fn control_points_after_a_panic_are_not_delayed() {
    let mut sim = Sim::real();
    let options = RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    };
    let first = sim.start(options);
    sim.visit();
    sim.attach(Leg::Local, ULAW);
    sim.visit();
    send(&mut sim, 0, 30, &[]);
    first.out.lock().panic_early = true;
    sim.stop(&first);
    let second = sim.start(options);
    sim.end();
    for _ in 0..3 {
        if !sim.can_wait() {
            sim.visit();
        }
    }
    assert!(first.out.lock().ending.is_some() && second.out.lock().ending.is_some());
    assert!(sim.is_over());
}

/// The live manifest is written at a pause, with the ledger of that moment.
#[test]
fn a_pause_publishes_the_ledger_immediately() {
    for mut sim in [Sim::real(), Sim::stream()] {
        sim.attach(Leg::Local, ULAW);
        let recording = sim.start(RecordingOptions {
            layout: Layout::Local,
            ..RecordingOptions::default()
        });
        for n in 0..250 {
            sim.rtp(Leg::Local, &ulaw(n));
            if sim.call.config().clock == crate::ClockMode::Real || n % 40 == 0 {
                sim.now_ns += 20 * NS_PER_MS;
                sim.visit();
            }
        }
        sim.pause(&recording);
        sim.visit();
        let settled = recording.progress.ledger().settled_frames;
        assert_eq!(settled, recording.progress.frames());
        assert_eq!(settled, 250 * 160);
    }
}
