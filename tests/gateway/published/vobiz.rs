//! Vobiz: "Stop Recording a Call", and the answers that its other pages print; Plivo's start.

use callrec::capi::*;
use serde_json::Value;

use super::expect_form;
use super::raw::{RawReply, authorization, send_lines};
use crate::server::{FIRST, TestServer};
use crate::vobiz::{live, started};

/// Those that the page's curl command prints.
const HEADERS: [&str; 2] = ["X-Auth-ID: MA_DEMO", "X-Auth-Token: secret"];
const WAV: &str = r#"{"file_format":"wav"}"#;

/// `request`: as printed, from the account on.
fn ask(server: &TestServer, request: &str, body: &str) -> RawReply {
    let (method, path) = request.split_once(' ').unwrap();
    let path = path.replace("{auth_id}", "MA_DEMO").replace("{call_uuid}", FIRST);
    let line = format!("{method} /api/v1/Account/{path}");
    let kind = "Content-Type: application/json";
    match body {
        "" => send_lines(server, &line, &HEADERS, ""),
        body => send_lines(server, &line, &[HEADERS[0], HEADERS[1], kind], body),
    }
}

#[test]
fn the_requests_of_a_stop_to_the_byte() {
    const STOP: &str = "DELETE {auth_id}/Call/{call_uuid}/Record/";
    let server = TestServer::open(&[]);
    let all: Vec<_> = (0..3).map(|_| started(&server, WAV)).collect();
    let printed = include_str!("../../fixtures/vobiz-stop-one.json").trim_end();
    ask(&server, STOP, printed).expect_empty("204 No Content");
    assert_eq!(live(&server).len(), 3, "none has the printed url");
    let url = serde_json::from_str::<Value>(printed).unwrap()["URL"].clone();
    let own = printed.replace(url.as_str().unwrap(), &all[1].1);
    ask(&server, STOP, &own).expect_empty("204 No Content");
    assert_eq!(live(&server), [all[0].0.as_str(), all[2].0.as_str()]);
    ask(&server, STOP, "").expect_empty("204 No Content");
    assert!(live(&server).is_empty());
    ask(&server, STOP, "").expect_empty("204 No Content");
}

#[test]
fn a_start_answers_in_the_printed_form() {
    const START: &str = "POST {auth_id}/Call/{call_uuid}/Record/";
    let server = TestServer::open(&[]);
    let reply = ask(&server, START, WAV);
    let body = reply.expect_json("200 OK");
    expect_form(
        body,
        r#"{"api_id":"uuid-here","message":"recording started","recording_id":"recording-uuid-here","url":"https://recordings.example.com/recording-uuid.mp3"}"#,
    );
    assert!(body.contains(r#""message":"recording started""#), "{body}");
    let line = format!("POST /v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    let plivo = TestServer::open(&[("gateway.apis", "plivo")]);
    let reply = send_lines(&plivo, &line, &[&authorization("MA_DEMO")], WAV);
    let body = reply.expect_json("202 Accepted");
    let members = ["url", "message", "recording_id", "api_id"];
    let said: Value = serde_json::from_str(body).unwrap();
    assert!(members.iter().all(|name| said[name].is_string()), "{body}");
    assert_eq!(said["message"], "call recording started");
}

#[test]
fn refusals_in_the_two_printed_forms() {
    let server = TestServer::open(&[]);
    let reply = ask(&server, "POST {auth_id}/Call/none/Record/", WAV);
    let body = reply.expect_json("404 Not Found");
    expect_form(
        body,
        r#"{"status":"error","error":{"code":"INSUFFICIENT_BALANCE","message":"","details":{}},"timestamp":"2025-10-12T10:30:00.000Z","requestId":"req_7a8b9c0d1e2f"}"#,
    );
    let said: Value = serde_json::from_str(body).unwrap();
    let figures = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let timestamp = said["timestamp"].as_str().unwrap();
    assert_eq!(figures(timestamp), figures("2025-10-12T10:30:00.000Z"));
    let request = said["requestId"].as_str().unwrap();
    assert_eq!((&request[..4], request.len()), ("req_", "req_7a8b9c0d1e2f".len()));
    for method in ["GET", "DELETE"] {
        let nobodys = "{auth_id}/Recording/48dfaf60-3b2a-11e3-a8f0-0123456789ab/";
        let reply = ask(&server, &format!("{method} {nobodys}"), "");
        let body = reply.expect_json("404 Not Found");
        expect_form(
            body,
            r#"{"api_id":"correlation-id-uuid","error":"Recording not found"}"#,
        );
        assert!(body.ends_with(r#""error":"Recording not found"}"#), "{body}");
    }
}

#[test]
fn the_list_of_recordings_in_the_printed_form() {
    let server = TestServer::open(&[]);
    let printed = r#"{"api_id":"","meta":{"limit":20,"next":null,"offset":0,"previous":null,"total_count":1},"objects":[]}"#;
    let reply = ask(&server, "GET {auth_id}/Recording/", "");
    expect_form(reply.expect_json("200 OK"), printed);
    let (id, _) = started(&server, WAV);
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    server.engine.events.wait_terminal(&id);
    let reply = ask(&server, "GET {auth_id}/Recording/", "");
    let printed = printed.replace("[]", "[null]");
    expect_form(reply.expect_json("200 OK"), &printed);
}
