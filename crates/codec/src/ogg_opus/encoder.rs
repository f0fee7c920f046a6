//! The encoder of Opus (RFC 6716), in groups of packets that fill a page.
//!
//! `opus-pure` is called with packets of 20 ms at its own rates alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::{Application, OpusEncoder, RateControl};

use super::{DELAY, PACKET, PACKETS_PER_PAGE, PRE_ROLL, parameter, scale};
use crate::{EncodedPacket, EncodedPackets, Encoder, Shape};

/// The most bytes of a packet with one frame.
const PACKET_BYTES_MAX: usize = 1276;
/// From this rate and complexity on, the encoder analyses the signal and knows what is silence.
const ANALYSIS_RATE: u32 = 16_000;
const ANALYSIS_COMPLEXITY: u32 = 7;
/// At lower rates only samples of at most 16 are silence: 11 bits of 16 are used. A-law has no zero,
/// and two silent legs of A-law add up to this.
const QUIET_BITS: i32 = 11;

/// The first configuration of CELT alone, in the upper five bits of a packet (RFC 6716, 3.1).
const FIRST_CELT_CONFIGURATION: u8 = 16;
/// The delay of the encoder for CELT alone, in samples at 48 kHz.
const RESTRICTED_DELAY: u64 = 120;
/// By how much its bit rate is higher, because CELT needs more for speech than SILK.
const RESTRICTED_BITRATES: i32 = 2;

pub(super) struct OpusPackets {
    shape: Shape,
    channels: usize,
    /// Frames of a packet.
    packet: usize,
    /// Created with the first packet, because it needs much memory.
    encoder: Option<Box<OpusEncoder>>,
    /// Interleaved samples of the next packet.
    samples: Vec<i16>,
    /// Packets that do not fill a page yet.
    group: EncodedPackets,
    /// The number of packets still to skip because the file already holds them.
    packets_to_skip: u64,
    /// It goes on with CELT alone behind SILK packets of another encoder.
    restricted: bool,
    failure: Option<&'static str>,
}

impl OpusPackets {
    pub fn new(shape: &Shape) -> OpusPackets {
        OpusPackets {
            shape: *shape,
            channels: usize::from(shape.channels.clamp(1, 2)),
            packet: (PACKET / scale(shape.rate)) as usize,
            encoder: None,
            samples: Vec::new(),
            group: EncodedPackets::default(),
            packets_to_skip: 0,
            restricted: false,
            failure: None,
        }
    }

    fn restricted_delay_frames(&self) -> usize {
        (RESTRICTED_DELAY / scale(self.shape.rate)) as usize
    }

    fn delay_frames(&self) -> usize {
        (DELAY / scale(self.shape.rate)) as usize
    }

    /// Encodes the collected samples, which are a whole packet. Returns the size of the packet, or
    /// `None` if the encoder fails: its state is then unknown.
    fn run_encoder(&mut self, bytes: &mut [u8; PACKET_BYTES_MAX]) -> Option<usize> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => new_encoder(&self.shape, self.restricted)?,
        };
        let encode = || encoder.encode_s16(&self.samples, self.packet, bytes);
        let len = catch_unwind(AssertUnwindSafe(encode)).ok()?.ok()?;
        self.encoder = Some(encoder);
        (1..=PACKET_BYTES_MAX).contains(&len).then_some(len)
    }

    /// Encodes the collected samples, which are a whole packet. If that fails, the caller continues the
    /// file with another [`OpusPackets`], which joins it as after a crash.
    fn encode_packet(&mut self) {
        let mut bytes = [0; PACKET_BYTES_MAX];
        let Some(len) = self.run_encoder(&mut bytes) else {
            self.failure = Some("the Opus encoder failed");
            return;
        };
        if self.packets_to_skip > 0 {
            self.packets_to_skip -= 1;
            let is_silk = bytes[0] >> 3 < FIRST_CELT_CONFIGURATION;
            match self.packets_to_skip == 0 && is_silk {
                true => self.restrict(),
                false => self.samples.clear(),
            }
            return;
        }
        self.samples.clear();
        self.group.bytes.extend_from_slice(&bytes[..len]);
        self.group.list.push(EncodedPacket {
            bytes: len,
            frames: self.packet as u64,
        });
    }

    /// Goes on with another encoder for CELT alone, behind a packet of SILK. SILK predicts each packet
    /// from what is decoded before it, which here another encoder has encoded, and the error of a steady
    /// tone would grow. CELT begins anew, and the decoder fades into it. Its delay is shorter, so it gets
    /// the last samples once more.
    fn restrict(&mut self) {
        (self.restricted, self.encoder) = (true, None);
        let kept = (self.delay_frames() - self.restricted_delay_frames()) * self.channels;
        self.samples.drain(..self.samples.len() - kept);
    }

    /// Lets the next packet fail: there is no bit rate of 0.
    #[cfg(test)]
    pub fn break_encoder(&mut self) {
        let mut encoder = new_encoder(&self.shape, false);
        if let Some(encoder) = &mut encoder {
            encoder.bitrate_bps = 0;
        }
        self.encoder = encoder;
    }

    fn append_group(&mut self, out: &mut EncodedPackets) {
        out.bytes.extend_from_slice(&self.group.bytes);
        out.list.extend_from_slice(&self.group.list);
        self.group.clear();
    }
}

fn new_encoder(shape: &Shape, restricted: bool) -> Option<Box<OpusEncoder>> {
    let channels = usize::from(shape.channels.clamp(1, 2));
    let (application, bitrates) = match restricted {
        true => (Application::RestrictedLowDelay, RESTRICTED_BITRATES),
        false => (Application::Voip, 1),
    };
    let mut encoder = Box::new(OpusEncoder::new(shape.rate as i32, channels, application).ok()?);
    let has_dtx = parameter::dtx(shape);
    encoder.bitrate_bps = bitrates * parameter::bitrate(shape) as i32;
    encoder.complexity = match parameter::complexity(shape) {
        given if has_dtx && shape.rate >= ANALYSIS_RATE => given.max(ANALYSIS_COMPLEXITY),
        given => given,
    } as i32;
    encoder.rate_control = RateControl::Vbr;
    encoder.use_dtx = has_dtx;
    if has_dtx && shape.rate < ANALYSIS_RATE {
        encoder.lsb_depth = QUIET_BITS;
    }
    Some(encoder)
}

impl Encoder for OpusPackets {
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets) {
        let whole = self.packet * self.channels;
        let (mut rest, _) = samples.as_chunks::<2>();
        while !rest.is_empty() && self.failure.is_none() {
            let (now, later) = rest.split_at(rest.len().min(whole - self.samples.len()));
            self.samples
                .extend(now.iter().map(|bytes| i16::from_le_bytes(*bytes)));
            rest = later;
            if self.samples.len() == whole {
                self.encode_packet();
            }
            if self.group.list.len() == PACKETS_PER_PAGE {
                self.append_group(out);
            }
        }
    }

    fn failure(&self) -> Option<&str> {
        self.failure
    }

    fn finish(&mut self, out: &mut EncodedPackets) -> u64 {
        if self.failure.is_some() {
            return 0;
        }
        // The decoder returns the last frames this much later.
        let delay = match self.restricted {
            true => self.restricted_delay_frames(),
            false => self.delay_frames(),
        };
        let frames = self.samples.len() / self.channels + delay;
        let trim = frames.next_multiple_of(self.packet) - frames;
        let silence = vec![0; (delay + trim) * self.channels * 2];
        self.encode(&silence, out);
        if self.failure.is_none() {
            self.append_group(out);
        }
        trim as u64
    }

    fn delay(&self) -> u64 {
        self.delay_frames() as u64
    }

    fn resume_from(&self, output: u64) -> u64 {
        let packet = self.packet as u64;
        (output / packet).saturating_sub(PRE_ROLL) * packet
    }

    fn resume(&mut self, output: u64) {
        self.packets_to_skip = (output / self.packet as u64).min(PRE_ROLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    fn shape(rate: u32, channels: u16) -> Shape {
        Shape {
            format: Format::named("opus").expect("in this build"),
            rate,
            channels,
        }
    }

    #[test]
    fn a_failure_is_reported_and_nothing_follows_it() {
        for (rate, channels) in [(8000, 1), (16_000, 1), (48_000, 1)] {
            let shape = shape(rate, channels);
            let page = vec![0; (PACKET / scale(rate)) as usize * PACKETS_PER_PAGE * 2];
            let (mut packets, mut out) = (OpusPackets::new(&shape), EncodedPackets::default());
            packets.encode(&page, &mut out);
            assert_eq!((out.list.len(), packets.failure()), (PACKETS_PER_PAGE, None));
            packets.encode(&page[..page.len() / 2], &mut out);
            packets.break_encoder();
            packets.encode(&page, &mut out);
            assert_eq!(packets.failure(), Some("the Opus encoder failed"));
            packets.encode(&page, &mut out);
            packets.finish(&mut out);
            assert_eq!(out.list.len(), PACKETS_PER_PAGE);
        }
    }

    #[test]
    fn an_encoder_that_cannot_be_created_has_failed() {
        let (mut packets, mut out) = (OpusPackets::new(&shape(7999, 1)), EncodedPackets::default());
        packets.encode(&[0; 32_000], &mut out);
        assert!(packets.failure().is_some() && out.list.is_empty());
    }

    #[test]
    fn a_failure_at_the_end_is_reported() {
        let (mut packets, mut out) = (OpusPackets::new(&shape(8000, 1)), EncodedPackets::default());
        packets.encode(&[0; 100], &mut out);
        packets.break_encoder();
        packets.finish(&mut out);
        assert!(packets.failure().is_some() && out.list.is_empty());
    }
}
