//! The encoder of formats whose file holds the samples of the block.

use crate::{EncodedPacket, EncodedPackets, Encoder, SampleFormat, Shape};

/// Writes samples unchanged or byte-swapped, frame by frame.
pub struct PassThrough {
    frame_bytes: usize,
    swaps_bytes: bool,
}

impl PassThrough {
    /// The file holds the bytes of the block.
    pub fn new(shape: &Shape) -> PassThrough {
        PassThrough {
            frame_bytes: shape.block_frame_bytes(),
            swaps_bytes: false,
        }
    }

    /// As [`PassThrough::new`], but 16-bit samples are big-endian in the file.
    pub fn big_endian(shape: &Shape) -> PassThrough {
        PassThrough {
            swaps_bytes: shape.format.samples() == SampleFormat::Pcm16,
            ..PassThrough::new(shape)
        }
    }
}

impl Encoder for PassThrough {
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets) {
        if self.swaps_bytes {
            let swapped = samples.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]);
            out.bytes.extend(swapped);
        } else {
            out.bytes.extend_from_slice(samples);
        }
        out.list.push(EncodedPacket {
            bytes: samples.len(),
            frames: (samples.len() / self.frame_bytes) as u64,
        });
    }

    fn is_pass_through(&self) -> bool {
        !self.swaps_bytes
    }

    fn finish(&mut self, _out: &mut EncodedPackets) -> u64 {
        0
    }

    fn delay(&self) -> u64 {
        0
    }

    fn resume_from(&self, output: u64) -> u64 {
        output
    }

    fn resume(&mut self, _output: u64) {}
}
