//! What each API leaves in the audit log.

use std::io::Write;
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::wait::until;
use serde_json::{Value, json};

use crate::imagicle::{self, DEVICE};
use crate::server::{FIRST, PLIVO_ACCOUNT, TestServer, basic};
use crate::support::{audit_lines, audit_written, end, verify_audit};
use crate::vobiz::{ID, RECORDINGS, make_recording};

/// The one line that an act has written.
#[track_caller]
fn line_of<T>(server: &TestServer, act: impl FnOnce() -> T) -> (T, Value) {
    let (done, mut lines) = lines_of(server, act);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    (done, lines.remove(0))
}

fn lines_of<T>(server: &TestServer, act: impl FnOnce() -> T) -> (T, Vec<Value>) {
    audit_written(&server.engine);
    let before = audit_lines(&server.dir.0).len();
    let done = act();
    audit_written(&server.engine);
    let mut lines = audit_lines(&server.dir.0).split_off(before);
    lines.retain(|line| line["operation"] != "genesis");
    (done, lines)
}

/// Operation, outcome, user, level, API; and the source is there.
#[track_caller]
fn says(line: &Value, operation: &str, outcome: &str, user: &str, level: u32, api: &str) {
    let said = ["operation", "outcome", "user", "api"].map(|name| line[name].as_str().unwrap_or_default());
    assert_eq!(said, [operation, outcome, user, api], "{line}");
    assert_eq!(line["level"], level, "{line}");
    assert_eq!(
        (&line["actor"], &line["source"]),
        (&json!("user"), &json!("127.0.0.1")),
        "{line}"
    );
}

#[test]
fn imagicle_leaves_a_line_for_each_operation() {
    let server = TestServer::open(&[]);
    let (id, line) = line_of(&server, || imagicle::start_on_first(&server));
    says(&line, "start", "done", "admin", 10, "imagicle");
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
        let (answer, line) = line_of(&server, || imagicle::status(&server, user, method, &path));
        assert_eq!(answer, imagicle::empty(204), "{path}");
        says(&line, operation, "done", user, level, "imagicle");
        assert_eq!(line["recordings"][0]["id"], id);
        assert_eq!(line["recordings"][0]["call_id"], FIRST);
    }
    server.engine.events.wait_terminal(&id);
    let media = format!("Recordings/{id}/Media");
    let (reply, line) = line_of(&server, || imagicle::request(&server, "admin", "GET", &media, ""));
    assert_eq!(reply.status, 200);
    says(&line, "download", "done", "admin", 10, "imagicle");
    assert_eq!(line["recordings"][0]["id"], id);
    let (_, lines) = lines_of(&server, || {
        imagicle::request(&server, "admin", "HEAD", &media, "");
        imagicle::status(&server, "admin", "GET", "LiveRecordings");
    });
    assert_eq!(lines, [Value::Null; 0], "looking is no operation");
}

#[test]
fn imagicle_leaves_a_line_for_each_refusal() {
    let server = TestServer::open(&[]);
    let id = imagicle::start_on_first(&server);
    // By the engine.
    let (_, line) = line_of(&server, || {
        imagicle::status(&server, "user2", "DELETE", "LiveRecordings/Mine")
    });
    says(&line, "stop", "refused", "user2", 2, "imagicle");
    assert_eq!(line["status"], REC_ERR_NOT_LIVE);
    // By the API, before it comes to the engine.
    let path = format!("LiveRecordings/{id}");
    let (answer, line) = line_of(&server, || imagicle::status(&server, "user1", "DELETE", &path));
    assert_eq!(answer, imagicle::empty(403));
    says(&line, "refused", "refused", "user1", 2, "imagicle");
    assert_eq!(line["http_status"], 403);
    let request = line["asked"]["request"].as_str().unwrap();
    assert!(
        request.starts_with("DELETE /") && request.ends_with(&id),
        "{request}"
    );
    // To who was not let in, with the name that they gave and never a secret.
    let wrong = basic("admin", "guessed-secret");
    let headers = [("authorization", wrong.as_str())];
    let path = format!("{}{path}?token=secret-of-the-query", imagicle::BASE);
    let (reply, line) = line_of(&server, || server.send("DELETE", &path, &headers, ""));
    assert_eq!(reply.status, 401);
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
fn genesys_leaves_one_line_also_on_an_automatic_line() {
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
        // The level of the login, and not the one that "me" acts by.
        says(&line, operation, "done", "user1", 2, "genesys");
        assert_eq!(line["asked"], json!({ "call_id": FIRST }));
    }
    let (status, line) = line_of(&server, || operate("StartCallRecording"));
    assert_eq!(status, 409);
    says(&line, "refused", "refused", "user1", 2, "genesys");
    let wrong = basic("user1", "wrong");
    let headers = [
        ("authorization", wrong.as_str()),
        ("content-type", "application/json"),
    ];
    let handshake = r#"[{"channel":"/meta/handshake","version":"1.0"}]"#;
    let (reply, line) = line_of(&server, || {
        server.send("POST", "/genesys/cometd", &headers, handshake)
    });
    assert_eq!((reply.status, &line["user"]), (401, &json!("user1")));
    assert_eq!(
        (&line["api"], &line["http_status"]),
        (&json!("cometd"), &json!(reply.status))
    );
}

#[test]
fn vobiz_and_plivo_leave_a_line_for_each_operation() {
    let server = TestServer::open(&[("gateway.apis", "vobiz,plivo")]);
    let start = |path: &str, headers: &[(&str, &str)]| {
        let reply = server.send("POST", path, headers, r#"{"file_format":"wav"}"#);
        assert!(reply.status < 300, "{}", reply.text());
        reply.json()["recording_id"].as_str().unwrap().to_owned()
    };
    let path = |base: &str, account: &str| format!("{base}/Account/{account}/Call/{FIRST}/Record/");
    let vobiz = path("/api/v1", "MA_DEMO");
    let (id, line) = line_of(&server, || start(&vobiz, &ID));
    says(&line, "start", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(line["recordings"][0]["id"], id);
    let wrong = [("x-auth-id", "MA_DEMO"), ("x-auth-token", "wrong")];
    let (reply, line) = line_of(&server, || server.send("DELETE", &vobiz, &wrong, ""));
    let claimed = (reply.status, &line["operation"], &line["user"]);
    assert_eq!(claimed, (401, &json!("refused"), &json!("MA_DEMO")));
    let who = basic(PLIVO_ACCOUNT, "secret");
    let plivo = path("/v1", PLIVO_ACCOUNT);
    let basic_headers = [("authorization", who.as_str())];
    let (_, line) = line_of(&server, || start(&plivo, &basic_headers));
    says(&line, "start", "done", PLIVO_ACCOUNT, 10, "plivo");
    let (_, line) = line_of(&server, || server.send("DELETE", &vobiz, &ID, ""));
    says(&line, "stop", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(line["recordings"].as_array().unwrap().len(), 2);
    server.engine.events.wait_terminal(&id);
    let audio = format!("/recordings/{id}.wav");
    let ranged = [ID[0], ID[1], ("range", "bytes=0-9")];
    let (reply, line) = line_of(&server, || server.send("GET", &audio, &ranged, ""));
    assert_eq!(reply.status, 206);
    says(&line, "download", "done", "MA_DEMO", 10, "audio");
    assert_eq!(line["asked"]["range"], "bytes=0-9");
    let one = format!("{RECORDINGS}{id}/");
    let only = [("x-auth-id", "only"), ("x-auth-token", "secret")];
    let (_, line) = line_of(&server, || server.send("GET", &audio, &only, ""));
    says(&line, "refused", "refused", "only", 1, "audio");
    let (reply, line) = line_of(&server, || server.send("DELETE", &one, &ID, ""));
    assert_eq!(reply.status, 204);
    says(&line, "delete", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(line["recordings"][0]["id"], id);
    let (_, line) = line_of(&server, || server.send("DELETE", &one, &ID, ""));
    assert_eq!(
        (&line["operation"], &line["http_status"]),
        (&json!("refused"), &json!(404))
    );
    // A time limit and the call's end are the engine's.
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

/// Whoever hangs up after a request ends the request, but not what it has begun.
#[test]
fn a_deletion_has_a_line_also_if_its_client_has_hung_up() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..40).map(|_| make_recording(&server, 1).0).collect();
    let address = server.address();
    for (id, wait_us) in ids.iter().zip((0..).step_by(25)) {
        let mut stream = server.connect();
        let [name, secret] = ID;
        write!(
            stream,
            "DELETE {RECORDINGS}{id}/ HTTP/1.1\r\nhost: {address}\r\n{}: {}\r\n{}: {}\r\n\r\n",
            name.0, name.1, secret.0, secret.1
        )
        .unwrap();
        // At another moment each time.
        let asked = Instant::now();
        while asked.elapsed().as_micros() < wait_us {}
    }
    // Where the request ended before its deletion began, it is done here.
    for id in &ids {
        server.send("DELETE", &format!("{RECORDINGS}{id}/"), &ID, "");
        let reply = server.send("GET", &format!("{RECORDINGS}{id}/"), &ID, "");
        assert_eq!(reply.status, 404);
    }
    until("each deletion has a line", || deletions(&server) == ids.len());
    audit_written(&server.engine);
    assert_eq!(deletions(&server), ids.len());
}

#[test]
fn a_bulk_deletion_has_a_line_for_each_recording() {
    let server = TestServer::open(&[]);
    for _ in 0..3 {
        make_recording(&server, 1);
    }
    let all = format!("{RECORDINGS}BulkDelete/?add_time__gte=1970-01-01");
    // Of both together, each recording is deleted once.
    for _ in 0..2 {
        assert_eq!(server.send("DELETE", &all, &ID, "").status, 202);
    }
    until("each deletion has a line", || deletions(&server) == 3);
    // The last word of the second one.
    assert_eq!(server.send("DELETE", &all, &ID, "").status, 202);
    audit_written(&server.engine);
    let lines = audit_lines(&server.dir.0);
    let line = lines.iter().find(|line| line["operation"] == "delete").unwrap();
    says(line, "delete", "done", "MA_DEMO", 10, "vobiz");
    assert_eq!(deletions(&server), 3);
}

/// A page of another site, a signed url, a HEAD and an answer of 304.
#[test]
fn requests_without_a_login_have_at_most_one_line() {
    let server = TestServer::open(&[("gateway.url_lifetime_ms", "3600000")]);
    let (id, url) = make_recording(&server, 1);
    let url = url.strip_prefix(&server.base).unwrap();
    let (reply, line) = line_of(&server, || server.send("GET", url, &[], ""));
    says(&line, "download", "done", "", 0, "audio");
    assert_eq!(line["recordings"][0]["id"], id);
    let tag = reply.header("etag").to_owned();
    let (_, lines) = lines_of(&server, || {
        assert_eq!(server.send("HEAD", url, &[], "").status, 200);
        let known = [("if-none-match", tag.as_str())];
        assert_eq!(server.send("GET", url, &known, "").status, 304);
    });
    assert_eq!(lines, [Value::Null; 0]);
    let foreign = [ID[0], ID[1], ("origin", "https://elsewhere.example")];
    let one = format!("{RECORDINGS}{id}/");
    let (reply, line) = line_of(&server, || server.send("DELETE", &one, &foreign, ""));
    assert_eq!(reply.status, 403);
    assert_eq!(
        (&line["operation"], &line["user"], &line["http_status"]),
        (&json!("refused"), &json!("MA_DEMO"), &json!(403))
    );
    let wrong = url.replace("signature=", "signature=x");
    let (reply, line) = line_of(&server, || server.send("GET", &wrong, &[], ""));
    assert_eq!((reply.status, &line["operation"]), (403, &json!("refused")));
    let text = std::fs::read_to_string(server.dir.0.join(".callrec/audit.log")).unwrap();
    assert!(!text.contains("signature"), "{text}");
}
