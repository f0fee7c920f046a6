//! Callbacks: their contents, and their delivery whatever the receiver does.

use std::collections::HashSet;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use callrec::capi::*;
use callrec_testkit::wait::{PATIENCE, until};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use crate::receiver::{Behavior, CallbackRequest, Receiver, free_port};
use crate::server::{FIRST, TestServer, start_gateway, stop_gateway};
use crate::support::{StartFields, feed, write_pcm};

const ID: [(&str, &str); 2] = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
pub const ALLOW: (&str, &str) = ("callbacks.allow", "http://127.0.0.1:*,http://localhost:*");
pub const RETRY_MS: (&str, &str) = ("callbacks.retry_ms", "10");
pub const RETRY_MAX_MS: (&str, &str) = ("callbacks.retry_max_ms", "40");

fn path() -> String {
    format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/")
}

/// A recording with a callback that is started and stopped by Vobiz's API. Returns its id when the
/// recording has ended.
fn recorded(server: &TestServer, url: &str, method: &str) -> String {
    let body = json!({ "file_format": "wav", "callback_url": url, "callback_method": method });
    let response = server.send("POST", &path(), &ID, &body.to_string());
    assert_eq!(response.status, 200, "{}", response.text());
    let started = response.json();
    let id = started["recording_id"].as_str().unwrap().to_owned();
    let url = json!({ "URL": started["url"] }).to_string();
    assert_eq!(server.send("DELETE", &path(), &ID, &url).status, 204);
    server.engine.events.wait_terminal(&id);
    id
}

/// The file names of the pending callbacks.
pub fn queued_jobs(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory.join(".callrec/jobs/callback")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

pub fn until_empty(directory: &Path) {
    until("no jobs are queued", || queued_jobs(directory).is_empty());
}

/// The Base64 of the HMAC-SHA256 of `text` under the account's key.
fn signature_of(text: &str) -> String {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    hmac.update(text.as_bytes());
    BASE64_STANDARD.encode(hmac.finalize().into_bytes())
}

#[test]
fn a_callback_has_the_eight_fields_and_both_signatures() {
    let server = TestServer::open(&[ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(200));
    let body = json!({ "file_format": "wav", "callback_url": receiver.url("/hook?own=1") });
    let started = server.send("POST", &path(), &ID, &body.to_string()).json();
    let legs = [0, 1].map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    for _ in 0..20 {
        for leg in legs {
            write_pcm(leg, &[500; 800]);
        }
    }
    assert_eq!(server.send("DELETE", &path(), &ID, "").status, 204);
    let request = receiver.wait(1).remove(0);
    let id = started["recording_id"].as_str().unwrap();
    let recording = server.engine.events.wait_terminal(id).recording.unwrap();
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/hook?own=1")
    );
    assert_eq!(
        request.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    let fields = request.fields();
    let expected = [
        ("api_id", started["api_id"].as_str().unwrap().to_owned()),
        ("record_url", started["url"].as_str().unwrap().to_owned()),
        ("call_uuid", FIRST.to_owned()),
        ("recording_id", id.to_owned()),
        ("recording_duration", (recording.duration_ms / 1000).to_string()),
        ("recording_duration_ms", recording.duration_ms.to_string()),
        ("recording_start_ms", recording.started_at_ms.to_string()),
        ("recording_end_ms", recording.ended_at_ms.to_string()),
    ];
    assert_eq!(fields.len(), expected.len(), "{fields:?}");
    for (name, value) in expected {
        assert_eq!(fields[name], value, "{name}");
    }
    assert_eq!(request.key(), id);
    assert!(request.header("user-agent").starts_with("callrec/"));
    let base = receiver.url("/hook");
    let nonce = request.header("x-vobiz-signature-v2-nonce");
    assert!(
        nonce.len() == 20 && nonce.bytes().all(|byte| byte.is_ascii_digit()),
        "{nonce}"
    );
    assert_eq!(
        request.header("x-vobiz-signature-v2"),
        signature_of(&format!("{base}{nonce}"))
    );
    let nonce = request.header("x-vobiz-signature-v3-nonce");
    assert_eq!(
        request.header("x-vobiz-signature-v3"),
        signature_of(&format!("{base}.{nonce}"))
    );
    assert_eq!(
        request.header("x-vobiz-signature-ma-v3"),
        request.header("x-vobiz-signature-v3")
    );
    // The file is published: its URL can be fetched.
    let audio = fields["record_url"].strip_prefix(&server.base).unwrap();
    assert_eq!(server.send("GET", audio, &ID, "").status, 200);
    until_empty(&server.dir.0);
}

#[test]
fn a_callback_by_get_has_its_fields_in_the_query() {
    let server = TestServer::open(&[ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(204));
    let id = recorded(&server, &receiver.url("/hook?own=1"), "GET");
    let request = receiver.wait(1).remove(0);
    assert_eq!((request.method.as_str(), request.body.as_str()), ("GET", ""));
    assert_eq!(request.fields()["recording_id"], id);
    assert_eq!(request.fields()["own"], "1");
}

#[test]
fn a_plivo_callback_has_plivos_signature_headers() {
    let server = TestServer::open(&[ALLOW, ("gateway.apis", "plivo")]);
    let receiver = Receiver::new(Behavior::Answers(200));
    let basic = crate::server::basic("MA_DEMO", "secret");
    let headers = [("authorization", basic.as_str())];
    let path = path().replace("/api/v1", "/v1");
    let body = json!({ "file_format": "wav", "callback_url": receiver.url("/hook") });
    assert_eq!(
        server.send("POST", &path, &headers, &body.to_string()).status,
        202
    );
    assert_eq!(server.send("DELETE", &path, &headers, "").status, 204);
    let request = receiver.wait(1).remove(0);
    let nonce = request.header("x-plivo-signature-v2-nonce");
    let expected = signature_of(&format!("{}{nonce}", receiver.url("/hook")));
    assert_eq!(request.header("x-plivo-signature-v2"), expected);
    let mut fields: Vec<_> = request.fields().into_iter().collect();
    fields.sort();
    let joined: String = fields
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    let nonce = request.header("x-plivo-signature-v3-nonce");
    let expected = signature_of(&format!("{}?{joined}.{nonce}", receiver.url("/hook")));
    assert_eq!(request.header("x-plivo-signature-v3"), expected);
    assert_eq!(request.header("x-vobiz-signature-v2"), "");
}

/// Checks that a callback is retried under the same key until the receiver accepts it, and not
/// after that.
fn assert_retried(server: &TestServer, receiver: &Receiver, id: &str, tries: usize) {
    let requests = receiver.wait(tries);
    assert!(
        requests.iter().all(|request| request.key() == id),
        "{requests:#?}"
    );
    receiver.set_behavior(Behavior::Answers(200));
    until_empty(&server.dir.0);
    let count = receiver.received().len();
    // The next request is that of another recording: no further retry came first.
    let next = recorded(server, &receiver.url("/next"), "POST");
    let all = receiver.wait(count + 1);
    assert_eq!(all[count].key(), next);
    let nonces: HashSet<_> = all
        .iter()
        .map(|request| request.header("x-vobiz-signature-v2-nonce"))
        .collect();
    assert_eq!(nonces.len(), all.len(), "a nonce is used once");
}

#[test]
fn a_callback_is_retried_after_a_500_response() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let receiver = Receiver::new(Behavior::Answers(500));
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    assert_retried(&server, &receiver, &id, 4);
}

#[test]
fn a_callback_is_retried_after_an_incomplete_response() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let receiver = Receiver::new(Behavior::ClosesHalfWay);
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    assert_retried(&server, &receiver, &id, 3);
}

#[test]
fn a_callback_is_retried_after_a_timeout() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS, ("callbacks.timeout_ms", "100")]);
    let receiver = Receiver::new(Behavior::Holds);
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    assert_retried(&server, &receiver, &id, 3);
}

#[test]
fn a_callback_is_retried_after_a_redirect_which_is_not_followed() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let elsewhere = Receiver::new(Behavior::Answers(200));
    let receiver = Receiver::new(Behavior::Redirects(elsewhere.url("/")));
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    assert_retried(&server, &receiver, &id, 2);
    assert!(elsewhere.received().is_empty());
}

#[test]
fn callbacks_are_delivered_once_their_receiver_is_reachable() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let port = free_port();
    let ids: HashSet<String> = (0..5)
        .map(|_| recorded(&server, &format!("http://localhost:{port}/hook"), "POST"))
        .collect();
    assert_eq!(queued_jobs(&server.dir.0).len(), 5);
    until("five callbacks are pending", || {
        let metrics = server.send("GET", "/metrics", &[], "");
        metrics.text().contains("callrec_callbacks_waiting 5\n")
    });
    let receiver = Receiver::at(port, Behavior::Answers(200));
    let requests = receiver.wait(5);
    until_empty(&server.dir.0);
    assert_eq!(receiver.received().len(), 5, "each callback arrives once");
    assert_eq!(
        requests.iter().map(CallbackRequest::key).collect::<HashSet<_>>(),
        ids
    );
}

#[test]
fn a_receiver_that_does_not_respond_delays_no_other() {
    let server = TestServer::open(&[
        ALLOW,
        ("callbacks.timeout_ms", "600000"),
        ("callbacks.parallel", "4"),
    ]);
    let slow = Receiver::new(Behavior::Holds);
    let fast = Receiver::new(Behavior::Answers(200));
    for _ in 0..20 {
        recorded(&server, &slow.url("/hook"), "POST");
    }
    slow.wait(1);
    for _ in 0..20 {
        recorded(&server, &fast.url("/hook"), "POST");
    }
    // These arrive although the slow receiver has responded to none.
    let requests = fast.wait(20);
    assert_eq!(
        requests
            .iter()
            .map(CallbackRequest::key)
            .collect::<HashSet<_>>()
            .len(),
        20
    );
    assert_eq!(
        slow.received().len(),
        1,
        "one request at a time until the receiver responds"
    );
    slow.set_behavior(Behavior::Answers(200));
    slow.release();
    slow.wait(20);
    until_empty(&server.dir.0);
    assert_eq!(slow.received().len(), 20);
}

#[test]
fn a_callback_is_given_up_after_give_up_ms() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS, ("callbacks.give_up_ms", "5000")]);
    let receiver = Receiver::new(Behavior::Answers(200));
    recorded(&server, &receiver.url("/hook"), "POST");
    // The first delivery has started every thread that the second one needs.
    receiver.wait(1);
    until_empty(&server.dir.0);
    receiver.set_behavior(Behavior::Answers(503));
    recorded(&server, &receiver.url("/hook"), "POST");
    until_empty(&server.dir.0);
    let requests = receiver.received().split_off(1);
    let time = requests[requests.len() - 1].at - requests[0].at;
    assert!(
        requests.len() > 2 && time < PATIENCE,
        "{} in {time:?}",
        requests.len()
    );
}

#[test]
fn the_next_gateway_delivers_the_callbacks_of_a_stopped_one() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let port = free_port();
    let id = recorded(&server, &format!("http://127.0.0.1:{port}/hook"), "POST");
    server.stop_gateway();
    let receiver = Receiver::at(port, Behavior::Answers(200));
    assert_eq!(queued_jobs(&server.dir.0).len(), 1);
    let next = start_gateway(&server.engine);
    assert_eq!(receiver.wait(1)[0].key(), id);
    until_empty(&server.dir.0);
    stop_gateway(next);
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_second_gateway_delivers_once_the_first_has_stopped() {
    let server = TestServer::open(&[ALLOW, RETRY_MS, RETRY_MAX_MS]);
    let second = start_gateway(&server.engine);
    let receiver = Receiver::new(Behavior::Answers(200));
    let first = recorded(&server, &receiver.url("/hook"), "POST");
    receiver.wait(1);
    until_empty(&server.dir.0);
    let url = receiver.url("/hook");
    let start = StartFields {
        call_id: Some(FIRST),
        callback_url: Some(&url),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    server.stop_gateway();
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    let requests = receiver.wait(2);
    assert_eq!([requests[0].key(), requests[1].key()], [first, id]);
    stop_gateway(second);
}

#[test]
fn the_callback_of_a_recording_started_by_the_host_is_unsigned() {
    let server = TestServer::open(&[ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(200));
    let url = receiver.url("/hook");
    let start = StartFields {
        call_id: Some(FIRST),
        callback_url: Some(&url),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    let request = receiver.wait(1).remove(0);
    assert_eq!((request.key(), request.header("x-vobiz-signature-v2")), (id, ""));
    let elsewhere = StartFields {
        callback_url: Some("http://10.0.0.1/"),
        ..start
    };
    let refused = server.engine.start(None, &elsewhere).unwrap_err();
    assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
    assert!(refused.message.contains("callbacks.allow"), "{}", refused.message);
    // A missing permission takes precedence.
    let refused = server.engine.start(Some(("user2", 2)), &elsewhere).unwrap_err();
    assert_eq!(refused.status, REC_ERR_FORBIDDEN);
}

#[test]
fn a_discarded_recording_has_no_callback() {
    let server = TestServer::open(&[ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(200));
    let url = receiver.url("/hook");
    let start = StartFields {
        call_id: Some(FIRST),
        callback_url: Some(&url),
        ..StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    server.engine.by_id(rec_discard_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    let next = recorded(&server, &url, "POST");
    assert_eq!(receiver.wait(1)[0].key(), next);
}
