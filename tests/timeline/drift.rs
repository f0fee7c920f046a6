//! Senders whose clocks are wrong, for ten minutes.

use callrec::types::{Codec, Leg};

use crate::failures::Failures;
use crate::fixture::{MarkedRecording, MediaFixture, Visits, local, narrow};
use crate::marked_audio::MarkedHeader;

const LONG: u64 = 600;

/// A sender whose clock is wrong by this many parts per million.
pub fn drift(ppm: f64, write: bool, seconds: u64, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let pace = 1.0 + ppm / 1e6;
    for k in 0.. {
        let us = (k as f64 * 20_000.0 / pace) as u64;
        if us >= seconds * 1_000_000 {
            break;
        }
        fixture.until_us(us);
        match write {
            true => {
                fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
            }
            false => fixture.send(
                Leg::Local,
                MarkedHeader::audio(k as u64, 160 * k as u64, 3),
                0,
                160 * k,
                160,
            ),
        }
    }
    fixture.until(seconds * 1000);
    let file = &fixture.finish()[recording];
    let worst = worst_misplacement_ms(file, pace);
    fixture.check(worst < 60.0, || format!("misplaced by {worst} ms"));
    fixture.check_length(file, seconds * 1000, 20);
    let leg_ledger = file.ledger.leg(Leg::Local).clone();
    let slipped = leg_ledger.slipped / callrec::media::ledger::ticks(1, 8000);
    fixture.check_missing(file, Leg::Local, 0, slipped);
    // A fast clock sends this surplus, except for up to 60 ms at the end.
    let surplus = (seconds as f64 * 8000.0 * (pace - 1.0)).max(0.0);
    fixture.check((slipped as f64 - surplus).abs() <= 480.0, || {
        format!("{slipped} samples slipped of {surplus} too many")
    });
    let twice = file.leg(Leg::Local).twice(0);
    let repeated = leg_ledger.repeated / callrec::media::ledger::ticks(1, 8000);
    fixture.check(twice == repeated, || {
        format!("{twice} samples are repeated, reported: {repeated}")
    });
    fixture.check_nothing_lost(file);
    fixture.failures()
}

/// The largest distance of the end of a run from its place.
fn worst_misplacement_ms(file: &MarkedRecording, pace: f64) -> f64 {
    let runs = &file.leg(Leg::Local).runs;
    let first = runs.first().map_or(0, |run| run.at) as f64;
    let ends = runs.iter().filter(|run| run.len >= 40).flat_map(|run| {
        let end = |n: usize| (run.at + n) as f64 - (first + (run.from + n) as f64 / pace);
        [end(0), end(run.len)]
    });
    ends.fold(0.0, |worst, error| f64::max(worst, error.abs())) / 8.0
}

#[test]
fn a_fast_sender_stays_in_its_place() {
    drift(1000.0, false, LONG, Visits::Regular).end();
}

#[test]
fn a_slow_sender_stays_in_its_place() {
    drift(-1000.0, false, LONG, Visits::Irregular).end();
}

#[test]
fn a_fast_writer_stays_in_its_place() {
    drift(1000.0, true, LONG, Visits::Irregular).end();
}

#[test]
fn a_slow_writer_stays_in_its_place() {
    drift(-1000.0, true, LONG, Visits::Regular).end();
}

#[test]
fn a_very_fast_sender_stays_in_its_place() {
    drift(10_000.0, false, LONG, Visits::Irregular).end();
}

#[test]
fn a_very_slow_sender_stays_in_its_place() {
    drift(-10_000.0, false, LONG, Visits::Regular).end();
}
