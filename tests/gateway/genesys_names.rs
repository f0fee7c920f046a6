//! The names that Genesys' older documentation has: a call by its connId, and the topic of
//! the calls.

use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, CALLS, done, get, operate, refusal, resource};
use crate::server::{FIRST, TestServer};
use crate::support::CallFields;

/// Of the published samples.
const CONN_ID: &str = "007102719818001f";
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

fn recorded(server: &TestServer, call_id: &str) -> Value {
    resource(server, "user1", call_id)["recordingState"].clone()
}

#[test]
fn a_call_is_found_by_its_conn_id_too() {
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
        done(&server, "user1", CONN_ID, &format!("{operation}CallRecording"));
        assert_eq!(recorded(&server, "call"), state);
        let told = client.notifications(1).remove(0);
        // Whatever the client has called it.
        assert_eq!(told["data"]["call"]["id"], "call");
        assert_eq!(told["data"]["call"]["recordingState"], state);
    }
    let listed = get(&server, "user1", "/me/calls?fields=*").json();
    let listed = listed["calls"].as_array().unwrap();
    assert!(listed.iter().any(|call| call["connId"] == CONN_ID));
    // Nobody else's, and byte for byte.
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
fn a_call_id_goes_before_a_conn_id() {
    let server = TestServer::open(&[]);
    // One call's id is another one's connId, and the other way round.
    begin(&server, "a", "b", "104");
    begin(&server, "b", "a", "105");
    done(&server, "user1", "a", "StartCallRecording");
    assert_eq!(recorded(&server, "a"), "Recording");
    assert_eq!(recorded(&server, "b"), "Stopped");
    // Another user's call of that id is in nobody's way.
    let theirs = CallFields {
        call_id: Some("c"),
        user: Some("user2"),
        number: Some("106"),
        ..CallFields::default()
    };
    server.engine.begin(&theirs).unwrap();
    begin(&server, "d", "c", "107");
    assert_eq!(resource(&server, "user1", "c")["id"], "d");
}

#[test]
fn of_several_calls_of_a_conn_id_the_first_one_is_meant_with_both_its_ends() {
    let server = TestServer::open(&[]);
    begin(&server, "first", CONN_ID, "104");
    begin(&server, "second", CONN_ID, "105");
    // The other end of an internal call, of which the switch has told another connId.
    begin(&server, "first", "other", "106");
    done(&server, "user1", CONN_ID, "StartCallRecording");
    assert_eq!(recorded(&server, "first"), "Recording");
    assert_eq!(recorded(&server, "second"), "Stopped");
    done(&server, "user1", "other", "StopCallRecording");
    assert_eq!(recorded(&server, "first"), "Stopped");
    assert_eq!(
        refusal(&operate(&server, "user1", CONN_ID, "StopCallRecording")),
        (409, 2)
    );
}

#[test]
fn the_older_topic_brings_the_same() {
    let server = TestServer::open(&[]);
    let newer = BayeuxClient::subscribed(&server, "user1");
    let older = BayeuxClient::new(&server, "user1");
    assert_eq!(older.subscribe(&json!(OLDER))["successful"], true);
    let both = BayeuxClient::subscribed(&server, "user1");
    assert_eq!(both.subscribe(&json!(OLDER))["successful"], true);
    let any = BayeuxClient::new(&server, "user1");
    assert_eq!(any.subscribe(&json!("/**"))["successful"], true);
    done(&server, "user1", FIRST, "StartCallRecording");
    let [mut newer, mut older, any] = [&newer, &older, &any].map(|one| one.notifications(1).remove(0));
    assert_eq!(
        (&newer["channel"], &older["channel"]),
        (&json!(CALLS), &json!(OLDER))
    );
    assert_eq!(any["channel"], CALLS);
    newer["channel"].take();
    older["channel"].take();
    assert_eq!(newer, older);
    let told = both.notifications(2);
    let channels: Vec<_> = told.iter().map(|one| one["channel"].as_str().unwrap()).collect();
    assert_eq!(channels, [CALLS, OLDER], "once for each subscription");
}

#[test]
fn who_ends_the_subscription_to_the_older_topic_keeps_the_newer_one() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    assert_eq!(client.subscribe(&json!(OLDER))["successful"], true);
    let end = json!({ "channel": "/meta/unsubscribe", "subscription": OLDER });
    assert_eq!(client.send(end)[0]["successful"], true);
    done(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(client.notifications(1)[0]["channel"], CALLS);
}
