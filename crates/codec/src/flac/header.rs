//! The metadata before the frames: RFC 9639, section 8.
//!
//! It always has [`HEADER_BYTES`] bytes, and the comment with the recording's id is the last one,
//! so that its offset does not depend on the other comments.

use uuid::Uuid;

use super::frame_header::{BLOCK, FlacStream};
use crate::Tags;
use crate::format::HEADER_MAX;

pub const HEADER_BYTES: usize = HEADER_MAX;

const MAGIC: &[u8; 4] = b"fLaC";
/// The types of metadata blocks, and the flag of the last one.
const STREAMINFO: u8 = 0;
const PADDING: u8 = 1;
const VORBIS_COMMENT: u8 = 4;
const LAST: u8 = 0x80;
const BLOCK_HEADER: usize = 4;
const STREAMINFO_BYTES: usize = 34;
/// STREAMINFO holds the number of frames in this many bits.
const TOTAL_BITS: u32 = 36;
const SAMPLE_BITS: u64 = 16;
const ID_FIELD: &str = "RECORDING_ID";
const ID_BYTES: usize = 36;

/// What STREAMINFO says of the audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlacTotals {
    /// 0: unknown.
    pub frames: u64,
    /// Zeros: unknown.
    pub md5: [u8; 16],
}

pub fn build(stream: FlacStream, tags: &Tags, totals: FlacTotals) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(MAGIC);
    put_block(&mut out, STREAMINFO, &stream_info(stream, totals));
    let comments = comments(tags);
    let padding = HEADER_BYTES - out.len() - 2 * BLOCK_HEADER - comments.len();
    put_block(&mut out, PADDING, &vec![0; padding]);
    put_block(&mut out, VORBIS_COMMENT | LAST, &comments);
    out
}

fn put_block(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(body);
}

/// Section 8.2.
fn stream_info(stream: FlacStream, totals: FlacTotals) -> Vec<u8> {
    let mut out = Vec::with_capacity(STREAMINFO_BYTES);
    out.extend_from_slice(&(BLOCK as u16).to_be_bytes());
    out.extend_from_slice(&(BLOCK as u16).to_be_bytes());
    // The sizes of the smallest and the largest frame are unknown.
    out.extend_from_slice(&[0; 6]);
    // More frames than fit are unknown, too.
    let frames = match totals.frames >> TOTAL_BITS {
        0 => totals.frames,
        _ => 0,
    };
    let shape = u64::from(stream.rate) << 44
        | u64::from(stream.channels.saturating_sub(1)) << 41
        | (SAMPLE_BITS - 1) << TOTAL_BITS;
    out.extend_from_slice(&(shape | frames).to_be_bytes());
    out.extend_from_slice(&totals.md5);
    out
}

/// Section 8.6. The numbers in it are little-endian.
fn comments(tags: &Tags) -> Vec<u8> {
    let others = tags
        .comments()
        .into_iter()
        .filter(|(field, _)| *field != ID_FIELD);
    let id = (ID_FIELD, tags.recording.as_hyphenated().to_string());
    let all: Vec<(&str, String)> = others.chain([id]).collect();
    let mut out = Vec::new();
    put_text(&mut out, concat!("callrec ", env!("CARGO_PKG_VERSION")));
    out.extend_from_slice(&(all.len() as u32).to_le_bytes());
    for (field, text) in all {
        put_text(&mut out, &format!("{field}={text}"));
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads the parameters of the audio from STREAMINFO, if this library may have written it.
pub fn parse(start: &[u8]) -> Option<FlacStream> {
    let header = start.get(..HEADER_BYTES)?;
    let block = header
        .strip_prefix(MAGIC)?
        .strip_prefix(&[STREAMINFO, 0, 0, STREAMINFO_BYTES as u8])?;
    let sizes = [block.first_chunk()?, block[2..].first_chunk()?];
    let word = u64::from_be_bytes(*block.get(10..)?.first_chunk()?);
    let stream = FlacStream {
        rate: (word >> 44) as u32,
        channels: 1 + (word >> 41 & 7) as u16,
    };
    let is_own =
        sizes == [&(BLOCK as u16).to_be_bytes(); 2] && (word >> TOTAL_BITS & 0x1f) == SAMPLE_BITS - 1;
    (is_own && stream.rate > 0).then_some(stream)
}

/// Reads what STREAMINFO says of the audio.
pub fn totals(start: &[u8]) -> Option<FlacTotals> {
    let block = start.get(MAGIC.len() + BLOCK_HEADER..)?;
    let word = u64::from_be_bytes(*block.get(10..)?.first_chunk()?);
    Some(FlacTotals {
        frames: word & ((1 << TOTAL_BITS) - 1),
        md5: *block.get(18..)?.first_chunk()?,
    })
}

/// Reads the recording's id at its fixed offset.
pub fn recording_id(start: &[u8]) -> Option<Uuid> {
    let header = start
        .get(..HEADER_BYTES)
        .filter(|header| header.starts_with(MAGIC))?;
    let (before, id) = header.split_at(HEADER_BYTES - ID_BYTES);
    let field = before.strip_suffix(b"=")?;
    if !field.ends_with(ID_FIELD.as_bytes()) {
        return None;
    }
    Uuid::try_parse_ascii(id).ok()
}
