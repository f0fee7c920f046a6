//! Old packets that arrive again, and old packets that arrive late.

use callrec::media::ClockMode;
use callrec::media::ledger::ms;
use callrec::types::Leg;

use crate::failures::Failures;
use crate::fixture::{CLOCKS, MarkedRecording, MediaFixture, VISITS, Visits, local, narrow, stereo};
use crate::marked_audio::MarkedHeader;

/// 6 s into the call, `count` packets arrive that are `back` numbers old.
#[derive(Clone, Copy, Debug)]
pub struct Old {
    packet_ms: usize,
    back: usize,
    count: usize,
    /// They have not arrived before.
    first_time: bool,
}

const fn again(packet_ms: usize, back: usize, count: usize) -> Old {
    Old {
        packet_ms,
        back,
        count,
        first_time: false,
    }
}

const fn late(packet_ms: usize, back: usize, count: usize) -> Old {
    Old {
        first_time: true,
        ..again(packet_ms, back, count)
    }
}

pub const CASES: [Old; 9] = [
    again(20, 120, 1),
    again(20, 120, 2),
    again(20, 200, 2),
    again(10, 120, 2),
    again(10, 180, 2),
    again(10, 150, 10),
    late(20, 110, 1),
    late(20, 110, 2),
    late(10, 130, 2),
];

pub fn old_packets(old: Old, clock: ClockMode, visits: Visits) -> Failures {
    let samples = old.packet_ms * 8;
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let at = 6000 / old.packet_ms;
    let held = at - old.back..at - old.back + old.count;
    let say = |fixture: &mut MediaFixture, k: usize| {
        let head = MarkedHeader::audio(500 + k as u64, 90_000 + (samples * k) as u64, 3);
        fixture.send(Leg::Local, head, 0, samples * k, samples);
    };
    for k in 0..10_000 / old.packet_ms {
        fixture.until((old.packet_ms * k) as u64);
        let head = MarkedHeader::audio(k as u64, (samples * k) as u64, 9);
        fixture.send(Leg::Remote, head, 1, samples * k, samples);
        if k == at {
            held.clone().for_each(|k| say(&mut fixture, k));
        }
        if !(old.first_time && held.contains(&k)) {
            say(&mut fixture, k);
        }
    }
    let file = &fixture.finish()[recording];
    let lost = if old.first_time { old.count * samples } else { 0 };
    fixture.check_missing(file, Leg::Local, 0, lost as u64);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check(file.lost_ms == lost as u64 / 8, || {
        format!("lost_ms is {}", file.lost_ms)
    });
    let found = file.leg(Leg::Local);
    fixture.check(found.twice(0) == 0, || {
        format!("{} samples are in the file twice", found.twice(0))
    });
    fixture.check(found.is_ordered(), || format!("out of order: {}", found.text()));
    fixture.check_together(file, 0, 1, 0.0);
    fixture.check_length(file, 10_000, 20);
    let duplicates = file.ledger.leg(Leg::Local).duplicates;
    let expected = callrec::media::ledger::ticks((old.count * samples - lost) as u64, 8000);
    fixture.check(duplicates == expected, || {
        format!("{duplicates} duplicates, not {expected}")
    });
    fixture.failures()
}

#[test]
fn an_old_packet_changes_nothing() {
    let mut failures = Failures::default();
    for clock in CLOCKS {
        for old in CASES {
            for visits in VISITS {
                let case = format!("{old:?}, {clock:?} time, {visits:?} visits");
                failures.add(&case, old_packets(old, clock, visits));
            }
        }
    }
    failures.end();
}

/// A packet that stays unconfirmed arrives again after it has its place.
#[test]
fn an_unconfirmed_packet_arrives_again() {
    let mut fixture = MediaFixture::new(ClockMode::Real, Visits::Regular);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    for k in 0..100 {
        fixture.until(20 * k as u64);
        if !(20..70).contains(&k) {
            let sequence = if k < 20 { 500 + k } else { 450 + k };
            let head = MarkedHeader::audio(sequence as u64, 160 * k as u64, 3);
            fixture.send(Leg::Local, head, 0, 160 * k, 160);
        }
        if k == 25 || k == 50 {
            fixture.send(Leg::Local, MarkedHeader::audio(9000, 7000, 11), 1, 0, 160);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    check_once(&mut fixture, file, 1);
    fixture.failures().end();
}

/// An earlier stream returns with wrong timestamps, so that its packet waits for the next one. The
/// same packet arrives again later.
#[test]
fn a_waiting_packet_arrives_again() {
    let mut fixture = MediaFixture::new(ClockMode::Real, Visits::Regular);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let first = |fixture: &mut MediaFixture, k: usize| {
        let head = MarkedHeader::audio(500 + k as u64, 160 * k as u64, 3);
        fixture.send(Leg::Local, head, 0, 160 * k, 160);
    };
    let second = |fixture: &mut MediaFixture, k: usize| {
        let head = MarkedHeader::audio(9000 + k as u64, 7000 + 160 * k as u64, 11);
        fixture.send(Leg::Local, head, 1, 160 * k, 160);
    };
    // Its place is 120 ms after its arrival.
    (0..6).for_each(|k| first(&mut fixture, k));
    for k in 6..60 {
        fixture.until(20 * (k as u64 - 6));
        if k == 21 {
            first(&mut fixture, 20);
            second(&mut fixture, 20);
        }
        first(&mut fixture, k);
        if k == 19 {
            (18..20).for_each(|k| second(&mut fixture, k));
        }
    }
    let file = &fixture.finish()[recording];
    check_once(&mut fixture, file, 0);
    fixture.failures().end();
}

/// Checks that no sample is in the file twice, and that one packet is reported as a duplicate.
fn check_once(fixture: &mut MediaFixture, file: &MarkedRecording, stream: usize) {
    let twice = file.leg(Leg::Local).twice(stream);
    fixture.check(twice == 0, || format!("{twice} samples are in the file twice"));
    let duplicates = ms(file.ledger.leg(Leg::Local).duplicates);
    fixture.check(duplicates == 20, || {
        format!("{duplicates} ms are reported as duplicates")
    });
}
