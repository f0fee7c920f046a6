//! Plivo's look-alike, by hand and by Plivo's own SDK.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::callbacks::ALLOW;
use crate::kit::{FIRST, House, PLIVO_ACCOUNT, Reply, basic};
use crate::receiver::{Manner, Receiver};
use crate::support::{Call, build};
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
    expect_resource(&reply, 401);
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

/// Whom nobody here wrote.
fn sdk() -> Option<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| build::root().join("target"), PathBuf::from);
    let python = target.join("clients/venv/bin/python");
    build::has(python.to_str().unwrap()).then_some(python)
}

#[test]
fn the_plivo_sdk_believes_the_signatures() {
    let Some(python) = sdk() else { return };
    let house = House::open(&[ALLOW, ("gateway.apis", "plivo")]);
    let receiver = Receiver::new(Manner::Answers(200));
    let record = format!("Call/{FIRST}/Record/");
    let ways = [
        ("POST", "/hook"),
        ("POST", "/hook?z=1&a=b%20c"),
        ("GET", "/hook"),
        ("GET", "/hook?z=1&a=b"),
    ];
    for (at, (method, path)) in ways.into_iter().enumerate() {
        let url = receiver.url(path);
        let body = json!({ "file_format": "wav", "callback_url": url, "callback_method": method });
        assert_eq!(plivo(&house, "POST", &record, &body.to_string()).status, 202);
        assert_eq!(plivo(&house, "DELETE", &record, "").status, 204);
        let heard = receiver.wait(at + 1).remove(at);
        let signed = |version: &str| {
            let name = format!("x-plivo-signature-{version}");
            [
                heard.header(&format!("{name}-nonce")).to_owned(),
                heard.header(&name).to_owned(),
            ]
        };
        let fields = heard.fields().into_iter();
        let fields = fields.map(|(name, value)| format!("{name}={value}"));
        let in_body: Vec<String> = fields.filter(|_| method == "POST").collect();
        let script = build::root().join("tests/clients/plivo_signature.py");
        let mut check = Command::new(&python);
        check
            .arg(script)
            .args([method, &receiver.url(&heard.target), "secret"]);
        check.args(signed("v2")).args(signed("v3")).args(in_body);
        let output = build::run(&mut check);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "all well");
    }
}

#[test]
fn the_plivo_sdk_starts_stops_lists_gets_and_deletes() {
    let Some(python) = sdk() else { return };
    let house = House::open(&[("gateway.apis", "plivo"), ("calls.max", "9")]);
    let call = "d0a87a1a-b0e9-4ab2-ac07-c22ee87cd04a";
    house
        .engine
        .begin(&Call {
            call_id: Some(call),
            device: Some("SEP7"),
            ..Call::default()
        })
        .unwrap();
    let script = build::root().join("tests/clients/plivo.py");
    let arguments = [house.base.as_str(), PLIVO_ACCOUNT, "secret", call];
    let output = build::run(Command::new(python).arg(script).args(arguments));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.lines().last(), Some("all well"), "{said}");
}
