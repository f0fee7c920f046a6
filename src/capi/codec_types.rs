//! The struct of a codec that the host decodes, and its functions.

use std::ffi::{c_char, c_void};

use super::callback_types::rec_free_fn;
use super::types::rec_status;

/// Creates the state of a decoder for one stream: the packets of a leg that have the same SSRC and
/// the same format. Returns NULL if it cannot; the packet then counts as `undecodable`, and
/// `create` is called again for the next packet. A stream may have several states, one after the
/// other: see `rec_codec_ops`.
///
/// `sample_rate` and `channels` are those of the samples that `decode` must write. `fmtp` is the
/// value of the payload type's `fmtp` line, for example "octet-align=1", or NULL if there is none.
/// It is valid until the function returns.
///
/// Since: 0.2.0
pub type rec_codec_create_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        sample_rate: u32,
        channels: u32,
        fmtp: *const c_char,
    ) -> *mut c_void,
>;

/// Decodes the payload of one RTP packet.
///
/// `payload` has `size` bytes, at least 1. `samples` has space for `capacity` samples of each
/// channel, which is 200 ms. The function writes 16-bit samples in native byte order, with those
/// of several channels interleaved. It writes the number of samples of each channel to `count`,
/// which is 0 before, and returns `REC_OK`. The pointers are valid until it returns.
///
/// If the status is not `REC_OK`, or `count` is above `capacity`, the packet counts as
/// `undecodable`, and the state is destroyed.
///
/// Since: 0.2.0
pub type rec_codec_decode_fn = Option<
    unsafe extern "C" fn(
        state: *mut c_void,
        payload: *const u8,
        size: usize,
        samples: *mut i16,
        capacity: usize,
        count: *mut usize,
    ) -> rec_status,
>;

/// Conceals missing packets: writes `count` samples of each channel to `samples`, at most 60 ms,
/// and returns `REC_OK`. The samples have the form of those of `decode`. The pointer is valid
/// until the function returns.
///
/// The function is called only if `media.concealment` is "on", before `decode` for the packet that
/// follows the gap. If the status is not `REC_OK`, the gap is concealed as for a codec without
/// this function.
///
/// Since: 0.2.0
pub type rec_codec_conceal_fn =
    Option<unsafe extern "C" fn(state: *mut c_void, samples: *mut i16, count: usize) -> rec_status>;

/// Frees a state. The library does not use it afterwards.
///
/// Since: 0.2.0
pub type rec_codec_destroy_fn = Option<unsafe extern "C" fn(state: *mut c_void)>;

/// The functions of a codec that the host decodes, for `rec_codec_register`.
///
/// The library calls them on a thread of its own, one at a time. If a function does not return
/// within 1 s, another thread may call the functions for other states at the same time. The
/// functions for one state are never called at the same time. There is no time limit, but a packet
/// that is not decoded within 2 s is lost. The functions may call any function except `rec_close`,
/// which returns `REC_ERR_IN_CALLBACK`. They must not throw or longjmp out.
///
/// The packets of a stream are decoded in the order of their sequence numbers. Missing packets are
/// skipped. A packet that arrives after its successors were decoded gets a state of its own. After
/// a pause, and after an error, the state is destroyed and the next packet gets a new one, so that
/// no audio of a pause can be heard after it. What a state decodes must therefore not depend on
/// other states.
///
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_codec_ops {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Sample rate in Hz of the samples that `decode` writes: 8000 to 48000, and a multiple of the
    /// clock rate of the RTP timestamps. 0 means the clock rate. The two differ only for a codec
    /// such as G.722, whose timestamps count 8000 for a second of 16000 samples.
    pub sample_rate: u32,
    /// Number of channels that `decode` writes, at most 8. 0 means the number in `rtpmap`, or in
    /// `rec_feed_format.channels`. More than one channel is mixed down to the leg.
    pub channels: u32,
    /// Size of a frame in bytes, at most 16384, if all frames of the codec have the same size: for
    /// example 10 for G.729, and 33 for GSM. A packet of n bytes is then expected to have n /
    /// `frame_bytes` frames, rounded up. 0 if the size varies: a packet is then expected to be as
    /// long as the latest one that was decoded, and the first one as long as `ptime` says, or 20
    /// ms. In either case, no packet is expected to be longer than 200 ms. If `decode` writes fewer
    /// samples than expected, the rest is silence and counts as `undecodable`.
    pub frame_bytes: u32,
    /// Number of samples of each channel in a frame, at most 9600. For example 80 for G.729. 0
    /// if `frame_bytes` is 0.
    pub frame_samples: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Passed to `create` and `user_data_free`.
    pub user_data: *mut c_void,
    /// Called once with `user_data`, after every other function has returned for the last time:
    /// in `rec_close`, or after a timeout when the last function returns. May be NULL.
    pub user_data_free: rec_free_fn,
    /// Must not be NULL.
    pub create: rec_codec_create_fn,
    /// Must not be NULL.
    pub decode: rec_codec_decode_fn,
    /// May be NULL: the last period of the audio before a gap is repeated.
    pub conceal: rec_codec_conceal_fn,
    /// Must not be NULL.
    pub destroy: rec_codec_destroy_fn,
}
