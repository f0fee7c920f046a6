//! The places of plain audio and control points in real time, to the sample.

use callrec::media::sim::RecordingOptions;
use callrec::media::{ClockMode, SpanKind};
use callrec::types::{Codec, EndReason, Format, Leg, PauseMode};

use crate::failures::Failures;
use crate::fixture::{MediaFixture, VISITS, Visits, format, local, narrow, stereo};
use crate::marked_audio::MarkedHeader;

/// The times of a start, a pause, a resume and a stop in ms, between the edges of packets.
const POINTS: [u64; 4] = [207, 1011, 1403, 2009];

/// Both legs write 20 ms every 20 ms. Streams: 0 and 1 the legs.
pub fn points(
    codec: Codec,
    rate: u32,
    file_format: Format,
    pause_mode: PauseMode,
    visits: Visits,
) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    for leg in [Leg::Local, Leg::Remote] {
        fixture.attach(leg, format(codec, rate));
    }
    let [start, pause, resume, stop] = POINTS;
    let samples = rate as usize / 50;
    let mut recording = 0;
    for ms in 0..=stop {
        fixture.until(ms);
        match ms {
            _ if ms == start => {
                recording = fixture.start(RecordingOptions {
                    format: file_format,
                    pause_mode,
                    ..stereo()
                });
            }
            _ if ms == pause => fixture.pause(recording),
            _ if ms == resume => fixture.resume(recording),
            _ if ms == stop => fixture.stop(recording),
            _ => {}
        }
        if ms % 20 == 0 {
            let k = ms as usize / 20;
            fixture.write(Leg::Local, codec, 0, samples * k, samples);
            fixture.write(Leg::Remote, codec, 1, samples * k, samples);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_nothing_lost(file);
    let paused = resume - pause;
    let skipped = if pause_mode == PauseMode::Skip { paused } else { 0 };
    fixture.check_length(file, stop - start - skipped, 20);
    fixture.check(file.paused_ms.abs_diff(paused) <= 20, || {
        format!("paused_ms is {}", file.paused_ms)
    });
    let per_ms = rate as usize / 1000;
    for (leg, stream) in [(Leg::Local, 0), (Leg::Remote, 1)] {
        let found = file.leg(leg);
        fixture.check(found.runs.len() == 2 && found.unknown == 0, || found.text());
        let [first, second] = found.runs[..] else { continue };
        fixture.check(first.stream == stream && second.stream == stream, || found.text());
        // Audio that was written before a control point is before it. Where two pieces meet, a
        // sample may seem to belong to the other one.
        let near = |found: usize, from: u64, to: u64| {
            (from as usize * per_ms - 2..=to as usize * per_ms + 2).contains(&found)
        };
        fixture.check(first.at <= 20 * per_ms && near(first.from, 220, 220), || {
            found.text()
        });
        fixture.check(near(first.from + first.len, pause, 1020), || found.text());
        fixture.check(near(second.from, 1420, 1420), || found.text());
        fixture.check(near(second.from + second.len, stop, 2020), || found.text());
    }
    fixture.failures()
}

#[test]
fn control_points_are_at_their_time() {
    let mut failures = Failures::default();
    for (codec, rate, file_format) in [
        (Codec::Pcm16, 8000, Format::WAV),
        (Codec::Pcm16, 48_000, Format::WAV),
        (Codec::Pcmu, 8000, Format::WAV_ULAW),
        (Codec::Pcma, 8000, Format::WAV),
    ] {
        for pause_mode in [PauseMode::Silence, PauseMode::Skip] {
            for visits in VISITS {
                let case = format!("{codec:?} of {rate} Hz, {pause_mode:?}, {visits:?} visits");
                failures.add(&case, points(codec, rate, file_format, pause_mode, visits));
            }
        }
    }
    failures.end();
}

/// The local leg writes nothing for 400 ms; the remote leg begins at 1.2 s.
fn silences(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(stereo());
    for k in 0..100 {
        fixture.until(20 * k as u64);
        if k == 60 {
            fixture.attach(Leg::Remote, narrow());
        }
        if !(40..60).contains(&k) {
            fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
        }
        if k >= 60 {
            fixture.write(Leg::Remote, Codec::Pcmu, 1, 160 * k, 160);
        }
    }
    fixture.until(2000);
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 2000, 0);
    for (leg, stream) in [(Leg::Local, 0), (Leg::Remote, 1)] {
        let late = file.leg(leg).last_offset(stream);
        // The first write after a silence ends, or begins, at its arrival.
        fixture.check(late.is_some_and(|late| (-160..=0).contains(&late)), || {
            format!("{leg:?} leg is {late:?} samples late")
        });
    }
    fixture.failures()
}

#[test]
fn a_silence_keeps_its_length() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), silences(visits));
    }
    failures.end();
}

/// Packets arrive out of order in threes; some are lost, some arrive twice.
pub fn network(clock: ClockMode, visits: Visits) -> Failures {
    const GONE: [usize; 5] = [10, 33, 34, 35, 70];
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let send = |fixture: &mut MediaFixture, leg: Leg, stream: usize, k: usize| {
        let head = MarkedHeader::audio(65_500 + k as u64, 0xffff_f000 + 160 * k as u64, 7);
        fixture.send(leg, head, stream, 160 * k, 160);
    };
    for k in (0..90).step_by(3) {
        fixture.until(20 * k as u64);
        let order = if k == 0 {
            [k, k + 1, k + 2]
        } else {
            [k + 2, k, k + 1]
        };
        for k in order.into_iter().filter(|k| !GONE.contains(k)) {
            send(&mut fixture, Leg::Local, 0, k);
        }
        for k in [k, k, k + 1, k + 2, k + 1] {
            send(&mut fixture, Leg::Remote, 1, k);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    for (leg, runs) in [(Leg::Local, 4), (Leg::Remote, 1)] {
        let found = file.leg(leg);
        fixture.check(found.runs.len() == runs && found.is_ordered(), || found.text());
    }
    fixture.check(file.lost_ms == 100, || format!("lost_ms is {}", file.lost_ms));
    // A gap at the end of a block continues in the next one.
    let mut gaps: Vec<(u64, u64)> = Vec::new();
    for span in &file.losses {
        match gaps.last_mut() {
            Some(last) if last.1 == span.from_frame => last.1 = span.to_frame,
            _ => gaps.push((span.from_frame, span.to_frame)),
        }
    }
    let expected = [(10, 11), (33, 36), (70, 71)].map(|(from, to)| (160 * from, 160 * to));
    fixture.check(gaps == expected, || format!("gaps at {gaps:?}"));
    let own = |span: &callrec::media::Span| matches!(span.kind, SpanKind::Loss(Leg::Local, _));
    fixture.check(file.losses.iter().all(own), || {
        format!("losses: {:?}", file.losses)
    });
    let frames = fixture.sim.stats.frames_lost();
    fixture.check(frames == 5, || format!("frames_lost is {frames}"));
    fixture.check_together(file, 0, 1, 0.0);
    fixture.failures()
}

#[test]
fn loss_reordering_and_duplicates_move_nothing() {
    let mut failures = Failures::default();
    for clock in [ClockMode::Real, ClockMode::Stream] {
        for visits in VISITS {
            failures.add(
                &format!("{clock:?} time, {visits:?} visits"),
                network(clock, visits),
            );
        }
    }
    failures.end();
}

/// The local leg's packets were received 100 ms before they are written.
fn old_packets(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    for k in 0..30 {
        fixture.until(300 + 20 * k as u64);
        let packet = fixture.audio(MarkedHeader::audio(k as u64, 160 * k as u64, 3), 0, 160 * k, 160);
        fixture.write_rtp_aged(Leg::Local, &packet, 160, 100_000);
        fixture.steady(Leg::Remote, k, 1);
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    let apart = file.apart_ms(0, 1);
    fixture.check(apart == -100.0, || format!("the aged leg is {apart} ms later"));
    fixture.failures()
}

#[test]
fn an_age_moves_a_stream_by_that_age() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), old_packets(visits));
    }
    failures.end();
}

/// The sender stops for 500 ms, and so does its clock.
fn stood_still(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    for k in 0..40 {
        let gap = if k < 20 { 0 } else { 500 };
        fixture.until(20 * k as u64 + gap);
        let head = MarkedHeader::audio(k as u64, 160 * k as u64, 3);
        fixture.send(Leg::Local, head, 0, 160 * k, 160);
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    let found = file.leg(Leg::Local);
    fixture.check(found.is_ordered(), || found.text());
    let late = found.last_offset(0);
    fixture.check(late == Some(500 * 8), || {
        format!("late by {late:?} samples; {}", found.text())
    });
    fixture.failures()
}

#[test]
fn a_stream_whose_clock_stopped_continues_at_its_arrival() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), stood_still(visits));
    }
    failures.end();
}

#[test]
fn the_limit_is_exact() {
    for visits in VISITS {
        let mut fixture = MediaFixture::real(visits);
        fixture.attach(Leg::Local, narrow());
        let recording = fixture.start(RecordingOptions {
            max_duration_ms: 500,
            ..local()
        });
        for k in 0..40 {
            fixture.until(20 * k as u64);
            fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
        }
        let file = &fixture.finish_by(EndReason::Limit)[recording];
        fixture.check_length(file, 500, 0);
        fixture.check_no_loss(file);
        fixture.failures().end();
    }
}
