//! A recording while it grows.

use super::audio_file::AudioFile;
use super::container::FileShape;
use super::manifest::Manifest;
use crate::words::{Error, Format, Layout, parse_format};
use std::io;
use uuid::Uuid;

/// A recording whose file has been made and is not published yet.
pub struct Live {
    pub id: Uuid,
    pub audio: AudioFile,
    /// The latest that is known.
    pub manifest: Box<Manifest>,
    /// An earlier process left it.
    pub recovers: bool,
}

impl Live {
    /// Notes in the manifest what the file is.
    pub fn state_shape(&mut self) {
        let shape = self.audio.shape();
        self.manifest.format = shape.format.text().to_owned();
        self.manifest.sample_rate = shape.rate;
        self.manifest.channels = shape.channels;
    }

    /// Notes in the manifest what is in the file: it outranks what was counted.
    pub fn state_facts(&mut self) {
        self.state_shape();
        let frames = self.audio.frames();
        self.manifest.samples = frames;
        self.manifest.duration_ms = self.audio.shape().duration_ms(frames);
        self.manifest.note_audio();
        self.manifest.bytes = self.audio.sealed_bytes();
    }

    /// Names an error of the disk after the file.
    pub fn error(&self, error: &io::Error) -> Error {
        write_error(self.audio.current(), error)
    }
}

/// What a manifest tells of a file whose header does not.
pub fn shape_of(manifest: &Manifest) -> FileShape {
    let stereo = manifest.layout.is_empty() || manifest.layout == Layout::Stereo.text();
    FileShape {
        format: parse_format(&manifest.format).unwrap_or(Format::Wav),
        rate: if manifest.sample_rate == 0 {
            8000
        } else {
            manifest.sample_rate
        },
        channels: match manifest.channels {
            0 if stereo => 2,
            0 => 1,
            channels => channels,
        },
    }
}

/// An error of the disk, in words that name the recording's file.
pub fn write_error(path: &str, error: &io::Error) -> Error {
    Error::io(format_args!("\"{path}\""), error)
}
