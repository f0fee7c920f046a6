//! LAME, which encodes MP3. It is under the LGPL, so no build of callrec contains it: the library of
//! the system is loaded when a recording in MP3 is first asked for, and then stays loaded.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_short, c_uchar, c_void};
use std::ptr::NonNull;

use callrec_codec::mp3::{Mp3Library, Mp3Settings, Mp3Stream, set_mp3_loader};
use parking_lot::Mutex;

#[cfg(unix)]
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
#[cfg(windows)]
use libloading::os::windows::{LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, Library};

/// The names of the library. They have no path, so that only the system's directories are searched.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub const NAMES: &[&str] = &["libmp3lame.so.0"];
#[cfg(target_vendor = "apple")]
pub const NAMES: &[&str] = &["libmp3lame.0.dylib"];
#[cfg(windows)]
pub const NAMES: &[&str] = &["libmp3lame.dll", "libmp3lame-0.dll"];

const REMEDY: &str = if cfg!(windows) {
    "put it beside the program"
} else {
    "install LAME (Debian: the package libmp3lame0)"
};

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

/// Lets recordings in MP3 load the system's library. Called whenever settings are created.
pub fn provide() {
    set_mp3_loader(|| Ok(load(NAMES)?));
}

/// Loads the first library of these names that exists. It is never unloaded.
///
/// # Errors
///
/// What is missing, and what to do.
pub fn load(names: &[&str]) -> Result<&'static Lame, String> {
    let mut errors = Vec::new();
    for name in names {
        match open(name)
            .map_err(|_| "cannot be loaded".to_owned())
            .and_then(Lame::new)
        {
            Ok(library) => return Ok(Box::leak(Box::new(library))),
            Err(why) => errors.push(format!("{name} {why}")),
        }
    }
    Err(format!("{}; {REMEDY}", errors.join(", ")))
}

#[cfg(unix)]
fn open(name: &str) -> Result<Library, libloading::Error> {
    // SAFETY: LAME's library has no initializers of its own.
    unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }
}

#[cfg(windows)]
fn open(name: &str) -> Result<Library, libloading::Error> {
    // SAFETY: LAME's library has no initializers of its own.
    unsafe { Library::load_with_flags(name, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS) }
}

/// `lame_t`.
type LameHandle = *mut c_void;
type SetNumber = unsafe extern "C" fn(LameHandle, c_int) -> c_int;
type Encode =
    unsafe extern "C" fn(LameHandle, *const c_short, *const c_short, c_int, *mut c_uchar, c_int) -> c_int;
type EncodeInterleaved =
    unsafe extern "C" fn(LameHandle, *const c_short, c_int, *mut c_uchar, c_int) -> c_int;
type Flush = unsafe extern "C" fn(LameHandle, *mut c_uchar, c_int) -> c_int;
/// NULL: messages are dropped instead of written to the host's stderr.
type SetReport = unsafe extern "C" fn(LameHandle, *const c_void) -> c_int;

/// The functions of a loaded library.
pub struct Lame {
    init: unsafe extern "C" fn() -> LameHandle,
    init_params: unsafe extern "C" fn(LameHandle) -> c_int,
    close: unsafe extern "C" fn(LameHandle) -> c_int,
    set_id3tag_automatic: unsafe extern "C" fn(LameHandle, c_int),
    set_in_samplerate: SetNumber,
    set_out_samplerate: SetNumber,
    set_num_channels: SetNumber,
    set_mode: SetNumber,
    set_brate: SetNumber,
    set_vbr: SetNumber,
    set_quality: SetNumber,
    set_disable_reservoir: SetNumber,
    set_vbr_tag: SetNumber,
    set_reports: [SetReport; 3],
    encode: Encode,
    encode_interleaved: EncodeInterleaved,
    flush: Flush,
    /// LAME fills tables that all streams share when a stream is created.
    creation: Mutex<()>,
    /// Keeps the functions valid.
    _library: Library,
}

/// Finds a function of the library.
macro_rules! function {
    ($library:expr, $name:literal) => {{
        // SAFETY: the type is the one of LAME's header, and `Lame` keeps the library loaded.
        let found = unsafe { $library.get(concat!($name, "\0").as_bytes()) };
        *found.map_err(|_| concat!("has no function ", $name).to_owned())?
    }};
}

impl Lame {
    fn new(library: Library) -> Result<Lame, String> {
        Ok(Lame {
            init: function!(library, "lame_init"),
            init_params: function!(library, "lame_init_params"),
            close: function!(library, "lame_close"),
            set_id3tag_automatic: function!(library, "lame_set_write_id3tag_automatic"),
            set_in_samplerate: function!(library, "lame_set_in_samplerate"),
            set_out_samplerate: function!(library, "lame_set_out_samplerate"),
            set_num_channels: function!(library, "lame_set_num_channels"),
            set_mode: function!(library, "lame_set_mode"),
            set_brate: function!(library, "lame_set_brate"),
            set_vbr: function!(library, "lame_set_VBR"),
            set_quality: function!(library, "lame_set_quality"),
            set_disable_reservoir: function!(library, "lame_set_disable_reservoir"),
            set_vbr_tag: function!(library, "lame_set_bWriteVbrTag"),
            set_reports: [
                function!(library, "lame_set_errorf"),
                function!(library, "lame_set_msgf"),
                function!(library, "lame_set_debugf"),
            ],
            encode: function!(library, "lame_encode_buffer"),
            encode_interleaved: function!(library, "lame_encode_buffer_interleaved"),
            flush: function!(library, "lame_encode_flush"),
            creation: Mutex::new(()),
            _library: library,
        })
    }
}

impl Mp3Library for Lame {
    fn begin(&self, settings: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String> {
        let _creation = self.creation.lock();
        // SAFETY: the function takes nothing, and returns NULL or a new stream.
        let handle = NonNull::new(unsafe { (self.init)() });
        let stream = LameStream {
            functions: StreamFunctions {
                close: self.close,
                encode: self.encode,
                encode_interleaved: self.encode_interleaved,
                flush: self.flush,
            },
            handle: handle.ok_or("LAME has no memory for a stream")?,
            channels: usize::from(settings.channels),
            out: vec![0; OUT_BYTES],
        };
        let handle = stream.handle.as_ptr();
        for set in self.set_reports {
            // SAFETY: the stream is valid, and LAME calls no function that is NULL.
            unsafe { set(handle, std::ptr::null()) };
        }
        // SAFETY: the stream is valid.
        unsafe { (self.set_id3tag_automatic)(handle, 0) };
        let mode = if settings.channels == 1 { MONO } else { STEREO };
        let numbers = [
            (self.set_in_samplerate, settings.rate as c_int),
            (self.set_out_samplerate, settings.rate as c_int),
            (self.set_num_channels, settings.channels.into()),
            (self.set_mode, mode),
            (self.set_brate, (settings.bitrate / 1000) as c_int),
            (self.set_vbr, VBR_OFF),
            (self.set_quality, QUALITY),
            (self.set_disable_reservoir, 1),
            (self.set_vbr_tag, 0),
        ];
        for (set, value) in numbers {
            // SAFETY: the stream is valid, and not initialized yet.
            if unsafe { set(handle, value) } < 0 {
                return Err(format!("LAME refuses {settings:?}"));
            }
        }
        // SAFETY: the stream is valid.
        match unsafe { (self.init_params)(handle) } {
            0.. => Ok(Box::new(stream)),
            error => Err(format!("LAME refuses {settings:?}: error {error}")),
        }
    }
}

struct StreamFunctions {
    close: unsafe extern "C" fn(LameHandle) -> c_int,
    encode: Encode,
    encode_interleaved: EncodeInterleaved,
    flush: Flush,
}

/// One `lame_t`.
struct LameStream {
    /// They stay valid: [`load`] never unloads the library.
    functions: StreamFunctions,
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
