//! WAV (RIFF), and RF64 beyond 4 GiB (EBU Tech 3306).
//!
//! Chunks in order: `JUNK` (28 bytes reserved for `ds64`), `fmt `, `fact` (G.711 only),
//! `LIST`/`INFO` with the recording's id, and `data`.
//!
//! Version 0.1.0 has promised the offset of the audio, and that the audio reaches to the end of the
//! file. That leaves no room for tags, so only the parameter `tags=1` adds them: to the list, with
//! a `JUNK` chunk after it that gives every such header the same size.

mod chunk;
mod info;
#[cfg(test)]
mod tests;

use std::ffi::CStr;

use uuid::Uuid;

use crate::format::{AudioEnd, ClaimedLength, ParsedHeader};
use crate::header_tags::{HEADER_PARAMETERS, TAGGED_BYTES, has_tags, with_tags_shown};
use crate::measure::Length;
use crate::{Container, Encoder, Format, FormatSpec, PassThrough, SampleFormat, Shape, Tags};
use chunk::{chunk, u16_at, u32_at, u64_at};

const DS64_BYTES: usize = 28;
/// Offset of `LIST` after RIFF, the reserved chunk and the shorter `fmt `.
const LIST_AT: usize = 12 + 8 + DS64_BYTES + 8 + 16;
/// In RF64, this size means that `ds64` holds the size.
const SEE_DS64: u32 = u32::MAX;

const TAG_PCM: u16 = 1;
const TAG_ALAW: u16 = 6;
const TAG_ULAW: u16 = 7;

/// The WAV container.
pub struct Wav;

pub const FORMATS: &[FormatSpec] = &[
    format(c"wav", SampleFormat::Pcm16, None),
    format(c"wav-ulaw", SampleFormat::Ulaw, Some(8000)),
    format(c"wav-alaw", SampleFormat::Alaw, Some(8000)),
];

const fn format(name: &'static CStr, samples: SampleFormat, rate: Option<u32>) -> FormatSpec {
    FormatSpec {
        name,
        samples,
        rate,
        rates: &[],
        parameters: HEADER_PARAMETERS,
        obstacle: || None,
        is_listed: true,
        container: &Wav,
        encoder,
    }
}

fn encoder(shape: &Shape) -> Box<dyn Encoder> {
    Box::new(PassThrough::new(shape))
}

impl Container for Wav {
    fn formats(&self) -> &'static [FormatSpec] {
        FORMATS
    }

    fn extension(&self) -> &'static str {
        "wav"
    }

    fn mime_type(&self) -> &'static str {
        "audio/wav"
    }

    fn frame_bytes(&self, shape: &Shape) -> Option<u64> {
        Some(shape.block_frame_bytes() as u64)
    }

    fn header(&self, shape: &Shape, tags: &Tags, length: Length, end: Option<&AudioEnd>) -> Vec<u8> {
        let padding = end.map_or(0, |_| length.bytes % 2);
        build(shape, tags, length.bytes, padding)
    }

    fn trailer(&self, _: &Tags, length: Length) -> Vec<u8> {
        vec![0; (length.bytes % 2) as usize]
    }

    fn parse(&self, start: &[u8]) -> Option<ParsedHeader> {
        parse(start)
    }

    fn recording_id(&self, start: &[u8]) -> Option<Uuid> {
        recording_id(start)
    }
}

fn build(shape: &Shape, tags: &Tags, audio_bytes: u64, padding: u64) -> Vec<u8> {
    let frame_bytes = shape.block_frame_bytes() as u64;
    let middle = middle_chunks(shape, tags, audio_bytes / frame_bytes);
    let header_bytes = 12 + 8 + DS64_BYTES + middle.len() + 8;
    let riff_bytes = (header_bytes as u64 - 8) + audio_bytes + padding;
    let large = riff_bytes >= u64::from(u32::MAX);

    let mut out = Vec::with_capacity(header_bytes);
    out.extend_from_slice(if large { b"RF64" } else { b"RIFF" });
    out.extend_from_slice(&size_field(riff_bytes, large).to_le_bytes());
    out.extend_from_slice(b"WAVE");
    if large {
        let mut ds64 = Vec::with_capacity(DS64_BYTES);
        ds64.extend_from_slice(&riff_bytes.to_le_bytes());
        ds64.extend_from_slice(&audio_bytes.to_le_bytes());
        ds64.extend_from_slice(&(audio_bytes / frame_bytes).to_le_bytes());
        ds64.extend_from_slice(&0u32.to_le_bytes());
        chunk(&mut out, b"ds64", &ds64);
    } else {
        chunk(&mut out, b"JUNK", &[0; DS64_BYTES]);
    }
    out.extend_from_slice(&middle);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size_field(audio_bytes, large).to_le_bytes());
    out
}

fn size_field(bytes: u64, large: bool) -> u32 {
    if large {
        SEE_DS64
    } else {
        u32::try_from(bytes).unwrap_or(SEE_DS64)
    }
}

/// The chunks between the reserved chunk and the audio.
fn middle_chunks(shape: &Shape, tags: &Tags, frames: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    chunk(&mut out, b"fmt ", &fmt(shape));
    if shape.format.samples() != SampleFormat::Pcm16 {
        let frames = u32::try_from(frames).unwrap_or(SEE_DS64);
        chunk(&mut out, b"fact", &frames.to_le_bytes());
    }
    let tagged = has_tags(shape.format);
    info::append(&mut out, tags, tagged);
    if tagged {
        let around = 12 + 8 + DS64_BYTES + 8 + 8;
        let rest = TAGGED_BYTES.saturating_sub(around + out.len());
        chunk(&mut out, b"JUNK", &vec![0; rest]);
    }
    out
}

fn fmt(shape: &Shape) -> Vec<u8> {
    let samples = shape.format.samples();
    let tag = match samples {
        SampleFormat::Pcm16 => TAG_PCM,
        SampleFormat::Ulaw => TAG_ULAW,
        SampleFormat::Alaw => TAG_ALAW,
    };
    let bytes_per_second = u32::try_from(shape.block_bytes_per_second()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(18);
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&shape.channels.to_le_bytes());
    out.extend_from_slice(&shape.rate.to_le_bytes());
    out.extend_from_slice(&bytes_per_second.to_le_bytes());
    out.extend_from_slice(&(shape.block_frame_bytes() as u16).to_le_bytes());
    out.extend_from_slice(&(samples.bytes() as u16 * 8).to_le_bytes());
    if tag != TAG_PCM {
        // The size of the extension.
        out.extend_from_slice(&0u16.to_le_bytes());
    }
    out
}

/// Parses the header of any WAV file whose audio begins within `start`.
fn parse(start: &[u8]) -> Option<ParsedHeader> {
    let large = match start.get(..4)? {
        b"RIFF" => false,
        b"RF64" => true,
        _ => return None,
    };
    if start.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut riff_bytes = u64::from(u32_at(start, 4)?);
    let (mut shape, mut id, mut long_sizes) = (None, None, None);
    let mut at = 12usize;
    loop {
        let name = start.get(at..at + 4)?;
        let bytes = u32_at(start, at + 4)?;
        let body_at = at + 8;
        if name == b"data" {
            let mut audio_bytes = u64::from(bytes);
            if let (true, Some((riff, data))) = (large, long_sizes) {
                (riff_bytes, audio_bytes) = (riff, data);
            }
            return Some(ParsedHeader {
                shape: shape.map(|shape: Shape| Shape {
                    format: with_tags_shown(shape.format, body_at as u64),
                    ..shape
                })?,
                recording: id,
                audio_at: body_at as u64,
                claim: Some(ClaimedLength {
                    audio_bytes,
                    file_bytes: riff_bytes.saturating_add(8),
                    trim: 0,
                }),
            });
        }
        let body = start.get(body_at..body_at.checked_add(bytes as usize)?)?;
        match name {
            b"fmt " => shape = Some(parse_fmt(body)?),
            b"LIST" => id = info::parse_id(body).or(id),
            b"ds64" => long_sizes = u64_at(body, 0).zip(u64_at(body, 8)),
            _ => {}
        }
        at = body_at + bytes as usize + (bytes as usize & 1);
    }
}

/// See [`Container::recording_id`].
fn recording_id(start: &[u8]) -> Option<Uuid> {
    // `LIST` follows the short `fmt `, or the long `fmt ` and `fact`.
    [LIST_AT, LIST_AT + 2 + 12].into_iter().find_map(|at| {
        let name = start.get(at..at + 4)?;
        let bytes = u32_at(start, at + 4)? as usize;
        if name != b"LIST" {
            return None;
        }
        info::parse_id(start.get(at + 8..(at + 8).checked_add(bytes)?)?)
    })
}

fn parse_fmt(body: &[u8]) -> Option<Shape> {
    let samples = match (u16_at(body, 0)?, u16_at(body, 14)?) {
        (TAG_PCM, 16) => SampleFormat::Pcm16,
        (TAG_ULAW, 8) => SampleFormat::Ulaw,
        (TAG_ALAW, 8) => SampleFormat::Alaw,
        _ => return None,
    };
    let format = Format::of(FORMATS.iter().find(|spec| spec.samples == samples)?);
    let channels = u16_at(body, 2)?;
    let rate = u32_at(body, 4)?;
    (channels > 0 && rate > 0).then_some(Shape {
        format,
        rate,
        channels,
    })
}
