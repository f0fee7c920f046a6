//! What a decoder's state holds when audio is recorded: nothing of a pause.

use super::codecs::*;
use super::*;
use crate::sim::RecordingOptions;
use callrec_base::types::Layout;

/// The samples of a decoder that begins with these packets.
fn decoded(format: FeedFormat, payloads: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = format.codec.decoder(format.rate).expect("a decoder");
    let mut samples = Vec::new();
    for payload in payloads {
        decoder.decode(payload, &mut samples).expect("a valid payload");
    }
    samples
}

/// A loud sender with packets of 20 ms.
fn loud(format: FeedFormat) -> Sender {
    let samples = sine(440.0, format.rate, 110 * format.rate as usize / 50);
    match format.codec {
        Codec::G722 => Sender::g722(&samples),
        _ => Sender::opus(&samples, false),
    }
}

/// Where these samples are in a file.
fn position_of(samples: &[i16], part: &[i16]) -> Option<usize> {
    samples.windows(part.len()).position(|window| window == part)
}

/// Packets 40 and 41 were spoken during the pause and come 45 ms late, after it. They are not
/// recorded, so what follows must not depend on them.
#[test]
fn what_comes_late_from_a_pause_is_not_in_a_decoder() {
    for format in [G722, OPUS] {
        let sender = loud(format);
        let (mut sim, recording) = call(format);
        send_some(&mut sim, &sender, &(0..30).collect::<Vec<_>>());
        sim.pause(&recording);
        sim.visit();
        send_some(&mut sim, &sender, &(30..40).collect::<Vec<_>>());
        sim.now_ns += 45 * NS_PER_MS;
        sim.resume(&recording);
        sim.visit();
        for n in 40..43 {
            sim.rtp(Leg::Local, &sender.packet(n));
        }
        sim.now_ns += 15 * NS_PER_MS;
        send_some(&mut sim, &sender, &(43..60).collect::<Vec<_>>());
        sim.pass(500);
        sim.end();
        sim.pass(500);
        let samples = recording.out.lock().channel(0);
        let len = format.rate as usize / 50;
        // Packet 42 is heard in part.
        let expected = decoded(format, &sender.payloads[42..60])[len..].to_vec();
        assert!(position_of(&samples, &expected).is_some(), "{format:?}");
    }
}

/// Packet 31 is missing when the second pause ends, so packet 32 is decoded only then.
#[test]
fn two_pauses_are_two_cuts() {
    let sender = loud(G722);
    let (mut sim, recording) = call(G722);
    // Another recording goes on, so that the packets of the pauses are decoded.
    let _other = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..Default::default()
    });
    send_some(&mut sim, &sender, &(0..30).collect::<Vec<_>>());
    sim.pause(&recording);
    sim.visit();
    send_some(&mut sim, &sender, &[30, 32]);
    sim.resume(&recording);
    sim.visit();
    send_some(&mut sim, &sender, &[33]);
    let first = sim.now_ns;
    sim.pause(&recording);
    sim.resume(&recording);
    sim.visit();
    assert_eq!(sim.now_ns, first);
    send_some(&mut sim, &sender, &(34..60).collect::<Vec<_>>());
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let samples = recording.out.lock().channel(0);
    for kept in [33..34, 34..60] {
        let expected = decoded(G722, &sender.payloads[kept.clone()]);
        assert!(position_of(&samples, &expected).is_some(), "{kept:?}");
    }
}

/// Packets 20 to 104 come at once after a stall, during which the recording was paused twice. Those
/// of the time between the pauses are kept, and must not depend on the first pause.
#[test]
fn a_stall_over_two_pauses_hides_none_in_a_decoder() {
    for format in [G722, OPUS] {
        let sender = loud(format);
        let (mut sim, recording) = call(format);
        let pass_paused = |sim: &mut Sim, packets: u64| {
            sim.pause(&recording);
            sim.visit();
            sim.pass(packets * 20);
            sim.resume(&recording);
            sim.visit();
        };
        send_some(&mut sim, &sender, &(0..20).collect::<Vec<_>>());
        sim.pass(100);
        pass_paused(&mut sim, 25);
        sim.pass(500);
        pass_paused(&mut sim, 25);
        sim.pass(100);
        for n in 20..105 {
            assert_eq!(
                sim.rtp(Leg::Local, &sender.packet(n)),
                callrec_base::types::Status::Ok
            );
        }
        sim.now_ns += 20 * NS_PER_MS;
        send_some(&mut sim, &sender, &(105..110).collect::<Vec<_>>());
        sim.pass(500);
        sim.end();
        sim.pass(500);
        let samples = recording.out.lock().channel(0);
        for kept in [0..20, 50..75, 100..110] {
            let expected = decoded(format, &sender.payloads[kept.clone()]);
            assert!(position_of(&samples, &expected).is_some(), "{format:?} {kept:?}");
        }
    }
}

/// With `media.concealment` "on". Packets 40 and 41 come after the pause. Packet 41 was spoken at its
/// end, and packet 42 is missing.
#[test]
fn no_decoder_conceals_a_gap_with_audio_of_a_pause() {
    let concealed = |heard_ms: u64| {
        let sender = loud(OPUS);
        let mut config = crate::sim::config(crate::ClockMode::Real);
        config.conceals = true;
        let (mut sim, recording) = call_in(Sim::new(config), OPUS);
        send_some(&mut sim, &sender, &(0..30).collect::<Vec<_>>());
        sim.pause(&recording);
        sim.visit();
        send_some(&mut sim, &sender, &(30..40).collect::<Vec<_>>());
        sim.now_ns += (40 - heard_ms) * NS_PER_MS;
        sim.resume(&recording);
        sim.visit();
        for n in [40, 41] {
            sim.rtp(Leg::Local, &sender.packet(n));
        }
        sim.now_ns += (20 + heard_ms) * NS_PER_MS;
        send_some(&mut sim, &sender, &(43..60).collect::<Vec<_>>());
        sim.pass(500);
        sim.end();
        sim.pass(500);
        crate::ledger::ms(ledger_of(&recording).concealed)
    };
    assert_eq!([0, 10].map(concealed), [0, 0]);
    assert_eq!(concealed(20), 20);
}

/// A host writes packets. What it writes in a pause, or while the call is held and
/// `calls.hold_audio` is "silence", is not in the state of what follows.
#[test]
fn what_is_written_in_a_pause_is_not_in_a_decoder() {
    for (format, holds) in [(G722, false), (OPUS, false), (G722, true)] {
        let sender = loud(format);
        let mut config = crate::sim::config(crate::ClockMode::Real);
        config.hold_is_silence = true;
        let (mut sim, recording) = call_in(Sim::new(config), format);
        let write = |sim: &mut Sim, packets: std::ops::Range<usize>| {
            for payload in &sender.payloads[packets] {
                assert_eq!(sim.write(Leg::Local, payload), callrec_base::types::Status::Ok);
                sim.now_ns += 20 * NS_PER_MS;
                sim.visit();
            }
        };
        write(&mut sim, 0..30);
        match holds {
            true => sim.hold(true),
            false => sim.pause(&recording),
        }
        write(&mut sim, 30..40);
        match holds {
            true => sim.hold(false),
            false => sim.resume(&recording),
        }
        write(&mut sim, 40..60);
        sim.pass(500);
        sim.end();
        sim.pass(500);
        let samples = recording.out.lock().channel(0);
        let expected = decoded(format, &sender.payloads[40..60]);
        assert!(position_of(&samples, &expected).is_some(), "{format:?} {holds}");
        assert!(position_of(&samples, &decoded(format, &sender.payloads[..30])).is_some());
    }
}

/// The host stalls in a pause, and writes its audio at once after it. That audio fills the pause, and
/// must not be in the state of what follows.
#[test]
fn what_is_written_late_from_a_pause_is_not_in_a_decoder() {
    for format in [G722, OPUS] {
        let sender = loud(format);
        let (mut sim, recording) = call(format);
        let write = |sim: &mut Sim, n: usize| {
            assert_eq!(
                sim.write(Leg::Local, &sender.payloads[n]),
                callrec_base::types::Status::Ok
            );
        };
        let write_live = |sim: &mut Sim, packets: std::ops::Range<usize>| {
            for n in packets {
                write(sim, n);
                sim.now_ns += 20 * NS_PER_MS;
                sim.visit();
            }
        };
        write_live(&mut sim, 0..25);
        sim.pause(&recording);
        write_live(&mut sim, 25..30);
        sim.pass(400);
        sim.resume(&recording);
        sim.visit();
        sim.now_ns += 20 * NS_PER_MS;
        (30..50).for_each(|n| write(&mut sim, n));
        sim.visit();
        write_live(&mut sim, 50..90);
        sim.pass(500);
        sim.end();
        sim.pass(500);
        let samples = recording.out.lock().channel(0);
        for kept in [0..25, 50..90] {
            let expected = decoded(format, &sender.payloads[kept.clone()]);
            assert!(position_of(&samples, &expected).is_some(), "{format:?} {kept:?}");
        }
        let ledger = ledger_of(&recording);
        assert_eq!((ledger.dropped_sum(), ledger.accounted()), (0, ledger.handed));
    }
}

/// A damaged packet is silent, and what follows begins anew.
#[test]
fn a_written_packet_that_cannot_be_decoded_is_counted() {
    let sender = loud(OPUS);
    let (mut sim, recording) = call(OPUS);
    for n in 0..60 {
        // A code 3 packet of 20 ms with padding that is longer than the packet.
        let damaged = [0xfb, 0x41, 0xff, 0xff];
        let payload = if n == 30 {
            &damaged[..]
        } else {
            &sender.payloads[n]
        };
        assert_eq!(sim.write(Leg::Local, payload), callrec_base::types::Status::Ok);
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let samples = recording.out.lock().channel(0);
    for kept in [0..30, 31..60] {
        let expected = decoded(OPUS, &sender.payloads[kept.clone()]);
        assert!(position_of(&samples, &expected).is_some(), "{kept:?}");
    }
    let ledger = ledger_of(&recording);
    assert_eq!(ledger.accounted(), ledger.handed);
    assert_eq!(crate::ledger::ms(ledger.dropped_sum()), 20);
}

/// The sender's numbers restart far below, so that they look late. What follows has one state.
#[test]
fn a_sender_that_restarts_its_numbers_is_decoded_as_one_stream() {
    for format in [G722, OPUS] {
        for restart in [100u16, 29_900, 45_000] {
            let sender = loud(format);
            let (mut sim, recording) = call(format);
            for (first, packets) in [(30_000, 0..30), (restart, 30..90)] {
                for (n, payload) in sender.payloads[packets].iter().enumerate() {
                    let timestamp = u32::from(first) * 77_777 + n as u32 * sender.step;
                    let bytes = packet(7, sender.payload_type, first + n as u16, timestamp, payload);
                    sim.rtp(Leg::Local, &bytes);
                    sim.now_ns += 20 * NS_PER_MS;
                    sim.visit();
                }
            }
            sim.pass(500);
            sim.end();
            sim.pass(500);
            let ledger = ledger_of(&recording);
            assert_eq!((ledger.dropped_sum(), ledger.accounted()), (0, ledger.handed));
            let samples = recording.out.lock().channel(0);
            // In the packets before them, a restart upwards has the state from before it.
            let expected = match restart {
                45_000 => decoded(format, &sender.payloads[..90]),
                _ => decoded(format, &sender.payloads[30..90]),
            };
            let tail = &expected[expected.len() - 60 * format.rate as usize / 50..];
            assert!(position_of(&samples, tail).is_some(), "{format:?} {restart}");
        }
    }
}

/// Writes packets of 20 ms, each when it is due.
fn write_all(sim: &mut Sim, payloads: &[Vec<u8>]) {
    for payload in payloads {
        assert_eq!(sim.write(Leg::Local, payload), callrec_base::types::Status::Ok);
        sim.now_ns += 20 * NS_PER_MS;
        sim.visit();
    }
}

/// With `media.lookback_ms`. A recording is stopped, or ends at its maximum duration, while it is
/// paused. One that begins earlier begins with what follows, which depends on nothing of the pause.
#[test]
fn nothing_of_a_pause_that_an_end_ended_is_in_a_decoder() {
    for format in [G722, OPUS] {
        for ends_itself in [false, true] {
            let sender = loud(format);
            let mut config = crate::sim::config(crate::ClockMode::Real);
            config.lookback_ns = 60_000 * NS_PER_MS;
            let mut sim = Sim::new(config);
            sim.attach(Leg::Local, format);
            let options = RecordingOptions {
                layout: Layout::Local,
                max_duration_ms: 1_000,
                ..Default::default()
            };
            let paused = sim.start(options);
            // Another recording goes on, so that the packets of the pause are decoded.
            let _other = sim.start(RecordingOptions {
                max_duration_ms: 0,
                ..options
            });
            sim.visit();
            write_all(&mut sim, &sender.payloads[..10]);
            sim.pause(&paused);
            match ends_itself {
                true => write_all(&mut sim, &sender.payloads[10..90]),
                false => write_all(&mut sim, &sender.payloads[10..40]),
            }
            assert_eq!(paused.out.lock().ending.is_some(), ends_itself);
            if !ends_itself {
                sim.stop(&paused);
                write_all(&mut sim, &sender.payloads[40..90]);
            }
            let recording = sim.start_from(
                0,
                RecordingOptions {
                    max_duration_ms: 0,
                    ..options
                },
            );
            sim.pass(500);
            sim.end();
            sim.pass(500);
            let samples = recording.out.lock().channel(0);
            let len = format.rate as usize / 50;
            // The file begins in the first packet.
            let begins_at = |first: &usize| {
                let expected = &decoded(format, &sender.payloads[*first..90])[len..];
                position_of(&samples, expected).is_some_and(|position| position <= len)
            };
            let first = (10..85).find(begins_at);
            assert!(
                first.is_some_and(|first| first > 30),
                "{format:?} {ends_itself} {first:?}"
            );
        }
    }
}
