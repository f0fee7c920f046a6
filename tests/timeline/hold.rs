//! Hold: music from another stream, or nothing, and then the first sender again.

use callrec::types::Leg;

use crate::failures::Failures;
use crate::fixture::{MediaFixture, VISITS, Visits, stereo};
use crate::marked_audio::MarkedHeader;

/// Speech, 4 s of music with another SSRC, and speech again, whose numbers continue as if its
/// sender had sent the music. Streams: 0 is the speech, 2 the music, 1 the other leg.
pub fn music(clock_runs: bool, visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach_both();
    let recording = fixture.start(stereo());
    let (mut sequence, mut timestamp) = (26_647, 1000);
    for k in 0..450 {
        fixture.until(20 * k as u64);
        fixture.steady(Leg::Remote, k, 1);
        if (100..300).contains(&k) {
            let head = MarkedHeader::audio(37_169 + k as u64, 160 * k as u64 + 999, 0xb8b_c8d4);
            fixture.send(Leg::Local, head, 2, 160 * k, 160);
            continue;
        }
        if k == 300 {
            sequence += 201;
            timestamp += if clock_runs { 200 * 160 } else { 0 };
        }
        fixture.send(
            Leg::Local,
            MarkedHeader::audio(sequence, timestamp, 0xf6e_4640),
            0,
            160 * k,
            160,
        );
        sequence += 1;
        timestamp += 160;
    }
    let file = &fixture.finish()[recording];
    fixture.check_whole(file, Leg::Local, 0);
    fixture.check_whole(file, Leg::Local, 2);
    fixture.check_whole(file, Leg::Remote, 1);
    fixture.check_nothing_lost(file);
    fixture.check_together(file, 0, 1, 20.0);
    fixture.check_length(file, 9000, 20);
    fixture.failures()
}

#[test]
fn a_sender_returns_after_music_on_hold() {
    let mut failures = Failures::default();
    for clock_runs in [true, false] {
        for visits in VISITS {
            let case = format!("the speaker's clock runs: {clock_runs}, {visits:?} visits");
            failures.add(&case, music(clock_runs, visits));
        }
    }
    failures.end();
}

/// Recording A is never paused; recording B is paused from 3 s to 11 s. The local sender is
/// silent from 3.1 s to 11.2 s, and its clock stops meanwhile. Streams: 0 is sent before, 3 while
/// B is paused, 2 after.
pub fn paused_beside(visits: Visits) -> Failures {
    let mut fixture = MediaFixture::real(visits);
    fixture.attach_both();
    let (a, b) = (fixture.start(stereo()), fixture.start(stereo()));
    let mut sent = 0;
    for k in 0..1400 {
        fixture.until(20 * k as u64);
        if k == 150 {
            fixture.pause(b);
        }
        if k == 550 {
            fixture.resume(b);
        }
        fixture.steady(Leg::Remote, k, 1);
        let stream = match k {
            0..150 => 0,
            150..155 => 3,
            155..560 => continue,
            _ => 2,
        };
        fixture.send(
            Leg::Local,
            MarkedHeader::audio(1 + sent, 160 * sent, 3),
            stream,
            160 * k,
            160,
        );
        sent += 1;
    }
    let files = fixture.finish();
    for stream in [0, 3, 2] {
        fixture.check_whole(&files[a], Leg::Local, stream);
    }
    fixture.check_no_loss(&files[a]);
    fixture.check_whole(&files[b], Leg::Local, 0);
    fixture.check_missing(&files[b], Leg::Local, 3, 5 * 160);
    // Nothing proves that the clock stopped, but at most 5 s may be in doubt.
    let missing = fixture.missing(&files[b], Leg::Local, 2);
    fixture.check(missing <= 5 * 8000, || {
        format!("B misses {missing} samples after the resume")
    });
    let lost_ms = files[b].lost_ms;
    fixture.check(lost_ms == missing / 8, || {
        format!("B misses {missing} samples, reported: {lost_ms} ms")
    });
    fixture.check_length(&files[a], 28_000, 20);
    fixture.check_length(&files[b], 28_000, 20);
    fixture.failures()
}

#[test]
fn a_pause_of_one_recording_costs_another_nothing() {
    let mut failures = Failures::default();
    for visits in VISITS {
        failures.add(&format!("{visits:?} visits"), paused_beside(visits));
    }
    failures.end();
}
