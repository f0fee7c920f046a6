//! Feeds: opening them, and writing audio.

use callrec::capi::*;

use super::abi::{AbiResult, CText, checked, init};

pub fn feed_format(codec: i32, rate: u32) -> rec_feed_format {
    let mut format: rec_feed_format = init();
    format.codec = codec;
    format.sample_rate = rate;
    format
}

pub fn set_format(feed: rec_feed, codec: i32, rate: u32) {
    checked(|e| unsafe { rec_feed_set_format(feed, &feed_format(codec, rate), e) }).unwrap();
}

pub fn payload(feed: rec_feed, payload_type: u32, codec: i32, rate: u32) {
    checked(|e| unsafe { rec_feed_payload(feed, payload_type, &feed_format(codec, rate), e) }).unwrap();
}

/// Sets the payload types that a session description declares.
pub fn declare(feed: rec_feed, description: &str) -> AbiResult<()> {
    let description = CText::from(description);
    checked(|e| unsafe { rec_feed_sdp(feed, description.ptr(), e) })
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

/// Repeats a write until the feed accepts it. In stream time a full feed is waited for.
pub fn until_accepted(feed: rec_feed, mut act: impl FnMut() -> rec_status) {
    loop {
        match act() {
            REC_OK => return,
            REC_ERR_OVERRUN => assert_eq!(unsafe { rec_feed_wait(feed, 60_000) }, REC_OK),
            other => panic!("status {other}"),
        }
    }
}

pub fn feed(call: rec_call, leg: i32, codec: i32, rate: u32) -> AbiResult<rec_feed> {
    let mut handle = rec_feed { id: 0 };
    checked(|e| unsafe { rec_feed_open(call, leg, &feed_format(codec, rate), &mut handle, e) })?;
    Ok(handle)
}

pub fn write_pcm(feed: rec_feed, samples: &[i16]) {
    for packet in samples.chunks(160) {
        until_accepted(feed, || unsafe {
            rec_feed_write(feed, packet.as_ptr().cast(), packet.len() * 2)
        });
    }
}

pub fn write_bytes(feed: rec_feed, bytes: &[u8]) {
    for packet in bytes.chunks(160) {
        until_accepted(feed, || write(feed, packet));
    }
}

pub fn send_rtp(feed: rec_feed, packet: &[u8]) {
    until_accepted(feed, || rtp(feed, packet));
}

pub fn close_feed(feed: rec_feed) {
    assert_eq!(unsafe { rec_feed_close(feed) }, REC_OK);
}
