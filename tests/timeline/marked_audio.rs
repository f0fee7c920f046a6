//! Audio whose samples identify their stream and position, and the RTP packets that carry it.

use callrec::types::Codec;
use callrec_testkit::g711::{Law, decode};
use callrec_testkit::random::splitmix64;
use callrec_testkit::rtp;

/// RTP payload types.
pub const PCMU: u8 = 0;
pub const COMFORT_NOISE: u8 = 13;
pub const EVENT: u8 = 101;

/// The samples that one stream has sent, by position.
#[derive(Default)]
pub struct SentSamples {
    pub values: Vec<i16>,
    pub sent: Vec<bool>,
    pub count: u64,
}

impl SentSamples {
    fn note(&mut self, at: usize, value: i16) {
        if at >= self.values.len() {
            self.values.resize(at + 1, 0);
            self.sent.resize(at + 1, false);
        }
        self.count += u64::from(!self.sent[at]);
        self.values[at] = value;
        self.sent[at] = true;
    }
}

/// The audio of all streams.
#[derive(Default)]
pub struct MarkedAudio {
    pub streams: Vec<SentSamples>,
}

impl MarkedAudio {
    /// The bytes of `count` samples of a stream, for a packet or a write.
    pub fn encode(&mut self, codec: Codec, stream: usize, from: usize, count: usize) -> Vec<u8> {
        if stream >= self.streams.len() {
            self.streams.resize_with(stream + 1, SentSamples::default);
        }
        let mut bytes = Vec::with_capacity(count * codec.sample_bytes());
        for at in from..from + count {
            let pattern = splitmix64((stream as u64) << 40 | at as u64);
            let value = append(codec, pattern, &mut bytes);
            self.streams[stream].note(at, value);
        }
        bytes
    }

    pub fn sent(&self, stream: usize) -> u64 {
        self.streams.get(stream).map_or(0, |sent| sent.count)
    }
}

/// Appends the sample of a pattern, which is never silence. Returns its value.
fn append(codec: Codec, pattern: u64, bytes: &mut Vec<u8>) -> i16 {
    let byte = pattern as u8;
    match codec {
        Codec::Pcmu => {
            // 0x7f and 0xff are the two codes of silence.
            let byte = if byte & 0x7f == 0x7f { 0x21 } else { byte };
            bytes.push(byte);
            decode(Law::Mu, byte)
        }
        Codec::Pcma => {
            bytes.push(byte);
            decode(Law::A, byte)
        }
        Codec::Pcm16 => {
            let value = (pattern as i16).max(1);
            bytes.extend(value.to_ne_bytes());
            value
        }
        other => panic!("{other:?} has no samples of its own"),
    }
}

/// The header of one RTP packet. `sequence` and `timestamp` wrap.
#[derive(Clone, Copy, Debug)]
pub struct MarkedHeader {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u64,
    pub timestamp: u64,
    pub ssrc: u32,
}

impl MarkedHeader {
    /// An audio packet of G.711 µ-law.
    pub fn audio(sequence: u64, timestamp: u64, ssrc: u32) -> MarkedHeader {
        MarkedHeader {
            payload_type: PCMU,
            marker: false,
            sequence,
            timestamp,
            ssrc,
        }
    }

    pub fn packet(self, payload: &[u8]) -> Vec<u8> {
        let header = rtp::RtpHeader {
            payload_type: self.payload_type,
            sequence: self.sequence as u16,
            timestamp: self.timestamp as u32,
            ssrc: self.ssrc,
        };
        match self.marker {
            true => rtp::marked_packet(header, payload),
            false => rtp::packet(header, payload),
        }
    }
}
