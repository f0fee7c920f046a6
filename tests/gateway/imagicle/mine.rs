//! `LiveRecordings/Mine`.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::StartFields;

const MINE: &str = "LiveRecordings/Mine";

#[test]
fn mine_is_no_id() {
    let server = TestServer::open(&[]);
    on_first(&server);
    for way in [MINE, "LiveRecordings/mine", "liverecordings/MINE/"] {
        assert_eq!(status(&server, "user2", "DELETE", way), none(409), "{way}");
    }
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(204));
}

#[test]
fn mine_is_at_every_level_ones_own_alone() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let others = started(&server, &json!({ "directoryNumber": "102" }));
    assert_eq!(
        status(&server, "admin", "DELETE", MINE),
        none(409),
        "whoever may stop all has none of their own here"
    );
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(204));
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(409));
    assert_eq!(live(&server), [others]);
}

#[test]
fn mine_is_all_of_ones_own() {
    let server = TestServer::open(&[]);
    let second = CallFields {
        call_id: Some("second"),
        number: Some("201"),
        user: Some("user1"),
        ..CallFields::default()
    };
    server.engine.begin(&second).unwrap();
    on_first(&server);
    started(&server, &json!({ "directoryNumber": "201" }));
    for (verb, paused) in [("Pause", true), ("Resume", false)] {
        assert_eq!(
            status(&server, "user1", "PUT", &format!("{MINE}/{verb}")),
            none(204)
        );
        let (_, list) = as_admin(&server, "GET", "LiveRecordings", "");
        let all: Vec<_> = list.as_array().unwrap().iter().collect();
        assert!(all.iter().all(|item| item["isPaused"] == paused), "{list}");
    }
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(204));
    assert!(live(&server).is_empty());
}

#[test]
fn mine_heeds_the_lines_marks_as_a_stop_by_id_does() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let line = |flags| server.engine.line(None, Some("101"), flags).unwrap();
    line(REC_LINE_NOT_MONITORABLE);
    assert_eq!(status(&server, "user1", "DELETE", MINE), not_monitorable(DEVICE));
    line(REC_LINE_AUTOMATIC);
    assert_eq!(status(&server, "user1", "DELETE", MINE), reason(2));
    line(REC_LINE_AUTOMATIC | REC_LINE_MANDATORY);
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(403));
    // Never a pause: a card number must always be pausable.
    assert_eq!(
        status(&server, "user1", "PUT", &format!("{MINE}/Pause")),
        none(204)
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
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(204));
}

#[test]
fn mine_is_whose_call_it_is_now() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let moved = CallFields {
        user: Some("user2"),
        ..CallFields::default()
    };
    moved.update(server.calls[0]).unwrap();
    assert_eq!(status(&server, "user1", "DELETE", MINE), none(409));
    assert_eq!(status(&server, "user2", "DELETE", MINE), none(204));
}

#[test]
fn mine_is_paused_and_resumed_once() {
    let server = TestServer::open(&[]);
    let [pause, resume] = ["Pause", "Resume"].map(|verb| format!("{MINE}/{verb}"));
    assert_eq!(status(&server, "user1", "PUT", &pause), none(409));
    on_first(&server);
    assert_eq!(status(&server, "user1", "PUT", &resume), none(429));
    assert_eq!(status(&server, "user1", "PUT", &pause), none(204));
    assert_eq!(status(&server, "user1", "PUT", &pause), none(429));
    assert_eq!(status(&server, "user1", "PUT", &resume), none(204));
    assert_eq!(status(&server, "user1", "PUT", &resume), none(429));
}
