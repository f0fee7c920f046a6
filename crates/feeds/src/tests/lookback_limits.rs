//! What look-back may cost: other recordings, other calls of the worker, memory.

use super::lookback::{MS, call_of, keeping, one_leg_options};
use super::*;
use crate::MediaConfig;
use crate::ledger::ms;
use crate::sim::RecordingOptions;
use callrec_base::types::{Layout, Status};

/// A leg that changes its clock rate seven times a second.
#[test]
fn a_running_recording_loses_nothing_to_the_clock_rates_that_are_kept() {
    let dropped = [0, 60_000].map(|lookback_ms| {
        let mut sim = call_of(keeping(lookback_ms));
        sim.payload(Leg::Local, 96, WIDE);
        let recording = sim.start(RecordingOptions {
            rate: 16_000,
            layout: Layout::Local,
            ..RecordingOptions::default()
        });
        let mut timestamp = 0;
        for n in 0..500u64 {
            let is_wide = n / 7 % 2 == 1;
            let (payload_type, payload, samples): (u8, &[u8], u32) = match is_wide {
                true => (96, &[3; 640], 320),
                false => (0, &[0x30; 160], 160),
            };
            sim.rtp(Leg::Local, &packet(9, payload_type, n as u16, timestamp, payload));
            timestamp += samples;
            sim.now_ns += 20 * MS;
            if n % 5 == 4 {
                sim.visit();
            }
        }
        sim.end();
        sim.pass(6_000);
        ms(recording.progress.ledger().legs[Leg::Local as usize].dropped_sum())
    });
    assert_eq!(dropped, [0, 0], "ms, without and with look-back");
}

/// Ten minutes, of 20 ms each.
const PACKETS: u64 = 30_000;
/// Frames that one visit may render, and that may already be rendered before it.
const STRIDE: usize = 62 * 8_000;

/// A call of ten minutes, all of which a recording begins with.
fn kept_call() -> (Sim, SimRecording) {
    let mut sim = call_of(keeping(600_000));
    send(&mut sim, 0, PACKETS, &[]);
    let recording = sim.start_from(0, one_leg_options());
    (sim, recording)
}

/// Sends packets, and returns the most frames that one of the visits in between has rendered.
fn send_on(sim: &mut Sim, recording: &SimRecording, from: u64, to: u64) -> usize {
    let mut most = 0;
    for n in (from..to).step_by(5) {
        let before = recording.out.lock().frames();
        send(sim, n, n + 5, &[]);
        most = most.max(recording.out.lock().frames() - before);
    }
    most as usize
}

fn audio(recording: &SimRecording) -> Vec<u8> {
    let mut tags = tags(recording);
    tags.retain(|tag| *tag != 0);
    tags
}

/// As in stream time: other calls of the worker have their turn.
#[test]
fn a_look_back_is_not_rendered_in_one_visit() {
    let (mut sim, recording) = kept_call();
    let most = send_on(&mut sim, &recording, PACKETS, PACKETS + 200);
    assert!(
        (STRIDE / 2..STRIDE).contains(&most),
        "{} s in one visit",
        most / 8_000
    );
    let rendered = recording.out.lock().frames() as usize;
    assert!(rendered > (PACKETS as usize + 150) * 160, "{rendered}");
    sim.end();
    sim.pass(6_000);
    assert_eq!(audio(&recording), expected(0, PACKETS + 200));
    assert_eq!(recording.progress.lost_ms(), 0);
}

/// A pause, a private call, a stop or an end that comes while most is still to be rendered.
#[test]
fn what_follows_a_look_back_at_once_takes_effect_at_its_time() {
    for kind in 0..4 {
        let (mut sim, recording) = kept_call();
        let end = PACKETS + 10;
        let mut most = send_on(&mut sim, &recording, PACKETS, end);
        match kind {
            0 => sim.pause(&recording),
            1 => sim.private(true),
            2 => sim.stop(&recording),
            _ => sim.end(),
        }
        if kind < 3 {
            most = most.max(send_on(&mut sim, &recording, end, end + 100));
        }
        match kind {
            0 => sim.resume(&recording),
            1 => sim.private(false),
            _ => {}
        }
        if kind < 2 {
            most = most.max(send_on(&mut sim, &recording, end + 100, end + 200));
        }
        if kind < 3 {
            sim.end();
        }
        sim.pass(6_000);
        let mut spoken = expected(0, end);
        if kind < 2 {
            spoken.extend(expected(end + 100, end + 200));
        }
        assert_eq!(audio(&recording), spoken, "{kind}");
        assert!(most < STRIDE, "{kind}: {} s in one visit", most / 8_000);
        assert!(sim.is_over(), "{kind}");
    }
}

/// The memory fills much faster than `media.lookback_ms` passes, as with many calls that begin
/// together.
#[test]
fn all_calls_together_keep_only_so_much_from_their_beginning() {
    let limit = 1 << 20;
    let config = MediaConfig {
        lookback_bytes: limit,
        overflow_bytes: 64 << 20,
        ..keeping(600_000)
    };
    let wide = FeedFormat {
        codec: Codec::Pcm16,
        rate: 48_000,
    };
    let mut sim = Sim::new(config);
    sim.attach(Leg::Local, wide);
    sim.attach(Leg::Remote, wide);
    sim.visit();
    let mut most = 0;
    for n in 0..60 * 50 {
        for leg in [Leg::Local, Leg::Remote] {
            assert_eq!(sim.write(leg, &[7; 1920]), Status::Ok);
        }
        sim.now_ns += 20 * MS;
        if n % 5 == 4 {
            sim.visit();
        }
        most = most.max(sim.stats.lookback_bytes());
    }
    assert!((limit / 2..limit).contains(&most), "{most} bytes");
    let left = sim.stats.lookback_bytes();
    assert!(left > limit / 2, "{left} bytes");
}
