//! The formats of recordings: what `rec_start_options.format` may name.

use std::ffi::CStr;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::{Container, Encoder, SampleFormat, Shape, wav};

/// The containers of this build, each with its formats. A new one is one line here.
const CONTAINERS: &[&dyn Container] = &[
    &wav::Wav,
    #[cfg(feature = "paged")]
    &crate::paged::Paged,
];

/// A format's declaration, in the file of its container.
pub struct FormatSpec {
    /// In options, manifests and answers; ASCII.
    pub name: &'static CStr,
    /// How its encoder takes samples.
    pub samples: SampleFormat,
    /// The rate in Hz of a file whose recording asks for none; `None`: that of the audio.
    pub rate: Option<u32>,
    pub container: &'static dyn Container,
    pub encoder: fn(&Shape) -> Box<dyn Encoder>,
}

/// A format that this build writes. What is known of it is asked of its container.
#[derive(Clone, Copy)]
pub struct Format(&'static FormatSpec);

impl Format {
    pub const WAV: Format = Format(&wav::FORMATS[0]);
    pub const WAV_ULAW: Format = Format(&wav::FORMATS[1]);
    pub const WAV_ALAW: Format = Format(&wav::FORMATS[2]);

    pub fn containers() -> impl Iterator<Item = &'static dyn Container> {
        CONTAINERS.iter().copied()
    }

    /// All of them, in the order of the documents.
    pub fn all() -> impl Iterator<Item = Format> {
        Format::containers()
            .flat_map(|container| container.formats())
            .map(Format)
    }

    pub fn named(name: &str) -> Option<Format> {
        Format::all().find(|format| format.name() == name)
    }

    pub fn c_name(self) -> &'static CStr {
        self.0.name
    }

    pub fn name(self) -> &'static str {
        self.0.name.to_str().unwrap_or_default()
    }

    pub fn container(self) -> &'static dyn Container {
        self.0.container
    }

    /// Of a file's name, without the dot.
    pub fn extension(self) -> &'static str {
        self.0.container.extension()
    }

    pub fn samples(self) -> SampleFormat {
        self.0.samples
    }

    /// The rate in Hz of a file whose recording asks for none; `None`: that of the audio.
    pub fn rate(self) -> Option<u32> {
        self.0.rate
    }

    pub fn encoder(self, shape: &Shape) -> Box<dyn Encoder> {
        (self.0.encoder)(shape)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Format {}

impl Hash for Format {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
