//! Missing packets and comfort noise with `media.concealment` "on".

use super::*;
use crate::ClockMode;
use crate::ledger;
use crate::sim::{self, RecordingOptions};
use callrec_base::types::{Layout, Status};

const PERIOD: u64 = 40;

fn concealing(clock: ClockMode) -> Sim {
    let mut config = sim::config(clock);
    config.conceals = true;
    Sim::new(config)
}

fn call(mut sim: Sim) -> (Sim, SimRecording) {
    sim.attach(Leg::Local, PCM);
    sim.payload(Leg::Local, 96, PCM);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        ..Default::default()
    });
    sim.visit();
    (sim, recording)
}

/// A sample of a sawtooth of 200 Hz; never 0.
fn wave(n: u64) -> i16 {
    (n % PERIOD) as i16 * 200 - 3901
}

fn waves(n: u64) -> Vec<i16> {
    (n * 160..(n + 1) * 160).map(wave).collect()
}

fn linear(n: u64, samples: &[i16]) -> Vec<u8> {
    let payload: Vec<u8> = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    packet(7, 96, n as u16, (n * 160) as u32, &payload)
}

/// Sends these packets, one every 20 ms; a visit every 20 ms.
fn send_waves(sim: &mut Sim, order: impl IntoIterator<Item = Option<u64>>) {
    for n in order {
        if let Some(n) = n {
            sim.rtp(Leg::Local, &linear(n, &waves(n)));
        }
        sim.visit();
        sim.now_ns += 20 * NS_PER_MS;
    }
}

fn end(sim: &mut Sim) {
    sim.end();
    sim.pass(1000);
}

/// The packet of 20 ms with this number in a recording.
fn part(samples: &[i16], n: usize) -> &[i16] {
    &samples[n * 160..(n + 1) * 160]
}

fn error(samples: &[i16], n: usize) -> f64 {
    let expected = waves(n as u64);
    let square = |value: i16| f64::from(value) * f64::from(value);
    let pairs = part(samples, n).iter().zip(&expected);
    let error: f64 = pairs.map(|(found, said)| square(found - said)).sum();
    error / expected.iter().copied().map(square).sum::<f64>()
}

#[test]
fn the_beginning_of_a_gap_is_concealed_and_counts_as_missing() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let (mut sim, recording) = call(concealing(clock));
        let lost = |n: u64| n == 50 || (80..90).contains(&n);
        send_waves(&mut sim, (0..150).map(|n| (!lost(n)).then_some(n)));
        end(&mut sim);
        let samples = recording.out.lock().channel(0);
        assert!(error(&samples, 50) < 0.1, "{clock:?}: {}", error(&samples, 50));
        assert!(error(&samples, 80) < 0.1, "{clock:?}: {}", error(&samples, 80));
        // It fades, and ends after 60 ms.
        assert!(error(&samples, 81) > error(&samples, 80));
        assert!(part(&samples, 82).iter().any(|sample| *sample != 0));
        for n in 83..90 {
            assert!(part(&samples, n).iter().all(|sample| *sample == 0), "{n}");
        }
        // What was received is as it was said.
        for n in (0..150).filter(|n| !lost(*n)) {
            assert_eq!(part(&samples, n as usize), waves(n), "{n}");
        }
        let ledger = recording.progress.ledger().leg(Leg::Local).clone();
        assert_eq!(
            (ledger::ms(ledger.concealed), ledger::ms(ledger.missing)),
            (80, 220)
        );
        assert_eq!(ledger.handed, ledger.accounted());
        let spans: u64 = recording
            .out
            .lock()
            .losses
            .iter()
            .map(|span| span.to_frame - span.from_frame)
            .sum();
        assert_eq!(spans, 11 * 160, "{clock:?}");
    }
}

#[test]
fn gaps_are_silent_by_default() {
    let (mut sim, recording) = call(Sim::real());
    send_waves(&mut sim, (0..100).map(|n| (n != 50).then_some(n)));
    end(&mut sim);
    let samples = recording.out.lock().channel(0);
    assert!(part(&samples, 50).iter().all(|sample| *sample == 0));
    assert_eq!(recording.progress.ledger().leg(Leg::Local).concealed, 0);
}

/// Packet 50 comes after its gap has been concealed and written.
#[test]
fn audio_that_is_late_replaces_what_concealed_it() {
    let (mut sim, recording) = call(concealing(ClockMode::Real));
    let order = (0..50).chain([51, 52, 50]).chain(53..100);
    send_waves(&mut sim, order.map(Some));
    end(&mut sim);
    let samples = recording.out.lock().channel(0);
    for n in 0..100 {
        assert_eq!(part(&samples, n as usize), waves(n), "{n}");
    }
    let ledger = recording.progress.ledger().leg(Leg::Local).clone();
    assert_eq!((ledger.concealed, ledger.missing), (0, 0));
    assert_eq!(ledger.handed, ledger.accounted());
}

/// The packet before the gap was sent in a pause.
#[test]
fn nothing_of_a_pause_conceals_a_gap() {
    let (mut sim, recording) = call(concealing(ClockMode::Real));
    send_waves(&mut sim, (0..40).map(Some));
    sim.pause(&recording);
    send_waves(&mut sim, (40..50).map(Some));
    sim.resume(&recording);
    send_waves(&mut sim, [None].into_iter().chain((51..100).map(Some)));
    end(&mut sim);
    let samples = recording.out.lock().channel(0);
    for n in 41..51 {
        assert!(part(&samples, n).iter().all(|sample| *sample == 0), "{n}");
    }
    assert_eq!(part(&samples, 51), waves(51));
    assert_eq!(recording.progress.ledger().leg(Leg::Local).concealed, 0);
}

/// Packets 40 and 41 come after the pause, but were spoken in it, the second one in part. Packet 42
/// is missing.
#[test]
fn nothing_that_comes_late_from_a_pause_conceals_a_gap() {
    let concealed = |heard_ms: u64| {
        let (mut sim, recording) = call(concealing(ClockMode::Real));
        send_waves(&mut sim, (0..30).map(Some));
        sim.pause(&recording);
        send_waves(&mut sim, (30..40).map(Some));
        sim.now_ns += (40 - heard_ms) * NS_PER_MS;
        sim.resume(&recording);
        for n in [40, 41] {
            sim.rtp(Leg::Local, &linear(n, &waves(n)));
        }
        sim.now_ns += heard_ms * NS_PER_MS;
        send_waves(&mut sim, [None].into_iter().chain((43..100).map(Some)));
        end(&mut sim);
        let samples = recording.out.lock().channel(0);
        assert_eq!(part(&samples, 43), waves(43));
        let gap = part(&samples, 42).iter().filter(|sample| **sample != 0);
        let ledger = recording.progress.ledger().leg(Leg::Local).clone();
        assert_eq!(gap.count() > 0, ledger.concealed > 0, "{heard_ms} ms");
        ledger::ms(ledger.concealed)
    };
    // There is too little audio after the pause to find its period.
    assert_eq!([0, 10].map(concealed), [0, 0]);
    assert_eq!(concealed(20), 20);
}

/// The sender is silent from packet 50 to packet 100, and describes the silence once.
fn noisy_silence(clock: ClockMode) -> (Vec<i16>, crate::ledger::LegLedger) {
    let (mut sim, recording) = call(concealing(clock));
    send_waves(&mut sim, (0..50).map(Some));
    sim.rtp(Leg::Local, &packet(7, 13, 50, 50 * 160, &[40]));
    send_waves(&mut sim, [None; 50]);
    for n in 100..150 {
        // The silence had one sequence number.
        let mut bytes = linear(n, &waves(n));
        bytes[2..4].copy_from_slice(&(n as u16 - 49).to_be_bytes());
        sim.rtp(Leg::Local, &bytes);
        sim.visit();
        sim.now_ns += 20 * NS_PER_MS;
    }
    end(&mut sim);
    let samples = recording.out.lock().channel(0);
    (samples, recording.progress.ledger().leg(Leg::Local).clone())
}

#[test]
fn comfort_noise_fills_the_silence_that_it_describes() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let (samples, ledger) = noisy_silence(clock);
        for n in (0..50).chain(100..150) {
            assert_eq!(part(&samples, n as usize), waves(n), "{clock:?} {n}");
        }
        for n in 50..100 {
            let power: f64 = part(&samples, n).iter().map(|s| f64::from(*s).powi(2)).sum();
            let level = -20.0 * ((power / 160.0).sqrt() / 32_768.0).log10();
            assert!((level - 40.0).abs() < 2.0, "{clock:?} {n}: -{level} dBov");
        }
        assert_eq!(ledger::ms(ledger.comfort_noise), 1000, "{clock:?}");
        assert_eq!((ledger.missing, ledger.concealed), (0, 0));
        assert_eq!(ledger.handed, ledger.accounted());
    }
}

/// The first packet after a silence is lost. The gap is no silence that its sender described.
#[test]
fn a_packet_that_is_lost_after_a_silence_counts_as_missing() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let (mut sim, recording) = call(concealing(clock));
        send_waves(&mut sim, (0..50).map(Some));
        sim.rtp(Leg::Local, &packet(7, 13, 50, 50 * 160, &[40]));
        send_waves(&mut sim, [None; 21]);
        for n in 71..100 {
            // The silence and the lost packet had one sequence number each.
            let mut bytes = linear(n, &waves(n));
            bytes[2..4].copy_from_slice(&(n as u16 - 19).to_be_bytes());
            sim.rtp(Leg::Local, &bytes);
            sim.visit();
            sim.now_ns += 20 * NS_PER_MS;
        }
        end(&mut sim);
        let ledger = recording.progress.ledger().leg(Leg::Local).clone();
        assert_eq!(
            (ledger::ms(ledger.comfort_noise), ledger::ms(ledger.missing)),
            (400, 20),
            "{clock:?}"
        );
        assert_eq!(ledger::ms(ledger.in_file), 79 * 20);
        assert_eq!(ledger.handed, ledger.accounted());
    }
}

/// The gap of packet 50 is concealed, and then masked by a digit.
#[test]
fn a_gap_stays_missing_if_what_conceals_it_is_masked() {
    for conceals in [false, true] {
        let mut config = sim::config(ClockMode::Real);
        (config.conceals, config.masks_dtmf) = (conceals, true);
        let (mut sim, recording) = call(Sim::new(config));
        send_waves(&mut sim, (0..55).map(|n| (n != 50).then_some(n)));
        sim.digit(Leg::Local, 100);
        send_waves(&mut sim, (55..150).map(Some));
        end(&mut sim);
        let samples = recording.out.lock().channel(0);
        assert!(part(&samples, 50).iter().all(|sample| *sample == 0));
        let ledger = recording.progress.ledger().leg(Leg::Local).clone();
        assert_eq!(
            (ledger::ms(ledger.missing), ledger.concealed),
            (20, 0),
            "{conceals}"
        );
        assert_eq!(ledger.handed, ledger.accounted());
    }
}

/// Decibels below the maximum.
fn level(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    -20.0 * ((power / samples.len() as f64).sqrt() / 32_768.0).log10()
}

/// A silence of 25 minutes is noise from its beginning to its end, and takes little memory.
#[test]
fn a_long_silence_is_filled_in_stream_time() {
    let (mut sim, recording) = call(concealing(ClockMode::Stream));
    send_waves(&mut sim, (0..50).map(Some));
    sim.rtp(Leg::Local, &packet(7, 13, 50, 50 * 160, &[40]));
    let silent = 50 * 60 * 25;
    for n in 50 + silent..100 + silent {
        let mut bytes = linear(n, &waves(n));
        bytes[2..4].copy_from_slice(&((n - silent) as u16 + 1).to_be_bytes());
        while sim.rtp(Leg::Local, &bytes) != Status::Ok {
            sim.visit();
        }
    }
    sim.pass(10_000);
    end(&mut sim);
    let samples = recording.out.lock().channel(0);
    assert_eq!(samples.len() as u64, 160 * (100 + silent));
    for n in 50..50 + silent as usize {
        let level = level(part(&samples, n));
        assert!((level - 40.0).abs() < 2.5, "{n}: -{level} dBov");
    }
    assert_eq!(part(&samples, 50 + silent as usize), waves(50 + silent));
    let ledger = recording.progress.ledger().leg(Leg::Local).clone();
    assert_eq!(ledger::ms(ledger.comfort_noise), 20 * silent);
    assert_eq!((ledger.missing, ledger.handed), (0, ledger.accounted()));
}

/// One leg is silent while the other speaks, so the recording advances in the silence. It is paused
/// in the meantime.
#[test]
fn a_silence_is_filled_as_the_other_leg_speaks() {
    for clock in [ClockMode::Real, ClockMode::Stream] {
        let (mut sim, recording) = call(concealing(clock));
        sim.attach(Leg::Remote, ULAW);
        send_waves(&mut sim, (0..50).map(Some));
        for n in 0..50 {
            sim.rtp(Leg::Remote, &ulaw(n));
        }
        sim.rtp(Leg::Local, &packet(7, 13, 50, 50 * 160, &[40]));
        let remote = |sim: &mut Sim, packets: std::ops::Range<u64>| {
            for n in packets {
                sim.rtp(Leg::Remote, &ulaw(n));
                sim.now_ns += 20 * NS_PER_MS;
                sim.visit();
            }
        };
        remote(&mut sim, 50..400);
        sim.pause(&recording);
        remote(&mut sim, 400..500);
        sim.resume(&recording);
        remote(&mut sim, 500..600);
        for n in 600..650 {
            let mut bytes = linear(n, &waves(n));
            bytes[2..4].copy_from_slice(&(n as u16 - 549).to_be_bytes());
            sim.rtp(Leg::Local, &bytes);
            remote(&mut sim, n..n + 1);
        }
        end(&mut sim);
        let samples = recording.out.lock().channel(0);
        let paused = 402..500;
        for n in (52..400).chain(502..599) {
            let level = level(part(&samples, n));
            assert!((level - 40.0).abs() < 2.5, "{clock:?} {n}: -{level} dBov");
        }
        for n in paused {
            assert!(
                part(&samples, n).iter().all(|sample| *sample == 0),
                "{clock:?} {n}"
            );
        }
        assert_eq!(part(&samples, 620), waves(620), "{clock:?}");
        let ledger = recording.progress.ledger().leg(Leg::Local).clone();
        let noise = ledger::ms(ledger.comfort_noise);
        assert!((8940..=9000).contains(&noise), "{clock:?}: {noise}");
        assert_eq!((ledger.missing, ledger.handed), (0, ledger.accounted()));
    }
}

/// The leg changes its rate at the end of a silence, which belongs to the audio before it.
#[test]
fn a_silence_before_a_change_of_rate_is_filled() {
    let (mut sim, recording) = call(concealing(ClockMode::Real));
    sim.payload(Leg::Local, 97, WIDE);
    send_waves(&mut sim, (0..50).map(Some));
    sim.rtp(Leg::Local, &packet(7, 13, 50, 50 * 160, &[40]));
    send_waves(&mut sim, [None; 50]);
    for n in 100..200 {
        let payload = [0x10, 0].repeat(320);
        sim.rtp(Leg::Local, &packet(9, 97, n as u16, n * 320, &payload));
        sim.visit();
        sim.now_ns += 20 * NS_PER_MS;
    }
    end(&mut sim);
    let samples = recording.out.lock().channel(0);
    let audio = samples.iter().position(|sample| *sample > 3900).expect("audio") / 160;
    assert!((99..=101).contains(&audio), "{audio}");
    for n in 51..98 {
        let level = level(part(&samples, n));
        assert!((level - 40.0).abs() < 2.5, "{n}: -{level} dBov");
    }
    let ledger = recording.progress.ledger().leg(Leg::Local).clone();
    let noise = ledger::ms(ledger.comfort_noise);
    assert!((980..=1000).contains(&noise), "{noise}");
    assert_eq!((ledger.missing, ledger.handed), (0, ledger.accounted()));
}
