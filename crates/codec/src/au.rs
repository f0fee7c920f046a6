//! AU (Sun and NeXT `.au`/`.snd` files): a header of big-endian words, an annotation, and the audio.
//!
//! The annotation has the recording's id at a fixed offset. With the parameter `tags=1`, the tags
//! follow: lines of a name, `=` and a text, as ffmpeg reads and writes them. They are not the
//! default, because some readers, such as Python's `sunau`, refuse headers of more than 100 bytes.
//!
//! A length that does not fit in 32 bits is written as unknown, which readers take as "up to the
//! end of the file".

use std::ffi::CStr;

use uuid::Uuid;

use crate::format::{AudioEnd, ClaimedLength, ParsedHeader};
use crate::header_tags::{HEADER_PARAMETERS, TAGGED_BYTES, has_tags, with_tags_shown};
use crate::measure::Length;
use crate::{Container, Encoder, Format, FormatSpec, PassThrough, SampleFormat, Shape, Tags};

const MAGIC: &[u8; 4] = b".snd";
/// Size of the six words before the annotation.
const WORDS_BYTES: usize = 24;
/// The same size in every version, so that a later version that recovers the file can rewrite
/// the header in place.
const SOFTWARE_BYTES: usize = 32;
/// With tags, the name of the id ends the software's field.
const ID_NAME: &[u8] = b"recording=";
const ID_AT: usize = WORDS_BYTES + SOFTWARE_BYTES;
/// The id is followed by zeros up to a multiple of eight bytes.
const HEADER_BYTES: usize = ID_AT + 40;
const UNKNOWN_LENGTH: u32 = u32::MAX;

const ENCODING_ULAW: u32 = 1;
const ENCODING_PCM16: u32 = 3;
const ENCODING_ALAW: u32 = 27;

/// The AU container; all values are big-endian.
pub struct Au;

const FORMATS: &[FormatSpec] = &[
    format(c"au", SampleFormat::Pcm16, None),
    format(c"au-ulaw", SampleFormat::Ulaw, Some(8000)),
    format(c"au-alaw", SampleFormat::Alaw, Some(8000)),
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
        container: &Au,
        encoder,
    }
}

fn encoder(shape: &Shape) -> Box<dyn Encoder> {
    Box::new(PassThrough::big_endian(shape))
}

impl Container for Au {
    fn formats(&self) -> &'static [FormatSpec] {
        FORMATS
    }

    fn extension(&self) -> &'static str {
        "au"
    }

    fn mime_type(&self) -> &'static str {
        "audio/x-au"
    }

    fn frame_bytes(&self, shape: &Shape) -> Option<u64> {
        Some(shape.block_frame_bytes() as u64)
    }

    fn header(&self, shape: &Shape, tags: &Tags, length: Length, _: Option<&AudioEnd>) -> Vec<u8> {
        let encoding = match shape.format.samples() {
            SampleFormat::Pcm16 => ENCODING_PCM16,
            SampleFormat::Ulaw => ENCODING_ULAW,
            SampleFormat::Alaw => ENCODING_ALAW,
        };
        let tagged = has_tags(shape.format);
        let header_bytes = if tagged { TAGGED_BYTES } else { HEADER_BYTES };
        let words = [
            header_bytes as u32,
            u32::try_from(length.bytes).unwrap_or(UNKNOWN_LENGTH),
            encoding,
            shape.rate,
            u32::from(shape.channels),
        ];
        let mut out = Vec::with_capacity(header_bytes);
        out.extend_from_slice(MAGIC);
        out.extend(words.into_iter().flat_map(u32::to_be_bytes));
        out.extend_from_slice(concat!("callrec ", env!("CARGO_PKG_VERSION"), " ").as_bytes());
        out.resize(ID_AT, b' ');
        out.extend_from_slice(tags.recording.as_hyphenated().to_string().as_bytes());
        if tagged {
            out[ID_AT - ID_NAME.len()..ID_AT].copy_from_slice(ID_NAME);
            for (field, text) in tags.basic() {
                let line = format!("\n{}={text}", field.to_ascii_lowercase());
                out.extend_from_slice(line.as_bytes());
            }
            // ffmpeg reads only whole lines.
            out.push(b'\n');
        }
        out.resize(header_bytes, 0);
        out
    }

    fn parse(&self, start: &[u8]) -> Option<ParsedHeader> {
        if !start.starts_with(MAGIC) {
            return None;
        }
        let word = |at: usize| Some(u32::from_be_bytes(start.get(at..at + 4)?.try_into().ok()?));
        let audio_at = word(4)?;
        // Fails unless `start` holds the whole header.
        start.get(..audio_at.max(WORDS_BYTES as u32) as usize)?;
        let samples = match word(12)? {
            ENCODING_PCM16 => SampleFormat::Pcm16,
            ENCODING_ULAW => SampleFormat::Ulaw,
            ENCODING_ALAW => SampleFormat::Alaw,
            _ => return None,
        };
        let spec = FORMATS.iter().find(|spec| spec.samples == samples)?;
        let (rate, channels) = (word(16)?, u16::try_from(word(20)?).ok()?);
        let claim = Some(word(8)?).filter(|bytes| *bytes != UNKNOWN_LENGTH);
        (rate > 0 && channels > 0 && audio_at as usize >= WORDS_BYTES).then_some(ParsedHeader {
            shape: Shape {
                format: with_tags_shown(Format::of(spec), audio_at.into()),
                rate,
                channels,
            },
            recording: self.recording_id(start),
            audio_at: audio_at.into(),
            claim: claim.map(|bytes| ClaimedLength {
                audio_bytes: bytes.into(),
                file_bytes: u64::from(audio_at) + u64::from(bytes),
                trim: 0,
            }),
        })
    }

    fn recording_id(&self, start: &[u8]) -> Option<Uuid> {
        let software = start.get(WORDS_BYTES..ID_AT)?;
        let id = start.get(ID_AT..ID_AT + 36)?;
        software
            .starts_with(b"callrec ")
            .then(|| Uuid::try_parse_ascii(id).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(spec: usize) -> Shape {
        Shape {
            format: Format::of(&FORMATS[spec]),
            rate: 16_000,
            channels: 2,
        }
    }

    fn header(spec: usize, bytes: u64) -> Vec<u8> {
        let tags = Tags::of(Uuid::from_u128(7));
        let length = Length { frames: 0, bytes };
        Au.header(&shape(spec), &tags, length, Some(&AudioEnd::default()))
    }

    #[test]
    fn header_matches_the_specification() {
        let bytes = header(0, 0x1234);
        assert_eq!(
            &bytes[..24],
            b".snd\0\0\0\x60\0\0\x12\x34\0\0\0\x03\0\0\x3e\x80\0\0\0\x02"
        );
        assert_eq!(bytes.len(), 96);
        assert_eq!(header(1, 0)[15], 1, "mu-law");
        assert_eq!(header(2, 0)[15], 27, "A-law");
        assert_eq!(&header(0, 1 << 32)[8..12], &[0xff; 4], "unknown");
    }

    #[test]
    fn parse_reads_a_built_header() {
        for spec in 0..FORMATS.len() {
            for audio_bytes in [0, 1600, u64::from(u32::MAX), 5 << 30] {
                let bytes = header(spec, audio_bytes);
                let found = Au.parse(&bytes).expect("our own header");
                assert_eq!(found.shape, shape(spec));
                assert_eq!(found.recording, Some(Uuid::from_u128(7)));
                assert_eq!(found.audio_at, bytes.len() as u64);
                let claim = found.claim.map(|claim| (claim.audio_bytes, claim.file_bytes));
                let is_stated = audio_bytes < u64::from(u32::MAX);
                assert_eq!(claim, is_stated.then(|| (audio_bytes, audio_bytes + 96)));
            }
        }
    }

    fn annotation(tags: &Tags) -> String {
        let format = Format::of(&FORMATS[0]).with_parameters("tags=1");
        let shape = Shape {
            format: format.expect("a parameter"),
            ..shape(0)
        };
        let bytes = Au.header(&shape, tags, Length::default(), None);
        assert_eq!((bytes.len(), bytes[1023]), (1024, 0), "the annotation ends");
        let found = Au.parse(&bytes).expect("our own header");
        assert_eq!((found.audio_at, found.recording), (1024, Some(tags.recording)));
        assert_eq!(found.shape.format.parameters_text(), "tags=1");
        let text = bytes[WORDS_BYTES..].split(|byte| *byte == 0).next();
        String::from_utf8(text.expect("an annotation").to_vec()).expect("UTF-8")
    }

    #[test]
    fn the_annotation_has_the_tags() {
        let tags = Tags {
            call_id: "7f\n1c".to_owned(),
            local: "101".to_owned(),
            remote: "+49=1".to_owned(),
            started_at: "2026-11-22T01:45:57.794Z".to_owned(),
            ..Tags::of(Uuid::from_u128(7))
        };
        let text = annotation(&tags);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("callrec ")
                && lines[0].ends_with(" recording=00000000-0000-0000-0000-000000000007")
        );
        assert_eq!(
            lines[1..],
            [
                "title=Call 7f 1c",
                "artist=101, +49=1",
                "date=2026-11-22T01:45:57.794Z"
            ]
        );
        let longest = "é".repeat(300);
        let longest = Tags {
            call_id: longest.clone(),
            local: longest.clone(),
            remote: longest.clone(),
            started_at: longest,
            ..tags
        };
        assert!(annotation(&longest).ends_with("é\n"), "all of it fits");
        assert_eq!(annotation(&Tags::of(Uuid::from_u128(7))).lines().count(), 1);
    }

    #[test]
    fn recording_id_is_read_from_a_damaged_header() {
        let mut bytes = header(0, 64);
        bytes[..24].fill(0xee);
        assert_eq!(
            (Au.recording_id(&bytes), Au.parse(&bytes)),
            (Some(Uuid::from_u128(7)), None)
        );
        bytes.insert(0, 0);
        assert_eq!(Au.recording_id(&bytes), None);
    }

    #[test]
    fn parse_survives_truncated_and_corrupted_headers() {
        let whole = header(0, 64_000);
        for cut in 0..whole.len() {
            assert_eq!(Au.parse(&whole[..cut]), None);
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[at] = value;
                let _ = Au.parse(&broken);
            }
        }
    }

    #[test]
    fn linear_samples_are_big_endian() {
        let mut packets = crate::EncodedPackets::default();
        encoder(&shape(0)).encode(&[1, 2, 3, 4], &mut packets);
        assert_eq!(packets.bytes, [2, 1, 4, 3]);
        packets.clear();
        encoder(&shape(1)).encode(&[1, 2], &mut packets);
        assert_eq!((packets.bytes.as_slice(), packets.frames()), (&[1, 2][..], 1));
    }
}
