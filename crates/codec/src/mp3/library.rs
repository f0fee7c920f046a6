//! The library that encodes: this crate and its build contain none. The program provides it.

use std::sync::OnceLock;
use std::time::Instant;

use super::load_attempts::LoadAttempts;

/// What a stream must be created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mp3Settings {
    /// In Hz.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// In bit/s, constant.
    pub bitrate: u32,
}

/// A library that encodes MP3.
pub trait Mp3Library: Send + Sync {
    /// Begins a stream.
    ///
    /// # Errors
    ///
    /// A text for the log, for example if memory is short.
    fn begin(&self, settings: &Mp3Settings) -> Result<Box<dyn Mp3Stream>, String>;
}

/// Encodes one stream into frames that do not depend on each other: without a bit reservoir and
/// without tags.
pub trait Mp3Stream: Send {
    /// Encodes interleaved samples, and appends bytes of frames to `out`.
    ///
    /// # Errors
    ///
    /// A text for the log. The stream cannot be continued.
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), String>;

    /// Appends the remaining frames to `out`.
    ///
    /// # Errors
    ///
    /// As [`Mp3Stream::encode`].
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String>;
}

/// Loads the library, or says why that fails and what to do.
pub type Mp3Loader = fn() -> Result<&'static dyn Mp3Library, String>;

static LOADER: OnceLock<Mp3Loader> = OnceLock::new();
static LIBRARY: OnceLock<&'static dyn Mp3Library> = OnceLock::new();
static ATTEMPTS: LoadAttempts = LoadAttempts::new();

/// Sets how the library is loaded. Only the first call of a process has an effect.
pub fn set_mp3_loader(loader: Mp3Loader) {
    let _ = LOADER.set(loader);
}

/// The library, which is loaded when it is first needed and then stays loaded. A failure is
/// remembered for a second.
pub fn mp3_library() -> Result<&'static dyn Mp3Library, String> {
    if let Some(library) = LIBRARY.get() {
        return Ok(*library);
    }
    let loader = LOADER
        .get()
        .ok_or("this program loads no library that encodes MP3")?;
    let library = ATTEMPTS.load(Instant::now(), *loader)?;
    Ok(*LIBRARY.get_or_init(|| library))
}
