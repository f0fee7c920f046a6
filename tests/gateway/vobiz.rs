//! Starts by Vobiz's API, its authentication and its error responses.

use callrec::capi::*;
use callrec_testkit::wait::until;
use serde_json::json;

use crate::server::{
    ClientResponse, FIRST, SECOND, TestServer, basic, close_feed, start_gateway_at, stop_gateway,
};
use crate::support::{FilterFields, end, feed, has_lame, write_pcm};

/// The credentials of the account MA_DEMO, level 10.
pub const ID: [(&str, &str); 2] = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
/// The credentials of user1, level 2.
pub const USER1: [(&str, &str); 2] = [("x-auth-id", "user1"), ("x-auth-token", "secret")];
pub const RECORDINGS: &str = "/api/v1/Account/MA_DEMO/Recording/";

/// The path that starts and stops recordings of a call.
pub fn record(call: &str) -> String {
    format!("/api/v1/Account/MA_DEMO/Call/{call}/Record/")
}

fn start(server: &TestServer, body: &str) -> ClientResponse {
    server.send("POST", &record(FIRST), &ID, body)
}

/// Starts a recording of the first call; returns its id and URL.
pub fn start_recording(server: &TestServer, body: &str) -> (String, String) {
    let response = start(server, body);
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("recording_id"), text("url"))
}

pub fn stop(server: &TestServer, body: &str) -> ClientResponse {
    server.send("DELETE", &record(FIRST), &ID, body)
}

/// The ids of the live recordings.
pub fn live_ids(server: &TestServer) -> Vec<String> {
    let all = server.engine.list(None, &FilterFields::default()).unwrap();
    all.into_iter().map(|recording| recording.id).collect()
}

/// Writes `seconds` of audio to both legs of the first call.
pub fn write_audio(server: &TestServer, seconds: usize) {
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

/// Makes a recording of `seconds` and waits until it is published; returns its id and URL.
pub fn make_recording(server: &TestServer, seconds: usize) -> (String, String) {
    let (id, url) = start_recording(server, r#"{"file_format":"wav"}"#);
    write_audio(server, seconds);
    assert_eq!(stop(server, &json!({ "URL": url }).to_string()).status, 204);
    server.engine.events.wait_terminal(&id);
    (id, url)
}

/// Asserts the general error form; returns the message.
pub fn expect_general(response: &ClientResponse, status: u16, code: &str) -> String {
    assert_eq!(response.status, status, "{}", response.text());
    let error = response.json();
    assert_eq!(
        (&error["status"], &error["error"]["code"]),
        (&json!("error"), &json!(code))
    );
    assert!(error["error"]["details"].is_object());
    assert!(error["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(error["requestId"].as_str().unwrap().starts_with("req_"));
    error["error"]["message"].as_str().unwrap().to_owned()
}

/// Asserts the error form of the Recording resource; returns the message.
pub fn expect_resource(response: &ClientResponse, status: u16) -> String {
    assert_eq!(response.status, status, "{}", response.text());
    let error = response.json();
    assert_eq!(error["api_id"].as_str().unwrap().len(), 36);
    error["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_start_is_200_with_id_and_url() {
    let server = TestServer::open(&[]);
    let response = start(&server, r#"{"file_format":"wav"}"#);
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    assert_eq!(body["message"], "recording started");
    assert_eq!(body["api_id"].as_str().unwrap().len(), 36);
    let id = body["recording_id"].as_str().unwrap();
    assert_eq!(body["url"], format!("{}/recordings/{id}.wav", server.base));
    assert_eq!(live_ids(&server), [id]);
    let recording = server.engine.get(None, id).unwrap();
    assert_eq!(
        (recording.layout, recording.format.as_str()),
        (REC_LAYOUT_MONO, "wav")
    );
}

/// As published. `tests/mp3_missing.rs` tests a system without LAME.
#[test]
fn the_default_format_is_mp3() {
    if !has_lame() {
        return;
    }
    let server = TestServer::open(&[]);
    let bodies = ["", "{}", r#"{"file_format":"mp3"}"#, r#"{"file_format":null}"#];
    for (started, body) in bodies.into_iter().enumerate() {
        let (id, url) = start_recording(&server, body);
        assert_eq!(url, format!("{}/recordings/{id}.mp3", server.base));
        assert_eq!(server.engine.get(None, &id).unwrap().format, "mp3", "{body}");
        assert_eq!(live_ids(&server).len(), started + 1);
    }
    write_audio(&server, 2);
    assert_eq!(stop(&server, "").status, 204);
    for event in live_ids(&server)
        .iter()
        .map(|id| server.engine.events.wait_terminal(id))
    {
        let recording = event.recording.unwrap();
        assert_eq!(
            (recording.state, recording.duration_ms),
            (REC_STATE_FINISHED, 2000)
        );
    }
    let list = format!("{RECORDINGS}?recording_format=mp3");
    let count = || server.send("GET", &list, &ID, "").json()["meta"]["total_count"].as_u64();
    until("all have ended", || count() == Some(bodies.len() as u64));
    let listed = server.send("GET", &list, &ID, "").json();
    let path = listed["objects"][0]["recording_url"].as_str().unwrap();
    let path = path.strip_prefix(&server.base).unwrap().to_owned();
    let response = server.send("GET", &path, &ID, "");
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "audio/mpeg")
    );
    assert!(response.body.starts_with(b"ID3") && response.body.len() > 4096);
}

#[test]
fn the_default_time_limit_is_sixty_seconds() {
    let server = TestServer::open(&[]);
    let (id, _) = start_recording(&server, r#"{"file_format":"wav"}"#);
    write_audio(&server, 62);
    let recording = server.engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (recording.end_reason, recording.duration_ms),
        (REC_END_LIMIT, 60_000)
    );
    let (id, _) = start_recording(&server, r#"{"file_format":"wav","time_limit":"2"}"#);
    write_audio(&server, 4);
    let recording = server.engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (recording.end_reason, recording.duration_ms),
        (REC_END_LIMIT, 2_000)
    );
}

#[test]
fn forms_and_stereo_are_accepted() {
    let server = TestServer::open(&[]);
    let form = [
        ID[0],
        ID[1],
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = "file_format=wav&record_channel_type=stereo&time_limit=90&transcription_url=";
    let response = server.send("POST", &record(FIRST), &form, body);
    assert_eq!(response.status, 200, "{}", response.text());
    let started = response.json();
    let id = started["recording_id"].as_str().unwrap();
    assert_eq!(server.engine.get(None, id).unwrap().layout, REC_LAYOUT_STEREO);
}

#[test]
fn one_call_may_have_several_recordings() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3)
        .map(|_| start_recording(&server, r#"{"file_format":"wav"}"#).0)
        .collect();
    assert_eq!(live_ids(&server), ids);
}

#[test]
fn invalid_parameters_are_400() {
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
        assert!(live_ids(&server).is_empty(), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    expect_general(&start(&server, &deep), 400, "INVALID_PARAMETER");
}

/// callrec does not transcribe, but it logs the request.
#[test]
fn a_start_with_a_transcription_records_without_one() {
    let server = TestServer::open(&[]);
    let (id, _) = start_recording(&server, r#"{"file_format":"wav"}"#);
    let mut ids = vec![id];
    for body in [
        json!({ "file_format": "wav", "transcription_type": "auto" }),
        json!({ "file_format": "wav", "transcription_url": "http://127.0.0.1/", "transcription_method": 7 }),
    ] {
        ids.push(start_recording(&server, &body.to_string()).0);
    }
    assert_eq!(live_ids(&server), ids);
    let log = server.log();
    until("both are logged", || ids[1..].iter().all(|id| log.has(id)));
    assert!(!log.has(&ids[0]));
}

/// The URLs would begin with `http://0.0.0.0`.
#[test]
fn a_gateway_without_a_reachable_url_logs_a_warning() {
    for (settings, is_warned) in [
        (vec![], true),
        (vec![("gateway.public_url", "http://pbx.example")], false),
        (vec![("recording.url_base", "http://pbx.example/")], false),
    ] {
        let server = TestServer::open(&settings);
        stop_gateway(start_gateway_at(&server.engine, c"0.0.0.0", 0));
        let log = server.log();
        // Its log line follows a warning.
        let body = r#"{"file_format":"wav","transcription_type":"auto"}"#;
        let (id, _) = start_recording(&server, body);
        until("the start is logged", || log.has(&id));
        assert_eq!(log.has("gateway.public_url"), is_warned, "{settings:?}");
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
    assert!(live_ids(&server).is_empty());
}

#[test]
fn a_call_that_is_not_live_is_404() {
    let server = TestServer::open(&[]);
    let wav = r#"{"file_format":"wav"}"#;
    for (method, body) in [("POST", wav), ("DELETE", "")] {
        let response = server.send(method, &record("no-such-call"), &ID, body);
        expect_general(&response, 404, "NOT_FOUND");
    }
    end(server.calls[0]).unwrap();
    expect_general(&start(&server, wav), 404, "NOT_FOUND");
}

#[test]
fn below_level_10_a_user_controls_only_their_own_calls() {
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
    assert!(live_ids(&server).is_empty());
}

#[test]
fn start_returns_503_at_the_limit_of_recordings() {
    let server = TestServer::open(&[("recordings.max", "1")]);
    start_recording(&server, r#"{"file_format":"wav"}"#);
    let response = start(&server, r#"{"file_format":"wav"}"#);
    expect_general(&response, 503, "SERVICE_UNAVAILABLE");
}

#[test]
fn start_returns_503_when_the_disk_is_full() {
    let settings = [
        ("storage.min_free_bytes", "1000000000000000000"),
        ("gateway.apis", "vobiz,plivo"),
    ];
    let server = TestServer::open(&settings);
    let wav = r#"{"file_format":"wav"}"#;
    expect_general(&start(&server, wav), 503, "SERVICE_UNAVAILABLE");
    let basic = basic("MA_DEMO", "secret");
    let path = record(FIRST).replace("/api/v1", "/v1");
    expect_resource(
        &server.send("POST", &path, &[("authorization", &basic)], wav),
        503,
    );
    assert!(live_ids(&server).is_empty());
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
        let response = server.send("POST", path, headers, r#"{"file_format":"wav"}"#);
        expect_general(&response, 401, "UNAUTHORIZED");
    }
    expect_resource(&server.send("GET", RECORDINGS, &[], ""), 401);
    let broken = [("x-auth-id", "broken"), ID[1]];
    let path = record(FIRST).replace("MA_DEMO", "broken");
    expect_general(&server.send("DELETE", &path, &broken, ""), 500, "INTERNAL_ERROR");
    assert!(live_ids(&server).is_empty());
}

/// The two headers take precedence, because the SDKs send all three.
#[test]
fn a_bearer_token_authenticates_the_account_of_the_path() {
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
    let (id, _) = make_recording(&server, 1);
    let audio = format!("/recordings/{id}.wav");
    assert_eq!(server.send("GET", &audio, &[bearer], "").status, 200);
    assert_eq!(
        server
            .send("GET", &audio, &[("authorization", "Bearer other")], "")
            .status,
        401
    );
}

#[test]
fn a_path_in_another_case_or_without_its_last_slash_is_401() {
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

/// Vobiz has no pause.
#[test]
fn an_unknown_path_is_404_and_an_unsupported_method_is_405() {
    let server = TestServer::open(&[]);
    for path in [
        format!("{}Pause/", record(FIRST)),
        "/api/v1/Account/MA_DEMO/Conference/x/Record/".to_owned(),
        "/api/v1/Account/MA_DEMO/".to_owned(),
        "/api/v1".to_owned(),
    ] {
        expect_general(&server.send("POST", &path, &ID, ""), 404, "NOT_FOUND");
    }
    let response = server.send("GET", &record(FIRST), &ID, "");
    expect_general(&response, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(response.header("allow"), "POST, DELETE");
    let response = server.send("DELETE", RECORDINGS, &ID, "");
    expect_resource(&response, 405);
    assert_eq!(response.header("allow"), "GET, HEAD");
}
