//! What payload types are: declared by `rec_feed_sdp`, declared anew, and static.

use std::sync::Arc;

use callrec::capi::*;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::until;

use serde_json::json;

use crate::fixture::*;
use crate::plugged_codec::*;
use crate::support::*;

const PACKET: usize = 160;

fn send(feed: rec_feed, sender: &mut RtpSender, payload_type: u8, payload: &[u8], count: usize) {
    sender.next.payload_type = payload_type;
    for _ in 0..count {
        let packet = sender.packet(payload, PACKET as u32);
        send_rtp(feed, &packet);
    }
}

/// A new offer gives types that were audio to encodings that the library does not decode.
#[test]
fn a_type_that_another_offer_gives_away_is_not_decoded_as_before() {
    let fixture = RecordingFixture::new(&[("recording.keep_raw", "undecodable")]);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    let mut sender = RtpSender::new(0, 7);
    describe(feed, "m=audio 1 RTP/AVP 0 96\na=rtpmap:96 PCMU/8000\n").unwrap();
    send(feed, &mut sender, 0, &[0x21; PACKET], 10);
    send(feed, &mut sender, 96, &[0x22; PACKET], 10);
    let offer = "m=audio 1 RTP/AVP 0 96\na=rtpmap:0 G729/8000\na=rtpmap:96 AMR/8000\n";
    assert_eq!(describe(feed, offer).unwrap_err().status, REC_ERR_UNSUPPORTED);
    send(feed, &mut sender, 0, &[0x23; 20], 10);
    send(feed, &mut sender, 96, &[0x24; 14], 10);
    // 0 is static again, and 96 has not been declared otherwise.
    describe(feed, "m=audio 1 RTP/AVP 0\n").unwrap();
    send(feed, &mut sender, 0, &[0x25; PACKET], 10);
    send(feed, &mut sender, 96, &[0x26; 14], 10);
    let finished = fixture.stop_and_read(&id);
    let heard: std::collections::BTreeSet<u8> = finished.wav.data.iter().copied().collect();
    assert_eq!(heard, [0x21, 0x22, 0x25, 0xff].into());
    assert_eq!(finished.manifest["raw"]["packets"], 30);
    assert_eq!(finished.manifest["legs"][0]["handed_ms"], 600);
    fixture.close();
}

/// Records `samples` in packets of a payload type of the local leg. Returns what is recorded.
fn record_type(fixture: &RecordingFixture, feed: rec_feed, payload_type: u8, seed: u32) -> FinishedRecording {
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let samples = noise(seed, 20 * PACKET);
    let mut sender = RtpSender::new(payload_type, seed);
    for payload in payloads(&samples, PACKET) {
        let packet = sender.packet(&payload, PACKET as u32);
        send_rtp(feed, &packet);
    }
    let finished = fixture.stop_and_read(&id);
    assert_same(&finished.wav.pcm(0), &samples);
    finished
}

/// RFC 3551: static types need no declaration. The description states parameters at most.
#[test]
fn a_registered_codec_has_its_static_types() {
    let host = Arc::<HostSide>::default();
    let fixture = RecordingFixture::new(&[]);
    let engine = fixture.engine.handle;
    for name in ["g729", "GSM", "DVI4"] {
        register_plain(engine, name, &host);
    }
    // Nothing is declared at all.
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    for (payload_type, codec) in [(18, "g729/8000"), (3, "GSM/8000"), (5, "DVI4/8000")] {
        let finished = record_type(&fixture, feed, payload_type, payload_type.into());
        assert_eq!(finished.manifest["legs"][0]["codecs"], json!([codec]));
    }
    // A new feed of the same leg, and a description without `rtpmap`.
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    host.parameters.lock().unwrap().clear();
    describe(feed, "m=audio 1 RTP/AVP 18\na=fmtp:18 annexb=no\n").unwrap();
    record_type(&fixture, feed, 18, 31);
    let expected = (8000, 1, Some("annexb=no".to_owned()));
    assert_eq!(*host.parameters.lock().unwrap(), [expected].into());
    // The type may still be declared as something else.
    describe(feed, "m=audio 1 RTP/AVP 18\na=rtpmap:18 PCMU/8000\n").unwrap();
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    send(feed, &mut RtpSender::new(18, 32), 18, &[0x21; PACKET], 10);
    assert_eq!(fixture.stop_and_read(&id).wav.data, [0x21; 10 * PACKET]);
    fixture.close();
}

/// A codec whose rate is no multiple of the type's clock rate has other types only.
#[test]
fn a_registered_codec_may_have_another_clock_than_its_static_type() {
    let host = Arc::<HostSide>::default();
    let fixture = RecordingFixture::new(&[]);
    let mut ops = ops(&host);
    (ops.sample_rate, ops.frame_bytes, ops.frame_samples) = (11_025, 2, 1);
    register(fixture.engine.handle, "GSM", &ops).unwrap();
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    send(feed, &mut RtpSender::new(3, 7), 3, &[1; 33], 10);
    send(feed, &mut RtpSender::new(0, 8), 0, &[0x21; PACKET], 10);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(finished.manifest["legs"][0]["ignored"], json!({"3": 10}));
    fixture.close();
}

/// A party may declare what the host's codec cannot decode, and repeat it.
#[test]
fn a_declaration_that_a_registered_codec_cannot_decode_is_reported() {
    let host = Arc::<HostSide>::default();
    let fixture = RecordingFixture::new(&[]);
    let log = EngineLog::attach(fixture.engine.handle);
    register_plain(fixture.engine.handle, "X-three", &host);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let offer = "m=audio 1 RTP/AVP 96 97 0\na=rtpmap:96 X-Three/8000/9\na=rtpmap:97 x-three/4000\n";
    describe(feed, offer).unwrap();
    let cause = "X-Three/8000: 9 channels: must be at most 8";
    let line = format!("the registered codec cannot decode what is declared for its local leg: {cause}");
    until("the cause is logged", || log.has(&line));
    let alone = "m=audio 1 RTP/AVP 97\na=rtpmap:97 x-three/4000\n";
    let refused = describe(feed, alone).unwrap_err();
    assert_eq!(refused.status, REC_ERR_UNSUPPORTED);
    assert_eq!(
        refused.message,
        "sdp: this build decodes none of its encodings; x-three/4000: sampling rate 4000: must be 8000 to 48000"
    );
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav-ulaw", REC_PAUSE_SILENCE);
    send(feed, &mut RtpSender::new(0, 7), 0, &[0x21; PACKET], 10);
    assert_eq!(fixture.stop_and_read(&id).wav.data, [0x21; 10 * PACKET]);
    let count = log
        .lines()
        .iter()
        .filter(|line| line.contains("cannot decode"))
        .count();
    assert_eq!(count, 1, "once for each call");
    fixture.close();
}
