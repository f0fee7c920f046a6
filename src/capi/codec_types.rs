//! The struct of a codec that the host decodes, and its functions.

use std::ffi::{c_char, c_void};

use super::callback_types::rec_free_fn;
use super::types::rec_status;

/// Creates a decoder for one stream: the packets with one SSRC. Returns its state, or NULL if it
/// cannot; then the packet counts as `undecodable`, and the next one tries again.
///
/// `sample_rate` and `channels` are those of the samples that `decode` is to write. `fmtp` is
/// the value of the payload type's `fmtp` line, for example "octet-align=1", or NULL if there is
/// none; it is valid until the function returns.
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
/// channel, 200 ms; they are 16-bit, in native byte order, and those of several channels are
/// interleaved. Writes the number of samples of each channel to `count`, which is 0 before, and
/// returns `REC_OK`. With any other status, or a `count` above `capacity`, the packet counts as
/// `undecodable`, and the state is destroyed.
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

/// Writes `count` samples of each channel in place of packets that are missing, at most 60 ms, and
/// returns `REC_OK`. It is called with `media.concealment` "on", before `decode` for the packet
/// that follows the gap. With any other status, the gap is concealed as for a codec without this
/// function.
pub type rec_codec_conceal_fn =
    Option<unsafe extern "C" fn(state: *mut c_void, samples: *mut i16, count: usize) -> rec_status>;

/// Destroys a state. It is not used any more.
pub type rec_codec_destroy_fn = Option<unsafe extern "C" fn(state: *mut c_void)>;

/// The functions of a codec that the host decodes, for `rec_codec_register`.
///
/// The library calls them on a thread of its own, one at a time. Only if a function does not
/// return within 1 s, another thread may call the functions for other states at the same time.
/// The functions for one state are never called at the same time. They may take any time; what
/// depends on their result is lost if they take more than 2 s. They may call any function except
/// `rec_close`, which returns `REC_ERR_IN_CALLBACK`. They must not throw or longjmp out.
///
/// The packets of a stream come in the order of their sequence numbers. A packet that is missing
/// is left out. A packet that arrives too late for that is decoded by a state of its own. After
/// a pause, and after an error, the state is destroyed and created anew, so that no audio of a
/// pause can be heard after it: what a state decodes must not depend on other states.
///
/// Since: 0.2.0
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rec_codec_ops {
    /// Size of this struct in bytes. Set by `REC_INIT`.
    pub struct_size: u32,
    /// Sample rate in Hz of the samples that `decode` writes: 8000 to 48000, a multiple of the
    /// clock rate in `rtpmap`. 0 means that it is the clock rate. Only for a codec such as
    /// G.722, whose timestamps count 8000 in a second of 16000 samples, the two differ.
    pub sample_rate: u32,
    /// Number of channels that `decode` writes, at most 8. 0 means the number in `rtpmap`, or in
    /// `rec_feed_format.channels`. More than one channel is mixed down to the leg.
    pub channels: u32,
    /// Size of a frame in bytes, at most 16384, if the codec has frames of one size: a packet of
    /// n bytes then has n / `frame_bytes` frames, rounded up. For example 10 for G.729, and 33
    /// for GSM. 0 if the size varies: a packet is then expected to be as long as the latest one
    /// that was decoded; before that, as `ptime` says, or 20 ms.
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
