//! Opus (RFC 6716) in RTP (RFC 7587), at 48 kHz.
//!
//! `opus-pure` decodes as libopus does, but it reads outside its memory if it is told to conceal a
//! number of samples that no frame has. Only this module and the encoder of `ogg_opus` call it, and
//! only with legal numbers.

mod frame;

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::{Error, OpusDecoder, OpusMode, packet};

use super::{Decoder, InvalidPayload};
use crate::opus_packet::{OPUS_RATE, opus_samples};

/// The numbers of samples that a frame may have.
const FRAMES: [usize; 6] = [120, 240, 480, 960, 1920, 2880];
/// Concealed at a time before the first packet.
const DEFAULT_FRAME: usize = 960;

/// Decodes a stream that has sent stereo to stereo, and mixes it down. In-band error correction
/// recovers a missing packet.
pub struct Opus {
    /// `None` before the first packet and after a failure, because it needs 200 KB.
    decoder: Option<OpusDecoder>,
    /// The samples of the latest packet, and its coding.
    latest: Option<(usize, OpusMode)>,
    /// The latest packet, while the decoder has one channel.
    latest_mono: Vec<u8>,
    interleaved: Vec<i16>,
}

impl Opus {
    pub fn new() -> Opus {
        Opus {
            decoder: None,
            latest: None,
            latest_mono: Vec::new(),
            interleaved: Vec::new(),
        }
    }

    /// The duration of a packet, which its first bytes state; 0 if they are invalid.
    fn samples(payload: &[u8]) -> usize {
        opus_samples(payload).unwrap_or(0) as usize
    }

    /// Provides a decoder with the packet's channels. A decoder with more serves as well.
    fn prepare(&mut self, payload: &[u8]) -> Result<(), InvalidPayload> {
        let channels = packet::channels(payload).map_err(|_| InvalidPayload)?;
        let known = self.decoder.as_ref().map(OpusDecoder::channels);
        if known.is_some_and(|known| known >= channels) {
            return Ok(());
        }
        self.decoder = OpusDecoder::new(OPUS_RATE as i32, channels).ok();
        if known.is_some() && !self.latest_mono.is_empty() {
            // Otherwise the first stereo packet would begin in silence.
            let before = std::mem::take(&mut self.latest_mono);
            let _ = self.decode_packet(&before, &mut Vec::new());
        }
        Ok(())
    }

    fn decode_packet(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload> {
        let samples = Opus::samples(payload);
        self.run(samples, out, |decoder, pcm| {
            decoder.decode_s16(payload, samples, pcm)
        })
    }

    /// Lets the decoder write up to `samples` samples, and appends them to `out`, mixed down.
    fn run(
        &mut self,
        samples: usize,
        out: &mut Vec<i16>,
        decode: impl FnOnce(&mut OpusDecoder, &mut [i16]) -> opus_pure::Result<usize>,
    ) -> Result<(), InvalidPayload> {
        let decoder = self.decoder.as_mut().ok_or(InvalidPayload)?;
        let channels = decoder.channels();
        let pcm = &mut self.interleaved;
        pcm.clear();
        pcm.resize(samples * channels, 0);
        match catch_unwind(AssertUnwindSafe(|| decode(decoder, pcm))) {
            Ok(Ok(decoded)) => {
                let pcm = &pcm[..(decoded * channels).min(samples * channels)];
                append_mixed(pcm, channels, out);
                Ok(())
            }
            Ok(Err(Error::InvalidPacket(_))) => Err(InvalidPayload),
            // Its state is unknown.
            Ok(Err(_)) | Err(_) => {
                self.decoder = None;
                Err(InvalidPayload)
            }
        }
    }

    /// Conceals `samples` samples by frames of at most `longest`. A rest that is shorter than every
    /// frame is left out.
    fn conceal_frames(&mut self, longest: usize, samples: usize, out: &mut Vec<i16>) {
        let mut rest = samples;
        while let Some(frame) = FRAMES
            .into_iter()
            .rfind(|frame| *frame <= rest && *frame <= longest)
        {
            let conceal = |decoder: &mut OpusDecoder, pcm: &mut [i16]| decoder.decode_s16(&[], frame, pcm);
            if self.run(frame, out, conceal).is_err() {
                return;
            }
            rest -= frame;
        }
    }
}

/// Appends the mean of the channels.
fn append_mixed(pcm: &[i16], channels: usize, out: &mut Vec<i16>) {
    match channels {
        2 => {
            let (frames, _) = pcm.as_chunks::<2>();
            out.extend(
                frames
                    .iter()
                    .map(|[left, right]| ((i32::from(*left) + i32::from(*right)) / 2) as i16),
            );
        }
        _ => out.extend_from_slice(pcm),
    }
}

impl Decoder for Opus {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), InvalidPayload> {
        let samples = Opus::samples(payload);
        if samples == 0 {
            return Err(InvalidPayload);
        }
        if payload.len() == 1 {
            // Silence that the sender announces (DTX). The decoder's noise continues.
            let end = out.len() + samples;
            self.conceal_frames(samples, samples, out);
            out.resize(end, 0);
            return Ok(());
        }
        self.prepare(payload)?;
        self.decode_packet(payload, out)?;
        self.latest = packet::mode(payload).ok().map(|mode| (samples, mode));
        self.latest_mono.clear();
        if self
            .decoder
            .as_ref()
            .is_some_and(|decoder| decoder.channels() == 1)
        {
            self.latest_mono.extend_from_slice(payload);
        }
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let longest = self.latest.map_or(DEFAULT_FRAME, |(samples, _)| samples);
        self.conceal_frames(longest.max(FRAMES[0]), samples, out);
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        // The copy is as long as the frame that carries it. After a packet without the speech layer
        // the decoder cannot use it.
        let is_usable = frame::has_copy(next)
            && FRAMES.contains(&samples)
            && Opus::samples(next) == samples
            && self.latest.is_some_and(|(_, mode)| mode != OpusMode::CeltOnly);
        if !is_usable || self.prepare(next).is_err() {
            return false;
        }
        let before = out.len();
        let recovered = self.run(samples, out, |decoder, pcm| {
            decoder.decode_fec_s16(next, samples, pcm)
        });
        let is_whole = recovered.is_ok() && out.len() == before + samples;
        if !is_whole {
            out.truncate(before);
        }
        is_whole
    }
}
