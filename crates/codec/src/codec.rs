//! How a leg's payload is coded.

/// How a leg's payload is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcm16,
    Pcmu,
    Pcma,
}

impl Codec {
    /// Whole samples in so many bytes.
    #[inline]
    pub fn samples_in(self, bytes: usize) -> u64 {
        match self {
            Codec::Pcm16 => bytes as u64 / 2,
            Codec::Pcmu | Codec::Pcma => bytes as u64,
        }
    }

    #[inline]
    pub fn sample_bytes(self) -> usize {
        match self {
            Codec::Pcm16 => 2,
            Codec::Pcmu | Codec::Pcma => 1,
        }
    }
}
