//! Genesys' device resource, and the stop of a recording on its device.

use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, done, get, refusal, resource};
use crate::server::{ClientResponse, FIRST, SECOND, TestServer, basic};
use crate::support::{CallFields, StartFields, end};

fn devices(server: &TestServer, user: &str) -> Vec<Value> {
    let reply = get(server, user, "/me/devices").json();
    assert_eq!(reply["statusCode"], 0);
    let devices = reply["devices"].as_array().unwrap().clone();
    let uris: Vec<_> = devices.iter().map(|device| device["uri"].clone()).collect();
    assert_eq!(reply["uris"], json!(uris));
    devices
}

/// `POST` with an operation, to this path below the API's.
fn post(server: &TestServer, user: &str, path: &str, operation: &str) -> ClientResponse {
    let body = json!({ "operationName": operation }).to_string();
    let authorization = basic(user, "secret");
    let headers = [("authorization", authorization.as_str())];
    server.send("POST", &format!("/api/v2{path}"), &headers, &body)
}

fn stop(server: &TestServer, user: &str, device: &Value) -> ClientResponse {
    let path = format!("/me/devices/{}", device["id"].as_str().unwrap());
    post(server, user, &path, "StopCallRecording")
}

fn accepted(reply: &ClientResponse) {
    assert_eq!((reply.status, reply.text()), (200, r#"{"statusCode":0}"#));
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
    let mine = devices(&server, "user1");
    assert_eq!(mine.len(), 2, "one of two calls, and one more: {mine:#?}");
    let uri = resource(&server, "user1", FIRST)["deviceUri"].clone();
    let id = mine[0]["id"].as_str().unwrap();
    assert_eq!(
        mine[0],
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
    assert_eq!(mine[1]["e164Number"], "+4989123");
    let all = get(&server, "user1", "/me/devices?fields=*").json();
    assert_eq!(all, json!({ "statusCode": 0, "devices": mine }));
    // By the path of one's own, by the URI in the call, and however a UUID is written.
    let spelled = id.to_uppercase();
    for path in [format!("/me/devices/{id}"), format!("/devices/{spelled}")] {
        let one = get(&server, "user1", &path).json();
        assert_eq!(one, json!({ "statusCode": 0, "device": mine[0] }));
        assert_eq!(refusal(&get(&server, "user2", &path)), (404, 6));
    }
    for call in [server.calls[0], more, other] {
        end(call).unwrap();
    }
    assert!(devices(&server, "user1").is_empty());
}

#[test]
fn a_stop_on_the_device_is_told_as_one_of_the_call() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    done(&server, "user1", FIRST, "StartCallRecording");
    let device = devices(&server, "user1").remove(0);
    assert_eq!(device["capabilities"], json!(["StopCallRecording"]));
    accepted(&stop(&server, "user1", &device));
    let told = client.notifications(2);
    let call = &told[1]["data"]["call"];
    assert_eq!(
        (&call["id"], &call["recordingState"]),
        (&json!(FIRST), &json!("Stopped"))
    );
    assert_eq!(call["deviceUri"], device["uri"]);
    assert_eq!(devices(&server, "user1")[0]["capabilities"], json!([]));
    // Nothing is recorded any more; also one that is paused can be stopped.
    assert_eq!(refusal(&stop(&server, "user1", &device)), (409, 2));
    done(&server, "user1", FIRST, "StartCallRecording");
    done(&server, "user1", FIRST, "PauseCallRecording");
    let uri = device["path"].as_str().unwrap();
    accepted(&post(&server, "user1", uri, "StopCallRecording"));
    assert_eq!(resource(&server, "user1", FIRST)["recordingState"], "Stopped");
}

#[test]
fn it_stops_all_on_the_device_and_nothing_beside_it() {
    let server = TestServer::open(&[]);
    // A second call on the device, and the other end of the first one.
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
    done(&server, "user2", SECOND, "StartCallRecording");
    let [mine, others] = devices(&server, "user1").try_into().unwrap();
    accepted(&stop(&server, "user1", &mine));
    let state = |user: &str, call: &str| resource(&server, user, call)["recordingState"].clone();
    assert_eq!(state("user1", "second"), "Stopped");
    assert_eq!(state("user1", FIRST), "Recording", "its other end is");
    assert_eq!(state("user2", SECOND), "Recording");
    let can_stop: Vec<_> = devices(&server, "user1")
        .iter()
        .map(|device| device["capabilities"].as_array().unwrap().len())
        .collect();
    assert_eq!(can_stop, [0, 1]);
    accepted(&stop(&server, "user1", &others));
    assert_eq!(state("user1", FIRST), "Stopped");
}

#[test]
fn what_a_mark_has_begun_is_stopped_as_well() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    server
        .engine
        .line(None, Some("101"), callrec::capi::REC_LINE_AUTOMATIC)
        .unwrap();
    client.notifications(1);
    let device = devices(&server, "user1").remove(0);
    accepted(&stop(&server, "user1", &device));
    let told = client.notifications(1).remove(0);
    assert_eq!(told["data"]["call"]["recordingState"], "Stopped");
}

#[test]
fn what_a_device_cannot_do() {
    let server = TestServer::open(&[]);
    done(&server, "user1", FIRST, "StartCallRecording");
    let device = devices(&server, "user1").remove(0);
    let path = format!("/me/devices/{}", device["id"].as_str().unwrap());
    // Published for the call alone.
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
