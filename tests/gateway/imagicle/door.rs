//! Who is let in, what there is, and what happens while the engine closes.

use serde_json::json;

use super::*;
use crate::server::{ClosingEngine, FIRST};
use crate::vobiz;

/// (method, path) of every operation.
const ALL: &[(&str, &str)] = &[
    ("GET", "LiveRecordings"),
    ("POST", "LiveRecordings"),
    ("DELETE", "LiveRecordings?directoryNumber=101"),
    ("DELETE", "LiveRecordings/75A90276-E47E-4e9e-B463-E3C743D5FF3A"),
    ("DELETE", "LiveRecordings/Mine"),
    ("PUT", "LiveRecordings/Pause?directoryNumber=101"),
    ("PUT", "LiveRecordings/Resume?directoryNumber=101"),
    ("PUT", "LiveRecordings/Mine/Pause"),
    ("PUT", "LiveRecordings/Mine/Resume"),
    ("PUT", "LiveRecordings/75A90276-E47E-4e9e-B463-E3C743D5FF3A/Pause"),
    (
        "PUT",
        "LiveRecordings/75A90276-E47E-4e9e-B463-E3C743D5FF3A/Resume",
    ),
    ("GET", "Recordings"),
    ("GET", "Recordings/75A90276-E47E-4e9e-B463-E3C743D5FF3A"),
    ("GET", "Recordings/75A90276-E47E-4e9e-B463-E3C743D5FF3A/Media"),
];

#[test]
fn without_credentials_everything_is_401_and_says_how() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    for (method, path) in ALL.iter().chain(&[("GET", "Nothing")]) {
        for header in [None, Some(basic("admin", "wrong")), Some("Bearer x".to_owned())] {
            let headers = header.iter().map(|value| ("authorization", value.as_str()));
            let headers: Vec<_> = headers.collect();
            let reply = server.send(method, &format!("{BASE}{path}"), &headers, "");
            assert_eq!(told(&reply), none(401), "{method} {path} {header:?}");
            let asks = reply.header("www-authenticate");
            assert!(asks.starts_with("Basic realm=\""), "{asks}");
        }
    }
}

#[test]
fn when_the_host_cannot_say_who_it_is_it_is_500() {
    let server = TestServer::open(&[]);
    for (method, path) in ALL {
        assert_eq!(status(&server, "broken", method, path), none(500), "{path}");
    }
}

/// Only this one: Vobiz publishes that the case of its paths matters.
#[test]
fn the_base_path_has_no_case() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    let who = basic("admin", "secret");
    let send = |method: &str, path: &str| server.send(method, path, &[("authorization", &who)], "");
    for base in ["/fw/apps/recorder/webapi", "/FW/Apps/Recorder/WebApi"] {
        let list = send("GET", &format!("{base}/LiveRecordings"));
        assert_eq!((list.status, &list.json()[0]["id"]), (200, &json!(id)), "{base}");
        assert_eq!(
            send("GET", &format!("{base}x/LiveRecordings")).status,
            404,
            "{base}"
        );
    }
    let stop = format!("/fw/apps/recorder/webapi/liverecordings/{id}");
    assert_eq!(send("DELETE", &stop).status, 204);
    for path in [vobiz::record(FIRST), "/api/v2/me".to_owned()] {
        assert_eq!(send("GET", &path.replace("/api", "/API")).status, 404, "{path}");
    }
}

/// What is another API's in its own case is not Imagicle's in another one.
#[test]
fn a_base_path_in_another_case_takes_no_request_from_another_api() {
    let server = TestServer::open(&[("gateway.imagicle_path", "/API")]);
    let who = basic("user1", "secret");
    let headers = [("authorization", who.as_str())];
    assert_eq!(
        server.send("GET", "/api/v2/me", &headers, "").json()["statusCode"],
        0
    );
    let path = "/api/LiveRecordings/Mine";
    assert_eq!(server.send("DELETE", path, &headers, "").status, 409);
}

#[test]
fn what_there_is_not_is_404_and_other_methods_405_with_allow() {
    let server = TestServer::open(&[]);
    for path in [
        "",
        "Live",
        "LiveRecordings/Mine/Stop",
        "LiveRecordings/a/b/c",
        "LiveRecordings/Mine/Pause/x",
        "LiveRecordings//Pause/x",
        "Recordings/a/b",
        "Recordings/a/Media/x",
    ] {
        assert_eq!(status(&server, "admin", "GET", path), none(404), "{path}");
    }
    for (method, path, allowed) in [
        ("PUT", "LiveRecordings", "GET, HEAD, POST, DELETE"),
        ("PATCH", "LiveRecordings", "GET, HEAD, POST, DELETE"),
        ("GET", "LiveRecordings/Mine", "DELETE"),
        ("PUT", "LiveRecordings/Mine", "DELETE"),
        ("POST", "LiveRecordings/5", "DELETE"),
        ("DELETE", "LiveRecordings/Pause", "PUT"),
        ("POST", "LiveRecordings/Mine/Pause", "PUT"),
        ("DELETE", "LiveRecordings/5/Resume", "PUT"),
        ("POST", "Recordings", "GET, HEAD"),
        ("DELETE", "Recordings/5", "GET, HEAD"),
        ("PUT", "Recordings/5/Media", "GET, HEAD"),
    ] {
        let reply = ask(&server, "admin", method, path, "");
        assert_eq!(told(&reply), none(405), "{method} {path}");
        assert_eq!(reply.header("allow"), allowed, "{method} {path}");
    }
}

/// Their start and stop; what has been recorded is served as long as there is a gateway.
fn vobiz_while_the_engine_closes(server: &TestServer) {
    let basic = basic("MA_DEMO", "secret");
    let basic = [("authorization", basic.as_str())];
    let wav = r#"{"file_format":"wav"}"#;
    for (base, headers) in [("/api/v1", &vobiz::ID[..]), ("/v1", &basic[..])] {
        let call = vobiz::record(FIRST).replace("/api/v1", base);
        for (method, body) in [("POST", wav), ("DELETE", "")] {
            let reply = server.send(method, &call, headers, body);
            assert_eq!(reply.status, 504, "{method} {call}");
            let said = reply.json();
            let code = &said["error"]["code"];
            assert!(base == "/v1" && said["api_id"].is_string() || *code == "GATEWAY_TIMEOUT");
        }
        let all = vobiz::RECORDINGS.replace("/api/v1", base);
        let nobodys = format!("{all}{NOBODYS}/");
        for (method, path, status) in [
            ("GET", &all, 200),
            ("GET", &nobodys, 404),
            ("DELETE", &nobodys, 404),
        ] {
            let reply = server.send(method, path, headers, "");
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        }
    }
}

#[test]
fn while_the_engine_closes_each_operation_says_so_as_it_is_published() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,vobiz,plivo")]);
    let closing = ClosingEngine::of(&server, || {
        on_first(&server);
    });
    for (method, path) in ALL {
        let expected = match *method {
            "POST" => 503,
            "DELETE" if !path.ends_with("Mine") => 504,
            _ if path.starts_with("Recordings/") => 404,
            _ if *path == "Recordings" => 200,
            _ => 500,
        };
        assert_eq!(
            status(&server, "admin", method, path).0,
            expected,
            "{method} {path}"
        );
    }
    let body = json!({ "deviceName": DEVICE }).to_string();
    assert_eq!(as_admin(&server, "POST", "LiveRecordings", &body), none(503));
    vobiz_while_the_engine_closes(&server);
    closing.end();
}
