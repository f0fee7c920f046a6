//! The shape of a file in the fields of its manifest.

use super::Manifest;
use crate::types::{Format, Layout};
use callrec_codec::Shape;

impl Manifest {
    /// The shape of the file, used if the file has no header. Missing fields have defaults: 8000
    /// Hz, and the channels of the layout.
    pub fn shape(&self) -> Shape {
        let stereo = self.layout.is_empty() || self.layout == Layout::Stereo.text();
        Shape {
            format: self.file_format(),
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

    /// Sets the format only, while the rate and the channels are not known.
    pub fn set_format(&mut self, format: Format) {
        self.format = format.name().to_owned();
        self.format_parameters = format.parameters_text();
    }

    fn file_format(&self) -> Format {
        let format = Format::named(&self.format).unwrap_or(Format::WAV);
        // Another version may have had other parameters.
        format.with_parameters(&self.format_parameters).unwrap_or(format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_reads_back() {
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
    fn missing_fields_have_defaults() {
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
