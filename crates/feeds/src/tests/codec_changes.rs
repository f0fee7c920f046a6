//! A call that changes its codec and rate: no click at the changes, and wideband stays wide.

use super::codecs::*;
use super::*;
use crate::sim::RecordingOptions;
use callrec_base::types::Layout;

const L16: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 16_000,
};
/// The rate of the file.
const RATE: u32 = 48_000;
const AMPLITUDE: f64 = 8000.0;
/// Packets of 20 ms that are sent with each codec, and those that only the encoder has seen before.
const PACKETS: usize = 25;
const WARM: usize = 10;

/// One part of the call.
struct CodecSpan {
    format: FeedFormat,
    /// Encoder and decoder together, in samples of the codec.
    delay: usize,
}

const PARTS: [CodecSpan; 7] = [
    part(ULAW, 0),
    part(G722, 22),
    part(OPUS, 312),
    part(L16, 0),
    part(OPUS, 312),
    part(G722, 22),
    part(ULAW, 0),
];

const fn part(format: FeedFormat, delay: usize) -> CodecSpan {
    CodecSpan { format, delay }
}

/// A tone of the call, from a packet on. The sender is early by the codec's delay, so that the tone
/// continues in what is decoded.
fn tone(hz: f64, part: &CodecSpan, from_packet: usize, packets: usize) -> Vec<i16> {
    let rate = f64::from(part.format.rate);
    let len = part.format.rate as usize / 50;
    let first = (len * from_packet) as f64 + part.delay as f64;
    let value = |n: usize| AMPLITUDE * (hz * std::f64::consts::TAU * (first + n as f64) / rate).sin();
    (0..len * packets).map(|n| value(n).round() as i16).collect()
}

/// The packets of the `n`-th part. Its encoder has run before.
fn encode(parts: &[CodecSpan], hz: f64, n: usize) -> Sender {
    let part = &parts[n];
    let samples = tone(hz, part, 100 + n * PACKETS - WARM, WARM + PACKETS);
    let mut sender = match part.format.codec {
        Codec::G722 => Sender::g722(&samples),
        Codec::Opus => Sender::opus_of(&samples, false, 64_000),
        Codec::Pcmu => plain(0, 160, &samples, |sample| {
            vec![audio_codec_algorithms::encode_ulaw(sample)]
        }),
        Codec::Pcma => plain(8, 160, &samples, |sample| {
            vec![audio_codec_algorithms::encode_alaw(sample)]
        }),
        _ => plain(97, part.format.rate / 50, &samples, |sample| {
            sample.to_be_bytes().to_vec()
        }),
    };
    sender.payloads.drain(..WARM);
    sender
}

fn plain(payload_type: u8, step: u32, samples: &[i16], encode: fn(i16) -> Vec<u8>) -> Sender {
    let payload = |samples: &[i16]| samples.iter().flat_map(|sample| encode(*sample)).collect();
    Sender {
        payload_type,
        step,
        payloads: samples.chunks_exact(step as usize).map(payload).collect(),
    }
}

/// The call's recording at 48 kHz.
fn recorded(parts: &[CodecSpan], hz: f64) -> Vec<i16> {
    let mut sim = Sim::real();
    sim.attach(Leg::Local, ULAW);
    sim.payload(Leg::Local, 96, OPUS);
    let recording = sim.start(RecordingOptions {
        layout: Layout::Local,
        rate: RATE,
        ..Default::default()
    });
    sim.visit();
    for (n, part) in parts.iter().enumerate() {
        if part.format.codec == Codec::Pcm16 {
            sim.payload(Leg::Local, 97, part.format);
        }
        let sender = encode(parts, hz, n);
        for (k, payload) in sender.payloads.iter().enumerate() {
            let timestamp = (1000 + k as u32) * sender.step;
            let sequence = (n * PACKETS + k) as u16;
            let bytes = packet(7 + n as u32, sender.payload_type, sequence, timestamp, payload);
            sim.now_ns += 20 * NS_PER_MS;
            sim.rtp(Leg::Local, &bytes);
            if k % 7 == 0 {
                sim.visit();
            }
        }
    }
    sim.pass(500);
    sim.end();
    sim.pass(500);
    let ledger = ledger_of(&recording);
    assert_eq!((ledger.dropped_sum(), ledger.missing), (0, 0));
    assert_eq!(ledger.in_file, ledger.handed);
    recording.out.lock().channel(0)
}

/// The effective amplitude of what remains of a part if its best sine is taken away.
fn residual(samples: &[i16], hz: f64, rate: u32) -> f64 {
    let step = hz * std::f64::consts::TAU / f64::from(rate);
    // Least squares for the sine and the cosine.
    let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, value) in samples.iter().enumerate() {
        let ((s, c), y) = ((n as f64 * step).sin_cos(), f64::from(*value));
        (ss, sc, cc, ys, yc) = (ss + s * s, sc + s * c, cc + c * c, ys + y * s, yc + y * c);
    }
    let det = ss * cc - sc * sc;
    let (a, b) = ((ys * cc - yc * sc) / det, (yc * ss - ys * sc) / det);
    let rest = samples.iter().enumerate().map(|(n, value)| {
        let (s, c) = (n as f64 * step).sin_cos();
        (f64::from(*value) - a * s - b * c).powi(2)
    });
    (rest.sum::<f64>() / samples.len() as f64).sqrt()
}

/// The first frame of the second part of the call.
fn first_change(samples: &[i16]) -> usize {
    let begin = samples.iter().position(|sample| sample.unsigned_abs() > 1000);
    let packets = (begin.expect("audio") + 480) / 960;
    (packets + PACKETS) * 960
}

/// What remains around each change, and the most that remains elsewhere.
fn residuals(parts: &[CodecSpan], hz: f64) -> (Vec<f64>, f64) {
    let samples = recorded(parts, hz);
    let first = first_change(&samples);
    // 5 ms.
    let around = |at: usize| residual(&samples[at - 120..at + 120], hz, RATE);
    let changes = (0..parts.len() - 1).map(|n| around(first + n * PACKETS * 960));
    let inside = (0..parts.len() - 1).flat_map(|n| {
        let from = first + n * PACKETS * 960;
        (4..12).map(move |k| from + k * 960)
    });
    (changes.collect(), inside.map(around).fold(0.0, f64::max))
}

/// PCM has no state, so a change is as smooth as the tone itself.
#[test]
fn a_change_of_rate_has_no_click() {
    let wide = FeedFormat {
        codec: Codec::Pcm16,
        rate: 24_000,
    };
    for parts in [
        [part(ULAW, 0), part(L16, 0), part(ULAW, 0)],
        [part(L16, 0), part(ULAW, 0), part(L16, 0)],
        [part(wide, 0), part(L16, 0), part(wide, 0)],
    ] {
        for hz in [447.3, 1003.7] {
            let (changes, elsewhere) = residuals(&parts, hz);
            for change in changes {
                assert!(
                    change < 1.5 * elsewhere + 0.01 * AMPLITUDE,
                    "{hz} Hz: {change}, elsewhere {elsewhere}"
                );
            }
        }
    }
}

/// What remains around a change to this codec if its decoder alone is heard after the tone: the
/// decoder starts anew, and hears nothing of the codec's delay at first.
fn residual_of_decoder(parts: &[CodecSpan], hz: f64, n: usize) -> f64 {
    let FeedFormat { codec, rate } = parts[n].format;
    let around = (rate / 400) as usize;
    let before = CodecSpan {
        format: parts[n].format,
        delay: 0,
    };
    let whole = tone(hz, &before, 100 + n * PACKETS - 1, 1);
    let mut samples = whole[whole.len() - around..].to_vec();
    let mut decoder = codec.decoder(rate).expect("a codec with a state");
    let first = &encode(parts, hz, n).payloads[0];
    decoder.decode(first, &mut samples).expect("a valid packet");
    residual(&samples[..2 * around], hz, rate)
}

/// A decoder that starts anew is no smoother than its codec, and nothing else is heard of a change.
#[test]
fn a_change_of_codec_has_no_other_click_than_the_codecs() {
    for (codec, hz, delay) in [
        (ALAW, 447.3, 0),
        (ALAW, 1003.7, 0),
        (G722, 447.3, 22),
        (G722, 1003.7, 22),
        // Its filters delay a higher tone by more.
        (OPUS, 447.3, 306),
        (OPUS, 1003.7, 309),
    ] {
        let parts = [
            part(ULAW, 0),
            part(codec, delay),
            part(ULAW, 0),
            part(codec, delay),
        ];
        let (changes, elsewhere) = residuals(&parts, hz);
        for (n, change) in changes.into_iter().enumerate() {
            let own = match parts[n + 1].format.codec.is_direct() {
                true => 0.0,
                false => residual_of_decoder(&parts, hz, n + 1),
            };
            assert!(
                change < own.max(1.5 * elsewhere) + 0.01 * AMPLITUDE,
                "{codec:?}, change {n}, {hz} Hz: {change}, of the codec {own}, elsewhere {elsewhere}"
            );
        }
    }
}

/// 6 kHz is in the file wherever the codec carries it.
#[test]
fn wideband_stays_wide_between_changes() {
    let hz = 6000.0;
    let samples = recorded(&PARTS, hz);
    let first = first_change(&samples);
    let part = PACKETS * 960;
    for n in 1..6 {
        let from = first + (n - 1) * part + 9600;
        let tone = share(&samples[from..from + 9600], hz, RATE);
        assert!(tone > 0.9, "part {n}: {tone}");
        let level = samples[from..from + 9600]
            .iter()
            .map(|s| f64::from(*s).powi(2))
            .sum::<f64>()
            / 9600.0;
        assert!(
            (0.7..1.4).contains(&(level.sqrt() * 2f64.sqrt() / AMPLITUDE)),
            "part {n}: {level}"
        );
    }
}
