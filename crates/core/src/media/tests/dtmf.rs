//! DTMF tones with `media.dtmf` "mask": in band, by telephone events and by the host.

use super::*;
use crate::media::ledger::{self, OutsideReason};
use crate::media::sim::{self, RecordingOptions};
use crate::media::{ClockMode, OtherPayload};
use crate::types::{KeepRaw, Layout};

/// What a leg sounds like where no tone is: a value that no tone has for long.
const SPEECH: i16 = 1111;
const PACKET_MS: u64 = 20;

fn masking(clock: ClockMode) -> Sim {
    let mut config = sim::config(clock);
    config.masks_dtmf = true;
    config.flush_ns = 400 * NS_PER_MS;
    Sim::new(config)
}

/// Both legs, recorded in one file.
fn call(mut sim: Sim) -> (Sim, SimRecording) {
    sim.attach(Leg::Local, PCM);
    sim.attach(Leg::Remote, PCM);
    sim.payload(Leg::Local, 96, PCM);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Stereo,
        ..Default::default()
    });
    sim.visit();
    (sim, recording)
}

/// The samples of 20 ms, of which those in `tone_ms` are the digit 5.
fn audio(from_ms: u64, tone_ms: &std::ops::Range<u64>) -> Vec<i16> {
    (from_ms * 8..(from_ms + PACKET_MS) * 8)
        .map(|n| {
            let wave = |hz: f64| (n as f64 * hz * std::f64::consts::TAU / 8000.0).sin();
            match tone_ms.contains(&(n / 8)) {
                true => (4000.0 * (wave(770.0) + wave(1336.0))) as i16,
                false => SPEECH,
            }
        })
        .collect()
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect()
}

fn network(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
}

/// The range in which a channel is silent, in milliseconds, if it is one range.
fn silent_ms(samples: &[i16]) -> Option<(u64, u64)> {
    let first = samples.iter().position(|sample| *sample == 0)?;
    let last = samples.iter().rposition(|sample| *sample == 0)?;
    let is_whole = samples[first..=last].iter().all(|sample| *sample == 0);
    assert!(is_whole, "more than one silence");
    let outside = samples[..first].iter().chain(&samples[last + 1..]);
    assert!(
        outside.copied().all(|sample| sample == SPEECH),
        "a tone is audible"
    );
    Some((first as u64 / 8, (last as u64 + 1) / 8))
}

/// Every term of every leg adds up.
fn assert_balance(recording: &SimRecording) {
    let ledger = recording.progress.ledger();
    for leg in &ledger.legs {
        assert_eq!(leg.handed, leg.accounted(), "{leg:?}");
    }
}

fn masked_ms(recording: &SimRecording, leg: Leg) -> u64 {
    ledger::ms(recording.progress.ledger().leg(leg).outside[OutsideReason::Dtmf as usize])
}

/// Writes `length_ms` of audio to both legs in real time; only the local leg has the tone.
fn talk(sim: &mut Sim, length_ms: u64, tone_ms: std::ops::Range<u64>, mut at: impl FnMut(&mut Sim, u64)) {
    for ms in (0..length_ms).step_by(PACKET_MS as usize) {
        sim.write(Leg::Local, &bytes(&audio(ms, &tone_ms)));
        sim.write(Leg::Remote, &bytes(&audio(ms, &(0..0))));
        at(sim, ms);
        sim.now_ns += PACKET_MS * NS_PER_MS;
        if ms % 100 == 0 {
            sim.visit();
        }
    }
}

#[test]
fn a_tone_in_the_audio_is_silent_on_both_legs() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let (mut sim, recording) = call(masking(clock));
        talk(&mut sim, 4000, 1500..1580, |_, _| {});
        sim.end();
        sim.pass(1000);
        for channel in 0..2 {
            let (from, to) = silent_ms(&recording.out.lock().channel(channel)).expect("a silence");
            // The range found may exceed the tone by a window.
            assert!((1370..=1400).contains(&from), "{clock:?} {channel}: {from}");
            assert!((1680..=1710).contains(&to), "{clock:?} {channel}: {to}");
        }
        assert_balance(&recording);
        assert!((280..=340).contains(&masked_ms(&recording, Leg::Remote)));
        assert_eq!(recording.progress.ledger().lost(), 0);
    }
}

#[test]
fn tones_are_recorded_unless_they_are_to_be_masked() {
    let (mut sim, recording) = call(Sim::real());
    talk(&mut sim, 2000, 1500..1580, |_, _| {});
    sim.end();
    sim.pass(1000);
    let out = recording.out.lock();
    let samples = out.channel(0);
    let whole: Vec<i16> = (0..2000)
        .step_by(20)
        .flat_map(|ms| audio(ms, &(1500..1580)))
        .collect();
    assert_eq!(samples, whole);
}

/// The tone is audible only before its event, so the detector cannot know of it.
#[test]
fn what_is_audible_just_before_an_event_is_masked() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    let event = |n: u64, ms: u64, length: u64| {
        let length = (length * 8) as u16;
        let payload = [5, 10, (length >> 8) as u8, length as u8];
        packet(7, 101, n as u16, (ms * 8) as u32, &payload)
    };
    for n in 0..150u64 {
        let ms = n * PACKET_MS;
        // Too short for a detector.
        let samples = audio(ms, &(1478..1490));
        match ms {
            1500..1600 => sim.rtp(Leg::Local, &event(n, 1500, ms + 20 - 1500)),
            _ => sim.rtp(
                Leg::Local,
                &packet(7, 96, n as u16, (ms * 8) as u32, &network(&samples)),
            ),
        };
        sim.write(Leg::Remote, &bytes(&audio(ms, &(0..0))));
        sim.now_ns += PACKET_MS * NS_PER_MS;
        if n % 5 == 0 {
            sim.visit();
        }
    }
    sim.end();
    sim.pass(1000);
    let out = recording.out.lock();
    for channel in 0..2 {
        let (from, to) = silent_ms(&out.channel(channel)).expect("a silence");
        // The first packet defines the position of the stream: a packet's length of tolerance.
        assert!((1380..=1400).contains(&from), "{channel}: {from}");
        assert!((1700..=1720).contains(&to), "{channel}: {to}");
    }
    drop(out);
    assert_balance(&recording);
}

/// A packet of the local leg: an event that began at `at_ms`, with its duration in its own clock.
fn event(n: u64, payload_type: u8, at_ms: u64, duration: u64) -> Vec<u8> {
    let duration = (duration as u16).to_be_bytes();
    let payload = [5, 10, duration[0], duration[1]];
    packet(7, payload_type, n as u16, (at_ms * 8) as u32, &payload)
}

/// Speech on both legs, the local one in RTP. `sent`: what the local leg sends instead at a time.
fn talk_in_rtp(sim: &mut Sim, length_ms: u64, sent: impl Fn(u64, u64) -> Option<Vec<u8>>) {
    for n in 0..length_ms / PACKET_MS {
        let ms = n * PACKET_MS;
        let samples = network(&audio(ms, &(0..0)));
        let speech = || packet(7, 96, n as u16, (ms * 8) as u32, &samples);
        sim.rtp(Leg::Local, &sent(n, ms).unwrap_or_else(speech));
        sim.write(Leg::Remote, &bytes(&audio(ms, &(0..0))));
        sim.now_ns += PACKET_MS * NS_PER_MS;
        if n % 5 == 0 {
            sim.visit();
        }
    }
    sim.end();
    sim.pass(1000);
}

/// A packet may state any timestamp and a duration of 8 s.
#[test]
fn a_forged_event_masks_nothing_that_comes_after_it() {
    for at_ms in [1000, 2000, 2500, 4000, 9000, 11_900] {
        let (mut sim, recording) = call(masking(ClockMode::Real));
        talk_in_rtp(&mut sim, 14_000, |n, ms| {
            (ms == 2000).then(|| event(n, 101, at_ms, 0xffff))
        });
        let (from, to) = silent_ms(&recording.out.lock().channel(1)).expect("a silence");
        // What has settled is not masked any more.
        assert!(
            from >= 400 && (2000..=2200).contains(&to),
            "at {at_ms}: {from} to {to}"
        );
        assert_balance(&recording);
    }
}

/// Events of unassigned types are masked, too; what cannot be one is not.
#[test]
fn an_event_needs_no_declaration() {
    for (payload_type, payload, is_event) in [
        (96 + 5, &[5, 10, 3, 32][..], true),
        (35, &[5, 10, 3, 32], true),
        (63, &[11, 0x8a, 3, 32], true),
        (77, &[16, 10, 3, 32], true),
        (95, &[0, 10, 3, 32], true),
        (2, &[5, 10, 3, 32], true),
        // A silence of G.723.1, G.729, an event that is no digit, a reserved bit, and other codecs.
        (4, &[5, 10, 3, 32], false),
        (18, &[5, 10, 3, 32], false),
        (101, &[17, 10, 3, 32], false),
        (35, &[5, 0x4a, 3, 32], false),
        (35, &[5, 10, 3], false),
        (77, &[5; 33], false),
    ] {
        let (mut sim, recording) = call(masking(ClockMode::Real));
        talk_in_rtp(&mut sim, 4000, |n, ms| {
            let sent = || packet(7, payload_type, n as u16, 1500 * 8, payload);
            (ms == 1600).then(sent)
        });
        let silence = silent_ms(&recording.out.lock().channel(1));
        assert_eq!(silence.is_some(), is_event, "{payload_type}: {payload:?}");
        if let Some((from, to)) = silence {
            assert!((1380..=1400).contains(&from) && (1700..=1720).contains(&to));
        }
        assert_balance(&recording);
    }
}

/// The sender states the longest duration, and continues with another segment (RFC 4733, 2.5.1.3).
#[test]
fn a_long_event_is_masked_to_its_end() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    let longest_ms = 0xffff / 8;
    talk_in_rtp(&mut sim, 14_000, |n, ms| {
        let pressed_ms = (1500..11_600).contains(&ms).then(|| ms - 1500)?;
        let segment_ms = pressed_ms / longest_ms * longest_ms;
        // Updates every 60 ms, and no audio.
        let sent_ms = pressed_ms / 60 * 60;
        let duration = sent_ms.saturating_sub(segment_ms) * 8;
        Some(event(n, 101, 1500 + segment_ms, duration))
    });
    let (from, to) = silent_ms(&recording.out.lock().channel(1)).expect("a silence");
    assert!((1380..=1400).contains(&from), "{from}");
    assert!((11_640..=11_720).contains(&to), "{to}");
    assert_balance(&recording);
}

/// Only the last packet of an event of 300 ms arrives. Its duration counts in the declared clock.
#[test]
fn an_event_may_have_another_clock_than_the_audio() {
    for khz in [8, 16, 48] {
        let (mut sim, recording) = call(masking(ClockMode::Real));
        let clock_rate = khz as u32 * 1000;
        sim.other_payload(Leg::Local, 101, OtherPayload::Event { clock_rate });
        talk_in_rtp(&mut sim, 4000, |n, ms| {
            (ms == 1800).then(|| event(n, 101, 1500, 300 * khz))
        });
        let (from, to) = silent_ms(&recording.out.lock().channel(1)).expect("a silence");
        assert!((1380..=1400).contains(&from), "{khz} kHz: {from}");
        assert!((1900..=1920).contains(&to), "{khz} kHz: {to}");
        assert_balance(&recording);
    }
}

#[test]
fn a_digit_that_the_host_reports_is_masked() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    talk(&mut sim, 4000, 0..0, |sim, ms| {
        if ms == 2000 {
            sim.digit(Leg::Remote, 160);
        }
    });
    sim.end();
    sim.pass(1000);
    for channel in 0..2 {
        let silence = silent_ms(&recording.out.lock().channel(channel));
        assert_eq!(silence, Some((1740, 2260)), "{channel}");
    }
    assert_eq!(masked_ms(&recording, Leg::Local), 520);
    assert_balance(&recording);
}

/// An event that is a second late: its audio has been written, and is replaced.
#[test]
fn a_late_report_replaces_what_is_written() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    talk(&mut sim, 4000, 0..0, |sim, ms| {
        if ms == 2000 {
            assert!(recording.out.lock().frames() > 1000 * 8, "nothing is written yet");
            sim.digit(Leg::Remote, 900);
        }
    });
    sim.end();
    sim.pass(1000);
    let out = recording.out.lock();
    assert!(out.patches > 0);
    assert_eq!(silent_ms(&out.channel(0)), Some((1000, 3000)));
    drop(out);
    assert_balance(&recording);
}

/// What is kept as it arrived must not hold the tone either.
#[test]
fn packets_with_a_tone_are_not_kept() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let mut sim = masking(clock);
        sim.attach(Leg::Local, PCM);
        sim.payload(Leg::Local, 96, PCM);
        let recording = sim.start(RecordingOptions {
            keep_raw: KeepRaw::Always,
            ..Default::default()
        });
        sim.visit();
        for n in 0..150u64 {
            let samples = audio(n * PACKET_MS, &(1500..1580));
            let timestamp = (n * PACKET_MS * 8) as u32;
            sim.rtp(
                Leg::Local,
                &packet(7, 96, n as u16, timestamp, &network(&samples)),
            );
            sim.now_ns += PACKET_MS * NS_PER_MS;
            if n % 5 == 0 {
                sim.visit();
            }
        }
        sim.end();
        sim.pass(1000);
        let out = recording.out.lock();
        let number = |bytes: &[u8]| u16::from_be_bytes([bytes[2], bytes[3]]);
        let kept: Vec<u16> = out.raw.iter().map(|(_, _, bytes)| number(bytes)).collect();
        match clock {
            // The tone is in the packets 75 to 78.
            ClockMode::Real => {
                assert!(kept.iter().all(|n| !(70..84).contains(n)), "{kept:?}");
                assert!((0..69).chain(95..150).all(|n| kept.contains(&n)), "{kept:?}");
            }
            ClockMode::Stream => assert!(kept.is_empty(), "{kept:?}"),
        }
    }
}

/// A tone of 300 ms, some of whose packets the network delays by more than a packet's jitter.
#[test]
fn delayed_packets_with_a_tone_are_not_kept() {
    for delay in [15, 20, 30] {
        for delayed in [77..78, 75..90] {
            let mut sim = masking(ClockMode::Real);
            sim.attach(Leg::Local, PCM);
            sim.payload(Leg::Local, 96, PCM);
            let recording = sim.start(RecordingOptions {
                keep_raw: KeepRaw::Always,
                ..Default::default()
            });
            sim.visit();
            let mut order: Vec<(u64, u64)> = (0..200u64)
                .map(|n| {
                    if delayed.contains(&n) {
                        (n + delay, n)
                    } else {
                        (n, n)
                    }
                })
                .collect();
            order.sort();
            for (at, n) in order {
                sim.now_ns = (1000 + at * PACKET_MS) * NS_PER_MS;
                let samples = audio(n * PACKET_MS, &(1500..1800));
                let timestamp = (n * PACKET_MS * 8) as u32;
                sim.rtp(
                    Leg::Local,
                    &packet(7, 96, n as u16, timestamp, &network(&samples)),
                );
                sim.visit();
            }
            sim.end();
            sim.pass(1000);
            let out = recording.out.lock();
            let number = |bytes: &[u8]| u64::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            let kept: Vec<u64> = out.raw.iter().map(|(_, _, bytes)| number(bytes)).collect();
            let samples = out.channel(0);
            // A last packet that comes after the others were removed is too short to be found.
            let heard = |n: &u64| {
                let from = (n * PACKET_MS * 8) as usize;
                samples[from..from + 160].iter().any(|sample| *sample != 0)
            };
            assert!((75..88).all(|n| !heard(&n)), "{delayed:?} by {delay}");
            let mut tones = kept.iter().filter(|n| (75..90).contains(*n));
            assert!(tones.all(heard), "{delayed:?} by {delay}: {kept:?}");
            assert!(
                (0..69).chain(135..200).all(|n| kept.contains(&n)),
                "{delayed:?} by {delay}"
            );
        }
    }
}

/// A packet that arrives out of order completes a tone that has been searched in part.
#[test]
fn a_tone_whose_packets_arrive_out_of_order_is_masked() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    let order = |n: u64| match n {
        75 => 77,
        77 => 75,
        other => other,
    };
    for n in (0..150).map(order) {
        let ms = n * PACKET_MS;
        let samples = audio(ms, &(1500..1560));
        sim.rtp(
            Leg::Local,
            &packet(7, 96, n as u16, (ms * 8) as u32, &network(&samples)),
        );
        sim.write(Leg::Remote, &bytes(&audio(ms, &(0..0))));
        sim.visit();
        sim.now_ns += PACKET_MS * NS_PER_MS;
    }
    sim.end();
    sim.pass(1000);
    for channel in 0..2 {
        let (from, to) = silent_ms(&recording.out.lock().channel(channel)).expect("a silence");
        // The last packet came after the others had been removed, and is too short to be found.
        assert!(
            (1370..=1420).contains(&from) && (1660..=1690).contains(&to),
            "{channel}: {from} {to}"
        );
    }
    assert_balance(&recording);
}

/// A tone that begins in a pause is masked from its detection on; nothing of the pause is kept.
#[test]
fn a_pause_and_a_mask_do_not_disturb_each_other() {
    let (mut sim, recording) = call(masking(ClockMode::Real));
    talk(&mut sim, 4000, 1900..2100, |sim, ms| match ms {
        1500 => sim.pause(&recording),
        1980 => sim.resume(&recording),
        _ => {}
    });
    sim.end();
    sim.pass(1000);
    for channel in 0..2 {
        let (from, to) = silent_ms(&recording.out.lock().channel(channel)).expect("a silence");
        assert!(
            (1500..=1520).contains(&from) && (2190..=2230).contains(&to),
            "{channel}: {from} {to}"
        );
    }
    assert_balance(&recording);
}
