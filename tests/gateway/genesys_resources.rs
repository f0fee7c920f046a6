//! Genesys' resources, its paths, and its protection against requests of other sites (CSRF).

use callrec::capi::*;
use serde_json::json;

use crate::bayeux::{BayeuxClient, get, operate_ok, operations, refusal, resource};
use crate::server::{FIRST, TestServer, basic};
use crate::support::{CallFields, StartFields, end};

#[test]
fn a_call_has_the_documented_members() {
    let server = TestServer::open(&[("gateway.public_url", "https://calls.example/x/")]);
    end(server.calls[0]).unwrap();
    let call = CallFields {
        phone: Some("+1555123456"),
        direction: REC_DIRECTION_INCOMING,
        attributes: Some(r#"{"GSIP_RECORD":"ON","team":"a","GSIP_REC_FN":"forged"}"#),
        connected_at_ms: now_ms() - 75_500,
        call_id: Some(FIRST),
        number: Some("101"),
        user: Some("user1"),
        device: Some("SEP123456789ABC"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    let shown = resource(&server, "user1", FIRST);
    assert_eq!(
        shown["participants"],
        json!([{
            "e164Number": "+1555123456",
            "formattedPhoneNumber": "+1555123456",
            "phoneNumber": "+1555123456",
            "digits": "1555123456",
        }])
    );
    assert_eq!(shown["callType"], "Inbound");
    assert_eq!(shown["userData"], json!({ "team": "a" }), "never recorded");
    let duration: u64 = shown["duration"].as_str().unwrap().parse().unwrap();
    assert!((75..135).contains(&duration), "{duration}");
    assert_eq!(
        shown["uri"],
        format!("https://calls.example/x/api/v2/me/calls/{FIRST}")
    );
    let device = shown["deviceUri"].as_str().unwrap();
    let id = device
        .strip_prefix("https://calls.example/x/api/v2/devices/")
        .unwrap();
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 5);
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as i64
}

#[test]
fn a_user_and_their_calls_are_listed() {
    let server = TestServer::open(&[]);
    let me = get(&server, "user1", "/me").json();
    assert_eq!(me["statusCode"], 0);
    assert_eq!(me["user"]["userName"], "user1");
    let calls = get(&server, "user1", "/me/calls").json();
    assert_eq!(calls["statusCode"], 0);
    assert_eq!(calls["uris"][0], calls["calls"][0]["uri"]);
    let call = get(&server, "user1", &format!("/me/calls/{FIRST}")).json();
    assert_eq!(call["statusCode"], 0);
    assert_eq!(call["call"]["id"], FIRST);
    let resources = get(&server, "user1", "/me/calls?fields=*").json();
    assert_eq!(resources["calls"][0]["id"], FIRST);
    assert!(resources.get("uris").is_none());
}

#[test]
fn both_ends_of_a_users_internal_call_are_one_call() {
    let server = TestServer::open(&[]);
    let other_end = CallFields {
        call_id: Some(FIRST),
        device: Some("SEP000000000001"),
        number: Some("199"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&other_end).unwrap();
    let start = StartFields {
        call_id: Some(FIRST),
        number: Some("199"),
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap();
    let listed = get(&server, "user1", "/me/calls").json();
    assert_eq!(listed["calls"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["uris"], json!([listed["calls"][0]["uri"]]));
    for shown in [&listed["calls"][0], &resource(&server, "user1", FIRST)] {
        assert_eq!(shown["recordingState"], "Recording");
        assert_eq!(shown["userData"]["GSIP_RECORD"], "ON");
        assert_eq!(operations(shown), ["PauseCallRecording", "StopCallRecording"]);
    }
    operate_ok(&server, "user1", FIRST, "StopCallRecording");
    let stopped = resource(&server, "user1", FIRST);
    assert_eq!(
        (&stopped["recordingState"], operations(&stopped)),
        (&json!("Stopped"), vec!["StartCallRecording"])
    );
}

#[test]
fn other_paths_are_6_with_404_and_other_methods_405() {
    let server = TestServer::open(&[]);
    for path in [
        "",
        "/",
        "/you",
        "/me/",
        "/me/devices/",
        "/me/devices/x",
        "/me/devices/3f7b24a5-8c1e-5f0a-9d62-5be70c41d893",
        "/devices",
        "/devices/x/y",
        "/me/calls/",
        "/me/callsx",
        "/me/calls/a/b",
        "/me/calls/%00",
        "/me/calls/%ff",
        "/me/calls/..",
    ] {
        assert_eq!(refusal(&get(&server, "user1", path)), (404, 6), "{path}");
    }
    let user = basic("user1", "secret");
    let headers = [("authorization", user.as_str())];
    for (method, path, allow) in [
        ("POST", "/me", "GET, HEAD"),
        ("DELETE", "/me/calls", "GET, HEAD"),
        ("POST", "/me/devices", "GET, HEAD"),
        ("DELETE", "/me/devices/x", "GET, HEAD, POST"),
        ("PUT", "/me/calls/x", "GET, HEAD, POST"),
    ] {
        let response = server.send(method, &format!("/api/v2{path}"), &headers, "{}");
        assert_eq!(refusal(&response), (405, 3), "{method} {path}");
        assert_eq!(response.header("allow"), allow);
    }
}

#[test]
fn a_call_id_may_have_characters_that_a_path_must_encode() {
    let server = TestServer::open(&[]);
    let call = CallFields {
        call_id: Some("a/b ü%?#"),
        number: Some("104"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    let encoded = "a%2Fb%20%C3%BC%25%3F%23";
    operate_ok(&server, "user1", encoded, "StartCallRecording");
    let shown = resource(&server, "user1", encoded);
    assert_eq!(shown["id"], "a/b ü%?#");
    assert!(
        shown["uri"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/calls/{encoded}"))
    );
}

#[test]
fn an_operation_without_csrf_token_and_cookie_is_403_in_plain_text() {
    let server = TestServer::open(&[("genesys.csrf", "true")]);
    let me = get(&server, "user1", "/me");
    assert_eq!(me.header("x-csrf-header"), "X-CSRF-TOKEN");
    let token = me.header("x-csrf-token").to_owned();
    let cookie = me.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("JSESSIONID="), "{cookie}");
    let path = format!("/api/v2/me/calls/{FIRST}");
    let start = r#"{"operationName":"StartCallRecording"}"#;
    let user = |name: &str| ("authorization".to_owned(), basic(name, "secret"));
    let token = ("X-CSRF-TOKEN".to_owned(), token);
    let cookie = ("cookie".to_owned(), format!("a=b; {cookie}; c=d"));
    let other = ("X-CSRF-TOKEN".to_owned(), uuid::Uuid::new_v4().to_string());
    for (headers, status) in [
        (vec![user("user1")], 403),
        (vec![user("user1"), token.clone()], 403),
        (vec![user("user1"), cookie.clone()], 403),
        (vec![user("user1"), other, cookie.clone()], 403),
        (vec![user("user2"), token.clone(), cookie.clone()], 403),
        (vec![user("user1"), token.clone(), cookie.clone()], 200),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let response = server.send("POST", &path, &headers, start);
        assert_eq!(response.status, status, "{headers:?}");
        if status == 403 {
            assert_eq!(response.text(), "Missing or invalid Csrf token");
            assert!(response.header("content-type").starts_with("text/plain"));
        }
    }
    // A GET needs neither, and the token of a cookie does not change.
    let (name, value) = user("user1");
    let headers = [(name.as_str(), value.as_str()), ("cookie", cookie.1.as_str())];
    let again = server.send("GET", "/api/v2/me", &headers, "");
    assert_eq!(again.header("x-csrf-token"), token.1);
    // CometD needs no token: a session's id is as secret.
    BayeuxClient::subscribed(&server, "user1");
}

#[test]
fn without_the_csrf_setting_no_token_is_sent() {
    let server = TestServer::open(&[]);
    let me = get(&server, "user1", "/me");
    assert!(me.headers.get("x-csrf-token").is_none() && me.headers.get("set-cookie").is_none());
}

#[test]
fn the_paths_of_a_disabled_api_are_404() {
    let server = TestServer::open(&[("gateway.apis", "imagicle")]);
    for path in ["/api/v2/me", "/genesys/cometd"] {
        assert_eq!(server.send("GET", path, &[], "").status, 404, "{path}");
    }
}
