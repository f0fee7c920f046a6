//! Bursts, writing ahead of the clock, and both legs in one feed: what a feed takes.

use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::rtp::{RtpHeader, packet};

use crate::fixture::*;
use crate::support::{CallFields, checked, feed, init};

const U: i32 = REC_CODEC_PCMU;
const FRAME: [u8; 160] = [0x21; 160];

fn real(more: &[(&str, &str)]) -> RecordingFixture {
    RecordingFixture::new(&[&[("media.clock", "real")], more].concat())
}

fn format(codec: i32, ahead_ms: u32, channels: u32) -> rec_feed_format {
    let mut format: rec_feed_format = init();
    format.codec = codec;
    format.ahead_ms = ahead_ms;
    format.channels = channels;
    format
}

fn open(fixture: &RecordingFixture, leg: i32, format: &rec_feed_format) -> Result<rec_feed, rec_status> {
    let mut handle = rec_feed { id: 0 };
    checked(|e| unsafe { rec_feed_open(fixture.call, leg, format, &mut handle, e) })
        .map_err(|refused| refused.status)
        .map(|_| handle)
}

fn clear(feed: rec_feed) {
    checked(|e| unsafe { rec_feed_clear(feed, e) }).unwrap();
}

fn refused(act: impl FnOnce(*mut rec_error) -> rec_status) -> rec_status {
    checked(act).unwrap_err().status
}

/// A minute, as fast as it is taken: the feed's own ring holds a second of it.
#[test]
fn a_minute_is_written_at_once() {
    let fixture = real(&[]);
    let local = open(&fixture, REC_LEG_LOCAL, &format(U, 60_000, 0)).unwrap();
    for _ in 0..3000 {
        until_accepted(local, || write(local, &FRAME));
    }
    // Time has passed meanwhile: so much more, until the feed is a minute ahead again.
    let more = (0..3000).find(|_| write(local, &FRAME) == REC_ERR_OVERRUN);
    assert!(more.is_some(), "two minutes were taken");
    assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_OK);
    // The wait may have been for the memory: once more, for the time.
    until_accepted(local, || write(local, &FRAME));
    clear(local);
    let begun = Instant::now();
    for _ in 0..2000 {
        until_accepted(local, || write(local, &FRAME));
    }
    assert!(begun.elapsed().as_secs() < 30, "40 s of it were not waited for");
    fixture.close();
}

/// Waiting for time is waiting: it ends when its own time is up, or when what was written
/// ahead is taken back.
#[test]
fn waiting_for_the_clock() {
    let fixture = real(&[]);
    let local = open(&fixture, REC_LEG_LOCAL, &format(U, 600_000, 0)).unwrap();
    let wide = [0x21; 1600];
    // 10 minutes in writes of 200 ms, and a bit for the time that it takes.
    let mut written = 0;
    loop {
        match write(local, &wide) {
            REC_OK => written += 1,
            REC_ERR_OVERRUN if unsafe { rec_feed_wait(local, 0) } == REC_OK => {}
            REC_ERR_OVERRUN if written >= 2900 => break,
            REC_ERR_OVERRUN => {
                unsafe { rec_feed_wait(local, 100) };
            }
            other => panic!("status {other}"),
        }
    }
    let waiting = std::thread::spawn(move || unsafe { rec_feed_wait(local, 60_000) });
    clear(local);
    assert_eq!(waiting.join().unwrap(), REC_OK);
    until_accepted(local, || write(local, &wide));
    fixture.close();
}

/// Without asking, 2 s: the rest is lost, said and counted.
#[test]
fn five_seconds_at_once_without_asking() {
    let fixture = real(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let answers: Vec<_> = (0..250).map(|_| write(local, &FRAME)).collect();
    let taken = answers.iter().filter(|answer| **answer == REC_OK).count();
    let lost = answers
        .iter()
        .filter(|answer| **answer == REC_ERR_OVERRUN)
        .count();
    assert_eq!(taken + lost, 250);
    assert!(taken >= 100 && lost > 0, "{taken} were taken");
    assert!(answers[..100].iter().all(|answer| *answer == REC_OK));
    assert_eq!(fixture.engine.stats().frames_lost, lost as u64);
    fixture.close();
}

#[test]
fn a_burst_of_packets_on_every_feed() {
    const CALLS: usize = 100;
    let fixture = real(&[]);
    let calls = (0..CALLS).map(|_| fixture.engine.begin(&CallFields::default()).unwrap());
    let both = |call| [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, U, 8000).unwrap());
    let feeds: Vec<rec_feed> = calls.flat_map(both).collect();
    for feed in &feeds {
        for n in 0..250u32 {
            let header = RtpHeader {
                payload_type: 0,
                sequence: n as u16,
                timestamp: n * 160,
                ssrc: 7,
            };
            let packet = packet(header, &FRAME);
            assert_eq!(rtp(*feed, &packet), REC_OK, "packet {n}");
        }
    }
    fixture.close();
}

#[test]
fn what_is_reserved_is_given_back() {
    let fixture = real(&[("media.ahead_bytes", "480000")]);
    let minute = format(U, 60_000, 0);
    let local = open(&fixture, REC_LEG_LOCAL, &minute).unwrap();
    assert_eq!(
        open(&fixture, REC_LEG_REMOTE, &minute).unwrap_err(),
        REC_ERR_LIMIT
    );
    // What every feed may, is not reserved.
    let remote = open(&fixture, REC_LEG_REMOTE, &format(U, 2000, 0)).unwrap();
    let set = |feed, to: &rec_feed_format| checked(|e| unsafe { rec_feed_set_format(feed, to, e) });
    assert_eq!(set(remote, &minute).unwrap_err().status, REC_ERR_LIMIT);
    set(local, &format(U, 30_000, 0)).unwrap();
    set(remote, &format(U, 30_000, 0)).unwrap();
    assert_eq!(unsafe { rec_feed_close(local) }, REC_OK);
    set(remote, &minute).unwrap();
    fixture.close();
}

#[test]
fn both_legs_in_one_feed() {
    let fixture = RecordingFixture::new(&[]);
    let both = format(REC_CODEC_PCM16, 0, 2);
    for leg in [REC_LEG_REMOTE, REC_LEG_MIXED] {
        assert_eq!(open(&fixture, leg, &both).unwrap_err(), REC_ERR_INVALID_ARGUMENT);
    }
    let remote = fixture.feed(REC_LEG_REMOTE, U, 8000);
    let local = open(&fixture, REC_LEG_LOCAL, &both).unwrap();
    assert_eq!(write(remote, &FRAME), REC_ERR_BAD_HANDLE, "it was replaced");
    for leg in [REC_LEG_REMOTE, REC_LEG_MIXED] {
        let refused = feed(fixture.call, leg, U, 8000).unwrap_err();
        assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
    }
    assert_eq!(
        write(local, &[0; 6]),
        REC_ERR_INVALID_ARGUMENT,
        "a frame and a half"
    );
    assert_eq!(write(local, &[0; 8]), REC_OK);
    assert_eq!(rtp(local, &FRAME), REC_ERR_INVALID_ARGUMENT);
    let one = format(REC_CODEC_PCM16, 0, 1);
    let status = refused(|e| unsafe { rec_feed_set_format(local, &one, e) });
    assert_eq!(status, REC_ERR_INVALID_ARGUMENT);
    let status = refused(|e| unsafe { rec_feed_payload(local, 96, &one, e) });
    assert_eq!(status, REC_ERR_INVALID_ARGUMENT);
    checked(|e| unsafe { rec_feed_set_format(local, &format(U, 0, 2), e) }).unwrap();
    assert_eq!(unsafe { rec_feed_close(local) }, REC_OK);
    let remote = fixture.feed(REC_LEG_REMOTE, U, 8000);
    assert_eq!(write(remote, &FRAME), REC_OK);
    fixture.close();
}

#[test]
fn values_that_are_none_are_refused() {
    let fixture = RecordingFixture::new(&[]);
    for wrong in [format(U, 600_001, 0), format(U, 0, 3), format(U, 0, u32::MAX)] {
        assert_eq!(
            open(&fixture, REC_LEG_LOCAL, &wrong).unwrap_err(),
            REC_ERR_INVALID_ARGUMENT
        );
    }
    let local = open(&fixture, REC_LEG_LOCAL, &format(U, 600_000, 1)).unwrap();
    let two = format(U, 0, 2);
    let status = refused(|e| unsafe { rec_feed_payload(local, 96, &two, e) });
    assert_eq!(status, REC_ERR_INVALID_ARGUMENT);
    checked(|e| unsafe { rec_feed_payload(local, 96, &format(U, 600_000, 1), e) }).unwrap();
    fixture.close();
}
