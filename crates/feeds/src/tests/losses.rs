//! Losses are reported, and each one only once.

use super::*;
use crate::ledger::{DropReason, ms, ticks};
use crate::sim::{RecordingOptions, config};
use crate::{ClockMode, SpanKind};
use callrec_base::types::Layout;

const MS: u64 = NS_PER_MS;

fn local(sim: &mut Sim) -> SimRecording {
    sim.attach(Leg::Local, PCM);
    sim.start(RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    })
}

/// The reported losses, joined. Fails if a frame is reported twice.
fn lost(recording: &SimRecording) -> Vec<(u64, u64)> {
    let out = recording.out.lock();
    let mut spans: Vec<_> = out.losses.iter().map(|s| (s.from_frame, s.to_frame)).collect();
    spans.sort_unstable();
    assert_eq!(
        spans.iter().map(|(a, b)| b - a).sum::<u64>() * MS / 8,
        out.lost_ns
    );
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            Some(last) => {
                assert!(last.1 < from, "lost twice from {from}: {:?}", out.losses);
                joined.push((from, to));
            }
            None => joined.push((from, to)),
        }
    }
    joined
}

/// The total length of the reported spans.
fn ns_of(recording: &SimRecording) -> u64 {
    recording
        .out
        .lock()
        .losses
        .iter()
        .map(|span| span.length_ns)
        .sum()
}

#[test]
fn every_late_write_is_counted() {
    let mut sim = Sim::real();
    let recording = local(&mut sim);
    sim.write_at(Leg::Local, 0, &pcm(Leg::Local, 0, 160));
    // Each is too late for the rendered audio, and overlaps the previous one.
    for from in [160, 240, 240, 80, 160] {
        sim.pass(300);
        sim.write_at(Leg::Local, from, &pcm(Leg::Local, from, 160));
    }
    sim.pass(1000);
    sim.stop(&recording);
    sim.visit();
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    // Five writes of 20 ms, two of which have a place for 10 ms.
    let reported = ns_of(&recording);
    assert_eq!(recording.out.lock().lost_ns, reported);
    assert_eq!(local.lost(), local.handed - local.in_file);
}

#[test]
fn a_gap_is_not_lost_again_by_another_sender() {
    let mut sim = Sim::real();
    let recording = local(&mut sim);
    let begin = sim.now_ns;
    let feed = |sim: &mut Sim, ssrc, seq: u16, ts: u64, arrival_ns| {
        let bytes = packet(ssrc, 0, seq, ts as u32, &[5; 160]);
        sim.feed(Leg::Local).map(|feed| feed.rtp(&bytes, arrival_ns))
    };
    // The timestamps jump by 400 ms without a gap in the numbers; then eight packets are missing.
    feed(&mut sim, 1, 0, 0, begin);
    feed(&mut sim, 1, 1, 3360, begin);
    feed(&mut sim, 1, 10, 4800, begin);
    sim.pass(2000);
    assert_eq!(lost(&recording), [(320, 1600)]);
    // Another sender, whose packets the host delayed: they are placed by their arrival.
    for n in 0..10u64 {
        feed(&mut sim, 2, n as u16, n * 160, begin + (380 + 20 * n) * MS);
    }
    sim.pass(2000);
    sim.stop(&recording);
    sim.visit();
    // They belong to a time that is written but not settled, so nothing is lost.
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!((local.dropped_sum(), local.accounted()), (0, local.handed));
    assert_eq!(recording.out.lock().lost_ns, 160 * MS);
}

#[test]
fn a_loss_before_a_refused_block_is_reported() {
    let mut sim = Sim::real();
    let recording = local(&mut sim);
    sim.write_at(Leg::Local, 0, &pcm(Leg::Local, 0, 160));
    sim.pass(1500);
    // A late write, and then a block with audio that the sink refuses.
    sim.write_at(Leg::Local, 160, &pcm(Leg::Local, 160, 160));
    sim.write_at(Leg::Local, 12_000, &pcm(Leg::Local, 0, 160));
    recording.out.lock().full = true;
    sim.pass(1000);
    recording.out.lock().full = false;
    sim.stop(&recording);
    sim.visit();
    let lost = lost(&recording);
    assert_eq!(lost[0], (160, 320));
    assert_eq!(lost[1], (12_000, 12_160), "the audio in the block");
    let of_local = |span: &crate::Span| matches!(span.kind, SpanKind::Loss(Leg::Local, _));
    assert!(recording.out.lock().losses.iter().all(of_local));
}

#[test]
fn only_packets_counted_as_missing_are_subtracted_again() {
    let (mut sim, _tape) = one_leg();
    sim.now_ns += 100 * MS;
    // The first two are swapped: the earlier one was not counted as missing.
    for n in [1, 0, 2] {
        sim.rtp(Leg::Local, &ulaw(n));
    }
    sim.visit();
    assert_eq!(sim.stats.frames_lost(), 0);
    // A packet is missing before comfort noise, which does not count it yet.
    sim.rtp(Leg::Local, &packet(7, 13, 4, 640, &[60]));
    sim.rtp(Leg::Local, &ulaw(3));
    sim.visit();
    assert_eq!(sim.stats.frames_lost(), 0);
    // Two are missing. One of them arrives 93 numbers late, three times.
    sim.rtp(Leg::Local, &ulaw(7));
    sim.rtp(Leg::Local, &ulaw(100));
    sim.visit();
    let before = sim.stats.frames_lost();
    assert_eq!(before, 2 + 92);
    for _ in 0..3 {
        sim.rtp(Leg::Local, &ulaw(6));
    }
    sim.visit();
    assert_eq!(sim.stats.frames_lost(), before - 1);
}

/// An overrun is counted once, whatever arrives between it and the next audio.
#[test]
fn an_overrun_is_counted_once() {
    let others = [
        packet(7, 101, 0, 0, &[1, 2, 3, 4]),
        packet(7, 13, 0, 0, &[60]),
        // RTCP, a duplicate, and an implausible packet.
        vec![0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ulaw(3),
        packet(7, 0, 40_000, 0, &[5; 160]),
    ];
    for other in others {
        let mut settings = config(ClockMode::Real);
        settings.overflow_bytes = 64 << 10;
        let (mut sim, recording) = one_leg_of(Sim::new(settings));
        let mut next = 0;
        let mut over = 0;
        while over < 3 {
            over += u32::from(sim.rtp(Leg::Local, &ulaw(next)) != callrec_base::types::Status::Ok);
            next += 1;
            assert!(next < 1000, "the ring does not fill");
        }
        sim.now_ns += next * 20 * MS;
        sim.visit();
        assert_eq!(sim.stats.frames_lost(), 3);
        let mut other = other;
        if other[1] == 101 || other[1] == 13 {
            other[2..4].copy_from_slice(&(next as u16).to_be_bytes());
            next += 1;
        }
        sim.rtp(Leg::Local, &other);
        sim.rtp(Leg::Local, &ulaw(next));
        sim.visit();
        assert_eq!(sim.stats.frames_lost(), 3, "{:?}", &other[..4]);
        // A missing packet without an overrun is counted as usual.
        sim.rtp(Leg::Local, &ulaw(next + 2));
        sim.stop(&recording);
        sim.visit();
        // The unconfirmed packet is dropped.
        let unconfirmed = u64::from(other[1] == 0 && other[2..4] == 40_000u16.to_be_bytes());
        assert_eq!(sim.stats.frames_lost(), 4 + unconfirmed, "{:?}", &other[..4]);
    }
}

/// The part of a packet before a recording's begin is not a late packet.
#[test]
fn a_recording_that_begins_within_a_packet_loses_nothing() {
    let (mut sim, first) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.now_ns += 7 * MS;
    let second = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..RecordingOptions::default()
    });
    send(&mut sim, 50, 100, &[]);
    sim.pass(2000);
    assert_eq!((sim.stats.frames_lost(), sim.stats.late()), (0, 0));
    let lost = [&first, &second].map(|recording| recording.progress.lost_ms());
    assert_eq!(lost, [0, 0]);
}

/// A recording begins at the same time at every clock rate.
#[test]
fn the_first_burst_at_a_higher_rate_is_complete() {
    let payload: Vec<u8> = [1, 2].repeat(960);
    for n in 0..40 {
        let mut sim = Sim::real();
        sim.now_ns += n * 7_919;
        sim.attach(Leg::Local, ULAW);
        let wide = FeedFormat {
            codec: Codec::Pcm16,
            rate: 48_000,
        };
        sim.payload(Leg::Local, 97, wide);
        let recording = sim.start(RecordingOptions {
            layout: Layout::Local,
            ..RecordingOptions::default()
        });
        for n in 0..20 {
            sim.rtp(Leg::Local, &packet(9, 97, n, u32::from(n) * 960, &payload));
        }
        sim.pass(2000);
        assert_eq!((sim.stats.frames_lost(), sim.stats.late()), (0, 0), "{n}");
        assert_eq!(
            recording.progress.ledger().leg(Leg::Local).accounted(),
            20 * ticks(960, 48_000)
        );
        assert_eq!(
            recording.progress.ledger().leg(Leg::Local).in_file,
            20 * ticks(960, 48_000)
        );
    }
}

/// Every 50th packet comes 300 ms late. Each of two recordings of the call counts it as late, or holds
/// what a decoder of its own makes of it; they cut their blocks at different times.
#[test]
fn a_late_packet_is_decoded_for_every_recording_that_has_a_place_for_it() {
    let (mut sim, first) = codecs::call(codecs::G722);
    let second = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..Default::default()
    });
    sim.visit();
    let sender = codecs::Sender::g722(&codecs::sine(440.0, 16_000, 2000 * 320));
    let is_delayed = |n: usize| n % 50 == 25;
    for n in 0..2000usize {
        let late = n.checked_sub(15).filter(|n| is_delayed(*n));
        for n in late.into_iter().chain(Some(n).filter(|n| !is_delayed(*n))) {
            sim.rtp(Leg::Local, &sender.packet(n));
        }
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let counts = [&first, &second].map(|recording| {
        let samples = recording.out.lock().channel(0);
        let held = (0..2000).filter(|n| is_delayed(*n));
        let silent = held.filter(|n| samples[n * 320..(n + 1) * 320].iter().all(|sample| *sample == 0));
        let ledger = codecs::ledger_of(recording);
        assert_eq!(ledger.accounted(), ledger.handed);
        let late = ms(ledger.dropped[DropReason::Late as usize]);
        (20 * silent.count() as u64, late)
    });
    assert!(counts.iter().all(|(silent, late)| silent == late), "{counts:?}");
    assert!(
        counts.iter().all(|(_, late)| (100..700).contains(late)),
        "{counts:?}"
    );
}
