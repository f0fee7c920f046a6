//! WAV (RIFF), and RF64 beyond 4 GiB (EBU Tech 3306).
//!
//! Chunks in order: `JUNK` (28 bytes reserved for `ds64`), `fmt `, `fact` (G.711 only),
//! `LIST`/`INFO` with the recording's id, and `data`. The audio reaches to the end of the file, as
//! readers of version 0.1.0 may expect, so there is no place for other tags.

use std::ffi::CStr;

use uuid::Uuid;

use crate::format::{AudioEnd, ClaimedLength, ParsedHeader};
use crate::measure::Length;
use crate::{Container, Encoder, Format, FormatSpec, PassThrough, SampleFormat, Shape, Tags};

const DS64_BYTES: usize = 28;
/// The same size in every version, so that a later version that recovers the file can rewrite
/// the header in place.
const SOFTWARE_BYTES: usize = 32;
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
        parameters: &[],
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
        build(shape, tags.recording, length.bytes, padding)
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

fn build(shape: &Shape, id: Uuid, audio_bytes: u64, padding: u64) -> Vec<u8> {
    let frame_bytes = shape.block_frame_bytes() as u64;
    let middle = middle_chunks(shape, id, audio_bytes / frame_bytes);
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
fn middle_chunks(shape: &Shape, id: Uuid, frames: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    chunk(&mut out, b"fmt ", &fmt(shape));
    if shape.format.samples() != SampleFormat::Pcm16 {
        let frames = u32::try_from(frames).unwrap_or(SEE_DS64);
        chunk(&mut out, b"fact", &frames.to_le_bytes());
    }
    let mut info = b"INFO".to_vec();
    let mut software = [0; SOFTWARE_BYTES];
    let name = concat!("callrec ", env!("CARGO_PKG_VERSION")).as_bytes();
    for (to, from) in software[..SOFTWARE_BYTES - 1].iter_mut().zip(name) {
        *to = *from;
    }
    chunk(&mut info, b"ISFT", &software);
    chunk(&mut info, b"ICMT", format!("{}\0", id.as_hyphenated()).as_bytes());
    chunk(&mut out, b"LIST", &info);
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

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
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
                shape: shape?,
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
            b"LIST" => id = parse_id(body).or(id),
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
        parse_id(start.get(at + 8..(at + 8).checked_add(bytes)?)?)
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

fn parse_id(list: &[u8]) -> Option<Uuid> {
    if list.get(..4)? != b"INFO" {
        return None;
    }
    let mut at = 4usize;
    loop {
        let bytes = u32_at(list, at + 4)? as usize;
        let body = list.get(at + 8..(at + 8).checked_add(bytes)?)?;
        if list.get(at..at + 4)? == b"ICMT" {
            return Uuid::try_parse_ascii(body.get(..36)?).ok();
        }
        at += 8 + bytes + (bytes & 1);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PCM: Format = Format::of(&FORMATS[0]);
    const ULAW: Format = Format::of(&FORMATS[1]);
    const ALAW: Format = Format::of(&FORMATS[2]);

    const STEREO: Shape = Shape {
        format: PCM,
        rate: 8000,
        channels: 2,
    };

    fn id() -> Uuid {
        Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef)
    }

    #[test]
    fn pcm_header_bytes() {
        let header = build(&STEREO, id(), 64_000, 0);
        assert_eq!(&header[..4], b"RIFF");
        assert_eq!(u32_at(&header, 4), Some(header.len() as u32 - 8 + 64_000));
        assert_eq!(&header[8..16], b"WAVEJUNK");
        assert_eq!(u32_at(&header, 16), Some(28));
        assert_eq!(
            &header[48..72],
            b"fmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0"
        );
        assert_eq!(&header[72..76], b"LIST");
        assert_eq!(&header[header.len() - 8..], b"data\x00\xfa\x00\x00");
    }

    #[test]
    fn g711_header_has_a_long_fmt_and_a_fact_chunk() {
        for (format, tag) in [(ULAW, 7u8), (ALAW, 6)] {
            let shape = Shape {
                format,
                rate: 8000,
                channels: 1,
            };
            let header = build(&shape, id(), 801, 1);
            assert_eq!(&header[48..56], b"fmt \x12\0\0\0");
            assert_eq!(header[56], tag);
            assert_eq!(&header[72..74], &[0, 0], "no extension");
            assert_eq!(&header[74..86], b"fact\x04\0\0\0\x21\x03\0\0");
            let riff = u32_at(&header, 4);
            assert_eq!(riff, Some(header.len() as u32 - 8 + 802), "padded");
        }
    }

    #[test]
    fn header_length_does_not_depend_on_sizes_or_rate() {
        let small = build(&STEREO, id(), 0, 0).len();
        let wide = Shape {
            rate: 48_000,
            channels: 1,
            ..STEREO
        };
        assert_eq!(small, build(&wide, id(), 1 << 40, 0).len());
        assert!(small <= crate::format::HEADER_MAX);
    }

    #[test]
    fn rf64_begins_where_riff_sizes_end() {
        let head = build(&STEREO, id(), 0, 0).len() as u64;
        let last = u64::from(u32::MAX) - 1 - (head - 8);
        assert_eq!(&build(&STEREO, id(), last, 0)[..4], b"RIFF");
        let large = build(&STEREO, id(), last + 1, 0);
        assert_eq!(&large[..4], b"RF64");
        assert_eq!(u32_at(&large, 4), Some(u32::MAX));
        assert_eq!(&large[12..16], b"ds64");
        assert_eq!(u64_at(&large, 20), Some(u64::from(u32::MAX)));
        assert_eq!(u64_at(&large, 28), Some(last + 1));
        assert_eq!(u64_at(&large, 36), Some((last + 1) / 4));
        assert_eq!(&large[large.len() - 4..], &[0xff; 4]);
    }

    #[test]
    fn parse_reads_a_built_header() {
        for format in [PCM, ULAW, ALAW] {
            for audio_bytes in [0u64, 1602, 5 << 30] {
                let shape = Shape {
                    format,
                    rate: 16_000,
                    channels: 2,
                };
                let header = build(&shape, id(), audio_bytes, 0);
                let found = parse(&header).expect("our own header");
                assert_eq!(found.shape, shape);
                assert_eq!(found.recording, Some(id()));
                assert_eq!(found.audio_at, header.len() as u64);
                let claim = ClaimedLength {
                    audio_bytes,
                    file_bytes: header.len() as u64 + audio_bytes,
                    trim: 0,
                };
                assert_eq!(found.claim, Some(claim));
            }
        }
    }

    #[test]
    fn recording_id_is_read_only_at_its_offset() {
        for format in [PCM, ULAW, ALAW] {
            let shape = Shape {
                format,
                rate: 8000,
                channels: 1,
            };
            let mut header = build(&shape, id(), 64_000, 0);
            assert_eq!(recording_id(&header), Some(id()));
            header[..60].fill(0xee);
            assert_eq!((recording_id(&header), parse(&header)), (Some(id()), None));
            header.insert(0, 0);
            assert_eq!(recording_id(&header), None);
        }
        assert_eq!(recording_id(id().as_hyphenated().to_string().as_bytes()), None);
    }

    #[test]
    fn parse_survives_truncated_and_corrupted_headers() {
        let header = build(&STEREO, id(), 64_000, 0);
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), None);
        }
        for at in 0..header.len() {
            for value in [0, 0x7f, 0xff] {
                let mut broken = header.clone();
                broken[at] = value;
                let _ = parse(&broken);
            }
        }
    }
}
