//! A stretch of a leg's audio, as it was handed in, read as linear samples.

use crate::{SampleFormat, g711};

/// Decoded audio of one stretch of a leg, still as it was handed in.
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

    /// Its first samples.
    #[inline]
    pub fn first(self, samples: usize) -> AudioSlice<'a> {
        match self {
            AudioSlice::Silence => AudioSlice::Silence,
            AudioSlice::Ulaw(bytes) => AudioSlice::Ulaw(&bytes[..samples.min(bytes.len())]),
            AudioSlice::Alaw(bytes) => AudioSlice::Alaw(&bytes[..samples.min(bytes.len())]),
            AudioSlice::Pcm(bytes) => AudioSlice::Pcm(&bytes[..(samples * 2).min(bytes.len())]),
        }
    }

    /// Gives each sample to `each`, in order.
    #[inline]
    pub fn for_each(self, mut each: impl FnMut(i16)) {
        match self {
            AudioSlice::Silence => {}
            AudioSlice::Ulaw(bytes) => by_table(bytes, &g711::ULAW, each),
            AudioSlice::Alaw(bytes) => by_table(bytes, &g711::ALAW, each),
            AudioSlice::Pcm(bytes) => {
                for pair in bytes.chunks_exact(2) {
                    each(i16::from_ne_bytes([pair[0], pair[1]]));
                }
            }
        }
    }
}

#[inline]
fn by_table(bytes: &[u8], table: &g711::LinearTable, mut each: impl FnMut(i16)) {
    for &byte in bytes {
        each(table[byte as usize]);
    }
}

/// One linear sample in a law's byte.
#[inline]
pub fn encode_g711(format: SampleFormat, sample: i16) -> u8 {
    match format {
        SampleFormat::Alaw => audio_codec_algorithms::encode_alaw(sample),
        _ => audio_codec_algorithms::encode_ulaw(sample),
    }
}
