//! Writes faster than real time, and late writes.

use callrec::media::DropReason;
use callrec::media::ledger::ticks;
use callrec::types::{Codec, Leg, Status};
use callrec_testkit::random::splitmix64;

use crate::failures::Failures;
use crate::fixture::{MediaFixture, VISITS, Visits, local, narrow};

/// 5 s of speech in pieces of 20 ms, `per_tick` of them each 20 ms. The feed is not for writing
/// ahead, so that audio more than 2 s ahead of the clock is lost.
fn ahead(per_tick: usize, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let mut refused = Vec::new();
    for k in 0..250 {
        fixture.until(20 * (k / per_tick) as u64);
        let status = fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
        if status == Status::Overrun {
            refused.push(k);
        }
    }
    fixture.until(6000);
    let file = &fixture.finish()[recording];
    let missing = fixture.missing(file, Leg::Local, 0);
    fixture.check(missing == 160 * refused.len() as u64, || {
        format!(
            "{missing} samples are missing, but {} writes were refused",
            refused.len()
        )
    });
    fixture.check(file.lost_ms == missing / 8, || {
        format!("{missing} samples are missing, reported: {} ms", file.lost_ms)
    });
    let leg_ledger = file.ledger.leg(Leg::Local);
    let dropped =
        leg_ledger.dropped[DropReason::Ahead as usize] + leg_ledger.dropped[DropReason::Overflow as usize];
    fixture.check(dropped == ticks(missing, 8000), || {
        format!("dropped: {:?}", leg_ledger.dropped)
    });
    let found = file.leg(Leg::Local);
    fixture.check(found.samples(0) >= 2 * 8000, || {
        format!("less than 2 s are kept: {}", found.text())
    });
    fixture.check(found.is_ordered(), || found.text());
    fixture.check_length(file, 6000, 20);
    fixture.failures()
}

#[test]
fn writes_too_far_ahead_are_refused_and_counted() {
    let mut failures = Failures::default();
    for per_tick in [250, 8, 2] {
        for visits in VISITS {
            let case = format!("{per_tick} each 20 ms, {visits:?} visits");
            failures.add(&case, ahead(per_tick, visits));
        }
    }
    failures.end();
}

/// A host writes 20 ms every 20 ms, and from one moment on it is late by `ms`.
pub fn hiccup(ms: u64, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    for k in 0..1000 {
        fixture.until(20 * k as u64 + if k >= 200 { ms } else { 0 });
        fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
    }
    fixture.until(20_000 + ms);
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 20_000 + ms, 20);
    fixture.failures()
}

#[test]
fn a_writer_that_is_late_once_and_stays_late_loses_nothing() {
    let mut failures = Failures::default();
    for ms in [60, 140, 300, 500] {
        for visits in VISITS {
            failures.add(&format!("late by {ms} ms, {visits:?} visits"), hiccup(ms, visits));
        }
    }
    failures.end();
}

/// Each write is late by 0 to `most` ms, and stays in order.
fn jitter(most: u64, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let mut at = 0;
    for k in 0..1000 {
        let late = splitmix64(most << 20 | k as u64) % (most + 1);
        at = at.max(20 * k as u64 + late);
        fixture.until(at);
        fixture.write(Leg::Local, Codec::Pcmu, 0, 160 * k, 160);
    }
    fixture.until(20_000 + most);
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 20_000 + most, 20);
    fixture.failures()
}

#[test]
fn writes_with_jitter_lose_nothing() {
    let mut failures = Failures::default();
    for most in [40, 200, 500] {
        for visits in VISITS {
            failures.add(
                &format!("up to {most} ms, {visits:?} visits"),
                jitter(most, visits),
            );
        }
    }
    failures.end();
}
