//! What Genesys' clients are told when something goes wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint, disk_full, planted};
use serde_json::Value;

use crate::bayeux::{BayeuxClient, done, get, operate, operations, refusal, resource};
use crate::genesys_events::states;
use crate::openapi::Contract;
use crate::server::{ClosingEngine, FIRST, SECOND, TestServer};
use crate::support::{CallFields, StartFields, feed, write};
use crate::vobiz::write_audio;

fn error(notification: &Value) -> (u64, &str) {
    let data = &notification["data"];
    let text = data["errorMessage"].as_str();
    (data["errorCode"].as_u64().unwrap(), text.unwrap())
}

fn assert_no_error(notification: &Value) {
    assert!(notification["data"].get("errorCode").is_none(), "{notification}");
}

#[test]
fn a_start_that_fails_around_the_gateways_own_leaves_nothing_behind() {
    let server = TestServer::open(&[]);
    server.stop_gateway();
    let gate = DiskGate::failing_at(&server.dir, FaultPoint::CreateAudio, planted);
    let start = StartFields {
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap();
    gate.wait_for_arrivals(1);
    // It is live, but has no file yet.
    let server = server.reopened();
    let client = BayeuxClient::subscribed(&server, "user1");
    gate.admit_one();
    let told = client.notifications(1).remove(0);
    assert_eq!(told["data"]["call"]["recordingState"], "Stopped", "{told}");
    assert_eq!(error(&told).0, 4);
    disk_faults::clear(&server.dir.0);
    done(&server, "user1", FIRST, "StartCallRecording");
    done(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(2)), ["Recording", "Stopped"]);
}

#[test]
fn an_automatic_start_that_fails_again_around_the_gateways_leaves_nothing_behind() {
    let server = TestServer::open(&[]);
    let gate = DiskGate::failing_at(&server.dir, FaultPoint::CreateAudio, planted);
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    gate.wait_for_arrivals(1);
    gate.admit_one();
    server
        .engine
        .events
        .wait(|told| told.kind == REC_EVENT_START_FAILED);
    // That it fails again is not told.
    gate.wait_for_arrivals(2);
    server.stop_gateway();
    let server = server.reopened();
    let client = BayeuxClient::subscribed(&server, "user1");
    gate.admit_one();
    gate.wait_for_arrivals(3);
    disk_faults::clear(&server.dir.0);
    gate.admit_one();
    server.engine.events.wait(|told| told.kind == REC_EVENT_STARTED);
    done(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(1)), ["Stopped"]);
}

/// Of two ends, of one of which less is known.
#[test]
fn an_automatic_start_that_is_refused_is_told_to_its_own_user() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    let other_end = CallFields {
        call_id: Some(FIRST),
        number: Some("101"),
        user: Some("user2"),
        ..CallFields::default()
    };
    server.engine.begin(&other_end).unwrap();
    let clients = ["user1", "user2"].map(|user| BayeuxClient::subscribed(&server, user));
    done(&server, "user2", SECOND, "StartCallRecording");
    // Otherwise it could still be on its way later.
    assert_no_error(&clients[1].notifications(1)[0]);
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    for client in &clients {
        let told = client.notifications(1).remove(0);
        assert_eq!((&told["data"]["call"]["id"], error(&told).0), (&FIRST.into(), 4));
    }
}

#[test]
fn a_call_that_was_forgotten_is_nobody_elses_failed_start() {
    let server = TestServer::open(&[("media.clock", "real"), ("calls.idle_ms", "4000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let leg = feed(server.calls[0], REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
    // The other end of the call, of which less is known.
    let forgotten = CallFields {
        call_id: Some(FIRST),
        number: Some("101"),
        user: Some("user2"),
        tag: 17,
        ..CallFields::default()
    };
    server.engine.begin(&forgotten).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _ = write(leg, &[1; 160]);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        server
            .engine
            .events
            .wait(|told| told.kind == REC_EVENT_CALL_IDLE && told.call_tag == 17);
        done(&server, "user1", FIRST, "StartCallRecording");
        let told = client.notifications(1).remove(0);
        over.store(true, Ordering::Relaxed);
        assert_eq!(told["data"]["call"]["recordingState"], "Recording");
        assert_no_error(&told);
    });
}

#[test]
fn subtlety_16_a_recording_that_fails_in_the_middle_is_told_with_why() {
    let server = TestServer::open(&[("storage.flush_ms", "100")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    assert_no_error(&client.notifications(1)[0]);
    let fail_once = || {
        disk_faults::fail_times(&server.dir, FaultPoint::WriteAudio, 1, disk_full);
        write_audio(&server, 2);
    };
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &more).unwrap();
    server.engine.events.wait_kind(&id, REC_EVENT_STARTED);
    // One of two, and then the other.
    for state in ["Recording", "Stopped"] {
        fail_once();
        let told = client.notifications(1).remove(0);
        assert_eq!(told["data"]["call"]["recordingState"], state);
        assert_eq!(
            error(&told),
            (4, "The recording has failed: too little disk is free")
        );
    }
    disk_faults::clear(&server.dir.0);
    assert!(client.poll(Some(0)).is_empty());
}

#[test]
fn what_is_stopped_while_held_can_be_started_by_who_goes_by_notifications() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    let held = CallFields {
        state: REC_CALL_HELD,
        ..CallFields::default()
    };
    held.update(server.calls[0]).unwrap();
    done(&server, "user1", FIRST, "StopCallRecording");
    let told = client.notifications(2).remove(1);
    let call = &told["data"]["call"];
    assert_eq!(call["recordingState"], "Stopped");
    assert_eq!(operations(call), ["StartCallRecording"]);
    // Nothing is told of the retrieval.
    let retrieved = CallFields {
        state: REC_CALL_CONNECTED,
        ..CallFields::default()
    };
    retrieved.update(server.calls[0]).unwrap();
    done(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(states(&client.notifications(1)), ["Recording"]);
}

/// Both in one millisecond: the clock cannot tell which was first.
#[test]
fn a_further_recording_begun_before_the_first_is_stopped_is_no_change() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let (events, by_id) = (&server.engine.events, |id: &str| {
        server.engine.by_id(rec_stop_by_id, None, id).unwrap();
    });
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    let begin = || server.engine.start(None, &more).unwrap();
    let mut id = begin();
    events.wait_kind(&id, REC_EVENT_STARTED);
    for _ in 0..10 {
        // The first is not finished before the second one's file is there.
        let gate = DiskGate::shut_at(&server.dir, FaultPoint::Seal);
        let next = begin();
        by_id(&id);
        events.wait_kind(&next, REC_EVENT_STARTED);
        gate.open();
        events.wait_terminal(&id);
        disk_faults::clear(&server.dir.0);
        id = next;
    }
    by_id(&id);
    assert_eq!(states(&client.notifications(2)), ["Recording", "Stopped"]);
}

#[test]
fn while_the_engine_closes_everything_of_calls_is_4_with_503() {
    let server = TestServer::open(&[]);
    let start = || done(&server, "user1", FIRST, "StartCallRecording");
    let closing = ClosingEngine::of(&server, start);
    let mut contract = Contract::new();
    for path in ["/me/calls", &format!("/me/calls/{FIRST}")] {
        let reply = get(&server, "user1", path);
        assert_eq!(refusal(&reply), (503, 4), "{path}");
        contract.check("get", &format!("/api/v2{path}"), &reply);
    }
    for operation in ["Start", "Stop", "Pause", "Resume"] {
        let reply = operate(&server, "user1", FIRST, &format!("{operation}CallRecording"));
        assert_eq!(refusal(&reply), (503, 4), "{operation}");
        contract.check("post", &format!("/api/v2/me/calls/{FIRST}"), &reply);
    }
    assert_eq!(get(&server, "user1", "/me").status, 200);
    closing.end();
}

#[test]
fn the_protection_against_other_sites_is_as_the_text_says() {
    let server = TestServer::open(&[("genesys.csrf", "true")]);
    let mut contract = Contract::new();
    let me = get(&server, "user1", "/me");
    for name in ["x-csrf-header", "x-csrf-token", "set-cookie"] {
        assert!(!me.header(name).is_empty(), "{name}");
    }
    contract.check("get", "/api/v2/me", &me);
    let refused = operate(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(refused.status, 403);
    contract.check("post", &format!("/api/v2/me/calls/{FIRST}"), &refused);
    assert_eq!(resource(&server, "user1", FIRST)["recordingState"], "Stopped");
}
