//! Audio on its way from a tap to its file, counted in frames.

use crate::SampleFormat;

/// A stretch of a recording. A frame is one sample of every channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub frames: u64,
    pub samples: Samples,
}

/// The frames of a block, interleaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// Nobody speaks: takes no memory.
    Silence,
    /// 16 bits a sample, the lower byte first.
    Pcm16(Vec<u8>),
    /// One byte a sample, in the law that the file's format asks for.
    G711(Vec<u8>),
}

impl Block {
    pub fn silence(frames: u64) -> Block {
        Block {
            frames,
            samples: Samples::Silence,
        }
    }

    /// `bytes`: `frames` frames, coded in `format`.
    pub fn coded(format: SampleFormat, frames: u64, bytes: Vec<u8>) -> Block {
        let samples = match format {
            SampleFormat::Pcm16 => Samples::Pcm16(bytes),
            SampleFormat::Ulaw | SampleFormat::Alaw => Samples::G711(bytes),
        };
        Block { frames, samples }
    }

    /// Its samples as they are coded; empty for silence.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::Silence => &[],
            Samples::Pcm16(bytes) | Samples::G711(bytes) => bytes,
        }
    }

    /// Gives its memory back.
    pub fn into_buffer(self) -> Vec<u8> {
        match self.samples {
            Samples::Silence => Vec::new(),
            Samples::Pcm16(bytes) | Samples::G711(bytes) => bytes,
        }
    }
}
