//! FLAC (RFC 9639): compressed without loss.
//!
//! Layout: the marker `fLaC`, STREAMINFO, PADDING and VORBIS_COMMENT, together always 4096 bytes,
//! then frames of 4096 frames of audio each; the last one may have fewer. While the file grows,
//! STREAMINFO follows the audio: decoders also play what is in the file beyond the number of frames
//! stated there, but report a file that has less. The MD5 of the audio is unknown until the end.

mod bit_reader;
mod bit_writer;
mod crc;
mod damage;
pub mod decoded;
mod encoder;
mod fixed;
mod frame;
mod frame_header;
mod header;
mod level;
mod linear;
mod reader;
mod rice;
mod scan;
mod signal;
mod subframe;
#[cfg(all(test, feature = "flac"))]
mod tests;

use uuid::Uuid;

use crate::format::{AudioEnd, ParsedHeader};
use crate::measure::{Length, Measure};
use crate::missing_encoder::{MissingEncoder, left_out};
use crate::{Container, Format, FormatSpec, ParameterSpec, SampleFormat, Shape, Tags};
use encoder::FlacEncoder;
pub(crate) use encoder::prepare_thread;
use frame::FlacParameters;
use frame_header::FlacStream;
use header::{FlacTotals, HEADER_BYTES};
use level::{LEVEL_DEFAULT, LEVEL_MAX, LevelSettings};
use scan::FlacScan;

/// The FLAC container, and its codec.
pub struct Flac;

pub const FORMATS: &[FormatSpec] = &[FormatSpec {
    name: c"flac",
    samples: SampleFormat::Pcm16,
    rate: None,
    rates: &[],
    parameters: &[ParameterSpec {
        name: "level",
        range: 0..=LEVEL_MAX,
        default: LEVEL_DEFAULT,
    }],
    obstacle: || (!cfg!(feature = "flac")).then(|| left_out("flac")),
    is_listed: true,
    container: &Flac,
    encoder: |shape| match cfg!(feature = "flac") {
        true => Box::new(FlacEncoder::new(FlacParameters {
            stream: stream_of(shape),
            level: LevelSettings::of(shape.format.parameter(0)),
        })),
        false => Box::new(MissingEncoder {
            delay: 0,
            packet: 1,
            pre_roll: 0,
            why: left_out("flac"),
        }),
    },
}];

fn stream_of(shape: &Shape) -> FlacStream {
    FlacStream {
        rate: shape.rate,
        channels: shape.channels.max(1),
    }
}

impl Container for Flac {
    fn formats(&self) -> &'static [FormatSpec] {
        FORMATS
    }

    fn extension(&self) -> &'static str {
        "flac"
    }

    fn mime_type(&self) -> &'static str {
        "audio/flac"
    }

    fn frame_bytes(&self, _shape: &Shape) -> Option<u64> {
        None
    }

    fn header(&self, shape: &Shape, tags: &Tags, length: Length, end: Option<&AudioEnd>) -> Vec<u8> {
        let totals = FlacTotals {
            frames: length.frames,
            md5: end.and_then(|end| end.md5).unwrap_or_default(),
        };
        header::build(stream_of(shape), tags, totals)
    }

    fn parse(&self, start: &[u8]) -> Option<ParsedHeader> {
        let stream = header::parse(start)?;
        Some(ParsedHeader {
            shape: Shape {
                format: Format::of(&FORMATS[0]),
                rate: stream.rate,
                channels: stream.channels,
            },
            recording: self.recording_id(start),
            audio_at: HEADER_BYTES as u64,
            claim: None,
        })
    }

    fn stated_end(&self, start: &[u8]) -> Option<AudioEnd> {
        let FlacTotals { frames, md5 } = header::totals(start)?;
        (md5 != [0; 16]).then_some(AudioEnd {
            output: frames,
            md5: Some(md5),
        })
    }

    fn recording_id(&self, start: &[u8]) -> Option<Uuid> {
        header::recording_id(start)
    }

    fn measure(&self, found: &ParsedHeader, _file_bytes: u64) -> Measure {
        Measure::Scan(Box::new(FlacScan::new(stream_of(&found.shape))))
    }
}
