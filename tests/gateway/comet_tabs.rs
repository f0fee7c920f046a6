//! CometD: several tabs of one browser. A browser opens about six connections to a host, so only
//! one tab's connect is held.

use serde_json::{Value, json};

use callrec_testkit::wait::until;

use crate::bayeux::{BayeuxClient, cookie_of, handshake_message, operate_ok, post_with};
use crate::comet::message;
use crate::server::{FIRST, TestServer};

/// No connect and no session times out.
const SETTINGS: &[(&str, &str)] = &[("cometd.timeout_ms", "600000"), ("cometd.session_ms", "600000")];

/// The reply to a connect whose response has no other message.
fn reply(mut messages: Vec<Value>) -> Value {
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert_eq!(messages[0]["successful"], true, "{messages:#?}");
    messages.remove(0)
}

/// Whether a reply advises that another tab's connect is held.
fn advises_polling(reply: &Value) -> bool {
    reply["advice"]["multiple-clients"] == true
}

/// Waits until a connect of another tab of `other`'s browser is held.
fn wait_until_held(other: &BayeuxClient) {
    until("a connect is held", || {
        advises_polling(&reply(other.connect(Some(0))))
    });
}

#[test]
fn a_browser_receives_one_cookie() {
    let server = TestServer::open(&[]);
    let handshaken = post_with(&server, "user1", None, &handshake_message());
    let cookie = cookie_of(&handshaken);
    assert!(
        handshaken.header("set-cookie").ends_with("; Path=/; HttpOnly"),
        "{handshaken:?}"
    );
    let again = post_with(&server, "user1", Some(&cookie), &handshake_message());
    assert!(again.headers.get("set-cookie").is_none(), "{again:?}");
    // An unknown cookie is replaced.
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
        // The first connect of another tab receives the advice too.
        let handshaken = post_with(&server, "user1", Some(first.cookie()), &handshake_message());
        let connect = json!([{ "channel": "/meta/connect", "clientId": handshaken.json()[0]["clientId"] }]);
        let polled = post_with(&server, "user1", Some(first.cookie()), &connect).json();
        assert!(advises_polling(&polled[0]), "{polled}");
        // The first tab's connect is still held, and each tab receives the notification.
        assert!(!held.is_finished());
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        assert_eq!(held.join().unwrap().len(), 2);
    });
    for tab in &others {
        let notifications = tab.notifications(1);
        assert_eq!(notifications[0]["data"]["call"]["recordingState"], "Recording");
    }
}

#[test]
fn nothing_is_lost_or_reordered_for_a_tab_that_polls() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            // Polls until the session has ended.
            let mut states = Vec::new();
            loop {
                let mut messages = first.connect(None);
                let last = messages.pop().unwrap();
                states.extend(messages.iter().map(state));
                if last["successful"] == false {
                    return states;
                }
            }
        });
        let mut polled = Vec::new();
        let operations = ["Start", "Pause", "Resume", "Stop"];
        for operation in operations {
            operate_ok(&server, "user1", FIRST, &format!("{operation}CallRecording"));
            polled.extend(other.poll(Some(0)).iter().map(state));
        }
        until("all notifications have arrived", || {
            polled.extend(other.poll(Some(0)).iter().map(state));
            polled.len() == operations.len()
        });
        assert_eq!(polled, STATES);
        // Until its disconnect, the first tab receives the same states in the same order.
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
fn another_tabs_connect_is_held_after_a_disconnect() {
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
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        let messages = held.join().unwrap();
        assert_eq!(messages.len(), 2);
        // The advised interval is cancelled.
        let advice = json!({
            "reconnect": "retry",
            "interval": 0,
            "timeout": 600_000,
            "maxInterval": 600_000,
        });
        assert_eq!(messages[1]["advice"], advice);
    });
}

/// Closing a tab closes its connection without a disconnect.
#[test]
fn a_closed_tab_releases_its_held_connect() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    let stream = first.post_raw(&message(&first, "/meta/connect"));
    wait_until_held(&other);
    drop(stream);
    until("no connect is held", || {
        !advises_polling(&reply(other.connect(Some(0))))
    });
}

#[test]
fn a_tab_that_polls_again_keeps_its_connect_held() {
    let server = TestServer::open(SETTINGS);
    let first = BayeuxClient::tab(&server, "user1", None);
    let other = BayeuxClient::tab(&server, "user1", Some(first.cookie()));
    std::thread::scope(|scope| {
        // The later connect of the tab ends the earlier one.
        let polls = [(); 2].map(|()| scope.spawn(|| first.connect(None)));
        until("one connect is answered", || {
            polls.iter().any(|poll| poll.is_finished())
        });
        for _ in 0..3 {
            assert!(advises_polling(&reply(other.connect(None))));
        }
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        let count: usize = polls.into_iter().map(|poll| poll.join().unwrap().len()).sum();
        assert_eq!(count, 3);
    });
}

#[test]
fn each_client_without_a_cookie_may_have_a_connect_held() {
    let server = TestServer::open(SETTINGS);
    let clients = [(); 8].map(|()| BayeuxClient::subscribed(&server, "user1"));
    std::thread::scope(|scope| {
        let held = clients
            .each_ref()
            .map(|client| scope.spawn(|| client.connect(None)));
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        for held in held {
            let messages = held.join().unwrap();
            assert_eq!(messages.len(), 2, "{messages:#?}");
            assert!(messages[1].get("advice").is_none(), "{messages:#?}");
        }
    });
}

#[test]
fn tabs_that_were_opened_concurrently_share_the_later_cookie() {
    let server = TestServer::open(SETTINGS);
    // Neither had a cookie at its handshake; the browser keeps the later cookie.
    let [first, second] = [(); 2].map(|()| BayeuxClient::tab(&server, "user1", None));
    assert_ne!(first.cookie(), second.cookie());
    let cookie = second.cookie().to_owned();
    let first = first.with_cookie(&cookie);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| first.connect(None));
        wait_until_held(&second);
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        assert_eq!(held.join().unwrap().len(), 2);
    });
    second.notifications(1);
}

#[test]
fn max_sessions_per_browser_sets_how_many_connects_are_held() {
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
        operate_ok(&server, "user1", FIRST, "StartCallRecording");
        for held in held {
            assert_eq!(held.join().unwrap().len(), 2);
        }
    });
}

#[test]
fn the_advised_interval_is_half_of_session_ms_at_most() {
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
