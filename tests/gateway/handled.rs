//! The same request over a socket and by `rec_http_handle` has the same answer.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use serde_json::{Value, json};

use crate::imagicle::{BASE, DEVICE};
use crate::server::{ClientResponse, FIRST, PLIVO_ACCOUNT, TestServer, basic, handle};
use crate::vobiz::finished;

type HeaderList<'a> = &'a [(&'a str, &'a str)];

/// What differs from request to request: ids and times.
fn settled(value: &mut Value) {
    const EACH: [&str; 4] = ["api_id", "requestId", "timestamp", "duration"];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if EACH.contains(&name.as_str()) {
                    assert!(value.is_string(), "{name}: {value}");
                    *value = Value::Null;
                }
                settled(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(settled),
        _ => {}
    }
}

fn body_of(reply: &ClientResponse) -> Value {
    let mut body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| json!(reply.body));
    settled(&mut body);
    body
}

/// Those that the answer itself has: a server adds others.
fn headers_of(reply: &ClientResponse, of_server: &[&str]) -> Vec<(String, String)> {
    let mut all: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !of_server.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    all.sort();
    all
}

/// Asks both ways.
fn both(
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
    // A body that is there says itself how long it is.
    let of_server: &[&str] = match handled.headers.contains_key("content-length") {
        true => &["date", "connection", "transfer-encoding"],
        false => &["date", "connection", "transfer-encoding", "content-length"],
    };
    assert_eq!(
        headers_of(&handled, of_server),
        headers_of(&sent, of_server),
        "{what}"
    );
    if method == "HEAD" {
        assert!(handled.body.is_empty(), "{what}: {}", handled.text());
    }
    handled
}

#[test]
fn what_is_asked_without_a_socket_is_answered_as_over_one() {
    let server = TestServer::open(&[
        ("gateway.apis", "imagicle,genesys,vobiz,plivo"),
        ("gateway.auth_delay_ms", "0"),
    ]);
    let (id, _) = finished(&server, 2);
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
    let of = |path: &str| format!("{BASE}{path}");
    let vobiz = |path: &str| format!("/api/v1/Account/MA_DEMO/{path}");
    let cases: &[(&str, String, HeaderList<'_>, &str, u16)] = &[
        ("GET", "/healthz".into(), &[], "", 200),
        ("HEAD", "/healthz".into(), &[], "", 200),
        ("GET", "/openapi.yaml".into(), &[], "", 200),
        ("GET", "/nothing".into(), &[], "", 404),
        ("HEAD", "/nothing".into(), &[], "", 404),
        ("GET", of("LiveRecordings"), &[], "", 401),
        ("GET", of("LiveRecordings"), &admin, "", 200),
        ("HEAD", of("LiveRecordings"), &admin, "", 200),
        ("POST", of("LiveRecordings"), &admin, "{}", 400),
        ("PATCH", of("LiveRecordings"), &admin, "", 405),
        ("PUT", of("LiveRecordings/Mine/Pause"), &user1, "", 409),
        ("GET", of("Recordings?page=0&pageSize=5"), &admin, "", 200),
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
        let reply = both(&server, method, path, headers, body);
        assert_eq!(reply.status, *status, "{method} {path}: {}", reply.text());
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
            let reply = both(&server, method, &audio, &headers, "");
            assert_eq!(reply.status, status, "{method} {name}: {value}");
        }
    }
}

#[test]
fn each_api_starts_and_stops_without_a_socket() {
    let server = TestServer::open(&[]);
    let (admin, user1) = (basic("admin", "secret"), basic("user1", "secret"));
    let (admin, user1) = (
        [("authorization", admin.as_str())],
        [("authorization", user1.as_str())],
    );
    let token = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "secret")];
    let ask = |method: &str, path: &str, headers: HeaderList<'_>, body: &Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        handle(server.gateway, method, path, headers, &body).unwrap()
    };
    let live = || server.engine.stats().live_recordings;

    let line = json!({ "deviceName": DEVICE });
    let started = ask("POST", &format!("{BASE}LiveRecordings"), &admin, &line);
    assert_eq!((started.status, live()), (201, 1));
    let own = format!("{BASE}LiveRecordings/{}", started.json()["id"].as_str().unwrap());
    assert_eq!(ask("DELETE", &own, &admin, &Value::Null).status, 204);
    assert_eq!(live(), 0);

    let call = format!("/api/v2/me/calls/{FIRST}");
    let does = |name: &str| ask("POST", &call, &user1, &json!({ "operationName": name })).status;
    assert_eq!((does("StartCallRecording"), live()), (200, 1));
    assert_eq!((does("StopCallRecording"), live()), (200, 0));

    let record = format!("/api/v1/Account/MA_DEMO/Call/{FIRST}/Record/");
    let started = ask("POST", &record, &token, &json!({ "file_format": "wav" }));
    assert_eq!((started.status, live()), (200, 1));
    assert_eq!(ask("DELETE", &record, &token, &Value::Null).status, 204);
    assert_eq!(live(), 0);
}

/// The host of the gateway is no proxy that somebody has named as trusted.
#[test]
fn nobody_says_which_host_was_asked_for_but_a_trusted_proxy() {
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
        both(
            server,
            "DELETE",
            &format!("{BASE}LiveRecordings/Mine"),
            &browser,
            "",
        )
    };
    assert_eq!(stop(&TestServer::open(&[])).status, 403);
    let trusting = TestServer::open(&[("gateway.trusted_proxies", "127.0.0.1")]);
    assert_eq!(stop(&trusting).status, 409, "nothing of theirs is recorded");
}
