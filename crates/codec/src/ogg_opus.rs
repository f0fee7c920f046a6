//! Opus in Ogg (RFC 7845, RFC 3533).
//!
//! The two pages of the header have [`HEADER_MAX`] bytes together. Each page of audio has the same
//! number of packets, so its number follows from its position; only the last page may have fewer.

#[cfg(feature = "opus")]
mod encoder;
mod page;
#[cfg(feature = "opus")]
mod parameter;
mod scan;
#[cfg(all(test, feature = "opus"))]
mod seam_tests;
#[cfg(all(test, feature = "opus"))]
mod tests;

use uuid::Uuid;

use crate::format::{AudioEnd, FileFacts, HEADER_MAX, ParsedHeader};
use crate::measure::{Length, Measure};
use crate::missing_encoder::left_out;
use crate::{
    Container, EncodedPackets, Encoder, Format, FormatSpec, ParameterSpec, SampleFormat, Shape, Tags,
};
use page::{FIRST, LAST, OggPage, PagePlace};
use scan::OggScan;

/// The rate of positions in Hz, whatever the rate of the file is.
const RATE: u32 = 48_000;
const RATES: &[u32] = &[8000, 12_000, 16_000, 24_000, RATE];
/// Samples of a packet at [`RATE`]: 20 ms.
const PACKET: u64 = 960;
/// Half a second.
const PACKETS_PER_PAGE: usize = 25;
/// The delay of an encoder for speech, in samples at [`RATE`]: 6.5 ms.
const DELAY: u64 = 312;
/// Packets that a new encoder encodes before the first one that is written, so that its state is
/// nearly that of the encoder that it replaces.
const PRE_ROLL: u64 = 4;
/// The number of the first page after the header.
const FIRST_AUDIO_PAGE: u32 = 2;
/// A packet of 20 ms without audio: only its first byte, which says narrowband SILK.
const SILENCE: &[u8; 1] = &[0x08];

const HEAD: &[u8; 8] = b"OpusHead";
const HEAD_BYTES: usize = 19;
/// The first page has one packet with one segment.
const TAGS_PAGE_AT: usize = 27 + 1 + HEAD_BYTES;
const TAGS: &[u8; 8] = b"OpusTags";
/// The size of the packet of tags. It makes the second page, with its 16 segments, end at
/// [`HEADER_MAX`].
const TAGS_BYTES: usize = HEADER_MAX - TAGS_PAGE_AT - 27 - 16;
/// The same size in every version, because the id of the recording follows.
const VENDOR_BYTES: usize = 32;
const ID_FIELD: &str = "RECORDING_ID";
/// The id's comment, after the second page's header, the vendor, and the number of comments.
const ID_AT: usize = TAGS_PAGE_AT + 27 + 16 + TAGS.len() + 4 + VENDOR_BYTES + 4 + 4;

const PARAMETERS: &[ParameterSpec] = &[
    ParameterSpec {
        name: "bitrate",
        range: 6000..=256_000,
        default: 0,
    },
    ParameterSpec {
        name: "complexity",
        range: 0..=10,
        default: 5,
    },
    ParameterSpec {
        name: "dtx",
        range: 0..=1,
        default: 0,
    },
];

pub struct OggOpus;

pub const FORMATS: &[FormatSpec] = &[FormatSpec {
    name: c"opus",
    samples: SampleFormat::Pcm16,
    rate: None,
    rates: RATES,
    parameters: PARAMETERS,
    obstacle: || (!cfg!(feature = "opus")).then(|| left_out("opus")),
    is_listed: true,
    container: &OggOpus,
    encoder: encoder_of,
}];

#[cfg(feature = "opus")]
fn encoder_of(shape: &Shape) -> Box<dyn Encoder> {
    Box::new(encoder::OpusPackets::new(shape))
}

#[cfg(not(feature = "opus"))]
fn encoder_of(shape: &Shape) -> Box<dyn Encoder> {
    Box::new(crate::missing_encoder::MissingEncoder {
        delay: DELAY / scale(shape.rate),
        packet: PACKET / scale(shape.rate),
        pre_roll: PRE_ROLL,
        why: left_out("opus"),
    })
}

/// Samples at [`RATE`] for each frame of a file of `rate` Hz.
fn scale(rate: u32) -> u64 {
    u64::from(RATE / rate.clamp(RATES[0], RATE))
}

/// The stream number, which all pages of a file have.
fn serial(id: Uuid) -> u32 {
    let bytes = id.as_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The number of the page that follows `output` output frames.
fn sequence(shape: &Shape, output: u64) -> u32 {
    let page = PACKET * PACKETS_PER_PAGE as u64;
    (output * scale(shape.rate) / page) as u32 + FIRST_AUDIO_PAGE
}

fn head(shape: &Shape) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    out.extend_from_slice(&[1, shape.channels.clamp(1, 2) as u8]);
    out.extend_from_slice(&(DELAY as u16).to_le_bytes());
    out.extend_from_slice(&shape.rate.to_le_bytes());
    // No gain; one stream of one or two channels.
    out.extend_from_slice(&[0, 0, 0]);
    out
}

fn tags_packet(tags: &Tags) -> Vec<u8> {
    let mut out = TAGS.to_vec();
    out.extend_from_slice(&(VENDOR_BYTES as u32).to_le_bytes());
    let vendor_at = out.len();
    out.extend_from_slice(concat!("callrec ", env!("CARGO_PKG_VERSION"), " ").as_bytes());
    out.resize(vendor_at + VENDOR_BYTES, b' ');
    let count_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    let id = (ID_FIELD, tags.recording.as_hyphenated().to_string());
    let others = tags.comments().into_iter().filter(|(name, _)| *name != ID_FIELD);
    for (name, text) in std::iter::once(id).chain(others) {
        let bytes = name.len() + 1 + text.len();
        if out.len() + 4 + bytes > TAGS_BYTES {
            continue;
        }
        out.extend_from_slice(&(bytes as u32).to_le_bytes());
        out.extend_from_slice(format!("{name}={text}").as_bytes());
        count += 1;
    }
    out[count_at..][..4].copy_from_slice(&count.to_le_bytes());
    // Padding, whose first byte must be even.
    out.resize(TAGS_BYTES, 0);
    out
}

impl Container for OggOpus {
    fn formats(&self) -> &'static [FormatSpec] {
        FORMATS
    }

    fn extension(&self) -> &'static str {
        "opus"
    }

    fn mime_type(&self) -> &'static str {
        "audio/ogg"
    }

    fn frame_bytes(&self, _shape: &Shape) -> Option<u64> {
        None
    }

    fn header(&self, shape: &Shape, tags: &Tags, _: Length, _: Option<&AudioEnd>) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_MAX);
        let packets = [(FIRST, head(shape)), (0, tags_packet(tags))];
        for (sequence, (flags, packet)) in (0..).zip(packets) {
            let place = PagePlace {
                flags,
                position: 0,
                serial: serial(tags.recording),
                sequence,
            };
            page::put(&mut out, place, &[&packet]);
        }
        out
    }

    fn header_holds_length(&self) -> bool {
        false
    }

    fn wrap(&self, file: &FileFacts<'_>, packets: &mut EncodedPackets, mut output: u64, out: &mut Vec<u8>) {
        let mut rest = packets.bytes.as_slice();
        for list in packets.list.chunks(PACKETS_PER_PAGE) {
            let number = sequence(file.shape, output);
            let own = list.iter().map(|packet| {
                let (own, behind) = rest.split_at(packet.bytes);
                rest = behind;
                own
            });
            let own: Vec<&[u8]> = own.collect();
            output += list.iter().map(|packet| packet.frames).sum::<u64>();
            let place = PagePlace {
                flags: 0,
                position: output * scale(file.shape.rate),
                serial: serial(file.tags.recording),
                sequence: number,
            };
            page::put(out, place, &own);
        }
        packets.clear();
    }

    fn append_end(&self, file: &FileFacts<'_>, trim: u64, output: u64, out: &mut Vec<u8>) {
        // Without audio, the end of what a decoder leaves out.
        let position = (output.saturating_sub(trim) * scale(file.shape.rate)).max(DELAY);
        if page::mark_last(out, position) {
            return;
        }
        // All packets are in the file already, so that the end needs one more. It is trimmed away.
        let place = PagePlace {
            flags: LAST,
            position,
            serial: serial(file.tags.recording),
            sequence: sequence(file.shape, output),
        };
        page::put(out, place, &[SILENCE]);
    }

    fn parse(&self, start: &[u8]) -> Option<ParsedHeader> {
        let first = OggPage::at(start)?;
        let [head] = first.packets()?.try_into().ok()?;
        let fields = head.strip_prefix(HEAD).filter(|_| head.len() == HEAD_BYTES)?;
        let is_ours = fields[0] == 1 && fields[2..4] == (DELAY as u16).to_le_bytes() && fields[10] == 0;
        let rate = u32::from_le_bytes(*fields[4..].first_chunk()?);
        let channels = u16::from(fields[1]);
        // Another version may have a longer header.
        let second = OggPage::at(&start[first.bytes..]).map_or(HEADER_MAX - first.bytes, |page| page.bytes);
        let is_ours = is_ours && first.flags == FIRST && RATES.contains(&rate);
        (is_ours && (1..=2).contains(&channels)).then_some(ParsedHeader {
            shape: Shape {
                format: Format::of(&FORMATS[0]),
                rate,
                channels,
            },
            recording: self.recording_id(start),
            audio_at: (first.bytes + second) as u64,
            claim: None,
        })
    }

    fn recording_id(&self, start: &[u8]) -> Option<Uuid> {
        let comment = start.get(ID_AT..)?.strip_prefix(ID_FIELD.as_bytes())?;
        let text = std::str::from_utf8(comment.strip_prefix(b"=")?.get(..36)?).ok()?;
        Uuid::try_parse(text).ok()
    }

    fn measure(&self, found: &ParsedHeader, _: u64) -> Measure {
        let id = found.recording.unwrap_or_default();
        Measure::Scan(Box::new(OggScan::new(serial(id), scale(found.shape.rate))))
    }
}
