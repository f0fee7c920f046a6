//! The file's shape, as a manifest's fields tell it.

use super::Manifest;
use crate::types::{Format, Layout};
use callrec_codec::Shape;

impl Manifest {
    /// The shape of the file, if the file itself does not tell it. What is not in the
    /// manifest is assumed: a rate of 8000 Hz, and the channels of the layout.
    pub fn shape(&self) -> Shape {
        let stereo = self.layout.is_empty() || self.layout == Layout::Stereo.text();
        Shape {
            format: Format::named(&self.format).unwrap_or(Format::WAV),
            rate: if self.sample_rate == 0 {
                8000
            } else {
                self.sample_rate
            },
            channels: match self.channels {
                0 if stereo => 2,
                0 => 1,
                channels => channels,
            },
        }
    }

    pub fn set_shape(&mut self, shape: &Shape) {
        self.set_format(shape.format);
        self.sample_rate = shape.rate;
        self.channels = shape.channels;
    }

    /// For a file whose rate and channels are not known yet.
    pub fn set_format(&mut self, format: Format) {
        self.format = format.name().to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_comes_back_as_it_was_set() {
        for format in Format::all() {
            let shape = Shape {
                format,
                rate: 16_000,
                channels: 1,
            };
            let mut manifest = Manifest::default();
            manifest.set_shape(&shape);
            assert_eq!(manifest.shape(), shape);
        }
    }

    #[test]
    fn what_a_manifest_does_not_tell_is_assumed() {
        let channels = |layout: &str| {
            let manifest = Manifest {
                layout: layout.to_owned(),
                ..Manifest::default()
            };
            let shape = manifest.shape();
            assert_eq!((shape.format, shape.rate), (Format::WAV, 8000));
            shape.channels
        };
        assert_eq!((channels(""), channels("stereo")), (2, 2));
        assert_eq!((channels("mono"), channels("remote")), (1, 1));
    }
}
