//! `DELETE LiveRecordings`, by id and by line.

use callrec::capi::*;
use serde_json::json;

use super::*;
use crate::support::{StartFields, end};

fn stop(server: &TestServer, what: &str) -> (u16, Value) {
    status(server, "admin", "DELETE", &format!("LiveRecordings{what}"))
}

fn dial_in(server: &TestServer) -> String {
    let start = StartFields {
        device: Some(DEVICE),
        flags: REC_START_MANUAL_DIAL_IN,
        layout: REC_LAYOUT_MONO,
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap()
}

#[test]
fn stop_by_id_is_204_once() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    assert_eq!(stop(&server, &format!("/{id}")), none(204));
    assert_eq!(stop(&server, &format!("/{id}")), none(409));
    assert!(live(&server).is_empty());
    server.engine.events.wait_terminal(&id);
    assert_eq!(stop(&server, &format!("/{id}")), none(409));
}

#[test]
fn a_guid_is_one_in_any_case_and_form() {
    let server = TestServer::open(&[]);
    for form in [
        |id: &str| id.to_uppercase(),
        |id: &str| id.replace('-', ""),
        |id: &str| format!("%7B{id}%7D"),
        |id: &str| format!("{id}/"),
    ] {
        let id = on_first(&server);
        assert_eq!(stop(&server, &format!("/{}", form(&id))), none(204));
    }
}

#[test]
fn stop_by_what_is_no_guid_is_400_reason_0_before_any_look_up() {
    let server = TestServer::open(&[]);
    for id in ["5", "75A90276-E47E-4e9e-B463", "%00", "%ff", "minee", "a%2Fb"] {
        assert_eq!(stop(&server, &format!("/{id}")), reason(0), "{id}");
    }
}

#[test]
fn stop_of_what_is_not_live_is_409_and_never_404() {
    let server = TestServer::open(&[]);
    assert_eq!(stop(&server, &format!("/{NOBODYS}")), none(409));
    assert_eq!(stop(&server, "?deviceName=SEP9"), none(409));
    assert_eq!(stop(&server, "?directoryNumber=101"), none(409));
}

#[test]
fn stop_on_a_line_that_is_not_monitorable_is_400_reason_1_with_the_device() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    let mark = REC_LINE_NOT_MONITORABLE;
    server.engine.line(None, Some("101"), mark).unwrap();
    for what in [
        format!("/{id}"),
        "?directoryNumber=101".to_owned(),
        format!("?deviceName={DEVICE}"),
    ] {
        assert_eq!(stop(&server, &what), not_monitorable(DEVICE), "{what}");
    }
    // By line the look-up comes first: there is no live recording on this one.
    server.engine.line(None, Some("102"), mark).unwrap();
    assert_eq!(stop(&server, "?directoryNumber=102"), none(409));
    assert_eq!(live(&server), [id]);
}

#[test]
fn stop_of_an_automatic_recording_is_400_reason_2_without_a_device() {
    let server = TestServer::open(&[]);
    server
        .engine
        .line(Some(DEVICE), None, REC_LINE_AUTOMATIC)
        .unwrap();
    let id = live(&server).remove(0);
    assert_eq!(stop(&server, &format!("/{id}")), reason(2));
    assert_eq!(stop(&server, "?directoryNumber=101"), reason(2));
    assert_eq!(live(&server), [id]);
}

#[test]
fn stop_by_line_takes_device_or_number_or_both() {
    let server = TestServer::open(&[]);
    for what in [
        format!("?deviceName={DEVICE}"),
        "?directoryNumber=101".to_owned(),
        format!("?deviceName={DEVICE}&directoryNumber=101"),
        format!("?devicename={DEVICE}&DIRECTORYNUMBER=101&other=1"),
        format!("/?deviceName={DEVICE}&directoryNumber="),
    ] {
        on_first(&server);
        assert_eq!(stop(&server, &what), none(204), "{what}");
        assert!(live(&server).is_empty());
    }
}

#[test]
fn stop_by_line_that_names_neither_is_400_reason_0() {
    let server = TestServer::open(&[]);
    on_first(&server);
    for what in ["", "?", "?deviceName=", "?deviceName=&directoryNumber=", "?x=y"] {
        assert_eq!(stop(&server, what), reason(0), "{what}");
    }
    assert_eq!(live(&server).len(), 1);
}

#[test]
fn a_device_that_records_another_line_is_409() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let what = format!("?deviceName={DEVICE}&directoryNumber=102");
    assert_eq!(stop(&server, &what), none(409));
}

#[test]
fn one_name_with_two_values_is_met_by_nothing() {
    let server = TestServer::open(&[]);
    on_first(&server);
    let twice = "?directoryNumber=101&directoryNumber=102";
    assert_eq!(stop(&server, twice), none(409));
    assert_eq!(stop(&server, "?directoryNumber=101%00"), none(409));
    assert_eq!(live(&server).len(), 1);
    let same = "?directoryNumber=101&directoryNumber=101";
    assert_eq!(stop(&server, same), none(204));
}

#[test]
fn a_manually_started_dial_in_is_not_stopped_by_its_device() {
    let server = TestServer::open(&[]);
    let id = dial_in(&server);
    assert_eq!(stop(&server, &format!("?deviceName={DEVICE}")), none(409));
    let both = format!("?deviceName={DEVICE}&directoryNumber=101");
    assert_eq!(stop(&server, &both), none(409));
    assert_eq!(live(&server), [id]);
    assert_eq!(stop(&server, "?directoryNumber=101"), none(204));
}

/// The line's marks outrank that it is a dial-in.
#[test]
fn a_dial_in_on_a_marked_line_is_400_by_its_device() {
    let server = TestServer::open(&[]);
    let id = dial_in(&server);
    let by_device = format!("?deviceName={DEVICE}");
    for (flags, expected) in [
        (0, none(409)),
        (REC_LINE_NOT_MONITORABLE, not_monitorable(DEVICE)),
        // The last one: from here on the engine records it too.
        (REC_LINE_AUTOMATIC, reason(2)),
    ] {
        server.engine.line(Some(DEVICE), None, flags).unwrap();
        assert_eq!(stop(&server, &by_device), expected);
        assert!(live(&server).contains(&id));
    }
}

#[test]
fn a_manually_started_dial_in_is_stopped_by_its_id() {
    let server = TestServer::open(&[]);
    let id = dial_in(&server);
    assert_eq!(stop(&server, &format!("/{id}")), none(204));
}

/// The C ABI lets an owner stop; this API does not, but for `Mine`.
#[test]
fn stop_below_level_10_is_403_even_of_ones_own_call() {
    let server = TestServer::open(&[]);
    let id = on_first(&server);
    for what in [
        format!("/{id}"),
        format!("/{NOBODYS}"),
        "/nonsense".to_owned(),
        format!("?deviceName={DEVICE}"),
        "?directoryNumber=101".to_owned(),
        String::new(),
    ] {
        let path = format!("LiveRecordings{what}");
        assert_eq!(status(&server, "user1", "DELETE", &path), none(403), "{what}");
    }
    assert_eq!(live(&server), [id]);
}

#[test]
fn of_many_stops_at_once_one_is_204_and_the_others_are_409() {
    let server = TestServer::open(&[]);
    let path = format!("LiveRecordings/{}", on_first(&server));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let stops: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| status(&server, "admin", "DELETE", &path).0))
            .collect();
        stops.into_iter().map(|stop| stop.join().unwrap()).collect()
    });
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(204), count(409)), (1, 7), "{statuses:?}");
}

#[test]
fn the_end_of_a_call_makes_its_stop_409() {
    let server = TestServer::open(&[]);
    let id = started(&server, &json!({ "directoryNumber": "102" }));
    end(server.calls[1]).unwrap();
    assert_eq!(stop(&server, &format!("/{id}")), none(409));
}
