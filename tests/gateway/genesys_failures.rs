//! Genesys' notifications and refusals when something fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callrec::capi::*;
use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint, disk_full, planted};
use serde_json::Value;

use crate::bayeux::{BayeuxClient, get, operate, operate_ok, operations, refusal, resource};
use crate::genesys_events::states;
use crate::openapi::Contract;
use crate::server::{ClosingEngine, FIRST, SECOND, TestServer};
use crate::support::{CallFields, StartFields, feed, write};
use crate::vobiz::write_audio;

/// The error code and message of a notification.
fn error(notification: &Value) -> (u64, &str) {
    let data = &notification["data"];
    let text = data["errorMessage"].as_str();
    (data["errorCode"].as_u64().unwrap(), text.unwrap())
}

fn assert_no_error(notification: &Value) {
    assert!(notification["data"].get("errorCode").is_none(), "{notification}");
}

#[test]
fn a_start_that_fails_after_the_gateways_start_leaves_no_state() {
    let server = TestServer::open(&[]);
    server.stop_gateway();
    let gate = DiskGate::failing_at(&server.dir, FaultPoint::CreateAudio, planted);
    let start = StartFields {
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap();
    gate.wait_for_arrivals(1);
    // The recording is live, but has no file yet.
    let server = server.reopened();
    let client = BayeuxClient::subscribed(&server, "user1");
    gate.admit_one();
    let notification = client.notifications(1).remove(0);
    assert_eq!(
        notification["data"]["call"]["recordingState"], "Stopped",
        "{notification}"
    );
    assert_eq!(error(&notification).0, 4);
    disk_faults::clear(&server.dir.0);
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(2)), ["Recording", "Stopped"]);
}

#[test]
fn an_automatic_start_that_fails_again_after_the_gateways_start_leaves_no_state() {
    let server = TestServer::open(&[]);
    let gate = DiskGate::failing_at(&server.dir, FaultPoint::CreateAudio, planted);
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    gate.wait_for_arrivals(1);
    gate.admit_one();
    server
        .engine
        .events
        .wait(|event| event.kind == REC_EVENT_START_FAILED);
    // The second failure is not notified.
    gate.wait_for_arrivals(2);
    server.stop_gateway();
    let server = server.reopened();
    let client = BayeuxClient::subscribed(&server, "user1");
    gate.admit_one();
    gate.wait_for_arrivals(3);
    disk_faults::clear(&server.dir.0);
    gate.admit_one();
    server.engine.events.wait(|event| event.kind == REC_EVENT_STARTED);
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    assert_eq!(states(&client.notifications(1)), ["Stopped"]);
}

/// The call has two ends, of which one has no device.
#[test]
fn a_refused_automatic_start_is_notified_to_the_user_of_its_end() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    let other_end = CallFields {
        call_id: Some(FIRST),
        number: Some("101"),
        user: Some("user2"),
        ..CallFields::default()
    };
    server.engine.begin(&other_end).unwrap();
    let clients = ["user1", "user2"].map(|user| BayeuxClient::subscribed(&server, user));
    operate_ok(&server, "user2", SECOND, "StartCallRecording");
    // Waits for this notification, so that it cannot arrive later.
    assert_no_error(&clients[1].notifications(1)[0]);
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    for client in &clients {
        let notification = client.notifications(1).remove(0);
        assert_eq!(
            (&notification["data"]["call"]["id"], error(&notification).0),
            (&FIRST.into(), 4)
        );
    }
}

#[test]
fn an_expired_call_is_not_notified_as_a_failed_start() {
    let server = TestServer::open(&[("media.clock", "real"), ("calls.idle_ms", "4000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let leg = feed(server.calls[0], REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
    // The other end of the call has no device and no media.
    let idle = CallFields {
        call_id: Some(FIRST),
        number: Some("101"),
        user: Some("user2"),
        tag: 17,
        ..CallFields::default()
    };
    server.engine.begin(&idle).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let _ = write(leg, &[1; 160]);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        server
            .engine
            .events
            .wait(|event| event.kind == REC_EVENT_CALL_IDLE && event.call_tag == 17);
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        let notification = client.notifications(1).remove(0);
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(notification["data"]["call"]["recordingState"], "Recording");
        assert_no_error(&notification);
    });
}

/// Subtlety 16.
#[test]
fn a_recording_that_fails_later_is_notified_with_the_error() {
    let server = TestServer::open(&[("storage.flush_ms", "100")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
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
    // One recording fails, then the other.
    for state in ["Recording", "Stopped"] {
        fail_once();
        let notification = client.notifications(1).remove(0);
        assert_eq!(notification["data"]["call"]["recordingState"], state);
        assert_eq!(
            error(&notification),
            (4, "The recording has failed: too little disk is free")
        );
    }
    disk_faults::clear(&server.dir.0);
    assert!(client.poll(Some(0)).is_empty());
}

#[test]
fn the_notification_of_a_stop_on_a_held_call_lists_the_start() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let held = CallFields {
        state: REC_CALL_HELD,
        ..CallFields::default()
    };
    held.update(server.calls[0]).unwrap();
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    let notification = client.notifications(2).remove(1);
    let call = &notification["data"]["call"];
    assert_eq!(call["recordingState"], "Stopped");
    assert_eq!(operations(call), ["StartCallRecording"]);
    // The retrieval is not notified.
    let retrieved = CallFields {
        state: REC_CALL_CONNECTED,
        ..CallFields::default()
    };
    retrieved.update(server.calls[0]).unwrap();
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(states(&client.notifications(1)), ["Recording"]);
}

/// Both may happen in one millisecond, so that their times do not give the order.
#[test]
fn a_recording_started_before_the_previous_one_is_stopped_is_not_a_change() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let events = &server.engine.events;
    let stop = |id: &str| server.engine.by_id(rec_stop_by_id, None, id).unwrap();
    let more = StartFields {
        flags: REC_START_ADDITIONAL,
        call_id: Some(FIRST),
        ..StartFields::default()
    };
    let start = || server.engine.start(None, &more).unwrap();
    let mut id = start();
    events.wait_kind(&id, REC_EVENT_STARTED);
    for _ in 0..10 {
        // The first recording is finished only after the second has a file.
        let gate = DiskGate::shut_at(&server.dir, FaultPoint::Seal);
        let next = start();
        stop(&id);
        events.wait_kind(&next, REC_EVENT_STARTED);
        gate.open();
        events.wait_terminal(&id);
        disk_faults::clear(&server.dir.0);
        id = next;
    }
    stop(&id);
    assert_eq!(states(&client.notifications(2)), ["Recording", "Stopped"]);
}

#[test]
fn while_the_engine_closes_requests_about_calls_are_4_with_503() {
    let server = TestServer::open(&[]);
    let start = || operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let closing = ClosingEngine::of(&server, start);
    let mut contract = Contract::new();
    for path in ["/me/calls", &format!("/me/calls/{FIRST}")] {
        let response = get(&server, "user1", path);
        assert_eq!(refusal(&response), (503, 4), "{path}");
        contract.check("get", &format!("/api/v2{path}"), &response);
    }
    for operation in ["Start", "Stop", "Pause", "Resume"] {
        let response = operate(&server, "user1", FIRST, &format!("{operation}CallRecording"));
        assert_eq!(refusal(&response), (503, 4), "{operation}");
        contract.check("post", &format!("/api/v2/me/calls/{FIRST}"), &response);
    }
    assert_eq!(get(&server, "user1", "/me").status, 200);
    closing.end();
}

#[test]
fn the_csrf_headers_and_refusals_are_as_the_openapi_document_says() {
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
