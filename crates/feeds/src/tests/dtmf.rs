//! DTMF tones with `media.dtmf` "mask": in band, by telephone events and by the host.

use super::*;
use crate::ClockMode;
use crate::ledger::{self, OutsideReason};
use crate::sim::{self, RecordingOptions};
use callrec_base::types::{KeepRaw, Layout};

/// What a leg sounds like where no tone is: a value that no tone has for long.
const SPEECH: i16 = 1111;
pub(super) const PACKET_MS: u64 = 20;

pub(super) fn masking(clock: ClockMode) -> Sim {
    let mut config = sim::config(clock);
    config.masks_dtmf = true;
    config.flush_ns = 400 * NS_PER_MS;
    Sim::new(config)
}

/// Both legs, recorded in one file.
pub(super) fn call(mut sim: Sim) -> (Sim, SimRecording) {
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
pub(super) fn audio(from_ms: u64, tone_ms: &std::ops::Range<u64>) -> Vec<i16> {
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

pub(super) fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect()
}

pub(super) fn network(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
}

/// The range in which a channel is silent, in milliseconds, if it is one range.
pub(super) fn silent_ms(samples: &[i16]) -> Option<(u64, u64)> {
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
pub(super) fn assert_balance(recording: &SimRecording) {
    let ledger = recording.progress.ledger();
    for leg in &ledger.legs {
        assert_eq!(leg.handed, leg.accounted(), "{leg:?}");
    }
}

fn masked_ms(recording: &SimRecording, leg: Leg) -> u64 {
    ledger::ms(recording.progress.ledger().leg(leg).outside[OutsideReason::Dtmf as usize])
}

/// The ranges in which a channel is silent, in milliseconds. Elsewhere, it has this value.
fn silences_ms(samples: &[i16], elsewhere: i16) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for (n, sample) in samples.iter().enumerate() {
        let at = n as u64;
        match found.last_mut() {
            Some((_, end)) if *sample == 0 && *end == at => *end += 1,
            _ if *sample == 0 => found.push((at, at + 1)),
            _ => assert_eq!(*sample, elsewhere, "at {} ms", at / 8),
        }
    }
    found.into_iter().map(|(from, to)| (from / 8, to / 8)).collect()
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

/// A file of one channel holds the sum of both legs: a tone of either, and one that the host reports.
#[test]
fn tones_of_both_legs_are_silent_in_one_channel() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let mut sim = masking(clock);
        sim.attach(Leg::Local, PCM);
        sim.attach(Leg::Remote, PCM);
        let recording = sim.start(RecordingOptions {
            layout: Layout::Mono,
            ..Default::default()
        });
        sim.visit();
        for ms in (0..5000).step_by(PACKET_MS as usize) {
            sim.write(Leg::Local, &bytes(&audio(ms, &(1000..1100))));
            sim.write(Leg::Remote, &bytes(&audio(ms, &(2000..2100))));
            sim.now_ns += PACKET_MS * NS_PER_MS;
            if ms == 3480 {
                sim.digit(Leg::Local, 100);
            }
            if ms % 100 == 0 {
                sim.visit();
            }
        }
        sim.end();
        sim.pass(1000);
        let silences = silences_ms(&recording.out.lock().channel(0), 2 * SPEECH);
        assert_eq!(silences.len(), 3, "{clock:?}: {silences:?}");
        for (n, (from, to)) in silences.into_iter().enumerate() {
            let begin = [1000, 2000, 3400][n];
            let end = [1100, 2100, 3600][n];
            // The range found may exceed the tone by a window.
            assert!(
                (begin - 130..=begin - 100).contains(&from),
                "{clock:?} {n}: {from}"
            );
            assert!((end + 100..=end + 130).contains(&to), "{clock:?} {n}: {to}");
        }
        assert_balance(&recording);
    }
}

/// The whole call is one leg.
#[test]
fn a_tone_of_a_mixed_leg_is_silent() {
    let mut sim = masking(ClockMode::Real);
    sim.attach(Leg::Mixed, PCM);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Mono,
        ..Default::default()
    });
    sim.visit();
    for ms in (0..3000).step_by(PACKET_MS as usize) {
        sim.write(Leg::Mixed, &bytes(&audio(ms, &(1000..1100))));
        sim.now_ns += PACKET_MS * NS_PER_MS;
        sim.visit();
    }
    sim.end();
    sim.pass(1000);
    let (from, to) = silent_ms(&recording.out.lock().channel(0)).expect("a silence");
    assert!(
        (870..=900).contains(&from) && (1200..=1230).contains(&to),
        "{from} {to}"
    );
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

/// 250 ms are assumed, so that 350 ms before and after the report are masked.
#[test]
fn a_digit_without_a_duration_has_a_usual_one() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let (mut sim, recording) = call(masking(clock));
        talk(&mut sim, 4000, 0..0, |sim, ms| {
            if ms == 1980 {
                sim.now_ns += PACKET_MS * NS_PER_MS;
                sim.digit(Leg::Remote, 0);
                sim.now_ns -= PACKET_MS * NS_PER_MS;
            }
        });
        sim.end();
        sim.pass(1000);
        let silence = silent_ms(&recording.out.lock().channel(0));
        assert_eq!(silence, Some((1650, 2350)), "{clock:?}");
        assert_balance(&recording);
    }
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
    for (delayed, delay) in [(77..78, 15), (77..78, 30), (75..90, 20)] {
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

/// A host stalls, the call is transferred meanwhile, and what was said before, with a tone, is passed in after it.
#[test]
fn a_tone_that_is_passed_in_after_a_transfer_is_counted_in_the_first_recording() {
    const STALLED: u64 = 100;
    const TRANSFERRED: u64 = 120;
    const RESUMED: u64 = 140;
    let (mut sim, first) = call(masking(ClockMode::Real));
    let say = |sim: &mut Sim, n: u64| {
        let samples = audio(n * PACKET_MS, &(2180..2260));
        let timestamp = (n * PACKET_MS * 8) as u32;
        sim.rtp(
            Leg::Local,
            &packet(7, 96, n as u16, timestamp, &network(&samples)),
        );
        sim.write(Leg::Remote, &bytes(&audio(n * PACKET_MS, &(0..0))));
    };
    for n in 0..STALLED {
        say(&mut sim, n);
        sim.now_ns += PACKET_MS * NS_PER_MS;
        sim.visit();
    }
    sim.pass((TRANSFERRED - STALLED) * PACKET_MS);
    let second = sim.transfer(&first, RecordingOptions::default());
    sim.pass((RESUMED - TRANSFERRED) * PACKET_MS);
    (STALLED..RESUMED).for_each(|n| say(&mut sim, n));
    sim.visit();
    for n in RESUMED..RESUMED + 100 {
        say(&mut sim, n);
        sim.now_ns += PACKET_MS * NS_PER_MS;
        sim.visit();
    }
    sim.end();
    sim.pass(1000);
    assert!(first.out.lock().ending.is_some());
    let silent = silences_ms(&first.out.lock().channel(0), SPEECH);
    assert!(matches!(silent[..], [(2050..=2180, 2260..=2400)]), "{silent:?}");
    let masked = [&first, &second].map(|recording| masked_ms(recording, Leg::Local));
    assert!(masked[0] >= 100 && masked[1] == 0, "{masked:?} ms");
    for recording in [&first, &second] {
        assert_balance(recording);
    }
    let handed = ledger::ms(first.progress.ledger().leg(Leg::Local).handed);
    assert_eq!(handed, TRANSFERRED * PACKET_MS);
}
