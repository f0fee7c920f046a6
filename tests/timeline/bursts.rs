//! A network or a host that stalls, and then delivers the held packets. Nothing is lost on the
//! way, so nothing may be missing, and nothing stays displaced.

use callrec::types::Leg;

use crate::failures::Failures;
use crate::fixture::{MediaFixture, VISITS, Visits, local, stereo};
use crate::marked_audio::MarkedHeader;

/// The local leg's network holds all packets from 3 s on for `stall_ms`, then delivers
/// `per_tick` packets each 20 ms. 20 s of plain speech follow.
pub fn burst(stall_ms: usize, per_tick: usize, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let (from, to) = (150, 150 + stall_ms / 20);
    let end = to + 1000;
    let mut next = 0;
    for k in 0..end {
        fixture.until(20 * k as u64);
        fixture.steady(Leg::Remote, k, 1);
        if (from..to).contains(&k) {
            continue;
        }
        let due = if next < k { per_tick } else { 1 };
        let due = next..(next + due).min(k + 1);
        next = due.end;
        for n in due {
            let head = MarkedHeader::audio(500 + n as u64, 90_000 + 160 * n as u64, 3);
            fixture.send(Leg::Local, head, 0, 160 * n, 160);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    fixture.check_together(file, 0, 1, 20.0);
    fixture.check_length(file, 20 * end as u64, 20);
    let overruns = fixture.overruns;
    fixture.check(overruns == 0, || format!("{overruns} packets were refused"));
    fixture.failures()
}

fn bursts(per_tick: usize) {
    let mut failures = Failures::default();
    for stall_ms in [300, 700, 1300, 1900, 2500, 5000] {
        for visits in VISITS {
            let case = format!("{stall_ms} ms held, then {per_tick} each 20 ms, {visits:?} visits");
            failures.add(&case, burst(stall_ms, per_tick, visits));
        }
    }
    failures.end();
}

#[test]
fn held_packets_are_kept_when_they_arrive_at_once() {
    bursts(1000);
}

#[test]
fn held_packets_are_kept_when_they_arrive_ten_times_as_fast() {
    bursts(10);
}

#[test]
fn held_packets_are_kept_when_they_arrive_twice_as_fast() {
    bursts(2);
}

/// The host's receiving thread stalls for `stall_ms`, then writes ten packets each 20 ms,
/// with or without the age of each. The network had no trouble.
fn aged(stall_ms: usize, with_ages: bool, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, crate::fixture::narrow());
    let recording = fixture.start(local());
    let (from, to) = (150, 150 + stall_ms / 20);
    let end = to + 250;
    let mut next = 0;
    for k in 0..end {
        fixture.until(20 * k as u64);
        if (from..to).contains(&k) {
            continue;
        }
        let due = next..(next + 10).min(k + 1);
        next = due.end;
        for n in due {
            let head = MarkedHeader::audio(500 + n as u64, 160 * n as u64, 3);
            let packet = fixture.audio(head, 0, 160 * n, 160);
            let age_us = if with_ages { 20_000 * (k - n) as u64 } else { 0 };
            fixture.write_rtp_aged(Leg::Local, &packet, 160, age_us);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 20 * end as u64, 20);
    let offset = file.leg(Leg::Local).last_offset(0);
    fixture.check(offset.is_some_and(|offset| offset.abs() <= 160), || {
        format!("the end is {offset:?} samples from its place")
    });
    if with_ages {
        let runs = file.leg(Leg::Local).text();
        fixture.check(file.leg(Leg::Local).runs.len() == 1, || runs);
    }
    fixture.failures()
}

#[test]
fn a_stalled_host_loses_nothing_with_or_without_ages() {
    let mut failures = Failures::default();
    for stall_ms in [300, 600, 1000] {
        for with_ages in [true, false] {
            for visits in VISITS {
                let case = format!("{stall_ms} ms, ages: {with_ages}, {visits:?} visits");
                failures.add(&case, aged(stall_ms, with_ages, visits));
            }
        }
    }
    failures.end();
}

/// The remote leg stalls once and catches up at double speed. 20 s later there is a pause of 5 s,
/// and 10 s after the resume another sender. Streams: 0 and 1 are kept, 4 and 5 are sent during
/// the pause, 2 is the second remote sender.
pub fn control_points_after_a_stall(stall_ms: usize, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let (from, to) = (150, 150 + stall_ms / 20);
    let (pause, resume) = (to + 1000, to + 1250);
    let (change, end) = (resume + 500, resume + 750);
    let mut next = 0;
    for k in 0..end {
        fixture.until(20 * k as u64);
        if k == pause {
            fixture.pause(recording);
        }
        if k == resume {
            fixture.resume(recording);
        }
        let paused = (pause..resume).contains(&k);
        fixture.steady(Leg::Local, k, if paused { 4 } else { 0 });
        if (from..to).contains(&k) {
            continue;
        }
        let due = if next < k { 2 } else { 1 };
        let due = next..(next + due).min(k + 1);
        next = due.end;
        for n in due {
            let (ssrc, stream) = match () {
                () if k >= change => (4, 2),
                () if paused => (3, 5),
                () => (3, 1),
            };
            let head = MarkedHeader::audio(500 + n as u64, 90_000 + 160 * n as u64, ssrc);
            fixture.send(Leg::Remote, head, stream, 160 * n, 160);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_whole(file, Leg::Remote, 2);
    fixture.check_missing(file, Leg::Local, 4, 160 * 250);
    fixture.check_missing(file, Leg::Remote, 5, 160 * 250);
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 20 * end as u64, 20);
    fixture.check(file.paused_ms == 5000, || {
        format!("paused_ms is {}", file.paused_ms)
    });
    fixture.failures()
}

#[test]
fn control_points_long_after_a_stall_are_exact_for_both_legs() {
    let mut failures = Failures::default();
    for stall_ms in [300, 1900, 5000] {
        for visits in VISITS {
            let case = format!("{stall_ms} ms, {visits:?} visits");
            failures.add(&case, control_points_after_a_stall(stall_ms, visits));
        }
    }
    failures.end();
}
