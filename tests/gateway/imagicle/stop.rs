//! `DELETE LiveRecordings`, by id and by line.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::{StartFields, end};

/// `target`: what follows `LiveRecordings`.
fn stop(server: &TestServer, target: &str) -> (u16, Value) {
    status(server, "admin", "DELETE", &format!("LiveRecordings{target}"))
}

/// Starts a manual dial-in on the first call; returns its id.
fn start_dial_in(server: &TestServer) -> String {
    let start = StartFields {
        device: Some(DEVICE),
        flags: REC_START_MANUAL_DIAL_IN,
        layout: REC_LAYOUT_MONO,
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap()
}

#[test]
fn stop_by_id_is_204_and_then_409() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    assert_eq!(stop(&server, &format!("/{id}")), empty(204));
    assert_eq!(stop(&server, &format!("/{id}")), empty(409));
    assert!(live_ids(&server).is_empty());
    server.engine.events.wait_terminal(&id);
    assert_eq!(stop(&server, &format!("/{id}")), empty(409));
}

#[test]
fn a_guid_is_accepted_in_any_case_and_form() {
    let server = TestServer::open(&[]);
    for form in [
        |id: &str| id.to_uppercase(),
        |id: &str| id.replace('-', ""),
        |id: &str| format!("%7B{id}%7D"),
        |id: &str| format!("{id}/"),
    ] {
        let id = start_on_first(&server);
        assert_eq!(stop(&server, &format!("/{}", form(&id))), empty(204));
    }
}

#[test]
fn stop_by_a_malformed_id_is_400_reason_0() {
    let server = TestServer::open(&[]);
    for id in ["5", "75A90276-E47E-4e9e-B463", "%00", "%ff", "minee", "a%2Fb"] {
        assert_eq!(stop(&server, &format!("/{id}")), reason(0), "{id}");
    }
}

#[test]
fn stop_of_a_recording_that_is_not_live_is_409() {
    let server = TestServer::open(&[]);
    assert_eq!(stop(&server, &format!("/{UNKNOWN_ID}")), empty(409));
    assert_eq!(stop(&server, "?deviceName=SEP9"), empty(409));
    assert_eq!(stop(&server, "?directoryNumber=101"), empty(409));
}

#[test]
fn stop_on_a_line_that_is_not_monitorable_is_400_reason_1_with_the_device() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    let flags = REC_LINE_NOT_MONITORABLE;
    server.engine.line(None, Some("101"), flags).unwrap();
    for target in [
        format!("/{id}"),
        "?directoryNumber=101".to_owned(),
        format!("?deviceName={DEVICE}"),
    ] {
        assert_eq!(stop(&server, &target), not_monitorable(DEVICE), "{target}");
    }
    // A stop by line looks up the recording first, and this line has none.
    server.engine.line(None, Some("102"), flags).unwrap();
    assert_eq!(stop(&server, "?directoryNumber=102"), empty(409));
    assert_eq!(live_ids(&server), [id]);
}

#[test]
fn stop_of_an_automatic_recording_is_400_reason_2_without_a_device() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(Some(DEVICE), None, REC_LINE_AUTOMATIC)
        .unwrap();
    let id = live_ids(&server).remove(0);
    assert_eq!(stop(&server, &format!("/{id}")), reason(2));
    assert_eq!(stop(&server, "?directoryNumber=101"), reason(2));
    assert_eq!(live_ids(&server), [id]);
}

#[test]
fn stop_by_line_accepts_device_or_number_or_both() {
    let server = TestServer::open(&[]);
    for target in [
        format!("?deviceName={DEVICE}"),
        "?directoryNumber=101".to_owned(),
        format!("?deviceName={DEVICE}&directoryNumber=101"),
        format!("?devicename={DEVICE}&DIRECTORYNUMBER=101&other=1"),
        format!("/?deviceName={DEVICE}&directoryNumber="),
    ] {
        start_on_first(&server);
        assert_eq!(stop(&server, &target), empty(204), "{target}");
        assert!(live_ids(&server).is_empty());
    }
}

#[test]
fn stop_without_a_device_or_number_is_400_reason_0() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    for target in ["", "?", "?deviceName=", "?deviceName=&directoryNumber=", "?x=y"] {
        assert_eq!(stop(&server, target), reason(0), "{target}");
    }
    assert_eq!(live_ids(&server).len(), 1);
}

#[test]
fn stop_by_a_device_with_another_number_is_409() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let target = format!("?deviceName={DEVICE}&directoryNumber=102");
    assert_eq!(stop(&server, &target), empty(409));
}

#[test]
fn stop_by_two_values_of_one_parameter_is_409() {
    let server = TestServer::open(&[]);
    start_on_first(&server);
    let twice = "?directoryNumber=101&directoryNumber=102";
    assert_eq!(stop(&server, twice), empty(409));
    assert_eq!(stop(&server, "?directoryNumber=101%00"), empty(409));
    assert_eq!(live_ids(&server).len(), 1);
    let same = "?directoryNumber=101&directoryNumber=101";
    assert_eq!(stop(&server, same), empty(204));
}

#[test]
fn a_manually_started_dial_in_is_not_stopped_by_its_device() {
    let server = TestServer::open(&[]);
    let id = start_dial_in(&server);
    assert_eq!(stop(&server, &format!("?deviceName={DEVICE}")), empty(409));
    let device_and_number = format!("?deviceName={DEVICE}&directoryNumber=101");
    assert_eq!(stop(&server, &device_and_number), empty(409));
    assert_eq!(live_ids(&server), [id]);
    assert_eq!(stop(&server, "?directoryNumber=101"), empty(204));
}

/// The policy of the line is checked before the kind of the recording.
#[test]
fn a_stop_by_device_of_a_dial_in_obeys_the_policy_of_the_line() {
    let server = TestServer::open(&[]);
    let id = start_dial_in(&server);
    let by_device = format!("?deviceName={DEVICE}");
    for (flags, expected) in [
        (0, empty(409)),
        (REC_LINE_NOT_MONITORABLE, not_monitorable(DEVICE)),
        // This must be last, because the engine then starts a recording as well.
        (REC_LINE_AUTOMATIC, reason(2)),
    ] {
        server.engine.line(Some(DEVICE), None, flags).unwrap();
        assert_eq!(stop(&server, &by_device), expected);
        assert!(live_ids(&server).contains(&id));
    }
}

#[test]
fn a_manually_started_dial_in_is_stopped_by_its_id() {
    let server = TestServer::open(&[]);
    let id = start_dial_in(&server);
    assert_eq!(stop(&server, &format!("/{id}")), empty(204));
}

/// In this API, users stop their own recordings only by `Mine`.
#[test]
fn stop_below_level_10_is_403_even_for_an_own_call() {
    let server = TestServer::open(&[]);
    let id = start_on_first(&server);
    for target in [
        format!("/{id}"),
        format!("/{UNKNOWN_ID}"),
        "/nonsense".to_owned(),
        format!("?deviceName={DEVICE}"),
        "?directoryNumber=101".to_owned(),
        String::new(),
    ] {
        let path = format!("LiveRecordings{target}");
        assert_eq!(status(&server, "user1", "DELETE", &path), empty(403), "{target}");
    }
    assert_eq!(live_ids(&server), [id]);
}

#[test]
fn one_of_many_simultaneous_stops_is_204_and_the_others_are_409() {
    let server = TestServer::open(&[]);
    let path = format!("LiveRecordings/{}", start_on_first(&server));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let stops: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| status(&server, "admin", "DELETE", &path).0))
            .collect();
        stops.into_iter().map(|stop| stop.join().unwrap()).collect()
    });
    let count = |expected| statuses.iter().filter(|status| **status == expected).count();
    assert_eq!((count(204), count(409)), (1, 7), "{statuses:?}");
}

#[test]
fn stop_after_the_end_of_the_call_is_409() {
    let server = TestServer::open(&[]);
    let id = start_recording(&server, &json!({ "directoryNumber": "102" }));
    end(server.calls[1]).unwrap();
    assert_eq!(stop(&server, &format!("/{id}")), empty(409));
}
