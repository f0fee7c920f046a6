//! Streams that restart, with and without another SSRC.

use callrec::media::ClockMode;
use callrec::types::Leg;
use callrec_testkit::random::splitmix64;

use crate::failures::Failures;
use crate::fixture::{CLOCKS, MediaFixture, VISITS, Visits, local, narrow, stereo};
use crate::marked_audio::MarkedHeader;

/// After `before` packets the sequence restarts at its first number plus `jump`, with the first
/// timestamp and the same SSRC.
pub fn restarted(before: usize, jump: i64, clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let again = if jump == 0 {
        5000
    } else {
        5000 + before as i64 + jump
    };
    for k in 0..before + 150 {
        fixture.until(20 * k as u64);
        let (first, n) = if k < before {
            (5000, k)
        } else {
            (again, k - before)
        };
        let head = MarkedHeader::audio((first + n as i64) as u64, 16_000 + 160 * n as u64, 3);
        fixture.send(Leg::Local, head, 0, 160 * k, 160);
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 20 * (before as u64 + 150), 20);
    fixture.failures()
}

#[test]
fn a_sequence_that_restarts_with_the_same_ssrc_loses_nothing() {
    let mut failures = Failures::default();
    for (name, before, jump) in [
        ("far", 300, 0),
        ("near", 60, 0),
        ("forward", 300, 20_000),
        ("stray", 1, -1000),
    ] {
        for clock in CLOCKS {
            for visits in VISITS {
                let case = format!("{name}, {clock:?} time, {visits:?} visits");
                failures.add(&case, restarted(before, jump, clock, visits));
            }
        }
    }
    failures.end();
}

/// One SSRC after the other sends its number of packets. With `restarts` each has its own numbers,
/// and the last packet of each arrives after the first one of the next.
pub fn changed(packets: &[usize], restarts: bool, clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let (mut k, mut sequence) = (0, 773);
    let mut held: Option<Vec<u8>> = None;
    for (part, count) in packets.iter().enumerate() {
        let ssrc = splitmix64(100 + part as u64) as u32;
        let mut timestamp = splitmix64(u64::from(ssrc)) & 0xffff_ffff;
        if restarts {
            sequence = splitmix64(timestamp) & 0xffff;
        }
        for n in 0..*count {
            fixture.until(20 * k as u64);
            fixture.steady(Leg::Remote, k, 1);
            let packet = fixture.audio(MarkedHeader::audio(sequence, timestamp, ssrc), 0, 160 * k, 160);
            (k, sequence, timestamp) = (k + 1, sequence + 1, timestamp + 160);
            if restarts && n == count - 1 && part + 1 < packets.len() {
                held = Some(packet);
                continue;
            }
            fixture.write_rtp(Leg::Local, &packet, 160);
            if let Some(late) = held.take() {
                fixture.write_rtp(Leg::Local, &late, 160);
            }
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    fixture.failures()
}

#[test]
fn six_changes_of_the_ssrc_with_late_packets_lose_nothing() {
    let mut failures = Failures::default();
    for clock in CLOCKS {
        for visits in VISITS {
            let case = format!("{clock:?} time, {visits:?} visits");
            failures.add(&case, changed(&[50; 7], true, clock, visits));
        }
    }
    failures.end();
}

#[test]
fn four_ssrcs_in_one_sequence_lose_nothing() {
    let mut failures = Failures::default();
    for clock in CLOCKS {
        for visits in VISITS {
            let case = format!("{clock:?} time, {visits:?} visits");
            failures.add(&case, changed(&[12, 100, 1, 150], false, clock, visits));
        }
    }
    failures.end();
}
