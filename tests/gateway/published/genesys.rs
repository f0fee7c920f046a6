//! Genesys: "PauseCallRecording", "StopCallRecording", the CSRF headers, and CometD's handshake.

use super::raw::{RawResponse, authorization, send_lines};
use super::{compact, expect_form};
use crate::bayeux::{BayeuxClient, COMETD, operate_ok};
use crate::genesys_events::{expect_notification, published_server};
use crate::server::{FIRST, TestServer};

/// Sends a request with the headers that the published pages require.
fn send(server: &TestServer, line: &str, body: &str) -> RawResponse {
    let login = authorization("user1");
    send_lines(server, line, &[&login, "Origin: http://127.0.0.1:8080"], body)
}

/// Sends a published request, and expects the published response and notification.
fn replay(server: &TestServer, client: &BayeuxClient<'_>, request: &str, expected: &str, notification: &str) {
    let (line, body) = request.trim_end().split_once('\n').unwrap();
    let response = send(server, line, body);
    assert_eq!(response.expect_json("200 OK"), compact(expected));
    expect_notification(client, notification);
}

#[test]
fn the_published_requests_of_pause_and_stop() {
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

#[test]
fn an_error_has_only_a_status_code_and_a_message() {
    let server = published_server();
    let line = format!("POST /api/v2/me/calls/{FIRST}");
    let response = send(&server, &line, r#"{"operationName": "StopCallRecording"}"#);
    let body = response.expect_json("409 Conflict");
    expect_form(body, r#"{"statusCode":2,"statusMessage":""}"#);
    assert!(body.starts_with(r#"{"statusCode":2,"#), "{body}");
}

#[test]
fn the_published_csrf_headers_and_refusal() {
    let server = TestServer::open(&[("genesys.csrf", "true")]);
    let login = authorization("user1");
    let response = send_lines(&server, "GET /api/v2/me", &[&login], "");
    assert_eq!(response.header("X-CSRF-HEADER"), "X-CSRF-TOKEN");
    let token = response.header("X-CSRF-TOKEN");
    assert_eq!(uuid::Uuid::parse_str(token).unwrap().to_string(), token);
    let cookie = response.header("Set-Cookie").split(';').next().unwrap();
    assert!(cookie.starts_with("JSESSIONID="), "{cookie}");
    let line = format!("POST /api/v2/me/calls/{FIRST}");
    let body = r#"{"operationName": "StartCallRecording"}"#;
    let refused = send_lines(&server, &line, &[&login], body);
    assert_eq!(
        (refused.status.as_str(), refused.body.as_str()),
        ("403 Forbidden", "Missing or invalid Csrf token")
    );
    let (token, cookie) = (format!("X-CSRF-TOKEN: {token}"), format!("Cookie: {cookie}"));
    let response = send_lines(&server, &line, &[&login, &token, &cookie], body);
    assert_eq!(response.expect_json("200 OK"), r#"{"statusCode":0}"#);
}

#[test]
fn the_published_handshake_of_a_cometd_client() {
    let server = TestServer::open(&[]);
    let login = authorization("user1");
    let line = format!("POST {COMETD}");
    let request = r#"[{"id":1,"channel":"/meta/handshake","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}]"#;
    let response = send_lines(&server, &line, &[&login], request);
    assert_eq!(response.status, "200 OK");
    assert!(response.header("content-type").starts_with("application/json"));
    let replies: serde_json::Value = serde_json::from_str(&response.body).unwrap();
    let reply = &replies.as_array().unwrap()[0];
    assert_eq!(
        (
            &reply["channel"],
            &reply["successful"],
            &reply["supportedConnectionTypes"]
        ),
        (&"/meta/handshake".into(), &true.into(), &["long-polling"].into())
    );
    assert!(reply["clientId"].is_string() && reply["advice"]["reconnect"] == "retry");
    for member in ["interval", "timeout"] {
        assert!(reply["advice"][member].is_number(), "{reply}");
    }
}
