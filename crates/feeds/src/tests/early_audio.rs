//! Audio that a call has kept waits in memory while the disk has no room for it.

use super::lookback::{MS, call_of, ended, keeping, one_leg_options};
use super::*;

/// The patience of `sim::config`, beside the length of the audio.
const PATIENCE_PACKETS: u64 = 15_000 / 20;

fn crowd(recording: &SimRecording, is_crowded: bool) {
    recording.out.lock().is_crowded = is_crowded;
}

/// A recording of a call that has kept 200 packets, with no room for them. 50 more have come.
fn crowded() -> (Sim, SimRecording) {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 200, &[]);
    let from_ns = sim.now_ns - 4_000 * MS;
    let recording = sim.start_from(from_ns, one_leg_options());
    crowd(&recording, true);
    send(&mut sim, 200, 250, &[]);
    assert_eq!(recording.out.lock().blocks, 0);
    (sim, recording)
}

#[test]
fn it_waits_while_the_disk_is_busy() {
    let (mut sim, recording) = crowded();
    crowd(&recording, false);
    send(&mut sim, 250, 300, &[]);
    assert_eq!(recording.out.lock().crowding, 0);
    assert_eq!(ended(sim, &recording), expected(0, 300));
}

/// What came meanwhile is early as well: it is not refused because it comes all at once.
#[test]
fn what_comes_meanwhile_is_not_refused() {
    let (mut sim, recording) = crowded();
    {
        let mut out = recording.out.lock();
        (out.is_crowded, out.full) = (false, true);
    }
    send(&mut sim, 250, 255, &[]);
    recording.out.lock().full = false;
    send(&mut sim, 255, 300, &[]);
    // What came after it was refused.
    assert_eq!(tags(&recording)[..245], expected(0, 245));
    sim.end();
    sim.pass(6_000);
    assert!((1..=200).contains(&recording.progress.lost_ms()));
}

/// It does not wait for ever, because live audio needs memory as well.
#[test]
fn its_patience_ends() {
    let (mut sim, recording) = crowded();
    let last = 200 + 200 + PATIENCE_PACKETS;
    send(&mut sim, 250, last - 20, &[]);
    assert_eq!(recording.out.lock().blocks, 0);
    send(&mut sim, last - 20, last + 100, &[]);
    assert!(recording.out.lock().crowding > 0);
    assert_eq!(ended(sim, &recording), expected(0, last + 100));
}

/// A control point does not wait, and neither does the end of the call.
#[test]
fn a_pause_and_an_end_do_not_wait() {
    let (mut sim, recording) = crowded();
    sim.pause(&recording);
    send(&mut sim, 250, 260, &[]);
    assert_eq!(recording.out.lock().paused_at, [250 * 160]);
    sim.resume(&recording);
    send(&mut sim, 260, 270, &[]);
    let silent = [0; 10];
    let recorded = ended(sim, &recording);
    assert_eq!(recorded[..250], expected(0, 250));
    assert_eq!(recorded[250..260], silent);
    assert_eq!(recorded[260..], expected(260, 270));
}

#[test]
fn other_recordings_of_the_call_do_not_wait() {
    let (mut sim, recording) = crowded();
    let other = sim.start(one_leg_options());
    send(&mut sim, 250, 350, &[]);
    assert!(other.out.lock().blocks > 0);
    assert_eq!(recording.out.lock().blocks, 0);
    crowd(&recording, false);
    assert_eq!(ended(sim, &recording), expected(0, 350));
    assert_eq!(tags(&other), expected(250, 350));
}
