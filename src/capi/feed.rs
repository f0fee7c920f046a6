//! Feeds: the way of a packet begins here, and waits for nothing.

use std::ffi::c_void;
use std::time::Duration;

use super::call::call_of;
use super::convert::{feed_options, invalid, leg, needed};
use super::guard::{answer, answer_anyway, shielded};
use super::types::*;
use crate::clock::coarse_ns;
use crate::handles::{self, Handle};
use crate::media::Feed;
use crate::sync::catch_panic;
use crate::types::Status;

/// Opens the source of one leg's audio. If the leg already has a feed, this one replaces it,
/// and the older handle becomes stale. A feed may be closed and opened again during a call:
/// the recording goes on, and the time between is silence.
///
/// With `format.channels` = 2, the feed of `REC_LEG_LOCAL` is the source of both legs. It
/// replaces a feed of `REC_LEG_REMOTE`; while it is open, no other feed of
/// `REC_LEG_REMOTE` or `REC_LEG_MIXED` can be opened (`REC_ERR_INVALID_ARGUMENT`).
///
/// `leg`: `REC_LEG_…`; while the mixed leg has a feed the other two cannot have one, and the
/// other way round (`REC_ERR_INVALID_ARGUMENT`). `format`: not NULL.
/// `feed`: where the handle is written; not NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the feed is the caller's, until `rec_feed_close`, a newer feed of the leg,
/// or the end of the call.
/// Errors: `REC_ERR_UNSUPPORTED` (codec), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT` (too
/// many feeds, or `format.ahead_ms` needs more than is left of `media.ahead_bytes`),
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
        let options = unsafe { feed_options(format) }?;
        let Handle(id) = handles::feed::open(&call, leg, options)?;
        // SAFETY: not NULL, so it points to a writable rec_feed.
        unsafe { out.write(rec_feed { id }) };
        Ok(())
    })
}

/// Changes how the feed's audio is coded, and how far ahead it is written, from here on (a
/// codec change in mid-call). What was handed in before is still understood as it was.
///
/// `format`: not NULL. Its `channels` must be those that the feed was opened with.
///
/// Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
/// Blocking: never (for a packet that is just being copied).
/// In callbacks: yes.
/// Ownership: the struct is borrowed for the call.
/// Errors: as for `rec_feed_open`. After an error, the feed is as it was.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_set_format(
    feed: rec_feed,
    format: *const rec_feed_format,
    error: *mut rec_error,
) -> rec_status {
    answer(error, || {
        // SAFETY: a rec_feed_format or NULL, by the ABI.
        let options = unsafe { feed_options(format) }?;
        handles::feed::set_format(Handle(feed.id), options)
    })
}

/// Says what an RTP payload type means in this feed (a dynamic one, usually 96 to 127). The
/// static ones of RFC 3551 (0 PCMU, 8 PCMA, 11 L16 mono at 44100) are known without it, and
/// may be given another meaning. A feed that is opened anew knows nothing of it.
/// The feed's memory grows to what this format needs, if that is more. So declare type 11 as
/// well where it is to be expected in a feed of 8000 Hz: the memory for bursts is then sized
/// for it.
///
/// `payload_type`: 0 to 127. `format`: not NULL; its `ahead_ms` is ignored, its `channels`
/// must be 0 or 1. A feed with two channels takes no RTP packets (`REC_ERR_INVALID_ARGUMENT`).
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
        let options = unsafe { feed_options(format) }?;
        if options.is_stereo() {
            return Err(invalid("format.channels 2: RTP packets have one channel"));
        }
        match u8::try_from(payload_type) {
            Ok(number) if number < 128 => handles::feed::set_payload(Handle(feed.id), number, options.format),
            _ => Err(invalid(format!(
                "payload_type {payload_type}: 0 to 127 are known"
            ))),
        }
    })
}

/// Hands in the next samples (PCM16, native-endian) or payload (G.711). They continue where
/// the last ones ended.
///
/// Real time: the writes follow a cursor. Where more than 100 ms pass without a write, the
/// time is silence, unless the host makes up for all of it within the next 200 ms: what it
/// held back (up to 5 s) then fills the time in which nothing came. A hiccup of less leaves no
/// silence. If the host's clock and this machine's drift apart, the cursor follows by up to
/// 2 %: it repeats or leaves out single samples.
/// After a resume, what may have been said up to 500 ms earlier is not kept, because nobody
/// can tell whether it was said during the pause.
/// Bursts are kept in memory that all feeds share (`media.overflow_bytes`).
///
/// Real time, writing ahead of the clock: a feed may be `format.ahead_ms` ahead. If that is 0,
/// it may be 2 s ahead; what is further ahead is lost, counted in `frames_lost`, and answered
/// `REC_ERR_OVERRUN`. If it is more than 0, `REC_ERR_OVERRUN` means that the samples were not
/// taken and that nothing was lost: wait with `rec_feed_wait` and hand them in again.
/// `rec_feed_clear` takes back what has not been heard yet.
///
/// Stream time (`media.clock` "stream"): samples may be handed in as fast as they are taken.
///
/// `data`: copied; may be NULL if `size` is 0. `size`: in bytes, whole samples (with two
/// channels, whole pairs of samples), at most 2,048 bytes or 100 ms of the format, whichever
/// is more, and never more than 16,360 bytes.
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never: it waits for no lock, allocates nothing and makes no system call.
/// In callbacks: yes.
/// Ownership: the data is copied.
/// Errors: `REC_ERR_OVERRUN` (the memory is full, or the samples are too far ahead of the
/// clock. Real time with `format.ahead_ms` 0: lost and counted. Otherwise: not taken and not
/// counted; wait with `rec_feed_wait` and hand them in again), `REC_ERR_BUSY`,
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write(feed: rec_feed, data: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe { hand_in(feed, data, size, |feed, bytes| feed.write(bytes, coarse_ns())) }
}

/// Hands in samples or payload at a place of the host's own clock of this leg. Real time: the
/// first one lies at its arrival, later ones relative to it. Stream time: the first one is the
/// leg's time 0. A place more than 2 s from its arrival (stream time: 30 minutes from the
/// leg's end) is taken for a jump of the host's clock: the time line goes on from there. Two
/// exceptions: a place up to 5 s in the past is accepted where the leg has nothing yet (the
/// host was held up), and a feed with `format.ahead_ms` above 2000 may be as far ahead as that.
///
/// `at`: the first sample's place, in samples of one channel at the feed's rate.
/// `data`, `size`: as for `rec_feed_write`.
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the data is copied.
/// Errors: as for `rec_feed_write`; `REC_ERR_OVERRUN` only if the memory is full.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write_at(
    feed: rec_feed,
    at: u64,
    data: *const c_void,
    size: usize,
) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe {
        hand_in(feed, data, size, |feed, bytes| {
            feed.write_at(at, bytes, coarse_ns())
        })
    }
}

/// Hands in one RTP packet that has just been received. Its place is that of its timestamp.
/// Lost packets become silence and are counted; late and reordered ones find their place.
/// Payload types that are not audio are ignored. RTCP may be handed in as well (RFC 5761): a
/// sender report can prove that the sender's clock stood still, which saves audio after a
/// pause; other RTCP packets are ignored.
///
/// A stream's first packet lies at its arrival, which is what aligns the legs: their SSRCs,
/// timestamps and sequence numbers have nothing to do with each other, and may change in
/// mid-call. If the first packets come in one burst, the newest of them lies at its arrival.
/// A packet of a new SSRC, or of a sequence that begins anew, is held until a second one
/// confirms it, or for 300 ms. docs/timeline.md says what happens to each packet.
///
/// The payload type alone says how a packet is coded, not the feed's format. CSRCs,
/// header extensions and padding are understood; SRTP must be decrypted before.
///
/// Packets that were held up may be handed in at once: bursts of up to 5 s, on any number of
/// feeds, are kept in memory that all feeds share (`media.overflow_bytes`).
///
/// `packet`: from the first byte of the RTP header, copied. `size`: in bytes, at most
/// 2,048 bytes or 100 ms of the format, whichever is more, and never more than 16,360 bytes.
///
/// Threads: one at a time for one feed; a second one gets `REC_ERR_BUSY`.
/// Blocking: never: it waits for no lock, allocates nothing and makes no system call.
/// In callbacks: yes.
/// Ownership: the packet is copied.
/// Errors: `REC_ERR_OVERRUN` only if the memory is full; otherwise as for `rec_feed_write`. A
/// feed with two channels takes no packets (`REC_ERR_INVALID_ARGUMENT`). Data that is not RTP
/// is counted in `frames_ignored`; the function still returns `REC_OK`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_rtp(feed: rec_feed, packet: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the ABI.
    unsafe { hand_in(feed, packet, size, |feed, bytes| feed.rtp(bytes, coarse_ns())) }
}

/// Hands in one RTP packet that was received a while ago.
///
/// The age proves when the packet was received. A pause relies on it: a packet that was
/// received while the recording was paused is not recorded, although it is handed in after
/// the resume; and a packet that was received after the resume counts as said then. So give
/// ages only if they are known. To hand in a packet that has just been received, use
/// `rec_feed_rtp`, which proves nothing.
///
/// `age_us`: how long ago, in microseconds; 0 is an age as well.
/// `packet`, `size`: as for `rec_feed_rtp`.
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
    let take = |feed: &mut Feed, bytes: &[u8]| {
        let received_ns = coarse_ns().saturating_sub(age_ns);
        feed.rtp_aged(bytes, received_ns)
    };
    // SAFETY: as the caller promises.
    unsafe { hand_in(feed, packet, size, take) }
}

/// Waits until the feed takes audio again, after `REC_ERR_OVERRUN`: until its memory has room
/// for the largest write, and in real time until what was refused as too far ahead of the
/// clock is no longer so.
///
/// `timeout_ms`: how long at most, in milliseconds.
///
/// Threads: any.
/// Blocking: until the feed takes audio again, at most `timeout_ms`.
/// In callbacks: yes, but later events wait meanwhile.
/// Ownership: nothing is handed over.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE` (closed, also meanwhile),
/// `REC_ERR_BUSY`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_wait(feed: rec_feed, timeout_ms: u32) -> rec_status {
    answer_anyway(std::ptr::null_mut(), || {
        handles::feed::wait(Handle(feed.id), Duration::from_millis(timeout_ms.into()))
    })
}

/// Takes back what was written ahead of the clock and has not been heard yet (a voice bot
/// is interrupted). What lies before the present moment stays in the recording; what lies
/// after it is not recorded, and is not a loss. The next write begins now. In stream time
/// nothing is ahead of a clock, and the function changes nothing.
///
/// With two channels, both legs are cleared.
///
/// `feed`: an open feed; 0 is `REC_ERR_BAD_HANDLE`.
/// `error`: NULL, or where the reason of a failure is written; the caller's.
///
/// Threads: any; meanwhile the feeding thread may see `REC_ERR_BUSY`.
/// Blocking: never (for a packet that is just being copied).
/// In callbacks: yes.
/// Ownership: nothing is handed over.
/// Errors: `REC_ERR_BAD_HANDLE` (it is closed), `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_clear(feed: rec_feed, error: *mut rec_error) -> rec_status {
    answer_anyway(error, || handles::feed::clear(Handle(feed.id)))
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
    match shielded(|| Ok(handles::feed::close(Handle(feed.id)))) {
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
    // Not `shielded_or`: a packet needs no memory.
    let handed_in = catch_panic(|| {
        handles::feed::try_with(Handle(feed.id), |open| take(&mut open.feed, bytes)) as rec_status
    });
    handed_in.unwrap_or(REC_ERR_INTERNAL)
}
