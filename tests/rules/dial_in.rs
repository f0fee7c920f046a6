//! Manually started dial-ins: no stop that names the device ends one.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

fn dialled_in() -> (ScratchEngine, String) {
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
fn the_device_alone_is_refused() {
    let (scratch, id) = dialled_in();
    for (_, op) in &BY_DEVICE[..ENDING] {
        refused(scratch.by_device(*op, ADMIN, Some("SEP1"), None), REC_ERR_DIAL_IN);
    }
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn the_device_with_the_right_number_is_refused() {
    let (scratch, id) = dialled_in();
    for (_, op) in &BY_DEVICE[..ENDING] {
        refused(
            scratch.by_device(*op, ADMIN, Some("SEP1"), Some("101")),
            REC_ERR_DIAL_IN,
        );
    }
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn the_device_with_a_wrong_number_is_not_live() {
    let (scratch, _) = dialled_in();
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
fn the_number_alone_stops() {
    let (scratch, _) = dialled_in();
    assert_eq!(scratch.stop_by_device(ADMIN, None, Some("101")), Ok((1, 0, 0)));
}

#[test]
fn an_empty_device_is_absent() {
    let (scratch, _) = dialled_in();
    assert_eq!(
        scratch.stop_by_device(ADMIN, Some(""), Some("101")),
        Ok((1, 0, 0))
    );
}

#[test]
fn the_number_alone_discards() {
    let (scratch, _) = dialled_in();
    assert_eq!(
        scratch.by_device(rec_discard_by_device, ADMIN, None, Some("101")),
        Ok((1, 0, 0))
    );
}

#[test]
fn the_id_stops() {
    let (scratch, id) = dialled_in();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn the_call_stops() {
    let (scratch, _) = dialled_in();
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((1, 0, 0)));
}

#[test]
fn pause_and_resume_by_device_are_allowed() {
    let (scratch, id) = dialled_in();
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
fn others_on_the_device_are_stopped_and_it_is_counted_as_refused() {
    let (scratch, id) = dialled_in();
    scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
    assert_eq!(scratch.stop_by_device(ADMIN, Some("SEP1"), None), Ok((1, 0, 1)));
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn a_call_that_is_no_dial_in_is_stopped_by_its_device() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    assert_eq!(
        scratch.stop_by_device(ADMIN, Some("SEP1"), Some("101")),
        Ok((1, 0, 0))
    );
}

#[test]
fn its_owner_is_bound_by_it_too() {
    let scratch = scratch_engine();
    scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    scratch.start(OWNER, &dial_in(on_device("SEP1"))).unwrap();
    refused(scratch.stop_by_device(OWNER, Some("SEP1"), None), REC_ERR_DIAL_IN);
    assert_eq!(scratch.stop_by_device(OWNER, None, Some("101")), Ok((1, 0, 0)));
}
