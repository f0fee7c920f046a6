//! Codecs that the host decodes (`rec_codec_register`), in stream time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use callrec::capi::*;
use callrec_testkit::rtp::RtpSender;
use serde_json::json;

use crate::fixture::*;
use crate::plugged_codec::*;
use crate::support::*;

const PACKET: usize = 160;

/// A call with one feed of the local leg, and one of the remote leg that stays empty.
fn recorded() -> (RecordingFixture, rec_feed, String) {
    let fixture = RecordingFixture::new(&[]);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    (fixture, feed, id)
}

fn send_all(feed: rec_feed, sender: &mut RtpSender, payloads: &[Vec<u8>], ticks: u32) {
    for payload in payloads {
        let packet = sender.packet(payload, ticks);
        send_rtp(feed, &packet);
    }
}

fn leg(finished: &FinishedRecording) -> &serde_json::Value {
    &finished.manifest["legs"][0]
}

#[test]
fn a_session_description_selects_a_registered_codec() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    let codec = register_plain(fixture.engine.handle, "X-diff", &host);
    assert!(codec >= REC_CODEC_REGISTERED);
    let sdp = "m=audio 1 RTP/AVP 99 0\r\na=rtpmap:99 x-DIFF/8000\r\na=fmtp:99 mode=1; other=2\r\n";
    describe(feed, sdp).unwrap();
    let samples = noise(1, 100 * PACKET);
    let mut sender = RtpSender::new(99, 7);
    send_all(feed, &mut sender, &payloads(&samples, PACKET), PACKET as u32);
    let finished = fixture.stop_and_read(&id);
    assert_same(&finished.wav.pcm(0), &samples);
    assert_eq!(leg(&finished)["codecs"], json!(["X-diff/8000"]));
    assert_eq!(
        (&leg(&finished)["audio_ms"], &leg(&finished)["dropped_ms"]),
        (&json!(2000), &json!({}))
    );
    let expected = (8000, 1, Some("mode=1; other=2".to_owned()));
    assert_eq!(*host.parameters.lock().unwrap(), [expected].into());
    assert!(
        !host
            .threads
            .lock()
            .unwrap()
            .contains(&std::thread::current().id())
    );
    fixture.close();
    assert_eq!((host.created.load(SeqCst), host.destroyed.load(SeqCst)), (1, 1));
    assert_eq!(host.freed.load(SeqCst), 1);
}

/// The clock counts half the samples, as for G.722, and the two channels are mixed down.
#[test]
fn a_payload_type_selects_a_registered_codec() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    let mut ops = ops(&host);
    (ops.sample_rate, ops.frame_bytes, ops.frame_samples) = (16_000, 4, 1);
    let codec = register(fixture.engine.handle, "STEREO", &ops).unwrap();
    let mut format = feed_format(codec, 8000);
    format.channels = 2;
    checked(|e| unsafe { rec_feed_payload(feed, 100, &format, e) }).unwrap();
    let (left, right) = (noise(2, 50 * 320), noise(3, 50 * 320));
    let mut before = [0i16; 2];
    let pairs = left.iter().zip(&right).flat_map(|(left, right)| [*left, *right]);
    let bytes: Vec<u8> = pairs
        .enumerate()
        .flat_map(|(n, sample)| {
            let difference = sample.wrapping_sub(std::mem::replace(&mut before[n % 2], sample));
            difference.to_be_bytes()
        })
        .collect();
    let packets: Vec<Vec<u8>> = bytes.chunks(4 * 320).map(<[u8]>::to_vec).collect();
    send_all(feed, &mut RtpSender::new(100, 7), &packets, 160);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(finished.wav.rate, 16_000);
    let mean = |(left, right): (&i16, &i16)| ((i32::from(*left) + i32::from(*right)) / 2) as i16;
    let expected: Vec<i16> = left.iter().zip(&right).map(mean).collect();
    assert_same(&finished.wav.pcm(0), &expected);
    assert_eq!(leg(&finished)["codecs"], json!(["STEREO/8000/2"]));
    assert_eq!(*host.parameters.lock().unwrap(), [(16_000, 2, None)].into());
    fixture.close();
}

#[test]
fn the_hosts_own_decoder_replaces_one_of_the_library() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    register_plain(fixture.engine.handle, "pcma", &host);
    describe(feed, "m=audio 1 RTP/AVP 96 8\na=rtpmap:96 PCMA/8000\n").unwrap();
    let samples = noise(4, 20 * PACKET);
    let mut sender = RtpSender::new(96, 7);
    send_all(feed, &mut sender, &payloads(&samples, PACKET), PACKET as u32);
    // The static type has no rtpmap.
    sender.next.payload_type = 8;
    send_all(feed, &mut sender, &vec![vec![0xd5; PACKET]; 10], PACKET as u32);
    let finished = fixture.stop_and_read(&id);
    assert_same(&finished.wav.pcm(0)[..samples.len()], &samples);
    assert_eq!(leg(&finished)["codecs"], json!(["pcma/8000", "PCMA/8000"]));
    fixture.close();
}

/// Without a size of frames, `ptime` gives the length of a packet, and then the latest packet does.
#[test]
fn the_length_of_packets_is_declared_or_learned() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    register(fixture.engine.handle, "VARY", &ops(&host)).unwrap();
    describe(feed, "m=audio 1 RTP/AVP 96\na=rtpmap:96 VARY/8000\na=ptime:40\n").unwrap();
    let samples = noise(5, 50 * 320);
    let mut sender = RtpSender::new(96, 7);
    send_all(feed, &mut sender, &payloads(&samples, 320), 320);
    let finished = fixture.stop_and_read(&id);
    assert_same(&finished.wav.pcm(0), &samples);
    // Longer packets than declared are whole from the first on, too.
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    describe(feed, "m=audio 1 RTP/AVP 97\na=rtpmap:97 VARY/8000\n").unwrap();
    sender.next.payload_type = 97;
    let packets = payloads(&samples, 320);
    send_all(feed, &mut sender, &packets[..1], 320);
    fixture.wait_for_packets(feed, 51);
    send_all(feed, &mut sender, &packets[1..], 320);
    let finished = fixture.stop_and_read(&id);
    assert_same(&finished.wav.pcm(0), &samples);
    let entry = leg(&finished);
    assert_eq!(
        (&entry["handed_ms"], &entry["audio_ms"]),
        (&json!(2000), &json!(2000))
    );
    fixture.close();
}

/// Refused packets, impossible lengths and short ones are counted, and nothing more.
#[test]
fn a_decoder_that_fails_costs_its_packets() {
    let samples = noise(16, 50 * PACKET);
    let packets = payloads(&samples, PACKET);
    let first = |n: usize| i16::from_be_bytes([packets[n][0], packets[n][1]]);
    let host = Arc::new(HostSide {
        refuses: vec![first(10)],
        exaggerates: vec![first(20)],
        shortens: vec![first(30)],
        fails: AtomicUsize::new(2),
        ..HostSide::default()
    });
    let (fixture, feed, id) = recorded();
    let codec = register_plain(fixture.engine.handle, "FAILS", &host);
    payload(feed, 96, codec, 8000);
    send_all(feed, &mut RtpSender::new(96, 7), &packets, PACKET as u32);
    let finished = fixture.stop_and_read(&id);
    let recorded = finished.wav.pcm(0);
    let part = |from: usize, to: usize| recorded[from * PACKET..to * PACKET].to_vec();
    let silence = |packets: usize| vec![0; packets * PACKET];
    // `create` fails twice, and after an error the state begins anew.
    let expected = [
        silence(2),
        decoded(&packets[2..10]),
        silence(1),
        decoded(&packets[11..20]),
        silence(1),
        decoded(&packets[21..31])[..(9 * PACKET + PACKET / 2)].to_vec(),
    ];
    let expected = expected.concat();
    assert_same(&recorded[..expected.len()], &expected);
    assert_same(&part(31, 50), &decoded(&packets[21..50])[10 * PACKET..]);
    let entry = leg(&finished);
    assert_eq!(entry["dropped_ms"], json!({"undecodable": 90}));
    assert_eq!(
        (&entry["packets"], &entry["handed_ms"]),
        (&json!(50), &json!(1000))
    );
    fixture.close();
    assert_eq!(host.created.load(SeqCst), host.destroyed.load(SeqCst));
}

#[test]
fn a_state_from_before_a_resume_is_not_used_after_it() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    let codec = register_plain(fixture.engine.handle, "SUMS", &host);
    payload(feed, 96, codec, 8000);
    let packets = payloads(&noise(8, 30 * PACKET), PACKET);
    let mut sender = RtpSender::new(96, 7);
    send_all(feed, &mut sender, &packets[..10], PACKET as u32);
    fixture.pause();
    send_all(feed, &mut sender, &packets[10..20], PACKET as u32);
    fixture.resume();
    send_all(feed, &mut sender, &packets[20..], PACKET as u32);
    let finished = fixture.stop_and_read(&id);
    let expected = [
        decoded(&packets[..10]),
        vec![0; 10 * PACKET],
        decoded(&packets[20..]),
    ];
    assert_same(&finished.wav.pcm(0), &expected.concat());
    assert_eq!(host.created.load(SeqCst), 2);
    fixture.close();
}

/// A second recording hears the pause of the first one, so the decoder runs on. Nothing that the
/// first one records after its pause depends on it.
#[test]
fn another_recording_keeps_no_state_for_the_one_that_was_paused() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, paused) = recorded();
    let other = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    let codec = register_plain(fixture.engine.handle, "SUMS", &host);
    payload(feed, 96, codec, 8000);
    let packets = payloads(&noise(9, 30 * PACKET), PACKET);
    let mut sender = RtpSender::new(96, 7);
    send_all(feed, &mut sender, &packets[..10], PACKET as u32);
    fixture.pause_one(&paused);
    send_all(feed, &mut sender, &packets[10..20], PACKET as u32);
    fixture.resume_one(&paused);
    send_all(feed, &mut sender, &packets[20..], PACKET as u32);
    let (paused, other) = (fixture.stop_and_read(&paused), fixture.stop_and_read(&other));
    let after = decoded(&packets[20..]);
    assert_same(&paused.wav.pcm(0)[20 * PACKET..], &after);
    let expected = [decoded(&packets[..20]), after].concat();
    assert_same(&other.wav.pcm(0), &expected);
    fixture.close();
}

#[test]
fn a_missing_packet_is_left_out_and_a_reordered_one_is_not() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    let codec = register_plain(fixture.engine.handle, "SUMS", &host);
    payload(feed, 96, codec, 8000);
    let packets = payloads(&noise(10, 30 * PACKET), PACKET);
    let mut sender = RtpSender::new(96, 7);
    let made: Vec<Vec<u8>> = packets
        .iter()
        .map(|payload| sender.packet(payload, PACKET as u32))
        .collect();
    for n in (0..30).filter(|n| *n != 15) {
        send_rtp(
            feed,
            &made[[n, 6, 5][[5, 6]
                .iter()
                .position(|swapped| *swapped == n)
                .map_or(0, |at| at + 1)]],
        );
    }
    let finished = fixture.stop_and_read(&id);
    let recorded = finished.wav.pcm(0);
    assert_same(&recorded[..15 * PACKET], &decoded(&packets[..15]));
    let after = [&packets[..15], &packets[16..]].concat();
    assert_same(&recorded[16 * PACKET..], &decoded(&after)[15 * PACKET..]);
    assert_eq!(leg(&finished)["missing_ms"], json!(20));
    fixture.close();
}

/// Packet 50 is missing, and packets 70 to 79.
#[test]
fn the_hosts_decoder_conceals_missing_packets() {
    for hides_nothing in [false, true] {
        let host = Arc::new(HostSide {
            hides_nothing,
            ..HostSide::default()
        });
        let fixture = RecordingFixture::new(&[("media.concealment", "on")]);
        let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
        let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
        register_plain(fixture.engine.handle, "X-diff", &host);
        describe(feed, "m=audio 1 RTP/AVP 99\r\na=rtpmap:99 X-diff/8000\r\n").unwrap();
        let is_missing = |n: usize| n == 50 || (70..80).contains(&n);
        let mut sender = RtpSender::new(99, 7);
        for (n, payload) in payloads(&noise(9, 100 * PACKET), PACKET).iter().enumerate() {
            let packet = sender.packet(payload, PACKET as u32);
            if !is_missing(n) {
                send_rtp(feed, &packet);
            }
        }
        let finished = fixture.stop_and_read(&id);
        let found = finished.wav.pcm(0);
        let concealed = found.iter().filter(|sample| **sample == CONCEALED).count();
        let place = |n: usize| &found[n * PACKET..(n + 1) * PACKET];
        match hides_nothing {
            true => assert!(concealed < PACKET && place(50).iter().any(|sample| *sample != 0)),
            false => {
                for n in [50, 70, 71, 72] {
                    assert!(place(n).iter().all(|sample| *sample == CONCEALED), "{n}");
                }
                assert!(concealed < 5 * PACKET);
            }
        }
        assert!((73..80).all(|n| place(n).iter().all(|sample| *sample == 0)));
        let leg = leg(&finished);
        assert_eq!(
            (&leg["concealed_ms"], &leg["missing_ms"]),
            (&json!(80), &json!(220))
        );
        fixture.close();
    }
}

/// What the host decodes is not undecodable.
#[test]
fn packets_that_the_host_decodes_are_not_kept_as_undecodable() {
    let host = Arc::new(HostSide {
        refuses: vec![12_345],
        ..HostSide::default()
    });
    let fixture = RecordingFixture::new(&[("recording.keep_raw", "undecodable")]);
    let feed = fixture.feed(REC_LEG_LOCAL, REC_CODEC_PCMU, 8000);
    let id = fixture.start(REC_LAYOUT_LOCAL, "wav", REC_PAUSE_SILENCE);
    register_plain(fixture.engine.handle, "X-diff", &host);
    describe(feed, "m=audio 1 RTP/AVP 99\r\na=rtpmap:99 X-diff/8000\r\n").unwrap();
    let mut sender = RtpSender::new(99, 7);
    let mut packets = payloads(&noise(4, 50 * PACKET), PACKET);
    packets[20][..2].copy_from_slice(&12_345i16.to_be_bytes());
    send_all(feed, &mut sender, &packets, PACKET as u32);
    let finished = fixture.stop_and_read(&id);
    assert_eq!(finished.manifest["raw"]["packets"], 1, "{:#}", finished.manifest);
    fixture.close();
}

#[test]
fn wrong_registrations_are_refused() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, _) = recorded();
    let engine = fixture.engine.handle;
    let good = ops(&host);
    let status = |name: &str, ops: &rec_codec_ops| register(engine, name, ops).unwrap_err().status;
    for name in [
        "",
        "a b",
        "a/8000",
        "\u{e9}",
        "Telephone-Event",
        "red",
        &"x".repeat(128),
    ] {
        assert_eq!(status(name, &good), REC_ERR_INVALID_ARGUMENT, "{name}");
    }
    let wrong: [fn(&mut rec_codec_ops); 10] = [
        |ops| ops.create = None,
        |ops| ops.decode = None,
        |ops| ops.destroy = None,
        |ops| ops.reserved = 1,
        |ops| ops.sample_rate = 7999,
        |ops| ops.sample_rate = 48_001,
        |ops| ops.channels = 9,
        |ops| ops.frame_bytes = 1,
        |ops| ops.frame_samples = 1,
        |ops| ops.struct_size = 3,
    ];
    for (n, change) in wrong.iter().enumerate() {
        let mut changed = good;
        change(&mut changed);
        assert_eq!(status("ok", &changed), REC_ERR_INVALID_ARGUMENT, "{n}");
    }
    let null = unsafe {
        rec_codec_register(
            engine,
            std::ptr::null(),
            &good,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    assert_eq!(null, REC_ERR_INVALID_ARGUMENT);
    let name = CText::from("ok");
    let null = unsafe {
        rec_codec_register(
            engine,
            name.ptr(),
            std::ptr::null(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    assert_eq!(null, REC_ERR_INVALID_ARGUMENT);
    let none = rec_engine { id: 0 };
    let stale = unsafe {
        rec_codec_register(
            none,
            name.ptr(),
            &good,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    assert_eq!(stale, REC_ERR_BAD_HANDLE);
    // No refusal has used the host's pointer.
    assert_eq!(host.freed.load(SeqCst), 0);
    let codec = register(engine, "ok", &good).unwrap();
    assert_eq!(status("OK", &good), REC_ERR_EXISTS);
    let refused = |codec: i32, rate: u32| {
        let format = feed_format(codec, rate);
        checked(|e| unsafe { rec_feed_payload(feed, 96, &format, e) })
            .unwrap_err()
            .status
    };
    assert_eq!(refused(codec + 1, 8000), REC_ERR_INVALID_ARGUMENT);
    assert_eq!(refused(codec, 96_000), REC_ERR_INVALID_ARGUMENT);
    let many = "m=audio 1 RTP/AVP 96\na=rtpmap:96 ok/8000/9\n";
    assert_eq!(describe(feed, many).unwrap_err().status, REC_ERR_UNSUPPORTED);
    let format = feed_format(codec, 8000);
    let written = checked(|e| unsafe { rec_feed_set_format(feed, &format, e) });
    assert_eq!(written.unwrap_err().status, REC_ERR_INVALID_ARGUMENT);
    fixture.close();
    assert_eq!(host.freed.load(SeqCst), 1);
}

#[test]
fn a_decoder_cannot_close_the_engine() {
    let host = Arc::<HostSide>::default();
    let (fixture, feed, id) = recorded();
    *host.closes.lock().unwrap() = Some(fixture.engine.handle);
    let codec = register_plain(fixture.engine.handle, "CLOSES", &host);
    payload(feed, 96, codec, 8000);
    let samples = noise(11, 5 * PACKET);
    send_all(
        feed,
        &mut RtpSender::new(96, 7),
        &payloads(&samples, PACKET),
        PACKET as u32,
    );
    assert_same(&fixture.stop_and_read(&id).wav.pcm(0), &samples);
    assert_eq!(*host.close_status.lock().unwrap(), Some(REC_ERR_IN_CALLBACK));
    fixture.close();
}

#[test]
fn an_engine_has_at_most_64_codecs() {
    let host = Arc::<HostSide>::default();
    let (fixture, _, _) = recorded();
    for n in 0..64 {
        register_plain(fixture.engine.handle, &format!("codec{n}"), &host);
    }
    let extra = ops(&host);
    let refused = register(fixture.engine.handle, "extra", &extra).unwrap_err();
    assert_eq!(refused.status, REC_ERR_LIMIT);
    fixture.close();
    assert_eq!(host.freed.load(SeqCst), 64);
}
