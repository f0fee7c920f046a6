//! The formats of this build: what `rec_start_options.format` may name.

use uuid::Uuid;

use crate::format::Found;
use crate::{Container, Format, au, wav};

/// The containers, each with its formats. A new one is one line here.
const CONTAINERS: &[&dyn Container] = &[
    &wav::Wav,
    &au::Au,
    #[cfg(feature = "paged")]
    &crate::paged::Paged,
];

impl Format {
    pub const WAV: Format = Format::of(&wav::FORMATS[0]);
    pub const WAV_ULAW: Format = Format::of(&wav::FORMATS[1]);
    pub const WAV_ALAW: Format = Format::of(&wav::FORMATS[2]);

    pub fn containers() -> impl Iterator<Item = &'static dyn Container> {
        CONTAINERS.iter().copied()
    }

    /// All of them, in the order of the documents.
    pub fn all() -> impl Iterator<Item = Format> {
        let specs = Format::containers().flat_map(|container| container.formats());
        specs.map(Format::of)
    }

    pub fn named(name: &str) -> Option<Format> {
        Format::all().find(|format| format.name() == name)
    }
}

/// Reads the header of a file of any format.
pub fn parse(start: &[u8]) -> Option<Found> {
    Format::containers().find_map(|container| container.parse(start))
}

/// See [`Container::writer`].
pub fn writer(start: &[u8]) -> Option<Uuid> {
    Format::containers().find_map(|container| container.writer(start))
}
