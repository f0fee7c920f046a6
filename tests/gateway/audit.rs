//! The audit lines that each API's requests produce.

use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::wait::until;
use serde_json::{Value, json};

use crate::imagicle::{self, DEVICE};
use crate::server::{FIRST, PLIVO_ACCOUNT, TestServer, basic, send_raw};
use crate::support::{audit_lines, audit_written, end, verify_audit};
use crate::vobiz::{ID, RECORDINGS, make_recording};

/// Runs `act`, which must write exactly one audit line. Returns its result and the line.
#[track_caller]
fn line_of<T>(server: &TestServer, act: impl FnOnce() -> T) -> (T, Value) {
    let (result, mut lines) = lines_of(server, act);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    (result, lines.remove(0))
}

/// Runs `act`. Returns its result and the audit lines that it wrote.
fn lines_of<T>(server: &TestServer, act: impl FnOnce() -> T) -> (T, Vec<Value>) {
    audit_written(&server.engine);
    let before = audit_lines(&server.dir.0).len();
    let result = act();
    audit_written(&server.engine);
    let mut lines = audit_lines(&server.dir.0).split_off(before);
    lines.retain(|line| line["operation"] != "genesis");
    (result, lines)
}

/// Checks the main fields of a line that a user of this machine caused.
#[track_caller]
fn assert_line(line: &Value, operation: &str, outcome: &str, user: &str, level: u32, api: &str) {
    let fields = ["operation", "outcome", "user", "api"].map(|name| line[name].as_str().unwrap_or_default());
    assert_eq!(fields, [operation, outcome, user, api], "{line}");
    assert_eq!(line["level"], level, "{line}");
    assert_eq!(
        (&line["actor"], &line["source"]),
        (&json!("user"), &json!("127.0.0.1")),
        "{line}"
    );
}

#[test]
fn each_imagicle_operation_has_an_audit_line() {
    let server = TestServer::open(&[]);
    let (id, line) = line_of(&server, || imagicle::start_on_first(&server));
    assert_line(&line, "start", "done", "admin", 10, "imagicle");
    assert_eq!(
        (&line["asked"], &line["recordings"][0]["id"]),
        (&json!({ "device": DEVICE }), &json!(id))
    );
    for (user, level, method, path, operation) in [
        ("user1", 2, "PUT", "LiveRecordings/Mine/Pause".to_owned(), "pause"),
        (
            "admin",
            10,
            "PUT",
            format!("LiveRecordings/{id}/Resume"),
            "resume",
        ),
        (
            "admin",
            10,
            "DELETE",
            "LiveRecordings?directoryNumber=101".to_owned(),
            "stop",
        ),
    ] {
        let (response, line) = line_of(&server, || imagicle::status(&server, user, method, &path));
        assert_eq!(response, imagicle::empty(204), "{path}");
        assert_line(&line, operation, "done", user, level, "imagicle");
        assert_eq!(line["recordings"][0]["id"], id);
        assert_eq!(line["recordings"][0]["call_id"], FIRST);
    }
    server.engine.events.wait_terminal(&id);
    let media = format!("Recordings/{id}/Media");
    let (response, line) = line_of(&server, || imagicle::request(&server, "admin", "GET", &media, ""));
    assert_eq!(response.status, 200);
    assert_line(&line, "download", "done", "admin", 10, "imagicle");
    assert_eq!(line["recordings"][0]["id"], id);
    let (_, lines) = lines_of(&server, || {
        imagicle::request(&server, "admin", "HEAD", &media, "");
        imagicle::status(&server, "admin", "GET", "LiveRecordings");
    });
    assert_eq!(lines, [Value::Null; 0], "a HEAD or a list is not an operation");
}

#[test]
fn each_imagicle_refusal_has_an_audit_line() {
    let server = TestServer::open(&[]);
    let id = imagicle::start_on_first(&server);
    // The engine refuses.
    let (_, line) = line_of(&server, || {
        imagicle::status(&server, "user2", "DELETE", "LiveRecordings/Mine")
    });
    assert_line(&line, "stop", "refused", "user2", 2, "imagicle");
    assert_eq!(line["status"], REC_ERR_NOT_LIVE);
    // The API refuses, before the engine is called.
    let path = format!("LiveRecordings/{id}");
    let (response, line) = line_of(&server, || imagicle::status(&server, "user1", "DELETE", &path));
    assert_eq!(response, imagicle::empty(403));
    assert_line(&line, "refused", "refused", "user1", 2, "imagicle");
    assert_eq!(line["http_status"], 403);
    let request = line["asked"]["request"].as_str().unwrap();
    assert!(
        request.starts_with("DELETE /") && request.ends_with(&id),
        "{request}"
    );
    // The login fails: the line has the fields name, and never a secret.
    let wrong = basic("admin", "guessed-secret");
    let headers = [("authorization", wrong.as_str())];
    let path = format!("{}{path}?token=secret-of-the-query", imagicle::BASE);
    let (response, line) = line_of(&server, || server.send("DELETE", &path, &headers, ""));
    assert_eq!(response.status, 401);
    assert_eq!(
        (&line["operation"], &line["user"]),
        (&json!("refused"), &json!("admin"))
    );
    assert_eq!(
        (&line["api"], &line["source"]),
        (&json!("imagicle"), &json!("127.0.0.1"))
    );
    assert_eq!(
        (&line["level"], &line["http_status"]),
        (&Value::Null, &json!(401))
    );
    let (_, line) = line_of(&server, || server.send("GET", &path, &[], ""));
    assert_eq!((&line["user"], &line["http_status"]), (&json!(""), &json!(401)));
    let text = std::fs::read_to_string(server.dir.0.join(".callrec/audit.log")).unwrap();
    assert!(!text.contains("secret"), "{text}");
    verify_audit(&server.dir.0, None).unwrap();
}

#[test]
fn a_genesys_operation_on_an_automatic_line_has_one_audit_line() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(Some(DEVICE), None, REC_LINE_AUTOMATIC)
        .unwrap();
    let who = basic("user1", "secret");
    let headers = [
        ("authorization", who.as_str()),
        ("content-type", "application/json"),
    ];
    let path = format!("/api/v2/me/calls/{FIRST}");
    let operate = |name: &str| {
        let body = json!({ "operationName": name }).to_string();
        server.send("POST", &path, &headers, &body).status
    };
    for (name, operation) in [
        ("PauseCallRecording", "pause"),
        ("ResumeCallRecording", "resume"),
        ("StopCallRecording", "stop"),
        ("StartCallRecording", "start"),
    ] {
        let (status, line) = line_of(&server, || operate(name));
        assert_eq!(status, 200, "{name}");
        // The level of the login, not the level with which "me" is performed.
        assert_line(&line, operation, "done", "user1", 2, "genesys");
        assert_eq!(line["asked"], json!({ "call_id": FIRST }));
    }
    let (status, line) = line_of(&server, || operate("StartCallRecording"));
    assert_eq!(status, 409);
    assert_line(&line, "refused", "refused", "user1", 2, "genesys");
    let wrong = basic("user1", "wrong");
    let headers = [
        ("authorization", wrong.as_str()),
        ("content-type", "application/json"),
    ];
    let handshake = r#"[{"channel":"/meta/handshake","version":"1.0"}]"#;
    let (response, line) = line_of(&server, || {
        server.send("POST", "/genesys/cometd", &headers, handshake)
    });
    assert_eq!((response.status, &line["user"]), (401, &json!("user1")));
    assert_eq!(
        (&line["api"], &line["http_status"]),
        (&json!("cometd"), &json!(response.status))
    );
}

#[test]
fn each_vobiz_and_plivo_operation_has_an_audit_line() {
    let server = TestServer::open(&[("gateway.apis", "vobiz,plivo")]);
    let start = |path: &str, headers: &[(&str, &str)]| {
        let response = server.send("POST", path, headers, r#"{"file_format":"wav"}"#);
        assert!(response.status < 300, "{}", response.text());
        response.json()["recording_id"].as_str().unwrap().to_owned()
    };
    let path = |base: &str, account: &str| format!("{base}/Account/{account}/Call/{FIRST}/Record/");
    let vobiz = path("/api/v1", "MA_DEMO");
    let (id, line) = line_of(&server, || start(&vobiz, &ID));
    assert_line(&line, "start", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(line["recordings"][0]["id"], id);
    let wrong = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "wrong")];
    let (response, line) = line_of(&server, || server.send("DELETE", &vobiz, &wrong, ""));
    let fields = (response.status, &line["operation"], &line["user"]);
    assert_eq!(fields, (401, &json!("refused"), &json!("MA_DEMO")));
    let who = basic(PLIVO_ACCOUNT, "secret");
    let plivo = path("/v1", PLIVO_ACCOUNT);
    let basic_headers = [("authorization", who.as_str())];
    let (_, line) = line_of(&server, || start(&plivo, &basic_headers));
    assert_line(&line, "start", "done", PLIVO_ACCOUNT, 10, "plivo");
    let (_, line) = line_of(&server, || server.send("DELETE", &vobiz, &ID, ""));
    assert_line(&line, "stop", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(line["recordings"].as_array().unwrap().len(), 2);
    server.engine.events.wait_terminal(&id);
    let audio = format!("/recordings/{id}.wav");
    let ranged = [ID[0], ID[1], ("range", "bytes=0-9")];
    let (response, line) = line_of(&server, || server.send("GET", &audio, &ranged, ""));
    assert_eq!(response.status, 206);
    assert_line(&line, "download", "done", "MA_DEMO", 10, "audio");
    assert_eq!(line["asked"]["range"], "bytes=0-9");
    let recording = format!("{RECORDINGS}{id}/");
    let only = [("x-auth-id", "only"), ("x-auth-token", "secret")];
    let (_, line) = line_of(&server, || server.send("GET", &audio, &only, ""));
    assert_line(&line, "refused", "refused", "only", 1, "audio");
    let (response, line) = line_of(&server, || server.send("DELETE", &recording, &ID, ""));
    assert_eq!(response.status, 204);
    assert_line(&line, "delete", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(line["recordings"][0]["id"], id);
    let (_, line) = line_of(&server, || server.send("DELETE", &recording, &ID, ""));
    assert_eq!(
        (&line["operation"], &line["http_status"]),
        (&json!("refused"), &json!(404))
    );
    // The end of the call is recorded with the engine as the actor.
    let (_, line) = line_of(&server, || {
        start(&vobiz, &ID);
        audit_written(&server.engine);
    });
    assert_eq!(line["operation"], "start");
    let (_, line) = line_of(&server, || end(server.calls[0]).unwrap());
    assert_eq!(
        (&line["actor"], &line["reason"]),
        (&json!("engine"), &json!("call-ended"))
    );
}

fn deletions(server: &TestServer) -> usize {
    let lines = audit_lines(&server.dir.0);
    lines.iter().filter(|line| line["operation"] == "delete").count()
}

/// A client that disconnects aborts its request, but not a deletion that has begun.
#[test]
fn a_deletion_is_audited_although_its_client_has_disconnected() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..40).map(|_| make_recording(&server, 1).0).collect();
    let address = server.address();
    for (id, wait_us) in ids.iter().zip((0..).step_by(25)) {
        let [name, secret] = ID;
        let request = format!(
            "DELETE {RECORDINGS}{id}/ HTTP/1.1\r\nhost: {address}\r\n{}: {}\r\n{}: {}\r\n\r\n",
            name.0, name.1, secret.0, secret.1
        );
        let _stream = send_raw(address, &request);
        // Each connection is closed after a different time.
        let sent_at = Instant::now();
        while sent_at.elapsed().as_micros() < wait_us {}
    }
    // Deletes the recordings whose request was aborted before the deletion began.
    for id in &ids {
        server.send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, "");
        let response = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "");
        assert_eq!(response.status, 404);
    }
    until("each deletion has a line", || deletions(&server) == ids.len());
    audit_written(&server.engine);
    assert_eq!(deletions(&server), ids.len());
}

#[test]
fn a_bulk_deletion_has_an_audit_line_for_each_recording() {
    let server = TestServer::open(&[]);
    for _ in 0..3 {
        make_recording(&server, 1);
    }
    let all = format!("{RECORDINGS}BulkDelete/?add_time__gte=1970-01-01");
    // Two concurrent bulk deletions delete each recording once.
    for _ in 0..2 {
        assert_eq!(server.send("DELETE", &all, &ID, "").status, 202);
    }
    until("each deletion has a line", || deletions(&server) == 3);
    // This request is performed after the second deletion.
    assert_eq!(server.send("DELETE", &all, &ID, "").status, 202);
    audit_written(&server.engine);
    let lines = audit_lines(&server.dir.0);
    let line = lines.iter().find(|line| line["operation"] == "delete").unwrap();
    assert_line(line, "delete", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(deletions(&server), 3);
}

/// A signed URL, a HEAD, a response of 304, and a page of another site.
#[test]
fn a_request_without_a_login_has_at_most_one_audit_line() {
    let server = TestServer::open(&[("gateway.url_lifetime_ms", "3600000")]);
    let (id, url) = make_recording(&server, 1);
    let url = url.strip_prefix(&server.base).unwrap();
    let (response, line) = line_of(&server, || server.send("GET", url, &[], ""));
    assert_line(&line, "download", "done", "", 0, "audio");
    assert_eq!(line["recordings"][0]["id"], id);
    let tag = response.header("etag").to_owned();
    let (_, lines) = lines_of(&server, || {
        assert_eq!(server.send("HEAD", url, &[], "").status, 200);
        let known = [("if-none-match", tag.as_str())];
        assert_eq!(server.send("GET", url, &known, "").status, 304);
    });
    assert_eq!(lines, [Value::Null; 0]);
    let foreign = [ID[0], ID[1], ("origin", "https://elsewhere.example")];
    let recording = format!("{RECORDINGS}{id}/");
    let (response, line) = line_of(&server, || server.send("DELETE", &recording, &foreign, ""));
    assert_eq!(response.status, 403);
    assert_eq!(
        (&line["operation"], &line["user"], &line["http_status"]),
        (&json!("refused"), &json!("MA_DEMO"), &json!(403))
    );
    let wrong = url.replace("signature=", "signature=x");
    let (response, line) = line_of(&server, || server.send("GET", &wrong, &[], ""));
    assert_eq!((response.status, &line["operation"]), (403, &json!("refused")));
    let text = std::fs::read_to_string(server.dir.0.join(".callrec/audit.log")).unwrap();
    assert!(!text.contains("signature"), "{text}");
}
