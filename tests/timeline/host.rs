//! Feeds of special hosts: writing ahead of the clock, clearing, and both legs in one write.

use callrec::media::ledger::{OutsideReason, ticks};
use callrec::media::sim::{RecordingOptions, Sim, SimRecording};
use callrec::types::{Codec, FeedFormat, FeedOptions, Format, Layout, Leg, Status};

const MS: u64 = 1_000_000;
/// Samples per millisecond.
const KHZ: usize = 8;

fn options(ahead_ms: u32, channels: u8) -> FeedOptions {
    FeedOptions {
        format: FeedFormat {
            codec: Codec::Pcm16,
            rate: 8000,
        },
        ahead_ms,
        channels,
    }
}

/// Never 0, and different from sample to sample.
fn sample(n: usize) -> i16 {
    (n % 31_991) as i16 + 1
}

fn bytes(samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    samples.into_iter().flat_map(i16::to_ne_bytes).collect()
}

/// A call whose feed may be written `ahead_ms` ahead, and a recording of the local leg.
fn writing_ahead(ahead_ms: u32) -> (Sim, SimRecording) {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, options(ahead_ms, 1));
    let tape = sim.start(RecordingOptions {
        layout: Layout::Local,
        format: Format::WAV,
        ..RecordingOptions::default()
    });
    sim.visit();
    (sim, tape)
}

/// Writes this range of milliseconds as fast as the feed accepts it, while the clock stands.
fn write(sim: &mut Sim, from_ms: usize, to_ms: usize) {
    for at in (from_ms..to_ms).step_by(20) {
        let payload = bytes((at * KHZ..(at + 20) * KHZ).map(sample));
        let mut status = sim.write(Leg::Local, &payload);
        if status == Status::Overrun {
            // The feed was full, and the worker has emptied it.
            sim.visit();
            status = sim.write(Leg::Local, &payload);
        }
        assert_eq!(status, Status::Ok, "at {at} ms");
    }
}

fn expected(spans: &[(usize, usize)], len_ms: usize) -> Vec<i16> {
    let mut samples = vec![0; len_ms * KHZ];
    for (from, to) in spans {
        for (n, slot) in samples.iter_mut().enumerate().take(to * KHZ).skip(from * KHZ) {
            *slot = sample(n);
        }
    }
    samples
}

fn end(sim: &mut Sim, tape: &SimRecording) -> Vec<i16> {
    sim.stop(tape);
    sim.visit();
    assert!(tape.out.lock().ending.is_some());
    let ledger = tape.progress.ledger();
    for leg in [Leg::Local, Leg::Remote] {
        let leg = ledger.leg(leg);
        assert_eq!(leg.accounted(), leg.handed, "{leg:?}");
        assert_eq!(leg.lost(), 0, "{leg:?}");
    }
    tape.out.lock().channel(0)
}

fn outside(tape: &SimRecording, why: OutsideReason) -> u64 {
    tape.progress.ledger().leg(Leg::Local).outside[why as usize]
}

fn amount(ms: u64) -> u64 {
    ticks(ms * KHZ as u64, 8000)
}

#[test]
fn audio_written_ahead_lies_where_it_is_played() {
    let (mut sim, tape) = writing_ahead(20_000);
    write(&mut sim, 0, 12_000);
    sim.pass(13_000);
    let recorded = end(&mut sim, &tape);
    assert!(recorded == expected(&[(0, 12_000)], 13_000));
    assert!(sim.reports.silent.lock().is_empty(), "the leg is not silent");
}

#[test]
fn a_pause_cuts_by_the_time_of_playing() {
    let (mut sim, tape) = writing_ahead(20_000);
    write(&mut sim, 0, 10_000);
    sim.pass(3000);
    sim.pause(&tape);
    sim.pass(2000);
    sim.resume(&tape);
    sim.pass(6000);
    let recorded = end(&mut sim, &tape);
    assert!(recorded == expected(&[(0, 3000), (5000, 10_000)], 11_000));
    assert_eq!(outside(&tape, OutsideReason::Paused), amount(2000));
}

#[test]
fn audio_written_during_a_pause_is_not_kept() {
    let (mut sim, tape) = writing_ahead(20_000);
    write(&mut sim, 0, 1000);
    sim.pass(500);
    sim.pause(&tape);
    write(&mut sim, 1000, 6000);
    sim.pass(1500);
    sim.resume(&tape);
    sim.pass(5000);
    let recorded = end(&mut sim, &tape);
    assert!(recorded == expected(&[(0, 500)], 7000));
    assert_eq!(outside(&tape, OutsideReason::Paused), amount(5500));
}

#[test]
fn cleared_audio_is_not_kept() {
    let (mut sim, tape) = writing_ahead(20_000);
    write(&mut sim, 0, 10_000);
    sim.pass(4000);
    sim.clear(Leg::Local);
    sim.pass(1000);
    // The audio continues at the present time.
    write(&mut sim, 5000, 6000);
    sim.pass(2000);
    let recorded = end(&mut sim, &tape);
    assert!(recorded == expected(&[(0, 4000), (5000, 6000)], 7000));
    assert_eq!(outside(&tape, OutsideReason::Cleared), amount(6000));
}

/// Audio of both clock rates that has not been played yet is cleared.
#[test]
fn audio_cleared_across_a_change_of_rate_is_not_kept() {
    const HIGH: i16 = 20_000;
    // The resampling filter rings for this many samples.
    const RINGS: usize = 64;
    for (played_ms, narrow_ms, wide_ms) in [(2000, 2000, 3000), (5000, 0, 2000)] {
        let (mut sim, tape) = writing_ahead(20_000);
        write(&mut sim, 0, 4000);
        let mut wide = options(20_000, 1);
        wide.format.rate = 16_000;
        sim.set_format(Leg::Local, wide);
        let say = |sim: &mut Sim, packets: usize| {
            for _ in 0..packets {
                let status = sim.write(Leg::Local, &bytes([HIGH; 320]));
                assert_eq!(status, Status::Ok);
            }
        };
        say(&mut sim, 150);
        sim.pass(played_ms);
        sim.clear(Leg::Local);
        sim.pass(1000);
        say(&mut sim, 50);
        sim.pass(2000);
        let recorded = end(&mut sim, &tape);
        let (cleared, again) = (played_ms as usize * KHZ, (played_ms as usize + 1000) * KHZ);
        let narrow = cleared.min(4000 * KHZ);
        assert!(
            recorded[..narrow] == expected(&[(0, 4000)], 4000)[..narrow],
            "{played_ms}"
        );
        let silent = recorded[cleared + RINGS..again - RINGS]
            .iter()
            .all(|sample| *sample == 0);
        assert!(silent, "{played_ms}: cleared audio is in the file");
        let loud = |from: usize| recorded[from..].iter().take_while(|s| **s > HIGH / 2).count();
        assert!(loud(again + RINGS) > 980 * KHZ, "{played_ms}");
        let of_both = amount(narrow_ms) + ticks(wide_ms * 16, 16_000);
        assert_eq!(outside(&tape, OutsideReason::Cleared), of_both);
    }
}

#[test]
fn audio_not_played_at_the_end_is_not_kept() {
    let (mut sim, tape) = writing_ahead(20_000);
    write(&mut sim, 0, 10_000);
    sim.pass(4000);
    let recorded = end(&mut sim, &tape);
    assert!(
        recorded == expected(&[(0, 4000)], 4000),
        "{} samples",
        recorded.len()
    );
    assert_eq!(outside(&tape, OutsideReason::Cleared), amount(6000));
}

/// A voice bot writes two answers, each at once, with a silence between them.
#[test]
fn an_answer_begins_when_it_is_written() {
    for ahead_ms in [0, 20_000] {
        let (mut sim, tape) = writing_ahead(ahead_ms);
        write(&mut sim, 0, 1500);
        sim.pass(4000);
        write(&mut sim, 4000, 5000);
        sim.pass(2000);
        let recorded = end(&mut sim, &tape);
        assert!(
            recorded == expected(&[(0, 1500), (4000, 5000)], 6000),
            "{ahead_ms} ms ahead"
        );
    }
}

#[test]
fn both_legs_are_written_interleaved() {
    for (real, position) in [(true, false), (true, true), (false, false)] {
        let mut sim = if real { Sim::real() } else { Sim::stream() };
        sim.attach(Leg::Local, options(0, 2));
        let tape = sim.start(RecordingOptions::default());
        for at in (0..2000).step_by(20) {
            let range = at * KHZ..(at + 20) * KHZ;
            let payload = bytes(range.flat_map(|n| [sample(n), -sample(n)]));
            let status = match position {
                true => sim.write_at(Leg::Local, 77 + (at * KHZ) as u64, &payload),
                false => sim.write(Leg::Local, &payload),
            };
            assert_eq!(status, Status::Ok);
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        let local = end(&mut sim, &tape);
        let remote = tape.out.lock().channel(1);
        assert!(
            local == expected(&[(0, 2000)], 2000),
            "real {real}, position {position}"
        );
        let negative: Vec<i16> = local.iter().map(|sample| -sample).collect();
        assert!(remote == negative, "real {real}, position {position}");
        assert_eq!(sim.stats.frames_in(), 100);
    }
}

/// A position by the host's clock may be ahead by the feed's limit plus 2 s.
#[test]
fn a_position_too_far_ahead_is_a_jump() {
    for (ahead_ms, at_ms, jumps) in [
        (0, 1500, false),
        (500, 1500, false),
        (500, 60_000, true),
        (5000, 4500, false),
    ] {
        let (mut sim, tape) = writing_ahead(ahead_ms);
        let say = |sim: &mut Sim, at_ms: u64| {
            let status = sim.write_at(Leg::Local, at_ms * KHZ as u64, &bytes([7; 20 * KHZ]));
            assert_eq!(status, Status::Ok);
        };
        say(&mut sim, 0);
        say(&mut sim, at_ms);
        sim.pass(at_ms + 1000);
        let recorded = end(&mut sim, &tape);
        let last = recorded.iter().rposition(|sample| *sample != 0).unwrap_or(0) / KHZ;
        match jumps {
            true => assert_eq!(last, 39, "{ahead_ms} ms, {at_ms} ms"),
            false => assert_eq!(last as u64, at_ms + 19, "{ahead_ms} ms, {at_ms} ms"),
        }
    }
}

/// The ledger of a second recording has only the codecs since its start.
#[test]
fn a_ledger_has_the_codecs_since_the_start() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, options(0, 1));
    let recording_options = RecordingOptions {
        layout: Layout::Local,
        rate: 8000,
        ..RecordingOptions::default()
    };
    let whole = sim.start(recording_options);
    let mut wide = options(0, 1);
    wide.format.rate = 16_000;
    let say = |sim: &mut Sim, samples: usize| {
        for _ in 0..50 {
            sim.write(Leg::Local, &bytes([7; 320][..samples].to_vec()));
            sim.now_ns += 20 * MS;
            sim.visit();
        }
    };
    sim.set_format(Leg::Local, wide);
    say(&mut sim, 320);
    sim.set_format(Leg::Local, options(0, 1));
    say(&mut sim, 160);
    let second = sim.start(recording_options);
    say(&mut sim, 160);
    sim.end();
    sim.visit();
    let of = |tape: &SimRecording| {
        let ledger = tape.progress.ledger();
        let leg = ledger.leg(Leg::Local);
        (leg.codecs.to_vec(), leg.narrowed)
    };
    let (narrow, wide) = ((Codec::Pcm16, 8000), (Codec::Pcm16, 16_000));
    assert_eq!(of(&whole), (vec![wide, narrow], true));
    assert_eq!(of(&second), (vec![narrow], false));
}

/// The legs of a held call are silent; a leg that is silent after that is reported.
#[test]
fn the_silence_of_a_held_call_is_not_reported() {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, options(0, 1));
    sim.hold(true);
    sim.pass(25_000);
    assert!(sim.reports.silent.lock().is_empty());
    sim.hold(false);
    sim.pass(9000);
    assert!(sim.reports.silent.lock().is_empty());
    sim.pass(15_000);
    assert_eq!(*sim.reports.silent.lock(), [Leg::Local]);
}

#[test]
fn audio_of_a_held_call_is_kept_or_is_silence() {
    for silence in [false, true] {
        let config = callrec::media::sim::config(callrec::media::ClockMode::Real);
        let mut sim = Sim::new(callrec::media::MediaConfig {
            hold_is_silence: silence,
            ..config
        });
        sim.attach(Leg::Local, options(0, 1));
        let tape = sim.start(RecordingOptions {
            layout: Layout::Local,
            ..RecordingOptions::default()
        });
        for at in (0..3000).step_by(20) {
            if at == 1000 || at == 2000 {
                sim.hold(at == 1000);
            }
            write(&mut sim, at, at + 20);
            sim.now_ns += 20 * MS;
            sim.visit();
        }
        let recorded = end(&mut sim, &tape);
        let (spans, held): (&[_], _) = match silence {
            true => (&[(0, 1000), (2000, 3000)], 1000),
            false => (&[(0, 3000)], 0),
        };
        assert!(recorded == expected(spans, 3000), "silence {silence}");
        assert_eq!(outside(&tape, OutsideReason::Hold), amount(held));
    }
}
