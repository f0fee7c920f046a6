//! MP3 files: an ID3v2 tag, an Info frame, and frames that do not depend on each other.
//!
//! Tag and Info frame together have a fixed size, and are rewritten whenever audio was appended.
//! Each prefix of whole frames can be played: there is no bit reservoir.

mod encoder;
mod frame;
mod id3;
mod info_frame;
mod library;
mod load_attempts;
mod scan;

use uuid::Uuid;

use crate::format::{AudioEnd, ClaimedLength, HEADER_MAX, ParsedHeader};
use crate::measure::{Length, Measure};
use crate::{Container, Format, FormatSpec, ParameterSpec, SampleFormat, Shape, Tags};
use encoder::{MP3_DELAY, Mp3Encoder};
use frame::{FRAME_RATES, FrameKind};
use id3::{id3_recording, id3_size, id3_tag};
use info_frame::{InfoAudio, InfoTag};
pub use library::{Mp3Library, Mp3Loader, Mp3Settings, Mp3Stream, set_mp3_loader};
use scan::FrameScan;

pub struct Mp3;

/// ffmpeg recognizes a file by this many frames. If a file has less, silent ones in its header, which
/// players cut off, make up for that.
const PROBED: u64 = 7;
/// The room that a header needs for the recording's id.
const ID3_MIN: usize = 100;

pub const FORMATS: &[FormatSpec] = &[FormatSpec {
    name: c"mp3",
    samples: SampleFormat::Pcm16,
    rate: None,
    rates: FRAME_RATES,
    parameters: &[ParameterSpec {
        name: "bitrate",
        range: 8000..=320_000,
        // By the sampling rate and the channels.
        default: 0,
    }],
    obstacle: || {
        let why = library::mp3_library().err()?;
        Some(format!("format \"mp3\": {why}"))
    },
    is_listed: true,
    container: &Mp3,
    encoder: |shape| Box::new(Mp3Encoder::new(FrameKind::of(shape), library::mp3_library)),
}];

impl Container for Mp3 {
    fn formats(&self) -> &'static [FormatSpec] {
        FORMATS
    }

    fn extension(&self) -> &'static str {
        "mp3"
    }

    fn mime_type(&self) -> &'static str {
        "audio/mpeg"
    }

    fn frame_bytes(&self, _shape: &Shape) -> Option<u64> {
        None
    }

    fn header(&self, shape: &Shape, tags: &Tags, length: Length, end: Option<&AudioEnd>) -> Vec<u8> {
        let kind = FrameKind::of(shape);
        let frames = kind.count(length.bytes);
        let audio = InfoAudio {
            bytes: length.bytes,
            frames,
            trim: (frames * kind.samples()).saturating_sub(MP3_DELAY + length.frames),
        };
        let of_lead = |lead| InfoTag {
            kind,
            lead,
            audio: (end.is_some() || length.bytes > 0).then_some(audio),
            ends: end.is_some(),
        };
        let most = match frames < PROBED - 1 {
            true => (PROBED - 1).min(InfoTag::longest_lead(kind)),
            false => 0,
        };
        let fits = |info: &InfoTag| info.bytes() + ID3_MIN <= HEADER_MAX;
        let info = (0..=most).rev().map(of_lead).find(fits).unwrap_or(of_lead(0));
        let mut header = id3_tag(tags, HEADER_MAX - info.bytes());
        header.extend_from_slice(&info.frames());
        header
    }

    fn parse(&self, start: &[u8]) -> Option<ParsedHeader> {
        let info_at = id3_size(start)?;
        let InfoTag {
            kind, audio, ends, ..
        } = InfoTag::parse(start.get(info_at..HEADER_MAX)?)?;
        Some(ParsedHeader {
            shape: shape_of(kind)?,
            recording: id3_recording(start),
            audio_at: HEADER_MAX as u64,
            claim: audio.filter(|_| ends).map(|audio| ClaimedLength {
                audio_bytes: audio.bytes,
                file_bytes: HEADER_MAX as u64 + audio.bytes,
                trim: audio.trim,
            }),
        })
    }

    fn recording_id(&self, start: &[u8]) -> Option<Uuid> {
        id3_recording(start)
    }

    fn shape_of_audio(&self, expected: Shape, audio: &[u8]) -> Shape {
        let found = FrameKind::parse(audio).and_then(|(kind, _)| shape_of(kind));
        found.unwrap_or(expected)
    }

    fn measure(&self, found: &ParsedHeader, file_bytes: u64) -> Measure {
        let kind = FrameKind::of(&found.shape);
        let claim = found.claim.filter(|claim| claim.file_bytes == file_bytes);
        Measure::Scan(Box::new(FrameScan::new(kind, claim)))
    }
}

fn shape_of(kind: FrameKind) -> Option<Shape> {
    let format = Format::of(&FORMATS[0]);
    let format = format.with_parameters(&format!("bitrate={}", kind.bitrate));
    Some(Shape {
        format: format.ok()?,
        rate: kind.rate,
        channels: kind.channels,
    })
}

#[cfg(test)]
mod tests;
