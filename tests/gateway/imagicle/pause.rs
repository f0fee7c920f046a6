//! `PUT …/Pause` and `PUT …/Resume`, by id and by number.

use callrec::capi::*;

use super::*;
use crate::support::StartFields;

fn put(server: &TestServer, what: &str) -> (u16, Value) {
    status(server, "admin", "PUT", &format!("LiveRecordings{what}"))
}

fn is_paused(server: &TestServer) -> Vec<bool> {
    let (_, list) = as_admin(server, "GET", "LiveRecordings", "");
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["isPaused"].as_bool().unwrap()).collect()
}

#[test]
fn pause_and_resume_by_id() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    assert_eq!(put(&server, &format!("/{id}/Resume")), none(429), "it records");
    assert_eq!(put(&server, &format!("/{id}/Pause")), none(204));
    assert_eq!(is_paused(&server), [true]);
    assert_eq!(put(&server, &format!("/{id}/pause")), none(429), "it is paused");
    assert_eq!(put(&server, &format!("/{id}/RESUME/")), none(204));
    assert_eq!(is_paused(&server), [false]);
}

#[test]
fn pause_by_what_is_no_guid_is_400_and_of_what_is_not_live_409() {
    let server = TestServer::open(&[]);
    for verb in ["Pause", "Resume"] {
        assert_eq!(put(&server, &format!("/x/{verb}")), reason(0));
        assert_eq!(put(&server, &format!("/{NOBODYS}/{verb}")), none(409));
    }
}

#[test]
fn pause_by_number_acts_on_all_recordings_of_the_line() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let more = StartFields {
        device: Some(DEVICE),
        flags: REC_START_ADDITIONAL,
        ..StartFields::default()
    };
    let more = server.engine.start(None, &more).unwrap();
    assert_eq!(put(&server, "/Pause?directoryNumber=101"), none(204));
    assert_eq!(is_paused(&server), [true, true]);
    assert_eq!(put(&server, "/Pause?directoryNumber=101"), none(429));
    assert_eq!(put(&server, &format!("/{more}/Resume")), none(204));
    assert_eq!(
        put(&server, "/Pause?directoryNumber=101"),
        none(204),
        "one of two"
    );
    assert_eq!(put(&server, "/Resume?directoryNumber=101"), none(204));
    assert_eq!(is_paused(&server), [false, false]);
    assert_eq!(put(&server, "/Resume?directoryNumber=101"), none(429));
}

#[test]
fn pause_without_a_number_is_400_and_knows_no_device() {
    let server = TestServer::open(&[]);
    on_first(&server);
    for verb in ["Pause", "Resume"] {
        assert_eq!(put(&server, &format!("/{verb}")), reason(0));
        assert_eq!(put(&server, &format!("/{verb}?deviceName={DEVICE}")), reason(0));
        assert_eq!(put(&server, &format!("/{verb}?directoryNumber=102")), none(409));
    }
}

#[test]
fn pause_below_level_10_is_403_even_of_ones_own_call() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    for what in [
        format!("/{id}/Pause"),
        format!("/{id}/Resume"),
        "/x/Pause".to_owned(),
        "/Pause?directoryNumber=101".to_owned(),
        "/Resume?directoryNumber=101".to_owned(),
        "/Pause".to_owned(),
    ] {
        let path = format!("LiveRecordings{what}");
        assert_eq!(status(&server, "user1", "PUT", &path), none(403), "{what}");
    }
    assert_eq!(is_paused(&server), [false]);
}

/// The marks are about starting and stopping.
#[test]
fn pause_heeds_no_marks() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let marks = REC_LINE_NOT_MONITORABLE | REC_LINE_AUTOMATIC;
    server.engine.line(None, Some("101"), marks).unwrap();
    assert_eq!(put(&server, "/Pause?directoryNumber=101"), none(204));
}
