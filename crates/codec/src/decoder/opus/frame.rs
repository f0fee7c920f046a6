//! The frame of an Opus packet, as far as the decoder does not tell about it.

use opus_pure::{OpusMode, packet};

/// Samples of a frame of the speech layer (SILK) at 48 kHz.
const SPEECH_FRAME: usize = 960;

/// Whether the packet has one frame, which holds a copy of the frame before it (RFC 6716, 4.2.4).
pub fn has_copy(payload: &[u8]) -> bool {
    let speech = packet::mode(payload).is_ok_and(|mode| mode != OpusMode::CeltOnly);
    let Some(first) = only_frame(payload).and_then(<[u8]>::first).filter(|_| speech) else {
        return false;
    };
    let samples = packet::samples_per_frame(payload, 48_000).unwrap_or(0);
    // The flags of each channel: whether a frame of the speech layer has voice, and one for copies.
    let flags = (samples / SPEECH_FRAME).max(1) + 1;
    let copies = |channel: usize| (first >> (8 - flags * (channel + 1))) & 1 == 1;
    copies(0) || (packet::channels(payload).is_ok_and(|channels| channels == 2) && copies(1))
}

/// The frame of a packet that holds one (RFC 6716, 3.2).
fn only_frame(payload: &[u8]) -> Option<&[u8]> {
    let (toc, rest) = payload.split_first()?;
    match toc & 3 {
        0 => Some(rest),
        3 => {
            let (count, mut rest) = rest.split_first()?;
            let mut padding = 0;
            // A length of 255 means 254 bytes, and another length follows.
            let mut has_more = count & 0x40 != 0;
            while has_more {
                let (length, after) = rest.split_first()?;
                has_more = *length == 255;
                padding += usize::from(*length) - usize::from(has_more);
                rest = after;
            }
            let frame = rest.len().checked_sub(padding)?;
            (count & 0x3f == 1).then_some(&rest[..frame])
        }
        _ => None,
    }
}
