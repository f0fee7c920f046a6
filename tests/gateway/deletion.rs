//! Deletions through Vobiz's API and by the host are one, and obey legal holds.

use callrec::capi::*;

use crate::server::TestServer;
use crate::vobiz::{ID, RECORDINGS, expect_resource, make_recording};

#[test]
fn a_held_recording_is_not_deleted() {
    let server = TestServer::open(&[]);
    let (id, _) = make_recording(&server, 1);
    server.engine.hold(None, &id, 1).unwrap();
    let path = format!("{RECORDINGS}{id}/");
    let message = expect_resource(&server.send("DELETE", &path, &ID, ""), 403);
    assert!(message.contains("legal hold"), "{message}");
    assert_eq!(server.send("GET", &path, &ID, "").status, 200);
    server.engine.hold(None, &id, 0).unwrap();
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
}

/// A deletion by the host is seen by the HTTP APIs, and theirs by the host.
#[test]
fn both_ways_of_deleting_are_one() {
    let server = TestServer::open(&[]);
    let [first, second] = [0; 2].map(|_| make_recording(&server, 1).0);
    server.engine.by_id(rec_delete, None, &first).unwrap();
    expect_resource(
        &server.send("GET", &format!("{RECORDINGS}{first}/"), &ID, ""),
        404,
    );
    let path = format!("{RECORDINGS}{second}/");
    assert_eq!(server.send("DELETE", &path, &ID, "").status, 204);
    let event = server.engine.events.wait_kind(&second, REC_EVENT_DELETED);
    assert_eq!(event.json["recording"]["id"], second);
    let error = server.engine.by_id(rec_delete, None, &second).unwrap_err();
    assert_eq!(error.status, REC_ERR_NOT_FOUND);
    assert_eq!(server.engine.stats().recordings_deleted, 2);
    let metrics = server.send("GET", "/metrics", &[], "").text().to_owned();
    assert!(
        metrics.contains("callrec_recordings_deleted_total 2\n"),
        "{metrics}"
    );
}
