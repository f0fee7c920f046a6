//! Ogg pages (RFC 3533).

/// The size of a page's header before the sizes of its segments.
const HEADER: usize = 27;
const CAPTURE: &[u8; 4] = b"OggS";
const FLAGS_AT: usize = 5;
const POSITION_AT: usize = 6;
const SERIAL_AT: usize = 14;
const SEQUENCE_AT: usize = 18;
const CHECKSUM_AT: usize = 22;
const SEGMENTS_AT: usize = 26;

/// The largest page: 255 segments of 255 bytes.
pub(super) const PAGE_MAX: usize = HEADER + 255 + 255 * 255;

/// The page begins a stream.
pub(super) const FIRST: u8 = 2;
/// The page ends a stream.
pub(super) const LAST: u8 = 4;

/// A page with a valid checksum. No packet of it is continued on another page.
pub(super) struct OggPage<'a> {
    pub flags: u8,
    /// The granule position: samples up to the end of the page.
    pub position: u64,
    pub serial: u32,
    pub sequence: u32,
    /// The sizes of the segments.
    segments: &'a [u8],
    payload: &'a [u8],
    /// The size of the whole page.
    pub bytes: usize,
}

impl<'a> OggPage<'a> {
    /// The page at the beginning of `bytes`, if it is complete and valid.
    pub fn at(bytes: &'a [u8]) -> Option<OggPage<'a>> {
        let size = size(bytes)?;
        let page = bytes.get(..size)?;
        let flags = page[FLAGS_AT];
        if flags & !(FIRST | LAST) != 0 || field(page, CHECKSUM_AT) != Some(checksum(page)) {
            return None;
        }
        let count = usize::from(page[SEGMENTS_AT]);
        let (segments, payload) = page[HEADER..].split_at(count);
        Some(OggPage {
            flags,
            position: page[POSITION_AT..]
                .first_chunk()
                .map(|b| u64::from_le_bytes(*b))?,
            serial: field(page, SERIAL_AT)?,
            sequence: field(page, SEQUENCE_AT)?,
            segments,
            payload,
            bytes: size,
        })
    }

    /// The packets of the page. `None` if the last one is continued on the next page.
    pub fn packets(&self) -> Option<Vec<&'a [u8]>> {
        let (mut packets, mut rest, mut size) = (Vec::new(), self.payload, 0);
        for segment in self.segments {
            size += usize::from(*segment);
            if *segment < 255 {
                let (packet, behind) = rest.split_at_checked(size)?;
                packets.push(packet);
                (rest, size) = (behind, 0);
            }
        }
        (size == 0 && self.segments.last() != Some(&255)).then_some(packets)
    }
}

/// Whether `bytes` may be the beginning of a page.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    let known = bytes.len().min(CAPTURE.len() + 1);
    let begins = [CAPTURE.as_slice(), &[0]].concat()[..known] == bytes[..known];
    begins && size(bytes).is_none_or(|size| size > bytes.len())
}

/// The size of the page at the beginning of `bytes`, which need not be complete. `None` if no page
/// begins there, or if its size is not known yet.
fn size(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(CAPTURE) || *bytes.get(CAPTURE.len())? != 0 {
        return None;
    }
    let count = usize::from(*bytes.get(SEGMENTS_AT)?);
    let segments = bytes.get(HEADER..HEADER + count)?;
    let payload: usize = segments.iter().map(|size| usize::from(*size)).sum();
    Some(HEADER + count + payload)
}

fn field(page: &[u8], at: usize) -> Option<u32> {
    let bytes = page.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// What a page says besides its packets.
#[derive(Clone, Copy)]
pub(super) struct PagePlace {
    pub flags: u8,
    pub position: u64,
    pub serial: u32,
    pub sequence: u32,
}

/// Appends a page. The packets must fit in 255 segments: see [`segments`].
pub(super) fn put(out: &mut Vec<u8>, place: PagePlace, packets: &[&[u8]]) {
    let begin = out.len();
    out.extend_from_slice(CAPTURE);
    out.extend_from_slice(&[0, place.flags]);
    out.extend_from_slice(&place.position.to_le_bytes());
    out.extend_from_slice(&place.serial.to_le_bytes());
    out.extend_from_slice(&place.sequence.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let count: usize = packets.iter().map(|packet| segments(packet.len())).sum();
    out.push(count as u8);
    for packet in packets {
        out.resize(out.len() + packet.len() / 255, 255);
        out.push((packet.len() % 255) as u8);
    }
    for packet in packets {
        out.extend_from_slice(packet);
    }
    let sum = checksum(&out[begin..]);
    out[begin + CHECKSUM_AT..][..4].copy_from_slice(&sum.to_le_bytes());
}

/// The number of segments of a packet.
pub(super) fn segments(bytes: usize) -> usize {
    bytes / 255 + 1
}

/// Marks the last page of `pages` as the stream's end, with another position. Returns `false` if
/// `pages` are not pages.
pub(super) fn mark_last(pages: &mut [u8], position: u64) -> bool {
    let mut at = 0;
    let page = loop {
        let Some(size) = size(&pages[at..]).filter(|size| *size <= pages.len() - at) else {
            return false;
        };
        if at + size == pages.len() {
            break &mut pages[at..];
        }
        at += size;
    };
    page[FLAGS_AT] |= LAST;
    page[POSITION_AT..][..8].copy_from_slice(&position.to_le_bytes());
    let sum = checksum(page);
    page[CHECKSUM_AT..][..4].copy_from_slice(&sum.to_le_bytes());
    true
}

/// The CRC-32 of a page: polynomial 04c11db7, not reflected, begun with 0. The field of the checksum
/// itself counts as 0.
fn checksum(page: &[u8]) -> u32 {
    let (before, rest) = page.split_at(CHECKSUM_AT);
    let crc = crc(crc(0, before), &[0; 4]);
    self::crc(crc, &rest[4..])
}

fn crc(crc: u32, bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| (crc << 8) ^ TABLE[usize::from((crc >> 24) as u8 ^ byte)];
    bytes.iter().fold(crc, step)
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut crc, mut bit) = ((n as u32) << 24, 0);
        while bit < 8 {
            crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};
