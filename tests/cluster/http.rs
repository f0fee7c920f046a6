//! The HTTP APIs over the cluster: what another process records is listed, controlled, and
//! answered with the published 504 when that process does not respond.

use callrec_testkit::directory::ScratchDir;
use callrec_testkit::redis_server::{RedisServer, has_redis};
use callrec_testkit::wait::until;
use serde_json::Value;

use crate::nodes::{RemoteNode, settings};
use crate::server::{ClientResponse, FIRST, TestServer, basic};
use crate::support::{CallFields, end};

const IMAGICLE: &str = "/fw/Apps/Recorder/WebAPI/LiveRecordings";

fn send_as(server: &TestServer, method: &str, path: &str, user: &str, body: &str) -> ClientResponse {
    let login = basic(user, "secret");
    let headers = [
        ("authorization", login.as_str()),
        ("content-type", "application/json"),
    ];
    server.send(method, path, &headers, body)
}

/// What a node with a short timeout responds while the node with the recording stands still.
fn check_timeouts(url: &str, recording: &str) {
    let mut keys = settings(url, "n2").to_vec();
    keys.retain(|(key, _)| *key != "cluster.timeout_ms");
    keys.push(("cluster.timeout_ms", "700"));
    let server = TestServer::open(&keys);
    until("the connection", || server.engine.stats().cluster_connected == 1);
    let status = |method: &str, path: &str| send_as(&server, method, path, "admin", "").status;
    assert_eq!(status("DELETE", recording), 504);
    assert_eq!(status("DELETE", &format!("{IMAGICLE}?deviceName=SEP7")), 504);
    assert_eq!(status("PUT", &format!("{recording}/Pause")), 504);
    let by_number = format!("{IMAGICLE}/Pause?directoryNumber=707");
    assert_eq!(status("PUT", &by_number), 504);
}

#[test]
fn every_api_reaches_the_recordings_of_other_nodes() {
    if !has_redis() {
        return;
    }
    let redis = RedisServer::start(&[]);
    let server = TestServer::open(&settings(&redis.url(), "n0"));
    let directory = ScratchDir::new();
    let remote = RemoteNode::start(&redis.url(), &directory);
    let send = |method: &str, path: &str, user: &str, body: &str| send_as(&server, method, path, user, body);
    let listed = || {
        let response = send("GET", IMAGICLE, "admin", "");
        match response.status {
            200 => response.json().as_array().map_or(0, Vec::len),
            _ => 0,
        }
    };
    until("Imagicle's list", || listed() == 3);
    let by_device = send("GET", &format!("{IMAGICLE}?deviceName=SEP7"), "admin", "");
    assert_eq!(by_device.json().as_array().map(Vec::len), Some(3));
    let one = format!("{IMAGICLE}/{}", remote.ids[0]);
    assert_eq!(
        send("DELETE", &one, "user1", "").status,
        403,
        "the rights are those of one node"
    );
    assert_eq!(send("PUT", &format!("{one}/Pause"), "admin", "").status, 204);
    assert_eq!(send("PUT", &format!("{one}/Pause"), "admin", "").status, 429);
    assert_eq!(send("DELETE", &one, "admin", "").status, 204);
    assert_eq!(send("DELETE", &one, "admin", "").status, 409);

    // Genesys: the user's calls, and an operation on one of them.
    let calls = || {
        let response = send("GET", "/api/v2/me/calls", "user1", "").json();
        let calls = response["calls"].as_array().cloned().unwrap_or_default();
        calls
            .iter()
            .any(|call| call["callUuid"] == "remote-2" || call["id"] == "remote-2")
    };
    until("the call of Genesys' user", calls);
    let body = r#"{"operationName":"PauseCallRecording"}"#;
    let paused: Value = send("POST", "/api/v2/me/calls/remote-2", "user1", body).json();
    assert_eq!(paused["statusCode"], 0, "{paused}");

    // Vobiz: all recordings of a call.
    let vobiz = "/api/v1/Account/MA_DEMO/Call/remote-2/Record/";
    let token = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    assert_eq!(server.send("DELETE", vobiz, &token, "").status, 204);
    until("the last recording", || listed() == 1);

    let last = format!("{IMAGICLE}/{}", remote.ids[2]);
    remote.pause();
    check_timeouts(&redis.url(), &last);
    remote.go_on();
    assert_eq!(send("DELETE", &last, "admin", "").status, 204);

    drop(remote);
    // The name is free once its lease is over, so the next node has another process but the same
    // directory.
    let remote = RemoteNode::start(&redis.url(), &directory);
    until("the new recordings", || listed() == 3);
    let gone = format!("{IMAGICLE}/{}", remote.ids[0]);
    remote.process.kill();
    assert_eq!(send("DELETE", &gone, "admin", "").status, 504, "nobody is there");
    let resume = format!("{gone}/Resume");
    assert_eq!(send("PUT", &resume, "admin", "").status, 504);
}

/// The status of Imagicle's start on the caller's own line, and its reason.
fn start_own(server: &TestServer, user: &str) -> (u16, String) {
    let login = basic(user, "secret");
    let response = server.send("POST", IMAGICLE, &[("authorization", login.as_str())], "");
    let reason = match response.status {
        400 => response.json()["reason"].to_string(),
        _ => String::new(),
    };
    (response.status, reason)
}

#[test]
fn calls_of_this_node_are_controlled_without_redis() {
    if !has_redis() {
        return;
    }
    let mut redis = RedisServer::start(&[]);
    let server = TestServer::open(&settings(&redis.url(), "n0"));
    until("the connection", || server.engine.stats().cluster_connected == 1);
    redis.kill();
    until("the loss", || server.engine.stats().cluster_connected == 0);
    assert_eq!(start_own(&server, "user2").0, 201);
    let login = basic("user1", "secret");
    let headers = [
        ("authorization", login.as_str()),
        ("content-type", "application/json"),
    ];
    for operation in ["Start", "Pause", "Resume", "Stop"] {
        let body = format!("{{\"operationName\":\"{operation}CallRecording\"}}");
        let path = format!("/api/v2/me/calls/{FIRST}");
        let response = server.send("POST", &path, &headers, &body).json();
        assert_eq!(response["statusCode"], 0, "{operation}: {response}");
    }
    for path in ["/api/v2/me/calls", "/api/v2/me/devices"] {
        let response = server.send("GET", path, &headers, "").json();
        assert_eq!(response["statusCode"], 0, "{path}: {response}");
    }
    // What the node does not have, another may have.
    let body = r#"{"operationName":"StopCallRecording"}"#;
    let elsewhere = server.send("POST", "/api/v2/me/calls/remote-1", &headers, body);
    assert_ne!(elsewhere.json()["statusCode"], 0);
    assert_ne!(elsewhere.status, 404);
}

#[test]
fn redis_that_stands_still_delays_no_start() {
    if !has_redis() {
        return;
    }
    let redis = RedisServer::start(&[]);
    let url = redis.url();
    let mut keys = settings(&url, "n0").to_vec();
    // Longer than a test waits for a response.
    keys.retain(|(key, _)| *key != "cluster.timeout_ms");
    keys.push(("cluster.timeout_ms", "60000"));
    let server = TestServer::open(&keys);
    until("the connection", || server.engine.stats().cluster_connected == 1);
    redis.signal("STOP");
    assert_eq!(start_own(&server, "user2").0, 201);
    redis.signal("CONT");
}

#[test]
fn a_line_of_another_node_is_no_line_for_a_start() {
    if !has_redis() {
        return;
    }
    let redis = RedisServer::start(&[]);
    let server = TestServer::open(&settings(&redis.url(), "n0"));
    let directory = ScratchDir::new();
    let _remote = RemoteNode::start(&redis.url(), &directory);
    // The user's only call on this node is on a line without a number.
    end(server.calls[0]).unwrap();
    let call = CallFields {
        call_id: Some("no-number"),
        device: Some("SEP1"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    let login = basic("user1", "secret");
    until("the other node's calls", || {
        let response = server.send(
            "GET",
            "/api/v2/me/calls",
            &[("authorization", login.as_str())],
            "",
        );
        response.json()["calls"]
            .as_array()
            .is_some_and(|calls| calls.len() == 4)
    });
    let (status, reason) = start_own(&server, "user1");
    assert_eq!((status, reason.as_str()), (400, "3"));
}
