//! Audio of a pause that looks as if it were from outside the pause is not recorded.

use super::*;
use crate::ledger::{DropReason, OutsideReason, ticks};
use crate::sim::RecordingOptions;
use callrec_base::types::{FeedOptions, Format, Layout, Status};

const MS: u64 = NS_PER_MS;
const OPEN: u8 = 0x20;
const SECRET: u8 = 0x01;
const LOUD: i16 = 30_000;

fn feed_packet(sim: &mut Sim, n: u64, ssrc: u32, byte: u8) {
    let bytes = packet(ssrc, 0, n as u16, n as u32 * 160, &[byte; 160]);
    sim.rtp(Leg::Local, &bytes);
}

/// A queue that grows by 1 % of the time looks like a slow clock and contains 400 ms after 40 s. A
/// second recording, which is not paused, loses nothing.
#[test]
fn a_growing_queue_carries_nothing_across_a_resume() {
    let (mut sim, paused) = one_leg();
    let on = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV_ULAW,
        ..RecordingOptions::default()
    });
    let begin = sim.now_ns;
    let (pause_ns, resume_ns) = (begin + 40_000 * MS, begin + 42_000 * MS);
    let mut state = 0;
    for n in 0..2500u64 {
        let sent_ns = begin + n * 20 * MS;
        let arrival_ns = begin + n * 20_200_000;
        let points = [(pause_ns, 0), (resume_ns, 1)];
        for (at_ns, number) in points {
            if arrival_ns >= at_ns && state == number {
                sim.now_ns = at_ns;
                state += 1;
                match number {
                    0 => sim.pause(&paused),
                    _ => sim.resume(&paused),
                }
                sim.visit();
            }
        }
        sim.now_ns = arrival_ns;
        let secret = (pause_ns..resume_ns).contains(&sent_ns);
        feed_packet(&mut sim, n, 7, if secret { SECRET } else { OPEN });
        if n % 5 == 0 {
            sim.visit();
        }
    }
    sim.pass(500);
    sim.end();
    sim.visit();
    let secrets = |recording: &SimRecording| {
        recording
            .out
            .lock()
            .bytes
            .iter()
            .filter(|b| **b == SECRET)
            .count()
    };
    assert!(secrets(&on) > 15_000, "{} samples", secrets(&on));
    // At most the drift that a clock may have.
    assert!(
        secrets(&paused) <= 110 * 8,
        "{} samples of the pause",
        secrets(&paused)
    );
    assert_eq!(on.progress.lost_ms(), 0);
}

/// After eight more streams, the numbers of the first one are unknown.
#[test]
fn late_packets_of_a_forgotten_stream_are_not_a_new_stream() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.pause(&recording);
    for ssrc in 10..20u32 {
        for n in 0..5 {
            feed_packet(&mut sim, n, ssrc, SECRET);
            sim.now_ns += 20 * MS;
        }
        sim.visit();
    }
    sim.resume(&recording);
    // First late packets of the first stream of the pause, then a new stream.
    for n in 5..8 {
        feed_packet(&mut sim, n, 10, SECRET);
    }
    sim.pass(1000);
    for n in 0..400 {
        feed_packet(&mut sim, n, 30, OPEN);
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.stop(&recording);
    sim.visit();
    let out = recording.out.lock();
    let after = &out.bytes[50 * 160..];
    assert!(!after.contains(&SECRET), "late packets of the pause");
    let recorded = after.iter().filter(|byte| **byte == OPEN).count();
    assert_eq!(recorded, 400 * 160, "a new sender loses nothing");
}

/// Whether these milliseconds belong to the pause is unknown. They are reported as a loss.
#[test]
fn part_of_a_packet_across_the_resume_is_reported_as_lost() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.pause(&recording);
    send(&mut sim, 50, 75, &[]);
    sim.now_ns += 3 * MS;
    sim.resume(&recording);
    send(&mut sim, 75, 100, &[]);
    sim.stop(&recording);
    sim.visit();
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    assert_eq!(local.dropped[DropReason::PauseUnclear as usize], ticks(24, 8000));
    assert_eq!(
        local.outside[OutsideReason::Paused as usize],
        ticks(25 * 160, 8000)
    );
    assert_eq!(local.in_file, ticks(75 * 160 - 24, 8000));
    assert_eq!(recording.progress.lost_ms(), 3);
}

/// A resampling filter looks ahead. Audio that was written ahead of a pause must not affect it.
#[test]
fn a_filter_does_not_use_audio_of_a_pause() {
    let mut sim = Sim::real();
    let ahead = FeedOptions {
        ahead_ms: 10_000,
        ..FeedOptions::from(WIDE)
    };
    sim.attach(Leg::Local, ahead);
    let paused = sim.start(RecordingOptions {
        layout: Layout::Local,
        rate: 8000,
        ..RecordingOptions::default()
    });
    let on = sim.start(RecordingOptions {
        layout: Layout::Local,
        rate: 8000,
        ..RecordingOptions::default()
    });
    for n in 0..100 {
        let sample = if n < 50 { 0 } else { LOUD };
        let status = sim.write(Leg::Local, &sample.to_ne_bytes().repeat(320));
        assert_eq!(status, Status::Ok);
    }
    sim.pass(1000);
    sim.pause(&paused);
    sim.pass(2000);
    sim.end();
    sim.visit();
    let nonzero = |recording: &SimRecording| {
        recording
            .out
            .lock()
            .channel(0)
            .iter()
            .filter(|s| **s != 0)
            .count()
    };
    assert!(nonzero(&on) > 7900);
    assert_eq!(nonzero(&paused), 0, "a filter's echo of the pause");
}

/// After a sender has changed its clock rate, packets from before the change and from a pause arrive
/// late.
#[test]
fn late_packets_at_another_clock_rate_carry_nothing_across_a_resume() {
    for late in 0..9 {
        let (mut sim, recording) = one_leg();
        sim.payload(Leg::Local, 97, WIDE);
        send(&mut sim, 0, 50, &[]);
        sim.pause(&recording);
        let wide = |n: u64, byte: u8| {
            let (seq, ts) = (n as u16, (n * 320) as u32);
            packet(7, 97, seq, ts, &[byte; 640])
        };
        // In the pause, eight packets at the old rate are delayed; the others have the new rate.
        for n in 58..100 {
            sim.rtp(Leg::Local, &wide(n, SECRET));
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        sim.resume(&recording);
        for n in 0..20 {
            sim.rtp(Leg::Local, &wide(100 + n, 0x11));
            if n < late {
                feed_packet(&mut sim, 50 + n, 7, SECRET);
            }
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        sim.pass(500);
        sim.stop(&recording);
        sim.visit();
        let out = recording.out.lock();
        let after = &out.bytes[50 * 160..];
        assert!(!after.contains(&SECRET), "{late} late");
        let ledger = recording.progress.ledger();
        let local = ledger.leg(Leg::Local);
        assert_eq!(local.accounted(), local.handed, "{late} late");
        assert_eq!(local.in_file, ticks(70 * 160, 8000), "each loses at most itself");
    }
}

/// Feeds packets, given by speech and arrival time, with the control points in between.
fn feed_delayed(
    sim: &mut Sim,
    recording: &SimRecording,
    (pause_ms, resume_ms): (u64, u64),
    packets: &[(u64, u64)],
) {
    let begin = sim.now_ns;
    let mut points = [(pause_ms, false), (resume_ms, true)].into_iter().peekable();
    for (said_ms, comes_ms) in packets {
        while let Some((at_ms, resumes)) = points.next_if(|(at_ms, _)| at_ms <= comes_ms) {
            sim.now_ns = begin + at_ms * MS;
            match resumes {
                false => sim.pause(recording),
                true => sim.resume(recording),
            }
            sim.visit();
        }
        sim.now_ns = sim.now_ns.max(begin + comes_ms * MS);
        let secret = (pause_ms..resume_ms).contains(&(said_ms + 19));
        feed_packet(sim, said_ms / 20, 7, if secret { SECRET } else { OPEN });
        if said_ms % 100 == 0 {
            sim.visit();
        }
    }
    sim.pass(500);
    sim.stop(recording);
    sim.visit();
}

fn secrets(recording: &SimRecording) -> usize {
    recording
        .out
        .lock()
        .bytes
        .iter()
        .filter(|byte| **byte == SECRET)
        .count()
}

/// The file contains no audio of the pause, and more than `more_than_ms` of the rest.
fn check_rest(recording: &SimRecording, more_than_ms: u64) {
    assert_eq!(secrets(recording), 0);
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    assert!(local.in_file > ticks(more_than_ms * 8, 8000), "{local:?}");
}

/// The times of the 20 ms packets from one time to another.
fn packet_times(from_ms: u64, to_ms: u64) -> impl Iterator<Item = u64> {
    (from_ms..to_ms).step_by(20)
}

/// A reopened feed has no backlog from before, but may have one of later audio.
#[test]
fn a_stall_after_a_feed_was_reopened_carries_nothing_across_a_resume() {
    let (mut sim, recording) = one_leg();
    let before: Vec<_> = packet_times(0, 1000).map(|at| (at, at)).collect();
    for (at, _) in &before {
        feed_packet(&mut sim, at / 20, 7, OPEN);
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.detach(Leg::Local);
    sim.attach(Leg::Local, ULAW);
    sim.visit();
    sim.now_ns -= 1000 * MS;
    let stalled = packet_times(1000, 5000).map(|at| (at, 5000));
    let live = packet_times(5000, 12_000).map(|at| (at, at));
    let packets: Vec<_> = stalled.chain(live).collect();
    feed_delayed(&mut sim, &recording, (2000, 4500), &packets);
    check_rest(&recording, 3000);
}

/// Two packets arrive during a stall, far apart. Their timestamps look like those of a stopped clock;
/// the packets that follow show that it was not.
#[test]
fn single_packets_during_a_stall_do_not_look_like_a_stopped_clock() {
    let (mut sim, recording) = one_leg();
    let live = |from, to| packet_times(from, to).map(|at| (at, at));
    let packets: Vec<_> = live(0, 2000)
        .chain([(2000, 2600), (2020, 3200)])
        .chain(packet_times(2040, 5200).map(|at| (at, 5200)))
        .chain(live(5200, 12_000))
        .collect();
    feed_delayed(&mut sim, &recording, (2000, 5000), &packets);
    check_rest(&recording, 7000);
}

/// Three stalls without a catch-up, which add up to a queue of 6 s.
#[test]
fn stalls_longer_than_the_limit_in_total_prove_nothing() {
    let (mut sim, recording) = one_leg();
    let delayed = |from, to, by| packet_times(from, to).map(move |at| (at, at + by));
    let packets: Vec<_> = delayed(0, 2000, 0)
        .chain(delayed(2000, 6000, 2000))
        .chain(delayed(6000, 10_000, 4000))
        .chain(delayed(10_000, 24_000, 6000))
        .collect();
    feed_delayed(&mut sim, &recording, (17_000, 19_000), &packets);
    // The age of audio beyond the longest stall cannot be known.
    assert!(secrets(&recording) <= 1020 * 8, "{} samples", secrets(&recording));
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
}

/// Evidence that a sender's clock stood still during the pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Absent,
    Reports,
    Ages,
    Packets,
}

/// During 3 s of a pause the sender is silent and its clock stands still. It then continues where it
/// was, which looks like a backlog of 3 s.
#[test]
fn a_stopped_clock_loses_nothing_if_there_is_evidence() {
    for evidence in [
        Evidence::Absent,
        Evidence::Reports,
        Evidence::Ages,
        Evidence::Packets,
    ] {
        let (mut sim, recording) = one_leg();
        let report = |sim: &mut Sim, at_ms: u64, timestamp: u32| {
            let mut bytes = vec![0x80, 200, 0, 6, 0, 0, 0, 7];
            let seconds = (100 + at_ms / 1000) as u32;
            bytes.extend_from_slice(&seconds.to_be_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&timestamp.to_be_bytes());
            bytes.extend_from_slice(&[0; 8]);
            sim.rtp(Leg::Local, &bytes);
        };
        let feed_next = |sim: &mut Sim, n: u64, byte: u8| {
            let bytes = packet(7, 0, n as u16, n as u32 * 160, &[byte; 160]);
            match evidence {
                Evidence::Ages => sim.rtp_aged(Leg::Local, &bytes, 0),
                _ => sim.rtp(Leg::Local, &bytes),
            };
            sim.now_ns += 20 * MS;
            sim.visit();
        };
        (0..100).for_each(|n| feed_next(&mut sim, n, OPEN));
        if evidence == Evidence::Reports {
            report(&mut sim, 2000, 100 * 160);
        }
        sim.pause(&recording);
        let mut next = 100;
        for _ in 0..4 {
            if evidence == Evidence::Packets {
                feed_next(&mut sim, next, SECRET);
                next += 1;
            }
            sim.pass(740);
        }
        if evidence == Evidence::Reports {
            report(&mut sim, 5000, 100 * 160);
        }
        sim.resume(&recording);
        (next..next + 300).for_each(|n| feed_next(&mut sim, n, OPEN));
        sim.stop(&recording);
        sim.visit();
        assert_eq!(secrets(&recording), 0, "{evidence:?}");
        let ledger = recording.progress.ledger();
        let local = ledger.leg(Leg::Local);
        assert_eq!(local.accounted(), local.handed, "{evidence:?}");
        let unclear = local.dropped[DropReason::PauseUnclear as usize];
        match evidence {
            Evidence::Absent => assert!(unclear > ticks(2500 * 8, 8000), "{local:?}"),
            _ => assert_eq!(
                (unclear, local.in_file),
                (0, ticks(400 * 160, 8000)),
                "{evidence:?}"
            ),
        }
    }
}
