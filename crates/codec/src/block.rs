//! Rendered audio on its way from a tap to its file, counted in frames.

use crate::SampleFormat;

/// Consecutive frames of a recording. A frame is one sample of every channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub frames: u64,
    pub samples: Samples,
}

/// The interleaved samples of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// Silence, which takes no memory.
    Silence,
    /// 16 bits per sample, little-endian.
    Pcm16(Vec<u8>),
    /// One byte per sample, in the law of the file's format.
    G711(Vec<u8>),
}

impl Block {
    pub fn silence(frames: u64) -> Block {
        Block {
            frames,
            samples: Samples::Silence,
        }
    }

    /// `bytes` holds `frames` frames encoded in `format`.
    pub fn coded(format: SampleFormat, frames: u64, bytes: Vec<u8>) -> Block {
        let samples = match format {
            SampleFormat::Pcm16 => Samples::Pcm16(bytes),
            SampleFormat::Ulaw | SampleFormat::Alaw => Samples::G711(bytes),
        };
        Block { frames, samples }
    }

    /// The encoded samples; empty for silence.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::Silence => &[],
            Samples::Pcm16(bytes) | Samples::G711(bytes) => bytes,
        }
    }

    /// Returns the buffer for reuse.
    pub fn into_buffer(self) -> Vec<u8> {
        match self.samples {
            Samples::Silence => Vec::new(),
            Samples::Pcm16(bytes) | Samples::G711(bytes) => bytes,
        }
    }
}
