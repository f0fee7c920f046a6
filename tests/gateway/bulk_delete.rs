//! Vobiz's bulk deletion.

use callrec::capi::*;
use callrec_testkit::wait::until;
use serde_json::json;

use crate::server::{FIRST, TestServer};
use crate::support::{audit_lines, audit_written};
use crate::vobiz::{ID, RECORDINGS, USER1, expect_resource, make_recording, start_recording};

const ALL: &str = "add_time__gte=1970-01-01%2000:00:00";

fn path(query: &str) -> String {
    format!("{RECORDINGS}BulkDelete/?{query}")
}

/// How many published recordings there are.
fn count(server: &TestServer) -> u64 {
    let list = server.send("GET", RECORDINGS, &ID, "").json();
    list["meta"]["total_count"].as_u64().unwrap()
}

#[test]
fn matching_recordings_are_deleted_after_the_response() {
    let server = TestServer::open(&[]);
    let (first, _) = make_recording(&server, 1);
    make_recording(&server, 1);
    let (live, _) = start_recording(&server, r#"{"file_format":"wav"}"#);
    for query in [
        "call_uuid=other",
        "recording_format=mp3",
        "conference_name=x",
        "to_number=102",
    ] {
        assert_eq!(
            server.send("DELETE", &path(query), &ID, "").status,
            202,
            "{query}"
        );
    }
    assert_eq!(count(&server), 2);
    let response = server.send(
        "DELETE",
        &path(&format!("{ALL}&call_uuid={FIRST}&to_number=10")),
        &ID,
        "",
    );
    assert_eq!(response.status, 202, "{}", response.text());
    let body = response.json();
    assert_eq!(body["api_id"].as_str().unwrap().len(), 36);
    assert_eq!(body["message"], "bulk delete started");
    until("both are deleted", || count(&server) == 0);
    expect_resource(
        &server.send("GET", &format!("{RECORDINGS}{first}/"), &ID, ""),
        404,
    );
    assert_eq!(
        crate::vobiz::live_ids(&server),
        [live],
        "a recording in progress continues"
    );
}

/// vobiz-python sends the filters in the body.
#[test]
fn filters_may_come_in_the_body() {
    let server = TestServer::open(&[]);
    make_recording(&server, 1);
    let body = json!({ "recording_format": "wav", "call_uuid": "other", "from_number": null });
    assert_eq!(
        server.send("DELETE", &path(""), &ID, &body.to_string()).status,
        202
    );
    assert_eq!(count(&server), 1);
    let body = json!({ "recording_format": "wav", "recording_storage_duration__lte": 1 });
    assert_eq!(
        server.send("DELETE", &path(""), &ID, &body.to_string()).status,
        202
    );
    until("it is deleted", || count(&server) == 0);
}

#[test]
fn a_bulk_deletion_without_a_valid_filter_deletes_nothing() {
    let server = TestServer::open(&[]);
    make_recording(&server, 1);
    for (query, body) in [
        ("", ""),
        ("", "{}"),
        ("call_uuid=", r#"{"to_number":null}"#),
        ("limit=1", ""),
        ("call_uid=other", ""),
        ("from_number=%2B", ""),
        ("add_time__gte=soon", ""),
        (ALL, r#"{"colour":"blue"}"#),
        (ALL, r#"{"call_uuid":["a"]}"#),
        (ALL, r#"{"add_time__gte":"2020-01-01"}"#),
        (ALL, "["),
        (&format!("{ALL}&call_uuid="), ""),
        (ALL, r#"{"from_number":""}"#),
    ] {
        expect_resource(&server.send("DELETE", &path(query), &ID, body), 400);
    }
    assert_eq!(count(&server), 1);
}

#[test]
fn a_bulk_deletion_needs_level_10_and_the_method_delete() {
    let server = TestServer::open(&[]);
    make_recording(&server, 1);
    let own = path(ALL).replace("MA_DEMO", "user1");
    expect_resource(&server.send("DELETE", &own, &USER1, ""), 403);
    expect_resource(&server.send("DELETE", &path(ALL), &[], ""), 401);
    let response = server.send("GET", &path(ALL), &ID, "");
    expect_resource(&response, 405);
    assert_eq!(response.header("allow"), "DELETE");
    assert_eq!(count(&server), 1);
}

#[test]
fn a_recording_that_cannot_be_deleted_is_logged_and_delays_no_other() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3).map(|_| make_recording(&server, 1).0).collect();
    let stuck = server.engine.get(None, &ids[1]).unwrap().path;
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir(&stuck).unwrap();
    let log = server.log();
    assert_eq!(server.send("DELETE", &path(ALL), &ID, "").status, 202);
    until("it is logged", || {
        log.has("1 of 3 recordings could not be deleted")
    });
    assert_eq!(count(&server), 1);
}

/// Of two deletions with the same filter, one deletes and records each recording.
#[test]
fn concurrent_bulk_deletions_audit_each_recording_once() {
    let server = TestServer::open(&[("gateway.archive_parallel", "1")]);
    let ids: Vec<String> = (0..12).map(|_| make_recording(&server, 1).0).collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(server.send("DELETE", &path(ALL), &ID, "").status, 202));
        }
    });
    until("all are deleted", || count(&server) == 0);
    // The archive performs one task at a time: these follow any remaining deletion.
    ids.iter().for_each(|_| assert_eq!(count(&server), 0));
    audit_written(&server.engine);
    let lines = audit_lines(&server.dir.0);
    let deleted = lines.iter().filter(|line| line["operation"] == "delete");
    assert_eq!(deleted.count(), ids.len());
}

#[test]
fn a_bulk_deletion_leaves_held_recordings_out() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3).map(|_| make_recording(&server, 1).0).collect();
    server.engine.hold(None, &ids[1], 1).unwrap();
    let log = server.log();
    assert_eq!(server.send("DELETE", &path(ALL), &ID, "").status, 202);
    until("the others are deleted", || count(&server) == 1);
    until("its refusal is audited", || {
        let lines = audit_lines(&server.dir.0);
        lines.iter().any(|line| line["status"] == REC_ERR_HELD)
    });
    let held = server.send("GET", &format!("{RECORDINGS}{}/", ids[1]), &ID, "");
    assert_eq!(held.status, 200);
    assert!(!log.has("could not be deleted"), "a hold is no failure");
    server.engine.hold(None, &ids[1], 0).unwrap();
    assert_eq!(server.send("DELETE", &path(ALL), &ID, "").status, 202);
    until("it is deleted", || count(&server) == 0);
}
