//! Genesys: "PauseCallRecording", "StopCallRecording", the CSRF texts, and CometD's handshake.

use super::raw::{RawReply, authorization, send_lines};
use super::{compact, expect_form};
use crate::bayeux::{BayeuxClient, COMETD, operate_ok};
use crate::genesys_events::{expect_notification, published_server};
use crate::server::{FIRST, TestServer};

/// The mandatory headers, which the pages print as one.
fn send(server: &TestServer, line: &str, body: &str) -> RawReply {
    let who = authorization("user1");
    send_lines(server, line, &[&who, "Origin: http://127.0.0.1:8080"], body)
}

fn replay(server: &TestServer, client: &BayeuxClient<'_>, request: &str, answer: &str, notification: &str) {
    let (line, body) = request.trim_end().split_once('\n').unwrap();
    let reply = send(server, line, body);
    assert_eq!(reply.expect_json("200 OK"), compact(answer));
    expect_notification(client, notification);
}

/// With the answer and the notification that are printed for each.
#[test]
fn the_requests_of_pause_and_stop_to_the_byte() {
    let server = published_server();
    let client = BayeuxClient::subscribed(&server, "user1");
    operate_ok(&server, "user1", FIRST, "StartCallRecording");
    client.notifications(1);
    replay(
        &server,
        &client,
        include_str!("../../fixtures/genesys-pause-request.txt"),
        include_str!("../../fixtures/genesys-pause-answer.json"),
        include_str!("../../fixtures/genesys-pause-notification.json"),
    );
    replay(
        &server,
        &client,
        include_str!("../../fixtures/genesys-stop-request.txt"),
        include_str!("../../fixtures/genesys-stop-answer.json"),
        include_str!("../../fixtures/genesys-stop-notification.json"),
    );
}

/// A failed operation says no more than why.
#[test]
fn a_refusal_has_status_code_and_message_alone() {
    let server = published_server();
    let line = format!("POST /api/v2/me/calls/{FIRST}");
    let reply = send(&server, &line, r#"{"operationName": "StopCallRecording"}"#);
    let body = reply.expect_json("409 Conflict");
    expect_form(body, r#"{"statusCode":2,"statusMessage":""}"#);
    assert!(body.starts_with(r#"{"statusCode":2,"#), "{body}");
}

#[test]
fn the_csrf_headers_and_refusal_as_printed() {
    let server = TestServer::open(&[("genesys.csrf", "true")]);
    let who = authorization("user1");
    let reply = send_lines(&server, "GET /api/v2/me", &[&who], "");
    assert_eq!(reply.header("X-CSRF-HEADER"), "X-CSRF-TOKEN");
    let token = reply.header("X-CSRF-TOKEN");
    assert_eq!(uuid::Uuid::parse_str(token).unwrap().to_string(), token);
    let cookie = reply.header("Set-Cookie").split(';').next().unwrap();
    assert!(cookie.starts_with("JSESSIONID="), "{cookie}");
    let line = format!("POST /api/v2/me/calls/{FIRST}");
    let body = r#"{"operationName": "StartCallRecording"}"#;
    let refused = send_lines(&server, &line, &[&who], body);
    assert_eq!(
        (refused.status.as_str(), refused.body.as_str()),
        ("403 Forbidden", "Missing or invalid Csrf token")
    );
    let (token, cookie) = (format!("X-CSRF-TOKEN: {token}"), format!("Cookie: {cookie}"));
    let reply = send_lines(&server, &line, &[&who, &token, &cookie], body);
    assert_eq!(reply.expect_json("200 OK"), r#"{"statusCode":0}"#);
}

#[test]
fn the_handshake_of_a_cometd_client() {
    let server = TestServer::open(&[]);
    let who = authorization("user1");
    let line = format!("POST {COMETD}");
    let printed = r#"[{"id":1,"channel":"/meta/handshake","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}]"#;
    let reply = send_lines(&server, &line, &[&who], printed);
    assert_eq!(reply.status, "200 OK");
    assert!(reply.header("content-type").starts_with("application/json"));
    let answer: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    let only = &answer.as_array().unwrap()[0];
    assert_eq!(
        (
            &only["channel"],
            &only["successful"],
            &only["supportedConnectionTypes"]
        ),
        (&"/meta/handshake".into(), &true.into(), &["long-polling"].into())
    );
    assert!(only["clientId"].is_string() && only["advice"]["reconnect"] == "retry");
    for member in ["interval", "timeout"] {
        assert!(only["advice"][member].is_number(), "{only}");
    }
}
