//! CometD: the messages of a client, and their replies.

use std::time::{Duration, Instant};

use callrec_testkit::wait::until;
use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, CALLS, COMETD, cookie_of, handshake_message, operate_ok, post};
use crate::server::{ClientResponse, FIRST, SECOND, TestServer, basic};

/// A message of a client's session.
pub fn message(client: &BayeuxClient, channel: &str) -> Value {
    json!([{ "id": "9", "channel": channel, "clientId": client.id }])
}

/// The number of CometD sessions.
pub fn sessions(server: &TestServer) -> u64 {
    let metrics = server.send("GET", "/metrics", &[], "");
    let line = metrics
        .text()
        .lines()
        .find(|line| line.starts_with("callrec_cometd_sessions "));
    line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Checks that the session of a message is unknown.
pub fn assert_unknown(reply: &Value) {
    assert_eq!(reply["successful"], false, "{reply}");
    assert_eq!(reply["error"], "402::Unknown client");
    assert_eq!(reply["advice"]["reconnect"], "handshake");
}

#[test]
fn a_handshake_negotiates_long_polling_and_its_intervals() {
    let server = TestServer::open(&[("cometd.timeout_ms", "7000"), ("cometd.session_ms", "9000")]);
    let response = post(&server, "user1", &handshake_message());
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "application/json")
    );
    let body = response.json();
    let reply = &body[0];
    assert_eq!(body.as_array().unwrap().len(), 1);
    assert_eq!(reply["id"], "1");
    assert_eq!(reply["channel"], "/meta/handshake");
    assert_eq!(reply["successful"], true);
    assert_eq!(reply["version"], "1.0");
    assert_eq!(reply["minimumVersion"], "1.0");
    assert_eq!(reply["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!(
        reply["advice"],
        json!({ "reconnect": "retry", "interval": 0, "timeout": 7000, "maxInterval": 9000 })
    );
    assert_eq!(reply["clientId"].as_str().unwrap().len(), 32);
    assert!(reply.get("ext").is_none(), "acknowledgement was not requested");
    let cookie = response.header("set-cookie");
    assert!(
        cookie.starts_with("BAYEUX_BROWSER=") && cookie.contains("; HttpOnly"),
        "{cookie}"
    );
}

#[test]
fn a_single_message_needs_no_array_and_ids_keep_their_type() {
    let server = TestServer::open(&[]);
    let mut single = handshake_message()[0].clone();
    single["id"] = json!(17);
    let reply = post(&server, "user1", &single).json();
    assert_eq!(reply[0]["id"], 17);
    assert_eq!(reply[0]["successful"], true);
}

#[test]
fn a_refused_handshake_lists_the_supported_connection_types() {
    let server = TestServer::open(&[]);
    let mut message = handshake_message();
    message[0]["supportedConnectionTypes"] = json!(["websocket", "callback-polling"]);
    let reply = post(&server, "user1", &message).json();
    assert_eq!(reply[0]["successful"], false);
    assert_eq!(reply[0]["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!(reply[0]["advice"]["reconnect"], "none");
}

#[test]
fn a_handshake_with_other_messages_is_refused() {
    let server = TestServer::open(&[]);
    let mut messages = handshake_message();
    let twin = messages[0].clone();
    messages.as_array_mut().unwrap().push(twin);
    let reply = post(&server, "user1", &messages).json();
    assert_eq!(reply[0]["error"], "400::A handshake goes alone");
    assert_eq!(sessions(&server), 0);
}

#[test]
fn only_post_to_published_paths_is_served() {
    let server = TestServer::open(&[]);
    for method in ["GET", "PUT", "DELETE"] {
        let reply = server.send(method, COMETD, &[], "[]");
        assert_eq!((reply.status, reply.header("allow")), (405, "POST"), "{method}");
    }
    let user = basic("user1", "secret");
    let headers = [("authorization", user.as_str())];
    let handshake = handshake_message().to_string();
    for (below, status) in [
        ("/", 200),
        ("/handshake", 200),
        ("/nothing", 404),
        ("/connect/x", 404),
    ] {
        let reply = server.send("POST", &format!("{COMETD}{below}"), &headers, &handshake);
        assert_eq!(reply.status, status, "{below}");
    }
}

#[test]
fn a_body_with_an_invalid_message_is_refused_with_400() {
    let server = TestServer::open(&[]);
    let user = basic("user1", "secret");
    let headers = [("authorization", user.as_str())];
    let many = json!(vec![json!({}); 257]).to_string();
    let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
    for body in ["", "x", "[]", "7", "[7]", "[[]]", "null", &many, &deep] {
        let reply = server.send("POST", COMETD, &headers, body);
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()[0]["successful"], false);
    }
    assert_eq!(sessions(&server), 0);
}

#[test]
fn the_reply_to_an_invalid_message_names_the_error() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::new(&server, "user1");
    for (sent, error) in [
        (json!({ "id": 1 }), "400::Channel is missing"),
        (json!({ "channel": 7 }), "400::Channel is missing"),
        (json!({ "channel": "/meta/other" }), "404::Unknown channel"),
        (
            json!({ "channel": "/meta/subscribe" }),
            "400::Subscription is missing",
        ),
        (
            json!({ "channel": CALLS, "data": { "forged": true } }),
            "403::Publishing is not allowed",
        ),
        (
            json!({ "channel": "/service/x", "data": 1 }),
            "403::Publishing is not allowed",
        ),
    ] {
        let reply = client.send(sent)[0].clone();
        assert_eq!(
            (&reply["successful"], &reply["error"]),
            (&json!(false), &json!(error))
        );
    }
}

#[test]
fn a_connect_is_held_until_there_is_a_notification() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let messages = std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        poll.join().unwrap()
    });
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["channel"], CALLS);
    let last = &messages[1];
    assert_eq!(
        (
            &last["channel"],
            &last["id"],
            &last["clientId"],
            &last["successful"]
        ),
        (
            &json!("/meta/connect"),
            &json!("3"),
            &json!(client.id),
            &json!(true)
        )
    );
}

#[test]
fn a_connect_is_answered_after_the_clients_or_the_gateways_timeout() {
    let server = TestServer::open(&[("cometd.timeout_ms", "300")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let started = Instant::now();
    assert!(client.poll(None).is_empty());
    assert!(client.poll(Some(60_000)).is_empty());
    assert!(started.elapsed() >= Duration::from_millis(600));
    // The time limit of a request does not apply to a held connect.
    let server = TestServer::open(&[("cometd.timeout_ms", "2500"), ("gateway.request_ms", "1000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    assert!(client.poll(None).is_empty());
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    // These return because the client's timeout is shorter.
    assert!(client.poll(Some(0)).is_empty());
    assert!(client.poll(Some(50)).is_empty());
}

#[test]
fn the_first_connect_is_answered_at_once() {
    let server = TestServer::open(&[("cometd.timeout_ms", "60000")]);
    let handshaken = post(&server, "user1", &handshake_message()).json();
    let connect = json!([{
        "channel": "/meta/connect",
        "clientId": handshaken[0]["clientId"],
        "connectionType": "long-polling",
    }]);
    let started = Instant::now();
    let reply = post(&server, "user1", &connect).json();
    assert_eq!(reply[0]["successful"], true);
    assert!(reply[0].get("advice").is_none(), "{reply}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_second_connect_ends_the_first_unsuccessfully() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    std::thread::scope(|scope| {
        let polls = [(); 2].map(|()| scope.spawn(|| client.connect(None)));
        // The second connect ends the first, whichever was first.
        until("one connect is answered", || {
            polls.iter().any(|poll| poll.is_finished())
        });
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        let mut answers = polls.map(|poll| poll.join().unwrap());
        answers.sort_by_key(Vec::len);
        let [older, newer] = answers;
        assert_eq!(
            (older.len(), newer.len()),
            (1, 2),
            "one notification, delivered once"
        );
        assert_eq!(older[0]["successful"], false);
        assert_eq!(older[0]["error"], "409::A later connect has come");
        // A client that polled again at once would end the newer connect.
        let advice = json!({ "reconnect": "retry", "interval": 2000 });
        assert_eq!(older[0]["advice"], advice);
        // This cancels the interval that the older reply advised.
        assert_eq!(newer[1]["successful"], true);
        assert_eq!(newer[1]["advice"]["interval"], 0);
    });
}

#[test]
fn a_connect_with_other_messages_is_not_held() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::new(&server, "user1");
    let messages = json!([
        { "channel": "/meta/subscribe", "clientId": client.id, "subscription": CALLS },
        { "channel": "/meta/connect", "clientId": client.id, "connectionType": "long-polling" },
    ]);
    let reply = post(&server, "user1", &messages).json();
    assert_eq!(reply.as_array().unwrap().len(), 2);
    assert!(
        reply
            .as_array()
            .unwrap()
            .iter()
            .all(|message| message["successful"] == true)
    );
}

#[test]
fn only_channels_of_genesys_and_their_wildcards_are_accepted() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::new(&server, "user1");
    for channel in [
        json!(CALLS),
        json!("/v2/me/devices"),
        json!("/notifications/services"),
        json!("/v2/me/*"),
        json!("/v2/**"),
        json!("/**"),
        json!([CALLS, "/v2/me/devices"]),
    ] {
        let reply = client.subscribe(&channel);
        assert_eq!(reply["successful"], true, "{channel}");
        assert_eq!(reply["subscription"], channel);
    }
    for other in [
        json!("/v2/me"),
        json!("/v2/users/calls"),
        json!("/meta/connect"),
        json!("*"),
        json!(""),
        json!([CALLS, "/other"]),
        json!([7]),
    ] {
        let reply = client.subscribe(&other);
        assert_eq!(reply["successful"], false, "{other}");
        assert!(reply["error"].as_str().unwrap().starts_with("403:"), "{reply}");
        assert_eq!(reply["subscription"], other);
    }
    // A notification that matches several subscriptions is delivered once.
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    client.notifications(1);
}

#[test]
fn an_ended_subscription_receives_nothing() {
    let server = TestServer::open(&[]);
    let (subscribed, unsubscribed) = (
        BayeuxClient::subscribed(&server, "user1"),
        BayeuxClient::subscribed(&server, "user1"),
    );
    let end = json!({ "channel": "/meta/unsubscribe", "subscription": CALLS });
    assert_eq!(unsubscribed.send(end)[0]["successful"], true);
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    subscribed.notifications(1);
    assert!(unsubscribed.poll(Some(0)).is_empty());
}

#[test]
fn an_unknown_client_must_repeat_its_handshake() {
    let server = TestServer::open(&[]);
    for id in [json!("0123456789abcdef0123456789abcdef"), json!(7), Value::Null] {
        for channel in ["/meta/connect", "/meta/subscribe", "/meta/disconnect", CALLS] {
            let message = json!([{ "channel": channel, "clientId": id }]);
            assert_unknown(&post(&server, "user1", &message).json()[0]);
        }
    }
}

#[test]
fn a_session_is_unknown_to_another_user() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let connect = message(&client, "/meta/connect");
    assert_unknown(&post(&server, "user2", &connect).json()[0]);
    let wrong = basic("user1", "wrong");
    for headers in [vec![], vec![("authorization", wrong.as_str())]] {
        let reply = server.send("POST", COMETD, &headers, &connect.to_string());
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json()[0]["successful"], false);
        assert!(reply.header("www-authenticate").starts_with("Basic "));
    }
    let broken = basic("broken", "x");
    let reply = server.send(
        "POST",
        COMETD,
        &[("authorization", &broken)],
        &connect.to_string(),
    );
    assert_eq!(reply.status, 500);
}

#[test]
fn the_cookie_of_the_handshake_replaces_the_header() {
    let server = TestServer::open(&[]);
    let handshaken = post(&server, "user1", &handshake_message());
    let id = handshaken.json()[0]["clientId"].as_str().unwrap().to_owned();
    let cookie = cookie_of(&handshaken);
    let send = |cookie: &str, message: &Value| -> ClientResponse {
        server.send("POST", COMETD, &[("cookie", cookie)], &message.to_string())
    };
    let subscribe = json!([{ "channel": "/meta/subscribe", "clientId": id, "subscription": CALLS }]);
    assert_eq!(send(&cookie, &subscribe).json()[0]["successful"], true);
    // The session id and the cookie are valid only together.
    let other = BayeuxClient::new(&server, "user1");
    assert_unknown(&send(&cookie, &message(&other, "/meta/connect")).json()[0]);
    assert_unknown(&send("BAYEUX_BROWSER=0123456789abcdef0123456789abcdef", &subscribe).json()[0]);
    assert_eq!(send(&cookie, &handshake_message()).status, 401);
    // The header takes precedence.
    let user = basic("user2", "secret");
    let headers = [("authorization", user.as_str()), ("cookie", cookie.as_str())];
    let reply = server.send("POST", COMETD, &headers, &subscribe.to_string());
    assert_unknown(&reply.json()[0]);
}

#[test]
fn a_session_that_is_not_polled_expires() {
    let server = TestServer::open(&[("cometd.session_ms", "3000"), ("cometd.timeout_ms", "600000")]);
    let idle = BayeuxClient::subscribed(&server, "user1");
    let polled = BayeuxClient::subscribed(&server, "user2");
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| polled.connect(None));
        until("one session expires", || sessions(&server) <= 1);
        assert_unknown(idle.send(json!({ "channel": "/meta/connect" })).get(0).unwrap());
        // A held connect keeps its session alive.
        operate_ok(&server, "user2", SECOND, "StartCallRecording");
        assert_eq!(poll.join().unwrap().len(), 2);
    });
}

#[test]
fn a_disconnect_ends_the_session_and_its_connect() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let ended = std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        let reply = client.send(json!({ "channel": "/meta/disconnect" }));
        assert_eq!(reply[0]["successful"], true);
        poll.join().unwrap()
    });
    assert_eq!(ended[0]["successful"], false);
    assert_eq!(sessions(&server), 0);
    assert_unknown(&client.connect(None)[0]);
}

#[test]
fn a_gateway_that_stops_answers_held_connects() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        // When one connect has ended the other, that other one is held.
        let second = scope.spawn(|| client.connect(None));
        until("one connect is answered", || {
            poll.is_finished() || second.is_finished()
        });
        server.stop_gateway();
        let mut ends = [poll, second].map(|poll| poll.join().unwrap()[0]["successful"] == true);
        ends.sort_unstable();
        assert_eq!(ends, [false, true], "the earlier connect, and the held one");
    });
}
