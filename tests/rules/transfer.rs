//! Calls that move to another line.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;

use super::scratch_engine::*;
use crate::support::*;

/// Records a call of user1 on SEP1/101, and moves it to user2 on SEP2/102.
fn transferred(settings: &[(&str, &str)]) -> (ScratchEngine, rec_call, String) {
    let scratch = scratch_engine_with(settings);
    let (call, id) = scratch.recorded(&CallFields {
        call_id: Some("c"),
        ..by_user("SEP1", "101", "user1")
    });
    by_user("SEP2", "102", "user2").update(call).unwrap();
    (scratch, call, id)
}

#[test]
fn look_ups_use_the_new_line() {
    let (scratch, _, id) = transferred(&[]);
    refused(
        scratch.stop_by_device(ADMIN, Some("SEP1"), None),
        REC_ERR_NOT_LIVE,
    );
    refused(scratch.stop_by_device(ADMIN, None, Some("101")), REC_ERR_NOT_LIVE);
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NO_CALL);
    refused(
        scratch.start(ADMIN, &on_device("SEP2")),
        REC_ERR_ALREADY_RECORDING,
    );
    assert_eq!(
        scratch.stop_by_device(ADMIN, Some("SEP2"), Some("102")),
        Ok((1, 0, 0))
    );
    assert!(!scratch.live_ids().contains(&id));
}

#[test]
fn lists_use_the_new_line() {
    let (scratch, _, id) = transferred(&[]);
    let found = |filter: &FilterFields| scratch.list(HOST, filter).unwrap().len();
    for (filter, count) in [
        (
            FilterFields {
                device: Some("SEP1"),
                ..FilterFields::default()
            },
            0,
        ),
        (
            FilterFields {
                device: Some("SEP2"),
                ..FilterFields::default()
            },
            1,
        ),
        (
            FilterFields {
                number: Some("101"),
                ..FilterFields::default()
            },
            0,
        ),
        (
            FilterFields {
                number: Some("102"),
                ..FilterFields::default()
            },
            1,
        ),
        (
            FilterFields {
                user: Some("user1"),
                ..FilterFields::default()
            },
            0,
        ),
        (
            FilterFields {
                user: Some("user2"),
                ..FilterFields::default()
            },
            1,
        ),
        (
            FilterFields {
                call_id: Some("c"),
                ..FilterFields::default()
            },
            1,
        ),
    ] {
        assert_eq!(found(&filter), count);
    }
    let recording = scratch.get(HOST, &id).unwrap();
    assert_eq!(
        (
            recording.device_name.as_str(),
            recording.directory_number.as_str(),
            recording.username.as_str()
        ),
        ("SEP2", "102", "user2")
    );
}

#[test]
fn rights_use_the_new_username() {
    let (scratch, _, id) = transferred(&[]);
    refused(scratch.by_id(rec_pause_by_id, OWNER, &id), REC_ERR_FORBIDDEN);
    scratch.by_id(rec_pause_by_id, STRANGER, &id).unwrap();
}

#[test]
fn the_policy_of_the_new_line_applies() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP2"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    line("SEP2", "").update(call).unwrap();
    let refusal = refused_because(
        scratch.by_id(rec_stop_by_id, ADMIN, &id),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    assert_eq!(refusal.device_name, "SEP2");
    line("SEP1", "").update(call).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn the_recording_continues() {
    let (scratch, _, id) = transferred(&[]);
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn the_manifest_has_every_line_with_its_time() {
    let (scratch, call, id) = transferred(&[]);
    line("SEP3", "103").update(call).unwrap();
    line("SEP1", "101").update(call).unwrap();
    // This update does not move the call.
    CallFields {
        first: Some("Ann"),
        ..CallFields::default()
    }
    .update(call)
    .unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    let manifest = manifest_beside(&recording.path);
    let lines = manifest["lines"].as_array().unwrap();
    let names: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap();
            (text("device_name"), text("directory_number"), text("username"))
        })
        .collect();
    assert_eq!(
        names,
        [
            ("SEP1", "101", "user1"),
            ("SEP2", "102", "user2"),
            ("SEP3", "103", "user2"),
            ("SEP1", "101", "user2"),
        ]
    );
    let times: Vec<_> = lines
        .iter()
        .map(|line| line["from_ms"].as_i64().unwrap())
        .collect();
    assert!(times[0] > 0 && times.is_sorted(), "{times:?}");
    assert_eq!(manifest["call"]["device_name"], "SEP1");
}

#[test]
fn a_recording_begun_after_the_transfer_has_the_new_line() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    line("SEP2", "102").update(call).unwrap();
    let id = scratch.start(HOST, &on_device("SEP2")).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    let manifest = manifest_beside(&recording.path);
    let last = manifest["lines"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["device_name"], &last["directory_number"]),
        (&"SEP2".into(), &"102".into())
    );
}

#[test]
fn the_file_keeps_its_first_name() {
    let (scratch, _, id) = transferred(&[("storage.name", "{device}-{number}-{user}")]);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    assert!(
        recording.path.ends_with("SEP1-101-user1.wav"),
        "{}",
        recording.path
    );
    assert_eq!(recording.device_name, "SEP2");
}

#[test]
fn a_call_cannot_move_to_a_line_that_has_its_call_id() {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        })
        .unwrap();
    let other = scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP2", "102")
        })
        .unwrap();
    refused(line("SEP1", "101").update(other), REC_ERR_EXISTS);
    line("SEP1", "102").update(other).unwrap();
}

#[test]
fn an_ended_call_cannot_be_updated() {
    let (_scratch, call, _) = transferred(&[]);
    end(call).unwrap();
    refused(line("SEP3", "103").update(call), REC_ERR_BAD_HANDLE);
}
