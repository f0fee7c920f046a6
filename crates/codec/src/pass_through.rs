//! Samples that go into the file as they are, frame by frame.

use crate::{EncodedPacket, EncodedPackets, Encoder, SampleFormat, Shape};

/// Samples go into the file as they are, frame by frame.
pub struct PassThrough {
    frame_bytes: usize,
    swaps: bool,
}

impl PassThrough {
    /// The bytes of a block are those of the file.
    pub fn new(shape: &Shape) -> PassThrough {
        PassThrough {
            frame_bytes: shape.block_frame_bytes(),
            swaps: false,
        }
    }

    /// The same, but 16-bit samples have their higher byte first.
    pub fn big_endian(shape: &Shape) -> PassThrough {
        PassThrough {
            swaps: shape.format.samples() == SampleFormat::Pcm16,
            ..PassThrough::new(shape)
        }
    }
}

impl Encoder for PassThrough {
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets) {
        if self.swaps {
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
        !self.swaps
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
