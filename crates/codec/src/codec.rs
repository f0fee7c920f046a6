//! Codecs of a leg's payload.

/// The encoding of a leg's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Linear, 16 bits. Network byte order in RTP, native byte order in writes.
    Pcm16,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// The number of whole samples in `bytes` bytes.
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
