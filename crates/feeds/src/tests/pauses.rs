//! A recording is paused while another one continues. Audio of the pause is not recorded, and a loss
//! before the pause is reported.

use super::*;
use crate::SpanKind;
use crate::sim::RecordingOptions;
use callrec_base::types::{Format, Layout, PauseMode};

const MS: u64 = NS_PER_MS;
const SECRET: u8 = 0x01;
const LOUD: i16 = 30_000;

fn linear(value: i16, count: usize) -> Vec<u8> {
    value.to_ne_bytes().repeat(count)
}

fn local(format: Format, rate: u32) -> RecordingOptions {
    RecordingOptions {
        layout: Layout::Local,
        format,
        rate,
        ..RecordingOptions::default()
    }
}

/// A slow sender clock is corrected by an additional sample in a packet. The pause ends where such a
/// packet begins.
#[test]
fn a_slipped_sample_is_not_taken_from_the_pause() {
    for law in [true, false] {
        let mut sim = Sim::real();
        sim.attach(Leg::Local, ULAW);
        sim.payload(Leg::Local, 97, PCM);
        let on = sim.start(local(Format::WAV_ULAW, 0));
        let paused = sim.start(local(Format::WAV_ULAW, 0));
        let begin = sim.now_ns;
        for n in 0..1300u64 {
            // The first packet is late, so that the media end is ahead of the clock.
            let due = (n * 20_044_000).max(40 * MS);
            sim.now_ns = begin + due;
            let (secret, pausing) = (n % 2 == 0 && n >= 900, n >= 900);
            match (secret, pausing) {
                (true, _) => sim.pause(&paused),
                (false, true) => sim.resume(&paused),
                _ => {}
            }
            let byte = if secret { SECRET } else { 0xfe };
            let (payload_type, payload) = match law {
                true => (0, vec![byte; 160]),
                false => (97, vec![byte; 320]),
            };
            let bytes = packet(7, payload_type, n as u16, n as u32 * 160, &payload);
            sim.rtp(Leg::Local, &bytes);
            sim.visit();
        }
        sim.end();
        sim.visit();
        let (on, paused) = (on.out.lock(), paused.out.lock());
        // 0x0101 as µ-law.
        let secret = if law { SECRET } else { 0xe7 };
        assert!(on.bytes.contains(&secret));
        let slipped = on.frames() - 1300 * 160;
        assert!(slipped > 100, "{slipped} samples slipped");
        let at = paused.bytes.iter().position(|byte| *byte == secret);
        assert_eq!(at, None, "a sample of the pause");
    }
}

/// A frame of the file covers six samples of the leg and begins before the resume.
#[test]
fn samples_of_the_pause_are_not_resampled() {
    for odd in 0..6 {
        for (codec, rate) in [(48_000, 8000), (44_100, 8000), (48_000, 11_025), (8000, 48_000)] {
            let mut sim = Sim::stream();
            sim.attach(Leg::Local, FeedFormat { rate: codec, ..PCM });
            let on = sim.start(local(Format::WAV, codec));
            let paused = sim.start(local(Format::WAV, rate));
            sim.write(Leg::Local, &linear(0, 800));
            sim.pause(&paused);
            sim.write(Leg::Local, &linear(LOUD, 100 + odd));
            sim.resume(&paused);
            for _ in 0..2 {
                sim.write(Leg::Local, &linear(0, 800));
            }
            sim.end();
            sim.visit();
            assert!(on.out.lock().channel(0).contains(&LOUD));
            let recorded = paused.out.lock().channel(0);
            let at = recorded.iter().position(|sample| *sample != 0);
            assert_eq!(at, None, "{codec} Hz to {rate} Hz, {odd} over");
        }
    }
}

/// The leg continues at a rate whose grid has no sample at the end of the pause.
#[test]
fn a_changed_clock_rate_carries_nothing_across_a_resume() {
    for odd in 0..6 {
        let mut sim = Sim::stream();
        let wide = FeedFormat { rate: 48_000, ..PCM };
        sim.attach(Leg::Local, wide);
        let on = sim.start(local(Format::WAV, 48_000));
        let paused = sim.start(local(Format::WAV, 48_000));
        sim.write(Leg::Local, &linear(0, 960));
        sim.pause(&paused);
        sim.write(Leg::Local, &linear(LOUD, 960 + odd));
        sim.set_format(Leg::Local, PCM);
        sim.resume(&paused);
        for _ in 0..2 {
            sim.write(Leg::Local, &linear(0, 160));
        }
        sim.end();
        sim.visit();
        assert!(on.out.lock().channel(0).contains(&LOUD));
        let recorded = paused.out.lock().channel(0);
        assert!(recorded.iter().all(|sample| *sample == 0), "{odd} over");
    }
}

/// The reported losses and their sum.
fn lost(recording: &SimRecording) -> (Vec<(u64, u64)>, u64) {
    let out = recording.out.lock();
    let of_local = |span: &crate::Span| matches!(span.kind, SpanKind::Loss(Leg::Local, _));
    assert!(out.losses.iter().all(of_local));
    let mut spans: Vec<_> = out.losses.iter().map(|s| (s.from_frame, s.to_frame)).collect();
    spans.sort_unstable();
    // Adjacent frames may be reported in two spans.
    spans.dedup_by(|next, last| {
        let touches = last.1 == next.0;
        last.1 = if touches { next.1 } else { last.1 };
        touches
    });
    (spans, out.lost_ns)
}

/// The gap is detected by a packet that arrives while all or all but one of the recordings are
/// paused, or afterwards.
#[test]
fn a_loss_before_a_pause_is_reported() {
    for pause_mode in [PauseMode::Silence, PauseMode::Skip] {
        for (with_other, resumed) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut sim = Sim::real();
            sim.attach(Leg::Local, ULAW);
            let options = RecordingOptions {
                pause_mode,
                ..local(Format::WAV_ULAW, 0)
            };
            let recording = sim.start(options);
            let on = with_other.then(|| sim.start(options));
            send(&mut sim, 0, 50, &[]);
            // 50 to 54 are lost. Most of 53 and 54 is in the pause.
            sim.now_ns += 70 * MS;
            sim.pause(&recording);
            sim.now_ns += 10 * MS;
            if resumed {
                sim.resume(&recording);
            }
            sim.now_ns += 20 * MS;
            send(&mut sim, 55, 100, &[]);
            if !resumed {
                sim.resume(&recording);
            }
            sim.pass(500);
            sim.end();
            sim.visit();
            let kept = if pause_mode == PauseMode::Skip { 0 } else { 80 };
            let from = 50 * 160;
            let mut expected = (vec![(from, from + 560)], 70 * MS);
            if resumed && pause_mode == PauseMode::Skip {
                expected = (vec![(from, from + 720)], 90 * MS);
            } else if resumed {
                expected = (vec![(from, from + 560), (from + 560 + kept, from + 800)], 90 * MS);
            }
            let name = format!("{pause_mode:?}, another recording {with_other}, resumed {resumed}");
            assert_eq!(lost(&recording), expected, "{name}");
            if let Some(on) = on {
                assert_eq!(lost(&on), (vec![(from, from + 800)], 100 * MS), "{name}");
            }
            assert_eq!(sim.stats.frames_lost(), 5, "{name}");
        }
    }
}

/// Packets that arrive during the pause are not lost before it.
#[test]
fn packets_after_the_pause_point_are_not_lost_before_it() {
    let (mut sim, recording) = one_leg();
    send(&mut sim, 0, 50, &[]);
    sim.now_ns += 40 * MS;
    sim.pause(&recording);
    // Their places are before the pause.
    send(&mut sim, 50, 55, &[]);
    sim.pass(1000);
    sim.stop(&recording);
    sim.visit();
    assert_eq!(lost(&recording), (vec![], 0));
    assert!(tags(&recording)[50..].iter().all(|tag| *tag == 0));
}

/// Arrival times use the machine's clock, a resume the media's clock.
#[test]
fn a_recording_in_stream_time_survives_a_clock_jump_back() {
    let mut sim = Sim::stream();
    sim.attach(Leg::Local, PCM);
    let hour = 3600 * 8000;
    for step in 0..3 {
        sim.write_at(Leg::Local, step * hour / 3, &pcm(Leg::Local, 0, 160));
    }
    let recording = sim.start(RecordingOptions {
        pause_mode: PauseMode::Skip,
        ..local(Format::WAV, 0)
    });
    sim.pause(&recording);
    sim.resume(&recording);
    sim.write_at(Leg::Local, 0, &pcm(Leg::Local, 160, 160));
    sim.end();
    sim.visit();
    assert!(recording.out.lock().channel(0) == samples(Leg::Local, 160, 160));
}

/// A pause reaches to the end of the latest packet, and what follows it begins no earlier. A recording
/// that begins paused has no packet to which its pause could reach.
#[test]
fn a_recording_that_begins_paused_delays_no_other() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    send(&mut sim, 0, 50, &[]);
    // Just after the latest packet.
    sim.now_ns -= 20 * MS;
    let paused = sim.start_paused(local(Format::WAV_ULAW, 0));
    let on = sim.start(local(Format::WAV_ULAW, 0));
    sim.now_ns += 20 * MS;
    send(&mut sim, 50, 100, &[]);
    sim.end();
    sim.pass(6_000);
    let recorded = tags(&on);
    assert_eq!((recorded[0], &recorded[1..]), (0, &expected(50, 100)[..]));
    let silent = |tag: &u8| *tag == 0;
    assert!(tags(&paused).iter().all(silent), "{:?}", tags(&paused));
    assert_eq!(tags(&paused).len(), tags(&on).len());
}
