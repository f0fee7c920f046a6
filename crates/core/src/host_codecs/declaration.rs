//! What a codec's format consists of: what the host has stated, and what is declared for a payload
//! type.

use std::ffi::CString;

use super::functions::{DecoderParameters, LONGEST};
use crate::types::{Codec, Error, FeedFormat, Result, Status};
use callrec_media::external::PacketLength;

const CHANNELS_MAX: u32 = 8;

/// What the host has stated about a codec.
#[derive(Clone, Debug)]
pub struct CodecDescription {
    /// The encoding name in `rtpmap`.
    pub name: String,
    /// The rate of the samples; 0: the clock rate.
    pub rate: u32,
    /// The number of channels; 0: as declared.
    pub channels: u32,
    /// Bytes and samples of a frame, if all frames are alike.
    pub frame: Option<(u32, u32)>,
}

/// A codec as a session description or the host declares it for a payload type.
pub struct DeclaredCodec<'a> {
    /// The clock rate of the timestamps.
    pub clock_rate: u32,
    pub channels: u32,
    pub fmtp: Option<&'a str>,
    /// The length of a packet, if it is declared.
    pub packet_ms: Option<u32>,
}

/// Formats with equal keys are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct FormatKey {
    codec: usize,
    pub parameters: DecoderParameters,
    samples_per_tick: u8,
    pub length: PacketLength,
}

impl CodecDescription {
    /// As RTP names the format.
    pub(super) fn text(&self, declared: &DeclaredCodec<'_>) -> String {
        let clock = declared.clock_rate;
        match declared.channels {
            0 | 1 => format!("{}/{clock}", self.name),
            channels => format!("{}/{clock}/{channels}", self.name),
        }
    }
}

impl FormatKey {
    pub fn new(codec: usize, known: &CodecDescription, declared: &DeclaredCodec<'_>) -> Result<FormatKey> {
        let clock = declared.clock_rate;
        let rate = if known.rate == 0 { clock } else { known.rate };
        if !(8000..=48_000).contains(&rate) {
            return Err(refused(format!("sampling rate {rate}: must be 8000 to 48000")));
        }
        let channels = if known.channels == 0 {
            declared.channels.max(1)
        } else {
            known.channels
        };
        if channels > CHANNELS_MAX {
            return Err(refused(format!(
                "{channels} channels: must be at most {CHANNELS_MAX}"
            )));
        }
        let is_multiple = clock > 0 && rate.is_multiple_of(clock);
        let samples_per_tick = is_multiple.then(|| u8::try_from(rate / clock).ok()).flatten();
        let Some(samples_per_tick) = samples_per_tick else {
            return Err(refused(format!(
                "clock rate {clock}: the sampling rate {rate} must be a multiple of it"
            )));
        };
        let longest = rate / LONGEST;
        let length = match known.frame {
            Some((bytes, samples)) => PacketLength::Frames { bytes, samples },
            None => {
                let ms = declared.packet_ms.unwrap_or(20).clamp(1, 1000);
                PacketLength::Latest((rate * ms / 1000).clamp(1, longest))
            }
        };
        let fmtp = declared.fmtp.map(CString::new).transpose();
        Ok(FormatKey {
            codec,
            parameters: DecoderParameters {
                rate,
                channels,
                fmtp: fmtp.map_err(|_| refused("fmtp has a NUL"))?,
            },
            samples_per_tick,
            length,
        })
    }

    pub fn feed_format(&self, number: u16) -> FeedFormat {
        FeedFormat {
            codec: Codec::External {
                number,
                samples_per_tick: self.samples_per_tick,
            },
            rate: self.parameters.rate,
        }
    }
}

pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}
