//! Encodes a recording into frames.

use std::cell::RefCell;

use md5::{Digest, Md5};

use super::frame::{FlacFrameWriter, FlacParameters};
use super::frame_header::BLOCK;
use crate::{EncodedPacket, EncodedPackets, Encoder};

thread_local! {
    /// Its buffers are several times as large as a block, and a thread encodes many recordings.
    static WRITER: RefCell<FlacFrameWriter> = RefCell::default();
}

/// Registers the destructor of this thread's buffers.
pub fn prepare_thread() {
    WRITER.with(|_| ());
}

/// One packet is one frame of the file: [`BLOCK`] frames of audio, but fewer in the last one.
/// Nothing of a frame depends on the one before, so another encoder can continue a file at every
/// full block.
pub struct FlacEncoder {
    parameters: FlacParameters,
    frame_bytes: usize,
    /// Samples of an incomplete block.
    block: Vec<u8>,
    /// The number of the next frame.
    number: u64,
    /// Of all samples. `None` if this encoder has not encoded the first ones.
    md5: Option<Md5>,
}

impl FlacEncoder {
    pub fn new(parameters: FlacParameters) -> FlacEncoder {
        FlacEncoder {
            parameters,
            frame_bytes: 2 * usize::from(parameters.stream.channels),
            block: Vec::new(),
            number: 0,
            md5: Some(Md5::new()),
        }
    }

    fn emit(&mut self, samples: &[u8], out: &mut EncodedPackets) {
        let begin = out.bytes.len();
        // The number has 31 bits: 5 years at 48 kHz.
        let number = (self.number & 0x7fff_ffff) as u32;
        WRITER.with_borrow_mut(|writer| writer.put(&self.parameters, samples, number, &mut out.bytes));
        self.number += 1;
        out.list.push(EncodedPacket {
            bytes: out.bytes.len() - begin,
            frames: (samples.len() / self.frame_bytes) as u64,
        });
    }
}

impl Encoder for FlacEncoder {
    fn encode(&mut self, mut samples: &[u8], out: &mut EncodedPackets) {
        if let Some(md5) = &mut self.md5 {
            md5.update(samples);
        }
        let size = BLOCK * self.frame_bytes;
        if !self.block.is_empty() {
            let missing = (size - self.block.len()).min(samples.len());
            let (first, rest) = samples.split_at(missing);
            self.block.extend_from_slice(first);
            samples = rest;
            if self.block.len() < size {
                return;
            }
            let block = std::mem::take(&mut self.block);
            self.emit(&block, out);
            self.block = block;
            self.block.clear();
        }
        let blocks = samples.chunks_exact(size);
        self.block.extend_from_slice(blocks.remainder());
        for block in blocks {
            self.emit(block, out);
        }
    }

    fn finish(&mut self, out: &mut EncodedPackets) -> u64 {
        let block = std::mem::take(&mut self.block);
        if !block.is_empty() {
            self.emit(&block, out);
        }
        0
    }

    fn audio_md5(&self) -> Option<[u8; 16]> {
        self.md5.clone().map(|md5| md5.finalize().into())
    }

    fn delay(&self) -> u64 {
        0
    }

    fn resume_from(&self, output: u64) -> u64 {
        output
    }

    fn resume(&mut self, output: u64) {
        self.number = output / BLOCK as u64;
        if output > 0 {
            self.md5 = None;
        }
    }
}
