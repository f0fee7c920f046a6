//! Handing in, waiting, and reading what was finished: what the tests of audio and of
//! pressure have in common.

use std::time::{Duration, Instant};

use super::files::Wav;
use super::*;

/// For what no event tells of.
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    until_for(PATIENCE, what, holds);
}

#[track_caller]
pub fn until_for(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn feed_format(codec: i32, rate: u32) -> rec_feed_format {
    let mut format: rec_feed_format = init();
    format.codec = codec;
    format.sample_rate = rate;
    format
}

pub fn set_format(feed: rec_feed, codec: i32, rate: u32) {
    ask(|e| unsafe { rec_feed_set_format(feed, &feed_format(codec, rate), e) }).unwrap();
}

pub fn payload(feed: rec_feed, payload_type: u32, codec: i32, rate: u32) {
    ask(|e| unsafe { rec_feed_payload(feed, payload_type, &feed_format(codec, rate), e) }).unwrap();
}

pub fn write(feed: rec_feed, bytes: &[u8]) -> rec_status {
    unsafe { rec_feed_write(feed, bytes.as_ptr().cast(), bytes.len()) }
}

pub fn write_at(feed: rec_feed, at: u64, bytes: &[u8]) -> rec_status {
    unsafe { rec_feed_write_at(feed, at, bytes.as_ptr().cast(), bytes.len()) }
}

pub fn rtp(feed: rec_feed, packet: &[u8]) -> rec_status {
    unsafe { rec_feed_rtp(feed, packet.as_ptr().cast(), packet.len()) }
}

/// Hands in, waiting for room as stream time asks for.
pub fn until_taken(feed: rec_feed, mut act: impl FnMut() -> rec_status) {
    loop {
        match act() {
            REC_OK => return,
            REC_ERR_OVERRUN => assert_eq!(unsafe { rec_feed_wait(feed, 60_000) }, REC_OK),
            other => panic!("status {other}"),
        }
    }
}

/// The finished recording that was told of, and its file.
pub fn finished(engine: &Engine, id: &str) -> (Seen, Wav) {
    let told = engine.events.wait_terminal(id);
    assert_eq!(told.kind, REC_EVENT_FINISHED, "{told:#?}");
    let seen = told.recording.unwrap();
    let wav = Wav::read(&seen.path);
    (seen, wav)
}
