//! What `media.concealment` "on" adds to a recording is counted where the host sees it: in the
//! manifest and in the terminal event.

use callrec::capi::*;
use callrec_testkit::g711::{Law, encode};
use callrec_testkit::rtp::RtpSender;
use opus_pure::{Application, OpusEncoder, Signal};
use serde_json::{Value, json};

use crate::fixture::*;
use crate::support::*;

const ON: &[(&str, &str)] = &[("media.concealment", "on")];
/// Of 100 packets of 20 ms, these do not arrive: 20 ms, and 200 ms.
const MISSING: [usize; 11] = [50, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79];

/// A tone whose pitch changes every 20 ms, so that Opus takes it for speech and sends copies.
fn tone(rate: u32) -> Vec<i16> {
    let packet = |n: usize| {
        let hz = 200.0 + 40.0 * (n % 5) as f64;
        let step = hz * std::f64::consts::TAU / f64::from(rate);
        (0..rate as usize / 50).map(move |at| (8000.0 * (at as f64 * step).sin()) as i16)
    };
    (0..100).flat_map(packet).collect()
}

fn ulaw_packets() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = tone(8000).iter().map(|s| encode(Law::Mu, *s)).collect();
    bytes.chunks(160).map(<[u8]>::to_vec).collect()
}

fn opus_packets(has_copies: bool) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).expect("an encoder");
    encoder.bitrate_bps = 24_000;
    encoder.signal_type = Some(Signal::Voice);
    encoder.use_inband_fec = has_copies;
    encoder.packet_loss_perc = if has_copies { 30 } else { 0 };
    let encode = |samples: &[i16]| {
        let mut packet = vec![0; 1500];
        let size = encoder.encode_s16(samples, samples.len(), &mut packet);
        packet.truncate(size.expect("a packet"));
        packet
    };
    tone(48_000).chunks(960).map(encode).collect()
}

/// Records the local leg, for which `send` sends. Returns the samples, and the leg's account, which
/// is the same in the manifest and in the terminal event.
fn recorded(settings: &[(&str, &str)], send: impl FnOnce(rec_feed)) -> (Vec<i16>, Value) {
    let fixture = RecordingFixture::new(settings);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    send(feed);
    let finished = fixture.stop_and_read(&id);
    let leg = finished.manifest["legs"][0].clone();
    let event = fixture.engine.events.wait_terminal(&id);
    assert_eq!(event.json["recording"]["legs"][0], leg, "{event:#?}");
    let lost_ms = leg["missing_ms"].as_u64();
    assert_eq!(Some(finished.recording.lost_ms), lost_ms, "{leg:#}");
    fixture.close();
    (finished.wav.pcm(0), leg)
}

fn send_but_missing(feed: rec_feed, mut sender: RtpSender, payloads: &[Vec<u8>], ticks: u32) {
    for (n, payload) in payloads.iter().enumerate() {
        let packet = sender.packet(payload, ticks);
        if !MISSING.contains(&n) {
            send_rtp(feed, &packet);
        }
    }
}

/// Whether the packet of 20 ms with this number is silent.
fn is_silent(samples: &[i16], n: usize) -> bool {
    let packet = samples.len() / 100;
    samples[n * packet..(n + 1) * packet].iter().all(|s| *s == 0)
}

/// The members with these names; `null` if they are absent.
fn members<const N: usize>(leg: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| leg[name].clone())
}

const COUNTS: [&str; 6] = [
    "packets",
    "audio_ms",
    "missing_ms",
    "concealed_ms",
    "recovered_ms",
    "comfort_noise_ms",
];

#[test]
fn concealed_packets_of_g711_are_counted() {
    let send = |feed| send_but_missing(feed, RtpSender::new(0, 7), &ulaw_packets(), 160);
    let (samples, leg) = recorded(ON, send);
    assert_eq!(samples.len(), 16_000);
    // 20 ms of the first gap, and 60 ms of the second.
    let expected = [
        json!(89),
        json!(1780),
        json!(220),
        json!(80),
        Value::Null,
        Value::Null,
    ];
    assert_eq!(members(&leg, COUNTS), expected);
    assert!([50, 70, 71, 72].iter().all(|n| !is_silent(&samples, *n)));
    assert!((73..80).all(|n| is_silent(&samples, n)));

    let (samples, leg) = recorded(&[], send);
    let expected = [
        json!(89),
        json!(1780),
        json!(220),
        Value::Null,
        Value::Null,
        Value::Null,
    ];
    assert_eq!(members(&leg, COUNTS), expected);
    assert!(MISSING.iter().all(|n| is_silent(&samples, *n)));
}

#[test]
fn concealed_packets_of_opus_are_counted() {
    let send_as = |packets: Vec<Vec<u8>>| {
        move |feed| {
            declare(feed, "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n").unwrap();
            send_but_missing(feed, RtpSender::new(96, 7), &packets, 960);
        }
    };
    let (samples, leg) = recorded(ON, send_as(opus_packets(false)));
    assert_eq!(samples.len(), 96_000);
    let expected = [
        json!(89),
        json!(1780),
        json!(220),
        json!(80),
        Value::Null,
        Value::Null,
    ];
    assert_eq!(members(&leg, COUNTS), expected);
    assert!([50, 70, 71, 72].iter().all(|n| !is_silent(&samples, *n)));
    assert!((73..80).all(|n| is_silent(&samples, n)));

    // The last packet of each gap is recovered from a copy, and is not missing then.
    let (samples, leg) = recorded(ON, send_as(opus_packets(true)));
    let expected = [
        json!(89),
        json!(1780),
        json!(180),
        json!(60),
        json!(40),
        Value::Null,
    ];
    assert_eq!(members(&leg, COUNTS), expected);
    assert!([50, 70, 71, 72, 79].iter().all(|n| !is_silent(&samples, *n)));
    assert!((73..79).all(|n| is_silent(&samples, n)));
}

/// The sender is silent for 1 s after packet 49, and describes the silence in one packet.
#[test]
fn comfort_noise_is_counted() {
    let send = |feed| {
        let (mut sender, payloads) = (RtpSender::new(0, 7), ulaw_packets());
        let send_all = |sender: &mut RtpSender, payloads: &[Vec<u8>]| {
            for payload in payloads {
                send_rtp(feed, &sender.packet(payload, 160));
            }
        };
        send_all(&mut sender, &payloads[..50]);
        sender.next.payload_type = 13;
        send_rtp(feed, &sender.packet(&[40], 50 * 160));
        sender.next.payload_type = 0;
        send_all(&mut sender, &payloads[50..]);
    };
    let (samples, leg) = recorded(ON, send);
    assert_eq!(samples.len(), 150 * 160);
    let expected = [
        json!(100),
        json!(2000),
        json!(0),
        Value::Null,
        Value::Null,
        json!(1000),
    ];
    assert_eq!(members(&leg, COUNTS), expected);
    assert_eq!(leg["ignored"], json!({"13": 1}));
    let silence = &samples[50 * 160..100 * 160];
    assert!(silence.chunks(160).all(|part| part.iter().any(|s| *s != 0)));

    let (_, leg) = recorded(&[], send);
    let expected = [
        json!(100),
        json!(2000),
        json!(0),
        Value::Null,
        Value::Null,
        Value::Null,
    ];
    assert_eq!(members(&leg, COUNTS), expected);
}
