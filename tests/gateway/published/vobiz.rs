//! Vobiz: "Stop Recording a Call", and the published responses of the other pages. Plivo: a start.

use callrec::capi::*;
use serde_json::Value;

use super::expect_form;
use super::raw::{RawResponse, authorization, send_lines};
use crate::server::{FIRST, TestServer};
use crate::vobiz::{live, started};

/// The headers of the published curl command.
const HEADERS: [&str; 2] = ["X-Auth-ID: MA_DEMO", "X-Auth-Token: secret"];
const WAV: &str = r#"{"file_format":"wav"}"#;

/// `request`: as published, from the account on.
fn send(server: &TestServer, request: &str, body: &str) -> RawResponse {
    let (method, path) = request.split_once(' ').unwrap();
    let path = path.replace("{auth_id}", "MA_DEMO").replace("{call_uuid}", FIRST);
    let line = format!("{method} /api/v1/Account/{path}");
    let content_type = "Content-Type: application/json";
    match body {
        "" => send_lines(server, &line, &HEADERS, ""),
        body => send_lines(server, &line, &[HEADERS[0], HEADERS[1], content_type], body),
    }
}

#[test]
fn the_published_requests_of_a_stop() {
    const STOP: &str = "DELETE {auth_id}/Call/{call_uuid}/Record/";
    let server = TestServer::open(&[]);
    let all: Vec<_> = (0..3).map(|_| started(&server, WAV)).collect();
    let published = include_str!("../../fixtures/vobiz-stop-one.json").trim_end();
    send(&server, STOP, published).expect_empty("204 No Content");
    assert_eq!(live(&server).len(), 3, "no recording has the published URL");
    let url = serde_json::from_str::<Value>(published).unwrap()["URL"].clone();
    let matching = published.replace(url.as_str().unwrap(), &all[1].1);
    send(&server, STOP, &matching).expect_empty("204 No Content");
    assert_eq!(live(&server), [all[0].0.as_str(), all[2].0.as_str()]);
    send(&server, STOP, "").expect_empty("204 No Content");
    assert!(live(&server).is_empty());
    send(&server, STOP, "").expect_empty("204 No Content");
}

#[test]
fn a_start_has_the_published_form() {
    const START: &str = "POST {auth_id}/Call/{call_uuid}/Record/";
    let server = TestServer::open(&[]);
    let response = send(&server, START, WAV);
    let body = response.expect_json("200 OK");
    expect_form(
        body,
        r#"{"api_id":"uuid-here","message":"recording started","recording_id":"recording-uuid-here","url":"https://recordings.example.com/recording-uuid.mp3"}"#,
    );
    assert!(body.contains(r#""message":"recording started""#), "{body}");
    let line = format!("POST /v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    let plivo = TestServer::open(&[("gateway.apis", "plivo")]);
    let response = send_lines(&plivo, &line, &[&authorization("MA_DEMO")], WAV);
    let body = response.expect_json("202 Accepted");
    let members = ["url", "message", "recording_id", "api_id"];
    let started: Value = serde_json::from_str(body).unwrap();
    assert!(members.iter().all(|name| started[name].is_string()), "{body}");
    assert_eq!(started["message"], "call recording started");
}

#[test]
fn errors_have_the_two_published_forms() {
    let server = TestServer::open(&[]);
    let response = send(&server, "POST {auth_id}/Call/none/Record/", WAV);
    let body = response.expect_json("404 Not Found");
    expect_form(
        body,
        r#"{"status":"error","error":{"code":"INSUFFICIENT_BALANCE","message":"","details":{}},"timestamp":"2025-10-12T10:30:00.000Z","requestId":"req_7a8b9c0d1e2f"}"#,
    );
    let error: Value = serde_json::from_str(body).unwrap();
    let without_digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let timestamp = error["timestamp"].as_str().unwrap();
    assert_eq!(
        without_digits(timestamp),
        without_digits("2025-10-12T10:30:00.000Z")
    );
    let request = error["requestId"].as_str().unwrap();
    assert_eq!((&request[..4], request.len()), ("req_", "req_7a8b9c0d1e2f".len()));
    for method in ["GET", "DELETE"] {
        let path = "{auth_id}/Recording/48dfaf60-3b2a-11e3-a8f0-0123456789ab/";
        let response = send(&server, &format!("{method} {path}"), "");
        let body = response.expect_json("404 Not Found");
        expect_form(
            body,
            r#"{"api_id":"correlation-id-uuid","error":"Recording not found"}"#,
        );
        assert!(body.ends_with(r#""error":"Recording not found"}"#), "{body}");
    }
}

#[test]
fn the_list_of_recordings_has_the_published_form() {
    let server = TestServer::open(&[]);
    let published = r#"{"api_id":"","meta":{"limit":20,"next":null,"offset":0,"previous":null,"total_count":1},"objects":[]}"#;
    let response = send(&server, "GET {auth_id}/Recording/", "");
    expect_form(response.expect_json("200 OK"), published);
    let (id, _) = started(&server, WAV);
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    let response = send(&server, "GET {auth_id}/Recording/", "");
    let published = published.replace("[]", "[null]");
    expect_form(response.expect_json("200 OK"), &published);
}
