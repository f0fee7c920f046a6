//! Senders whose timestamps are wrong, though their sequence numbers are right.

use callrec::media::ClockMode;
use callrec::types::Leg;

use crate::failures::Failures;
use crate::fixture::{CLOCKS, MediaFixture, VISITS, Visits, stereo};
use crate::marked_audio::MarkedHeader;

/// A packet every 20 ms; the timestamps step once, 3 s into the call.
pub fn stepped(step: i64, clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    for k in 0..750 {
        fixture.until(20 * k as u64);
        fixture.steady(Leg::Remote, k, 1);
        let timestamp = 13_440 + 160 * k as i64 + if k >= 150 { step } else { 0 };
        let head = MarkedHeader::audio(700 + k as u64, timestamp as u64, 3);
        fixture.send(Leg::Local, head, 0, 160 * k, 160);
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    fixture.check_together(file, 0, 1, 80.0);
    fixture.failures()
}

#[test]
fn a_step_of_the_timestamps_loses_nothing() {
    let mut failures = Failures::default();
    for step in [-13_440, -320, -480_000, 12_000, 80_000] {
        for clock in CLOCKS {
            for visits in VISITS {
                let case = format!("step of {} ms, {clock:?} time, {visits:?} visits", step / 8);
                failures.add(&case, stepped(step, clock, visits));
            }
        }
    }
    failures.end();
}

/// How timestamps advance with packets of 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampError {
    Half,
    Double,
    /// Two packets of 10 ms have the same one.
    Pairs,
    /// They do not advance for the first ten packets.
    Begins,
    Stuck,
}

const WRONG: [TimestampError; 5] = [
    TimestampError::Half,
    TimestampError::Double,
    TimestampError::Pairs,
    TimestampError::Begins,
    TimestampError::Stuck,
];

impl TimestampError {
    fn at(self, k: u64) -> u64 {
        let steps = match self {
            TimestampError::Half => 80 * k,
            TimestampError::Double => 320 * k,
            TimestampError::Pairs => 160 * k,
            TimestampError::Begins => 160 * k.saturating_sub(10),
            TimestampError::Stuck => 0,
        };
        8000 + steps
    }
}

pub fn wrong(wrong: TimestampError, clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let packets = if wrong == TimestampError::Pairs { 2 } else { 1 };
    let samples = 160 / packets;
    for k in 0..400 {
        fixture.until(20 * k as u64);
        fixture.steady(Leg::Remote, k, 1);
        for n in 0..packets {
            let head = MarkedHeader::audio(9 + (packets * k + n) as u64, wrong.at(k as u64), 3);
            fixture.send(Leg::Local, head, 0, 160 * k + samples * n, samples);
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    fixture.check_together(file, 0, 1, 100.0);
    let contradictions = file.ledger.leg(Leg::Local).wrong_timestamps;
    fixture.check(contradictions > 0, || {
        "the ledger does not say that timestamps were wrong".into()
    });
    let sound = file.ledger.leg(Leg::Remote).wrong_timestamps;
    fixture.check(sound == 0, || {
        format!("{sound} wrong timestamps of the sound leg")
    });
    fixture.failures()
}

#[test]
fn timestamps_that_do_not_fit_the_audio_lose_nothing() {
    let mut failures = Failures::default();
    for kind in WRONG {
        for clock in CLOCKS {
            for visits in VISITS {
                let case = format!("{kind:?}, {clock:?} time, {visits:?} visits");
                failures.add(&case, wrong(kind, clock, visits));
            }
        }
    }
    failures.end();
}

/// Two minutes into the sender's clock a packet is lost, and the next one has timestamp 0.
pub fn zero(clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    for k in 0..200 {
        fixture.until(20 * k as u64);
        fixture.steady(Leg::Remote, k, 1);
        if k == 100 {
            continue;
        }
        let timestamp = if k == 101 { 0 } else { 120 * 8000 + 160 * k as u64 };
        let head = MarkedHeader {
            marker: k == 101,
            ..MarkedHeader::audio(700 + k as u64, timestamp, 3)
        };
        fixture.send(Leg::Local, head, 0, 160 * k, 160);
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check(file.lost_ms == 20, || {
        format!("one packet is lost; lost_ms is {}", file.lost_ms)
    });
    let found = file.leg(Leg::Local);
    fixture.check(found.is_ordered(), || found.text());
    fixture.check_length(file, 4000, 60);
    fixture.check_together(file, 0, 1, 60.0);
    fixture.failures()
}

#[test]
fn one_timestamp_of_zero_stretches_nothing() {
    let mut failures = Failures::default();
    for clock in CLOCKS {
        for visits in VISITS {
            failures.add(&format!("{clock:?} time, {visits:?} visits"), zero(clock, visits));
        }
    }
    failures.end();
}
