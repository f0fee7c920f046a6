//! Old packets that come again, and old packets that come at last.

use callrec::media::ClockMode;
use callrec::media::ledger::ms;
use callrec::types::Leg;

use crate::marks::Head;
use crate::rig::{CLOCKS, Recorded, Rig, VISITS, Visits, local, narrow, stereo};
use crate::verdict::Verdict;

/// 6 s into the call, `count` packets come that are `back` numbers old.
#[derive(Clone, Copy, Debug)]
pub struct Old {
    packet_ms: usize,
    back: usize,
    count: usize,
    /// They had not come before.
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

pub fn old_packets(old: Old, clock: ClockMode, visits: Visits) -> Verdict {
    let samples = old.packet_ms * 8;
    let mut rig = Rig::new(clock, visits);
    rig.attach_both();
    let recording = rig.start(stereo());
    let at = 6000 / old.packet_ms;
    let held = at - old.back..at - old.back + old.count;
    let say = |rig: &mut Rig, k: usize| {
        let head = Head::audio(500 + k as u64, 90_000 + (samples * k) as u64, 3);
        rig.say(Leg::Local, head, 0, samples * k, samples);
    };
    for k in 0..10_000 / old.packet_ms {
        rig.until((old.packet_ms * k) as u64);
        let head = Head::audio(k as u64, (samples * k) as u64, 9);
        rig.say(Leg::Remote, head, 1, samples * k, samples);
        if k == at {
            held.clone().for_each(|k| say(&mut rig, k));
        }
        if !(old.first_time && held.contains(&k)) {
            say(&mut rig, k);
        }
    }
    let file = &rig.finish()[recording];
    let lost = if old.first_time { old.count * samples } else { 0 };
    rig.check_missing(file, Leg::Local, 0, lost as u64);
    rig.check_whole(file, Leg::Remote, 1);
    rig.check(file.lost_ms == lost as u64 / 8, || {
        format!("lost_ms is {}", file.lost_ms)
    });
    let found = file.leg(Leg::Local);
    rig.check(found.twice(0) == 0, || {
        format!("{} samples are there twice", found.twice(0))
    });
    rig.check(found.is_ordered(), || format!("out of order: {}", found.text()));
    rig.check_together(file, 0, 1, 0.0);
    rig.check_length(file, 10_000, 20);
    let duplicates = file.ledger.leg(Leg::Local).duplicates;
    let expected = callrec::media::ledger::ticks((old.count * samples - lost) as u64, 8000);
    rig.check(duplicates == expected, || {
        format!("{duplicates} duplicates, not {expected}")
    });
    rig.verdict()
}

#[test]
fn an_old_packet_changes_nothing_and_turns_up_nowhere_else() {
    let mut verdict = Verdict::default();
    for clock in CLOCKS {
        for old in CASES {
            for visits in VISITS {
                let case = format!("{old:?}, {clock:?} time, {visits:?} visits");
                verdict.add(&case, old_packets(old, clock, visits));
            }
        }
    }
    verdict.end();
}

/// A packet that stayed alone comes again when it has its place.
#[test]
fn a_packet_that_stayed_alone_comes_again() {
    let mut rig = Rig::new(ClockMode::Real, Visits::Even);
    rig.attach(Leg::Local, narrow());
    let recording = rig.start(local());
    for k in 0..100 {
        rig.until(20 * k as u64);
        if !(20..70).contains(&k) {
            let sequence = if k < 20 { 500 + k } else { 450 + k };
            let head = Head::audio(sequence as u64, 160 * k as u64, 3);
            rig.say(Leg::Local, head, 0, 160 * k, 160);
        }
        if k == 25 || k == 50 {
            rig.say(Leg::Local, Head::audio(9000, 7000, 11), 1, 0, 160);
        }
    }
    let file = &rig.finish()[recording];
    rig.check_whole(file, Leg::Local, 0);
    check_once(&mut rig, file, 1);
    rig.verdict().end();
}

/// An earlier stream returns out of time, so that its packet waits for the next one; the same
/// packet comes again when it is in time.
#[test]
fn a_packet_that_waits_comes_again() {
    let mut rig = Rig::new(ClockMode::Real, Visits::Even);
    rig.attach(Leg::Local, narrow());
    let recording = rig.start(local());
    let first = |rig: &mut Rig, k: usize| {
        let head = Head::audio(500 + k as u64, 160 * k as u64, 3);
        rig.say(Leg::Local, head, 0, 160 * k, 160);
    };
    let second = |rig: &mut Rig, k: usize| {
        let head = Head::audio(9000 + k as u64, 7000 + 160 * k as u64, 11);
        rig.say(Leg::Local, head, 1, 160 * k, 160);
    };
    // It lies 120 ms later than it comes.
    (0..6).for_each(|k| first(&mut rig, k));
    for k in 6..60 {
        rig.until(20 * (k as u64 - 6));
        if k == 21 {
            first(&mut rig, 20);
            second(&mut rig, 20);
        }
        first(&mut rig, k);
        if k == 19 {
            (18..20).for_each(|k| second(&mut rig, k));
        }
    }
    let file = &rig.finish()[recording];
    check_once(&mut rig, file, 0);
    rig.verdict().end();
}

/// Nothing of a stream is there twice, and one packet is told as a duplicate.
fn check_once(rig: &mut Rig, file: &Recorded, stream: usize) {
    let twice = file.leg(Leg::Local).twice(stream);
    rig.check(twice == 0, || format!("{twice} samples are there twice"));
    let duplicates = ms(file.ledger.leg(Leg::Local).duplicates);
    rig.check(duplicates == 20, || {
        format!("{duplicates} ms are told as duplicates")
    });
}
