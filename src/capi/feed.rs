//! Feeds. The functions that hand in audio never wait.

use std::ffi::c_void;
use std::time::Duration;

use super::call::call_of;
use super::convert::{feed_options, invalid, leg, not_null};
use super::guard::{catch_faults, run_always, run_with_memory};
use super::types::*;
use crate::clock::coarse_ns;
use crate::handles::{self, Handle};
use crate::media::Feed;
use crate::sync::catch_panic;
use crate::types::Status;

/// Opens a feed: the source of one leg's audio.
///
/// If the leg already has a feed, the new one replaces it, and the handle of the old one
/// becomes stale. A feed may be closed and opened again during a call: recordings continue, and
/// the time between is silence.
///
/// While the mixed leg has a feed, the other two legs cannot have one, and the other way round
/// (`REC_ERR_INVALID_ARGUMENT`). With `format.channels` 2, a feed of `REC_LEG_LOCAL` is the
/// source of both legs. It replaces a feed of `REC_LEG_REMOTE`; while it is open, a feed of
/// `REC_LEG_REMOTE` or `REC_LEG_MIXED` cannot be opened (`REC_ERR_INVALID_ARGUMENT`).
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
/// Ownership: the caller owns the feed until `rec_feed_close`, a newer feed of the leg, or the
/// end of the call. `format` remains the caller's.
/// Errors: `REC_ERR_UNSUPPORTED` (the codec), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`
/// (there are too many feeds, or `format.ahead_ms` needs more than is left of
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

/// Changes the format of a feed's audio, for example because the codec changes during the call.
/// Audio that was handed in before keeps its old format.
///
/// @param feed The feed.
/// @param format The new format. Must not be NULL. `channels` must be what the feed was opened
///   with.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. Meanwhile, the thread that feeds may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread hands in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_UNSUPPORTED` (the codec), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`
/// (there are too many feeds, or `format.ahead_ms` needs more than is left of
/// `media.ahead_bytes`), `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`. After
/// an error, the feed is unchanged.
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

/// Sets the format of an RTP payload type in a feed, usually of a dynamic one (96 to 127).
///
/// The static payload types of RFC 3551 are known: 0 is PCMU, 8 is PCMA, 11 is L16 mono at
/// 44100 Hz. They may be set to another format. A feed that is opened again does not remember
/// its payload types.
///
/// The feed's memory grows if this format needs more. Therefore set type 11 too if a feed of
/// 8000 Hz may receive it, so that the memory for bursts is large enough.
///
/// @param feed The feed.
/// @param payload_type The payload type, 0 to 127.
/// @param format The format. Must not be NULL. `ahead_ms` is ignored, and `channels` must be 0
///   or 1.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. Meanwhile, the thread that feeds may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread hands in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_UNSUPPORTED` (the codec), `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_LIMIT`
/// (there are too many feeds, or `format.ahead_ms` needs more than is left of
/// `media.ahead_bytes`), `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`. A feed
/// with two channels accepts no RTP packets (`REC_ERR_INVALID_ARGUMENT`).
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
        let options = unsafe { feed_options(format) }?;
        if options.is_stereo() {
            return Err(invalid("format.channels 2: must be 0 or 1 for a payload type"));
        }
        match u8::try_from(payload_type) {
            Ok(number) if number < 128 => handles::feed::set_payload(Handle(feed.id), number, options.format),
            _ => Err(invalid(format!("payload_type {payload_type}: must be 0 to 127"))),
        }
    })
}

/// Hands in samples (PCM16, in native byte order) or a payload (G.711). They follow the
/// previous write.
///
/// Real time: if no write comes for more than 100 ms, that time becomes silence, unless the
/// host makes up for all of it within the next 200 ms: the audio that it held back, up to 5 s,
/// then fills the time. A shorter interruption leaves no silence. If the host's clock drifts
/// against the clock of this machine, callrec follows it by up to 2 %, by repeating or omitting
/// single samples. After a resume, audio that may have been spoken up to 500 ms earlier is not
/// kept, because it may have been spoken during the pause. Bursts are stored in memory that all
/// feeds share (`media.overflow_bytes`).
///
/// Real time, ahead of the clock: a feed may be ahead of the clock by `format.ahead_ms`. If
/// that is 0, the limit is 2 s; audio beyond it is lost, counted in `frames_lost`, and returns
/// `REC_ERR_OVERRUN`. If it is more than 0, `REC_ERR_OVERRUN` means that the audio was not
/// accepted and nothing was lost: wait with `rec_feed_wait`, then hand it in again.
/// `rec_feed_clear` removes audio that lies ahead of the clock.
///
/// Stream time (`media.clock` is "stream"): audio may be handed in as fast as it is accepted.
///
/// @param feed The feed.
/// @param data The samples, or the payload. May be NULL if `size` is 0.
/// @param size The size in bytes: whole samples (with two channels, whole pairs of samples), at
///   most 2,048 bytes or 100 ms of the format, whichever is more, and never more than 16,360
///   bytes.
///
/// Threads: one at a time for a feed. A second thread gets `REC_ERR_BUSY`.
/// Blocking: never. The function takes no lock, allocates no memory and makes no system call.
/// In callbacks: yes.
/// Ownership: `data` remains the caller's. The library copies it.
/// Errors: `REC_ERR_OVERRUN` (the memory is full, or the audio is too far ahead of the clock:
/// lost and counted in real time with `format.ahead_ms` 0, otherwise not accepted and not
/// counted), `REC_ERR_BUSY`, `REC_ERR_BAD_HANDLE`, `REC_ERR_INVALID_ARGUMENT`,
/// `REC_ERR_FORKED`.
/// Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_write(feed: rec_feed, data: *const c_void, size: usize) -> rec_status {
    // SAFETY: `size` bytes are readable there, by the rules of the API.
    unsafe { feed_bytes(feed, data, size, |feed, bytes| feed.write(bytes, coarse_ns())) }
}

/// Hands in samples or a payload at a position on the host's own clock of the leg.
///
/// Real time: the first write lies at its arrival, and later ones relative to it. Stream time:
/// the first write is the leg's time 0. If a position lies more than 2 s from its arrival
/// (stream time: 30 minutes from the leg's end), callrec assumes that the host's clock jumped:
/// it places the write at its arrival, or at the leg's end if that is later (stream time: at
/// the leg's end), and continues from there. There are two exceptions. A position up to 5 s in
/// the past is accepted if the leg has no audio there yet, because the host was delayed. A feed
/// with `format.ahead_ms` above 2000 may be that far ahead.
///
/// @param feed The feed.
/// @param at The position of the first sample, in samples of one channel at the feed's sample
///   rate.
/// @param data The samples, or the payload. May be NULL if `size` is 0.
/// @param size The size in bytes: whole samples (with two channels, whole pairs of samples), at
///   most 2,048 bytes or 100 ms of the format, whichever is more, and never more than 16,360
///   bytes.
///
/// Threads: one at a time for a feed. A second thread gets `REC_ERR_BUSY`.
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

/// Hands in one RTP packet that has just been received. Its timestamp determines its position.
///
/// Lost packets become silence and are counted. Late and reordered packets are put in their
/// place. Payload types that are not audio are ignored. The payload type alone determines how a
/// packet is decoded, not the feed's format. CSRCs, header extensions and padding are
/// understood; SRTP must be decrypted first. RTCP may be handed in too (RFC 5761): a sender
/// report can prove that the sender's clock stood still, which saves audio after a pause. Other
/// RTCP packets are ignored.
///
/// The first packet of a stream lies at its arrival, which aligns the legs: the SSRCs,
/// timestamps and sequence numbers of two legs are unrelated, and may change during a call. If
/// the first packets arrive in one burst, the newest of them lies at its arrival. A packet of a
/// new SSRC, or of a sequence that begins again, is held until a second one confirms it, or for
/// 300 ms. docs/timeline.md describes what happens to each packet.
///
/// Delayed packets may be handed in at once: bursts of up to 5 s, on any number of feeds, are
/// stored in memory that all feeds share (`media.overflow_bytes`).
///
/// @param feed The feed.
/// @param packet The packet, from the first byte of its RTP header.
/// @param size The size in bytes, at most 2,048 bytes or 100 ms of the format, whichever is
///   more, and never more than 16,360 bytes.
///
/// Threads: one at a time for a feed. A second thread gets `REC_ERR_BUSY`.
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

/// Hands in one RTP packet that was received some time ago.
///
/// The age proves when the packet was received, and a pause relies on it. A packet that was
/// received while the recording was paused is not recorded, even if it is handed in after the
/// resume. A packet that was received after the resume counts as spoken then. So give an age
/// only if it is known. For a packet that has just been received, use `rec_feed_rtp`, which
/// proves nothing.
///
/// @param feed The feed.
/// @param age_us The time since the packet was received, in microseconds. 0 is an age too.
/// @param packet The packet, from the first byte of its RTP header.
/// @param size The size in bytes, at most 2,048 bytes or 100 ms of the format, whichever is
///   more, and never more than 16,360 bytes.
///
/// Threads: one at a time for a feed. A second thread gets `REC_ERR_BUSY`.
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
/// space for the largest write, and in real time until audio that was too far ahead of the
/// clock is no longer so.
///
/// @param feed The feed.
/// @param timeout_ms The maximum wait in milliseconds.
///
/// Threads: any.
/// Blocking: until the feed accepts audio again, at most `timeout_ms`.
/// In callbacks: yes, but later events wait.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_TIMEOUT`, `REC_ERR_BAD_HANDLE` (the feed is closed, or was closed
/// meanwhile), `REC_ERR_BUSY`, `REC_ERR_FORKED`.
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
/// Audio before the present moment stays in the recording. Audio after it is not recorded, and
/// does not count as lost. The next write begins now. With two channels, both legs are cleared.
/// In stream time, no audio is ahead of a clock, and the function changes nothing.
///
/// @param feed The feed.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any. Meanwhile, the thread that feeds may get `REC_ERR_BUSY`.
/// Blocking: never, except while another thread hands in a packet to the feed.
/// In callbacks: yes.
/// Ownership: all arguments remain the caller's.
/// Errors: `REC_ERR_BAD_HANDLE` (the feed is closed), `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_feed_clear(feed: rec_feed, error: *mut rec_error) -> rec_status {
    run_always(error, || handles::feed::clear(Handle(feed.id)))
}

/// Closes a feed. Audio that was handed in is still recorded; from here on the leg is silent.
///
/// @param feed The feed.
///
/// Threads: any, also while another thread feeds.
/// Blocking: never, except while another thread hands in a packet to the feed.
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
