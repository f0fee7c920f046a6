//! Feeds. The functions that pass in audio never wait.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use super::call::call_of;
use super::convert::{invalid, leg, not_null, str_of};
use super::feed_format::{feed_options, payload_format};
use super::guard::{catch_faults, run_always, run_with_memory};
use super::types::*;
use crate::clock::coarse_ns;
use crate::handles::{self, Handle};
use crate::media::Feed;
use crate::sync::catch_panic;
use crate::types::Status;

/// The maximum length of a session description in bytes.
const SDP_MAX: usize = 65_536;

/// Opens a feed: the source of one leg's audio.
///
/// If the leg already has a feed, the new one replaces it, and the handle of the old one
/// becomes stale. A feed may be closed and opened again during a call: recordings continue, and
/// have silence for the time between.
///
/// While `REC_LEG_MIXED` has a feed, the other two legs cannot have one. While one of these has
/// a feed, `REC_LEG_MIXED` cannot have one. With `format.channels` 2, a feed of `REC_LEG_LOCAL`
/// is the source of both legs: it replaces a feed of `REC_LEG_REMOTE`, and while it is open, no
/// feed of `REC_LEG_REMOTE` can be opened. A feed that these rules forbid is refused with
/// `REC_ERR_INVALID_ARGUMENT`.
///
/// @param call The call.
/// @param leg `REC_LEG_…`
/// @param format The format of the audio. Must not be NULL.
/// @param[out] feed The new feed. Must not be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: never.
/// In callbacks: yes.
/// Ownership: the caller owns the feed until `rec_feed_close`, until a newer feed replaces it,
/// or until the call ends. `format` remains the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_UNSUPPORTED` (the build lacks the codec),
/// `REC_ERR_LIMIT` (there are too many feeds, or `format.ahead_ms` needs more than is left of
/// `media.ahead_bytes`), `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_open(
    call: rec_call,
    leg: i32,
    format: *const rec_feed_format,
    feed: *mut rec_feed,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        let out = not_null(feed, "feed")?;
        let leg = self::leg(leg)?;
        let call = call_of(call)?;
        // SAFETY: a rec_feed_format or NULL, by the rules of the API.
        let options = unsafe { feed_options(format) }?;
        let Handle(id) = handles::feed::open(&call, leg, options)?;
        // SAFETY: not NULL, so it points to a writable rec_feed.
        unsafe { out.write(rec_feed { id }) };
        Ok(())
    })
}

/// Changes the format of a feed, for example because the codec changes during the call. The new
/// format applies to audio that is passed in from now on.
///
/// @param feed The feed.
/// @param format The new format. Must not be NULL. The number of channels must be that of the
///   open feed.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread passes in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_UNSUPPORTED` (the build lacks the codec),
/// `REC_ERR_LIMIT` (`format.ahead_ms` needs more than is left of `media.ahead_bytes`),
/// `REC_ERR_BAD_HANDLE`, `REC_ERR_FORKED`. After an error, the feed is unchanged.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_set_format(
    feed: rec_feed,
    format: *const rec_feed_format,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a rec_feed_format or NULL, by the rules of the API.
        let options = unsafe { feed_options(format) }?;
        handles::feed::set_format(Handle(feed.id), options)
    })
}

/// Sets the format of an RTP payload type for a feed, usually of a dynamic payload type (96 to
/// 127).
///
/// These static payload types of RFC 3551 are set already: 0 is PCMU, 8 is PCMA, 9 is G.722, 10
/// is L16 with two channels at 44100 Hz, and 11 is L16 with one; so are those of the codecs that
/// `rec_codec_register` had registered when the feed was opened. They may be set to another
/// format. A feed that is opened again has lost its payload types: set them again.
///
/// The feed's memory grows if this format needs more. If a feed of 8000 Hz may receive type 10
/// or 11, set it too, so that the memory for bursts is large enough.
///
/// @param feed The feed.
/// @param payload_type The payload type, 0 to 127.
/// @param format The format. Must not be NULL. `channels` is the number of channels of the
///   codec: 1 to 8 for PCM16 (L16) and registered codecs, 1 or 2 for Opus, 1 for the others; 0
///   means 1. More than one channel is mixed down to the leg. `ahead_ms` is ignored. For a codec
///   of `rec_codec_register`, `codec` is the value that it has returned, and `sample_rate` the
///   clock rate of the RTP timestamps; 0 means 8000. Its decoder receives no `fmtp`.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread passes in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (also for a feed with two channels, which accepts no
/// packets), `REC_ERR_UNSUPPORTED` (the build lacks the codec), `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_LIMIT` (memory is exhausted), `REC_ERR_FORKED`. After an error, the feed is unchanged.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_payload(
    feed: rec_feed,
    payload_type: u32,
    format: *const rec_feed_format,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a rec_feed_format or NULL, by the rules of the API.
        let format = unsafe { payload_format(format, Handle(feed.id)) }?;
        match u8::try_from(payload_type) {
            Ok(number) if number < 128 => handles::feed::set_payload(Handle(feed.id), number, format),
            _ => Err(invalid(format!("payload_type {payload_type}: must be 0 to 127"))),
        }
    })
}

/// Sets the payload types that a session description (SDP, RFC 8866) declares.
///
/// Pass in what both sides have agreed on for the direction of this feed: usually the answer,
/// or only its audio section from the `m=` line on. The first audio section counts. Known
/// encodings are PCMU, PCMA, G722, opus and L16, and the registered codecs
/// (`rec_codec_register`), which take precedence and receive the `fmtp` line. Payload types that
/// are declared with another encoding are not decoded any more, whatever they were before: among
/// them telephone events. Payload types
/// that were set before and are not declared stay set. A recording that keeps packets
/// (`recording.keep_raw`) never keeps those that are declared as telephone events.
///
/// @param feed The feed.
/// @param sdp The description, UTF-8. Must not be NULL. Lines end with LF or CRLF. At most
///   65,536 bytes.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread passes in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_INVALID_ARGUMENT` (`sdp` is no description with an audio section; also for
/// a feed with two channels, which accepts no packets), `REC_ERR_UNSUPPORTED` (the section has
/// no encoding that this build or a registered codec decodes; its payload types count as
/// declared), `REC_ERR_BAD_HANDLE`, `REC_ERR_LIMIT` (memory is exhausted; the payload types may be
/// set in part), `REC_ERR_FORKED`. After any other error, the feed is unchanged.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_sdp(
    feed: rec_feed,
    sdp: *const c_char,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a string or NULL, by the rules of the API.
        let text = unsafe { str_of(sdp, "sdp", SDP_MAX) }?;
        let text = text.ok_or_else(|| invalid("sdp is NULL"))?;
        handles::session_description::describe(Handle(feed.id), text)
    })
}

/// Passes in samples (PCM16, in native byte order) or a payload: of G.711, or one packet of
/// G.722 or Opus. They follow those of the previous write.
///
/// A packet that cannot be decoded is counted in `frames_ignored`; the function still returns
/// `REC_OK`.
///
/// In real time, an interruption of at most 100 ms leaves no silence. A longer one becomes
/// silence, unless `format.ahead_ms` is 0 and the host then passes in all the audio that it
/// held back, up to 5 s, within 200 ms. With `format.ahead_ms` 0, callrec also follows a drift
/// of the host's clock of up to 2 %, by repeating or omitting single samples. Bursts are stored
/// in memory that all feeds share (`media.overflow_bytes`).
///
/// In real time with `format.ahead_ms` 0, a host that was late by 100 to 500 ms, and did not make
/// up for it, may be behind by this time from then on. So after a resume, that much audio is
/// discarded, because it may have been spoken during the pause. Several such delays add up, to
/// at most 5 s; after an interruption of more than 1 s, they count as at most 500 ms. A host
/// whose audio has gaps, and that counts its samples, loses nothing with `rec_feed_write_at`.
/// Likewise, a host that has once been ahead of the clock, for example by a burst at the beginning,
/// and is less ahead at the resume, may have been late since, by the difference: that much audio is
/// discarded. A host that writes audio before it is played sets `format.ahead_ms`, and loses none.
///
/// In real time, a feed may be ahead of the clock by `format.ahead_ms`. If that is 0, the limit
/// is 2 s: beyond it, the function returns `REC_ERR_OVERRUN`, and the audio is lost and counted
/// in `frames_lost`. If it is more than 0, `REC_ERR_OVERRUN` means that the audio was not
/// accepted and nothing was lost: wait with `rec_feed_wait`, then pass it in again.
/// `rec_feed_clear` removes audio that lies ahead of the clock.
///
/// In stream time, audio may be passed in as fast as it is accepted. After `REC_ERR_OVERRUN`,
/// wait with `rec_feed_wait`, then pass it in again.
///
/// @param feed The feed.
/// @param data The samples, or the payload. May be NULL if `size` is 0.
/// @param size The size in bytes: a whole number of frames, or one packet of G.722 or Opus. At
///   most 2,048 bytes or 100 ms of the format, whichever is more, but never more than 16,360
///   bytes.
///
/// Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
/// Blocking: never. The function takes no lock, allocates no memory and makes no system call.
/// In callbacks: yes.
/// Ownership: `data` remains the caller's. The library copies it.
/// Errors: `REC_ERR_OVERRUN` (the memory is full, or the audio is too far ahead of the clock:
/// see above), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write(feed: rec_feed, data: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the rules of the API.
    unsafe { feed_bytes(feed, data, size, |feed, bytes| feed.write(bytes, coarse_ns())) }
}

/// Passes in samples or a payload, as `rec_feed_write` does, with a position that the host
/// counts in frames.
///
/// In real time, the first write is placed at its arrival, and later writes relative to it. If
/// a position is more than 2 s away from the arrival, callrec assumes that the host's count has
/// jumped: it places the write at its arrival, or at the end of the leg if that is later, and
/// later writes relative to that. There are two exceptions: a position up to 5 s in the past is
/// accepted if the leg has no later audio, and a feed with `format.ahead_ms` above 2000 may be
/// that far ahead. With `format.ahead_ms` 0, a host that is less ahead of the clock after a resume
/// than it was once before loses that much audio, as with `rec_feed_write`.
///
/// In stream time, the first write is placed at the end of the leg, and later writes relative
/// to it. If a position is more than 30 minutes away from the end of the leg, callrec places
/// the write at that end, and later writes relative to that.
///
/// @param feed The feed.
/// @param at The position of the first sample, in frames at the feed's sample rate. The first
///   write may have any position.
/// @param data The samples, or the payload. May be NULL if `size` is 0.
/// @param size The size in bytes: a whole number of frames, or one packet of G.722 or Opus. At
///   most 2,048 bytes or 100 ms of the format, whichever is more, but never more than 16,360
///   bytes.
///
/// Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
/// Blocking: never. The function takes no lock, allocates no memory and makes no system call.
/// In callbacks: yes.
/// Ownership: `data` remains the caller's. The library copies it.
/// Errors: `REC_ERR_OVERRUN` (the memory is full), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write_at(
    feed: rec_feed,
    at: u64,
    data: *const c_void,
    size: usize,
) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the rules of the API.
    unsafe {
        feed_bytes(feed, data, size, |feed, bytes| {
            feed.write_at(at, bytes, coarse_ns())
        })
    }
}

/// Passes in one RTP packet that has just been received. Its timestamp determines its position.
///
/// Lost packets become silence and are counted, unless Opus has sent a copy of their audio
/// in the next packet. Late and reordered packets are put in their place. The payload type
/// alone determines how a packet is decoded, not the feed's format. Payload types that are
/// not audio are ignored. CSRCs, header extensions and padding are allowed; SRTP must be
/// decrypted first. RTCP may be passed in too (RFC 5761): a sender report can prove when
/// audio was spoken, so that less audio is discarded after a pause (`rec_resume_by_id`).
/// Other RTCP packets are ignored.
///
/// The first packet of a feed is placed at its arrival. This aligns the legs, whose SSRCs,
/// timestamps and sequence numbers are unrelated and may change during a call. If the first
/// packets arrive in one burst, the newest is placed at its arrival. If the SSRC changes, or
/// the sequence numbers start again, the first packet is held until a second one confirms it,
/// at most 300 ms. docs/timeline.md describes what happens to each packet.
///
/// Delayed packets may be passed in as one burst: bursts of up to 5 s, on any number of feeds,
/// are stored in memory that all feeds share (`media.overflow_bytes`).
///
/// @param feed The feed.
/// @param packet The packet, from the first byte of its RTP header.
/// @param size The size in bytes. At most 2,048 bytes or 100 ms of the format, whichever is
///   more, but never more than 16,360 bytes.
///
/// Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
/// Blocking: never. The function takes no lock, allocates no memory and makes no system call.
/// In callbacks: yes.
/// Ownership: `packet` remains the caller's. The library copies it.
/// Errors: `REC_ERR_OVERRUN` (the memory is full), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_INVALID_ARGUMENT` (also for a feed with two channels, which accepts no packets),
/// `REC_ERR_FORKED`. Data that is not RTP is counted in `frames_ignored`; the function still
/// returns `REC_OK`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_rtp(feed: rec_feed, packet: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the rules of the API.
    unsafe { feed_bytes(feed, packet, size, |feed, bytes| feed.rtp(bytes, coarse_ns())) }
}

/// Passes in one RTP packet that was received some time ago.
///
/// callrec relies on the age near a pause. A packet that was received while the recording was
/// paused is not recorded, even if it is passed in after the resume. A packet that was received
/// after the resume counts as spoken after it, and is recorded. So use this function only if
/// the age is known. Otherwise use `rec_feed_rtp`, which allows for audio that is older.
///
/// @param feed The feed.
/// @param age_us The time since the packet was received, in microseconds. 0 states that it was
///   received now.
/// @param packet The packet, from the first byte of its RTP header.
/// @param size The size in bytes. At most 2,048 bytes or 100 ms of the format, whichever is
///   more, but never more than 16,360 bytes.
///
/// Threads: any, but only one at a time for the same feed. A second thread gets `REC_ERR_BUSY`.
/// Blocking: never. The function takes no lock, allocates no memory and makes no system call.
/// In callbacks: yes.
/// Ownership: `packet` remains the caller's. The library copies it.
/// Errors: `REC_ERR_OVERRUN` (the memory is full), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`,
/// `REC_ERR_INVALID_ARGUMENT` (also for a feed with two channels, which accepts no packets),
/// `REC_ERR_FORKED`. Data that is not RTP is counted in `frames_ignored`; the function still
/// returns `REC_OK`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_rtp_at(
    feed: rec_feed,
    age_us: u32,
    packet: *const c_void,
    size: usize,
) -> rec_status {
    let age_ns = u64::from(age_us) * 1000;
    // SAFETY: `size` bytes are readable there, by the rules of the API.
    let accept = |feed: &mut Feed, bytes: &[u8]| {
        let received_ns = coarse_ns().saturating_sub(age_ns);
        feed.rtp_aged(bytes, received_ns)
    };
    // SAFETY: promised by the caller.
    unsafe { feed_bytes(feed, packet, size, accept) }
}

/// Waits after `REC_ERR_OVERRUN` until a feed accepts audio again: until its memory has free
/// space for the largest write, and in real time until the refused write is no longer too far
/// ahead of the clock.
///
/// @param feed The feed.
/// @param timeout_ms The maximum wait in milliseconds.
///
/// Threads: any.
/// Blocking: until the feed accepts audio again, at most `timeout_ms`.
/// In callbacks: yes, but later events wait until the function returns.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE` (the feed is closed, or was closed during
/// the wait), `REC_ERR_BUSY` (another thread is passing in audio: call again),
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_wait(feed: rec_feed, timeout_ms: u32) -> rec_status {
    run_always(std::ptr::null_mut(), || {
        handles::feed::wait(Handle(feed.id), Duration::from_millis(timeout_ms.into()))
    })
}

/// Removes the audio of a feed that lies ahead of the clock, for example because a caller
/// interrupts a voice bot.
///
/// Audio up to now stays in the recording. Later audio is not recorded, and does not count as
/// lost. The next write begins now. With two channels, both legs are cleared. In stream time,
/// no audio is ahead of the clock, so the function changes nothing.
///
/// @param feed The feed.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread passes in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_clear(feed: rec_feed, error: *mut rec_error) -> rec_status {
    run_always(error, || handles::feed::clear(Handle(feed.id)))
}

/// Reports that a DTMF digit was pressed, when the host learns of it from signalling such as SIP
/// INFO or KPML (RFC 4730). The function does not take the digit itself.
///
/// With `media.dtmf` set to "mask", all legs of the call are silent in the recordings while the
/// tone may be audible in the audio: from `duration_ms` + 100 ms before this call of the function
/// to `duration_ms` + 100 ms after it, because the message may be sent when the key is pressed or
/// when it is released. Call the function as soon as the message arrives: audio that is more
/// than 1,300 ms old can no longer be masked. Tones that a detector finds in the audio, and those
/// of telephone events in RTP (RFC 4733), are masked without this function. With "keep", the
/// function changes nothing.
///
/// @param feed The feed of the party that keyed the digit in.
/// @param duration_ms The duration of the tone in milliseconds, at most 10,000. 0: unknown; 250 ms
/// are assumed.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. A thread that passes in audio at the same time may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread passes in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_INVALID_ARGUMENT` (`duration_ms`),
/// `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_dtmf(
    feed: rec_feed,
    duration_ms: u32,
    error: *mut rec_error,
) -> rec_status {
    run_always(error, || handles::feed::note_digit(Handle(feed.id), duration_ms))
}

/// Closes a feed. Audio that was passed in is still recorded; from now on the leg is silent.
///
/// @param feed The feed.
///
/// Threads: any, even while another thread passes in audio.
/// Blocking: never, except while another thread passes in a packet to the feed.
/// In callbacks: yes.
/// Ownership: the feed no longer exists.
/// Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_close(feed: rec_feed) -> rec_status {
    match catch_faults(|| Ok(handles::feed::close(Handle(feed.id)))) {
        Ok(status) => status as rec_status,
        Err(_) => REC_ERR_INTERNAL,
    }
}

/// # Safety
/// `size` bytes are readable at `data`.
#[inline]
unsafe fn feed_bytes(
    feed: rec_feed,
    data: *const c_void,
    size: usize,
    accept: impl FnOnce(&mut Feed, &[u8]) -> Status,
) -> rec_status {
    if (data.is_null() && size > 0) || size > isize::MAX as usize {
        return REC_ERR_INVALID_ARGUMENT;
    }
    let bytes = if size == 0 {
        &[]
    } else {
        // SAFETY: not NULL, and `size` bytes long, as the caller promises.
        unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) }
    };
    // Not `catch_faults_or`, because a packet needs no memory.
    let result = catch_panic(|| {
        handles::feed::try_with(Handle(feed.id), |open| accept(&mut open.feed, bytes)) as rec_status
    });
    result.unwrap_or(REC_ERR_INTERNAL)
}
