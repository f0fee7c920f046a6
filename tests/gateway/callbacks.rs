//! Callbacks: what they say, and that none is lost, whatever the receiver does and
//! wherever the process dies.

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
pub const SOON: (&str, &str) = ("callbacks.retry_ms", "10");
pub const OFTEN: (&str, &str) = ("callbacks.retry_max_ms", "40");

fn path() -> String {
    format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/")
}

/// A recording that calls back, stopped and told; its id.
fn recorded(server: &TestServer, url: &str, method: &str) -> String {
    let body = json!({ "file_format": "wav", "callback_url": url, "callback_method": method });
    let reply = server.send("POST", &path(), &ID, &body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = reply.json();
    let id = said["recording_id"].as_str().unwrap().to_owned();
    let url = json!({ "URL": said["url"] }).to_string();
    assert_eq!(server.send("DELETE", &path(), &ID, &url).status, 204);
    server.engine.events.wait_terminal(&id);
    id
}

pub fn queued_jobs(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory.join(".callrec/jobs/callback")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

pub fn until_empty(directory: &Path) {
    until("there are always jobs", || queued_jobs(directory).is_empty());
}

fn signed(text: &str) -> String {
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    hmac.update(text.as_bytes());
    BASE64_STANDARD.encode(hmac.finalize().into_bytes())
}

#[test]
fn a_callback_has_the_eight_fields_and_both_signatures() {
    let server = TestServer::open(&[ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(200));
    let body = json!({ "file_format": "wav", "callback_url": receiver.url("/hook?own=1") });
    let said = server.send("POST", &path(), &ID, &body.to_string()).json();
    let legs = [0, 1].map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    for _ in 0..20 {
        for leg in legs {
            write_pcm(leg, &[500; 800]);
        }
    }
    assert_eq!(server.send("DELETE", &path(), &ID, "").status, 204);
    let heard = receiver.wait(1).remove(0);
    let id = said["recording_id"].as_str().unwrap();
    let told = server.engine.events.wait_terminal(id).recording.unwrap();
    assert_eq!(
        (heard.method.as_str(), heard.target.as_str()),
        ("POST", "/hook?own=1")
    );
    assert_eq!(heard.header("content-type"), "application/x-www-form-urlencoded");
    let fields = heard.fields();
    let expected = [
        ("api_id", said["api_id"].as_str().unwrap().to_owned()),
        ("record_url", said["url"].as_str().unwrap().to_owned()),
        ("call_uuid", FIRST.to_owned()),
        ("recording_id", id.to_owned()),
        ("recording_duration", (told.duration_ms / 1000).to_string()),
        ("recording_duration_ms", told.duration_ms.to_string()),
        ("recording_start_ms", told.started_at_ms.to_string()),
        ("recording_end_ms", told.ended_at_ms.to_string()),
    ];
    assert_eq!(fields.len(), expected.len(), "{fields:?}");
    for (name, value) in expected {
        assert_eq!(fields[name], value, "{name}");
    }
    assert_eq!(heard.key(), id);
    assert!(heard.header("user-agent").starts_with("callrec/"));
    let base = receiver.url("/hook");
    let nonce = heard.header("x-vobiz-signature-v2-nonce");
    assert!(
        nonce.len() == 20 && nonce.bytes().all(|byte| byte.is_ascii_digit()),
        "{nonce}"
    );
    assert_eq!(
        heard.header("x-vobiz-signature-v2"),
        signed(&format!("{base}{nonce}"))
    );
    let nonce = heard.header("x-vobiz-signature-v3-nonce");
    assert_eq!(
        heard.header("x-vobiz-signature-v3"),
        signed(&format!("{base}.{nonce}"))
    );
    assert_eq!(
        heard.header("x-vobiz-signature-ma-v3"),
        heard.header("x-vobiz-signature-v3")
    );
    // The file is there: the url that it names can be fetched.
    let audio = fields["record_url"].strip_prefix(&server.base).unwrap();
    assert_eq!(server.send("GET", audio, &ID, "").status, 200);
    until_empty(&server.dir.0);
}

#[test]
fn by_get_the_fields_are_in_the_query() {
    let server = TestServer::open(&[ALLOW]);
    let receiver = Receiver::new(Behavior::Answers(204));
    let id = recorded(&server, &receiver.url("/hook?own=1"), "GET");
    let heard = receiver.wait(1).remove(0);
    assert_eq!((heard.method.as_str(), heard.body.as_str()), ("GET", ""));
    assert_eq!(heard.fields()["recording_id"], id);
    assert_eq!(heard.fields()["own"], "1");
}

#[test]
fn plivo_signs_in_its_own_name() {
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
    let heard = receiver.wait(1).remove(0);
    let nonce = heard.header("x-plivo-signature-v2-nonce");
    let expected = signed(&format!("{}{nonce}", receiver.url("/hook")));
    assert_eq!(heard.header("x-plivo-signature-v2"), expected);
    let mut fields: Vec<_> = heard.fields().into_iter().collect();
    fields.sort();
    let said: String = fields
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    let nonce = heard.header("x-plivo-signature-v3-nonce");
    let expected = signed(&format!("{}?{said}.{nonce}", receiver.url("/hook")));
    assert_eq!(heard.header("x-plivo-signature-v3"), expected);
    assert_eq!(heard.header("x-vobiz-signature-v2"), "");
}

/// Tried until it is answered, always under the same key, and never after that.
fn comes_through(server: &TestServer, receiver: &Receiver, id: &str, tries: usize) {
    let heard = receiver.wait(tries);
    assert!(heard.iter().all(|heard| heard.key() == id), "{heard:#?}");
    receiver.set_behavior(Behavior::Answers(200));
    until_empty(&server.dir.0);
    let count = receiver.received().len();
    // Another that comes after it shows that nothing more came in between.
    let next = recorded(server, &receiver.url("/next"), "POST");
    let all = receiver.wait(count + 1);
    assert_eq!(all[count].key(), next);
    let nonces: HashSet<_> = all
        .iter()
        .map(|heard| heard.header("x-vobiz-signature-v2-nonce"))
        .collect();
    assert_eq!(nonces.len(), all.len(), "a nonce is used once");
}

#[test]
fn a_receiver_that_answers_500_is_asked_again() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let receiver = Receiver::new(Behavior::Answers(500));
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    comes_through(&server, &receiver, &id, 4);
}

#[test]
fn a_receiver_that_closes_half_way_is_asked_again() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let receiver = Receiver::new(Behavior::ClosesHalfWay);
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    comes_through(&server, &receiver, &id, 3);
}

#[test]
fn a_receiver_that_never_answers_is_asked_again() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN, ("callbacks.timeout_ms", "100")]);
    let receiver = Receiver::new(Behavior::Holds);
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    comes_through(&server, &receiver, &id, 3);
}

#[test]
fn a_redirect_is_no_answer_and_is_not_followed() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let elsewhere = Receiver::new(Behavior::Answers(200));
    let receiver = Receiver::new(Behavior::Redirects(elsewhere.url("/")));
    let id = recorded(&server, &receiver.url("/hook"), "POST");
    comes_through(&server, &receiver, &id, 2);
    assert!(elsewhere.received().is_empty());
}

#[test]
fn a_receiver_that_is_down_is_called_when_it_is_up() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
    let port = free_port();
    let ids: HashSet<String> = (0..5)
        .map(|_| recorded(&server, &format!("http://localhost:{port}/hook"), "POST"))
        .collect();
    assert_eq!(queued_jobs(&server.dir.0).len(), 5);
    until("five wait", || {
        let metrics = server.send("GET", "/metrics", &[], "");
        metrics.text().contains("callrec_callbacks_waiting 5\n")
    });
    let receiver = Receiver::at(port, Behavior::Answers(200));
    let heard = receiver.wait(5);
    until_empty(&server.dir.0);
    assert_eq!(receiver.received().len(), 5, "each once");
    assert_eq!(
        heard.iter().map(CallbackRequest::key).collect::<HashSet<_>>(),
        ids
    );
}

#[test]
fn a_receiver_that_holds_every_call_delays_no_other() {
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
    // Returns although not one of the other's has been answered.
    let heard = fast.wait(20);
    assert_eq!(
        heard
            .iter()
            .map(CallbackRequest::key)
            .collect::<HashSet<_>>()
            .len(),
        20
    );
    assert_eq!(slow.received().len(), 1, "one at a time, until it has answered");
    slow.set_behavior(Behavior::Answers(200));
    slow.release();
    slow.wait(20);
    until_empty(&server.dir.0);
    assert_eq!(slow.received().len(), 20);
}

#[test]
fn after_its_time_a_callback_is_given_up() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN, ("callbacks.give_up_ms", "5000")]);
    let receiver = Receiver::new(Behavior::Answers(200));
    recorded(&server, &receiver.url("/hook"), "POST");
    // From here on all that it takes is running.
    receiver.wait(1);
    until_empty(&server.dir.0);
    receiver.set_behavior(Behavior::Answers(503));
    recorded(&server, &receiver.url("/hook"), "POST");
    until_empty(&server.dir.0);
    let heard = receiver.received().split_off(1);
    let time = heard[heard.len() - 1].at - heard[0].at;
    assert!(heard.len() > 2 && time < PATIENCE, "{} in {time:?}", heard.len());
}

#[test]
fn a_stopped_gateway_leaves_them_to_the_next_one() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
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
fn of_two_gateways_one_delivers_and_the_other_takes_over() {
    let server = TestServer::open(&[ALLOW, SOON, OFTEN]);
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
    let heard = receiver.wait(2);
    assert_eq!([heard[0].key(), heard[1].key()], [first, id]);
    stop_gateway(second);
}

#[test]
fn a_start_of_the_host_calls_back_unsigned() {
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
    let heard = receiver.wait(1).remove(0);
    assert_eq!((heard.key(), heard.header("x-vobiz-signature-v2")), (id, ""));
    let elsewhere = StartFields {
        callback_url: Some("http://10.0.0.1/"),
        ..start
    };
    let refused = server.engine.start(None, &elsewhere).unwrap_err();
    assert_eq!(refused.status, REC_ERR_INVALID_ARGUMENT);
    assert!(refused.message.contains("callbacks.allow"), "{}", refused.message);
    // What outranks it is told first.
    let refused = server.engine.start(Some(("user2", 2)), &elsewhere).unwrap_err();
    assert_eq!(refused.status, REC_ERR_FORBIDDEN);
}

#[test]
fn a_discarded_recording_calls_nobody_back() {
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
