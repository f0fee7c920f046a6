//! Bursts, writing ahead of the clock, and feeds with both legs.

use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::rtp::{RtpHeader, packet};

use crate::fixture::*;
use crate::support::{CallFields, checked, feed, init};

const U: i32 = REC_CODEC_PCMU;
const PACKET: [u8; 160] = [0x21; 160];

fn real_time_fixture(more: &[(&str, &str)]) -> RecordingFixture {
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

/// Writes one minute as fast as the feed accepts it. The ring of the feed holds one second.
#[test]
fn a_minute_can_be_written_ahead() {
    let fixture = real_time_fixture(&[]);
    let local = open(&fixture, REC_LEG_LOCAL, &format(U, 60_000, 0)).unwrap();
    for _ in 0..3000 {
        until_accepted(local, || write(local, &PACKET));
    }
    // The clock has advanced meanwhile, so the feed accepts more until it is a minute ahead again.
    let more = (0..3000).find(|_| write(local, &PACKET) == REC_ERR_OVERRUN);
    assert!(more.is_some(), "the feed accepted two minutes");
    assert_eq!(unsafe { rec_feed_wait(local, 60_000) }, REC_OK);
    // That may have waited for memory. This waits for the clock.
    until_accepted(local, || write(local, &PACKET));
    clear(local);
    let begun = Instant::now();
    for _ in 0..2000 {
        until_accepted(local, || write(local, &PACKET));
    }
    assert!(
        begun.elapsed().as_secs() < 30,
        "writing after a clear waited for the clock"
    );
    fixture.close();
}

/// `rec_feed_wait` of a feed that is far ahead ends at its timeout, or when the feed is cleared.
#[test]
fn clearing_a_feed_ends_a_wait_for_the_clock() {
    let fixture = real_time_fixture(&[]);
    let local = open(&fixture, REC_LEG_LOCAL, &format(U, 600_000, 0)).unwrap();
    let long = [0x21; 1600];
    // 10 minutes in writes of 200 ms. The clock advances meanwhile.
    let mut written = 0;
    loop {
        match write(local, &long) {
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
    until_accepted(local, || write(local, &long));
    fixture.close();
}

/// By default a feed accepts 2 s ahead. The rest is refused and counted as lost.
#[test]
fn a_burst_beyond_the_default_is_refused_and_counted() {
    let fixture = real_time_fixture(&[]);
    let local = fixture.feed(REC_LEG_LOCAL, U, 8000);
    let statuses: Vec<_> = (0..250).map(|_| write(local, &PACKET)).collect();
    let accepted = statuses.iter().filter(|status| **status == REC_OK).count();
    let lost = statuses
        .iter()
        .filter(|status| **status == REC_ERR_OVERRUN)
        .count();
    assert_eq!(accepted + lost, 250);
    assert!(accepted >= 100 && lost > 0, "{accepted} packets were accepted");
    assert!(statuses[..100].iter().all(|status| *status == REC_OK));
    assert_eq!(fixture.engine.stats().frames_lost, lost as u64);
    fixture.close();
}

#[test]
fn every_feed_accepts_a_burst_of_rtp() {
    const CALLS: usize = 100;
    let fixture = real_time_fixture(&[]);
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
            let packet = packet(header, &PACKET);
            assert_eq!(rtp(*feed, &packet), REC_OK, "packet {n}");
        }
    }
    fixture.close();
}

#[test]
fn reserved_memory_is_released() {
    let fixture = real_time_fixture(&[("media.ahead_bytes", "480000")]);
    let minute = format(U, 60_000, 0);
    let local = open(&fixture, REC_LEG_LOCAL, &minute).unwrap();
    assert_eq!(
        open(&fixture, REC_LEG_REMOTE, &minute).unwrap_err(),
        REC_ERR_LIMIT
    );
    // The default amount is not reserved.
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
fn a_feed_may_carry_both_legs() {
    let fixture = RecordingFixture::new(&[]);
    let both = format(REC_CODEC_PCM16, 0, 2);
    for leg in [REC_LEG_REMOTE, REC_LEG_MIXED] {
        assert_eq!(open(&fixture, leg, &both).unwrap_err(), REC_ERR_INVALID_ARGUMENT);
    }
    let remote = fixture.feed(REC_LEG_REMOTE, U, 8000);
    let local = open(&fixture, REC_LEG_LOCAL, &both).unwrap();
    assert_eq!(
        write(remote, &PACKET),
        REC_ERR_BAD_HANDLE,
        "the feed was replaced"
    );
    for leg in [REC_LEG_REMOTE, REC_LEG_MIXED] {
        let refused = feed(fixture.call, leg, U, 8000).unwrap_err();
        assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
    }
    assert_eq!(
        write(local, &[0; 6]),
        REC_ERR_INVALID_ARGUMENT,
        "one frame and a half"
    );
    assert_eq!(write(local, &[0; 8]), REC_OK);
    assert_eq!(rtp(local, &PACKET), REC_ERR_INVALID_ARGUMENT);
    let one = format(REC_CODEC_PCM16, 0, 1);
    let status = refused(|e| unsafe { rec_feed_set_format(local, &one, e) });
    assert_eq!(status, REC_ERR_INVALID_ARGUMENT);
    let status = refused(|e| unsafe { rec_feed_payload(local, 96, &one, e) });
    assert_eq!(status, REC_ERR_INVALID_ARGUMENT);
    checked(|e| unsafe { rec_feed_set_format(local, &format(U, 0, 2), e) }).unwrap();
    assert_eq!(unsafe { rec_feed_close(local) }, REC_OK);
    let remote = fixture.feed(REC_LEG_REMOTE, U, 8000);
    assert_eq!(write(remote, &PACKET), REC_OK);
    fixture.close();
}

#[test]
fn invalid_values_are_refused() {
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
