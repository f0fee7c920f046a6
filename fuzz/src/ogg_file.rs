//! Files of Ogg Opus that an earlier process, or anybody else, has left in the storage directory.

use callrec_codec::container::{self, Length, Measure, MeasuredAudio, ParsedHeader};
use callrec_codec::{Format, Shape, Tags};

const RATES: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];
/// The bytes of a page before the sizes of its segments.
const PAGE_HEADER: usize = 27;
const CHECKSUM_AT: usize = 22;
/// The most samples at 48 kHz that a page can hold: 255 packets of 120 ms.
const PAGE_SAMPLES_MAX: u64 = 255 * 5760;

/// The first byte says what the others are: a whole file; the audio after a valid header; or pages
/// that get valid checksums and mostly valid numbers.
pub fn ogg_opus(data: &[u8]) {
    let [what, data @ ..] = data else { return };
    let _ = container::recording_id(data);
    if what & 3 == 0 {
        if let Some(found) = container::parse(data) {
            measure(&found, &data[data.len().min(found.audio_at as usize)..]);
        }
        return;
    }
    let Some(format) = Format::named("opus") else {
        panic!("the format is in this build");
    };
    let shape = Shape {
        format,
        rate: RATES[usize::from(what >> 3) % RATES.len()],
        channels: 1 + u16::from(what >> 2 & 1),
    };
    let tags = Tags::default();
    let header = format.container().header(&shape, &tags, Length::default(), None);
    let Some(found) = container::parse(&header) else {
        panic!("a header of ours is not read");
    };
    match what & 3 {
        1 => measure(&found, data),
        _ => measure(&found, &pages(data)),
    }
}

/// Pages of which each has eight bytes in `data`: flags; how its number and its position differ from
/// the expected ones; packets, their size and their first byte.
fn pages(data: &[u8]) -> Vec<u8> {
    let (mut out, mut position) = (Vec::new(), 0u64);
    let (pieces, rest) = data.as_chunks::<8>();
    for (number, [flags, skip, low, high, sign, packets, size, first]) in pieces.iter().enumerate() {
        let page = out.len();
        position += 24_000;
        let difference = u64::from(u16::from_le_bytes([*low, *high]));
        let shown = match sign & 3 {
            0 => position.wrapping_sub(difference),
            1 => position.wrapping_add(difference),
            _ => position,
        };
        out.extend_from_slice(b"OggS\0");
        out.push(flags & 6);
        out.extend_from_slice(&shown.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(number as u32 + 2 + u32::from(skip >> 7)).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let count = if packets & 1 == 0 { 25 } else { *packets };
        out.push(count);
        out.extend(std::iter::repeat_n(*size, count.into()));
        for _ in 0..count {
            let packet = out.len();
            out.resize(packet + usize::from(*size), 0x55);
            if let Some(byte) = out.get_mut(packet) {
                *byte = *first;
            }
        }
        let sum = checksum(&out[page..]);
        out[page + CHECKSUM_AT..][..4].copy_from_slice(&sum.to_le_bytes());
    }
    out.extend_from_slice(rest);
    out
}

fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0u32, |mut crc, byte| {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
        }
        crc
    })
}

/// What is measured does not depend on the size of the reads, and is in the file.
fn measure(found: &ParsedHeader, audio: &[u8]) {
    let at_once = measured(found, audio, audio.len().max(1));
    assert_eq!(at_once, measured(found, audio, 1 + audio.len() / 7));
    if audio.len() < 500 {
        assert_eq!(at_once, measured(found, audio, 1));
    }
    let bytes = at_once.length.bytes as usize;
    assert!(bytes <= audio.len() && at_once.length.frames <= at_once.output);
    let pages = (bytes / PAGE_HEADER) as u64;
    assert!(at_once.output <= pages * PAGE_SAMPLES_MAX);
    // Its end is where it was found.
    assert_eq!(measured(found, &audio[..bytes], bytes.max(1)), at_once);
}

fn measured(found: &ParsedHeader, audio: &[u8], part: usize) -> MeasuredAudio {
    let container = found.shape.format.container();
    let mut scan = match container.measure(found, found.audio_at + audio.len() as u64) {
        Measure::Known(measured) => return measured,
        Measure::Scan(scan) => scan,
    };
    let mut parts = audio.chunks(part);
    while parts.next().is_some_and(|bytes| scan.take(bytes)) {}
    scan.measured()
}
