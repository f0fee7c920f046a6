//! Codecs of a leg's payload.

use crate::Decoder;
use crate::decoder::{G722, L16};
use crate::opus_packet::{OPUS_RATE, opus_samples};

/// The encoding of a leg's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Linear, 16 bits. Network byte order in RTP, native byte order in writes.
    Pcm16,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus (RFC 6716). A stereo stream is mixed down.
    Opus,
    /// Linear, 16 bits, network byte order, with this many interleaved channels, which are mixed
    /// down.
    L16(u8),
    /// Decoded by the host.
    External {
        /// Identifies the codec and its parameters while any leg uses them.
        number: u16,
        /// Samples in one tick of the RTP clock.
        samples_per_tick: u8,
    },
}

impl Codec {
    /// Whether this build decodes it. Where it does not, its packets are those of an unknown codec.
    pub fn is_built_in(self) -> bool {
        match self {
            Codec::G722 => cfg!(feature = "g722"),
            Codec::Opus => cfg!(feature = "opus"),
            Codec::Pcm16 | Codec::Pcmu | Codec::Pcma | Codec::L16(_) => true,
            Codec::External { .. } => false,
        }
    }

    /// Whether a packet's samples can be read at any position without a decoder. Packets of the
    /// other codecs are decoded one after another.
    #[inline]
    pub fn is_direct(self) -> bool {
        matches!(self, Codec::Pcm16 | Codec::Pcmu | Codec::Pcma)
    }

    /// The number of whole samples in `bytes` bytes of a direct codec.
    #[inline]
    pub fn samples_in(self, bytes: usize) -> u64 {
        (bytes / self.sample_bytes()) as u64
    }

    /// The size of a sample of a direct codec. Payloads of the other codecs are whole packets: 1.
    #[inline]
    pub fn sample_bytes(self) -> usize {
        match self {
            Codec::Pcm16 => 2,
            Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::Opus
            | Codec::L16(_)
            | Codec::External { .. } => 1,
        }
    }

    /// The number of samples that a packet's payload decodes to, at `rate`. 0 if it is too short
    /// or invalid, or if only the host knows.
    #[inline]
    pub fn samples_of(self, payload: &[u8], rate: u32) -> u64 {
        match self {
            Codec::Pcm16 => payload.len() as u64 / 2,
            Codec::Pcmu | Codec::Pcma => payload.len() as u64,
            Codec::G722 => G722::samples(payload),
            Codec::Opus if rate == OPUS_RATE => opus_samples(payload).unwrap_or(0),
            Codec::Opus => 0,
            Codec::L16(channels) => L16::samples(payload, channels),
            Codec::External { .. } => 0,
        }
    }

    /// The rate of the RTP timestamps of audio with the sampling rate `rate` (RFC 3551, RFC 7587).
    #[inline]
    pub fn clock_rate(self, rate: u32) -> u32 {
        match self {
            Codec::G722 => rate / 2,
            Codec::External { samples_per_tick, .. } => rate / u32::from(samples_per_tick.max(1)),
            Codec::Pcm16 | Codec::Pcmu | Codec::Pcma | Codec::Opus | Codec::L16(_) => rate,
        }
    }

    /// The typical number of payload bytes of a second of audio. Memory for bursts is sized by it.
    pub fn bytes_per_s(self, rate: u32) -> u64 {
        let rate = u64::from(rate);
        match self {
            Codec::Pcm16 => 2 * rate,
            Codec::Pcmu | Codec::Pcma => rate,
            Codec::G722 => rate / 2,
            Codec::Opus | Codec::External { .. } => 16_000,
            Codec::L16(channels) => 2 * rate * u64::from(channels),
        }
    }

    /// A decoder to samples at `rate`. `None` for a direct codec, and for one of the host.
    pub fn decoder(self, rate: u32) -> Option<Box<dyn Decoder>> {
        match self {
            Codec::Pcm16 | Codec::Pcmu | Codec::Pcma | Codec::External { .. } => None,
            // Without the feature, no stream is mapped to the codec; the linker drops the decoder.
            Codec::G722 if !cfg!(feature = "g722") => None,
            Codec::G722 => Some(Box::new(G722::new())),
            Codec::Opus if rate == OPUS_RATE => opus_decoder(),
            Codec::Opus => None,
            Codec::L16(channels) => Some(Box::new(L16::new(channels))),
        }
    }
}

#[cfg(feature = "opus")]
fn opus_decoder() -> Option<Box<dyn Decoder>> {
    Some(Box::new(crate::decoder::Opus::new()))
}

#[cfg(not(feature = "opus"))]
fn opus_decoder() -> Option<Box<dyn Decoder>> {
    None
}
