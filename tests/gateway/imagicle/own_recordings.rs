//! `LiveRecordings/Mine`: the live recordings of the user's own calls.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::StartFields;

const MINE: &str = "LiveRecordings/Mine";

#[test]
fn mine_is_not_read_as_an_id_in_any_case() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    for path in [MINE, "LiveRecordings/mine", "liverecordings/MINE/"] {
        assert_eq!(status(&server, "user2", "DELETE", path), empty(409), "{path}");
    }
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(204));
}

#[test]
fn mine_is_limited_to_own_calls_at_every_level() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let other = start_recording(&server, &json!({ "directoryNumber": "102" }));
    assert_eq!(
        status(&server, "admin", "DELETE", MINE),
        empty(409),
        "the administrator has no call"
    );
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(204));
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(409));
    assert_eq!(live_ids(&server), [other]);
}

#[test]
fn mine_acts_on_every_own_recording() {
    let server = TestServer::open(&[]);
    let second = CallFields {
        call_id: Some("second"),
        number: Some("201"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&second).unwrap();
    start_on_first(&server);
    start_recording(&server, &json!({ "directoryNumber": "201" }));
    for (verb, paused) in [("Pause", true), ("Resume", false)] {
        assert_eq!(
            status(&server, "user1", "PUT", &format!("{MINE}/{verb}")),
            empty(204)
        );
        let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
        let mut items = list.as_array().unwrap().iter();
        assert!(items.all(|item| item["isPaused"] == paused), "{list}");
    }
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(204));
    assert!(live_ids(&server).is_empty());
}

#[test]
fn a_stop_of_mine_obeys_the_policy_of_the_line() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let line = |flags| server.engine.line(None, Some("101"), flags).unwrap();
    line(REC_LINE_NOT_MONITORABLE);
    assert_eq!(status(&server, "user1", "DELETE", MINE), not_monitorable(DEVICE));
    line(REC_LINE_AUTOMATIC);
    assert_eq!(status(&server, "user1", "DELETE", MINE), reason(2));
    line(REC_LINE_AUTOMATIC | REC_LINE_MANDATORY);
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(403));
    // A pause is permitted under every policy, so that card numbers are not recorded.
    assert_eq!(
        status(&server, "user1", "PUT", &format!("{MINE}/Pause")),
        empty(204)
    );
}

#[test]
fn mine_stops_a_manually_started_dial_in() {
    let server = TestServer::open(&[]);
    let start = StartFields {
        device: Some(DEVICE),
        flags: REC_START_MANUAL_DIAL_IN,
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap();
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(204));
}

#[test]
fn mine_follows_a_call_to_its_new_user() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let moved = CallFields {
        user: Some("user2"),
        ..CallFields::default()
    };
    moved.update(server.calls[0]).unwrap();
    assert_eq!(status(&server, "user1", "DELETE", MINE), empty(409));
    assert_eq!(status(&server, "user2", "DELETE", MINE), empty(204));
}

#[test]
fn a_second_pause_or_resume_of_mine_is_429() {
    let server = TestServer::open(&[]);
    let [pause, resume] = ["Pause", "Resume"].map(|verb| format!("{MINE}/{verb}"));
    assert_eq!(status(&server, "user1", "PUT", &pause), empty(409));
    start_on_first(&server);
    assert_eq!(status(&server, "user1", "PUT", &resume), empty(429));
    assert_eq!(status(&server, "user1", "PUT", &pause), empty(204));
    assert_eq!(status(&server, "user1", "PUT", &pause), empty(429));
    assert_eq!(status(&server, "user1", "PUT", &resume), empty(204));
    assert_eq!(status(&server, "user1", "PUT", &resume), empty(429));
}
