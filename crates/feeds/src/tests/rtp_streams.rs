use super::*;
use crate::Span;
use crate::SpanKind;

const MS: u64 = NS_PER_MS;

fn feed(sim: &mut Sim, n: u64) {
    sim.rtp(Leg::Local, &ulaw(n));
}

fn stop_later(sim: &mut Sim, recording: &SimRecording) {
    sim.pass(200);
    sim.stop(recording);
    sim.visit();
}

#[test]
fn a_loss_is_recorded_as_silence_of_its_length() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 100, &[10, 50, 51]);
    stop_later(&mut sim, &recording);
    let mut expected_tags = expected(0, 100);
    (expected_tags[10], expected_tags[50], expected_tags[51]) = (0, 0, 0);
    expected_tags.extend([0; 10]);
    assert_eq!(tags(&recording), expected_tags);
    let out = recording.out.lock();
    assert_eq!((out.lost_ns, recording.progress.lost_ms()), (60 * MS, 60));
    let span = |from: u64, to: u64| Span {
        kind: SpanKind::Loss(Leg::Local, crate::LossReason::Network),
        from_frame: from * 160,
        to_frame: to * 160,
        length_ns: (to - from) * 20 * MS,
    };
    assert_eq!(out.losses, [span(10, 11), span(50, 52)]);
    assert_eq!((sim.stats.frames_lost(), sim.stats.frames_in()), (3, 97));
}

#[test]
fn reordered_packets_in_the_window_and_duplicates_lose_nothing() {
    let (mut sim, recording) = one_leg();
    for n in [0, 2, 1, 1, 3, 5, 4, 4, 5, 6, 7] {
        feed(&mut sim, n);
        if n > 0 {
            sim.now_ns += 20 * MS;
            sim.visit();
        }
    }
    sim.pass(1000);
    stop_later(&mut sim, &recording);
    assert_eq!(tags(&recording)[..8], expected(0, 8));
    assert_eq!((recording.progress.lost_ms(), sim.stats.frames_lost()), (0, 0));
}

#[test]
fn a_packet_reordered_beyond_the_window_is_late() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 100, &[10]);
    feed(&mut sim, 10);
    stop_later(&mut sim, &recording);
    assert_eq!(tags(&recording)[10], 0);
    assert_eq!((recording.progress.lost_ms(), sim.stats.late()), (20, 1));
    assert_eq!(sim.stats.frames_lost(), 1);
}

#[test]
fn a_new_ssrc_continues_the_recording() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 50, &[]);
    for n in 50..100u64 {
        let bytes = packet(9, 8, 4000 + n as u16, 77 + n as u32 * 160, &[0x35; 160]);
        sim.rtp(Leg::Local, &bytes);
        // A late packet of the previous sender.
        sim.rtp(Leg::Local, &ulaw(49));
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    stop_later(&mut sim, &recording);
    let got = tags(&recording);
    assert_eq!(got[..50], expected(0, 50));
    assert!(got[50..100].iter().all(|m| *m == got[50] && *m != 0));
    assert_eq!(recording.progress.lost_ms(), 0);
}

#[test]
fn sequence_and_timestamp_may_wrap() {
    let (mut sim, recording) = one_leg();
    for n in 0..50u64 {
        let (seq, ts) = (
            65_520u16.wrapping_add(n as u16),
            0xffff_f000u32.wrapping_add(n as u32 * 160),
        );
        sim.rtp(Leg::Local, &packet(7, 0, seq, ts, &[tag(n); 160]));
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    stop_later(&mut sim, &recording);
    assert_eq!(tags(&recording)[..50], expected(0, 50));
    assert_eq!(recording.progress.lost_ms(), 0);
}

#[test]
fn a_jump_of_the_timestamps_loses_nothing() {
    for jump in [1_000_000_000u32, 0x9000_0000, 100_000] {
        let (mut sim, recording) = one_leg();
        for n in 0..60u64 {
            let ts = n as u32 * 160 + if n < 30 { 0 } else { jump };
            sim.rtp(Leg::Local, &packet(7, 0, n as u16, ts, &[tag(n); 160]));
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        stop_later(&mut sim, &recording);
        assert_eq!(tags(&recording)[..60], expected(0, 60), "jump of {jump}");
    }
}

#[test]
fn the_packet_length_may_change() {
    let (mut sim, recording) = one_leg();
    let (mut ts, mut seq) = (0u32, 0u16);
    for samples in [160u32, 160, 240, 480, 80, 80, 160] {
        sim.rtp(Leg::Local, &packet(7, 0, seq, ts, &vec![5; samples as usize]));
        sim.now_ns += u64::from(samples) * MS / 8;
        (ts, seq) = (ts + samples, seq + 1);
    }
    stop_later(&mut sim, &recording);
    let out = recording.out.lock();
    assert!(out.bytes[..1360].iter().all(|byte| *byte == 5));
    assert!(out.bytes[1360..].iter().all(|byte| *byte == 0xff));
}

#[test]
fn silence_suppression_is_not_loss() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 10, &[]);
    // Comfort noise, a telephone event and an unknown type; then silence; then speech.
    sim.rtp(Leg::Local, &packet(7, 13, 10, 1600, &[60]));
    sim.rtp(Leg::Local, &packet(7, 101, 11, 1600, &[1, 2, 3, 4]));
    sim.rtp(Leg::Local, &packet(7, 200 & 0x7f, 12, 1600, &[1, 2, 3, 4]));
    sim.pass(2000);
    for n in 110..120u64 {
        sim.rtp(
            Leg::Local,
            &packet(7, 0, n as u16 - 97, n as u32 * 160, &[tag(n); 160]),
        );
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    stop_later(&mut sim, &recording);
    let got = tags(&recording);
    assert_eq!(
        (&got[..10], &got[110..120]),
        (&expected(0, 10)[..], &expected(110, 120)[..])
    );
    assert!(got[10..110].iter().all(|m| *m == 0));
    assert_eq!(recording.progress.lost_ms(), 0);
    assert_eq!(sim.stats.dropped_unknown(), 2);
}

#[test]
fn a_sender_restarts_after_minutes() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 10, &[]);
    sim.pass(300_000);
    // The same sender with much lower numbers and unrelated timestamps.
    for n in 0..20u64 {
        let bytes = packet(7, 0, 40_000 + n as u16, 99 + n as u32 * 160, &[tag(n); 160]);
        sim.rtp(Leg::Local, &bytes);
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    stop_later(&mut sim, &recording);
    let got = tags(&recording);
    assert_eq!(got[..10], expected(0, 10));
    // The first one could be a late packet.
    assert_eq!(got[15_011..15_030], expected(1, 20));
    assert_eq!(got.len(), 15_040);
}

#[test]
fn a_larger_delay_moves_the_stream() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.pass(500);
    send(&mut sim, 50, 100, &[]);
    stop_later(&mut sim, &recording);
    let got = tags(&recording);
    assert_eq!(got[..50], expected(0, 50));
    assert_eq!(got[75..125], expected(50, 100));
    assert_eq!(recording.progress.lost_ms(), 0);
}

#[test]
fn clock_drift_is_corrected_by_slips() {
    for ppm in [200i64, -200] {
        let (mut sim, recording) = one_leg();
        let begin = sim.now_ns;
        let mut sent = 0u64;
        while sim.now_ns - begin < 1_800_000 * MS {
            feed(&mut sim, sent);
            sent += 1;
            let elapsed = sent as i64 * 20 * MS as i64;
            sim.now_ns = begin + (elapsed + elapsed / 1_000_000 * ppm) as u64;
            if sent.is_multiple_of(5) {
                sim.visit();
            }
        }
        sim.stop(&recording);
        sim.visit();
        let out = recording.out.lock();
        let wall = (sim.now_ns - begin) / MS * 8;
        assert!(out.frames().abs_diff(wall) <= 160, "{ppm} ppm");
        // The last packet is at its arrival time, within 25 ms plus its own length.
        let last = tag(sent - 1);
        let first = out.bytes.iter().rposition(|byte| *byte == last);
        let from_end = out.bytes.len() - first.unwrap_or(0);
        assert!(from_end < 400, "{ppm} ppm: {from_end} samples from the end");
        assert_eq!((out.lost_ns, sim.stats.late()), (0, 0));
    }
}

#[test]
fn padding_extensions_and_csrcs_are_parsed() {
    let (mut sim, recording) = one_leg();
    sim.payload(Leg::Local, 97, PCM);
    let payload: Vec<u8> = (0..160).flat_map(|_| 8000i16.to_be_bytes()).collect();
    let mut odd = vec![0xb1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]; // padding, extension, a CSRC
    odd.extend([0, 0, 0, 1]);
    odd.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
    odd.extend([9; 160]);
    odd.extend([0, 0, 3]);
    sim.rtp(Leg::Local, &odd);
    sim.rtp(Leg::Local, &[0x80, 200, 0, 6, 0, 0, 0, 7]);
    sim.now_ns += 20 * MS;
    sim.rtp(Leg::Local, &packet(7, 97, 1, 160, &payload));
    sim.now_ns += 20 * MS;
    stop_later(&mut sim, &recording);
    let law = audio_codec_algorithms::encode_ulaw(8000);
    assert_eq!(tags(&recording)[..3], [9, law, 0]);
    assert_eq!(sim.stats.dropped_unknown(), 1);
}

#[test]
fn a_delay_of_the_host_does_not_move_the_stream() {
    // The host is delayed for 280 ms and then feeds all packets at once, during a recording or
    // across a pause.
    for pause in [false, true] {
        let (mut sim, recording) = one_leg();
        send(&mut sim, 0, 50, &[]);
        sim.now_ns += 280 * MS;
        if pause {
            sim.pause(&recording);
        }
        for n in 50..65u64 {
            let bytes = packet(7, 0, n as u16, n as u32 * 160, &[tag(n); 160]);
            sim.rtp(Leg::Local, &bytes);
        }
        sim.visit();
        if pause {
            sim.resume(&recording);
        }
        sim.now_ns += 20 * MS;
        send(&mut sim, 65, 100, &[]);
        stop_later(&mut sim, &recording);
        let got = tags(&recording);
        assert_eq!(got[65..100], expected(65, 100), "pause {pause}");
        assert_eq!(recording.progress.lost_ms(), 0);
        if !pause {
            assert_eq!(got[..65], expected(0, 65));
        }
    }
}

#[test]
fn alternating_clock_rates_are_followed_up_to_a_limit() {
    let (mut sim, recording) = one_leg();
    for n in 0..400u64 {
        let payload_type = if n % 2 == 0 { 0 } else { 11 };
        let bytes = packet(7, payload_type, n as u16, n as u32, &[1; 4]);
        sim.rtp(Leg::Local, &bytes);
        if n % 10 == 9 {
            sim.now_ns += 2 * MS;
            sim.visit();
        }
    }
    // After eight changes, every second packet is dropped.
    sim.stop(&recording);
    sim.visit();
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!((local.packets, local.accounted()), (400, local.handed));
    assert!(sim.stats.frames_lost() > 190, "{}", sim.stats.frames_lost());
    let dropped = local.dropped[crate::DropReason::Overlap as usize];
    assert!(dropped > 190 * crate::ledger::ticks(2, 44_100), "{local:?}");
}

#[test]
fn the_first_audio_determines_the_rate_of_the_file() {
    // L16 at 44.1 kHz has a static payload type (RFC 3551).
    let stray = packet(7, 11, 0, 0, &[1; 160]);
    let record = |packets: &[Vec<u8>], mapped: bool| {
        let mut sim = Sim::real();
        sim.attach(Leg::Local, ULAW);
        if mapped {
            sim.payload(Leg::Local, 11, FeedFormat { rate: 44_100, ..PCM });
            sim.payload(Leg::Local, 97, WIDE);
        }
        let recording = sim.start(Default::default());
        for bytes in packets {
            sim.rtp(Leg::Local, bytes);
            sim.now_ns += 20 * MS;
        }
        stop_later(&mut sim, &recording);
        let rate = recording.out.lock().shape.map(|shape| shape.rate);
        (rate, sim.stats.frames_in())
    };
    let plain = ulaw(1);
    let wide = packet(7, 97, 2, 320, &[1; 640]);
    assert_eq!(record(std::slice::from_ref(&stray), false), (Some(44_100), 1));
    assert_eq!(
        record(&[plain.clone(), packet(7, 11, 2, 320, &[1; 160])], false),
        (Some(8000), 2)
    );
    assert_eq!(record(&[stray], true), (Some(44_100), 1));
    assert_eq!(record(&[plain, wide.clone()], true), (Some(8000), 2));
    assert_eq!(record(&[wide, ulaw(3)], true), (Some(16_000), 2));
}

#[test]
fn a_jump_of_sequence_numbers_under_comfort_noise() {
    let (mut sim, recording) = one_leg();
    feed(&mut sim, 0);
    sim.now_ns += 20 * MS;
    for seq in [32_767, 65_534] {
        sim.rtp(Leg::Local, &packet(7, 13, seq, 160, &[60]));
    }
    // By its number, 65,535 packets are missing.
    sim.now_ns += 1000 * MS;
    sim.rtp(Leg::Local, &packet(7, 0, 2, 320, &[tag(2); 160]));
    stop_later(&mut sim, &recording);
    let got = tags(&recording);
    assert_eq!((got[0], got[51]), (tag(0), tag(2)));
}

#[test]
fn a_clock_stopped_for_longer_than_a_stall_loses_nothing() {
    for renewed in [false, true] {
        let (mut sim, recording) = one_leg();
        send(&mut sim, 0, 50, &[]);
        sim.pause(&recording);
        sim.pass(20_000);
        sim.resume(&recording);
        // It continues where it stopped, in one case as another sender.
        let ssrc = if renewed { 8 } else { 7 };
        for n in 50..1550u64 {
            let bytes = packet(ssrc, 0, n as u16, n as u32 * 160, &[tag(n); 160]);
            sim.rtp(Leg::Local, &bytes);
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        stop_later(&mut sim, &recording);
        let after = &tags(&recording)[1050..2550];
        let silent = after.iter().take_while(|tag| **tag == 0).count();
        assert_eq!(silent, 0, "another sender: {renewed}");
        assert_eq!(sim.stats.frames_lost(), 0);
        assert!(after.iter().eq(&expected(50, 1550)));
        assert_eq!(recording.progress.lost_ms(), 0);
    }
}

#[test]
fn a_late_packet_from_the_future_does_not_stretch_the_recording() {
    for mut sim in [Sim::real(), Sim::stream()] {
        sim.attach(Leg::Local, ULAW);
        let recording = sim.start(Default::default());
        send(&mut sim, 0, 50, &[30]);
        // The missing packet, with a timestamp hours later.
        sim.rtp(Leg::Local, &packet(7, 0, 30, 30 * 160 + (1 << 30), &[9; 160]));
        send(&mut sim, 50, 60, &[]);
        sim.stop(&recording);
        sim.visit();
        assert_eq!(recording.progress.duration_ms(), 1200);
        // Its number determines its place. It is recorded there unless it is too late.
        let ledger = recording.progress.ledger();
        let local = ledger.leg(Leg::Local);
        let packet = crate::ledger::ticks(160, 8000);
        assert_eq!(local.accounted(), local.handed);
        assert_eq!(local.lost(), sim.stats.frames_lost() * packet);
        assert_eq!(local.in_file + local.lost(), 60 * packet);
    }
}

/// Two packets are swapped where a sender changes its codec and clock rate.
#[test]
fn packets_swapped_at_a_rate_change_lose_at_most_themselves() {
    let (mut sim, recording) = one_leg();
    sim.payload(Leg::Local, 97, WIDE);
    send(&mut sim, 0, 49, &[]);
    let wide = |n: u64| packet(7, 97, n as u16, (n * 320) as u32, &[3; 640]);
    for n in [50, 49, 51, 52, 53] {
        let bytes = if n == 49 { ulaw(n) } else { wide(n) };
        sim.rtp(Leg::Local, &bytes);
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    for n in 54..100 {
        sim.rtp(Leg::Local, &wide(n));
        sim.now_ns += 20 * MS;
        sim.visit();
    }
    sim.stop(&recording);
    sim.visit();
    let ledger = recording.progress.ledger();
    let local = ledger.leg(Leg::Local);
    assert_eq!(local.accounted(), local.handed);
    let packet = crate::ledger::ticks(160, 8000);
    assert_eq!(local.lost(), packet, "{local:?}");
    assert_eq!(local.in_file, 99 * packet);
}
