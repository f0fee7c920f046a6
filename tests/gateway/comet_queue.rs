//! CometD: the queues of sessions, their limits, and messages that are sent again.

use std::io::Read;

use callrec_testkit::wait::until;
use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, CALLS, COMETD, handshake_message, operate_ok, post};
use crate::comet::{assert_unknown, message, sessions};
use crate::server::{FIRST, TestServer, basic};
use crate::support::CallFields;

#[test]
fn a_session_beyond_the_limit_is_refused() {
    let server = TestServer::open(&[("cometd.max_sessions", "2"), ("cometd.session_ms", "600000")]);
    let first = BayeuxClient::new(&server, "user1");
    let _second = BayeuxClient::new(&server, "user1");
    let reply = post(&server, "user2", &handshake_message()).json();
    assert_eq!(reply[0]["error"], "503::Too many sessions");
    assert_eq!(reply[0]["advice"]["reconnect"], "handshake");
    first.send(json!({ "channel": "/meta/disconnect" }));
    BayeuxClient::new(&server, "user2");
}

#[test]
fn a_session_with_too_many_queued_messages_is_closed() {
    let server = TestServer::open(&[("cometd.max_queue", "10")]);
    let (idle, polling) = (
        BayeuxClient::subscribed(&server, "user1"),
        BayeuxClient::subscribed(&server, "user1"),
    );
    for _ in 0..6 {
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        operate_ok(&server, "user1", FIRST, "StopCallRecording");
        polling.notifications(2);
    }
    assert_unknown(&idle.connect(Some(0))[0]);
    assert_eq!(sessions(&server), 1);
}

#[test]
fn a_user_with_too_many_sessions_loses_their_own_oldest_one() {
    let server = TestServer::open(&[
        ("cometd.max_sessions", "3"),
        ("cometd.max_sessions_per_user", "2"),
        ("cometd.session_ms", "600000"),
    ]);
    let first = BayeuxClient::subscribed(&server, "user1");
    let second = BayeuxClient::subscribed(&server, "user1");
    second.poll(Some(0));
    let third = BayeuxClient::subscribed(&server, "user1");
    assert_unknown(&first.connect(Some(0))[0]);
    let other = BayeuxClient::subscribed(&server, "user2");
    for client in [second, third, other] {
        client.poll(Some(0));
    }
}

#[test]
fn a_session_with_too_many_queued_bytes_is_closed() {
    let server = TestServer::open(&[("cometd.max_queue_bytes", "65536")]);
    let long = json!({ "note": "x".repeat(40_000) }).to_string();
    let described = CallFields {
        attributes: Some(&long),
        ..CallFields::default()
    };
    described.update(server.calls[0]).unwrap();
    let idle = BayeuxClient::subscribed(&server, "user1");
    let polling = BayeuxClient::subscribed(&server, "user1");
    for operation in ["StartCallRecording", "StopCallRecording"] {
        operate_ok(&server, "user1", FIRST, operation);
        polling.notifications(1);
    }
    assert_unknown(&idle.connect(Some(0))[0]);
    assert_eq!(sessions(&server), 1);
}

#[test]
fn only_one_connect_of_a_request_is_accepted() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::acknowledging(&server, "user1");
    client.subscribe(&json!(CALLS));
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(client.connect(None).len(), 2);
    let mut connect = message(&client, "/meta/connect")[0].clone();
    connect["ext"] = json!({ "ack": 0 });
    let reply = post(&server, "user1", &json!(vec![connect; 256])).json();
    let reply = reply.as_array().unwrap();
    let notifications = reply.iter().filter(|message| message["channel"] == CALLS);
    let refused = reply.iter().filter(|message| message["successful"] == false);
    assert_eq!((reply.len(), notifications.count()), (257, 1));
    for message in refused.clone() {
        assert_eq!(message["error"], "400::One connect in a request");
    }
    assert_eq!(refused.count(), 255);
}

#[test]
fn acknowledgement_is_confirmed_in_the_form_of_the_request() {
    let server = TestServer::open(&[]);
    for (requested, confirmed) in [
        (json!(true), json!({ "ack": true })),
        (
            json!({ "enabled": true }),
            json!({ "ack": { "enabled": true, "batch": 0 } }),
        ),
        (json!(false), Value::Null),
        (json!({ "enabled": false }), Value::Null),
    ] {
        let mut handshake = handshake_message();
        handshake[0]["ext"] = json!({ "ack": requested });
        let reply = post(&server, "user1", &handshake).json();
        assert_eq!(reply[0]["ext"], confirmed, "{requested}");
    }
}

/// Some clients request acknowledgement but do not understand the form of the confirmation.
#[test]
fn a_client_that_never_acknowledges_receives_each_change_once() {
    let server = TestServer::open(&[]);
    let mut client = BayeuxClient::acknowledging(&server, "user1");
    client.batch = None;
    client.subscribe(&json!(CALLS));
    for (operation, state) in [
        ("StartCallRecording", "Recording"),
        ("PauseCallRecording", "Paused"),
        ("StopCallRecording", "Stopped"),
    ] {
        operate_ok(&server, "user1", FIRST, operation);
        let notifications = client.notifications(1);
        assert_eq!(notifications[0]["data"]["call"]["recordingState"], state);
    }
    assert!(client.poll(Some(0)).is_empty());
}

#[test]
fn a_negative_batch_acknowledges_nothing() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::acknowledging(&server, "user1");
    client.subscribe(&json!(CALLS));
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    let connect = json!({ "channel": "/meta/connect", "ext": { "ack": -1 } });
    for _ in 0..2 {
        let messages = client.send(connect.clone());
        assert_eq!(messages[0]["channel"], CALLS, "{messages}");
    }
}

#[test]
fn messages_may_be_sent_as_a_form() {
    let server = TestServer::open(&[]);
    let user = basic("user1", "secret");
    let form = |body: &str| {
        let kind = "application/x-www-form-urlencoded; charset=UTF-8";
        let headers = [("authorization", user.as_str()), ("content-type", kind)];
        server.send("POST", COMETD, &headers, body)
    };
    let encoded = |messages: &Value| -> String {
        form_urlencoded::byte_serialize(messages.to_string().as_bytes()).collect()
    };
    let handshaken = form(&format!("message={}", encoded(&handshake_message()))).json();
    let id = &handshaken[0]["clientId"];
    assert!(id.is_string(), "{handshaken}");
    let subscribe = json!({ "channel": "/meta/subscribe", "clientId": id, "subscription": CALLS });
    let connect = json!([{ "channel": "/meta/connect", "clientId": id }]);
    // One message, and an array.
    let both = format!(
        "message={}&x=y&message={}",
        encoded(&subscribe),
        encoded(&connect)
    );
    let reply = form(&both).json();
    assert_eq!(reply.as_array().unwrap().len(), 2, "{reply}");
    assert!(reply[0]["successful"] == true && reply[1]["successful"] == true);
    // curl labels JSON as a form by default.
    assert_eq!(form(&subscribe.to_string()).json()[0]["successful"], true);
    let many = encoded(&json!(vec![json!({}); 200]));
    for wrong in [
        "x=y",
        "message=",
        "message=7",
        "message=%5B%5D",
        &format!("message={many}&message={many}"),
    ] {
        let reply = form(wrong);
        assert_eq!(reply.status, 400, "{wrong}");
        assert_eq!(reply.json()[0]["successful"], false);
    }
}

/// Sends a connect and disconnects within its response.
fn lose_response(client: &BayeuxClient) {
    let mut connect = message(client, "/meta/connect");
    connect[0]["ext"] = json!({ "ack": client.batch });
    let mut stream = client.post_raw(&connect);
    stream.read_exact(&mut [0]).unwrap();
}

#[test]
fn messages_that_a_client_has_not_acknowledged_are_sent_again() {
    let server = TestServer::open(&[]);
    let mut client = BayeuxClient::acknowledging(&server, "user1");
    client.subscribe(&json!(CALLS));
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    lose_response(&client);
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    let mut received = Vec::new();
    while received.len() < 2 {
        let mut messages = client.connect(None);
        let reply = messages.pop().unwrap();
        client.batch = reply["ext"]["ack"].as_u64();
        received.extend(messages);
    }
    let states: Vec<_> = received
        .iter()
        .map(|message| message["data"]["call"]["recordingState"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["Recording", "Stopped"]);
    assert_eq!(client.connect(Some(0)).len(), 1, "all messages are acknowledged");
}

#[test]
fn a_connect_of_a_closed_connection_loses_no_message() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    drop(client.post_raw(&message(&client, "/meta/connect")));
    // The recording starts after the client has polled again.
    let count = std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        let next = scope.spawn(|| client.connect(None));
        until("one connect is answered", || {
            poll.is_finished() || next.is_finished()
        });
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        poll.join().unwrap().len() + next.join().unwrap().len()
    });
    assert_eq!(count, 3, "two replies and one notification");
}
