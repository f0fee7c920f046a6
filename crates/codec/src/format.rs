//! The formats of audio files.

use crate::SampleFormat;

/// A file format that this build writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Wav,
    WavUlaw,
    WavAlaw,
}

impl Format {
    pub fn text(self) -> &'static str {
        match self {
            Format::Wav => "wav",
            Format::WavUlaw => "wav-ulaw",
            Format::WavAlaw => "wav-alaw",
        }
    }

    /// The file name's extension, without the dot.
    pub fn extension(self) -> &'static str {
        "wav"
    }

    /// How its encoder takes samples.
    pub fn samples(self) -> SampleFormat {
        match self {
            Format::Wav => SampleFormat::Pcm16,
            Format::WavUlaw => SampleFormat::Ulaw,
            Format::WavAlaw => SampleFormat::Alaw,
        }
    }

    /// The rate in Hz of a file whose recording asks for none; `None`: that of the audio.
    pub fn rate(self) -> Option<u32> {
        match self {
            Format::Wav => None,
            Format::WavUlaw | Format::WavAlaw => Some(8000),
        }
    }
}
