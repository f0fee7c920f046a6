//! Decoders of the host that do not return, in real time.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::g711::{self, Law};
use callrec_testkit::gate::Gate;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::{sleep_until, until};
use callrec_testkit::wav::WavFile;
use serde_json::Value;

use crate::fixture::*;
use crate::plugged_codec::*;
use crate::support::*;

const PACKET: usize = 160;
const REAL: [(&str, &str); 1] = [("media.clock", "real")];

/// A recorded call with one leg, and what it sends.
struct PluggedCall {
    id: String,
    feed: rec_feed,
    sender: RtpSender,
    payloads: Vec<Vec<u8>>,
}

impl PluggedCall {
    fn new(engine: &TestEngine, name: &str, payload_type: u8, payloads: Vec<Vec<u8>>) -> PluggedCall {
        let call = engine
            .begin(&CallFields {
                call_id: Some(name),
                device: Some(name),
                ..CallFields::default()
            })
            .unwrap();
        let feed = feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
        let start = StartFields {
            call_id: Some(name),
            layout: REC_LAYOUT_LOCAL,
            format: Some("wav"),
            ..StartFields::default()
        };
        PluggedCall {
            id: engine.start(None, &start).unwrap(),
            feed,
            sender: RtpSender::new(payload_type, 7),
            payloads,
        }
    }

    /// A call of a registered codec.
    fn of_codec(engine: &TestEngine, name: &str, codec: i32, payloads: &[Vec<u8>]) -> PluggedCall {
        let made = PluggedCall::new(engine, name, 96, payloads.to_vec());
        payload(made.feed, 96, codec, 8000);
        made
    }

    fn send(&mut self, n: usize) {
        let packet = self.sender.packet(&self.payloads[n], PACKET as u32);
        assert_eq!(rtp(self.feed, &packet), REC_OK);
    }

    /// Stream time: sends a packet as soon as the feed accepts it.
    fn send_when_accepted(&mut self, n: usize) {
        let packet = self.sender.packet(&self.payloads[n], PACKET as u32);
        send_rtp(self.feed, &packet);
    }

    fn stop(&self, engine: &TestEngine) -> (WavFile, Value) {
        engine.by_id(rec_stop_by_id, None, &self.id).unwrap();
        let (recording, wav) = finished(engine, &self.id);
        (wav, manifest_beside(&recording.path)["legs"][0].clone())
    }
}

/// Sends these packets of every call, one every 20 ms.
fn send_paced(calls: &mut [&mut PluggedCall], packets: std::ops::Range<usize>) {
    let begin = Instant::now();
    for n in packets.clone() {
        calls.iter_mut().for_each(|call| call.send(n));
        let next = (n - packets.start + 1) as u32;
        sleep_until(begin + next * Duration::from_millis(20));
    }
}

/// The position of samples in a file.
fn position_of(recorded: &[i16], samples: &[i16]) -> Option<usize> {
    recorded.windows(samples.len()).position(|part| part == samples)
}

/// A host whose decoder does not return from this payload.
fn hanging(payload: &[u8]) -> Arc<HostSide> {
    Arc::new(HostSide {
        gate: Gate::new_shut(),
        hangs_at: Some(i16::from_be_bytes([payload[0], payload[1]])),
        ..HostSide::default()
    })
}

#[test]
fn a_decoder_that_hangs_costs_only_its_own_call() {
    const PACKETS: usize = 60;
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &REAL);
    let samples = [21, 22, 23].map(|seed| noise(seed, PACKETS * PACKET));
    let coded = [0, 1, 2].map(|n| payloads(&samples[n], PACKET));
    let (host, other) = (hanging(&coded[0][20]), Arc::<HostSide>::default());
    let codec = register_plain(engine.handle, "HANGS", &host);
    let other_codec = register_plain(engine.handle, "WORKS", &other);
    let mut hung = PluggedCall::of_codec(&engine, "hung", codec, &coded[0]);
    let mut same = PluggedCall::of_codec(&engine, "same", codec, &coded[1]);
    let mut works = PluggedCall::of_codec(&engine, "works", other_codec, &coded[2]);
    let law: Vec<Vec<u8>> = (0..PACKETS)
        .map(|n| {
            (0..PACKET)
                .map(|at| (n * 31 + at * 7 + at / 9) as u8 & 0x7f)
                .collect()
        })
        .collect();
    let mut plain = PluggedCall::new(&engine, "plain", 0, law.clone());
    send_paced(&mut [&mut hung, &mut same, &mut works, &mut plain], 0..PACKETS);
    host.gate.wait_for_blocked(1);

    let (wav, entry) = hung.stop(&engine);
    let before = &samples[0][..20 * PACKET];
    assert!(position_of(&wav.pcm(0), before).is_some(), "{entry:#}");
    assert_eq!(entry["dropped_ms"], serde_json::json!({"decoder_timeout": 800}));
    assert_eq!((&entry["packets"], &entry["audio_ms"]), (&60.into(), &400.into()));
    for (call, samples) in [(&same, &samples[1]), (&works, &samples[2])] {
        let (wav, entry) = call.stop(&engine);
        assert!(position_of(&wav.pcm(0), samples).is_some(), "{entry:#}");
        assert_eq!(entry["dropped_ms"], serde_json::json!({}));
    }
    let (wav, entry) = plain.stop(&engine);
    let expected: Vec<i16> = law
        .concat()
        .iter()
        .map(|byte| g711::decode(Law::Mu, *byte))
        .collect();
    assert!(position_of(&wav.pcm(0), &expected).is_some(), "{entry:#}");

    host.gate.open();
    engine.close();
    assert_eq!(host.created.load(SeqCst), host.destroyed.load(SeqCst));
    assert_eq!((host.freed.load(SeqCst), other.freed.load(SeqCst)), (1, 1));
}

#[test]
fn a_decoder_that_hangs_does_not_hold_up_a_stop_in_stream_time() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[]);
    let samples = noise(24, 40 * PACKET);
    let coded = payloads(&samples, PACKET);
    let host = hanging(&coded[20]);
    let codec = register_plain(engine.handle, "HANGS", &host);
    let mut hung = PluggedCall::of_codec(&engine, "hung", codec, &coded);
    let mut same = PluggedCall::of_codec(&engine, "same", codec, &payloads(&noise(25, 40 * PACKET), PACKET));
    (0..40).for_each(|n| hung.send_when_accepted(n));
    host.gate.wait_for_blocked(1);
    (0..40).for_each(|n| same.send_when_accepted(n));
    let (wav, entry) = hung.stop(&engine);
    assert_same(&wav.pcm(0)[..20 * PACKET], &samples[..20 * PACKET]);
    assert_eq!(entry["dropped_ms"], serde_json::json!({"decoder_timeout": 400}));
    let (wav, entry) = same.stop(&engine);
    assert_same(&wav.pcm(0), &noise(25, 40 * PACKET));
    assert_eq!(entry["dropped_ms"], serde_json::json!({}));
    host.gate.open();
    engine.close();
}

/// The ring of a feed holds more short packets than a queue does in real time.
#[test]
fn a_decoder_that_is_late_loses_nothing_in_stream_time() {
    const SHORT: usize = 8;
    const PACKETS: usize = 700;
    let fixture = RecordingFixture::new(&[]);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCM16, 48_000);
    let samples = noise(28, PACKETS * SHORT);
    let coded = payloads(&samples, SHORT);
    let host = hanging(&coded[0]);
    let codec = register_plain(fixture.engine.handle, "HANGS", &host);
    payload(feed, 96, codec, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let mut sender = RtpSender::new(96, 7);
    let packets: Vec<Vec<u8>> = coded
        .iter()
        .map(|coded| sender.packet(coded, SHORT as u32))
        .collect();
    send_rtp(feed, &packets[0]);
    host.gate.wait_for_blocked(1);
    for packet in &packets[1..] {
        // The test is of use only if the ring takes all of them.
        assert_eq!(rtp(feed, packet), REC_OK);
    }
    host.gate.open();
    let finished = fixture.stop_and_read(&id);
    let entry = &finished.manifest["legs"][0];
    assert_eq!(entry["dropped_ms"], serde_json::json!({}));
    assert_same(&finished.wav.pcm(0), &samples);
}

#[test]
fn closing_does_not_wait_longer_for_a_decoder_than_it_is_allowed_to() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &REAL);
    let coded = payloads(&noise(26, 10 * PACKET), PACKET);
    let host = hanging(&coded[5]);
    let codec = register_plain(engine.handle, "HANGS", &host);
    let mut hung = PluggedCall::of_codec(&engine, "hung", codec, &coded);
    send_paced(&mut [&mut hung], 0..10);
    host.gate.wait_for_blocked(1);
    let events = engine.events.clone();
    let closed = checked(|e| unsafe { rec_close(engine.handle, 6000, e) });
    assert_eq!(closed.unwrap_err().status, REC_ERR_TIMEOUT);
    // Everything else is done: the recording is published, and the directory is free.
    assert_eq!(events.wait_terminal(&hung.id).kind, REC_EVENT_FINISHED);
    TestEngine::open(&dir.0, &REAL).close();
    assert_eq!(host.freed.load(SeqCst), 0);
    host.gate.open();
    until("the host's pointer is released", || host.freed.load(SeqCst) == 1);
    assert_eq!((host.created.load(SeqCst), host.destroyed.load(SeqCst)), (1, 1));
}

/// The decoder answers only after the pause. What was spoken before the pause is recorded, and
/// nothing that depends on the pause.
#[test]
fn an_answer_after_a_pause_belongs_before_it() {
    let fixture = RecordingFixture::new(&REAL);
    let samples = noise(27, 60 * PACKET);
    let coded = payloads(&samples, PACKET);
    let host = hanging(&coded[15]);
    let codec = register_plain(fixture.engine.handle, "HANGS", &host);
    let mut call = PluggedCall::of_codec(&fixture.engine, "paused", codec, &coded);
    send_paced(&mut [&mut call], 0..20);
    fixture.engine.by_id(rec_pause_by_id, None, &call.id).unwrap();
    send_paced(&mut [&mut call], 20..40);
    host.gate.wait_for_blocked(1);
    host.gate.open();
    fixture.engine.by_id(rec_resume_by_id, None, &call.id).unwrap();
    send_paced(&mut [&mut call], 40..60);
    let (wav, entry) = call.stop(&fixture.engine);
    let recorded = wav.pcm(0);
    // Of the packets around the control points, a part may count as unclear.
    let before = position_of(&recorded, &samples[..19 * PACKET]).expect("the audio before the pause");
    let after = decoded(&coded[40..]);
    let at = position_of(&recorded, &after[2 * PACKET..]);
    let at = at.unwrap_or_else(|| panic!("no audio after the pause: {entry:#}"));
    assert!(at >= before + 38 * PACKET, "{before} {at}");
    let pause = &recorded[before + 21 * PACKET..at - 2 * PACKET];
    assert!(pause.iter().all(|sample| *sample == 0), "audio of the pause");
    fixture.close();
}
