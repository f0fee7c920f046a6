//! Packets of 20 ms of several codecs.

use callrec::capi::*;
use callrec_testkit::rtp::{RtpHeader, packet};
use callrec_testkit::speech::Speech;
use opus_pure::{Application, OpusEncoder, Signal};

use super::kit::support::checked;

/// Packets of Opus: 10 s.
const PACKETS: usize = 500;
const OPUS_SAMPLES: usize = 960;
const OPUS_TYPE: u8 = 96;

/// Two sides of a conversation.
pub enum CodedSpeech {
    Ulaw(Speech),
    /// The bytes are those of µ-law: decoding any bytes takes the same time.
    G722(Speech, Vec<u8>),
    Opus(Vec<Vec<u8>>),
}

impl CodedSpeech {
    pub fn new(codec: &str) -> CodedSpeech {
        match codec {
            "g722" => CodedSpeech::G722(Speech::new(), Vec::new()),
            "opus" => CodedSpeech::Opus(opus()),
            "pcmu" => CodedSpeech::Ulaw(Speech::new()),
            other => panic!("--codec {other}: pcmu, g722 or opus"),
        }
    }

    pub fn codec(&self) -> &'static str {
        match self {
            CodedSpeech::Ulaw(_) => "PCMU",
            CodedSpeech::G722(..) => "G.722",
            CodedSpeech::Opus(_) => "Opus",
        }
    }

    /// Declares the payload type to a feed.
    pub fn declare(&self, feed: rec_feed) {
        if matches!(self, CodedSpeech::Opus(_)) {
            let text = c"m=audio 5004 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n";
            checked(|e| unsafe { rec_feed_sdp(feed, text.as_ptr(), e) }).expect("a known codec");
        }
    }

    /// The packet that this call's side sends as its `frame`th.
    pub fn packet(&mut self, side: usize, call: usize, frame: u64) -> &[u8] {
        match self {
            CodedSpeech::Ulaw(speech) => speech.packet(side, call, frame),
            CodedSpeech::G722(speech, bytes) => {
                bytes.clear();
                bytes.extend_from_slice(speech.packet(side, call, frame));
                bytes[1] = 9;
                bytes
            }
            CodedSpeech::Opus(packets) => {
                let at = (call * 79 + side * 31 + frame as usize) % PACKETS;
                let packet = &mut packets[at];
                packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
                let timestamp = (frame as u32).wrapping_mul(OPUS_SAMPLES as u32);
                packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
                packet[11] = side as u8;
                packet
            }
        }
    }
}

/// Vowels at 24 kbit/s, without pauses.
fn opus() -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).expect("an encoder");
    encoder.bitrate_bps = 24_000;
    encoder.signal_type = Some(Signal::Voice);
    let vowel = |n: usize| {
        let t = n as f64 / 48_000.0;
        let formant = 600.0 + 300.0 * (7.0 * t).sin();
        let harmonics = (1..40).map(|k| {
            let hz = 120.0 * f64::from(k);
            let gain =
                (-((hz - formant) / 200.0).powi(2)).exp() + 0.1 * (-((hz - 2500.0) / 400.0).powi(2)).exp();
            gain * (std::f64::consts::TAU * hz * t).sin()
        });
        let loudness = 0.6 + 0.4 * (25.0 * t).sin();
        (6000.0 * loudness * harmonics.sum::<f64>()) as i16
    };
    let encode = |n: usize| {
        let samples: Vec<i16> = (n * OPUS_SAMPLES..(n + 1) * OPUS_SAMPLES).map(vowel).collect();
        let mut bytes = [0; 1500];
        let len = encoder
            .encode_s16(&samples, OPUS_SAMPLES, &mut bytes)
            .expect("a packet");
        let header = RtpHeader {
            payload_type: OPUS_TYPE,
            sequence: 0,
            timestamp: 0,
            ssrc: 0x2000,
        };
        packet(header, &bytes[..len])
    };
    (0..PACKETS).map(encode).collect()
}
