//! Genesys' device resource, and the stop of a recording on its device.

use callrec::capi::REC_LINE_AUTOMATIC;
use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, get, operate_ok, refusal, resource};
use crate::server::{ClientResponse, FIRST, SECOND, TestServer, basic};
use crate::support::{CallFields, StartFields, end};

/// The devices of a user.
fn devices(server: &TestServer, user: &str) -> Vec<Value> {
    let response = get(server, user, "/me/devices").json();
    assert_eq!(response["statusCode"], 0);
    let devices = response["devices"].as_array().unwrap().clone();
    let uris: Vec<_> = devices.iter().map(|device| device["uri"].clone()).collect();
    assert_eq!(response["uris"], json!(uris));
    devices
}

/// Posts an operation to a path of the API.
fn post(server: &TestServer, user: &str, path: &str, operation: &str) -> ClientResponse {
    let body = json!({ "operationName": operation }).to_string();
    let authorization = basic(user, "secret");
    let headers = [("authorization", authorization.as_str())];
    server.send("POST", &format!("/api/v2{path}"), &headers, &body)
}

/// Stops the recordings on a device.
fn stop(server: &TestServer, user: &str, device: &Value) -> ClientResponse {
    let path = format!("/me/devices/{}", device["id"].as_str().unwrap());
    post(server, user, &path, "StopCallRecording")
}

/// Checks that an operation has succeeded.
fn assert_ok(response: &ClientResponse) {
    assert_eq!((response.status, response.text()), (200, r#"{"statusCode":0}"#));
}

#[test]
fn a_users_devices_are_those_of_their_calls() {
    let server = TestServer::open(&[("gateway.public_url", "https://calls.example")]);
    let more = CallFields {
        call_id: Some("more"),
        device: Some("SEP123456789ABC"),
        number: Some("101"),
        user: Some("user1"),
        ..CallFields::default()
    };
    let more = server.engine.begin(&more).unwrap();
    let other = CallFields {
        number: Some("+4989123"),
        user: Some("user1"),
        ..CallFields::default()
    };
    let other = server.engine.begin(&other).unwrap();
    let own = devices(&server, "user1");
    assert_eq!(own.len(), 2, "one of the devices has two calls: {own:#?}");
    let uri = resource(&server, "user1", FIRST)["deviceUri"].clone();
    let id = own[0]["id"].as_str().unwrap();
    assert_eq!(
        own[0],
        json!({
            "id": id,
            "deviceState": "Active",
            "phoneNumber": "101",
            "e164Number": "",
            "capabilities": [],
            "uri": uri,
            "path": format!("/devices/{id}"),
        })
    );
    assert_eq!(uri, format!("https://calls.example/api/v2/devices/{id}"));
    assert_eq!(own[1]["e164Number"], "+4989123");
    let all = get(&server, "user1", "/me/devices?fields=*").json();
    assert_eq!(all, json!({ "statusCode": 0, "devices": own }));
    // A device is found below `/me` and by the URI in the call, and its UUID in either case.
    let upper_case = id.to_uppercase();
    for path in [format!("/me/devices/{id}"), format!("/devices/{upper_case}")] {
        let device = get(&server, "user1", &path).json();
        assert_eq!(device, json!({ "statusCode": 0, "device": own[0] }));
        assert_eq!(refusal(&get(&server, "user2", &path)), (404, 6));
    }
    for call in [server.calls[0], more, other] {
        end(call).unwrap();
    }
    assert!(devices(&server, "user1").is_empty());
}

#[test]
fn a_stop_on_a_device_is_notified_as_a_change_of_the_call() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let device = devices(&server, "user1").remove(0);
    assert_eq!(device["capabilities"], json!(["StopCallRecording"]));
    assert_ok(&stop(&server, "user1", &device));
    let notifications = client.notifications(2);
    let call = &notifications[1]["data"]["call"];
    assert_eq!(
        (&call["id"], &call["recordingState"]),
        (&json!(FIRST), &json!("Stopped"))
    );
    assert_eq!(call["deviceUri"], device["uri"]);
    assert_eq!(devices(&server, "user1")[0]["capabilities"], json!([]));
    // Without a live recording the stop is refused. A paused recording can be stopped.
    assert_eq!(refusal(&stop(&server, "user1", &device)), (409, 2));
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    operate_ok(&server, "user1", FIRST, "PauseCallRecording");
    let uri = device["path"].as_str().unwrap();
    assert_ok(&post(&server, "user1", uri, "StopCallRecording"));
    assert_eq!(resource(&server, "user1", FIRST)["recordingState"], "Stopped");
}

#[test]
fn a_stop_on_a_device_stops_all_its_recordings_and_no_others() {
    let server = TestServer::open(&[]);
    // A second call on the device, and the other end of the first call.
    let second = CallFields {
        call_id: Some("second"),
        device: Some("SEP123456789ABC"),
        number: Some("101"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&second).unwrap();
    let other_end = CallFields {
        call_id: Some(FIRST),
        device: Some("SEP000000000001"),
        number: Some("199"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&other_end).unwrap();
    for (call_id, number) in [(FIRST, "101"), (FIRST, "199"), ("second", "101")] {
        let start = StartFields {
            call_id: Some(call_id),
            number: Some(number),
            ..StartFields::default()
        };
        server.engine.start(None, &start).unwrap();
    }
    operate_ok(&server, "user2", SECOND, "StartCallRecording");
    let [own, other] = devices(&server, "user1").try_into().unwrap();
    assert_ok(&stop(&server, "user1", &own));
    let state = |user: &str, call: &str| resource(&server, user, call)["recordingState"].clone();
    assert_eq!(state("user1", "second"), "Stopped");
    assert_eq!(
        state("user1", FIRST),
        "Recording",
        "its other end is still recorded"
    );
    assert_eq!(state("user2", SECOND), "Recording");
    let can_stop: Vec<_> = devices(&server, "user1")
        .iter()
        .map(|device| device["capabilities"].as_array().unwrap().len())
        .collect();
    assert_eq!(can_stop, [0, 1]);
    assert_ok(&stop(&server, "user1", &other));
    assert_eq!(state("user1", FIRST), "Stopped");
}

#[test]
fn a_stop_on_a_device_stops_an_automatic_recording() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    server.engine.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    client.notifications(1);
    let device = devices(&server, "user1").remove(0);
    assert_ok(&stop(&server, "user1", &device));
    let notification = client.notifications(1).remove(0);
    assert_eq!(notification["data"]["call"]["recordingState"], "Stopped");
}

#[test]
fn other_operations_on_a_device_are_refused() {
    let server = TestServer::open(&[]);
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let device = devices(&server, "user1").remove(0);
    let path = format!("/me/devices/{}", device["id"].as_str().unwrap());
    // Genesys documents these for the call only.
    for operation in ["StartCallRecording", "PauseCallRecording", "ResumeCallRecording"] {
        assert_eq!(
            refusal(&post(&server, "user1", &path, operation)),
            (403, 3),
            "{operation}"
        );
    }
    assert_eq!(refusal(&post(&server, "user1", &path, "Nothing")), (400, 10));
    assert_eq!(refusal(&stop(&server, "user2", &device)), (404, 6));
    assert_eq!(resource(&server, "user1", FIRST)["recordingState"], "Recording");
}
