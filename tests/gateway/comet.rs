//! CometD: what a client may say, and what waits for it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bayeux::{BayeuxClient, CALLS, COMETD, done, handshake_message, post};
use crate::server::{ClientResponse, FIRST, SECOND, TestServer, basic};

/// With a session's id in it.
pub fn message(client: &BayeuxClient, channel: &str) -> Value {
    json!([{ "id": "9", "channel": channel, "clientId": client.id }])
}

pub fn sessions(server: &TestServer) -> u64 {
    let metrics = server.send("GET", "/metrics", &[], "");
    let line = metrics
        .text()
        .lines()
        .find(|line| line.starts_with("callrec_cometd_sessions "));
    line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}

pub fn assert_unknown(reply: &Value) {
    assert_eq!(reply["successful"], false, "{reply}");
    assert_eq!(reply["error"], "402::Unknown client");
    assert_eq!(reply["advice"]["reconnect"], "handshake");
}

#[test]
fn a_handshake_negotiates_long_polling_and_says_how_to_poll() {
    let server = TestServer::open(&[("cometd.timeout_ms", "7000"), ("cometd.session_ms", "9000")]);
    let reply = post(&server, "user1", &handshake_message());
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/json")
    );
    let body = reply.json();
    let shaken = &body[0];
    assert_eq!(body.as_array().unwrap().len(), 1);
    assert_eq!(shaken["id"], "1");
    assert_eq!(shaken["channel"], "/meta/handshake");
    assert_eq!(shaken["successful"], true);
    assert_eq!(shaken["version"], "1.0");
    assert_eq!(shaken["minimumVersion"], "1.0");
    assert_eq!(shaken["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!(
        shaken["advice"],
        json!({ "reconnect": "retry", "interval": 0, "timeout": 7000, "maxInterval": 9000 })
    );
    assert_eq!(shaken["clientId"].as_str().unwrap().len(), 32);
    assert!(shaken.get("ext").is_none(), "not asked for");
    let cookie = reply.header("set-cookie");
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
fn who_cannot_poll_is_told_what_is_offered() {
    let server = TestServer::open(&[]);
    let mut message = handshake_message();
    message[0]["supportedConnectionTypes"] = json!(["websocket", "callback-polling"]);
    let reply = post(&server, "user1", &message).json();
    assert_eq!(reply[0]["successful"], false);
    assert_eq!(reply[0]["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!(reply[0]["advice"]["reconnect"], "none");
}

#[test]
fn a_handshake_goes_alone() {
    let server = TestServer::open(&[]);
    let mut messages = handshake_message();
    let twin = messages[0].clone();
    messages.as_array_mut().unwrap().push(twin);
    let reply = post(&server, "user1", &messages).json();
    assert_eq!(reply[0]["error"], "400::A handshake goes alone");
    assert_eq!(sessions(&server), 0);
}

#[test]
fn only_post_below_the_path() {
    let server = TestServer::open(&[]);
    for method in ["GET", "PUT", "DELETE"] {
        let reply = server.send(method, COMETD, &[], "[]");
        assert_eq!((reply.status, reply.header("allow")), (405, "POST"), "{method}");
    }
    let user = basic("user1", "secret");
    let headers = [("authorization", user.as_str())];
    let shake = handshake_message().to_string();
    for (below, status) in [
        ("/", 200),
        ("/handshake", 200),
        ("/nothing", 404),
        ("/connect/x", 404),
    ] {
        let reply = server.send("POST", &format!("{COMETD}{below}"), &headers, &shake);
        assert_eq!(reply.status, status, "{below}");
    }
}

#[test]
fn what_is_no_message_is_refused_whole() {
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
fn what_a_message_lacks_is_said_in_its_reply() {
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
fn a_connect_is_held_until_there_is_something_to_say() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let told = std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        done(&server, "user1", FIRST, "StartCallRecording");
        poll.join().unwrap()
    });
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["channel"], CALLS);
    let last = &told[1];
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
fn a_connect_is_answered_when_its_time_is_up_the_clients_or_ours() {
    let server = TestServer::open(&[("cometd.timeout_ms", "300")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    let begun = Instant::now();
    assert!(client.poll(None).is_empty());
    assert!(client.poll(Some(60_000)).is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(600));
    // The time to send a request has nothing to do with it.
    let server = TestServer::open(&[("cometd.timeout_ms", "2500"), ("gateway.request_ms", "1000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    assert!(client.poll(None).is_empty());
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    // These return because the client does not want to wait.
    assert!(client.poll(Some(0)).is_empty());
    assert!(client.poll(Some(50)).is_empty());
}

#[test]
fn the_first_connect_is_answered_at_once_whatever_the_client_says() {
    let server = TestServer::open(&[("cometd.timeout_ms", "60000")]);
    let shaken = post(&server, "user1", &handshake_message()).json();
    let connect = json!([{
        "channel": "/meta/connect",
        "clientId": shaken[0]["clientId"],
        "connectionType": "long-polling",
    }]);
    let begun = Instant::now();
    let reply = post(&server, "user1", &connect).json();
    assert_eq!(reply[0]["successful"], true);
    assert!(reply[0].get("advice").is_none(), "{reply}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_second_connect_ends_the_first_unsuccessfully() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    std::thread::scope(|scope| {
        let polls = [(); 2].map(|()| scope.spawn(|| client.connect(None)));
        // One of them is answered by the other's coming, whichever came first.
        while !polls.iter().any(|poll| poll.is_finished()) {
            std::thread::yield_now();
        }
        done(&server, "user1", FIRST, "StartCallRecording");
        let mut told = polls.map(|poll| poll.join().unwrap());
        told.sort_by_key(Vec::len);
        let [older, newer] = told;
        assert_eq!((older.len(), newer.len()), (1, 2), "one message, given once");
        assert_eq!(older[0]["successful"], false);
        assert_eq!(older[0]["error"], "409::A later connect has come");
        // Who polls again at once would only end the other one, and so on.
        let advice = json!({ "reconnect": "retry", "interval": 2000 });
        assert_eq!(older[0]["advice"], advice);
        // The client has been told of a pause that is none of the newer one's.
        assert_eq!(newer[1]["successful"], true);
        assert_eq!(newer[1]["advice"]["interval"], 0);
    });
}

#[test]
fn a_connect_among_other_messages_does_not_hold_them_up() {
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
            .all(|one| one["successful"] == true)
    );
}

#[test]
fn channels_are_those_of_genesys_and_their_wildcards() {
    let server = TestServer::open(&[]);
    let client = BayeuxClient::new(&server, "user1");
    for offered in [
        json!(CALLS),
        json!("/v2/me/devices"),
        json!("/notifications/services"),
        json!("/v2/me/*"),
        json!("/v2/**"),
        json!("/**"),
        json!([CALLS, "/v2/me/devices"]),
    ] {
        let reply = client.subscribe(&offered);
        assert_eq!(reply["successful"], true, "{offered}");
        assert_eq!(reply["subscription"], offered);
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
    // However many of them take it, a message comes once.
    done(&server, "user1", FIRST, "StartCallRecording");
    client.notifications(1);
}

#[test]
fn nothing_comes_without_a_subscription_or_after_its_end() {
    let server = TestServer::open(&[]);
    let (with, without) = (
        BayeuxClient::subscribed(&server, "user1"),
        BayeuxClient::subscribed(&server, "user1"),
    );
    let end = json!({ "channel": "/meta/unsubscribe", "subscription": CALLS });
    assert_eq!(without.send(end)[0]["successful"], true);
    done(&server, "user1", FIRST, "StartCallRecording");
    with.notifications(1);
    assert!(without.poll(Some(0)).is_empty());
}

#[test]
fn a_client_that_is_not_known_must_shake_hands() {
    let server = TestServer::open(&[]);
    for id in [json!("0123456789abcdef0123456789abcdef"), json!(7), Value::Null] {
        for channel in ["/meta/connect", "/meta/subscribe", "/meta/disconnect", CALLS] {
            let message = json!([{ "channel": channel, "clientId": id }]);
            assert_unknown(&post(&server, "user1", &message).json()[0]);
        }
    }
}

#[test]
fn a_session_is_of_no_use_to_another_user() {
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
fn the_cookie_of_the_handshake_stands_in_for_the_header() {
    let server = TestServer::open(&[]);
    let shaken = post(&server, "user1", &handshake_message());
    let id = shaken.json()[0]["clientId"].as_str().unwrap().to_owned();
    let cookie = shaken.header("set-cookie").split(';').next().unwrap().to_owned();
    let send = |cookie: &str, message: &Value| -> ClientResponse {
        server.send("POST", COMETD, &[("cookie", cookie)], &message.to_string())
    };
    let subscribe = json!([{ "channel": "/meta/subscribe", "clientId": id, "subscription": CALLS }]);
    assert_eq!(send(&cookie, &subscribe).json()[0]["successful"], true);
    // Neither of the two secrets is of any use without the other.
    let other = BayeuxClient::new(&server, "user1");
    assert_unknown(&send(&cookie, &message(&other, "/meta/connect")).json()[0]);
    assert_unknown(&send("BAYEUX_BROWSER=0123456789abcdef0123456789abcdef", &subscribe).json()[0]);
    assert_eq!(send(&cookie, &handshake_message()).status, 401);
    // With a header it is the header that counts.
    let user = basic("user2", "secret");
    let headers = [("authorization", user.as_str()), ("cookie", cookie.as_str())];
    let reply = server.send("POST", COMETD, &headers, &subscribe.to_string());
    assert_unknown(&reply.json()[0]);
}

#[test]
fn a_session_that_nobody_polls_is_forgotten() {
    let server = TestServer::open(&[("cometd.session_ms", "3000"), ("cometd.timeout_ms", "600000")]);
    let left = BayeuxClient::subscribed(&server, "user1");
    let polled = BayeuxClient::subscribed(&server, "user2");
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| polled.connect(None));
        while sessions(&server) > 1 {
            std::thread::yield_now();
        }
        assert_unknown(left.send(json!({ "channel": "/meta/connect" })).get(0).unwrap());
        // This one waits for longer than that, and is there when something comes.
        done(&server, "user2", SECOND, "StartCallRecording");
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
fn a_gateway_that_stops_answers_what_it_holds() {
    let server = TestServer::open(&[("cometd.timeout_ms", "600000")]);
    let client = BayeuxClient::subscribed(&server, "user1");
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| client.connect(None));
        // A later connect is answered by the next; so the first is known to be held.
        let second = scope.spawn(|| client.connect(None));
        while !poll.is_finished() && !second.is_finished() {
            std::thread::yield_now();
        }
        server.stop_gateway();
        let mut ends = [poll, second].map(|poll| poll.join().unwrap()[0]["successful"] == true);
        ends.sort_unstable();
        assert_eq!(ends, [false, true], "the earlier one, and the one that was held");
    });
}
