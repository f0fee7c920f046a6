//! Recordings that begin earlier than they are started.

use super::*;
use crate::sim::{self, RecordingOptions};
use crate::{ClockMode, MediaConfig};
use callrec_base::types::{Format, Layout};

pub(super) const MS: u64 = NS_PER_MS;
/// A host that was ahead may have been late since, unless it writes nothing for longer than this.
const LONGEST_STALL_MS: u64 = 5_000;

pub(super) fn keeping(ms: u64) -> MediaConfig {
    MediaConfig {
        lookback_ns: ms * MS,
        ..sim::config(ClockMode::Real)
    }
}

/// A call that is not recorded, with one µ-law leg.
pub(super) fn call_of(config: MediaConfig) -> Sim {
    let mut sim = Sim::new(config);
    sim.attach(Leg::Local, ULAW);
    sim.visit();
    sim
}

pub(super) fn one_leg_options() -> RecordingOptions {
    RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    }
}

/// Writes packets of 20 ms at once.
fn write(sim: &mut Sim, tag: u8, packets: usize) {
    for _ in 0..packets {
        assert_eq!(
            sim.write(Leg::Local, &[tag; 160]),
            callrec_base::types::Status::Ok
        );
    }
    sim.visit();
}

pub(super) fn ended(mut sim: Sim, recording: &SimRecording) -> Vec<u8> {
    sim.end();
    sim.pass(6_000);
    assert!(sim.is_over());
    let ledger = &recording.progress.ledger().legs[Leg::Local as usize];
    assert_eq!(ledger.handed, ledger.accounted(), "{ledger:?}");
    assert_eq!(recording.progress.lost_ms(), 0);
    assert_eq!(sim.stats.lookback_bytes(), 0, "an ended call keeps nothing");
    tags(recording)
}

#[test]
fn a_recording_begins_at_the_requested_sample() {
    let mut sim = call_of(keeping(10_000));
    send(&mut sim, 0, 200, &[]);
    // 50 packets ago.
    let from_ns = sim.now_ns - 1_000 * MS;
    let recording = sim.start_from(from_ns, one_leg_options());
    send(&mut sim, 200, 250, &[]);
    assert_eq!(ended(sim, &recording), expected(150, 250));
}

#[test]
fn a_call_that_ends_at_once_has_all_that_was_kept() {
    let mut sim = call_of(keeping(10_000));
    send(&mut sim, 0, 200, &[]);
    let recording = sim.start_from(0, one_leg_options());
    let recorded = ended(sim, &recording);
    // It begins with the call.
    let audio: Vec<u8> = recorded.into_iter().filter(|tag| *tag != 0).collect();
    assert_eq!(audio, expected(0, 200));
}

#[test]
fn without_look_back_nothing_is_kept() {
    let mut sim = call_of(sim::config(ClockMode::Real));
    send(&mut sim, 0, 200, &[]);
    assert_eq!(sim.stats.lookback_bytes(), 0);
    let recording = sim.start_from(0, one_leg_options());
    send(&mut sim, 200, 250, &[]);
    assert_eq!(ended(sim, &recording), expected(200, 250));
}

#[test]
fn each_call_keeps_only_so_much() {
    let mut sim = call_of(keeping(4_000));
    send(&mut sim, 0, 2_000, &[]);
    let held = sim.stats.lookback_bytes();
    assert!((32_000..80_000).contains(&held), "{held} bytes");
    let recording = sim.start_from(0, one_leg_options());
    let recorded = ended(sim, &recording);
    // Up to an eighth and a second more than promised.
    assert!(
        (200..=200 + 25 + 60).contains(&recorded.len()),
        "{}",
        recorded.len()
    );
    assert_eq!(recorded, expected(2_000 - recorded.len() as u64, 2_000));
}

#[test]
fn all_calls_together_keep_only_so_much() {
    let limit = 1 << 20;
    let config = MediaConfig {
        lookback_bytes: limit,
        ..keeping(600_000)
    };
    let mut sim = call_of(config);
    let mut most = 0;
    for n in 0..250 {
        send(&mut sim, 50 * n, 50 * (n + 1), &[]);
        most = most.max(sim.stats.lookback_bytes());
    }
    assert!((limit / 2..limit).contains(&most), "{most} bytes");
}

/// The audio before and during each interruption is gone, whatever is requested.
#[test]
fn nothing_of_an_interruption_is_kept() {
    for kind in 0..4 {
        let mut sim = call_of(keeping(60_000));
        send(&mut sim, 0, 100, &[]);
        let other = (kind > 0).then(|| sim.start(one_leg_options()));
        let second = (kind == 3).then(|| sim.start(one_leg_options()));
        match &other {
            None => sim.private(true),
            Some(other) => sim.pause(other),
        }
        send(&mut sim, 100, 200, &[]);
        match (kind, &other) {
            (2, Some(other)) => sim.stop(other),
            (_, Some(other)) => sim.resume(other),
            (_, None) => sim.private(false),
        }
        if let Some(second) = &second {
            assert!(tags(second).len() > 50, "the other one went on");
            sim.stop(second);
        }
        if let Some(other) = other.filter(|_| kind != 2) {
            sim.stop(&other);
        }
        send(&mut sim, 200, 300, &[]);
        let recording = sim.start_from(0, one_leg_options());
        send(&mut sim, 300, 350, &[]);
        let recorded = ended(sim, &recording);
        assert_eq!(recorded, expected(200, 350), "{kind}");
    }
}

/// As on a line that is not monitorable. A recording that began before goes on.
#[test]
fn nothing_from_a_time_when_nothing_may_be_kept_is_given() {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 50, &[]);
    let other = sim.start(one_leg_options());
    send(&mut sim, 50, 100, &[]);
    sim.keep_past(false);
    send(&mut sim, 100, 200, &[]);
    sim.keep_past(true);
    send(&mut sim, 200, 300, &[]);
    let recording = sim.start_from(0, one_leg_options());
    send(&mut sim, 300, 350, &[]);
    assert_eq!(ended(sim, &recording), expected(200, 350));
    assert_eq!(tags(&other), expected(50, 350));
}

/// A recording is stopped, or ends at its maximum duration, while it is paused, and the host has
/// written a second ahead of the clock.
#[test]
fn what_was_passed_in_ahead_in_a_pause_that_an_end_ended_is_not_kept() {
    for ends_itself in [false, true] {
        let mut sim = call_of(keeping(60_000));
        let options = RecordingOptions {
            max_duration_ms: 1_000,
            ..one_leg_options()
        };
        let paused = sim.start(options);
        // It goes on, so that the audio of the pause stays in memory.
        let _other = sim.start(one_leg_options());
        sim.pass(100);
        sim.pause(&paused);
        sim.pass(if ends_itself { 900 } else { 500 });
        assert!(paused.out.lock().ending.is_none());
        write(&mut sim, 1, 90);
        let has_ended = || paused.out.lock().ending.is_some();
        match ends_itself {
            true => (0..15).for_each(|_| sim.pass(if has_ended() { 0 } else { 100 })),
            false => sim.stop(&paused),
        }
        sim.visit();
        assert!(!ends_itself || has_ended());
        sim.pass(if ends_itself { LONGEST_STALL_MS + 2_000 } else { 0 });
        write(&mut sim, 2, 10);
        sim.pass(2_000);
        assert!(has_ended());
        let recording = sim.start_from(0, one_leg_options());
        let recorded = ended(sim, &recording);
        let heard: Vec<u8> = recorded.into_iter().filter(|tag| *tag != 0).collect();
        assert_eq!(heard, [2; 10], "{ends_itself}");
    }
}

#[test]
fn nothing_is_in_memory_during_an_interruption() {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 200, &[]);
    assert!(sim.stats.lookback_bytes() > 0);
    sim.private(true);
    send(&mut sim, 200, 400, &[]);
    assert_eq!(sim.stats.lookback_bytes(), 0);
}

/// A start during the interruption begins with its end.
#[test]
fn a_recording_of_a_private_call_is_not_begun_earlier() {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 100, &[]);
    sim.private(true);
    send(&mut sim, 100, 150, &[]);
    let recording = sim.start_from(0, one_leg_options());
    send(&mut sim, 150, 200, &[]);
    sim.private(false);
    send(&mut sim, 200, 250, &[]);
    let recorded = ended(sim, &recording);
    assert_eq!(recorded[..50], [0; 50]);
    assert_eq!(recorded[50..], expected(200, 250));
}

#[test]
fn nothing_from_before_a_consent_is_kept() {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 200, &[]);
    sim.forget_before(1_000 * MS);
    send(&mut sim, 200, 210, &[]);
    let recording = sim.start_from(0, one_leg_options());
    send(&mut sim, 210, 250, &[]);
    assert_eq!(ended(sim, &recording), expected(150, 250));
}

/// What comes while consent is awaited is in no recording that begins before, and in later ones as
/// far as the consent reaches back.
#[test]
fn a_consent_may_reach_back() {
    for (age_ms, first) in [(500, 75), (0, 100)] {
        let mut sim = call_of(keeping(60_000));
        sim.await_consent();
        send(&mut sim, 0, 50, &[]);
        let waiting = sim.start_from(0, one_leg_options());
        send(&mut sim, 50, 100, &[]);
        sim.forget_before(age_ms * MS);
        sim.private(false);
        send(&mut sim, 100, 150, &[]);
        let recording = sim.start_from(0, one_leg_options());
        send(&mut sim, 150, 160, &[]);
        assert_eq!(ended(sim, &recording), expected(first, 160), "{age_ms} ms");
        assert_eq!(tags(&waiting), expected(100, 160));
    }
}

/// The host has written a second ahead of the clock when consent is given: it was said before.
#[test]
fn what_was_passed_in_ahead_of_a_consent_is_not_kept() {
    for is_private in [true, false] {
        let mut sim = call_of(keeping(60_000));
        if is_private {
            sim.await_consent();
        }
        write(&mut sim, 1, 50);
        sim.pass(100);
        sim.forget_before(0);
        if is_private {
            sim.private(false);
        }
        sim.pass(LONGEST_STALL_MS + 2_000);
        write(&mut sim, 2, 10);
        sim.pass(2_000);
        let recording = sim.start_from(0, one_leg_options());
        let recorded = ended(sim, &recording);
        let heard: Vec<u8> = recorded.into_iter().filter(|tag| *tag != 0).collect();
        assert_eq!(heard, [2; 10], "{is_private}");
    }
}

#[test]
fn a_consent_takes_nothing_from_a_running_recording() {
    let mut sim = call_of(keeping(60_000));
    let recording = sim.start(one_leg_options());
    send(&mut sim, 0, 50, &[]);
    sim.forget_before(0);
    send(&mut sim, 50, 100, &[]);
    assert_eq!(ended(sim, &recording), expected(0, 100));

    let mut sim = call_of(keeping(60_000));
    let recording = sim.start(one_leg_options());
    write(&mut sim, 1, 50);
    sim.pass(100);
    sim.forget_before(0);
    write(&mut sim, 2, 10);
    sim.pass(2_000);
    let recorded = ended(sim, &recording);
    assert_eq!(recorded[..60], [[1; 50].as_slice(), &[2; 10]].concat());
}

#[test]
fn a_refusal_discards_what_was_kept() {
    let mut sim = call_of(keeping(60_000));
    sim.await_consent();
    send(&mut sim, 0, 100, &[]);
    assert!(sim.stats.lookback_bytes() > 0);
    sim.private(true);
    send(&mut sim, 100, 110, &[]);
    assert_eq!(sim.stats.lookback_bytes(), 0);
}

#[test]
fn a_masked_tone_is_silence() {
    let mut sim = call_of(MediaConfig {
        masks_dtmf: true,
        ..keeping(60_000)
    });
    send(&mut sim, 0, 100, &[]);
    let from_ns = sim.now_ns - 1_000 * MS;
    sim.digit(Leg::Local, 200);
    send(&mut sim, 100, 200, &[]);
    let recording = sim.start_from(from_ns, one_leg_options());
    let recorded = ended(sim, &recording);
    // The tone of 200 ms, or its end, was at packet 100, with a margin of 100 ms.
    assert_eq!(recorded[46..54], [0; 8], "{recorded:?}");
    assert_eq!(recorded[..30], expected(50, 80));
    assert_eq!(recorded[80..], expected(130, 200));
}

#[test]
fn audio_of_a_hold_is_silence() {
    let mut sim = call_of(MediaConfig {
        hold_is_silence: true,
        ..keeping(60_000)
    });
    send(&mut sim, 0, 100, &[]);
    let from_ns = sim.now_ns - 1_000 * MS;
    sim.hold(true);
    send(&mut sim, 100, 150, &[]);
    sim.hold(false);
    send(&mut sim, 150, 200, &[]);
    let recording = sim.start_from(from_ns, one_leg_options());
    let recorded = ended(sim, &recording);
    let silence = vec![0; 50];
    assert_eq!(
        recorded,
        [expected(50, 100), silence, expected(150, 200)].concat()
    );
}

/// Another recording has settled the audio long ago, and lost packets are lost in both.
#[test]
fn it_begins_earlier_beside_another_recording() {
    let mut sim = call_of(keeping(20_000));
    let first = sim.start(one_leg_options());
    send(&mut sim, 0, 500, &[120, 121]);
    let second = sim.start_from(sim.now_ns - 8_000 * MS, one_leg_options());
    send(&mut sim, 500, 520, &[]);
    sim.end();
    sim.pass(6_000);
    assert!(sim.is_over());
    assert_eq!(tags(&second), tags(&first)[100..]);
    for recording in [&first, &second] {
        let ledger = &recording.progress.ledger().legs[Leg::Local as usize];
        assert_eq!(ledger.handed, ledger.accounted(), "{ledger:?}");
        assert_eq!(recording.progress.lost_ms(), 40);
    }
}

#[test]
fn the_maximum_duration_counts_from_the_earlier_beginning() {
    let mut sim = call_of(keeping(20_000));
    send(&mut sim, 0, 200, &[]);
    let options = RecordingOptions {
        max_duration_ms: 3_000,
        ..one_leg_options()
    };
    let recording = sim.start_from(sim.now_ns - 2_000 * MS, options);
    send(&mut sim, 200, 400, &[]);
    assert_eq!(tags(&recording), expected(100, 250));
}

/// With a maximum duration of 1 s, and consent after 2 s.
#[test]
fn a_wait_for_consent_does_not_use_up_the_maximum_duration() {
    let mut sim = call_of(keeping(0));
    sim.await_consent();
    let waiting = sim.start(RecordingOptions {
        max_duration_ms: 1000,
        ..one_leg_options()
    });
    send(&mut sim, 0, 100, &[]);
    sim.private(false);
    send(&mut sim, 100, 200, &[]);
    assert_eq!(tags(&waiting), expected(100, 150));
}

/// What was passed in before the consent is discarded, and the recording that waited for it has
/// counted it.
#[test]
fn the_ledger_of_a_recording_that_waited_for_consent_balances() {
    for (kept_ms, age_ms) in [(0, 0), (200, 10), (60_000, 0), (60_000, 20), (60_000, 600)] {
        let mut sim = call_of(keeping(kept_ms));
        sim.await_consent();
        send(&mut sim, 0, 20, &[]);
        let waiting = sim.start(one_leg_options());
        send(&mut sim, 20, 60, &[]);
        sim.forget_before(age_ms * MS);
        sim.private(false);
        send(&mut sim, 60, 80, &[]);
        assert_eq!(
            ended(sim, &waiting),
            expected(60, 80),
            "{kept_ms} ms kept, {age_ms} ms ago"
        );
    }
}

/// One leg is written a second ahead of the clock when a paused recording is stopped. The other leg
/// has been kept since then, not since the end of what was written ahead.
#[test]
fn an_interruption_that_a_stop_ends_does_not_reach_beyond_the_clock() {
    let mut sim = call_of(keeping(60_000));
    sim.attach(Leg::Remote, ULAW);
    let paused = sim.start(one_leg_options());
    sim.pass(100);
    sim.pause(&paused);
    sim.pass(500);
    for _ in 0..50 {
        sim.write(Leg::Remote, &[9; 160]);
    }
    sim.visit();
    sim.stop(&paused);
    let since_ns = sim.now_ns;
    send(&mut sim, 0, 60, &[]);
    let recording = sim.start_from(since_ns, one_leg_options());
    send(&mut sim, 60, 80, &[]);
    assert_eq!(ended(sim, &recording), expected(0, 80));
}

/// A wait for consent begins with the end of a packet, and the consent reaches back by time alone.
#[test]
fn a_consent_reaches_back_from_the_clock() {
    let mut sim = call_of(keeping(60_000));
    send(&mut sim, 0, 100, &[]);
    sim.write(Leg::Local, &[8; 160]);
    sim.await_consent();
    let from_ns = sim.now_ns - 1_000 * MS;
    sim.forget_before(1_000 * MS);
    sim.private(false);
    let recording = sim.start_from(from_ns, one_leg_options());
    let recorded = ended(sim, &recording);
    assert_eq!(recorded[..50], expected(50, 100));
}

/// The recording itself is paused while it waits, and no audio has come that would fix its rate.
#[test]
fn a_wait_for_consent_is_not_in_the_file_of_a_paused_recording_without_audio() {
    for wide in [false, true] {
        let mut sim = call_of(keeping(0));
        sim.payload(Leg::Local, 96, WIDE);
        sim.await_consent();
        let waiting = sim.start(RecordingOptions {
            layout: Layout::Local,
            max_duration_ms: 2_500,
            ..RecordingOptions::default()
        });
        sim.pause(&waiting);
        sim.pass(3_000);
        sim.private(false);
        sim.pass(1_000);
        sim.resume(&waiting);
        for n in 0..50u16 {
            let (payload_type, samples) = if wide { (96, 320) } else { (0, 160) };
            let payload = vec![0x30; if wide { 640 } else { 160 }];
            let timestamp = u32::from(n) * samples;
            sim.rtp(Leg::Local, &packet(9, payload_type, n, timestamp, &payload));
            sim.pass(20);
        }
        sim.end();
        sim.pass(6_000);
        // The pause after the consent, and the audio.
        assert_eq!(waiting.out.lock().frames(), 2 * 8_000);
    }
}
