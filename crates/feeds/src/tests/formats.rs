use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use super::*;
use crate::sim::{Collected, RecordingOptions, Sim};
use callrec_base::types::{Format, Layout};

/// One second of both legs in stream time.
fn record(
    formats: [FeedFormat; 2],
    bytes: [&dyn Fn(u64) -> Vec<u8>; 2],
    options: RecordingOptions,
) -> Collected {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, formats[0]);
    sim.attach(Leg::Remote, formats[1]);
    let recording = sim.start(options);
    for n in 0..50 {
        sim.write(Leg::Local, &bytes[0](n));
        sim.write(Leg::Remote, &bytes[1](n));
        sim.visit();
    }
    sim.stop(&recording);
    sim.visit();
    std::mem::take(&mut *recording.out.lock())
}

fn local(n: u64) -> Vec<u8> {
    pcm(Leg::Local, n * 160, 160)
}

fn remote(n: u64) -> Vec<u8> {
    pcm(Leg::Remote, n * 160, 160)
}

fn law(n: u64) -> Vec<u8> {
    (0..160).map(|i| (n * 160 + i) as u8).collect()
}

fn options(layout: Layout, format: Format) -> RecordingOptions {
    RecordingOptions {
        layout,
        format,
        ..RecordingOptions::default()
    }
}

#[test]
fn pcm_in_every_layout() {
    let of = |layout| record([PCM, PCM], [&local, &remote], options(layout, Format::WAV));
    let (left, right) = (samples(Leg::Local, 0, 8000), samples(Leg::Remote, 0, 8000));
    let stereo = of(Layout::Stereo);
    assert_eq!(stereo.shape.map(|s| (s.rate, s.channels)), Some((8000, 2)));
    assert!(stereo.channel(0) == left && stereo.channel(1) == right);
    assert!(of(Layout::Local).channel(0) == left);
    assert!(of(Layout::Remote).channel(0) == right);
    let sum: Vec<i16> = left.iter().zip(&right).map(|(l, r)| l + r).collect();
    assert!(of(Layout::Mono).channel(0) == sum);
}

#[test]
fn the_mix_saturates() {
    let loud = |_| vec![30_000i16.to_ne_bytes(); 160].concat();
    let low = |_| vec![(-30_000i16).to_ne_bytes(); 160].concat();
    let mono = options(Layout::Mono, Format::WAV);
    assert!(record([PCM, PCM], [&loud, &loud], mono).channel(0) == [i16::MAX; 8000]);
    assert!(record([PCM, PCM], [&low, &low], mono).channel(0) == [i16::MIN; 8000]);
}

#[test]
fn every_codec_into_every_format() {
    type Conversion = (FeedFormat, fn(u8) -> i16, Format, fn(i16) -> u8);
    let conversions: [Conversion; 4] = [
        (ULAW, decode_ulaw, Format::WAV_ULAW, encode_ulaw),
        (ULAW, decode_ulaw, Format::WAV_ALAW, encode_alaw),
        (ALAW, decode_alaw, Format::WAV_ULAW, encode_ulaw),
        (ALAW, decode_alaw, Format::WAV_ALAW, encode_alaw),
    ];
    let bytes: Vec<u8> = (0..50).flat_map(law).collect();
    for (feed, decode, format, encode) in conversions {
        for layout in [Layout::Stereo, Layout::Local] {
            let out = record([feed, feed], [&law, &law], options(layout, format));
            let same = feed.codec == Codec::Pcmu && format == Format::WAV_ULAW
                || feed.codec == Codec::Pcma && format == Format::WAV_ALAW;
            let value = |byte: u8| if same { byte } else { encode(decode(byte)) };
            let channels = if layout == Layout::Stereo { 2 } else { 1 };
            let expected: Vec<u8> = bytes
                .iter()
                .flat_map(|byte| vec![value(*byte); channels])
                .collect();
            assert!(out.bytes == expected, "{feed:?} to {format:?}, {layout:?}");
        }
        let out = record([feed, feed], [&law, &law], options(Layout::Stereo, Format::WAV));
        let expected: Vec<i16> = bytes.iter().map(|byte| decode(*byte)).collect();
        assert!(out.channel(0) == expected && out.channel(1) == expected);
    }
    let out = record(
        [PCM, ULAW],
        [&local, &law],
        options(Layout::Stereo, Format::WAV_ALAW),
    );
    let expected: Vec<u8> = samples(Leg::Local, 0, 8000)
        .into_iter()
        .map(encode_alaw)
        .collect();
    assert!(out.bytes.iter().copied().step_by(2).eq(expected));
    let mixed = record(
        [PCM, ULAW],
        [&local, &law],
        options(Layout::Mono, Format::WAV_ULAW),
    );
    assert_eq!(mixed.frames(), 8000);
}

#[test]
fn the_mixed_leg_is_recorded_as_mono() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Mixed, PCM);
    let recording = sim.start(RecordingOptions::default());
    for n in 0..100 {
        sim.write(Leg::Mixed, &pcm(Leg::Mixed, n * 160, 160));
        sim.visit();
    }
    sim.end();
    sim.visit();
    let out = recording.out.lock();
    assert_eq!(out.shape.map(|s| s.channels), Some(1));
    assert!(out.channel(0) == samples(Leg::Mixed, 0, 16_000));
}

#[test]
fn a_later_mixed_leg_is_recorded_in_both_channels() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    let recording = sim.start(RecordingOptions::default());
    sim.write(Leg::Local, &local(0));
    sim.pause(&recording);
    sim.resume(&recording);
    sim.detach(Leg::Local);
    sim.attach(Leg::Mixed, PCM);
    sim.write(Leg::Mixed, &pcm(Leg::Mixed, 0, 320));
    sim.end();
    sim.visit();
    let out = recording.out.lock();
    assert_eq!(out.frames(), 320);
    let expected = samples(Leg::Mixed, 160, 160);
    assert!(out.channel(0)[160..] == expected && out.channel(1)[160..] == expected);
}

#[test]
fn the_format_changes_during_a_call() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    let recording = sim.start(RecordingOptions {
        rate: 8000,
        ..options(Layout::Local, Format::WAV)
    });
    let tone = |n: u64, rate: f64| (8000.0 * (n as f64 / rate * 2764.6).sin()) as i16;
    let block = |from: u64, count: u64, rate: f64| -> Vec<u8> {
        (from..from + count)
            .flat_map(|n| tone(n, rate).to_ne_bytes())
            .collect()
    };
    for n in 0..100 {
        sim.write(Leg::Local, &block(n * 160, 160, 8000.0));
        sim.visit();
    }
    sim.set_format(Leg::Local, WIDE);
    for n in 100..200 {
        sim.write(Leg::Local, &block(n * 320, 320, 16_000.0));
        sim.visit();
    }
    sim.end();
    sim.visit();
    let out = recording.out.lock();
    assert_eq!(out.shape.map(|s| s.rate), Some(8000));
    assert_eq!(out.frames(), 32_000);
    let recorded = out.channel(0);
    for (n, got) in recorded.iter().enumerate().skip(100).take(31_800) {
        let far = (i32::from(*got) - i32::from(tone(n as u64, 8000.0))).abs();
        // A filter starts at the change; elsewhere the tone is the same.
        let near_change = (15_900..16_200).contains(&n);
        assert!(near_change || far < 120, "frame {n} is {far} off");
    }
}

#[test]
fn a_file_may_have_a_rate_that_no_leg_has() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    sim.attach(Leg::Remote, WIDE);
    let (high, low) = (
        sim.start(RecordingOptions::default()),
        sim.start(RecordingOptions {
            rate: 48_000,
            ..RecordingOptions::default()
        }),
    );
    for n in 0..100 {
        sim.write(Leg::Local, &local(n));
        sim.write(Leg::Remote, &pcm(Leg::Remote, n * 320, 320));
        sim.visit();
    }
    sim.end();
    sim.visit();
    assert_eq!(high.out.lock().shape.map(|s| s.rate), Some(16_000));
    assert!(high.out.lock().channel(1) == samples(Leg::Remote, 0, 32_000));
    assert_eq!(low.out.lock().frames(), 96_000);
    assert_eq!(low.progress.duration_ms(), 2000);
}
