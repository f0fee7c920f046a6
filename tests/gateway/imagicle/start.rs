//! `POST LiveRecordings`.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::StartFields;

fn post(server: &TestServer, user: &str, body: &Value) -> (u16, Value) {
    status_and_body(&request(
        server,
        user,
        "POST",
        "LiveRecordings",
        &body.to_string(),
    ))
}

#[test]
fn start_is_201_with_the_id_of_the_live_recording() {
    let server = TestServer::open(&[]);
    let by_device = start_on_first(&server);
    let by_number = start_recording(&server, &json!({ "directoryNumber": "102", "mode": 0 }));
    assert_eq!(live_ids(&server), [by_device.clone(), by_number]);
    assert_eq!(uuid::Uuid::parse_str(&by_device).unwrap().to_string(), by_device);
}

#[test]
fn start_requires_device_and_number_to_name_one_line() {
    let server = TestServer::open(&[]);
    let mismatch = json!({ "deviceName": DEVICE, "directoryNumber": "102" });
    assert_eq!(post(&server, "admin", &mismatch), empty(409));
    start_recording(
        &server,
        &json!({ "deviceName": DEVICE, "directoryNumber": "101" }),
    );
}

#[test]
fn start_without_a_device_or_number_is_400_reason_0() {
    let server = TestServer::open(&[]);
    for body in [
        "{}",
        "[]",
        "{\"deviceName\":null}",
        "{\"deviceName\":\"\"}",
        "{",
        "not json",
        "\u{fffd}",
        "5",
    ] {
        assert_eq!(
            as_admin(&server, "POST", "LiveRecordings", body),
            reason(0),
            "{body}"
        );
    }
    let deep = "[".repeat(100);
    assert_eq!(as_admin(&server, "POST", "LiveRecordings", &deep), reason(0));
    assert!(live_ids(&server).is_empty());
}

#[test]
fn start_on_a_line_that_is_not_monitorable_is_400_reason_1_with_the_device() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(None, Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    let body = json!({ "directoryNumber": "101" });
    assert_eq!(post(&server, "admin", &body), not_monitorable(DEVICE));
    // The policy is checked before the look-up, so it applies to a line without a call as well.
    server
        .engine
        .line(Some("SEP9"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    let body = json!({ "deviceName": "SEP9" });
    assert_eq!(post(&server, "admin", &body), not_monitorable("SEP9"));
}

#[test]
fn start_in_an_unknown_mode_is_400_reason_2_without_a_device() {
    let server = TestServer::open(&[]);
    for mode in [json!(2), json!(-1), json!("dial-in"), json!(true)] {
        let body = json!({ "deviceName": DEVICE, "mode": mode });
        assert_eq!(post(&server, "admin", &body), reason(2), "{body}");
    }
    // Arguments are checked before the look-up.
    let body = json!({ "deviceName": "SEP9", "mode": 7 });
    assert_eq!(post(&server, "admin", &body), reason(2));
}

#[test]
fn start_on_an_automatic_line_is_400_reason_4() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(Some(DEVICE), None, REC_LINE_AUTOMATIC)
        .unwrap();
    assert_eq!(
        post(&server, "admin", &json!({ "deviceName": DEVICE })),
        reason(4)
    );
}

#[test]
fn start_below_level_10_is_limited_to_the_own_device() {
    let server = TestServer::open(&[]);
    let own = json!({ "deviceName": DEVICE });
    assert_eq!(post(&server, "user1", &own).0, 201);
    for body in [
        json!({ "directoryNumber": "102" }),
        json!({ "deviceName": "SEP9" }),
        json!({ "deviceName": "SEP9", "mode": 9 }),
    ] {
        assert_eq!(post(&server, "user1", &body), empty(403), "{body}");
    }
    assert_eq!(
        post(&server, "only", &json!({})),
        empty(403),
        "the user has no call"
    );
}

#[test]
fn start_without_a_connected_call_is_409() {
    let server = TestServer::open(&[]);
    assert_eq!(
        post(&server, "admin", &json!({ "deviceName": "SEP9" })),
        empty(409)
    );
    let held = CallFields {
        state: REC_CALL_HELD,
        ..CallFields::default()
    };
    held.update(server.calls[0]).unwrap();
    assert_eq!(
        post(&server, "admin", &json!({ "deviceName": DEVICE })),
        empty(409)
    );
}

#[test]
fn start_of_a_recorded_call_is_429_without_retry_after() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let body = json!({ "directoryNumber": "101" }).to_string();
    let response = request(&server, "admin", "POST", "LiveRecordings", &body);
    assert_eq!(status_and_body(&response), empty(429));
    assert_eq!(response.header("retry-after"), "");
}

#[test]
fn start_returns_503_at_the_limit_of_recordings() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    start_on_first(&server);
    let second = json!({ "directoryNumber": "102" });
    assert_eq!(post(&server, "admin", &second), empty(503));
}

#[test]
fn start_returns_503_when_the_disk_is_full() {
    let server = TestServer::open(&[("storage.min_free_bytes", "1000000000000000000")]);
    assert_eq!(
        post(&server, "admin", &json!({ "deviceName": DEVICE })),
        empty(503)
    );
}

#[test]
fn start_without_a_body_records_the_own_line() {
    let server = TestServer::open(&[]);
    for body in ["", " \r\n", "null"] {
        let response = status_and_body(&request(&server, "user2", "POST", "LiveRecordings", body));
        assert_eq!(response.0, 201, "{body:?}: {}", response.1);
        let (_, list) = as_admin(&server, "GET", "LiveRecordings?directoryNumber=102", "");
        assert_eq!(list[0]["id"], response.1["id"]);
        assert_eq!(
            status(&server, "user2", "DELETE", "LiveRecordings/Mine"),
            empty(204)
        );
    }
}

#[test]
fn start_without_a_body_records_the_newest_connected_call() {
    let server = TestServer::open(&[]);
    for (number, state) in [("201", REC_CALL_CONNECTED), ("202", REC_CALL_ALERTING)] {
        let call = CallFields {
            call_id: Some(number),
            number: Some(number),
            user: Some("user1"),
            state,
            ..CallFields::default()
        };
        server.engine.begin(&call).unwrap();
    }
    assert_eq!(status(&server, "user1", "POST", "LiveRecordings").0, 201);
    let (_, list) = as_admin(&server, "GET", "LiveRecordings?directoryNumber=201", "");
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(status(&server, "user1", "POST", "LiveRecordings"), empty(429));
}

#[test]
fn start_without_a_body_and_without_an_extension_is_400_reason_3() {
    let server = TestServer::open(&[]);
    assert_eq!(
        status(&server, "admin", "POST", "LiveRecordings"),
        reason(3),
        "the user has no call"
    );
    let nameless = CallFields {
        call_id: Some("x"),
        device: Some("SEP5"),
        user: Some("only"),
        ..CallFields::default()
    };
    server.engine.begin(&nameless).unwrap();
    assert_eq!(
        status(&server, "only", "POST", "LiveRecordings"),
        reason(3),
        "the line has no number"
    );
}

#[test]
fn start_without_a_body_while_every_call_is_held_is_409() {
    let server = TestServer::open(&[]);
    let held = CallFields {
        state: REC_CALL_HELD,
        ..CallFields::default()
    };
    held.update(server.calls[0]).unwrap();
    assert_eq!(status(&server, "user1", "POST", "LiveRecordings"), empty(409));
}

#[test]
fn start_without_a_body_obeys_the_policy_of_the_line() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(None, Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    assert_eq!(
        status(&server, "user1", "POST", "LiveRecordings"),
        not_monitorable(DEVICE)
    );
}

/// An automated dial-in, unlike a manual one, can be stopped by its device.
#[test]
fn start_in_mode_1_is_mono_and_its_stop_by_device_is_204() {
    let server = TestServer::open(&[]);
    let id = start_recording(&server, &json!({ "deviceName": DEVICE, "mode": 1 }));
    let recording = server.engine.get(None, &id).unwrap();
    assert_eq!((recording.layout, recording.flags), (REC_LAYOUT_MONO, 0));
    let path = format!("LiveRecordings?deviceName={DEVICE}");
    assert_eq!(status(&server, "admin", "DELETE", &path), empty(204));
}

#[test]
fn start_uses_the_configured_format_layout_and_pause_mode() {
    let server = TestServer::open(&[
        ("recording.format", "wav-ulaw"),
        ("recording.layout", "local"),
        ("recording.pause_mode", "skip"),
    ]);
    let recording = server.engine.get(None, &start_on_first(&server)).unwrap();
    assert_eq!(
        (recording.format.as_str(), recording.layout, recording.pause_mode),
        ("wav-ulaw", REC_LAYOUT_LOCAL, REC_PAUSE_SKIP)
    );
}

#[test]
fn start_accepts_members_in_any_case_and_numbers_as_texts() {
    let server = TestServer::open(&[]);
    start_recording(&server, &json!({ "DirectoryNumber": 101, "Mode": 0 }));
}

/// The C ABI may record one call several times.
#[test]
fn recordings_that_the_host_started_are_listed() {
    let server = TestServer::open(&[]);
    let start = StartFields {
        device: Some(DEVICE),
        ..StartFields::default()
    };
    let first = server.engine.start(None, &start).unwrap();
    let second = StartFields {
        flags: REC_START_ADDITIONAL,
        ..start
    };
    let second = server.engine.start(None, &second).unwrap();
    assert_eq!(live_ids(&server), [first, second]);
}
