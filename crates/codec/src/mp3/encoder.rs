//! The encoder of MP3 files: frames of a library, each of which is whole in the file.

use super::frame::FrameKind;
use super::info_frame::{DECODER_DELAY, ENCODER_DELAY};
use super::library::{Mp3Loader, Mp3Settings, Mp3Stream};
use crate::{EncodedPacket, EncodedPackets, Encoder};

/// Output frames before the recording's first frame.
pub const MP3_DELAY: u64 = ENCODER_DELAY + DECODER_DELAY;
/// Packets of a new stream that are not used where it continues a file: it begins with silence, which
/// would fade into them. From three on, nothing differs from a file of one stream; two cost up to
/// 14 dB at the joint, because the windows of the two streams do not fit.
const LEAD: u64 = 4;

/// ffmpeg refuses a file with a single packet of audio.
const PACKETS_MIN: u64 = 2;

/// The number of packets that hold `frames` frames.
fn packets_of(frames: u64, kind: FrameKind) -> u64 {
    match frames {
        0 => 0,
        _ => (frames + MP3_DELAY).div_ceil(kind.samples()).max(PACKETS_MIN),
    }
}

pub struct Mp3Encoder {
    kind: FrameKind,
    library: Mp3Loader,
    /// `None` until there are samples, because creating it costs more than encoding a second.
    stream: Option<Box<dyn Mp3Stream>>,
    /// The frame of the recording after the samples.
    end: u64,
    /// Packets that the file holds, with those that were emitted.
    packets: u64,
    packets_to_skip: u64,
    samples: Vec<i16>,
    /// Bytes of the stream from the first packet that is not emitted.
    encoded: Vec<u8>,
    failure: Option<String>,
}

impl Mp3Encoder {
    pub fn new(kind: FrameKind, library: Mp3Loader) -> Mp3Encoder {
        Mp3Encoder {
            kind,
            library,
            stream: None,
            end: 0,
            packets: 0,
            packets_to_skip: 0,
            samples: Vec::new(),
            encoded: Vec::new(),
            failure: None,
        }
    }

    fn stream(&mut self) -> Result<&mut dyn Mp3Stream, String> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => (self.library)()?.begin(&Mp3Settings {
                rate: self.kind.rate,
                channels: self.kind.channels,
                bitrate: self.kind.bitrate,
            })?,
        };
        Ok(&mut **self.stream.insert(stream))
    }

    fn encode_samples(&mut self, samples: &[u8]) -> Result<(), String> {
        let mut values = std::mem::take(&mut self.samples);
        let mut encoded = std::mem::take(&mut self.encoded);
        values.clear();
        values.extend(
            samples
                .chunks_exact(2)
                .map(|pair| i16::from_le_bytes([pair[0], pair[1]])),
        );
        let done = self
            .stream()
            .and_then(|stream| stream.encode(&values, &mut encoded));
        self.end += values.len() as u64 / u64::from(self.kind.channels);
        (self.samples, self.encoded) = (values, encoded);
        done
    }

    fn finish_stream(&mut self) -> Result<(), String> {
        let mut encoded = std::mem::take(&mut self.encoded);
        let done = self.stream().and_then(|stream| stream.finish(&mut encoded));
        self.encoded = encoded;
        done
    }

    /// Emits whole packets until the file has `most`.
    fn emit(&mut self, most: u64, out: &mut EncodedPackets) -> Result<(), String> {
        let mut at = 0;
        while let Some(header) = self.encoded[at..].first_chunk::<4>()
            && self.packets < most
        {
            let found = FrameKind::parse(header).filter(|(kind, _)| *kind == self.kind);
            let (_, size) = found.ok_or("the MP3 library returned something else than frames")?;
            let Some(packet) = self.encoded.get(at..at + size) else {
                break;
            };
            at += size;
            match self.packets_to_skip {
                0 => self.packets += push(packet, self.kind, out),
                _ => self.packets_to_skip -= 1,
            }
        }
        self.encoded.drain(..at);
        Ok(())
    }
}

fn push(packet: &[u8], kind: FrameKind, out: &mut EncodedPackets) -> u64 {
    out.bytes.extend_from_slice(packet);
    out.list.push(EncodedPacket {
        bytes: packet.len(),
        frames: kind.samples(),
    });
    1
}

impl Encoder for Mp3Encoder {
    fn encode(&mut self, samples: &[u8], out: &mut EncodedPackets) {
        if samples.is_empty() || self.failure.is_some() {
            return;
        }
        let done = self
            .encode_samples(samples)
            .and_then(|()| self.emit(u64::MAX, out));
        self.failure = done.err();
    }

    fn finish(&mut self, out: &mut EncodedPackets) -> u64 {
        let most = packets_of(self.end, self.kind);
        if most > 0 && self.failure.is_none() {
            let done = self.finish_stream().and_then(|()| self.emit(most, out));
            self.failure = done.err();
            while self.packets < most {
                self.packets += push(&self.kind.silent(), self.kind, out);
            }
        }
        (self.packets * self.kind.samples()).saturating_sub(MP3_DELAY + self.end)
    }

    fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    fn delay(&self) -> u64 {
        MP3_DELAY
    }

    fn resume_from(&self, output: u64) -> u64 {
        let packets = output / self.kind.samples();
        packets.saturating_sub(LEAD) * self.kind.samples()
    }

    fn resume(&mut self, output: u64) {
        self.packets = output / self.kind.samples();
        self.packets_to_skip = self.packets.min(LEAD);
        self.end = self.resume_from(output);
    }
}
