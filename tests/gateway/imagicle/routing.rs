//! Authentication, paths and methods, and the responses of a closing engine.

use serde_json::json;

use super::*;
use crate::server::{ClosingEngine, FIRST};
use crate::vobiz;

/// (method, path) of every operation.
const OPERATIONS: &[(&str, &str)] = &[
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
fn every_path_is_401_without_valid_credentials_and_names_the_scheme() {
    let server = TestServer::open(&[("gateway.auth_delay_ms", "0")]);
    for (method, path) in OPERATIONS.iter().chain(&[("GET", "Nothing")]) {
        for header in [None, Some(basic("admin", "wrong")), Some("Bearer x".to_owned())] {
            let headers = header.iter().map(|value| ("authorization", value.as_str()));
            let headers: Vec<_> = headers.collect();
            let response = server.send(method, &format!("{BASE}{path}"), &headers, "");
            assert_eq!(
                status_and_body(&response),
                empty(401),
                "{method} {path} {header:?}"
            );
            let challenge = response.header("www-authenticate");
            assert!(challenge.starts_with("Basic realm=\""), "{challenge}");
        }
    }
}

#[test]
fn a_failed_authentication_function_is_500() {
    let server = TestServer::open(&[]);
    for (method, path) in OPERATIONS {
        assert_eq!(status(&server, "broken", method, path), empty(500), "{path}");
    }
}

/// The paths of the other APIs are case-sensitive; Vobiz publishes that.
#[test]
fn the_base_path_is_case_insensitive() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    let login = basic("admin", "secret");
    let send = |method: &str, path: &str| server.send(method, path, &[("authorization", &login)], "");
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

#[test]
fn an_exact_match_of_another_api_precedes_a_case_insensitive_match() {
    let server = TestServer::open(&[("gateway.imagicle_path", "/API")]);
    let login = basic("user1", "secret");
    let headers = [("authorization", login.as_str())];
    assert_eq!(
        server.send("GET", "/api/v2/me", &headers, "").json()["statusCode"],
        0
    );
    let path = "/api/LiveRecordings/Mine";
    assert_eq!(server.send("DELETE", path, &headers, "").status, 409);
}

#[test]
fn an_unknown_path_is_404_and_an_unsupported_method_is_405_with_allow() {
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
        assert_eq!(status(&server, "admin", "GET", path), empty(404), "{path}");
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
        let response = request(&server, "admin", method, path, "");
        assert_eq!(status_and_body(&response), empty(405), "{method} {path}");
        assert_eq!(response.header("allow"), allowed, "{method} {path}");
    }
}

/// Start and stop fail. Completed recordings are served until the gateway stops.
fn expect_vobiz_responses_of_closing_engine(server: &TestServer) {
    let basic = basic("MA_DEMO", "secret");
    let basic = [("authorization", basic.as_str())];
    let wav = r#"{"file_format":"wav"}"#;
    for (base, headers) in [("/api/v1", &vobiz::ID[..]), ("/v1", &basic[..])] {
        let call = vobiz::record(FIRST).replace("/api/v1", base);
        for (method, body) in [("POST", wav), ("DELETE", "")] {
            let response = server.send(method, &call, headers, body);
            assert_eq!(response.status, 504, "{method} {call}");
            let error = response.json();
            let code = &error["error"]["code"];
            assert!(base == "/v1" && error["api_id"].is_string() || *code == "GATEWAY_TIMEOUT");
        }
        let list = vobiz::RECORDINGS.replace("/api/v1", base);
        let unknown = format!("{list}{UNKNOWN_ID}/");
        for (method, path, status) in [
            ("GET", &list, 200),
            ("GET", &unknown, 404),
            ("DELETE", &unknown, 404),
        ] {
            let response = server.send(method, path, headers, "");
            assert_eq!(response.status, status, "{method} {path}: {}", response.text());
        }
    }
}

#[test]
fn every_operation_has_its_published_status_while_the_engine_closes() {
    let server = TestServer::open(&[("gateway.apis", "imagicle,vobiz,plivo")]);
    let closing = ClosingEngine::of(&server, || {
        start_on_first(&server);
    });
    for (method, path) in OPERATIONS {
        let expected = match *method {
            "POST" => 503,
            "DELETE" | "PUT" => 504,
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
    assert_eq!(as_admin(&server, "POST", "LiveRecordings", &body), empty(503));
    expect_vobiz_responses_of_closing_engine(&server);
    closing.end();
}
