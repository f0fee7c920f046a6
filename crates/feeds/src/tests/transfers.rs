//! Recordings that follow others after a transfer: every packet is in exactly one of the two.

use super::codecs::ledger_of;
use super::*;
use crate::ledger::{self, OutsideReason};
use crate::sim::RecordingOptions;
use callrec_base::types::{Format, KeepRaw, Layout};

const MS: u64 = NS_PER_MS;

fn options() -> RecordingOptions {
    RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    }
}

/// Passes in the packets `from..to` at once.
fn burst(sim: &mut Sim, from: u64, to: u64) {
    for n in from..to {
        sim.rtp(Leg::Local, &ulaw(n));
    }
    sim.visit();
}

/// A leg stalls after packet 100, and the call is transferred 505 ms later, in the middle of packet
/// 125.
fn transferred_in_a_stall() -> (Sim, SimRecording, SimRecording) {
    let (mut sim, first) = one_leg();
    send(&mut sim, 0, 100, &[]);
    sim.pass(505);
    let second = sim.transfer(&first, options());
    sim.visit();
    (sim, first, second)
}

/// Packets `from..to` of 20 ms, as samples.
fn samples_of(from: u64, to: u64) -> Vec<u8> {
    (from..to).flat_map(|n| [tag(n); 160]).collect()
}

fn bytes(recording: &SimRecording) -> Vec<u8> {
    recording.out.lock().bytes.clone()
}

fn assert_balanced(recording: &SimRecording) {
    let ledger = ledger_of(recording);
    assert_eq!(ledger.handed, ledger.accounted(), "{ledger:?}");
}

#[test]
fn what_was_said_before_a_transfer_and_comes_after_it_is_in_the_first_recording() {
    let (mut sim, first, second) = transferred_in_a_stall();
    sim.pass(900);
    burst(&mut sim, 100, 171);
    send(&mut sim, 171, 200, &[]);
    assert!(first.out.lock().ending.is_some());
    sim.stop(&second);
    sim.visit();
    let (one, two) = (bytes(&first), bytes(&second));
    // The transfer is 5 ms after the beginning of packet 125.
    assert_eq!(one.len(), 125 * 160 + 40);
    assert!([one, two].concat() == samples_of(0, 200));
    for (recording, in_file_ms) in [(&first, 2505), (&second, 1495)] {
        assert_balanced(recording);
        assert_eq!(recording.progress.lost_ms(), 0);
        assert_eq!(ledger::ms(ledger_of(recording).in_file), in_file_ms);
    }
    let before = ledger_of(&second).outside[OutsideReason::BeforeStart as usize];
    assert_eq!(ledger::ms(before), 505, "the second does not count it");
    assert_eq!((sim.stats.frames_lost(), sim.stats.late()), (0, 0));
}

/// The first recording waits for what may come late, but not with what has come.
#[test]
fn what_was_said_before_a_transfer_is_written_while_late_audio_is_awaited() {
    let (mut sim, first, _second) = transferred_in_a_stall();
    sim.pass(1000);
    let out = first.out.lock();
    assert!(out.ending.is_none());
    assert_eq!(out.bytes.len(), 125 * 160 + 40);
}

/// The second recording has settled what is before its start, but the first one has not.
#[test]
fn what_one_of_two_recordings_takes_is_not_late() {
    let (mut sim, first) = one_leg();
    send(&mut sim, 0, 100, &[]);
    sim.pass(505);
    let second = sim.start(options());
    sim.pass(900);
    burst(&mut sim, 100, 171);
    sim.stop(&first);
    sim.stop(&second);
    sim.pass(600);
    assert!(bytes(&first)[..170 * 160] == samples_of(0, 170));
    assert_eq!((sim.stats.frames_lost(), sim.stats.late()), (0, 0));
}

/// What comes when the first recording has settled it is late, and so is what comes after the end.
#[test]
fn what_neither_of_two_recordings_takes_is_late() {
    let (mut sim, first, second) = transferred_in_a_stall();
    sim.pass(6500);
    assert!(first.out.lock().ending.is_some());
    burst(&mut sim, 100, 400);
    sim.stop(&second);
    sim.visit();
    let late = sim.stats.late();
    assert!(late >= 25, "{late} packets are late");
    assert_eq!(sim.stats.frames_lost(), late);
}

/// Of packets that are kept as they arrived, the arrival decides, which the host may tell later.
#[test]
fn a_packet_that_arrived_before_a_transfer_is_kept_in_the_first_recording() {
    let keeping = RecordingOptions {
        keep_raw: KeepRaw::Always,
        ..options()
    };
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let first = sim.start(keeping);
    sim.visit();
    send(&mut sim, 0, 100, &[]);
    let second = sim.transfer(&first, keeping);
    sim.visit();
    for (n, age_ms) in [(100, 70), (101, 50), (102, 30), (103, 0)] {
        sim.now_ns += 20 * MS;
        sim.rtp_aged(Leg::Local, &ulaw(n), age_ms * MS);
        sim.visit();
    }
    sim.stop(&second);
    sim.pass(600);
    let kept = [&first, &second].map(|recording| {
        let out = recording.out.lock();
        let mut numbers: Vec<u8> = out.raw.iter().map(|(_, _, bytes)| bytes[3]).collect();
        numbers.sort_unstable();
        numbers
    });
    assert_eq!(kept[0], (0..102).collect::<Vec<u8>>());
    assert_eq!(kept[1], [102, 103]);
}

/// In order, one packet after the other, with a visit after each.
#[test]
fn a_transfer_waits_no_longer_than_for_packets_out_of_order() {
    let (mut sim, first) = one_leg();
    send(&mut sim, 0, 100, &[99]);
    let second = sim.transfer(&first, options());
    sim.visit();
    for n in [99, 100, 101, 102, 103, 104, 105] {
        sim.rtp(Leg::Local, &ulaw(n));
        sim.now_ns += if n == 99 { 0 } else { 20 * MS };
        sim.visit();
    }
    assert!(first.out.lock().ending.is_some());
    sim.stop(&second);
    sim.visit();
    assert!([bytes(&first), bytes(&second)].concat() == samples_of(0, 106));
    assert_eq!((first.progress.lost_ms(), second.progress.lost_ms()), (0, 0));
}

#[test]
fn a_leg_that_stays_silent_delays_the_end_by_its_longest_stall() {
    let (mut sim, first, _second) = transferred_in_a_stall();
    sim.pass(5300);
    assert!(first.out.lock().ending.is_none());
    sim.pass(500);
    assert!(first.out.lock().ending.is_some());
    assert_eq!(bytes(&first).len(), 125 * 160 + 40);
    assert_balanced(&first);
}

#[test]
fn the_end_of_the_call_ends_both() {
    let (mut sim, first, second) = transferred_in_a_stall();
    sim.end();
    sim.pass(500);
    for recording in [&first, &second] {
        assert!(recording.out.lock().ending.is_some());
    }
    assert!(sim.is_over());
}

/// What is passed in while the second recording is paused, or the call private, is in neither.
#[test]
fn what_is_passed_in_during_a_pause_is_in_no_recording() {
    for private in [false, true] {
        let (mut sim, first, second) = transferred_in_a_stall();
        match private {
            true => sim.private(true),
            false => sim.pause(&second),
        }
        sim.visit();
        burst(&mut sim, 100, 110);
        match private {
            true => sim.private(false),
            false => sim.resume(&second),
        }
        sim.visit();
        burst(&mut sim, 110, 120);
        sim.pass(700);
        sim.end();
        sim.pass(500);
        let one = bytes(&first);
        assert!(one[..100 * 160] == samples_of(0, 100), "private {private}");
        assert!(one[100 * 160..110 * 160].iter().all(|byte| *byte == 0xff));
        assert!(
            one[110 * 160..120 * 160] == samples_of(110, 120),
            "private {private}"
        );
        assert!(bytes(&second).iter().all(|byte| *byte == 0xff));
        assert_balanced(&first);
        assert_balanced(&second);
    }
}

/// The first recording is paused, and so is the one that follows it.
#[test]
fn the_time_of_a_pause_stays_out_of_both_after_a_transfer() {
    let (mut sim, first) = one_leg();
    send(&mut sim, 0, 100, &[]);
    sim.pass(200);
    sim.pause(&first);
    sim.visit();
    sim.pass(400);
    let second = sim.transfer(&first, options());
    sim.pause(&second);
    sim.visit();
    sim.pass(200);
    sim.resume(&second);
    sim.visit();
    // 0.2 s from before the pause, 0.6 s of it, and what follows.
    burst(&mut sim, 100, 141);
    send(&mut sim, 141, 160, &[]);
    sim.stop(&second);
    sim.visit();
    assert!(first.out.lock().ending.is_some());
    let one = bytes(&first);
    assert!(one[..110 * 160] == samples_of(0, 110));
    assert!(one[110 * 160..].iter().all(|byte| *byte == 0xff));
    let two = bytes(&second);
    let spoken = two.iter().position(|byte| *byte != 0xff).map(|at| two[at]);
    assert_eq!(spoken, Some(tag(140)), "the first packet after the pause");
    assert_balanced(&first);
    assert_balanced(&second);
}

#[test]
fn what_comes_after_two_transfers_is_in_the_recording_of_its_time() {
    let (mut sim, first, second) = transferred_in_a_stall();
    sim.pass(500);
    let third = sim.transfer(&second, options());
    sim.visit();
    sim.pass(300);
    burst(&mut sim, 100, 166);
    send(&mut sim, 166, 200, &[]);
    sim.stop(&third);
    sim.visit();
    let all = [&first, &second, &third].map(bytes);
    assert_eq!(all[1].len(), 500 * 8);
    assert!(all.concat() == samples_of(0, 200));
    for recording in [&first, &second, &third] {
        assert_eq!(recording.progress.lost_ms(), 0);
        assert_balanced(recording);
    }
}
