//! Names from Genesys' older documentation: a call's connId, and the former topic of the calls.

use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, CALLS, get, operate, operate_ok, refusal, resource};
use crate::server::{FIRST, TestServer};
use crate::support::CallFields;

/// The connId of the published samples.
const CONN_ID: &str = "007102719818001f";
/// The topic in the older documentation.
const OLDER: &str = "/notifications/me/calls";

/// A call of user1 with this connId.
fn begin(server: &TestServer, call_id: &str, conn_id: &str, number: &str) {
    let call = CallFields {
        call_id: Some(call_id),
        switch_call_id: Some(conn_id),
        number: Some(number),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
}

fn recording_state(server: &TestServer, call_id: &str) -> Value {
    resource(server, "user1", call_id)["recordingState"].clone()
}

#[test]
fn a_call_is_found_by_its_conn_id() {
    let server = TestServer::open(&[]);
    begin(&server, "call", CONN_ID, "104");
    let shown = resource(&server, "user1", CONN_ID);
    assert_eq!(
        (&shown["id"], &shown["connId"]),
        (&json!("call"), &json!(CONN_ID))
    );
    assert_eq!(shown["uri"], resource(&server, "user1", "call")["uri"]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let expected = ["Recording", "Paused", "Recording", "Stopped"];
    for (operation, state) in ["Start", "Pause", "Resume", "Stop"].into_iter().zip(expected) {
        operate_ok(&server, "user1", CONN_ID, &format!("{operation}CallRecording"));
        assert_eq!(recording_state(&server, "call"), state);
        let notification = client.notifications(1).remove(0);
        // The notification has the call's id even if the request had its connId.
        assert_eq!(notification["data"]["call"]["id"], "call");
        assert_eq!(notification["data"]["call"]["recordingState"], state);
    }
    let listed = get(&server, "user1", "/me/calls?fields=*").json();
    let listed = listed["calls"].as_array().unwrap();
    assert!(listed.iter().any(|call| call["connId"] == CONN_ID));
    // Another user does not find it, and a connId is case-sensitive.
    assert_eq!(
        refusal(&get(&server, "user2", &format!("/me/calls/{CONN_ID}"))),
        (404, 6)
    );
    let other = CONN_ID.to_uppercase();
    assert_eq!(
        refusal(&get(&server, "user1", &format!("/me/calls/{other}"))),
        (404, 6)
    );
}

#[test]
fn a_call_id_takes_precedence_over_a_conn_id() {
    let server = TestServer::open(&[]);
    // The id of each call is the connId of the other.
    begin(&server, "a", "b", "104");
    begin(&server, "b", "a", "105");
    operate_ok(&server, "user1", "a", "StartCallRecording");
    assert_eq!(recording_state(&server, "a"), "Recording");
    assert_eq!(recording_state(&server, "b"), "Stopped");
    // The id of another user's call does not count.
    let other = CallFields {
        call_id: Some("c"),
        user: Some("user2"),
        number: Some("106"),
        ..CallFields::default()
    };
    server.engine.begin(&other).unwrap();
    begin(&server, "d", "c", "107");
    assert_eq!(resource(&server, "user1", "c")["id"], "d");
}

#[test]
fn a_shared_conn_id_names_both_ends_of_the_oldest_call() {
    let server = TestServer::open(&[]);
    begin(&server, "first", CONN_ID, "104");
    begin(&server, "second", CONN_ID, "105");
    // The other end of an internal call may have another connId.
    begin(&server, "first", "other", "106");
    operate_ok(&server, "user1", CONN_ID, "StartCallRecording");
    assert_eq!(recording_state(&server, "first"), "Recording");
    assert_eq!(recording_state(&server, "second"), "Stopped");
    operate_ok(&server, "user1", "other", "StopCallRecording");
    assert_eq!(recording_state(&server, "first"), "Stopped");
    assert_eq!(
        refusal(&operate(&server, "user1", CONN_ID, "StopCallRecording")),
        (409, 2)
    );
}

#[test]
fn the_older_topic_has_the_same_notifications() {
    let server = TestServer::open(&[]);
    let newer = BayeuxClient::subscribed(&server, "user1");
    let older = BayeuxClient::new(&server, "user1");
    assert_eq!(older.subscribe(&json!(OLDER))["successful"], true);
    let both = BayeuxClient::subscribed(&server, "user1");
    assert_eq!(both.subscribe(&json!(OLDER))["successful"], true);
    let wildcard = BayeuxClient::new(&server, "user1");
    assert_eq!(wildcard.subscribe(&json!("/**"))["successful"], true);
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let [mut newer, mut older, wildcard] =
        [&newer, &older, &wildcard].map(|client| client.notifications(1).remove(0));
    assert_eq!(
        (&newer["channel"], &older["channel"]),
        (&json!(CALLS), &json!(OLDER))
    );
    assert_eq!(wildcard["channel"], CALLS);
    newer["channel"].take();
    older["channel"].take();
    assert_eq!(newer, older);
    let notifications = both.notifications(2);
    let channels: Vec<_> = notifications
        .iter()
        .map(|notification| notification["channel"].as_str().unwrap())
        .collect();
    assert_eq!(channels, [CALLS, OLDER], "one notification for each subscription");
}

#[test]
fn ending_the_older_subscription_keeps_the_newer_one() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    assert_eq!(client.subscribe(&json!(OLDER))["successful"], true);
    let end = json!({ "channel": "/meta/unsubscribe", "subscription": OLDER });
    assert_eq!(client.send(end)[0]["successful"], true);
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(client.notifications(1)[0]["channel"], CALLS);
}
