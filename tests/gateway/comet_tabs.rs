//! CometD: several tabs of one browser. A browser opens only some six connections to a
//! host, so that only one tab may have its connect held.

use std::io::Write;

use serde_json::{Value, json};

use callrec_testkit::wait::until;

use crate::bayeux::{BayeuxClient, COMETD, cookie_of, done, handshake_message, post_with};
use crate::comet::message;
use crate::server::{FIRST, TestServer, basic};

/// Nothing is answered because time is up.
const SETTINGS: &[(&str, &str)] = &[("cometd.timeout_ms", "600000"), ("cometd.session_ms", "600000")];

/// The reply to a connect without messages.
fn reply(mut answer: Vec<Value>) -> Value {
    assert_eq!(answer.len(), 1, "{answer:#?}");
    assert_eq!(answer[0]["successful"], true, "{answer:#?}");
    answer.remove(0)
}

fn is_told_to_poll(answer: &Value) -> bool {
    answer["advice"]["multiple-clients"] == true
}

/// Until another tab of its browser has a connect held.
fn wait_until_held(other: &BayeuxClient) {
    until("a connect is held", || {
        is_told_to_poll(&reply(other.connect(Some(0))))
    });
}

#[test]
fn the_cookie_is_set_once_for_a_browser() {
    let server = TestServer::open(&[]);
    let shaken = post_with(&server, "user1", None, &handshake_message());
    let cookie = cookie_of(&shaken);
    assert!(
        shaken.header("set-cookie").ends_with("; Path=/; HttpOnly"),
        "{shaken:?}"
    );
    let again = post_with(&server, "user1", Some(&cookie), &handshake_message());
    assert!(again.headers.get("set-cookie").is_none(), "{again:?}");
    // One that is none of ours is replaced.
    let again = post_with(&server, "user1", Some("BAYEUX_BROWSER=x"), &handshake_message());
    assert_ne!(cookie_of(&again), cookie);
}

#[test]
fn one_tab_holds_a_connect_and_the_others_poll() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let others = [(); 5].map(|()| BayeuxClient::tab(&server, "user1", Some(first.cookie())));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| first.connect(None));
        wait_until_held(&others[0]);
        for tab in &others {
            let polled = reply(tab.connect(None));
            let advice = json!({
                "reconnect": "retry",
                "interval": 2000,
                "timeout": 600_000,
                "maxInterval": 600_000,
                "multiple-clients": true,
            });
            assert_eq!(polled["advice"], advice);
        }
        // The very first connect of a further tab is told it too.
        let shaken = post_with(&server, "user1", Some(first.cookie()), &handshake_message());
        let connect = json!([{ "channel": "/meta/connect", "clientId": shaken.json()[0]["clientId"] }]);
        let polled = post_with(&server, "user1", Some(first.cookie()), &connect).json();
        assert!(is_told_to_poll(&polled[0]), "{polled}");
        // It is still held, and what there is to say comes to each tab.
        assert!(!held.is_finished());
        done(&server, "user1", FIRST, "StartCallRecording");
        assert_eq!(held.join().unwrap().len(), 2);
    });
    for tab in &others {
        let told = tab.notifications(1);
        assert_eq!(told[0]["data"]["call"]["recordingState"], "Recording");
    }
}

#[test]
fn nothing_is_lost_or_reordered_for_a_tab_that_polls() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            // Until its session is over.
            let mut states = Vec::new();
            loop {
                let mut answer = first.connect(None);
                let last = answer.pop().unwrap();
                states.extend(answer.iter().map(state));
                if last["successful"] == false {
                    return states;
                }
            }
        });
        let mut polled = Vec::new();
        let operations = ["Start", "Pause", "Resume", "Stop"];
        for operation in operations {
            done(&server, "user1", FIRST, &format!("{operation}CallRecording"));
            polled.extend(other.poll(Some(0)).iter().map(state));
        }
        until("all has come", || {
            polled.extend(other.poll(Some(0)).iter().map(state));
            polled.len() == operations.len()
        });
        assert_eq!(polled, STATES);
        // What has come to one has been written for the other.
        first.send(json!({ "channel": "/meta/disconnect" }));
        let states = held.join().unwrap();
        assert_eq!(states, STATES[..states.len()]);
    });
}

const STATES: [&str; 4] = ["Recording", "Paused", "Recording", "Stopped"];

fn state(message: &Value) -> String {
    let state = &message["data"]["call"]["recordingState"];
    state.as_str().unwrap().to_owned()
}

#[test]
fn when_the_tab_goes_another_ones_connect_is_held() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let [second, third] = [(); 2].map(|()| BayeuxClient::tab(&server, "user1", Some(first.cookie())));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| first.connect(None));
        wait_until_held(&second);
        first.send(json!({ "channel": "/meta/disconnect" }));
        assert_eq!(held.join().unwrap()[0]["successful"], false);
        let held = scope.spawn(|| second.connect(None));
        wait_until_held(&third);
        done(&server, "user1", FIRST, "StartCallRecording");
        let answer = held.join().unwrap();
        assert_eq!(answer.len(), 2);
        // It need not pause any longer.
        let advice = json!({
            "reconnect": "retry",
            "interval": 0,
            "timeout": 600_000,
            "maxInterval": 600_000,
        });
        assert_eq!(answer[1]["advice"], advice);
    });
}

/// Its connection goes, and its session does not know.
#[test]
fn a_tab_that_was_closed_gives_its_place_back() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    let body = message(&first, "/meta/connect").to_string();
    let mut stream = server.connect();
    write!(
        stream,
        "POST {COMETD} HTTP/1.1\r\nhost: a\r\nauthorization: {}\r\ncookie: {}\r\ncontent-length: {}\r\n\r\n{body}",
        basic("user1", "secret"),
        first.cookie(),
        body.len()
    )
    .unwrap();
    wait_until_held(&other);
    drop(stream);
    until("the place is free", || {
        !is_told_to_poll(&reply(other.connect(Some(0))))
    });
}

#[test]
fn a_tab_that_polls_again_keeps_its_place() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    std::thread::scope(|scope| {
        // The later connect of the same tab, whose earlier one it may not know to be held.
        let polls = [(); 2].map(|()| scope.spawn(|| first.connect(None)));
        while !polls.iter().any(|poll| poll.is_finished()) {
            std::thread::yield_now();
        }
        for _ in 0..3 {
            assert!(is_told_to_poll(&reply(other.connect(None))));
        }
        done(&server, "user1", FIRST, "StartCallRecording");
        let came: usize = polls.into_iter().map(|poll| poll.join().unwrap().len()).sum();
        assert_eq!(came, 3);
    });
}

#[test]
fn clients_that_keep_no_cookie_hold_a_connect_each() {
    let server = TestServer::open(SETTINGS);
    let clients = [(); 8].map(|()| BayeuxClient::subscribed(&server, "user1"));
    std::thread::scope(|scope| {
        let held = clients
            .each_ref()
            .map(|client| scope.spawn(|| client.connect(None)));
        done(&server, "user1", FIRST, "StartCallRecording");
        for held in held {
            let answer = held.join().unwrap();
            assert_eq!(answer.len(), 2, "{answer:#?}");
            assert!(answer[1].get("advice").is_none(), "{answer:#?}");
        }
    });
}

#[test]
fn tabs_that_were_opened_at_the_same_time_are_told_apart_by_what_they_send() {
    let server = TestServer::open(SETTINGS);
    // Neither had a cookie at its handshake; the browser keeps the later one.
    let [first, second] = [(); 2].map(|()| BayeuxClient::tab(&server, "user1", None));
    assert_ne!(first.cookie(), second.cookie());
    let cookie = second.cookie().to_owned();
    let first = first.with_cookie(&cookie);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| first.connect(None));
        wait_until_held(&second);
        done(&server, "user1", FIRST, "StartCallRecording");
        assert_eq!(held.join().unwrap().len(), 2);
    });
    second.notifications(1);
}

#[test]
fn more_tabs_may_hold_one_if_the_key_says_so() {
    let more = [
        ("cometd.max_sessions_per_browser", "2"),
        ("cometd.multi_session_interval_ms", "500"),
    ];
    let server = TestServer::open(&[SETTINGS, &more].concat());
    let first = BayeuxClient::tab(&server, "user1", None);
    let [second, third] = [(); 2].map(|()| BayeuxClient::tab(&server, "user1", Some(first.cookie())));
    std::thread::scope(|scope| {
        let held = [&first, &second].map(|tab| scope.spawn(|| tab.connect(None)));
        wait_until_held(&third);
        assert_eq!(reply(third.connect(None))["advice"]["interval"], 500);
        assert!(held.iter().all(|held| !held.is_finished()));
        done(&server, "user1", FIRST, "StartCallRecording");
        for held in held {
            assert_eq!(held.join().unwrap().len(), 2);
        }
    });
}

#[test]
fn a_pause_is_shorter_than_what_a_session_lasts() {
    let server = TestServer::open(&[
        ("cometd.timeout_ms", "600000"),
        ("cometd.session_ms", "30000"),
        ("cometd.multi_session_interval_ms", "60000"),
    ]);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| first.connect(None));
        wait_until_held(&other);
        assert_eq!(reply(other.connect(None))["advice"]["interval"], 15_000);
        first.send(json!({ "channel": "/meta/disconnect" }));
        held.join().unwrap();
    });
}
