//! A request has the same response over a socket and by `rec_http_handle`.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use serde_json::{Value, json};

use crate::imagicle::{BASE, DEVICE};
use crate::server::{ClientResponse, FIRST, PLIVO_ACCOUNT, TestServer, basic, handle};
use crate::vobiz::make_recording;

type HeaderList<'a> = &'a [(&'a str, &'a str)];

/// Sets the values that differ in every response, ids and times, to null.
fn remove_variable_values(value: &mut Value) {
    const VARIABLE: [&str; 4] = ["api_id", "requestId", "timestamp", "duration"];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if VARIABLE.contains(&name.as_str()) {
                    assert!(value.is_string(), "{name}: {value}");
                    *value = Value::Null;
                }
                remove_variable_values(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(remove_variable_values),
        _ => {}
    }
}

fn body_of(response: &ClientResponse) -> Value {
    let mut body = serde_json::from_slice(&response.body).unwrap_or_else(|_| json!(response.body));
    remove_variable_values(&mut body);
    body
}

/// The headers of a response, sorted, without those in `ignored`.
fn sorted_headers(response: &ClientResponse, ignored: &[&str]) -> Vec<(String, String)> {
    let mut all: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| !ignored.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    all.sort();
    all
}

/// Sends the request over the socket and by `rec_http_handle`, and compares the responses.
fn send_both_ways(
    server: &TestServer,
    method: &str,
    path: &str,
    headers: HeaderList<'_>,
    body: &str,
) -> ClientResponse {
    let sent = server.send(method, path, headers, body);
    let handled = handle(server.gateway, method, path, headers, body).unwrap();
    let what = format!("{method} {path} {headers:?}");
    assert_eq!(handled.status, sent.status, "{what}");
    assert_eq!(body_of(&handled), body_of(&sent), "{what}");
    // The server adds these, and `content-length` where the response itself has none.
    let ignored: &[&str] = match handled.headers.contains_key("content-length") {
        true => &["date", "connection", "transfer-encoding"],
        false => &["date", "connection", "transfer-encoding", "content-length"],
    };
    assert_eq!(
        sorted_headers(&handled, ignored),
        sorted_headers(&sent, ignored),
        "{what}"
    );
    if method == "HEAD" {
        assert!(handled.body.is_empty(), "{what}: {}", handled.text());
    }
    handled
}

#[test]
fn every_response_is_the_same_with_and_without_a_socket() {
    let server = TestServer::open(&[
        ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
        ("gateway.auth_delay_ms", "0"),
    ]);
    let (id, _) = make_recording(&server, 2);
    let (admin, user1, plivo) = (
        basic("admin", "secret"),
        basic("user1", "secret"),
        basic(PLIVO_ACCOUNT, "secret"),
    );
    let (admin, user1, plivo) = (
        [("authorization", admin.as_str())],
        [("authorization", user1.as_str())],
        [("authorization", plivo.as_str())],
    );
    let token = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    let media = format!("{BASE}Recordings/{id}/Media");
    let audio = format!("/recordings/{id}.wav");
    let call = format!("/api/v2/me/calls/{FIRST}");
    let imagicle = |path: &str| format!("{BASE}{path}");
    let vobiz = |path: &str| format!("/api/v1/Account/MA_DEMO/{path}");
    let cases: &[(&str, String, HeaderList<'_>, &str, u16)] = &[
        ("GET", "/healthz".into(), &[], "", 200),
        ("HEAD", "/healthz".into(), &[], "", 200),
        ("GET", "/openapi.yaml".into(), &[], "", 200),
        ("GET", "/nothing".into(), &[], "", 404),
        ("HEAD", "/nothing".into(), &[], "", 404),
        ("GET", imagicle("LiveRecordings"), &[], "", 401),
        ("GET", imagicle("LiveRecordings"), &admin, "", 200),
        ("HEAD", imagicle("LiveRecordings"), &admin, "", 200),
        ("POST", imagicle("LiveRecordings"), &admin, "{}", 400),
        ("PATCH", imagicle("LiveRecordings"), &admin, "", 405),
        ("PUT", imagicle("LiveRecordings/Mine/Pause"), &user1, "", 409),
        ("GET", imagicle("Recordings?page=0&pageSize=5"), &admin, "", 200),
        ("GET", format!("{BASE}Recordings/{id}"), &admin, "", 200),
        ("GET", media.clone(), &admin, "", 200),
        ("HEAD", media.clone(), &admin, "", 200),
        ("GET", "/api/v2/me".into(), &user1, "", 200),
        ("GET", "/api/v2/me/calls".into(), &user1, "", 200),
        ("GET", call.clone(), &user1, "", 200),
        ("POST", call.clone(), &user1, "no json", 400),
        (
            "POST",
            call,
            &user1,
            r#"{"operationName":"StopCallRecording"}"#,
            409,
        ),
        ("GET", "/api/v2/nothing".into(), &[], "", 401),
        ("POST", "/genesys/cometd".into(), &user1, "[]", 400),
        (
            "POST",
            "/genesys/cometd".into(),
            &user1,
            r#"{"channel":"/meta/connect","id":"1"}"#,
            200,
        ),
        ("GET", vobiz("Recording/"), &token, "", 200),
        (
            "GET",
            format!("/api/v1/Account/MA_DEMO/Recording/{id}/"),
            &token,
            "",
            200,
        ),
        ("GET", vobiz("recording"), &token, "", 401),
        (
            "POST",
            vobiz("Call/none/Record/"),
            &token,
            r#"{"file_format":"wav"}"#,
            404,
        ),
        (
            "GET",
            format!("/v1/Account/{PLIVO_ACCOUNT}/Recording/"),
            &plivo,
            "",
            200,
        ),
        (
            "GET",
            format!("/v1/Account/{PLIVO_ACCOUNT}/Recording/"),
            &[],
            "",
            401,
        ),
        ("GET", audio.clone(), &[], "", 401),
        ("GET", audio.clone(), &token, "", 200),
        ("HEAD", audio.clone(), &token, "", 200),
    ];
    for (method, path, headers, body, status) in cases {
        let response = send_both_ways(&server, method, path, headers, body);
        assert_eq!(response.status, *status, "{method} {path}: {}", response.text());
    }
    for (name, value, get, head) in [
        ("range", "bytes=100-199", 206, 200),
        ("range", "bytes=-10", 206, 200),
        ("range", "bytes=99999999-", 416, 200),
        ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT", 304, 304),
        ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT", 412, 412),
    ] {
        for (method, status) in [("GET", get), ("HEAD", head)] {
            let headers = [token[0], token[1], (name, value)];
            let response = send_both_ways(&server, method, &audio, &headers, "");
            assert_eq!(response.status, status, "{method} {name}: {value}");
        }
    }
}

#[test]
fn each_api_starts_and_stops_recordings_without_a_socket() {
    let server = TestServer::open(&[]);
    let (admin, user1) = (basic("admin", "secret"), basic("user1", "secret"));
    let (admin, user1) = (
        [("authorization", admin.as_str())],
        [("authorization", user1.as_str())],
    );
    let token = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    let send = |method: &str, path: &str, headers: HeaderList<'_>, body: &Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        handle(server.gateway, method, path, headers, &body).unwrap()
    };
    let live = || server.engine.stats().live_recordings;

    let line = json!({ "deviceName": DEVICE });
    let started = send("POST", &format!("{BASE}LiveRecordings"), &admin, &line);
    assert_eq!((started.status, live()), (201, 1));
    let by_id = format!("{BASE}LiveRecordings/{}", started.json()["id"].as_str().unwrap());
    assert_eq!(send("DELETE", &by_id, &admin, &Value::Null).status, 204);
    assert_eq!(live(), 0);

    let call = format!("/api/v2/me/calls/{FIRST}");
    let operate = |name: &str| send("POST", &call, &user1, &json!({ "operationName": name })).status;
    assert_eq!((operate("StartCallRecording"), live()), (200, 1));
    assert_eq!((operate("StopCallRecording"), live()), (200, 0));

    let record = format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    let started = send("POST", &record, &token, &json!({ "file_format": "wav" }));
    assert_eq!((started.status, live()), (200, 1));
    assert_eq!(send("DELETE", &record, &token, &Value::Null).status, 204);
    assert_eq!(live(), 0);
}

/// The source of `rec_http_handle` is 127.0.0.1 by default.
#[test]
fn only_a_trusted_proxy_sets_the_forwarded_host() {
    let browser = [
        ("authorization", basic("admin", "secret")),
        ("origin", "https://front.example".to_owned()),
        ("x-forwarded-host", "front.example".to_owned()),
    ];
    let browser: Vec<_> = browser
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let stop = |server: &TestServer| {
        send_both_ways(
            server,
            "DELETE",
            &format!("{BASE}LiveRecordings/Mine"),
            &browser,
            "",
        )
    };
    assert_eq!(stop(&TestServer::open(&[])).status, 403);
    let trusting = TestServer::open(&[("gateway.trusted_proxies", "127.0.0.1")]);
    assert_eq!(stop(&trusting).status, 409, "the user has no live recording");
}
