//! The audio that real senders send, and its comparison with the recording.

use std::fs;
use std::path::Path;

use callrec_testkit::g711::{Law, decode, encode};
use callrec_testkit::wav::WavFile;
use serde_json::json;

use crate::fixture::FinishedRecording;
use crate::packet_arrivals::PacketArrivals;

/// Audio that each leg sends, in seconds.
pub const SECONDS: f64 = 2.0;

/// How much of the samples a codec keeps.
#[derive(Clone, Copy, Debug)]
pub enum CodecFidelity {
    /// Every sample.
    Exact,
    /// Every sample that the law has a byte for. Others are not sent.
    Law(Law),
    /// The waveform, with at least this correlation.
    Waveform(f64),
}

/// A codec, and the audio that it is tested with.
#[derive(Debug)]
pub struct SentCodec {
    /// The name in the manifest.
    pub name: &'static str,
    pub rate: u32,
    /// The highest frequency that the codec must carry.
    pub top_hz: f64,
    pub fidelity: CodecFidelity,
}

pub const PCMU: SentCodec = SentCodec {
    name: "PCMU/8000",
    rate: 8000,
    top_hz: 3400.0,
    fidelity: CodecFidelity::Law(Law::Mu),
};

pub const PCMA: SentCodec = SentCodec {
    name: "PCMA/8000",
    rate: 8000,
    top_hz: 3400.0,
    fidelity: CodecFidelity::Law(Law::A),
};

pub const G722: SentCodec = SentCodec {
    name: "G722/8000",
    rate: 16_000,
    top_hz: 6500.0,
    fidelity: CodecFidelity::Waveform(0.98),
};

pub const OPUS: SentCodec = SentCodec {
    name: "opus/48000/2",
    rate: 48_000,
    top_hz: 6500.0,
    fidelity: CodecFidelity::Waveform(0.98),
};

pub const L16: SentCodec = SentCodec {
    name: "L16/16000",
    rate: 16_000,
    top_hz: 7000.0,
    fidelity: CodecFidelity::Exact,
};

/// Samples of each part that is compared by its waveform.
const PART: usize = 1000;
/// Louder than the silence of every codec.
const SOUND: u16 = 100;
/// A packet that is later than this may move the packets after it: docs/timeline.md.
const LATE_SECONDS: f64 = 0.1;

impl SentCodec {
    /// The audio of both legs: a sweep upwards and one downwards. No sample is 0, so none is
    /// taken for silence.
    pub fn audio(&self) -> [Vec<i16>; 2] {
        let (low, high) = (200.0, self.top_hz);
        [self.sweep(low, high), self.sweep(high, low)]
    }

    fn sweep(&self, from_hz: f64, to_hz: f64) -> Vec<i16> {
        let rate = f64::from(self.rate);
        let phase =
            |t: f64| std::f64::consts::TAU * (from_hz * t + (to_hz - from_hz) * t * t / (2.0 * SECONDS));
        let value = |n: usize| match (9000.0 * phase(n as f64 / rate).sin()) as i16 {
            -15..=15 => 16,
            other => other,
        };
        let sent = |sample: i16| match self.fidelity {
            CodecFidelity::Law(law) => decode(law, encode(law, sample)),
            _ => sample,
        };
        (0..(SECONDS * rate) as usize).map(|n| sent(value(n))).collect()
    }

    /// An account of the packets of one leg.
    pub fn arrivals(&self) -> PacketArrivals {
        let rate = self.name.split('/').nth(1).expect("a clock rate");
        PacketArrivals::new(rate.parse().expect("a number"))
    }

    /// Asserts that a finished stereo recording has what each leg sent, and that its manifest says
    /// so.
    pub fn assert_recorded(
        &self,
        finished: &FinishedRecording,
        sent: &[Vec<i16>; 2],
        arrivals: &[PacketArrivals; 2],
    ) {
        assert_eq!((finished.wav.rate, finished.wav.channels), (self.rate, 2));
        for (leg, sent) in sent.iter().enumerate() {
            let entry = &finished.manifest["legs"][leg];
            assert_eq!(entry["codecs"], json!([self.name]));
            assert_eq!(entry["packets"], arrivals[leg].packets, "{entry:#}");
            let lost = (&entry["missing_ms"], &entry["dropped_ms"]);
            assert_eq!(lost, (&0.into(), &json!({})), "{entry:#}");
            self.assert_channel(&finished.wav, leg, sent, arrivals[leg].growth());
        }
    }

    /// Asserts that a channel has what was sent. Where packets came late, and only there, it may
    /// have silence between them.
    fn assert_channel(&self, wav: &WavFile, leg: usize, sent: &[i16], growth: f64) {
        let recorded = wav.pcm(leg);
        let begins = recorded.iter().position(|sample| sample.unsigned_abs() >= SOUND);
        let begins = begins.unwrap_or_else(|| panic!("leg {leg} is silent"));
        let moved = if growth < LATE_SECONDS { 0.0 } else { growth };
        let moved = (moved * f64::from(self.rate)) as usize;
        match self.fidelity {
            CodecFidelity::Waveform(least) => {
                assert_waveform(&recorded[begins..], sent, self.rate, moved, least);
            }
            _ => assert_exact(&recorded, begins, sent, moved),
        }
    }
}

/// Asserts that the recording has exactly the samples that were sent, with at most `moved` samples of
/// silence between them.
fn assert_exact(recorded: &[i16], begins: usize, sent: &[i16], moved: usize) {
    let quiet = sent.iter().take_while(|sample| sample.unsigned_abs() < SOUND);
    let begins = begins.checked_sub(quiet.count()).expect("the first samples");
    let mut rest = &recorded[begins..];
    let mut silence = 0;
    for (at, sample) in sent.iter().enumerate() {
        if rest.first() == Some(&0) {
            let gap = rest.iter().take_while(|sample| **sample == 0).count();
            (rest, silence) = (&rest[gap..], silence + gap);
        }
        if rest.first() != Some(sample) {
            let (sent, found) = (&sent[at..], rest);
            let [sent, found] = [sent, found].map(|samples| &samples[..samples.len().min(8)]);
            panic!("sample {at}: sent {sent:?}, recorded {found:?}");
        }
        rest = &rest[1..];
    }
    assert!(silence <= moved, "{silence} samples of silence, not {moved}");
}

/// Asserts that parts of what was sent are in the recording, at the same distances, which may grow by
/// `moved` samples in all.
fn assert_waveform(recorded: &[i16], sent: &[i16], rate: u32, moved: usize, least: f64) {
    // The delay of a codec, and what its first packet leaves out.
    let tolerance = rate as usize / 30;
    let (mut delays, mut missed) = (Vec::new(), Vec::new());
    for tenth in 1..9 {
        let from = sent.len() * tenth / 10;
        let first = from - tolerance;
        let last = (from + PART + tolerance + moved).min(recorded.len());
        let (at, correlation) = best_match(&sent[from..][..PART], &recorded[first..last]);
        if correlation > least {
            delays.push((first + at) as i64 - from as i64);
        } else {
            missed.push((from, correlation));
        }
    }
    // A part may contain the silence between late packets.
    let permitted = if moved == 0 { 0 } else { 2 };
    assert!(
        missed.len() <= permitted,
        "parts with low correlation: {missed:?}"
    );
    let spread = delays.iter().max().unwrap_or(&0) - delays.iter().min().unwrap_or(&0);
    let permitted = moved + rate as usize / 100;
    assert!(spread <= permitted as i64, "{permitted}, and delays {delays:?}");
}

/// The position with the greatest correlation, and the correlation.
fn best_match(sent: &[i16], recorded: &[i16]) -> (usize, f64) {
    let power: f64 = sent.iter().map(|s| f64::from(*s).powi(2)).sum();
    let at = |part: &[i16]| {
        let (mut product, mut own) = (0.0, 1.0);
        for (sent, recorded) in sent.iter().zip(part) {
            let recorded = f64::from(*recorded);
            product += f64::from(*sent) * recorded;
            own += recorded * recorded;
        }
        product / (power * own).sqrt()
    };
    let all = recorded.windows(sent.len()).map(at).enumerate();
    all.fold((0, 0.0), |best, now| if now.1 > best.1 { now } else { best })
}

fn bytes_of(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Writes samples without a header.
pub fn write_raw(path: &Path, samples: &[i16]) {
    fs::write(path, bytes_of(samples)).expect("a file");
}

/// Writes a WAV file with the same samples in each channel.
pub fn write_wav(path: &Path, rate: u32, channels: u16, samples: &[i16]) {
    let frames = samples.iter().flat_map(|sample| vec![*sample; channels.into()]);
    let data = bytes_of(&frames.collect::<Vec<i16>>());
    let (frame_bytes, size) = (channels * 2, data.len() as u32);
    let mut file = [
        &b"RIFF"[..],
        &(size + 36).to_le_bytes(),
        b"WAVEfmt ",
        &16u32.to_le_bytes(),
    ]
    .concat();
    file.extend([1u16.to_le_bytes(), channels.to_le_bytes()].concat());
    file.extend([rate.to_le_bytes(), (rate * u32::from(frame_bytes)).to_le_bytes()].concat());
    file.extend([frame_bytes.to_le_bytes(), 16u16.to_le_bytes()].concat());
    file.extend([&b"data"[..], &size.to_le_bytes(), &data].concat());
    fs::write(path, file).expect("a file");
}
