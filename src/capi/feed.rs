//! Feeds: the way of a packet begins here, and waits for nothing.

use std::ffi::c_void;
use std::time::Duration;

use super::call::call_of;
use super::convert::{feed_format, invalid, leg, needed};
use super::guard::{answer, shielded, shielded_or};
use super::types::*;
use crate::engine::slots::Id;
use crate::engine::{feeds, process};
use crate::media::Feed;
use crate::words::Status;

/// Opens the source of one leg's audio. A leg that has one already gets this one
/// instead; the older handle becomes stale. A feed may be closed and opened again
/// during a call: the recording goes on, and the time between is silence.
///
/// `leg`: `REC_LEG_…`; the mixed leg excludes the other two as long as they have a feed
/// (`REC_ERR_INVALID_ARGUMENT`). `format`: not NULL.
/// `feed`: where the handle is written; not NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the feed is the caller's, until `rec_feed_close`, a newer feed of the leg,
/// or the end of the call.
/// Errors: `REC_ERR_UNSUPPORTED` (codec), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`,
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_open(
    call: rec_call,
    leg: i32,
    format: *const rec_feed_format,
    feed: *mut rec_feed,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        let out = needed(feed, "feed")?;
        let leg = self::leg(leg)?;
        let call = call_of(call)?;
        // SAFETY: a rec_feed_format or NULL, by the ABI.
        let format = unsafe { feed_format(format) }?;
        let id = call.open_feed(leg, format)?;
        // SAFETY: not NULL, so it points to a writable rec_feed.
        unsafe { out.write(rec_feed { id: id.0 }) };
        Ok(())
    })
}

/// Changes how the feed's audio is coded from here on (a codec change in mid-call).
/// What was handed in before is still understood as it was.
///
/// `format`: not NULL.
///
/// Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
/// Blocking: never (for a packet that is just being copied).
/// In callbacks: yes.
/// Ownership: the struct is borrowed for the call.
/// Errors: as for `rec_feed_open`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_set_format(
    feed: rec_feed,
    format: *const rec_feed_format,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        // SAFETY: a rec_feed_format or NULL, by the ABI.
        let format = unsafe { feed_format(format) }?;
        feeds::set_format(Id(feed.id), format)
    })
}

/// Says what an RTP payload type means in this feed (a dynamic one, usually 96 to
/// 127). The static ones of RFC 3551 (0 PCMU, 8 PCMA, 11 L16 mono at 44100) are known
/// without, and may be given another meaning. A feed opened anew has forgotten it.
/// The ring grows to 400 ms of the format, if it holds less; so tell of type 11 as well
/// where it is to be expected in a feed of 8000 Hz, or its ring will overrun.
///
/// `payload_type`: 0 to 127. `format`: not NULL.
///
/// Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
/// Blocking: never (for a packet that is just being copied).
/// In callbacks: yes.
/// Ownership: the struct is borrowed for the call.
/// Errors: as for `rec_feed_open`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_payload(
    feed: rec_feed,
    payload_type: u32,
    format: *const rec_feed_format,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        // SAFETY: a rec_feed_format or NULL, by the ABI.
        let format = unsafe { feed_format(format) }?;
        match u8::try_from(payload_type) {
            Ok(number) if number < 128 => feeds::payload(Id(feed.id), number, format),
            _ => Err(invalid(format!(
                "payload_type {payload_type}: 0 to 127 are known"
            ))),
        }
    })
}

/// Hands in the next samples (PCM16, native-endian) or payload (G.711). They
/// continue where the last ones ended, unless more than 60 ms have passed that
/// they do not cover: those become silence. Real time: samples are to be handed in as
/// time goes; what would lie more than 2 s ahead of the clock is dropped and counted in
/// `frames_lost`, though the answer is `REC_OK`. To go faster, use `media.clock` "stream".
///
/// `data`: copied; may be NULL if `size` is 0. `size`: in bytes, whole samples, at
/// most a quarter of the ring (2,048 bytes or 100 ms of the format, whichever is more).
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never: no lock is waited for, nothing is allocated, no system call.
/// In callbacks: yes.
/// Ownership: the data is copied.
/// Errors: `REC_ERR_OVERRUN` (real time: lost and counted; stream time: not taken,
/// wait with `rec_feed_wait` and hand it in again), `REC_ERR_BUSY`,
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write(feed: rec_feed, data: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe { hand_in(feed, data, size, |feed, bytes| feed.write(bytes)) }
}

/// Hands in samples or payload at a place of the host's own clock of this leg:
/// real time: the first one lies at its arrival, later ones relative to it; stream
/// time: the first one is the leg's time 0. A place more than 2 s from its arrival
/// (stream time: 30 minutes from the leg's end) is taken for a jump of the clock: the
/// time line goes on from there.
///
/// `at`: the first sample's place, in samples at the feed's rate. `data`, `size`: as for `rec_feed_write`.
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the data is copied.
/// Errors: as for `rec_feed_write`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write_at(
    feed: rec_feed,
    at: u64,
    data: *const c_void,
    size: usize,
) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe { hand_in(feed, data, size, |feed, bytes| feed.write_at(at, bytes)) }
}

/// Hands in one RTP packet that has just been received. Its place is that of its
/// timestamp; lost packets become silence and are counted, late and reordered
/// ones find their place within `media.reorder_ms`. RTCP and payload types that
/// are no audio are ignored.
///
/// A stream's first packet lies at its arrival, which is what aligns the legs: their
/// SSRCs, timestamps and sequence numbers have nothing to do with each other, and may
/// change in mid-call. The payload type alone says how it is coded, not the feed's
/// format. CSRCs, header extensions and padding are understood; SRTP must be decrypted
/// before.
///
/// `packet`: from the first byte of the RTP header, copied. `size`: in bytes, at most
/// a quarter of the ring (2,048 bytes or 100 ms of the format, whichever is more).
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never: no lock is waited for, nothing is allocated, no system call.
/// In callbacks: yes.
/// Ownership: the packet is copied.
/// Errors: as for `rec_feed_write`. What is no RTP packet is counted, and `REC_OK`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_rtp(feed: rec_feed, packet: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe { hand_in(feed, packet, size, |feed, bytes| feed.rtp(bytes, 0)) }
}

/// Hands in one RTP packet that was received a while ago.
///
/// `age_us`: how long ago, in microseconds. `packet`, `size`: as for `rec_feed_rtp`.
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the packet is copied.
/// Errors: as for `rec_feed_rtp`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_rtp_at(
    feed: rec_feed,
    age_us: u32,
    packet: *const c_void,
    size: usize,
) -> rec_status {
    let age_ns = u64::from(age_us) * 1000;
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe { hand_in(feed, packet, size, |feed, bytes| feed.rtp(bytes, age_ns)) }
}

/// Waits until the feed's ring has room again; for stream time, after
/// `REC_ERR_OVERRUN`.
///
/// `timeout_ms`: how long at most, in milliseconds.
///
/// Threads: any.
/// Blocking: until there is room, at most `timeout_ms`.
/// In callbacks: yes, but events wait meanwhile.
/// Ownership: nothing is handed over.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE` (closed, also meanwhile),
/// `REC_ERR_BUSY`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_wait(feed: rec_feed, timeout_ms: u32) -> rec_status {
    answer(std::ptr::null_mut(), || {
        feeds::wait(Id(feed.id), Duration::from_millis(timeout_ms.into()))
    })
}

/// Closes a feed. What was handed in is still recorded; the leg is silent from here on.
///
/// Threads: any, also while another feeds.
/// Blocking: never (for a packet that is just being copied).
/// In callbacks: yes.
/// Ownership: the feed is gone.
/// Errors: `REC_ERR_BAD_HANDLE` (it is closed), `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_close(feed: rec_feed) -> rec_status {
    match shielded(|| Ok(feeds::close(Id(feed.id)))) {
        Ok(status) => status as rec_status,
        Err(_) => REC_ERR_INTERNAL,
    }
}

/// # Safety
/// `size` bytes are readable at `data`.
#[inline]
unsafe fn hand_in(
    feed: rec_feed,
    data: *const c_void,
    size: usize,
    take: impl FnOnce(&mut Feed, &[u8]) -> Status,
) -> rec_status {
    if (data.is_null() && size > 0) || size > isize::MAX as usize {
        return REC_ERR_INVALID_ARGUMENT;
    }
    let bytes = if size == 0 {
        &[]
    } else {
        // SAFETY: not NULL, and as long as the caller promises.
        unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }
    };
    shielded_or(REC_ERR_INTERNAL, || {
        process::with_feed(Id(feed.id), |open| take(&mut open.feed, bytes)) as rec_status
    })
}
