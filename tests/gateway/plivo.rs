//! Plivo's look-alike; `vendor_sdks.rs` asks it by Plivo's own SDKs.

use crate::server::{ClientResponse, FIRST, TestServer, basic};
use crate::vobiz::{ID, expect_resource, record};

fn plivo(server: &TestServer, method: &str, path: &str, body: &str) -> ClientResponse {
    let basic = basic("MA_DEMO", "secret");
    server.send(
        method,
        &format!("/v1/Account/MA_DEMO/{path}"),
        &[("authorization", &basic)],
        body,
    )
}

/// Subtlety 33.
#[test]
fn plivo_answers_a_start_with_202_and_a_stop_with_204() {
    let server = TestServer::open(&[("gateway.apis", "plivo")]);
    let path = format!("Call/{FIRST}/Record/");
    let reply = plivo(&server, "POST", &path, r#"{"file_format":"wav"}"#);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let said = reply.json();
    assert_eq!(said["message"], "call recording started");
    assert!(said["api_id"].is_string() && said["url"].as_str().unwrap().ends_with(".wav"));
    assert_eq!(plivo(&server, "DELETE", &path, "").status, 204);
    server
        .engine
        .events
        .wait_terminal(said["recording_id"].as_str().unwrap());
    let said = plivo(&server, "GET", "Recording/", "").json();
    assert_eq!(said["objects"][0]["recording_type"], "normal");
    let message = expect_resource(&plivo(&server, "GET", "Recording/?limit=21", ""), 400);
    assert!(message.contains("limit"), "{message}");
    let message = expect_resource(&plivo(&server, "POST", &path, "{}"), 400);
    assert!(message.contains("file_format=wav"), "{message}");
    expect_resource(
        &plivo(&server, "POST", "Call/none/Record/", r#"{"file_format":"wav"}"#),
        404,
    );
    let reply = server.send("GET", "/v1/Account/MA_DEMO/Recording/", &ID, "");
    assert_eq!(reply.status, 401);
    assert!(reply.header("content-type").starts_with("text/plain"));
    assert!(reply.header("www-authenticate").starts_with("Basic"));
    assert_eq!(
        server.send("POST", &record(FIRST), &ID, "").status,
        404,
        "vobiz is not offered"
    );
}

#[test]
fn plivo_is_not_offered_unless_it_is_named() {
    let server = TestServer::open(&[]);
    assert_eq!(plivo(&server, "GET", "Recording/", "").status, 404);
}
