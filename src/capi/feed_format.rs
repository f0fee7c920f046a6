//! Reads the formats of feeds and payload types.

use super::convert::{check_reserved, invalid, read_required};
use super::types::*;
use crate::handles::{self, Handle};
use crate::host_codecs::DeclaredCodec;
use crate::media::PayloadFormat;
use crate::types::{Codec, Error, FeedFormat, FeedOptions, Result, Status};

/// The maximum of `format.ahead_ms`.
const AHEAD_MS_MAX: u32 = 600_000;
/// The maximum number of channels of a payload type.
const CHANNELS_MAX: u8 = 8;

/// Reads the format of a feed, which must not be NULL. Two channels are the two legs.
///
/// # Safety
/// `at` is NULL or points to a rec_feed_format by the rules of `read`.
pub unsafe fn feed_options(at: *const rec_feed_format) -> Result<FeedOptions> {
    // SAFETY: promised by the caller.
    let given = unsafe { read_checked(at) }?;
    let (codec, rate) = codec_of(&given, 1)?;
    if given.ahead_ms > AHEAD_MS_MAX {
        return Err(invalid(format!(
            "format.ahead_ms {}: must be at most {AHEAD_MS_MAX}",
            given.ahead_ms
        )));
    }
    let channels = match given.channels {
        0 | 1 => 1,
        2 if codec.is_direct() => 2,
        2 => {
            return Err(invalid(
                "format.channels 2: must be 0 or 1 for this codec of a feed",
            ));
        }
        other => return Err(invalid(format!("format.channels {other}: must be 0, 1 or 2"))),
    };
    Ok(FeedOptions {
        format: FeedFormat { codec, rate },
        ahead_ms: given.ahead_ms,
        channels,
    })
}

/// Reads the format of a payload type of a feed, which must not be NULL. The channels are those of
/// the codec.
///
/// # Safety
/// `at` is NULL or points to a rec_feed_format by the rules of `read`.
pub unsafe fn payload_format(at: *const rec_feed_format, feed: Handle) -> Result<PayloadFormat> {
    // SAFETY: promised by the caller.
    let given = unsafe { read_checked(at) }?;
    let channels = match given.channels {
        0 => 1,
        known if known <= u32::from(CHANNELS_MAX) => known as u8,
        other => {
            return Err(invalid(format!(
                "format.channels {other}: must be at most {CHANNELS_MAX}"
            )));
        }
    };
    if given.codec >= REC_CODEC_REGISTERED {
        let declared = DeclaredCodec {
            clock_rate: if given.sample_rate == 0 {
                8000
            } else {
                given.sample_rate
            },
            channels: channels.into(),
            fmtp: None,
            packet_ms: None,
        };
        let format = handles::feed::codecs(feed)?.numbered(given.codec, &declared)?;
        return Ok(format.into());
    }
    let (codec, rate) = codec_of(&given, channels)?;
    Ok(FeedFormat { codec, rate }.into())
}

/// # Safety
/// As for [`feed_options`].
unsafe fn read_checked(at: *const rec_feed_format) -> Result<rec_feed_format> {
    // SAFETY: promised by the caller.
    let given = unsafe { read_required(at, "format") }?;
    check_reserved(given.reserved, "format.reserved")?;
    Ok(given)
}

/// The codec, and the rate of its samples. Fails with `Unsupported` if the build lacks it.
fn codec_of(given: &rec_feed_format, channels: u8) -> Result<(Codec, u32)> {
    let (codec, rate) = known_codec(given, channels)?;
    if codec.is_built_in() {
        return Ok((codec, rate));
    }
    Err(Error::new(
        Status::Unsupported,
        format!(
            "format.codec {}: this callrec was built without this codec",
            given.codec
        ),
    ))
}

fn known_codec(given: &rec_feed_format, channels: u8) -> Result<(Codec, u32)> {
    let mono_only = |name: &str| match channels {
        1 => Ok(()),
        _ => Err(invalid(format!("format.channels {channels}: {name} has one"))),
    };
    let rate = given.sample_rate;
    let wrong_rate = |rates: &str| invalid(format!("format.sample_rate {rate}: must be {rates}"));
    match given.codec {
        REC_CODEC_PCM16 => match (rate, channels) {
            (0, 1) => Ok((Codec::Pcm16, 8000)),
            (8000..=48_000, 1) => Ok((Codec::Pcm16, rate)),
            (0, _) => Ok((Codec::L16(channels), 8000)),
            (8000..=48_000, _) => Ok((Codec::L16(channels), rate)),
            _ => Err(wrong_rate("8000 to 48000 for PCM16")),
        },
        REC_CODEC_PCMU | REC_CODEC_PCMA => {
            mono_only("G.711")?;
            let law = match given.codec {
                REC_CODEC_PCMU => Codec::Pcmu,
                _ => Codec::Pcma,
            };
            match rate {
                0 | 8000 => Ok((law, 8000)),
                _ => Err(wrong_rate("8000 for G.711")),
            }
        }
        REC_CODEC_G722 => {
            mono_only("G.722")?;
            match rate {
                // RFC 3551 declares the clock rate 8000.
                0 | 8000 | 16_000 => Ok((Codec::G722, 16_000)),
                _ => Err(wrong_rate("8000 or 16000 for G.722")),
            }
        }
        REC_CODEC_OPUS => match (rate, channels) {
            (0 | 48_000, 1 | 2) => Ok((Codec::Opus, 48_000)),
            (0 | 48_000, _) => Err(invalid(format!(
                "format.channels {channels}: Opus has one or two"
            ))),
            _ => Err(wrong_rate("48000 for Opus")),
        },
        other if other >= REC_CODEC_REGISTERED => Err(invalid(format!(
            "format.codec {other}: a registered codec is for rec_feed_payload only"
        ))),
        other => Err(invalid(format!("format.codec {other}: unknown codec"))),
    }
}
