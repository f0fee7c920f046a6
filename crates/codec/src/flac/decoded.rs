//! Decodes files. Only tests need it.

use md5::{Digest, Md5};

use super::frame_header::FlacStream;
use super::header::{self, FlacTotals, HEADER_BYTES};
use super::reader::FlacFrame;

/// The contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedFlac {
    pub rate: u32,
    pub channels: u16,
    /// Interleaved, 16 bits per sample, little-endian.
    pub samples: Vec<u8>,
    /// The number of frames stated in the header; 0: unknown.
    pub stated_frames: u64,
    /// Whether the header states the MD5 of the samples. `None`: it states none.
    pub md5_matches: Option<bool>,
}

/// Decodes a finished or growing file. `None` if anything but whole frames follows the header.
pub fn decode(file: &[u8]) -> Option<DecodedFlac> {
    let (decoded, bytes) = decode_whole_frames(file)?;
    (bytes == file.len()).then_some(decoded)
}

/// Decodes a file up to the first frame that is not whole. Also returns the number of bytes
/// decoded.
pub fn decode_whole_frames(file: &[u8]) -> Option<(DecodedFlac, usize)> {
    let stream: FlacStream = header::parse(file)?;
    let FlacTotals { frames, md5 } = header::totals(file)?;
    let (mut samples, mut at, mut number) = (Vec::new(), HEADER_BYTES, 0);
    while let Ok(frame) = FlacFrame::read(&file[at..], stream) {
        if frame.number != number {
            break;
        }
        for n in 0..frame.frames() {
            for channel in &frame.channels {
                samples.extend_from_slice(&(channel[n] as i16).to_le_bytes());
            }
        }
        at += frame.bytes;
        number += 1;
    }
    let found: [u8; 16] = Md5::digest(&samples).into();
    let decoded = DecodedFlac {
        rate: stream.rate,
        channels: stream.channels,
        samples,
        stated_frames: frames,
        md5_matches: (md5 != [0; 16]).then_some(md5 == found),
    };
    Some((decoded, at))
}
