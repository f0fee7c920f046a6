//! Who may: 401 and 403.

use callrec::capi::*;

use super::helper::*;
use crate::support::*;

fn of_user1(call_id: &str) -> Call<'_> {
    Call {
        call_id: Some(call_id),
        ..by_user("SEP1", "101", "user1")
    }
}

#[test]
fn level_0_may_nothing() {
    let w = world();
    let (_, id) = w.recorded(&of_user1("c1"));
    for (_, op) in BY_ID {
        refused(w.by_id(op, UNKNOWN, &id), REC_ERR_UNAUTHENTICATED);
    }
    for (_, op) in BY_DEVICE {
        refused(
            w.by_device(op, UNKNOWN, Some("SEP1"), None),
            REC_ERR_UNAUTHENTICATED,
        );
    }
    for (_, answer) in w.each_by_call(UNKNOWN, "c1") {
        refused(answer, REC_ERR_UNAUTHENTICATED);
    }
    let own = Wanted {
        user: Some("user1"),
        ..Wanted::default()
    };
    refused(
        w.start(UNKNOWN, &additional(on_call("c1"))),
        REC_ERR_UNAUTHENTICATED,
    );
    refused(w.list(UNKNOWN, &own), REC_ERR_UNAUTHENTICATED);
    refused(w.get(UNKNOWN, &id), REC_ERR_UNAUTHENTICATED);
    assert_eq!(w.state(&id), REC_STATE_RECORDING);
}

#[test]
fn below_level_10_a_foreign_call_is_forbidden() {
    let w = world();
    let (_, id) = w.recorded(&of_user1("c1"));
    for level in 1..10 {
        let who = Some(("user2", level));
        for (_, op) in BY_ID {
            refused(w.by_id(op, who, &id), REC_ERR_FORBIDDEN);
        }
        for (_, op) in BY_DEVICE {
            refused(w.by_device(op, who, Some("SEP1"), Some("101")), REC_ERR_FORBIDDEN);
        }
        for (_, answer) in w.each_by_call(who, "c1") {
            refused(answer, REC_ERR_FORBIDDEN);
        }
        refused(w.start(who, &additional(on_call("c1"))), REC_ERR_FORBIDDEN);
        refused(w.get(who, &id), REC_ERR_FORBIDDEN);
    }
    assert_eq!(w.live_ids(), [id]);
}

#[test]
fn below_level_10_a_call_of_ones_own_is_allowed() {
    for level in 1..10 {
        let w = world();
        let who = Some(("user1", level));
        w.begin(&of_user1("c1")).unwrap();
        let id = w.start(who, &on_device("SEP1")).unwrap();
        w.by_id(rec_pause_by_id, who, &id).unwrap();
        w.by_device(rec_resume_by_device, who, None, Some("101")).unwrap();
        w.by_call(rec_pause_by_call, who, "c1").unwrap();
        assert_eq!(w.get(who, &id).unwrap().state, REC_STATE_PAUSED);
        assert_eq!(w.stop_by_device(who, Some("SEP1"), None), Ok((1, 0, 0)));
    }
}

#[test]
fn level_10_may_everything() {
    let w = world();
    w.begin(&of_user1("c1")).unwrap();
    let id = w.start(ADMIN, &on_device("SEP1")).unwrap();
    w.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
    assert_eq!(w.list(ADMIN, &Wanted::default()).unwrap().len(), 1);
    assert_eq!(w.get(ADMIN, &id).unwrap().id, id);
    w.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn usernames_are_compared_byte_for_byte() {
    let w = world();
    let (_, id) = w.recorded(&of_user1("c1"));
    for other in ["User1", "USER1", "user1 ", "user", "user11", "ｕser1"] {
        refused(w.by_id(rec_pause_by_id, Some((other, 9)), &id), REC_ERR_FORBIDDEN);
    }
    w.by_id(rec_pause_by_id, Some(("user1", 9)), &id).unwrap();
}

#[test]
fn an_empty_username_owns_nothing() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    let nameless = Some(("", 9));
    refused(w.by_id(rec_stop_by_id, nameless, &id), REC_ERR_FORBIDDEN);
    refused(w.stop_by_device(nameless, Some("SEP1"), None), REC_ERR_FORBIDDEN);
    refused(w.list(nameless, &Wanted::default()), REC_ERR_FORBIDDEN);
    w.by_id(rec_stop_by_id, Some(("", 10)), &id).unwrap();
}

#[test]
fn nothing_is_learnt_from_a_refusal() {
    let w = world();
    let (_, foreign) = w.recorded(&of_user1("c1"));
    for (name, op) in BY_ID {
        let answers = [foreign.as_str(), SOME_ID, "not-a-guid", ""].map(|id| w.by_id(op, STRANGER, id));
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{name}: {answers:?}"
        );
    }
    for (name, op) in BY_DEVICE {
        let lines = [
            (Some("SEP1"), None),
            (Some("SEP9"), None),
            (None, None),
            (Some("SEP1"), Some("102")),
        ];
        let answers = lines.map(|(device, number)| w.by_device(op, STRANGER, device, number));
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{name}: {answers:?}"
        );
    }
    let starts = [
        on_device("SEP1"),
        on_device("SEP9"),
        on_call("c1"),
        on_call("c9"),
        Start::default(),
    ];
    let answers = starts.map(|start| w.start(STRANGER, &start));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(w.each_by_call(STRANGER, "c1"), w.each_by_call(STRANGER, "c9"));
    assert_eq!(
        w.get(STRANGER, &foreign).unwrap_err(),
        w.get(STRANGER, SOME_ID).unwrap_err()
    );
}

#[test]
fn by_device_a_limited_caller_acts_on_own_calls_alone() {
    let w = world();
    let (_, own) = w.recorded(&by_user("SEP1", "101", "user1"));
    let (_, foreign) = w.recorded(&by_user("SEP1", "102", "user2"));
    assert_eq!(w.stop_by_device(OWNER, Some("SEP1"), None), Ok((1, 0, 0)));
    assert_eq!((w.live_ids(), own != foreign), (vec![foreign], true));
}

#[test]
fn by_call_a_limited_caller_acts_on_own_calls_alone() {
    let w = world();
    let ends = [("SEP1", "user1"), ("SEP2", "user2")].map(|(device, user)| Call {
        call_id: Some("internal"),
        ..by_user(device, "", user)
    });
    let [(_, own), (_, foreign)] = ends.each_ref().map(|end| w.recorded(end));
    assert_eq!(w.by_call(rec_pause_by_call, OWNER, "internal"), Ok((1, 0, 0)));
    assert_eq!(w.state(&own), REC_STATE_PAUSED);
    assert_eq!(w.state(&foreign), REC_STATE_RECORDING);
    assert_eq!(w.stop_by_call(OWNER, "internal", None), Ok((1, 0, 0)));
    assert_eq!(w.live_ids(), [foreign]);
    assert_eq!(w.stop_by_call(ADMIN, "internal", None), Ok((1, 0, 0)));
}

#[test]
fn a_limited_caller_starts_own_calls_alone() {
    let w = world();
    let own = w
        .begin(&Call {
            tag: 1,
            ..by_user("SEP1", "101", "user1")
        })
        .unwrap();
    // Connected later, so that it would be taken, were it theirs.
    w.begin(&Call {
        tag: 2,
        ..by_user("SEP1", "102", "user2")
    })
    .unwrap();
    let id = w.start(OWNER, &on_device("SEP1")).unwrap();
    assert_eq!(w.tag(&id), 1);
    end(own).unwrap();
    refused(w.start(OWNER, &on_device("SEP1")), REC_ERR_FORBIDDEN);
}

#[test]
fn rights_follow_the_present_username() {
    let w = world();
    let (call, id) = w.recorded(&of_user1("c1"));
    by_user("SEP1", "101", "user2").update(call).unwrap();
    refused(w.by_id(rec_pause_by_id, OWNER, &id), REC_ERR_FORBIDDEN);
    refused(w.stop_by_call(OWNER, "c1", None), REC_ERR_FORBIDDEN);
    w.by_id(rec_pause_by_id, STRANGER, &id).unwrap();
    // Cleared, it is nobody's.
    by_user("SEP1", "101", "").update(call).unwrap();
    refused(w.by_id(rec_resume_by_id, STRANGER, &id), REC_ERR_FORBIDDEN);
    refused(w.by_id(rec_resume_by_id, Some(("", 2)), &id), REC_ERR_FORBIDDEN);
}

#[test]
fn an_ended_call_is_nobodys() {
    let w = world();
    let (call, id) = w.recorded(&of_user1("c1"));
    end(call).unwrap();
    refused(w.by_id(rec_stop_by_id, OWNER, &id), REC_ERR_FORBIDDEN);
    refused(w.stop_by_device(OWNER, Some("SEP1"), None), REC_ERR_FORBIDDEN);
    refused(w.stop_by_call(OWNER, "c1", None), REC_ERR_FORBIDDEN);
    refused(w.start(OWNER, &on_device("SEP1")), REC_ERR_FORBIDDEN);
}

/// The target's call lives and is the caller's own: "the others NOT_LIVE".
#[test]
fn an_owner_who_stops_twice_is_told_not_live() {
    let w = world();
    let (_, id) = w.recorded(&of_user1("c1"));
    w.by_id(rec_stop_by_id, OWNER, &id).unwrap();
    refused(w.by_id(rec_stop_by_id, OWNER, &id), REC_ERR_NOT_LIVE);
}

#[test]
fn a_list_below_level_10_is_of_ones_own_username() {
    let w = world();
    let (_, own) = w.recorded(&of_user1("c1"));
    w.recorded(&by_user("SEP2", "102", "user2"));
    let wanted = |user| Wanted {
        user,
        ..Wanted::default()
    };
    for level in 1..10 {
        let who = Some(("user1", level));
        for other in [None, Some("user2"), Some("User1"), Some("")] {
            refused(w.list(who, &wanted(other)), REC_ERR_FORBIDDEN);
        }
        // Naming one's own call is not enough: the filter must say whose.
        let by_device = Wanted {
            device: Some("SEP1"),
            ..Wanted::default()
        };
        refused(w.list(who, &by_device), REC_ERR_FORBIDDEN);
        let seen = w.list(who, &wanted(Some("user1"))).unwrap();
        assert_eq!(
            seen.into_iter().map(|seen| seen.id).collect::<Vec<_>>(),
            std::slice::from_ref(&own)
        );
    }
    let nothing = w.list(Some(("user3", 2)), &wanted(Some("user3"))).unwrap();
    assert!(nothing.is_empty());
    assert_eq!(w.list(ADMIN, &wanted(None)).unwrap().len(), 2);
}

#[test]
fn the_host_skips_401_and_403_only() {
    let w = world();
    let (_, id) = w.recorded(&of_user1("c1"));
    refused_because(w.by_id(rec_stop_by_id, HOST, "not-a-guid"), REC_ERR_INVALID_ID, 0);
    refused_because(w.stop_by_device(HOST, None, None), REC_ERR_NO_TARGET, 0);
    refused(w.start(HOST, &on_device("SEP1")), REC_ERR_ALREADY_RECORDING);
    w.line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE).unwrap();
    refused_because(w.by_id(rec_stop_by_id, HOST, &id), REC_ERR_NOT_MONITORABLE, 1);
    refused_because(
        w.stop_by_device(HOST, Some("SEP1"), None),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    refused_because(
        w.start(HOST, &additional(on_device("SEP1"))),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    w.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    refused_because(w.by_id(rec_stop_by_id, HOST, &id), REC_ERR_AUTOMATIC, 2);
    refused_because(w.start(HOST, &on_device("SEP1")), REC_ERR_AUTOMATIC, 4);
}

/// Who may record their own calls alone cannot start as many as they like.
#[test]
fn a_limited_caller_starts_so_many_of_one_call() {
    for (settings, most) in [(vec![], 16), (vec![("recordings.max_per_call", "2")], 2)] {
        let w = world_with(&settings);
        w.begin(&by_user("SEP1", "101", "user1")).unwrap();
        w.begin(&by_user("SEP2", "102", "user1")).unwrap();
        let start = |who| w.start(who, &additional(on_device("SEP1")));
        let ids: Vec<_> = (0..most).map(|_| start(OWNER).unwrap()).collect();
        let refusal = refused(start(OWNER), REC_ERR_LIMIT);
        assert!(refusal.message.contains("recordings.max_per_call"), "{refusal:?}");
        // Others, and other calls, are not bound by it.
        start(HOST).unwrap();
        start(ADMIN).unwrap();
        w.start(OWNER, &on_device("SEP2")).unwrap();
        for id in &ids[..2] {
            refused(start(OWNER), REC_ERR_LIMIT);
            w.by_id(rec_stop_by_id, OWNER, id).unwrap();
        }
        refused(start(OWNER), REC_ERR_LIMIT);
        w.by_device(rec_stop_by_device, OWNER, Some("SEP1"), None)
            .unwrap();
        start(OWNER).unwrap();
    }
    let w = world_with(&[("recordings.max_per_call", "0")]);
    w.begin(&by_user("SEP1", "101", "user1")).unwrap();
    for _ in 0..50 {
        w.start(OWNER, &additional(on_device("SEP1"))).unwrap();
    }
}
