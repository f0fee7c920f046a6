//! Packets without audio, such as telephone events and comfort noise, cost no audio.

use callrec::media::ClockMode;
use callrec::types::Leg;

use crate::failures::Failures;
use crate::fixture::{CLOCKS, MediaFixture, VISITS, Visits, local, narrow};
use crate::marked_audio::{COMFORT_NOISE, EVENT, MarkedHeader};

/// How a sender numbers its telephone events.
#[derive(Clone, Copy, Debug)]
pub enum Numbering {
    /// In the sequence of the audio, which pauses; the timestamp does not change.
    Shared,
    /// This far ahead of the audio, which continues.
    Ahead(i64),
}

/// Four digits of 160 ms.
pub fn digits(numbering: Numbering, clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let (mut sequence, mut timestamp) = (30_000_i64, 8000);
    let (mut own, mut own_timestamp) = (0, 0);
    for k in 0..400 {
        fixture.until(20 * k as u64);
        let digit = (100..300).contains(&k) && k % 50 < 8;
        let shared = matches!(numbering, Numbering::Shared);
        if !(digit && shared) {
            let head = MarkedHeader::audio(sequence as u64, timestamp, 3);
            fixture.send(Leg::Local, head, 0, 160 * k, 160);
            sequence += 1;
            timestamp += 160;
        }
        if !digit {
            continue;
        }
        if k % 50 == 0 {
            own_timestamp = timestamp;
            own = match numbering {
                Numbering::Shared => sequence,
                Numbering::Ahead(by) => sequence + by,
            };
        }
        let head = MarkedHeader {
            payload_type: EVENT,
            marker: k % 50 == 0,
            ..MarkedHeader::audio(own as u64, own_timestamp, 3)
        };
        let last = if k % 50 >= 5 { 0x80 } else { 0 };
        let duration = 160 * (1 + k % 50) as u16;
        let payload = [5, last | 10, (duration >> 8) as u8, duration as u8];
        fixture.write_rtp(Leg::Local, &head.packet(&payload), 0);
        own += 1;
        if shared {
            sequence = own;
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    if clock == ClockMode::Real {
        fixture.check_length(file, 8000, 20);
    }
    fixture.failures()
}

#[test]
fn telephone_events_cost_no_audio() {
    let mut failures = Failures::default();
    let ahead = [50, 5000, -50].map(Numbering::Ahead);
    for numbering in std::iter::once(Numbering::Shared).chain(ahead) {
        for clock in CLOCKS {
            for visits in VISITS {
                let case = format!("{numbering:?}, {clock:?} time, {visits:?} visits");
                failures.add(&case, digits(numbering, clock, visits));
            }
        }
    }
    failures.end();
}

/// Once a second a packet of the given type overtakes the previous audio packet by 3 ms. With
/// `pauses`, each second ends with 200 ms of silence without packets.
pub fn swapped(payload_type: u8, pauses: bool, clock: ClockMode, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::new(clock, visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    let mut sequence = 100;
    for k in 0..500 {
        fixture.until(20 * k as u64);
        if pauses && k % 50 >= 40 {
            continue;
        }
        let head = MarkedHeader::audio(sequence, 160 * k as u64, 3);
        sequence += 1;
        if k % 50 == 39 {
            let other = MarkedHeader {
                payload_type,
                ..MarkedHeader::audio(sequence, 160 * k as u64 + 160, 3)
            };
            sequence += 1;
            let payload: &[u8] = if payload_type == EVENT {
                &[5, 10, 0, 160]
            } else {
                &[0x40]
            };
            fixture.write_rtp(Leg::Local, &other.packet(payload), 0);
            fixture.until(20 * k as u64 + 3);
        }
        fixture.send(Leg::Local, head, 0, 160 * k, 160);
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_nothing_lost(file);
    let found = file.leg(Leg::Local);
    fixture.check(found.is_ordered(), || found.text());
    fixture.failures()
}

#[test]
fn a_packet_without_audio_that_overtakes_audio_costs_none() {
    let mut failures = Failures::default();
    for (payload_type, pauses) in [(COMFORT_NOISE, true), (COMFORT_NOISE, false), (EVENT, false)] {
        for clock in CLOCKS {
            for visits in VISITS {
                let case =
                    format!("type {payload_type}, pauses: {pauses}, {clock:?} time, {visits:?} visits");
                failures.add(&case, swapped(payload_type, pauses, clock, visits));
            }
        }
    }
    failures.end();
}
