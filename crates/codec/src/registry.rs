//! The formats of this build: the valid values of `rec_start_options.format`.

use uuid::Uuid;

use crate::format::ParsedHeader;
use crate::{Container, Format, au, flac, mp3, ogg_opus, wav};

/// All containers. A new container needs one line here.
const CONTAINERS: &[&dyn Container] = &[
    &wav::Wav,
    &au::Au,
    &flac::Flac,
    &ogg_opus::OggOpus,
    &mp3::Mp3,
    #[cfg(feature = "paged")]
    &crate::paged::Paged,
];

impl Format {
    pub const WAV: Format = Format::of(&wav::FORMATS[0]);
    pub const WAV_ULAW: Format = Format::of(&wav::FORMATS[1]);
    pub const WAV_ALAW: Format = Format::of(&wav::FORMATS[2]);
    pub const FLAC: Format = Format::of(&flac::FORMATS[0]);

    pub fn containers() -> impl Iterator<Item = &'static dyn Container> {
        CONTAINERS.iter().copied()
    }

    /// All formats, in the order in which the documentation lists them.
    pub fn all() -> impl Iterator<Item = Format> {
        let specs = Format::containers().flat_map(|container| container.formats());
        specs.map(Format::of)
    }

    pub fn named(name: &str) -> Option<Format> {
        Format::all().find(|format| format.name() == name)
    }
}

/// The MIME type of a format's files; `application/octet-stream` for an unknown format.
pub fn mime_type(name: &str) -> &'static str {
    let known = Format::named(name);
    known.map_or("application/octet-stream", |format| {
        format.container().mime_type()
    })
}

/// Parses the header of a file of any format.
pub fn parse(start: &[u8]) -> Option<ParsedHeader> {
    Format::containers().find_map(|container| container.parse(start))
}

/// See [`Container::recording_id`].
pub fn recording_id(start: &[u8]) -> Option<Uuid> {
    Format::containers().find_map(|container| container.recording_id(start))
}
