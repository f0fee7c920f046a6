//! Recordings of manual dial-ins. A stop or discard that names the device is refused.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

fn dial_in_recording() -> (ScratchEngine, String) {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        })
        .unwrap();
    let id = scratch.start(HOST, &dial_in(on_device("SEP1"))).unwrap();
    (scratch, id)
}

#[test]
fn a_stop_by_device_is_refused() {
    let (scratch, id) = dial_in_recording();
    for (_, op) in &BY_DEVICE[..ENDING] {
        refused(scratch.by_device(*op, ADMIN, Some("SEP1"), None), REC_ERR_DIAL_IN);
    }
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn a_stop_by_device_and_number_is_refused() {
    let (scratch, id) = dial_in_recording();
    for (_, op) in &BY_DEVICE[..ENDING] {
        refused(
            scratch.by_device(*op, ADMIN, Some("SEP1"), Some("101")),
            REC_ERR_DIAL_IN,
        );
    }
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn another_line_has_no_live_recording() {
    let (scratch, _) = dial_in_recording();
    refused(
        scratch.stop_by_device(ADMIN, Some("SEP1"), Some("102")),
        REC_ERR_NOT_LIVE,
    );
    refused(
        scratch.stop_by_device(ADMIN, Some("SEP2"), Some("101")),
        REC_ERR_NOT_LIVE,
    );
}

#[test]
fn a_stop_by_number_succeeds() {
    let (scratch, _) = dial_in_recording();
    assert_eq!(scratch.stop_by_device(ADMIN, None, Some("101")), Ok((1, 0, 0)));
}

#[test]
fn an_empty_device_counts_as_absent() {
    let (scratch, _) = dial_in_recording();
    assert_eq!(
        scratch.stop_by_device(ADMIN, Some(""), Some("101")),
        Ok((1, 0, 0))
    );
}

#[test]
fn a_discard_by_number_succeeds() {
    let (scratch, _) = dial_in_recording();
    assert_eq!(
        scratch.by_device(rec_discard_by_device, ADMIN, None, Some("101")),
        Ok((1, 0, 0))
    );
}

#[test]
fn a_stop_by_id_succeeds() {
    let (scratch, id) = dial_in_recording();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn a_stop_by_call_succeeds() {
    let (scratch, _) = dial_in_recording();
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((1, 0, 0)));
}

#[test]
fn pause_and_resume_by_device_are_allowed() {
    let (scratch, id) = dial_in_recording();
    for number in [None, Some("101")] {
        assert_eq!(
            scratch.by_device(rec_pause_by_device, ADMIN, Some("SEP1"), number),
            Ok((1, 0, 0))
        );
        assert_eq!(
            scratch.by_device(rec_resume_by_device, ADMIN, Some("SEP1"), number),
            Ok((1, 0, 0))
        );
    }
    assert_eq!(scratch.get(HOST, &id).unwrap().flags, REC_START_MANUAL_DIAL_IN);
}

#[test]
fn a_stop_by_device_stops_other_recordings_and_counts_the_dial_in_as_refused() {
    let (scratch, id) = dial_in_recording();
    scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
    assert_eq!(scratch.stop_by_device(ADMIN, Some("SEP1"), None), Ok((1, 0, 1)));
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn a_recording_without_dial_in_is_stopped_by_device() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    assert_eq!(
        scratch.stop_by_device(ADMIN, Some("SEP1"), Some("101")),
        Ok((1, 0, 0))
    );
}

#[test]
fn the_owner_is_refused_too() {
    let scratch = scratch_engine();
    scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    scratch.start(OWNER, &dial_in(on_device("SEP1"))).unwrap();
    refused(scratch.stop_by_device(OWNER, Some("SEP1"), None), REC_ERR_DIAL_IN);
    assert_eq!(scratch.stop_by_device(OWNER, None, Some("101")), Ok((1, 0, 0)));
}
