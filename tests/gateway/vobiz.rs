//! Vobiz's start: each published answer, each subtlety that is ours to keep.

use callrec::capi::*;
use callrec_testkit::wait::until;
use serde_json::json;

use crate::server::{
    ClientResponse, FIRST, SECOND, TestServer, basic, close_feed, start_gateway_at, stop_gateway,
};
use crate::support::{FilterFields, end, feed, write_pcm};

pub const ID: [(&str, &str); 2] = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
pub const USER1: [(&str, &str); 2] = [("x-auth-id", "user1"), ("x-auth-token", "secret")];
pub const RECORDINGS: &str = "/api/v1/Account/MA_DEMO/Recording/";

pub fn record(call: &str) -> String {
    format!("/api/v1/Account/MA_DEMO/Call/{call}/Record/")
}

fn start(server: &TestServer, body: &str) -> ClientResponse {
    server.send("POST", &record(FIRST), &ID, body)
}

/// (recording_id, url)
pub fn started(server: &TestServer, body: &str) -> (String, String) {
    let reply = start(server, body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = reply.json();
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    (text("recording_id"), text("url"))
}

pub fn stop(server: &TestServer, body: &str) -> ClientResponse {
    server.send("DELETE", &record(FIRST), &ID, body)
}

pub fn live(server: &TestServer) -> Vec<String> {
    let all = server.engine.list(None, &FilterFields::default()).unwrap();
    all.into_iter().map(|seen| seen.id).collect()
}

/// Says `seconds` into both legs of the first call.
pub fn speak(server: &TestServer, seconds: usize) {
    let legs = [0, 1].map(|leg| feed(server.calls[0], leg, REC_CODEC_PCM16, 8000).unwrap());
    let second = vec![1000; 8000];
    for _ in 0..seconds {
        for leg in legs {
            write_pcm(leg, &second);
        }
    }
    for leg in legs {
        close_feed(leg);
    }
}

/// A recording of so many seconds that has been published.
pub fn finished(server: &TestServer, seconds: usize) -> (String, String) {
    let (id, url) = started(server, r#"{"file_format":"wav"}"#);
    speak(server, seconds);
    assert_eq!(stop(server, &json!({ "URL": url }).to_string()).status, 204);
    server.engine.events.wait_terminal(&id);
    (id, url)
}

pub fn expect_general(reply: &ClientResponse, status: u16, code: &str) -> String {
    assert_eq!(reply.status, status, "{}", reply.text());
    let said = reply.json();
    assert_eq!(
        (&said["status"], &said["error"]["code"]),
        (&json!("error"), &json!(code))
    );
    assert!(said["error"]["details"].is_object());
    assert!(said["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(said["requestId"].as_str().unwrap().starts_with("req_"));
    said["error"]["message"].as_str().unwrap().to_owned()
}

pub fn expect_resource(reply: &ClientResponse, status: u16) -> String {
    assert_eq!(reply.status, status, "{}", reply.text());
    let said = reply.json();
    assert_eq!(said["api_id"].as_str().unwrap().len(), 36);
    said["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_start_answers_200_with_id_and_url() {
    let server = TestServer::open(&[]);
    let reply = start(&server, r#"{"file_format":"wav"}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = reply.json();
    assert_eq!(said["message"], "recording started");
    assert_eq!(said["api_id"].as_str().unwrap().len(), 36);
    let id = said["recording_id"].as_str().unwrap();
    assert_eq!(said["url"], format!("{}/recordings/{id}.wav", server.base));
    assert_eq!(live(&server), [id]);
    let seen = server.engine.get(None, id).unwrap();
    assert_eq!((seen.layout, seen.format.as_str()), (REC_LAYOUT_MONO, "wav"));
}

#[test]
fn the_default_format_mp3_is_refused_and_wav_named() {
    let server = TestServer::open(&[]);
    for body in ["", "{}", r#"{"file_format":"mp3"}"#, r#"{"file_format":null}"#] {
        let message = expect_general(&start(&server, body), 400, "INVALID_PARAMETER");
        assert!(message.contains("file_format=wav"), "{body}: {message}");
    }
    assert!(live(&server).is_empty());
}

/// Subtlety 29.
#[test]
fn the_default_time_limit_is_sixty_seconds() {
    let server = TestServer::open(&[]);
    let (id, _) = started(&server, r#"{"file_format":"wav"}"#);
    speak(&server, 62);
    let told = server.engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!((told.end_reason, told.duration_ms), (REC_END_LIMIT, 60_000));
    let (id, _) = started(&server, r#"{"file_format":"wav","time_limit":"2"}"#);
    speak(&server, 4);
    let told = server.engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!((told.end_reason, told.duration_ms), (REC_END_LIMIT, 2_000));
}

#[test]
fn stereo_and_forms_are_understood() {
    let server = TestServer::open(&[]);
    let form = [
        ID[0],
        ID[1],
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = "file_format=wav&record_channel_type=stereo&time_limit=90&transcription_url=";
    let reply = server.send("POST", &record(FIRST), &form, body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = reply.json();
    let id = said["recording_id"].as_str().unwrap();
    assert_eq!(server.engine.get(None, id).unwrap().layout, REC_LAYOUT_STEREO);
}

/// Subtlety 28.
#[test]
fn several_recordings_run_at_once_on_one_call() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3)
        .map(|_| started(&server, r#"{"file_format":"wav"}"#).0)
        .collect();
    assert_eq!(live(&server), ids);
}

#[test]
fn wrong_parameters_are_400() {
    let server = TestServer::open(&[]);
    for body in [
        "{",
        "[]",
        "7",
        "file_format=wav",
        r#"{"file_format":"cassette"}"#,
        r#"{"file_format":7}"#,
        r#"{"file_format":"wav","time_limit":0}"#,
        r#"{"file_format":"wav","time_limit":-1}"#,
        r#"{"file_format":"wav","time_limit":1.5}"#,
        r#"{"file_format":"wav","time_limit":4294968}"#,
        r#"{"file_format":"wav","time_limit":"soon"}"#,
        r#"{"file_format":"wav","time_limit":true}"#,
        r#"{"file_format":"wav","record_channel_type":"quad"}"#,
        r#"{"file_format":"wav","callback_method":"PUT"}"#,
        r#"{"file_format":"wav","callback_url":{}}"#,
    ] {
        expect_general(&start(&server, body), 400, "INVALID_PARAMETER");
        assert!(live(&server).is_empty(), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    expect_general(&start(&server, &deep), 400, "INVALID_PARAMETER");
}

/// What is said is kept, also where nobody will write it down.
#[test]
fn who_asks_for_a_transcription_is_recorded_without() {
    let server = TestServer::open(&[]);
    let (id, _) = started(&server, r#"{"file_format":"wav"}"#);
    let mut ids = vec![id];
    for wish in [
        json!({ "file_format": "wav", "transcription_type": "auto" }),
        json!({ "file_format": "wav", "transcription_url": "http://127.0.0.1/", "transcription_method": 7 }),
    ] {
        ids.push(started(&server, &wish.to_string()).0);
    }
    assert_eq!(live(&server), ids);
    let log = server.log();
    until("both are logged", || ids[1..].iter().all(|id| log.has(id)));
    assert!(!log.has(&ids[0]));
}

/// Nobody can follow `http://0.0.0.0/…`.
#[test]
fn urls_that_lead_nowhere_are_warned_of_when_the_gateway_starts() {
    for (settings, warned) in [
        (vec![], true),
        (vec![("gateway.public_url", "http://pbx.example")], false),
        (vec![("recording.url_base", "http://pbx.example/")], false),
    ] {
        let server = TestServer::open(&settings);
        stop_gateway(start_gateway_at(&server.engine, c"0.0.0.0", 0));
        let log = server.log();
        // What is logged after it.
        let wish = r#"{"file_format":"wav","transcription_type":"auto"}"#;
        let (id, _) = started(&server, wish);
        until("the start is logged", || log.has(&id));
        assert_eq!(log.has("gateway.public_url"), warned, "{settings:?}");
    }
}

#[test]
fn a_callback_that_is_not_allowed_is_400() {
    let server = TestServer::open(&[("callbacks.allow", "https://*.example.com,http://127.0.0.1:81")]);
    for url in [
        "http://127.0.0.1/",
        "http://127.0.0.1:82/",
        "http://localhost:81/",
        "http://169.254.169.254/latest",
        "https://example.com/",
        "https://evil.net/",
        "ftp://a.example.com/",
        "nonsense",
    ] {
        let body = json!({ "file_format": "wav", "callback_url": url });
        let message = expect_general(&start(&server, &body.to_string()), 400, "INVALID_PARAMETER");
        assert!(message.contains("callback_url"), "{url}: {message}");
    }
    assert!(live(&server).is_empty());
}

#[test]
fn a_call_that_is_not_live_is_404() {
    let server = TestServer::open(&[]);
    let wav = r#"{"file_format":"wav"}"#;
    for (method, body) in [("POST", wav), ("DELETE", "")] {
        let reply = server.send(method, &record("no-such-call"), &ID, body);
        expect_general(&reply, 404, "NOT_FOUND");
    }
    end(server.calls[0]).unwrap();
    expect_general(&start(&server, wav), 404, "NOT_FOUND");
}

#[test]
fn below_level_10_only_own_calls_are_controlled() {
    let server = TestServer::open(&[]);
    let path = |call: &str| format!("/api/v1/Account/user1/Call/{call}/Record/");
    let wav = r#"{"file_format":"wav"}"#;
    assert_eq!(server.send("POST", &path(FIRST), &USER1, wav).status, 200);
    for call in [SECOND, "no-such-call"] {
        expect_general(&server.send("POST", &path(call), &USER1, wav), 403, "FORBIDDEN");
        expect_general(&server.send("POST", &path(call), &USER1, "{"), 403, "FORBIDDEN");
        expect_general(&server.send("DELETE", &path(call), &USER1, ""), 403, "FORBIDDEN");
        expect_general(&server.send("DELETE", &path(call), &USER1, "{"), 403, "FORBIDDEN");
    }
    assert_eq!(server.send("DELETE", &path(FIRST), &USER1, "").status, 204);
    assert!(live(&server).is_empty());
}

#[test]
fn too_many_recordings_are_503() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    started(&server, r#"{"file_format":"wav"}"#);
    let reply = start(&server, r#"{"file_format":"wav"}"#);
    expect_general(&reply, 503, "SERVICE_UNAVAILABLE");
}

#[test]
fn too_little_room_on_the_disk_is_503() {
    let most = [
        ("storage.min_free_bytes", "1000000000000000000"),
        ("gateway.apis", "vobiz,plivo"),
    ];
    let server = TestServer::open(&most);
    let wav = r#"{"file_format":"wav"}"#;
    expect_general(&start(&server, wav), 503, "SERVICE_UNAVAILABLE");
    let basic = basic("MA_DEMO", "secret");
    let path = record(FIRST).replace("/api/v1", "/v1");
    expect_resource(
        &server.send("POST", &path, &[("authorization", &basic)], wav),
        503,
    );
    assert!(live(&server).is_empty());
}

#[test]
fn wrong_credentials_or_another_account_are_401() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    let other = format!("/api/v1/Account/MA_OTHER/Call/{FIRST}/Record/");
    let basic = basic("MA_DEMO", "secret");
    let wrong: [(&str, &[(&str, &str)]); 6] = [
        (&record(FIRST), &[]),
        (&record(FIRST), &[ID[0]]),
        (&record(FIRST), &[ID[0], ("x-auth-token", "wrong")]),
        (&record(FIRST), &[("x-auth-id", "MA_OTHER"), ID[1]]),
        (&other, &ID),
        (&record(FIRST), &[("authorization", &basic)]),
    ];
    for (path, headers) in wrong {
        let reply = server.send("POST", path, headers, r#"{"file_format":"wav"}"#);
        expect_general(&reply, 401, "UNAUTHORIZED");
    }
    expect_resource(&server.send("GET", RECORDINGS, &[], ""), 401);
    let broken = [("x-auth-id", "broken"), ID[1]];
    let path = record(FIRST).replace("MA_DEMO", "broken");
    expect_general(&server.send("DELETE", &path, &broken, ""), 500, "INTERNAL_ERROR");
    assert!(live(&server).is_empty());
}

/// In place of the two headers; where they are there they count, as the SDKs send all three.
#[test]
fn a_bearers_token_is_the_account_s_that_the_path_names() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    let bearer = ("authorization", "bEaReR bearer");
    let wav = r#"{"file_format":"wav"}"#;
    assert_eq!(server.send("POST", &record(FIRST), &[bearer], wav).status, 200);
    let all = [ID[0], ID[1], ("authorization", "Bearer other")];
    assert_eq!(server.send("POST", &record(FIRST), &all, wav).status, 200);
    let other = record(FIRST).replace("MA_DEMO", "MA_OTHER");
    let wrong_pair = [ID[0], ("x-auth-token", "wrong"), bearer];
    let wrong: [(&str, &[(&str, &str)]); 5] = [
        (&other, &[bearer]),
        (&record(FIRST), &[("authorization", "Bearer other")]),
        (&record(FIRST), &[("authorization", "Bearer ")]),
        (&record(FIRST), &[("authorization", "Bearer")]),
        (&record(FIRST), &wrong_pair),
    ];
    for (path, headers) in wrong {
        expect_general(&server.send("POST", path, headers, wav), 401, "UNAUTHORIZED");
    }
    assert_eq!(server.send("DELETE", &record(FIRST), &[bearer], "").status, 204);
    let (id, _) = finished(&server, 1);
    let audio = format!("/recordings/{id}.wav");
    assert_eq!(server.send("GET", &audio, &[bearer], "").status, 200);
    assert_eq!(
        server
            .send("GET", &audio, &[("authorization", "Bearer other")], "")
            .status,
        401
    );
}

/// Subtlety 34.
#[test]
fn another_case_or_no_slash_at_the_end_looks_like_401() {
    let server = TestServer::open(&[]);
    let path = record(FIRST);
    for path in [
        path.trim_end_matches('/'),
        &path.replace("Account", "account"),
        &path.replace("Record/", "record/"),
        RECORDINGS.trim_end_matches('/'),
        &RECORDINGS.replace("Recording", "recording"),
    ] {
        expect_general(&server.send("POST", path, &ID, ""), 401, "UNAUTHORIZED");
    }
}

/// Subtlety 40 among them: a call has no pause.
#[test]
fn what_is_not_offered_is_404_and_other_methods_405() {
    let server = TestServer::open(&[]);
    for path in [
        format!("{}Pause/", record(FIRST)),
        "/api/v1/Account/MA_DEMO/Conference/x/Record/".to_owned(),
        "/api/v1/Account/MA_DEMO/".to_owned(),
        "/api/v1".to_owned(),
    ] {
        expect_general(&server.send("POST", &path, &ID, ""), 404, "NOT_FOUND");
    }
    let reply = server.send("GET", &record(FIRST), &ID, "");
    expect_general(&reply, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(reply.header("allow"), "POST, DELETE");
    let reply = server.send("DELETE", RECORDINGS, &ID, "");
    expect_resource(&reply, 405);
    assert_eq!(reply.header("allow"), "GET, HEAD");
}
