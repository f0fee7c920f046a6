//! The system's library, loaded at run time.

use super::library::{Lame, LameFunctions};

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
            .and_then(find)
        {
            Ok(lame) => return Ok(Box::leak(Box::new(lame))),
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

/// Finds a function of the library.
macro_rules! function {
    ($library:expr, $name:literal) => {{
        // SAFETY: the type is the one of LAME's header, and a library with all functions stays loaded.
        let found = unsafe { $library.get(concat!($name, "\0").as_bytes()) };
        *found.map_err(|_| concat!("has no function ", $name).to_owned())?
    }};
}

fn find(library: Library) -> Result<Lame, String> {
    let functions = LameFunctions {
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
    };
    std::mem::forget(library);
    // SAFETY: the types are those of LAME's header, and the library is never unloaded.
    Ok(unsafe { Lame::new(functions) })
}
