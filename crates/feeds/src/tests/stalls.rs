//! Audio is placed correctly again after a stall.

use super::*;

const MS: u64 = NS_PER_MS;

/// A backlog of 2 s arrives so slowly that it looks like live speech. The resulting delay is removed
/// as soon as the speaker pauses, even if the line has background noise.
#[test]
fn a_slow_backlog_is_realigned_after_a_silence() {
    for noise in [100i16, 1500] {
        let (mut sim, recording) = one_leg();
        let begin = sim.now_ns;
        let (loud, weak) = (
            audio_codec_algorithms::encode_ulaw(30_000),
            audio_codec_algorithms::encode_ulaw(noise),
        );
        let last = audio_codec_algorithms::encode_ulaw(-30_000);
        let mut arrival_ns = begin;
        for n in 0..1500u64 {
            let sent_ns = begin + n * 20 * MS;
            arrival_ns = match n {
                0..50 => sent_ns,
                50 => sent_ns + 2000 * MS,
                _ => sent_ns.max(arrival_ns + 18 * MS),
            };
            let byte = match n {
                1200..1350 => weak,
                1400.. => last,
                _ => loud,
            };
            sim.now_ns = arrival_ns;
            let bytes = packet(7, 0, n as u16, n as u32 * 160, &[byte; 160]);
            sim.rtp(Leg::Local, &bytes);
            if n % 5 == 0 {
                sim.visit();
            }
        }
        sim.stop(&recording);
        sim.visit();
        let out = recording.out.lock();
        let at = out.bytes.iter().position(|byte| *byte == last).unwrap_or(0);
        assert!(
            at.abs_diff(1400 * 160) <= 160,
            "noise {noise}: {at} instead of {}",
            1400 * 160
        );
        assert_eq!(recording.progress.lost_ms(), 0);
    }
}

/// The backlog of a stall may be as much out of order as other packets. Later packets alone do not
/// settle a gap, so every recording gets all of it, wherever its blocks are cut.
#[test]
fn a_backlog_out_of_order_loses_nothing() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    let recordings: Vec<SimRecording> = (0..20)
        .map(|_| {
            sim.start(crate::sim::RecordingOptions {
                layout: callrec_base::types::Layout::Local,
                format: callrec_base::types::Format::WAV_ULAW,
                ..Default::default()
            })
        })
        .collect();
    sim.visit();
    send(&mut sim, 0, 100, &[]);
    // 4.8 s of audio arrive within 0.8 s, every fifth packet after its successors.
    sim.now_ns += 4000 * MS;
    let order = (100..340).map(|n| match n % 5 {
        0 => n + 1,
        1 => n + 1,
        2 => n - 2,
        _ => n,
    });
    for n in order {
        sim.rtp(Leg::Local, &ulaw(n));
        sim.now_ns += 10 * MS / 3;
        sim.visit();
    }
    let next = 400;
    send(&mut sim, 340, next, &[]);
    for recording in &recordings {
        sim.stop(recording);
    }
    sim.visit();
    for recording in &recordings {
        assert_eq!(recording.progress.lost_ms(), 0, "{}", recording.id);
        assert_eq!(
            tags(recording)[..next as usize],
            expected(0, next),
            "{}",
            recording.id
        );
    }
}

/// The host reads a leg's socket 1.5 s too late, while the other leg is recorded and settles.
#[test]
fn the_first_packets_of_a_leg_may_come_late_and_at_once() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    sim.attach(Leg::Remote, ULAW);
    let recording = sim.start(crate::sim::RecordingOptions {
        layout: callrec_base::types::Layout::Remote,
        format: callrec_base::types::Format::WAV_ULAW,
        ..Default::default()
    });
    let both = sim.start(crate::sim::RecordingOptions::default());
    sim.visit();
    for n in 0..200u64 {
        sim.rtp(Leg::Local, &ulaw(n));
        match n {
            0..75 => {}
            75 => (0..=75).for_each(|n| {
                sim.rtp(Leg::Remote, &ulaw(n));
            }),
            _ => {
                sim.rtp(Leg::Remote, &ulaw(n));
            }
        }
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.end();
    sim.pass(1000);
    for recording in [&recording, &both] {
        let ledger = recording.progress.ledger().leg(Leg::Remote).clone();
        assert_eq!((ledger.dropped_sum(), ledger.handed), (0, ledger.in_file));
        assert_eq!(crate::ledger::ms(ledger.in_file), 4000);
    }
    let heard: Vec<u8> = tags(&recording).into_iter().filter(|tag| *tag != 0).collect();
    assert_eq!(heard, expected(0, 200));
}
