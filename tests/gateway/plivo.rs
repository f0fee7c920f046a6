//! Plivo's API. `vendor_sdks.rs` tests it with the SDKs of Plivo.

use crate::server::{ClientResponse, FIRST, TestServer, basic};
use crate::support::has_lame;
use crate::vobiz::{ID, expect_resource, record};

/// Sends a request below the path of the account.
fn send(server: &TestServer, method: &str, path: &str, body: &str) -> ClientResponse {
    let basic = basic("MA_DEMO", "secret");
    server.send(
        method,
        &format!("/v1/Account/MA_DEMO/{path}"),
        &[("authorization", &basic)],
        body,
    )
}

#[test]
fn a_start_is_202_and_a_stop_is_204() {
    let server = TestServer::open(&[("gateway.apis", "plivo")]);
    let path = format!("Call/{FIRST}/Record/");
    let response = send(&server, "POST", &path, r#"{"file_format":"wav"}"#);
    assert_eq!(response.status, 202, "{}", response.text());
    let started = response.json();
    assert_eq!(started["message"], "call recording started");
    assert!(started["api_id"].is_string() && started["url"].as_str().unwrap().ends_with(".wav"));
    assert_eq!(send(&server, "DELETE", &path, "").status, 204);
    server
        .engine
        .events
        .wait_terminal(started["recording_id"].as_str().unwrap());
    let list = send(&server, "GET", "Recording/", "").json();
    assert_eq!(list["objects"][0]["recording_type"], "normal");
    let message = expect_resource(&send(&server, "GET", "Recording/?limit=21", ""), 400);
    assert!(message.contains("limit"), "{message}");
    if has_lame() {
        let started = send(&server, "POST", &path, "{}");
        assert_eq!(started.status, 202, "{}", started.text());
        let url = started.json()["url"].as_str().unwrap().to_owned();
        assert!(url.ends_with(".mp3"), "{url}");
    }
    expect_resource(
        &send(&server, "POST", "Call/none/Record/", r#"{"file_format":"wav"}"#),
        404,
    );
    let response = server.send("GET", "/v1/Account/MA_DEMO/Recording/", &ID, "");
    assert_eq!(response.status, 401);
    assert!(response.header("content-type").starts_with("text/plain"));
    assert!(response.header("www-authenticate").starts_with("Basic"));
    assert_eq!(
        server.send("POST", &record(FIRST), &ID, "").status,
        404,
        "vobiz is not in gateway.apis"
    );
}

#[test]
fn plivo_is_offered_only_if_gateway_apis_names_it() {
    let server = TestServer::open(&[]);
    assert_eq!(send(&server, "GET", "Recording/", "").status, 404);
}
