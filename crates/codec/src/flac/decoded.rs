//! Decodes files: frame by frame, or whole ones.

use md5::{Digest, Md5};

use super::frame_header::FlacStream;
use super::header::{self, FlacTotals, HEADER_BYTES};
use super::reader::FlacFrame;
use crate::Shape;

/// Decodes the frames of a file in their order.
pub struct FrameDecoder {
    stream: FlacStream,
    next: u32,
}

impl FrameDecoder {
    /// Begins at the first frame of a file of this shape.
    pub fn new(shape: &Shape) -> FrameDecoder {
        FrameDecoder::of(super::stream_of(shape))
    }

    fn of(stream: FlacStream) -> FrameDecoder {
        FrameDecoder { stream, next: 0 }
    }

    /// Appends the samples of the frame at the beginning of `bytes` to `out`, the channels
    /// interleaved. Returns the size of the frame in bytes; `None` if the next frame of the file is
    /// not there as a whole.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<i16>) -> Option<usize> {
        let frame = FlacFrame::read(bytes, self.stream).ok()?;
        if frame.number != self.next {
            return None;
        }
        for n in 0..frame.frames() {
            out.extend(frame.channels.iter().map(|channel| channel[n] as i16));
        }
        self.next += 1;
        Some(frame.bytes)
    }
}

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
    let (mut decoder, mut at) = (FrameDecoder::of(stream), HEADER_BYTES);
    let mut decoded = Vec::new();
    while let Some(bytes) = decoder.decode(&file[at..], &mut decoded) {
        at += bytes;
    }
    let samples: Vec<u8> = decoded.into_iter().flat_map(i16::to_le_bytes).collect();
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
