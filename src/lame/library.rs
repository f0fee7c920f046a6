//! The functions of LAME, and the streams that they encode.

use std::ffi::{c_int, c_short, c_uchar, c_void};
use std::ptr::NonNull;

use callrec_codec::mp3::{Mp3Library, Mp3Settings, Mp3Stream};
use parking_lot::Mutex;

/// `MPEG_mode` of `lame.h`.
const STEREO: c_int = 0;
const MONO: c_int = 3;
/// `vbr_mode` of `lame.h`.
const VBR_OFF: c_int = 0;
/// LAME's default of -q.
const QUALITY: c_int = 5;
/// The most samples of each channel in one call.
const SAMPLES_MAX: usize = 4096;
/// What `lame.h` demands for that many samples.
const OUT_BYTES: usize = SAMPLES_MAX * 5 / 4 + 7200;

/// `lame_t`.
pub type LameHandle = *mut c_void;
pub type SetNumber = unsafe extern "C" fn(LameHandle, c_int) -> c_int;
pub type Encode =
    unsafe extern "C" fn(LameHandle, *const c_short, *const c_short, c_int, *mut c_uchar, c_int) -> c_int;
pub type EncodeInterleaved =
    unsafe extern "C" fn(LameHandle, *const c_short, c_int, *mut c_uchar, c_int) -> c_int;
pub type Flush = unsafe extern "C" fn(LameHandle, *mut c_uchar, c_int) -> c_int;
/// NULL: messages are dropped instead of written to the host's stderr.
pub type SetReport = unsafe extern "C" fn(LameHandle, *const c_void) -> c_int;

/// The functions of LAME that are used.
#[derive(Clone, Copy)]
pub struct LameFunctions {
    pub init: unsafe extern "C" fn() -> LameHandle,
    pub init_params: unsafe extern "C" fn(LameHandle) -> c_int,
    pub close: unsafe extern "C" fn(LameHandle) -> c_int,
    pub set_id3tag_automatic: unsafe extern "C" fn(LameHandle, c_int),
    pub set_in_samplerate: SetNumber,
    pub set_out_samplerate: SetNumber,
    pub set_num_channels: SetNumber,
    pub set_mode: SetNumber,
    pub set_brate: SetNumber,
    pub set_vbr: SetNumber,
    pub set_quality: SetNumber,
    pub set_disable_reservoir: SetNumber,
    pub set_vbr_tag: SetNumber,
    pub set_reports: [SetReport; 3],
    pub encode: Encode,
    pub encode_interleaved: EncodeInterleaved,
    pub flush: Flush,
}

/// LAME, loaded or compiled in.
pub struct Lame {
    functions: LameFunctions,
    /// LAME fills tables that all streams share when a stream is created.
    creation: Mutex<()>,
}

impl Lame {
    /// # Safety
    ///
    /// The functions must be those of LAME's header, and stay valid until the process ends.
    pub const unsafe fn new(functions: LameFunctions) -> Lame {
        Lame {
            functions,
            creation: Mutex::new(()),
        }
    }
}

impl Mp3Library for Lame {
    fn begin(&self, settings: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String> {
        let _creation = self.creation.lock();
        let functions = self.functions;
        // SAFETY: the function takes nothing, and returns NULL or a new stream.
        let handle = NonNull::new(unsafe { (functions.init)() });
        let stream = LameStream {
            functions,
            handle: handle.ok_or("LAME has no memory for a stream")?,
            channels: usize::from(settings.channels),
            out: vec![0; OUT_BYTES],
        };
        let handle = stream.handle.as_ptr();
        for set in functions.set_reports {
            // SAFETY: the stream is valid, and LAME calls no function that is NULL.
            unsafe { set(handle, std::ptr::null()) };
        }
        // SAFETY: the stream is valid.
        unsafe { (functions.set_id3tag_automatic)(handle, 0) };
        let mode = if settings.channels == 1 { MONO } else { STEREO };
        let numbers = [
            (functions.set_in_samplerate, settings.rate as c_int),
            (functions.set_out_samplerate, settings.rate as c_int),
            (functions.set_num_channels, settings.channels.into()),
            (functions.set_mode, mode),
            (functions.set_brate, (settings.bitrate / 1000) as c_int),
            (functions.set_vbr, VBR_OFF),
            (functions.set_quality, QUALITY),
            (functions.set_disable_reservoir, 1),
            (functions.set_vbr_tag, 0),
        ];
        for (set, value) in numbers {
            // SAFETY: the stream is valid, and not initialized yet.
            if unsafe { set(handle, value) } < 0 {
                return Err(format!("LAME refuses {settings:?}"));
            }
        }
        // SAFETY: the stream is valid.
        match unsafe { (functions.init_params)(handle) } {
            0.. => Ok(Box::new(stream)),
            error => Err(format!("LAME refuses {settings:?}: error {error}")),
        }
    }
}

/// One `lame_t`.
struct LameStream {
    functions: LameFunctions,
    handle: NonNull<c_void>,
    channels: usize,
    out: Vec<u8>,
}

// SAFETY: LAME has no data of threads; a stream may be used by one thread after another.
unsafe impl Send for LameStream {}

impl LameStream {
    /// Appends what a call has written to the own buffer.
    fn take(&self, returned: c_int, out: &mut Vec<u8>) -> Result<(), String> {
        let bytes = usize::try_from(returned).ok().and_then(|len| self.out.get(..len));
        out.extend_from_slice(bytes.ok_or_else(|| format!("LAME failed with error {returned}"))?);
        Ok(())
    }
}

impl Mp3Stream for LameStream {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), String> {
        let buffer = (self.out.as_mut_ptr(), self.out.len() as c_int);
        for piece in samples.chunks(SAMPLES_MAX * self.channels) {
            let (from, count) = (piece.as_ptr(), (piece.len() / self.channels) as c_int);
            let handle = self.handle.as_ptr();
            // SAFETY: the stream is valid and not in use; `from` has `count` samples of each
            // channel, and the buffer has as many bytes as LAME demands for them.
            let returned = unsafe {
                match self.channels {
                    1 => (self.functions.encode)(handle, from, from, count, buffer.0, buffer.1),
                    _ => (self.functions.encode_interleaved)(handle, from, count, buffer.0, buffer.1),
                }
            };
            self.take(returned, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let (buffer, len) = (self.out.as_mut_ptr(), self.out.len() as c_int);
        // SAFETY: the stream is valid and not in use; the buffer has at least the 7200 bytes that
        // LAME demands.
        let returned = unsafe { (self.functions.flush)(self.handle.as_ptr(), buffer, len) };
        self.take(returned, out)
    }
}

impl Drop for LameStream {
    fn drop(&mut self) {
        // SAFETY: the stream is valid, and not used afterwards.
        unsafe { (self.functions.close)(self.handle.as_ptr()) };
    }
}
