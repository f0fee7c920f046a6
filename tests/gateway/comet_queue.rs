//! CometD: what waits for a client, how much of it, and when it is sent again.

use std::io::Write;

use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, CALLS, COMETD, done, handshake_message, post};
use crate::comet::{assert_unknown, message, sessions};
use crate::server::{FIRST, TestServer, basic};
use crate::support::CallFields;

#[test]
fn one_session_too_many_is_refused() {
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
fn one_message_too_many_and_the_client_must_begin_anew() {
    let server = TestServer::open(&[("cometd.max_queue", "10")]);
    let (lazy, diligent) = (
        BayeuxClient::subscribed(&server, "user1"),
        BayeuxClient::subscribed(&server, "user1"),
    );
    for _ in 0..6 {
        done(&server, "user1", FIRST, "StartCallRecording");
        done(&server, "user1", FIRST, "StopCallRecording");
        diligent.notifications(2);
    }
    assert_unknown(&lazy.connect(Some(0))[0]);
    assert_eq!(sessions(&server), 1);
}

#[test]
fn one_users_sessions_are_no_others_loss() {
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
fn more_bytes_than_may_wait_and_the_client_must_begin_anew() {
    let server = TestServer::open(&[("cometd.max_queue_bytes", "65536")]);
    let long = json!({ "note": "x".repeat(40_000) }).to_string();
    let described = CallFields {
        attributes: Some(&long),
        ..CallFields::default()
    };
    described.update(server.calls[0]).unwrap();
    let lazy = BayeuxClient::subscribed(&server, "user1");
    let diligent = BayeuxClient::subscribed(&server, "user1");
    for operation in ["StartCallRecording", "StopCallRecording"] {
        done(&server, "user1", FIRST, operation);
        diligent.notifications(1);
    }
    assert_unknown(&lazy.connect(Some(0))[0]);
    assert_eq!(sessions(&server), 1);
}

#[test]
fn one_connect_in_a_request_is_answered() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::acknowledging(&server, "user1");
    client.subscribe(&json!(CALLS));
    done(&server, "user1", FIRST, "StartCallRecording");
    assert_eq!(client.connect(None).len(), 2);
    let mut connect = message(&client, "/meta/connect")[0].clone();
    connect["ext"] = json!({ "ack": 0 });
    let reply = post(&server, "user1", &json!(vec![connect; 256])).json();
    let reply = reply.as_array().unwrap();
    let told = reply.iter().filter(|one| one["channel"] == CALLS).count();
    let refused = reply.iter().filter(|one| one["successful"] == false);
    assert_eq!((reply.len(), told), (257, 1));
    for one in refused.clone() {
        assert_eq!(one["error"], "400::One connect in a request");
    }
    assert_eq!(refused.count(), 255);
}

#[test]
fn acknowledgement_is_answered_in_the_form_it_was_asked_in() {
    let server = TestServer::open(&[]);
    for (asked, answered) in [
        (json!(true), json!({ "ack": true })),
        (
            json!({ "enabled": true }),
            json!({ "ack": { "enabled": true, "batch": 0 } }),
        ),
        (json!(false), Value::Null),
        (json!({ "enabled": false }), Value::Null),
    ] {
        let mut shake = handshake_message();
        shake[0]["ext"] = json!({ "ack": asked });
        let reply = post(&server, "user1", &shake).json();
        assert_eq!(reply[0]["ext"], answered, "{asked}");
    }
}

/// As clients do that ask for acknowledgement but do not know the answer's form.
#[test]
fn who_never_acknowledges_is_told_each_change_once() {
    let server = TestServer::open(&[]);
    let mut client = BayeuxClient::acknowledging(&server, "user1");
    client.batch = None;
    client.subscribe(&json!(CALLS));
    for (operation, state) in [
        ("StartCallRecording", "Recording"),
        ("PauseCallRecording", "Paused"),
        ("StopCallRecording", "Stopped"),
    ] {
        done(&server, "user1", FIRST, operation);
        let told = client.notifications(1);
        assert_eq!(told[0]["data"]["call"]["recordingState"], state);
    }
    assert!(client.poll(Some(0)).is_empty());
}

#[test]
fn a_batch_before_the_first_acknowledges_nothing() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::acknowledging(&server, "user1");
    client.subscribe(&json!(CALLS));
    done(&server, "user1", FIRST, "StartCallRecording");
    let connect = json!({ "channel": "/meta/connect", "ext": { "ack": -1 } });
    for _ in 0..2 {
        // Lost on its way the first time.
        let told = client.send(connect.clone());
        assert_eq!(told[0]["channel"], CALLS, "{told}");
    }
}

#[test]
fn messages_may_come_as_a_form() {
    let server = TestServer::open(&[]);
    let user = basic("user1", "secret");
    let form = |body: &str| {
        let kind = "application/x-www-form-urlencoded; charset=UTF-8";
        let headers = [("authorization", user.as_str()), ("content-type", kind)];
        server.send("POST", COMETD, &headers, body)
    };
    let coded = |messages: &Value| -> String {
        form_urlencoded::byte_serialize(messages.to_string().as_bytes()).collect()
    };
    let shaken = form(&format!("message={}", coded(&handshake_message()))).json();
    let id = &shaken[0]["clientId"];
    assert!(id.is_string(), "{shaken}");
    let subscribe = json!({ "channel": "/meta/subscribe", "clientId": id, "subscription": CALLS });
    let connect = json!([{ "channel": "/meta/connect", "clientId": id }]);
    // One, and an array.
    let both = format!("message={}&x=y&message={}", coded(&subscribe), coded(&connect));
    let reply = form(&both).json();
    assert_eq!(reply.as_array().unwrap().len(), 2, "{reply}");
    assert!(reply[0]["successful"] == true && reply[1]["successful"] == true);
    // JSON that is only labelled so, as curl does.
    assert_eq!(form(&subscribe.to_string()).json()[0]["successful"], true);
    let many = coded(&json!(vec![json!({}); 200]));
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

/// Sends a connect and goes away without reading the answer.
fn vanish(server: &TestServer, client: &BayeuxClient) {
    let body = json!([{
        "channel": "/meta/connect",
        "clientId": client.id,
        "ext": { "ack": client.batch },
    }])
    .to_string();
    let mut stream = server.connect();
    write!(
        stream,
        "POST {COMETD} HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
        basic("user1", "secret"),
        body.len()
    )
    .unwrap();
    // The answer is on its way into a connection that nobody reads.
    let mut first = [0];
    std::io::Read::read_exact(&mut stream, &mut first).unwrap();
}

#[test]
fn what_an_acknowledging_client_did_not_get_is_sent_again() {
    let server = TestServer::open(&[]);
    let mut client = BayeuxClient::acknowledging(&server, "user1");
    client.subscribe(&json!(CALLS));
    done(&server, "user1", FIRST, "StartCallRecording");
    vanish(&server, &client);
    done(&server, "user1", FIRST, "StopCallRecording");
    let mut got = Vec::new();
    while got.len() < 2 {
        let mut messages = client.connect(None);
        let reply = messages.pop().unwrap();
        client.batch = reply["ext"]["ack"].as_u64();
        got.extend(messages);
    }
    let states: Vec<_> = got
        .iter()
        .map(|one| one["data"]["call"]["recordingState"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["Recording", "Stopped"]);
    assert_eq!(client.connect(Some(0)).len(), 1, "acknowledged by now");
}

#[test]
fn a_connect_that_nobody_waits_for_any_more_takes_nothing_with_it() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let body = message(&client, "/meta/connect").to_string();
    let mut dead = server.connect();
    write!(
        dead,
        "POST {COMETD} HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
        basic("user1", "secret"),
        body.len()
    )
    .unwrap();
    drop(dead);
    // The client comes back, and only then there is something to say.
    let told = std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        let next = scope.spawn(|| client.connect(None));
        while !poll.is_finished() && !next.is_finished() {
            std::thread::yield_now();
        }
        done(&server, "user1", FIRST, "StartCallRecording");
        poll.join().unwrap().len() + next.join().unwrap().len()
    });
    assert_eq!(told, 3);
}
