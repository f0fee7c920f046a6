//! Recordings that keep packets, from their start to their end.

use super::capture::{sequences, with_tshark};
use super::*;
use callrec_testkit::manifest::{digest, manifest_beside};
use callrec_testkit::tree::{holds, tree};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const MARKER: &[u8] = b"said while nobody may keep it";
const DIGIT: &[u8] = &[5, 0x0a, 3, 0xe8];

fn unix_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_nanos() as u64
}

/// The sequence numbers of a recording's packets.
fn kept(recording: &RecordingFields) -> Vec<u64> {
    sequences(&recording.raw_path)
        .into_iter()
        .map(u64::from)
        .collect()
}

fn send(feed: rec_feed, numbers: std::ops::Range<u64>, payload_type: u8, payload: &[u8]) {
    for n in numbers {
        send_rtp(feed, &nth(payload_type, n, payload));
    }
}

#[test]
fn a_call_with_an_unknown_codec_is_not_lost() {
    let fixture = RawFixture::new(&[REAL, ("recording.keep_raw", "undecodable")]);
    let before_ns = unix_ns();
    let id = fixture.start(REC_KEEP_RAW_DEFAULT);
    for n in 0..120 {
        send_rtp(fixture.remote, &nth(UNKNOWN, n, &[n as u8; 20]));
        send_rtp(fixture.local, &nth(0, n, &[0x55; 160]));
    }
    let recording = fixture.stop(&id);
    let after_ns = unix_ns();
    assert_eq!(recording.raw_packets, 120);
    assert_eq!(kept(&recording), (0..120).collect::<Vec<u64>>());
    let manifest = manifest_beside(&recording.path);
    assert_eq!(manifest["keep_raw"], "undecodable");
    assert_eq!(manifest["undecoded"], serde_json::json!(["remote"]));
    let bytes = std::fs::read(&recording.raw_path).unwrap();
    let name = Path::new(&recording.path).with_extension("pcapng");
    assert_eq!(Path::new(&recording.raw_path), name, "beside the recording");
    assert_eq!(
        manifest["raw"],
        serde_json::json!({
            "file": name.file_name().unwrap().to_str().unwrap(),
            "bytes": bytes.len(),
            "packets": 120,
            "dropped": 0,
            "digest": digest(&bytes),
        })
    );
    assert_eq!(recording.raw_digest, digest(&bytes));
    assert_eq!(recording.raw_bytes, bytes.len() as u64);
    let verified = |path: &str| checked(|e| unsafe { rec_verify(CText::from(path).ptr(), e) });
    assert_eq!(verified(&recording.raw_path), Ok(()));
    assert_eq!(verified(&recording.path), Ok(()));
    let Some(packets) = with_tshark(&recording.raw_path) else {
        return;
    };
    assert_eq!(packets.len(), 120);
    for (n, packet) in packets.iter().enumerate() {
        assert_eq!((packet.sequence, packet.payload_type), (n as u16, UNKNOWN));
        assert_eq!(packet.payload, [n as u8; 20]);
        assert_eq!(packet.interface, "remote");
    }
    let arrivals: Vec<u64> = packets.iter().map(|packet| packet.arrival_ns).collect();
    assert!(arrivals.is_sorted());
    // The engine's clocks have steps of a few milliseconds.
    let slack_ns = 20_000_000;
    assert!(before_ns - slack_ns <= arrivals[0] && arrivals[119] <= after_ns + slack_ns);
}

#[test]
fn a_packet_counts_when_the_host_received_it() {
    let fixture = RawFixture::new(&[REAL]);
    let id = fixture.start(REC_KEEP_RAW_ALWAYS);
    send(fixture.local, 0..1, 0, &[0x55; 160]);
    // The host received these before the start.
    for age_us in [3_600_000_000, 60_000_000] {
        let packet = nth(0, 9, &[0x55; 160]);
        let status = unsafe { rec_feed_rtp_at(fixture.local, age_us, packet.as_ptr().cast(), packet.len()) };
        assert_eq!(status, REC_OK);
    }
    send(fixture.remote, 1..2, 8, &[0x55; 80]);
    let recording = fixture.stop(&id);
    let Some(packets) = with_tshark(&recording.raw_path) else {
        return;
    };
    let found: Vec<_> = packets
        .iter()
        .map(|packet| (&*packet.interface, packet.payload_type, packet.sequence))
        .collect();
    assert_eq!(found, [("local", 0, 0), ("remote", 8, 1)]);
}

#[test]
fn only_undecodable_packets_make_a_file_and_never_means_never() {
    let fixture = RawFixture::new(&[]);
    let ids = [
        REC_KEEP_RAW_DEFAULT,
        REC_KEEP_RAW_NEVER,
        REC_KEEP_RAW_UNDECODABLE,
        REC_KEEP_RAW_ALWAYS,
    ]
    .map(|keep_raw| fixture.start(keep_raw));
    send(fixture.local, 0..50, 0, &[0x55; 160]);
    let [default, never, undecodable, always] = ids.map(|id| fixture.stop(&id));
    for none in [&default, &never, &undecodable] {
        assert_eq!((&*none.raw_path, none.raw_packets, none.raw_bytes), ("", 0, 0));
        assert_eq!(manifest_beside(&none.path).get("raw"), None);
    }
    assert_eq!(manifest_beside(&default.path).get("keep_raw"), None);
    assert_eq!(manifest_beside(&undecodable.path)["keep_raw"], "undecodable");
    assert_eq!(kept(&always), (0..50).collect::<Vec<u64>>());
    let captures = tree(&fixture.dir);
    let captures = captures
        .iter()
        .filter(|path| path.to_string_lossy().contains("pcapng"));
    assert_eq!(captures.count(), 1);
}

#[test]
fn audio_without_rtp_is_not_kept() {
    let fixture = RawFixture::new(&[("recording.keep_raw", "always")]);
    let id = fixture.start(REC_KEEP_RAW_DEFAULT);
    write_bytes(fixture.local, &[0x55; 1600]);
    assert_eq!(fixture.stop(&id).raw_path, "");
}

#[test]
fn an_unknown_value_is_refused() {
    let fixture = RawFixture::new(&[]);
    for keep_raw in [-1, 4] {
        let start = StartFields {
            call_id: Some("c"),
            keep_raw,
            ..StartFields::default()
        };
        let refused = fixture.engine.start(None, &start).unwrap_err();
        assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
        assert!(refused.message.contains("keep_raw"), "{}", refused.message);
    }
}

/// Each phase has packets with its own content. Only those of the recorded phases are in any file.
#[test]
fn packets_of_a_pause_and_of_a_private_call_are_in_no_file() {
    for clock in ["real", "stream"] {
        check_pauses(clock);
    }
}

fn check_pauses(clock: &str) {
    let fixture = RawFixture::new(&[("media.clock", clock)]);
    let mut next = 0;
    let mut phase = |payload_type: u8, payload: &[u8]| {
        send(fixture.remote, next..next + 25, payload_type, payload);
        next += 25;
        next
    };
    phase(UNKNOWN, MARKER);
    let id = fixture.start(REC_KEEP_RAW_ALWAYS);
    phase(UNKNOWN, b"recorded before the pause");
    fixture.engine.by_id(rec_pause_by_id, None, &id).unwrap();
    phase(UNKNOWN, MARKER);
    phase(8, &MARKER.repeat(4));
    fixture.engine.by_id(rec_resume_by_id, None, &id).unwrap();
    let resumed = phase(UNKNOWN, b"recorded after the pause");
    checked(|e| unsafe { rec_call_private(fixture.call, 1, e) }).unwrap();
    phase(UNKNOWN, MARKER);
    checked(|e| unsafe { rec_call_private(fixture.call, 0, e) }).unwrap();
    phase(UNKNOWN, b"recorded at the end");
    fixture.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    phase(UNKNOWN, MARKER);
    let recording = fixture.finished(&id);
    assert!(!holds(&fixture.dir, MARKER), "packets of a pause are in a file");
    assert!(holds(&fixture.dir, b"recorded before the pause"));
    let numbers = kept(&recording);
    let allowed =
        |n: &u64| (25..50).contains(n) || (resumed - 25..resumed).contains(n) || (150..175).contains(n);
    assert!(numbers.iter().all(allowed), "{numbers:?}");
    assert!(
        numbers
            .iter()
            .filter(|n| **n < 50)
            .eq((25..50).collect::<Vec<u64>>().iter())
    );
}

#[test]
fn telephone_events_are_in_no_file() {
    let fixture = RawFixture::new(&[("recording.keep_raw", "always")]);
    let sdp = "m=audio 4000 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\n";
    let text = CText::from(sdp);
    checked(|e| unsafe { rec_feed_sdp(fixture.local, text.ptr(), e) }).unwrap();
    let id = fixture.start(REC_KEEP_RAW_DEFAULT);
    for n in 0..60 {
        match n % 3 {
            0 => send(fixture.local, n..n + 1, 0, &[0x55; 160]),
            // A declared type, also with several events; and one that nobody has declared.
            1 => send(fixture.local, n..n + 1, 97, &DIGIT.repeat(1 + n as usize % 6)),
            _ => send(fixture.local, n..n + 1, EVENTS, DIGIT),
        }
    }
    let recording = fixture.stop(&id);
    let expected: Vec<u64> = (0..60).filter(|n| n % 3 == 0).collect();
    assert_eq!(kept(&recording), expected);
    assert!(!holds(&fixture.dir, DIGIT), "a digit is in a file");
}

#[test]
fn a_discard_leaves_no_packet() {
    let fixture = RawFixture::new(&[REAL, ("recording.keep_raw", "always")]);
    let id = fixture.start(REC_KEEP_RAW_DEFAULT);
    send(fixture.local, 0..100, UNKNOWN, MARKER);
    // The packets so far reach the disk.
    callrec_testkit::wait::until("packets are on the disk", || holds(&fixture.dir, MARKER));
    fixture.engine.by_id(rec_discard_by_id, None, &id).unwrap();
    let recording = fixture.finished(&id);
    assert_eq!((&*recording.path, &*recording.raw_path), ("", ""));
    assert!(!holds(&fixture.dir, MARKER));
    let left = tree(&fixture.dir);
    assert!(
        left.iter().all(|path| !path.to_string_lossy().contains("pcapng")),
        "{left:?}"
    );
}
