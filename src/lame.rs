//! LAME, which encodes MP3. It is under the LGPL, so a default build of callrec contains none of it: the
//! library of the system is loaded when a recording in MP3 is first asked for, and then stays loaded.
//! With the feature `mp3`, LAME is compiled in, and nothing is loaded.

#![allow(unsafe_code)]

#[cfg(feature = "mp3")]
mod compiled;
mod library;
mod loaded;

#[cfg(feature = "mp3")]
pub use compiled::COMPILED;
pub use library::Lame;
pub use loaded::{NAMES, load};

use callrec_codec::mp3::set_mp3_loader;

/// Lets recordings in MP3 use LAME. Called whenever settings are created.
pub fn provide() {
    #[cfg(feature = "mp3")]
    set_mp3_loader(|| Ok(&COMPILED));
    #[cfg(not(feature = "mp3"))]
    set_mp3_loader(|| Ok(load(NAMES)?));
}
