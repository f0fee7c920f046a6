//! A format only for tests. It behaves like a compressed format without compressing: packets vary
//! in size, the encoder has a delay and pads its last packet, and audio cannot be rewritten.
//!
//! Layout: a header of 64 bytes, then pages with a checksum over their packets. A finished file
//! ends with a page without packets, which holds the number of valid output frames.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use uuid::Uuid;

use crate::format::{AudioEnd, FileFacts, ParsedHeader};
use crate::measure::{AudioScan, Length, Measure, MeasuredAudio};
use crate::{
    Container, EncodedPacket, EncodedPackets, Encoder, Format, FormatSpec, ParameterSpec, SampleFormat,
    Shape, Tags,
};

const MAGIC: &[u8; 8] = b"CRPAGED\n";
const HEADER: usize = 64;
/// Offset of the length in the header, after magic, channels, rate and recording id.
const HEADER_FRAMES_AT: usize = 8 + 2 + 4 + 16;
/// Mark, number of packets, output frames before the page, payload size, checksum.
const PAGE_HEADER: usize = 2 + 2 + 8 + 4 + 4;
const PAGE: &[u8; 2] = b"PG";
const LAST: &[u8; 2] = b"PE";
/// Frames per packet.
const PACKET: u64 = 160;
const PACKETS_PER_PAGE: usize = 5;
/// The encoder's delay in frames.
const DELAY: u64 = 40;

pub struct Paged;

pub const FORMATS: &[FormatSpec] = &[FormatSpec {
    name: c"test-paged",
    samples: SampleFormat::Pcm16,
    rate: None,
    rates: &[],
    parameters: &[ParameterSpec {
        name: "packet_us",
        range: 0..=1_000_000,
        default: 0,
    }],
    obstacle: || None,
    is_listed: false,
    container: &Paged,
    encoder: |shape| Box::new(PagedEncoder::new(shape)),
}];

/// A delay line, cut into packets without their trailing silence.
struct PagedEncoder {
    frame_bytes: usize,
    line: VecDeque<u8>,
    /// The number of packets still to skip because the file already holds them.
    packets_to_skip: u64,
    /// How long a packet takes, as with an encoder that is too slow.
    packet_time: Duration,
}

impl PagedEncoder {
    fn new(shape: &Shape) -> PagedEncoder {
        let frame_bytes = shape.block_frame_bytes();
        PagedEncoder {
            frame_bytes,
            line: vec![0; DELAY as usize * frame_bytes].into(),
            packets_to_skip: 0,
            packet_time: Duration::from_micros(shape.format.parameter(0).into()),
        }
    }

    fn emit(&mut self, out: &mut EncodedPackets) {
        let size = PACKET as usize * self.frame_bytes;
        while self.line.len() >= size {
            let mut packet: Vec<u8> = self.line.drain(..size).collect();
            if !self.packet_time.is_zero() {
                thread::sleep(self.packet_time);
            }
            if self.packets_to_skip > 0 {
                self.packets_to_skip -= 1;
                continue;
            }
            let audible = packet
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| (last + 1).next_multiple_of(2));
            packet.truncate(audible);
            out.bytes.extend_from_slice(&packet);
            out.list.push(EncodedPacket {
                bytes: packet.len(),
                frames: PACKET,
            });
        }
    }
}

impl Encoder for PagedEncoder {
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets) {
        self.line.extend(samples);
        self.emit(out);
    }

    fn finish(&mut self, out: &mut EncodedPackets) -> u64 {
        let frames = (self.line.len() / self.frame_bytes) as u64;
        let trim = frames.next_multiple_of(PACKET) - frames;
        self.line.resize((frames + trim) as usize * self.frame_bytes, 0);
        self.emit(out);
        trim
    }

    fn delay(&self) -> u64 {
        DELAY
    }

    /// One packet earlier, because a new delay line does not hold its beginning.
    fn resume_from(&self, output: u64) -> u64 {
        (output / PACKET).saturating_sub(1) * PACKET
    }

    fn resume(&mut self, output: u64) {
        self.packets_to_skip = (output / PACKET).min(1);
    }
}

impl Container for Paged {
    fn formats(&self) -> &'static [FormatSpec] {
        FORMATS
    }

    fn extension(&self) -> &'static str {
        "paged"
    }

    fn mime_type(&self) -> &'static str {
        "application/octet-stream"
    }

    fn frame_bytes(&self, _shape: &Shape) -> Option<u64> {
        None
    }

    fn header(&self, shape: &Shape, tags: &Tags, length: Length, end: Option<&AudioEnd>) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&shape.channels.to_le_bytes());
        out.extend_from_slice(&shape.rate.to_le_bytes());
        out.extend_from_slice(tags.recording.as_bytes());
        let frames = end.map_or(0, |_| length.frames);
        out.extend_from_slice(&frames.to_le_bytes());
        out.resize(HEADER, 0);
        out
    }

    fn header_holds_length(&self) -> bool {
        false
    }

    fn wrap(&self, _: &FileFacts<'_>, packets: &mut EncodedPackets, mut output: u64, out: &mut Vec<u8>) {
        let mut bytes = packets.bytes.as_slice();
        for page in packets.list.chunks(PACKETS_PER_PAGE) {
            let mut payload = Vec::new();
            for packet in page {
                payload.extend_from_slice(&(packet.bytes as u32).to_le_bytes());
            }
            let (own, rest) = bytes.split_at(page.iter().map(|packet| packet.bytes).sum());
            payload.extend_from_slice(own);
            put_page(out, PAGE, page.len(), output, &payload);
            output += page.iter().map(|packet| packet.frames).sum::<u64>();
            bytes = rest;
        }
        packets.clear();
    }

    fn append_end(&self, _: &FileFacts<'_>, trim: u64, output: u64, out: &mut Vec<u8>) {
        put_page(out, LAST, 0, output - trim, &[]);
    }

    fn parse(&self, start: &[u8]) -> Option<ParsedHeader> {
        let header = start.get(..HEADER)?;
        let rest = header.strip_prefix(MAGIC)?;
        let shape = Shape {
            format: Format::of(&FORMATS[0]),
            channels: u16::from_le_bytes(rest.get(..2)?.try_into().ok()?),
            rate: u32::from_le_bytes(rest.get(2..6)?.try_into().ok()?),
        };
        (shape.channels > 0 && shape.rate > 0).then_some(ParsedHeader {
            shape,
            recording: self.recording_id(start),
            audio_at: HEADER as u64,
            claim: None,
        })
    }

    fn recording_id(&self, start: &[u8]) -> Option<Uuid> {
        let rest = start.strip_prefix(MAGIC)?;
        Uuid::from_slice(rest.get(6..22)?).ok()
    }

    fn measure(&self, _: &ParsedHeader, _: u64) -> Measure {
        Measure::Scan(Box::new(PageScan::default()))
    }
}

/// Counts whole pages.
#[derive(Default)]
struct PageScan {
    /// Bytes from the first page that is not counted yet.
    rest: Vec<u8>,
    bytes: usize,
    output: u64,
    ended: bool,
}

impl AudioScan for PageScan {
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.rest.extend_from_slice(bytes);
        let mut counted = 0;
        let more = loop {
            let rest = &self.rest[counted..];
            let Some(page) = page_at(rest) else {
                break is_cut_off(rest);
            };
            let ends = page.last && page.output <= self.output;
            if !ends && (page.last || page.output != self.output) {
                break false;
            }
            counted += page.bytes;
            if ends {
                (self.output, self.ended) = (page.output, true);
                break false;
            }
            self.output += page.packets.len() as u64 * PACKET;
        };
        self.bytes += counted;
        self.rest.drain(..counted);
        more
    }

    fn measured(&self) -> MeasuredAudio {
        MeasuredAudio {
            length: Length {
                frames: self.output.saturating_sub(DELAY),
                bytes: self.bytes as u64,
            },
            output: self.output,
            ended: self.ended,
            padding_max: if self.ended {
                0
            } else {
                self.output.min(PACKET - 1)
            },
        }
    }
}

fn put_page(out: &mut Vec<u8>, mark: &[u8; 2], packets: usize, output: u64, payload: &[u8]) {
    out.extend_from_slice(mark);
    out.extend_from_slice(&(packets as u16).to_le_bytes());
    out.extend_from_slice(&output.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, step)
}

struct Page<'a> {
    last: bool,
    output: u64,
    packets: Vec<&'a [u8]>,
    bytes: usize,
}

/// Whether `bytes` may be the beginning of a page.
fn is_cut_off(bytes: &[u8]) -> bool {
    let payload = |header: &[u8]| header[12..16].try_into().map_or(0, u32::from_le_bytes) as usize;
    match bytes.get(..PAGE_HEADER) {
        Some(header) => bytes.len() < PAGE_HEADER + payload(header),
        None => true,
    }
}

/// The page at the beginning of `bytes`, if it is complete and valid.
fn page_at(bytes: &[u8]) -> Option<Page<'_>> {
    let header = bytes.get(..PAGE_HEADER)?;
    let last = header.starts_with(LAST);
    if !last && !header.starts_with(PAGE) {
        return None;
    }
    let count = u16::from_le_bytes(header[2..4].try_into().ok()?);
    let output = u64::from_le_bytes(header[4..12].try_into().ok()?);
    let len = u32::from_le_bytes(header[12..16].try_into().ok()?) as usize;
    let sum = u32::from_le_bytes(header[16..20].try_into().ok()?);
    let payload = bytes.get(PAGE_HEADER..PAGE_HEADER + len)?;
    if checksum(payload) != sum {
        return None;
    }
    let (mut lengths, mut rest) = payload.split_at_checked(4 * usize::from(count))?;
    let mut packets = Vec::new();
    while let Some((length, more)) = lengths.split_first_chunk::<4>() {
        let (packet, behind) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        packets.push(packet);
        (lengths, rest) = (more, behind);
    }
    Some(Page {
        last,
        output,
        packets,
        bytes: PAGE_HEADER + len,
    })
}

/// The contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub shape: Shape,
    pub recording: Uuid,
    /// Interleaved, 16 bits per sample, little-endian.
    pub samples: Vec<u8>,
    /// The last page was found.
    pub ended: bool,
    /// The number of frames stated in the header; 0 until the file is sealed.
    pub header_frames: u64,
}

/// Decodes a finished or growing file. `None` if anything but whole pages follows the header.
pub fn decode(file: &[u8]) -> Option<Decoded> {
    let (decoded, bytes) = decode_whole_pages(file)?;
    (bytes == file.len()).then_some(decoded)
}

/// Decodes a file up to the first page that is not whole. Also returns the number of bytes decoded.
pub fn decode_whole_pages(file: &[u8]) -> Option<(Decoded, usize)> {
    let found = Paged.parse(file)?;
    let frame_bytes = found.shape.block_frame_bytes();
    let header_frames = file[HEADER_FRAMES_AT..].first_chunk()?;
    let mut samples = Vec::new();
    let (mut at, mut ended) = (HEADER, false);
    while let Some(page) = page_at(&file[at..]).filter(|_| !ended) {
        ended = page.last;
        if ended {
            samples.truncate(page.output as usize * frame_bytes);
        } else if page.output as usize * frame_bytes != samples.len() {
            return None;
        }
        for packet in page.packets {
            let end = samples.len() + PACKET as usize * frame_bytes;
            samples.extend_from_slice(packet);
            samples.resize(end, 0);
        }
        at += page.bytes;
    }
    samples.drain(..(DELAY as usize * frame_bytes).min(samples.len()));
    let decoded = Decoded {
        shape: found.shape,
        recording: found.recording?,
        samples,
        ended,
        header_frames: u64::from_le_bytes(*header_frames),
    };
    Some((decoded, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            format: Format::of(&FORMATS[0]),
            rate: 8000,
            channels: 2,
        }
    }

    fn samples(frames: std::ops::Range<usize>) -> Vec<u8> {
        frames
            .flat_map(|n| [n as i16, -(n as i16)])
            .flat_map(i16::to_le_bytes)
            .collect()
    }

    fn header(length: Length, sealed: bool) -> Vec<u8> {
        let tags = Tags::of(Uuid::from_u128(7));
        let end = AudioEnd::default();
        Paged.header(&shape(), &tags, length, sealed.then_some(&end))
    }

    /// A file written by one encoder, or continued by a second encoder after `cut` frames.
    fn file(frames: usize, cut: Option<usize>) -> Vec<u8> {
        let mut file = header(Length::default(), false);
        let (shape, tags) = (shape(), Tags::default());
        let facts = FileFacts {
            shape: &shape,
            tags: &tags,
        };
        let mut packets = EncodedPackets::default();
        let mut encoder = PagedEncoder::new(&shape);
        let mut output = 0;
        if let Some(cut) = cut {
            encoder.encode(&samples(0..cut), &mut packets);
            output = packets.frames();
            Paged.wrap(&facts, &mut packets, 0, &mut file);
            encoder = PagedEncoder::new(&shape);
            encoder.resume(output);
        }
        let from = encoder.resume_from(output) as usize;
        encoder.encode(&samples(from..frames), &mut packets);
        let trim = encoder.finish(&mut packets);
        let more = packets.frames();
        Paged.wrap(&facts, &mut packets, output, &mut file);
        Paged.append_end(&facts, trim, output + more, &mut file);
        let length = Length {
            frames: frames as u64,
            bytes: (file.len() - HEADER) as u64,
        };
        file.splice(..HEADER, header(length, true));
        file
    }

    /// The result of measuring a file that is read in parts of `part` bytes.
    fn measured(file: &[u8], part: usize) -> MeasuredAudio {
        let found = Paged.parse(file).expect("a header");
        let Measure::Scan(mut scan) = Paged.measure(&found, file.len() as u64) else {
            panic!("pages must be scanned");
        };
        let mut parts = file[HEADER..].chunks(part);
        while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
        scan.measured()
    }

    /// Wherever a file is truncated, measuring and decoding agree.
    #[test]
    fn a_truncated_file_is_measured_in_whole_pages() {
        let whole = file(1700, None);
        for len in HEADER..=whole.len() {
            let measured = measured(&whole[..len], 1 << 20);
            let (decoded, bytes) = decode_whole_pages(&whole[..len]).expect("a header");
            assert_eq!(measured.length.bytes as usize, bytes - HEADER, "{len}");
            assert_eq!(measured.length.frames as usize, decoded.samples.len() / 4);
            assert_eq!(
                (measured.ended, decoded.ended),
                (len == whole.len(), len == whole.len())
            );
            let audible = measured.length.frames.min(1700);
            assert!(measured.length.frames - audible <= measured.padding_max, "{len}");
            assert_eq!(measured.output == 0, bytes == HEADER);
        }
    }

    /// Includes bytes after the end, and damaged pages.
    #[test]
    fn measuring_does_not_depend_on_the_size_of_reads() {
        let mut damaged = file(1700, None);
        damaged.extend_from_slice(b"PG, and no page");
        for at in [damaged.len(), HEADER + 3000, HEADER] {
            if let Some(byte) = damaged.get_mut(at) {
                *byte ^= 0xff;
            }
            let at_once = measured(&damaged, 1 << 20);
            for part in [1, 7, 999] {
                assert_eq!(measured(&damaged, part), at_once, "damaged at {at}");
            }
        }
    }

    #[test]
    fn encoded_frames_are_decoded() {
        for frames in [0, 1, 119, 120, 121, 160, 1000] {
            let decoded = decode(&file(frames, None)).expect("a whole file");
            assert_eq!(decoded.samples, samples(0..frames), "{frames}");
            assert_eq!((decoded.header_frames, decoded.ended), (frames as u64, true));
            assert_eq!(decoded.recording, Uuid::from_u128(7));
        }
    }

    #[test]
    fn another_encoder_continues_a_file() {
        for cut in [0, 1, 119, 120, 279, 280, 999] {
            let decoded = decode(&file(1000, Some(cut))).expect("a whole file");
            assert!(decoded.samples == samples(0..1000), "cut after {cut}");
        }
    }

    #[test]
    fn a_damaged_page_is_not_decoded() {
        let whole = file(1000, None);
        let mut torn = whole.clone();
        torn[HEADER + PAGE_HEADER + 30] ^= 1;
        assert_eq!(decode(&torn), None);
        assert_eq!(decode(&whole[..whole.len() - 1]), None);
    }
}
