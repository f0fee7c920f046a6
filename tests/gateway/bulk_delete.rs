//! Vobiz's bulk deletion.

use callrec_testkit::wait::until;
use serde_json::json;

use crate::server::{FIRST, TestServer};
use crate::support::{audit_lines, audit_written};
use crate::vobiz::{ID, RECORDINGS, USER1, expect_resource, finished, started};

const ALL: &str = "add_time__gte=1970-01-01%2000:00:00";

fn path(query: &str) -> String {
    format!("{RECORDINGS}BulkDelete/?{query}")
}

fn count(server: &TestServer) -> u64 {
    let said = server.send("GET", RECORDINGS, &ID, "").json();
    said["meta"]["total_count"].as_u64().unwrap()
}

#[test]
fn what_the_filters_find_is_deleted_behind_the_answer() {
    let server = TestServer::open(&[]);
    let (first, _) = finished(&server, 1);
    finished(&server, 1);
    let (live, _) = started(&server, r#"{"file_format":"wav"}"#);
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
    let reply = server.send(
        "DELETE",
        &path(&format!("{ALL}&call_uuid={FIRST}&to_number=10")),
        &ID,
        "",
    );
    assert_eq!(reply.status, 202, "{}", reply.text());
    let said = reply.json();
    assert_eq!(said["api_id"].as_str().unwrap().len(), 36);
    assert_eq!(said["message"], "bulk delete started");
    until("both are deleted", || count(&server) == 0);
    expect_resource(
        &server.send("GET", &format!("{RECORDINGS}{first}/"), &ID, ""),
        404,
    );
    assert_eq!(crate::vobiz::live(&server), [live], "what is in progress goes on");
}

/// As vobiz-python sends them.
#[test]
fn filters_may_come_in_the_body() {
    let server = TestServer::open(&[]);
    finished(&server, 1);
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
fn what_is_no_filter_deletes_nothing() {
    let server = TestServer::open(&[]);
    finished(&server, 1);
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
fn it_needs_level_10_and_a_delete() {
    let server = TestServer::open(&[]);
    finished(&server, 1);
    let own = path(ALL).replace("MA_DEMO", "user1");
    expect_resource(&server.send("DELETE", &own, &USER1, ""), 403);
    expect_resource(&server.send("DELETE", &path(ALL), &[], ""), 401);
    let reply = server.send("GET", &path(ALL), &ID, "");
    expect_resource(&reply, 405);
    assert_eq!(reply.header("allow"), "DELETE");
    assert_eq!(count(&server), 1);
}

/// One that cannot be deleted is told of, and holds up no other.
#[test]
fn the_others_are_deleted_where_one_cannot_be() {
    let server = TestServer::open(&[]);
    let ids: Vec<String> = (0..3).map(|_| finished(&server, 1).0).collect();
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

/// Of two deletions that find the same recordings each deletes, and notes, what the other has
/// not.
#[test]
fn what_another_has_deleted_meanwhile_is_not_noted_again() {
    let server = TestServer::open(&[("gateway.archive_parallel", "1")]);
    let ids: Vec<String> = (0..12).map(|_| finished(&server, 1).0).collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let asks = || assert_eq!(server.send("DELETE", &path(ALL), &ID, "").status, 202);
            scope.spawn(asks);
        }
    });
    until("all are deleted", || count(&server) == 0);
    // Whatever was under way then has had its turn.
    ids.iter().for_each(|_| assert_eq!(count(&server), 0));
    audit_written(&server.engine);
    let lines = audit_lines(&server.dir.0);
    let deleted = lines.iter().filter(|line| line["operation"] == "delete");
    assert_eq!(deleted.count(), ids.len());
}
