//! The encoder of Opus (RFC 6716), in groups of packets that fill a page.
//!
//! `opus-pure` is called with packets of 20 ms at its own rates alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_pure::{Application, OpusEncoder, RateControl};

use super::{DELAY, PACKET, PACKETS_PER_PAGE, PRE_ROLL, SILENCE, parameter, scale};
use crate::{EncodedPacket, EncodedPackets, Encoder, Shape};

/// The most bytes of a packet with one frame.
const PACKET_BYTES_MAX: usize = 1276;
/// From this rate and complexity on, the encoder analyses the signal and knows what is silence.
const ANALYSIS_RATE: u32 = 16_000;
const ANALYSIS_COMPLEXITY: u32 = 7;
/// At lower rates only samples of at most 16 are silence: 11 bits of 16 are used. A-law has no zero,
/// and two silent legs of A-law add up to this.
const QUIET_BITS: i32 = 11;

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
        }
    }

    fn delay_frames(&self) -> usize {
        (DELAY / scale(self.shape.rate)) as usize
    }

    /// Encodes the collected samples, which are a whole packet.
    fn encode_packet(&mut self) {
        let mut bytes = [0; PACKET_BYTES_MAX];
        let run = |this: &mut OpusPackets, bytes: &mut [u8]| {
            let mut encoder = match this.encoder.take() {
                Some(encoder) => encoder,
                None => new_encoder(&this.shape)?,
            };
            let encode = || encoder.encode_s16(&this.samples, this.packet, bytes);
            let len = catch_unwind(AssertUnwindSafe(encode)).ok()?.ok()?;
            this.encoder = Some(encoder);
            (1..=PACKET_BYTES_MAX).contains(&len).then_some(len)
        };
        // After a failure a new encoder tries again: the state of the old one is unknown.
        let len = run(self, &mut bytes).or_else(|| run(self, &mut bytes));
        self.samples.clear();
        if self.packets_to_skip > 0 {
            self.packets_to_skip -= 1;
            return;
        }
        let packet = len.map_or(&SILENCE[..], |len| &bytes[..len]);
        self.group.bytes.extend_from_slice(packet);
        self.group.list.push(EncodedPacket {
            bytes: packet.len(),
            frames: self.packet as u64,
        });
    }

    fn append_group(&mut self, out: &mut EncodedPackets) {
        out.bytes.extend_from_slice(&self.group.bytes);
        out.list.extend_from_slice(&self.group.list);
        self.group.clear();
    }
}

fn new_encoder(shape: &Shape) -> Option<Box<OpusEncoder>> {
    let channels = usize::from(shape.channels.clamp(1, 2));
    let mut encoder = Box::new(OpusEncoder::new(shape.rate as i32, channels, Application::Voip).ok()?);
    let has_dtx = parameter::dtx(shape);
    encoder.bitrate_bps = parameter::bitrate(shape) as i32;
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
        while !rest.is_empty() {
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

    fn finish(&mut self, out: &mut EncodedPackets) -> u64 {
        // The decoder returns the last frames this much later.
        let frames = self.samples.len() / self.channels + self.delay_frames();
        let trim = frames.next_multiple_of(self.packet) - frames;
        let silence = vec![0; (self.delay_frames() + trim) * self.channels * 2];
        self.encode(&silence, out);
        self.append_group(out);
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
