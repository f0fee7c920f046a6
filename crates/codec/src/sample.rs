//! Encodings of the samples of a block.

/// The encoding of a block's samples: linear or G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// 16 bits, little-endian.
    Pcm16,
    Ulaw,
    Alaw,
}

impl SampleFormat {
    pub const ALL: [SampleFormat; 3] = [SampleFormat::Pcm16, SampleFormat::Ulaw, SampleFormat::Alaw];

    /// Bytes of one sample of one channel.
    #[inline]
    pub fn bytes(self) -> usize {
        match self {
            SampleFormat::Pcm16 => 2,
            SampleFormat::Ulaw | SampleFormat::Alaw => 1,
        }
    }

    /// The byte value of silence.
    #[inline]
    pub fn silence(self) -> u8 {
        match self {
            SampleFormat::Pcm16 => 0,
            SampleFormat::Ulaw => 0xff,
            SampleFormat::Alaw => 0xd5,
        }
    }
}
