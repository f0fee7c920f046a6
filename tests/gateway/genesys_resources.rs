//! Genesys' resources, paths, and the protection against other sites' requests.

use callrec::capi::*;
use serde_json::json;

use crate::bayeux::{BayeuxClient, done, get, operations, refusal, resource};
use crate::server::{FIRST, TestServer, basic};
use crate::support::{CallFields, StartFields, end};

#[test]
fn a_call_as_it_is_published() {
    let server = TestServer::open(&[("gateway.public_url", "https://calls.example/x/")]);
    end(server.calls[0]).unwrap();
    let call = CallFields {
        phone: Some("+1555123456"),
        direction: REC_DIRECTION_INCOMING,
        attributes: Some(r#"{"GSIP_RECORD":"ON","team":"a","GSIP_REC_FN":"forged"}"#),
        connected_at_ms: callrec_now() - 75_500,
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

fn callrec_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as i64
}

#[test]
fn me_and_my_calls() {
    let server = TestServer::open(&[]);
    let me = get(&server, "user1", "/me").json();
    assert_eq!(me["statusCode"], 0);
    assert_eq!(me["user"]["userName"], "user1");
    let calls = get(&server, "user1", "/me/calls").json();
    assert_eq!(calls["statusCode"], 0);
    assert_eq!(calls["uris"][0], calls["calls"][0]["uri"]);
    let one = get(&server, "user1", &format!("/me/calls/{FIRST}")).json();
    assert_eq!(one["statusCode"], 0);
    assert_eq!(one["call"]["id"], FIRST);
    let resources = get(&server, "user1", "/me/calls?fields=*").json();
    assert_eq!(resources["calls"][0]["id"], FIRST);
    assert!(resources.get("uris").is_none());
}

#[test]
fn both_ends_of_a_users_internal_call_are_one() {
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
    done(&server, "user1", FIRST, "StopCallRecording");
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
        let reply = server.send(method, &format!("/api/v2{path}"), &headers, "{}");
        assert_eq!(refusal(&reply), (405, 3), "{method} {path}");
        assert_eq!(reply.header("allow"), allow);
    }
}

#[test]
fn a_call_id_may_be_anything_that_a_path_can_say() {
    let server = TestServer::open(&[]);
    let call = CallFields {
        call_id: Some("a/b ü%?#"),
        number: Some("104"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap();
    let coded = "a%2Fb%20%C3%BC%25%3F%23";
    done(&server, "user1", coded, "StartCallRecording");
    let shown = resource(&server, "user1", coded);
    assert_eq!(shown["id"], "a/b ü%?#");
    assert!(
        shown["uri"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/calls/{coded}"))
    );
}

#[test]
fn without_token_and_cookie_403_in_plain_text() {
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
        let reply = server.send("POST", &path, &headers, start);
        assert_eq!(reply.status, status, "{headers:?}");
        if status == 403 {
            assert_eq!(reply.text(), "Missing or invalid Csrf token");
            assert!(reply.header("content-type").starts_with("text/plain"));
        }
    }
    // Reading needs neither, and the same cookie keeps its token.
    let (name, value) = user("user1");
    let headers = [(name.as_str(), value.as_str()), ("cookie", cookie.1.as_str())];
    let again = server.send("GET", "/api/v2/me", &headers, "");
    assert_eq!(again.header("x-csrf-token"), token.1);
    // It does not stand before CometD, where a session's id is as secret.
    BayeuxClient::subscribed(&server, "user1");
}

#[test]
fn without_the_setting_nobody_is_told_a_token() {
    let server = TestServer::open(&[]);
    let me = get(&server, "user1", "/me");
    assert!(me.headers.get("x-csrf-token").is_none() && me.headers.get("set-cookie").is_none());
}

#[test]
fn an_api_that_is_not_offered_is_not_there() {
    let server = TestServer::open(&[("gateway.apis", "imagicle")]);
    for path in ["/api/v2/me", "/genesys/cometd"] {
        assert_eq!(server.send("GET", path, &[], "").status, 404, "{path}");
    }
}
