//! A leg's audio in its original encoding, readable as linear samples.

use crate::{SampleFormat, g711};

/// Consecutive samples of one leg, in the encoding in which the host handed them in.
#[derive(Clone, Copy, Debug)]
pub enum AudioSlice<'a> {
    Silence,
    Ulaw(&'a [u8]),
    Alaw(&'a [u8]),
    /// Native-endian 16-bit samples.
    Pcm(&'a [u8]),
}

impl<'a> AudioSlice<'a> {
    #[inline]
    pub fn is_silence(&self) -> bool {
        matches!(self, AudioSlice::Silence)
    }

    /// The first `samples` samples, or all if there are fewer.
    #[inline]
    pub fn first(self, samples: usize) -> AudioSlice<'a> {
        match self {
            AudioSlice::Silence => AudioSlice::Silence,
            AudioSlice::Ulaw(bytes) => AudioSlice::Ulaw(&bytes[..samples.min(bytes.len())]),
            AudioSlice::Alaw(bytes) => AudioSlice::Alaw(&bytes[..samples.min(bytes.len())]),
            AudioSlice::Pcm(bytes) => AudioSlice::Pcm(&bytes[..(samples * 2).min(bytes.len())]),
        }
    }

    /// Calls `each` with every sample, in order. Silence has no samples.
    #[inline]
    pub fn for_each(self, mut each: impl FnMut(i16)) {
        match self {
            AudioSlice::Silence => {}
            AudioSlice::Ulaw(bytes) => decode_each(bytes, &g711::ULAW, each),
            AudioSlice::Alaw(bytes) => decode_each(bytes, &g711::ALAW, each),
            AudioSlice::Pcm(bytes) => {
                for pair in bytes.chunks_exact(2) {
                    each(i16::from_ne_bytes([pair[0], pair[1]]));
                }
            }
        }
    }
}

#[inline]
fn decode_each(bytes: &[u8], table: &g711::LinearTable, mut each: impl FnMut(i16)) {
    for &byte in bytes {
        each(table[byte as usize]);
    }
}

/// Encodes one linear sample in A-law, or in mu-law for every other format.
#[inline]
pub fn encode_g711(format: SampleFormat, sample: i16) -> u8 {
    match format {
        SampleFormat::Alaw => audio_codec_algorithms::encode_alaw(sample),
        _ => audio_codec_algorithms::encode_ulaw(sample),
    }
}
