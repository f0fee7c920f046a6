//! Encoders that are too slow for their recordings.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::{manifest_beside, spans_of};
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::wait::sleep_until;

use crate::line::*;
use crate::support::*;

const PACKET: usize = 160;
/// An encoder that takes 50 ms for 20 ms of audio.
const SLOW: &str = "test-paged;packet_us=50000";

struct Encoded {
    call: rec_call,
    feed: rec_feed,
    sender: RtpSender,
    id: String,
}

fn begin(engine: &TestEngine, name: &str, format: &str) -> Encoded {
    let call = CallFields {
        call_id: Some(name),
        ..CallFields::default()
    };
    let call = engine.begin(&call).unwrap();
    Encoded {
        call,
        feed: feed(call, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap(),
        sender: RtpSender::new(0, 7),
        id: start(engine, name, format),
    }
}

fn start(engine: &TestEngine, call: &str, format: &str) -> String {
    let start = StartFields {
        call_id: Some(call),
        format: Some(format),
        layout: REC_LAYOUT_LOCAL,
        flags: REC_START_ADDITIONAL,
        ..StartFields::default()
    };
    engine.start(None, &start).unwrap()
}

/// Sends packets in real time to all calls until `is_enough`. Returns their number.
fn send(calls: &mut [Encoded], mut is_enough: impl FnMut(u64) -> bool) -> u64 {
    let begun = Instant::now();
    let mut packets = 0;
    while !is_enough(packets) {
        sleep_until(begun + Duration::from_millis(20 * packets));
        for call in calls.iter_mut() {
            let audio = bytes(7, packets * PACKET as u64, PACKET);
            let packet = call.sender.packet(&audio, PACKET as u32);
            let status = unsafe { rec_feed_rtp(call.feed, packet.as_ptr().cast(), packet.len()) };
            assert_eq!(status, REC_OK, "packet {packets}");
        }
        packets += 1;
    }
    packets
}

/// A WAV recording that has ended has all packets.
fn assert_plain_is_whole(engine: &TestEngine, id: &str, packets: u64) {
    let (recording, wav) = finished(engine, id);
    assert_eq!(recording.lost_ms, 0);
    let recorded = wav.g711(0);
    let first = recorded.iter().position(|byte| *byte != 0xff).unwrap();
    let expected = bytes(7, 0, packets as usize * PACKET);
    assert!(recorded[first..][..expected.len()] == expected);
}

/// One call is recorded twice, and another one has the same encoder.
#[test]
fn a_slow_encoder_delays_the_end_of_its_recordings_only() {
    let dir = ScratchDir::new();
    let settings = [
        ("media.clock", "real"),
        ("media.encoders", "1"),
        // Even if this thread is late, a packet is placed by its timestamp.
        ("media.reorder_ms", "1000"),
        ("storage.flush_ms", "100"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let mut calls = [
        begin(&engine, "slow", SLOW),
        begin(&engine, "quick", "test-paged"),
    ];
    let plain = start(&engine, "slow", "wav-ulaw");
    let packets = send(&mut calls, |packets| packets == 200);
    calls.iter().for_each(|call| end(call.call).unwrap());
    assert_plain_is_whole(&engine, &plain, packets);
    let slow = &calls[0].id;
    let has_ended = engine.events.kinds(slow).contains(&REC_EVENT_FINISHED);
    assert!(!has_ended, "the encoder was not slow");
    for call in &calls {
        let recording = engine.events.wait_terminal(&call.id).recording.unwrap();
        assert_eq!((recording.state, recording.lost_ms), (REC_STATE_FINISHED, 0));
        let samples = manifest_beside(&recording.path)["samples"].as_u64().unwrap();
        assert!(samples >= packets * PACKET as u64, "{samples}");
    }
    assert_eq!(engine.stats().frames_lost, 0, "every packet was accepted");
}

/// An encoder takes longer for one turn than its recordings' audio may be queued.
#[test]
fn what_an_overloaded_encoder_drops_has_its_reason() {
    let dir = ScratchDir::new();
    let settings = [
        ("media.clock", "real"),
        ("media.reorder_ms", "1000"),
        // More than what a call leaves to be written when it ends.
        ("storage.backlog_ms", "2000"),
        ("storage.flush_ms", "100"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let mut calls = [begin(&engine, "slow", SLOW)];
    let plain = start(&engine, "slow", "wav-ulaw");
    let packets = send(&mut calls, |packets| {
        assert!(packets < 3000, "nothing is dropped");
        engine.stats().bytes_dropped > 0
    });
    calls.iter().for_each(|call| end(call.call).unwrap());
    assert_plain_is_whole(&engine, &plain, packets);
    let slow = engine.events.wait_terminal(&calls[0].id).recording.unwrap();
    assert_eq!(slow.state, REC_STATE_FINISHED);
    let manifest = manifest_beside(&slow.path);
    let losses = spans_of(&manifest, "loss");
    let lost_ms: u64 = losses.iter().map(|loss| loss.length_ms).sum();
    assert!(lost_ms > 0 && lost_ms.abs_diff(slow.lost_ms) <= losses.len() as u64);
    let dropped = manifest["legs"][0]["dropped_ms"].as_object().unwrap();
    let backlog_ms = dropped["backlog"].as_u64().unwrap();
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(
        backlog_ms.abs_diff(lost_ms) <= losses.len() as u64,
        "{backlog_ms} ms"
    );
    assert_eq!(engine.stats().frames_lost, 0, "every packet was accepted");
}

unsafe extern "C" fn note_thread(names: *mut c_void, name: *const c_char) {
    let (names, name) = unsafe { (&*names.cast::<Mutex<Vec<String>>>(), CStr::from_ptr(name)) };
    names.lock().unwrap().push(name.to_str().unwrap().to_owned());
}

#[test]
fn there_are_as_many_encoders_as_configured() {
    for encoders in [1, 3] {
        let dir = ScratchDir::new();
        let names = Mutex::new(Vec::<String>::new());
        let mut config = std::ptr::null_mut();
        assert_eq!(unsafe { rec_config_new(&mut config) }, REC_OK);
        let number = encoders.to_string();
        for (key, value) in [
            ("storage.directory", dir.0.to_str().unwrap()),
            ("media.encoders", &number),
        ] {
            let (key, value) = (CText::from(key), CText::from(value));
            let set = checked(|e| unsafe { rec_config_set(config, key.ptr(), value.ptr(), e) });
            set.unwrap();
        }
        let user_data = (&raw const names).cast_mut().cast();
        let hooks = checked(|e| unsafe {
            rec_config_set_thread_hooks(config, Some(note_thread), None, user_data, None, e)
        });
        hooks.unwrap();
        let mut handle = rec_engine { id: 0 };
        checked(|e| unsafe { rec_open(config, &mut handle, e) }).unwrap();
        unsafe { rec_config_free(config) };
        // When it is closed, each thread has called the function.
        TestEngine::unsubscribed(handle).close();
        let names = names.into_inner().unwrap();
        let found = names.iter().filter(|name| name.starts_with("callrec-encode"));
        assert_eq!(found.count(), encoders, "{names:?}");
    }
}
