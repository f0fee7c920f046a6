//! The rights of callers: 401 and 403.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

fn of_user1(call_id: &str) -> CallFields<'_> {
    CallFields {
        call_id: Some(call_id),
        ..by_user("SEP1", "101", "user1")
    }
}

#[test]
fn level_0_may_do_nothing() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&of_user1("c1"));
    for (_, op) in BY_ID {
        refused(scratch.by_id(op, UNKNOWN, &id), REC_ERR_UNAUTHENTICATED);
    }
    for (_, op) in BY_DEVICE {
        refused(
            scratch.by_device(op, UNKNOWN, Some("SEP1"), None),
            REC_ERR_UNAUTHENTICATED,
        );
    }
    for (_, result) in scratch.each_by_call(UNKNOWN, "c1") {
        refused(result, REC_ERR_UNAUTHENTICATED);
    }
    let own = FilterFields {
        user: Some("user1"),
        ..FilterFields::default()
    };
    refused(
        scratch.start(UNKNOWN, &additional(on_call("c1"))),
        REC_ERR_UNAUTHENTICATED,
    );
    refused(scratch.list(UNKNOWN, &own), REC_ERR_UNAUTHENTICATED);
    refused(scratch.get(UNKNOWN, &id), REC_ERR_UNAUTHENTICATED);
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

#[test]
fn below_level_10_the_calls_of_others_are_forbidden() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&of_user1("c1"));
    for level in 1..10 {
        let caller = Some(("user2", level));
        for (_, op) in BY_ID {
            refused(scratch.by_id(op, caller, &id), REC_ERR_FORBIDDEN);
        }
        for (_, op) in BY_DEVICE {
            refused(
                scratch.by_device(op, caller, Some("SEP1"), Some("101")),
                REC_ERR_FORBIDDEN,
            );
        }
        for (_, result) in scratch.each_by_call(caller, "c1") {
            refused(result, REC_ERR_FORBIDDEN);
        }
        refused(
            scratch.start(caller, &additional(on_call("c1"))),
            REC_ERR_FORBIDDEN,
        );
        refused(scratch.get(caller, &id), REC_ERR_FORBIDDEN);
    }
    assert_eq!(scratch.live_ids(), [id]);
}

#[test]
fn below_level_10_own_calls_are_allowed() {
    for level in 1..10 {
        let scratch = scratch_engine();
        let caller = Some(("user1", level));
        scratch.begin(&of_user1("c1")).unwrap();
        let id = scratch.start(caller, &on_device("SEP1")).unwrap();
        scratch.by_id(rec_pause_by_id, caller, &id).unwrap();
        scratch
            .by_device(rec_resume_by_device, caller, None, Some("101"))
            .unwrap();
        scratch.by_call(rec_pause_by_call, caller, "c1").unwrap();
        assert_eq!(scratch.get(caller, &id).unwrap().state, REC_STATE_PAUSED);
        assert_eq!(scratch.stop_by_device(caller, Some("SEP1"), None), Ok((1, 0, 0)));
    }
}

#[test]
fn level_10_may_do_everything() {
    let scratch = scratch_engine();
    scratch.begin(&of_user1("c1")).unwrap();
    let id = scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
    assert_eq!(scratch.list(ADMIN, &FilterFields::default()).unwrap().len(), 1);
    assert_eq!(scratch.get(ADMIN, &id).unwrap().id, id);
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn usernames_are_compared_byte_for_byte() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&of_user1("c1"));
    for other in ["User1", "USER1", "user1 ", "user", "user11", "ｕser1"] {
        refused(
            scratch.by_id(rec_pause_by_id, Some((other, 9)), &id),
            REC_ERR_FORBIDDEN,
        );
    }
    scratch.by_id(rec_pause_by_id, Some(("user1", 9)), &id).unwrap();
}

#[test]
fn an_empty_username_owns_nothing() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    let nameless = Some(("", 9));
    refused(scratch.by_id(rec_stop_by_id, nameless, &id), REC_ERR_FORBIDDEN);
    refused(
        scratch.stop_by_device(nameless, Some("SEP1"), None),
        REC_ERR_FORBIDDEN,
    );
    refused(
        scratch.list(nameless, &FilterFields::default()),
        REC_ERR_FORBIDDEN,
    );
    scratch.by_id(rec_stop_by_id, Some(("", 10)), &id).unwrap();
}

#[test]
fn a_refusal_reveals_nothing() {
    let scratch = scratch_engine();
    let (_, foreign) = scratch.recorded(&of_user1("c1"));
    for (name, op) in BY_ID {
        let results = [foreign.as_str(), SOME_ID, "not-a-guid", ""].map(|id| scratch.by_id(op, STRANGER, id));
        assert!(
            results.iter().all(|result| *result == results[0]),
            "{name}: {results:?}"
        );
    }
    for (name, op) in BY_DEVICE {
        let lines = [
            (Some("SEP1"), None),
            (Some("SEP9"), None),
            (None, None),
            (Some("SEP1"), Some("102")),
        ];
        let results = lines.map(|(device, number)| scratch.by_device(op, STRANGER, device, number));
        assert!(
            results.iter().all(|result| *result == results[0]),
            "{name}: {results:?}"
        );
    }
    let starts = [
        on_device("SEP1"),
        on_device("SEP9"),
        on_call("c1"),
        on_call("c9"),
        StartFields::default(),
    ];
    let results = starts.map(|start| scratch.start(STRANGER, &start));
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    assert_eq!(
        scratch.each_by_call(STRANGER, "c1"),
        scratch.each_by_call(STRANGER, "c9")
    );
    assert_eq!(
        scratch.get(STRANGER, &foreign).unwrap_err(),
        scratch.get(STRANGER, SOME_ID).unwrap_err()
    );
}

#[test]
fn by_device_a_limited_caller_acts_on_own_calls_only() {
    let scratch = scratch_engine();
    let (_, own) = scratch.recorded(&by_user("SEP1", "101", "user1"));
    let (_, foreign) = scratch.recorded(&by_user("SEP1", "102", "user2"));
    assert_eq!(scratch.stop_by_device(OWNER, Some("SEP1"), None), Ok((1, 0, 0)));
    assert_eq!((scratch.live_ids(), own != foreign), (vec![foreign], true));
}

#[test]
fn by_call_a_limited_caller_acts_on_own_calls_only() {
    let scratch = scratch_engine();
    let ends = [("SEP1", "user1"), ("SEP2", "user2")].map(|(device, user)| CallFields {
        call_id: Some("internal"),
        ..by_user(device, "", user)
    });
    let [(_, own), (_, foreign)] = ends.each_ref().map(|end| scratch.recorded(end));
    assert_eq!(
        scratch.by_call(rec_pause_by_call, OWNER, "internal"),
        Ok((1, 0, 0))
    );
    assert_eq!(scratch.state(&own), REC_STATE_PAUSED);
    assert_eq!(scratch.state(&foreign), REC_STATE_RECORDING);
    assert_eq!(scratch.stop_by_call(OWNER, "internal", None), Ok((1, 0, 0)));
    assert_eq!(scratch.live_ids(), [foreign]);
    assert_eq!(scratch.stop_by_call(ADMIN, "internal", None), Ok((1, 0, 0)));
}

#[test]
fn a_limited_caller_records_own_calls_only() {
    let scratch = scratch_engine();
    let own = scratch
        .begin(&CallFields {
            tag: 1,
            ..by_user("SEP1", "101", "user1")
        })
        .unwrap();
    // Connected later, so a start by this user would select it.
    scratch
        .begin(&CallFields {
            tag: 2,
            ..by_user("SEP1", "102", "user2")
        })
        .unwrap();
    let id = scratch.start(OWNER, &on_device("SEP1")).unwrap();
    assert_eq!(scratch.tag(&id), 1);
    end(own).unwrap();
    refused(scratch.start(OWNER, &on_device("SEP1")), REC_ERR_FORBIDDEN);
}

#[test]
fn rights_follow_the_present_username() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&of_user1("c1"));
    by_user("SEP1", "101", "user2").update(call).unwrap();
    refused(scratch.by_id(rec_pause_by_id, OWNER, &id), REC_ERR_FORBIDDEN);
    refused(scratch.stop_by_call(OWNER, "c1", None), REC_ERR_FORBIDDEN);
    scratch.by_id(rec_pause_by_id, STRANGER, &id).unwrap();
    // Without a username the call has no owner.
    by_user("SEP1", "101", "").update(call).unwrap();
    refused(scratch.by_id(rec_resume_by_id, STRANGER, &id), REC_ERR_FORBIDDEN);
    refused(
        scratch.by_id(rec_resume_by_id, Some(("", 2)), &id),
        REC_ERR_FORBIDDEN,
    );
}

#[test]
fn an_ended_call_has_no_owner() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&of_user1("c1"));
    end(call).unwrap();
    refused(scratch.by_id(rec_stop_by_id, OWNER, &id), REC_ERR_FORBIDDEN);
    refused(
        scratch.stop_by_device(OWNER, Some("SEP1"), None),
        REC_ERR_FORBIDDEN,
    );
    refused(scratch.stop_by_call(OWNER, "c1", None), REC_ERR_FORBIDDEN);
    refused(scratch.start(OWNER, &on_device("SEP1")), REC_ERR_FORBIDDEN);
}

/// The call is live and belongs to the caller.
#[test]
fn the_second_stop_of_an_owner_finds_no_live_recording() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&of_user1("c1"));
    scratch.by_id(rec_stop_by_id, OWNER, &id).unwrap();
    refused(scratch.by_id(rec_stop_by_id, OWNER, &id), REC_ERR_NOT_LIVE);
}

#[test]
fn below_level_10_a_list_must_be_of_the_own_username() {
    let scratch = scratch_engine();
    let (_, own) = scratch.recorded(&of_user1("c1"));
    scratch.recorded(&by_user("SEP2", "102", "user2"));
    let filter = |user| FilterFields {
        user,
        ..FilterFields::default()
    };
    for level in 1..10 {
        let caller = Some(("user1", level));
        for other in [None, Some("user2"), Some("User1"), Some("")] {
            refused(scratch.list(caller, &filter(other)), REC_ERR_FORBIDDEN);
        }
        // A filter that matches only own calls is not enough: it must have the username.
        let by_device = FilterFields {
            device: Some("SEP1"),
            ..FilterFields::default()
        };
        refused(scratch.list(caller, &by_device), REC_ERR_FORBIDDEN);
        let recording = scratch.list(caller, &filter(Some("user1"))).unwrap();
        assert_eq!(
            recording
                .into_iter()
                .map(|recording| recording.id)
                .collect::<Vec<_>>(),
            std::slice::from_ref(&own)
        );
    }
    let empty = scratch.list(Some(("user3", 2)), &filter(Some("user3"))).unwrap();
    assert!(empty.is_empty());
    assert_eq!(scratch.list(ADMIN, &filter(None)).unwrap().len(), 2);
}

#[test]
fn the_host_skips_only_401_and_403() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&of_user1("c1"));
    refused_because(
        scratch.by_id(rec_stop_by_id, HOST, "not-a-guid"),
        REC_ERR_INVALID_ID,
        0,
    );
    refused_because(scratch.stop_by_device(HOST, None, None), REC_ERR_NO_TARGET, 0);
    refused(scratch.start(HOST, &on_device("SEP1")), REC_ERR_ALREADY_RECORDING);
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused_because(
        scratch.by_id(rec_stop_by_id, HOST, &id),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    refused_because(
        scratch.stop_by_device(HOST, Some("SEP1"), None),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    refused_because(
        scratch.start(HOST, &additional(on_device("SEP1"))),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    refused_because(scratch.by_id(rec_stop_by_id, HOST, &id), REC_ERR_AUTOMATIC, 2);
    refused_because(scratch.start(HOST, &on_device("SEP1")), REC_ERR_AUTOMATIC, 4);
}

/// A caller caller may record only their own calls cannot start unlimited recordings.
#[test]
fn recordings_of_one_call_by_a_limited_caller_are_limited() {
    for (settings, most) in [(vec![], 16), (vec![("recordings.max_per_call", "2")], 2)] {
        let scratch = scratch_engine_with(&settings);
        scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
        scratch.begin(&by_user("SEP2", "102", "user1")).unwrap();
        let start = |caller| scratch.start(caller, &additional(on_device("SEP1")));
        let ids: Vec<_> = (0..most).map(|_| start(OWNER).unwrap()).collect();
        let refusal = refused(start(OWNER), REC_ERR_LIMIT);
        assert!(refusal.message.contains("recordings.max_per_call"), "{refusal:?}");
        // The limit does not apply to others, nor to other calls.
        start(HOST).unwrap();
        start(ADMIN).unwrap();
        scratch.start(OWNER, &on_device("SEP2")).unwrap();
        for id in &ids[..2] {
            refused(start(OWNER), REC_ERR_LIMIT);
            scratch.by_id(rec_stop_by_id, OWNER, id).unwrap();
        }
        refused(start(OWNER), REC_ERR_LIMIT);
        scratch
            .by_device(rec_stop_by_device, OWNER, Some("SEP1"), None)
            .unwrap();
        start(OWNER).unwrap();
    }
    let scratch = scratch_engine_with(&[("recordings.max_per_call", "0")]);
    scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    for _ in 0..50 {
        scratch.start(OWNER, &additional(on_device("SEP1"))).unwrap();
    }
}
