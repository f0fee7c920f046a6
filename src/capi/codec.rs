//! Codecs that the host decodes.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use super::codec_types::*;
use super::convert::{check_reserved, invalid, read_required, str_of};
use super::engine_of;
use super::event::HostData;
use super::guard::run_with_memory;
use super::types::*;
use crate::host_codecs::{CodecDescription, DecoderParameters, HostCodec, HostDecoder};
use crate::types::Result;

/// The maximum length of an encoding name in bytes (RFC 4855 permits 127 for a subtype).
const NAME_MAX: usize = 127;
/// The range of a decoder's sampling rate in Hz.
const RATES: std::ops::RangeInclusive<u32> = 8000..=48_000;
const CHANNELS_MAX: u32 = 8;
/// The maximum size of a frame in bytes, and in samples of one channel.
const FRAME_BYTES_MAX: u32 = 16_384;
const FRAME_SAMPLES_MAX: u32 = 9600;

/// Registers a codec that the host decodes, for RTP packets.
///
/// The codec is used for the payload types that `rec_feed_sdp` finds with this encoding name,
/// and for those that `rec_feed_payload` sets to `codec`. A name that the library decodes
/// itself, such as "opus", may be registered too: from then on, `rec_feed_sdp` uses the host's
/// decoder for it.
///
/// The static payload types of RFC 3551 that the library does not decode need no `rtpmap`, and
/// no declaration at all in feeds that are opened after the registration: 3 (GSM), 4 (G723), 5,
/// 6, 16 and 17 (DVI4), 7 (LPC), 12 (QCELP), 15 (G728) and 18 (G729). Without an `rtpmap`, 0, 8,
/// 9, 10 and 11 stay the library's.
///
/// The codec stays registered until `rec_close`. It can be registered at any time, also during
/// calls, and applies to payload types that are set afterwards.
///
/// The host's functions run on a thread of their own, one for each registered codec. Passing in
/// a packet never waits for them, and they do not delay recordings of other codecs. A packet that
/// is not decoded within 2 s is lost and counts as `decoder_timeout`. Until the decoder returns,
/// further packets of that stream are lost at once. If a function does not return within 1 s while
/// other streams of the codec wait, another thread continues with these: see `rec_codec_ops`. A
/// recording that is stopped ends up to 2 s later if packets are still being decoded.
///
/// @param engine The engine.
/// @param encoding_name The encoding name as in `rtpmap`, for example "AMR". Upper and lower
///   case are the same. Must not be NULL or "". Printable ASCII without "/", at most 127 bytes;
///   not "telephone-event", "tone", "red" or "CN".
/// @param ops The host's functions. Must not be NULL. The library copies the struct.
/// @param[out] codec The value for `rec_feed_format.codec` in `rec_feed_payload`. May be NULL.
/// @param[out] error The details of a failure. May be NULL.
///
/// Threads: any.
/// Blocking: until the codec's thread is started.
/// In callbacks: yes.
/// Ownership: `encoding_name` and `ops` remain the caller's. callrec uses `ops->user_data` and
/// the functions until it calls `ops->user_data_free`, or, if that is NULL, until `rec_close`
/// has returned `REC_OK`. After an error, it uses none of them.
/// Errors: `REC_ERR_INVALID_ARGUMENT`, `REC_ERR_EXISTS` (a codec with this name is registered
/// already), `REC_ERR_LIMIT` (the engine has 64 registered codecs), `REC_ERR_IO` (the thread
/// cannot be started), `REC_ERR_BAD_HANDLE`, `REC_ERR_UNAVAILABLE`, `REC_ERR_FORKED`.
/// Since: 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rec_codec_register(
    engine: rec_engine,
    encoding_name: *const c_char,
    ops: *const rec_codec_ops,
    codec: *mut i32,
    error: *mut rec_error,
) -> rec_status {
    run_with_memory(error, || {
        // SAFETY: a string or NULL, by the rules of the API.
        let name = unsafe { str_of(encoding_name, "encoding_name", NAME_MAX) }?;
        let name = checked_name(name.unwrap_or_default())?;
        // SAFETY: a rec_codec_ops or NULL, by the rules of the API.
        let ops = unsafe { read_required(ops, "ops") }?;
        let description = description_of(name, &ops)?;
        let engine = engine_of(engine)?;
        let functions = Arc::new(HostFunctions::new(&ops)?);
        match engine.register_codec(description, functions.clone()) {
            Ok(number) => {
                if let Some(codec) = NonNull::new(codec) {
                    // SAFETY: not NULL, so it points to a writable int32_t.
                    unsafe { codec.write(number) };
                }
                Ok(())
            }
            Err(error) => {
                // After an error, `user_data_free` is not called.
                if let Some(functions) = Arc::into_inner(functions) {
                    functions.leave_with_host();
                }
                Err(error)
            }
        }
    })
}

/// Encodings that are no audio codecs.
const NO_CODECS: [&str; 4] = ["telephone-event", "tone", "red", "CN"];

fn checked_name(name: &str) -> Result<&str> {
    if NO_CODECS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(invalid(format!("encoding_name \"{name}\": is no codec")));
    }
    let is_allowed = |c: char| c.is_ascii_graphic() && c != '/';
    match !name.is_empty() && name.chars().all(is_allowed) {
        true => Ok(name),
        false => Err(invalid(format!(
            "encoding_name \"{name}\": must be printable ASCII without \"/\""
        ))),
    }
}

fn description_of(name: &str, ops: &rec_codec_ops) -> Result<CodecDescription> {
    check_reserved(ops.reserved, "ops.reserved")?;
    if ops.sample_rate != 0 && !RATES.contains(&ops.sample_rate) {
        let rate = ops.sample_rate;
        return Err(invalid(format!(
            "ops.sample_rate {rate}: must be 0 or 8000 to 48000"
        )));
    }
    if ops.channels > CHANNELS_MAX {
        let channels = ops.channels;
        return Err(invalid(format!(
            "ops.channels {channels}: must be at most {CHANNELS_MAX}"
        )));
    }
    let frame = (ops.frame_bytes, ops.frame_samples);
    let is_frame = (1..=FRAME_BYTES_MAX).contains(&frame.0) && (1..=FRAME_SAMPLES_MAX).contains(&frame.1);
    if frame != (0, 0) && !is_frame {
        return Err(invalid(format!(
            "ops.frame_bytes {} and frame_samples {}: must both be 0, or 1 to {FRAME_BYTES_MAX} and 1 to \
             {FRAME_SAMPLES_MAX}",
            frame.0, frame.1
        )));
    }
    Ok(CodecDescription {
        name: name.to_owned(),
        rate: ops.sample_rate,
        channels: ops.channels,
        frame: is_frame.then_some(frame),
    })
}

type CreateFn = unsafe extern "C" fn(*mut c_void, u32, u32, *const c_char) -> *mut c_void;
type DecodeFn =
    unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut i16, usize, *mut usize) -> rec_status;
type ConcealFn = unsafe extern "C" fn(*mut c_void, *mut i16, usize) -> rec_status;
type DestroyFn = unsafe extern "C" fn(*mut c_void);

/// The host's functions, and its pointer.
struct HostFunctions {
    create: CreateFn,
    decode: DecodeFn,
    conceal: Option<ConcealFn>,
    destroy: DestroyFn,
    data: Arc<HostData>,
}

impl HostFunctions {
    fn new(ops: &rec_codec_ops) -> Result<HostFunctions> {
        let missing = |name: &str| invalid(format!("ops.{name} is NULL"));
        Ok(HostFunctions {
            create: ops.create.ok_or_else(|| missing("create"))?,
            decode: ops.decode.ok_or_else(|| missing("decode"))?,
            conceal: ops.conceal,
            destroy: ops.destroy.ok_or_else(|| missing("destroy"))?,
            data: Arc::new(HostData::new(ops.user_data, ops.user_data_free)),
        })
    }

    fn leave_with_host(self) {
        if let Some(mut data) = Arc::into_inner(self.data) {
            data.leave_with_host();
        }
    }
}

impl HostCodec for HostFunctions {
    fn create(&self, parameters: &DecoderParameters) -> Option<Box<dyn HostDecoder>> {
        let DecoderParameters { rate, channels, fmtp } = parameters;
        let fmtp = fmtp.as_deref().map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: the host's function, by the rules of rec_codec_ops.
        let state = unsafe { (self.create)(self.data.pointer(), *rate, *channels, fmtp) };
        Some(Box::new(StreamState {
            state: NonNull::new(state)?,
            decode: self.decode,
            conceal: self.conceal,
            destroy: self.destroy,
            channels: *channels as usize,
            _data: self.data.clone(),
        }))
    }
}

/// A state that the host has created.
struct StreamState {
    state: NonNull<c_void>,
    decode: DecodeFn,
    conceal: Option<ConcealFn>,
    destroy: DestroyFn,
    channels: usize,
    /// `user_data` is not freed before the state is destroyed.
    _data: Arc<HostData>,
}

// SAFETY: by the API, the functions for one state may be called on different threads, one after
// the other.
unsafe impl Send for StreamState {}

impl HostDecoder for StreamState {
    fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Option<usize> {
        let capacity = samples.len() / self.channels.max(1);
        let mut count = 0;
        // SAFETY: the host's function and state. The payload is readable and the samples are
        // writable until it returns.
        let status = unsafe {
            (self.decode)(
                self.state.as_ptr(),
                payload.as_ptr(),
                payload.len(),
                samples.as_mut_ptr(),
                capacity,
                &raw mut count,
            )
        };
        (status == REC_OK && count <= capacity).then_some(count)
    }

    fn conceal(&mut self, samples: &mut [i16]) -> bool {
        let Some(conceal) = self.conceal else {
            return false;
        };
        let count = samples.len() / self.channels.max(1);
        // SAFETY: the host's function and state. The samples are writable until it returns.
        unsafe { conceal(self.state.as_ptr(), samples.as_mut_ptr(), count) == REC_OK }
    }
}

impl Drop for StreamState {
    fn drop(&mut self) {
        // SAFETY: the host's function, called once with its own state.
        unsafe { (self.destroy)(self.state.as_ptr()) };
    }
}
