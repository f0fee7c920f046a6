//! Audio that cannot be decoded is reported. The file has the rate of the first audio.

use callrec::types::{Codec, Format, Leg};

use crate::failures::Failures;
use crate::fixture::{MediaFixture, VISITS, Visits, format, local, narrow};
use crate::marked_audio::MarkedHeader;

const AUDIO_PACKETS: usize = 100;
/// GSM, G.728 and G.729: the far end changes to each of them.
const FOREIGN: [(u8, usize); 3] = [(18, 170), (3, 240), (15, 300)];

fn foreign_type(k: usize) -> Option<u8> {
    if k < AUDIO_PACKETS {
        return None;
    }
    let found = FOREIGN.iter().find(|(_, until)| k < *until).or(FOREIGN.last());
    found.map(|(payload_type, _)| *payload_type)
}

/// `packets` packets, the first 100 of them audio.
fn foreign(packets: usize, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach(Leg::Local, narrow());
    let recording = fixture.start(local());
    for k in 0..packets {
        fixture.until(20 * k as u64);
        let head = MarkedHeader::audio(k as u64, 160 * k as u64, 3);
        match foreign_type(k) {
            None => fixture.send(Leg::Local, head, 0, 160 * k, 160),
            Some(payload_type) => {
                let packet = MarkedHeader { payload_type, ..head }.packet(b"0123456789abcdefghij");
                fixture.write_rtp(Leg::Local, &packet, 0);
            }
        }
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    let reported = fixture.sim.reports.ignored.lock().clone();
    let expected = FOREIGN.map(|(payload_type, _)| (Leg::Local, payload_type));
    fixture.check(reported == expected, || format!("reported: {reported:?}"));
    let mut ignored = file.ledger.leg(Leg::Local).ignored.clone();
    ignored.sort_unstable();
    let last = (packets - 240) as u64;
    fixture.check(ignored == [(3, 70), (15, last), (18, 70)], || {
        format!("ignored: {ignored:?}")
    });
    let silent = fixture.sim.reports.silent.lock().clone();
    let long = (packets - AUDIO_PACKETS) * 20 > 10_000;
    let expected = if long { vec![Leg::Local] } else { vec![] };
    fixture.check(silent == expected, || format!("silent: {silent:?}"));
    fixture.failures()
}

#[test]
fn a_payload_type_that_cannot_be_decoded_is_reported_once() {
    let mut failures = Failures::default();
    for packets in [300, 900] {
        for visits in VISITS {
            failures.add(
                &format!("{packets} packets, {visits:?} visits"),
                foreign(packets, visits),
            );
        }
    }
    failures.end();
}

/// A recording begins with the call; its wideband feed opens 1.5 s later.
fn late_wideband(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    let recording = fixture.start(callrec::media::sim::RecordingOptions {
        format: Format::WAV,
        ..local()
    });
    fixture.until(1500);
    fixture.attach(Leg::Local, format(Codec::Pcm16, 16_000));
    for k in 0..100 {
        fixture.until(1500 + 20 * k as u64);
        fixture.write(Leg::Local, Codec::Pcm16, 0, 320 * k, 320);
    }
    let file = &fixture.finish()[recording];
    fixture.check(file.rate == 16_000, || format!("the file has {} Hz", file.rate));
    if file.rate == 16_000 {
        fixture.check_whole(file, Leg::Local, 0);
        let at = file.leg(Leg::Local).runs.first().map(|run| run.at);
        fixture.check(at == Some(24_000), || format!("the first sample is at {at:?}"));
    }
    fixture.check_nothing_lost(file);
    fixture.check_length(file, 3500, 20);
    fixture.failures()
}

#[test]
fn the_first_audio_fixes_the_rate_of_the_file() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), late_wideband(visits));
    }
    failures.end();
}
