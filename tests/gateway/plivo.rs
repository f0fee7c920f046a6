//! Plivo's look-alike; `vendor_sdks.rs` asks it by Plivo's own SDKs.

use crate::kit::{FIRST, House, Reply, basic};
use crate::vobiz::{ID, expect_resource, record};

fn plivo(house: &House, method: &str, path: &str, body: &str) -> Reply {
    let basic = basic("MA_DEMO", "secret");
    house.send(
        method,
        &format!("/v1/Account/MA_DEMO/{path}"),
        &[("authorization", &basic)],
        body,
    )
}

/// Subtlety 33.
#[test]
fn plivo_answers_a_start_with_202_and_a_stop_with_204() {
    let house = House::open(&[("gateway.apis", "plivo")]);
    let path = format!("Call/{FIRST}/Record/");
    let reply = plivo(&house, "POST", &path, r#"{"file_format":"wav"}"#);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let said = reply.json();
    assert_eq!(said["message"], "call recording started");
    assert!(said["api_id"].is_string() && said["url"].as_str().unwrap().ends_with(".wav"));
    assert_eq!(plivo(&house, "DELETE", &path, "").status, 204);
    house
        .engine
        .events
        .wait_terminal(said["recording_id"].as_str().unwrap());
    let said = plivo(&house, "GET", "Recording/", "").json();
    assert_eq!(said["objects"][0]["recording_type"], "normal");
    let message = expect_resource(&plivo(&house, "GET", "Recording/?limit=21", ""), 400);
    assert!(message.contains("limit"), "{message}");
    let message = expect_resource(&plivo(&house, "POST", &path, "{}"), 400);
    assert!(message.contains("file_format=wav"), "{message}");
    expect_resource(
        &plivo(&house, "POST", "Call/none/Record/", r#"{"file_format":"wav"}"#),
        404,
    );
    let reply = house.send("GET", "/v1/Account/MA_DEMO/Recording/", &ID, "");
    assert_eq!(reply.status, 401);
    assert!(reply.header("content-type").starts_with("text/plain"));
    assert!(reply.header("www-authenticate").starts_with("Basic"));
    assert_eq!(
        house.send("POST", &record(FIRST), &ID, "").status,
        404,
        "vobiz is not offered"
    );
}

#[test]
fn plivo_is_not_offered_unless_it_is_named() {
    let house = House::open(&[]);
    assert_eq!(plivo(&house, "GET", "Recording/", "").status, 404);
}
