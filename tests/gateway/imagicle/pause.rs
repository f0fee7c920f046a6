//! `PUT …/Pause` and `PUT …/Resume`, by id and by directory number.

use callrec::capi::*;

use super::*;
use crate::support::StartFields;

/// `target`: what follows `LiveRecordings`.
fn put(server: &TestServer, target: &str) -> (u16, Value) {
    status(server, "admin", "PUT", &format!("LiveRecordings{target}"))
}

/// `isPaused` of each live recording.
fn paused_flags(server: &TestServer) -> Vec<bool> {
    let (_, list) = as_admin(server, "GET", "LiveRecordings", "");
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["isPaused"].as_bool().unwrap()).collect()
}

#[test]
fn pause_and_resume_by_id() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    assert_eq!(
        put(&server, &format!("/{id}/Resume")),
        empty(429),
        "it is not paused"
    );
    assert_eq!(put(&server, &format!("/{id}/Pause")), empty(204));
    assert_eq!(paused_flags(&server), [true]);
    assert_eq!(
        put(&server, &format!("/{id}/pause")),
        empty(429),
        "it is paused already"
    );
    assert_eq!(put(&server, &format!("/{id}/RESUME/")), empty(204));
    assert_eq!(paused_flags(&server), [false]);
}

#[test]
fn pause_by_a_malformed_id_is_400_and_by_an_unknown_id_is_409() {
    let server = TestServer::open(&[]);
    for verb in ["Pause", "Resume"] {
        assert_eq!(put(&server, &format!("/x/{verb}")), reason(0));
        assert_eq!(put(&server, &format!("/{UNKNOWN_ID}/{verb}")), empty(409));
    }
}

#[test]
fn pause_by_number_acts_on_all_recordings_of_the_line() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let additional = StartFields {
        device: Some(DEVICE),
        flags: REC_START_ADDITIONAL,
        ..StartFields::default()
    };
    let additional = server.engine.start(None, &additional).unwrap();
    assert_eq!(put(&server, "/Pause?directoryNumber=101"), empty(204));
    assert_eq!(paused_flags(&server), [true, true]);
    assert_eq!(put(&server, "/Pause?directoryNumber=101"), empty(429));
    assert_eq!(put(&server, &format!("/{additional}/Resume")), empty(204));
    assert_eq!(
        put(&server, "/Pause?directoryNumber=101"),
        empty(204),
        "one of the two is not paused"
    );
    assert_eq!(put(&server, "/Resume?directoryNumber=101"), empty(204));
    assert_eq!(paused_flags(&server), [false, false]);
    assert_eq!(put(&server, "/Resume?directoryNumber=101"), empty(429));
}

#[test]
fn pause_without_a_number_is_400_even_with_a_device() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    for verb in ["Pause", "Resume"] {
        assert_eq!(put(&server, &format!("/{verb}")), reason(0));
        assert_eq!(put(&server, &format!("/{verb}?deviceName={DEVICE}")), reason(0));
        assert_eq!(put(&server, &format!("/{verb}?directoryNumber=102")), empty(409));
    }
}

#[test]
fn pause_below_level_10_is_403_even_for_an_own_call() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    for target in [
        format!("/{id}/Pause"),
        format!("/{id}/Resume"),
        "/x/Pause".to_owned(),
        "/Pause?directoryNumber=101".to_owned(),
        "/Resume?directoryNumber=101".to_owned(),
        "/Pause".to_owned(),
    ] {
        let path = format!("LiveRecordings{target}");
        assert_eq!(status(&server, "user1", "PUT", &path), empty(403), "{target}");
    }
    assert_eq!(paused_flags(&server), [false]);
}

/// The policy of a line is about starting and stopping.
#[test]
fn pause_is_permitted_by_every_line_policy() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let flags = REC_LINE_NOT_MONITORABLE | REC_LINE_AUTOMATIC;
    server.engine.line(None, Some("101"), flags).unwrap();
    assert_eq!(put(&server, "/Pause?directoryNumber=101"), empty(204));
}
