//! Lines that are marked: what a mark refuses, and where it applies.

use callrec::capi::*;

use super::helper::*;
use crate::support::*;

const MARKS: [(u32, rec_status, i32, i32); 2] = [
    (REC_LINE_NOT_MONITORABLE, REC_ERR_NOT_MONITORABLE, 1, 1),
    (REC_LINE_AUTOMATIC, REC_ERR_AUTOMATIC, 4, 2),
];

#[test]
fn marks_refuse_a_start() {
    for (flags, status, reason, _) in MARKS {
        let w = world();
        // Held, so that no automatic recording begins of itself.
        w.line(Some("SEP1"), None, flags).unwrap();
        w.begin(&Call {
            state: REC_CALL_HELD,
            ..line("SEP1", "101")
        })
        .unwrap();
        refused_because(w.start(ADMIN, &on_device("SEP1")), status, reason);
        w.begin(&Call {
            call_id: Some("c"),
            ..line("SEP1", "102")
        })
        .unwrap();
        refused_because(w.start(ADMIN, &on_call("c")), status, reason);
    }
}

#[test]
fn marks_refuse_stop_and_discard_by_id_and_by_device() {
    for (flags, status, _, reason) in MARKS {
        let w = world();
        let (_, id) = w.recorded(&line("SEP1", "101"));
        w.line(Some("SEP1"), None, flags).unwrap();
        for (_, op) in &BY_ID[..ENDING] {
            refused_because(w.by_id(*op, ADMIN, &id), status, reason);
        }
        for (_, op) in &BY_DEVICE[..ENDING] {
            for (device, number) in [
                (Some("SEP1"), None),
                (None, Some("101")),
                (Some("SEP1"), Some("101")),
            ] {
                refused_because(w.by_device(*op, ADMIN, device, number), status, reason);
            }
        }
        assert_eq!(w.state(&id), REC_STATE_RECORDING);
    }
}

#[test]
fn marks_never_refuse_pause_and_resume() {
    for (flags, ..) in MARKS {
        let w = world();
        let call = Call {
            call_id: Some("c"),
            ..line("SEP1", "101")
        };
        let (_, id) = w.recorded(&call);
        w.line(Some("SEP1"), None, flags).unwrap();
        w.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
        w.by_id(rec_resume_by_id, ADMIN, &id).unwrap();
        w.by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None)
            .unwrap();
        w.by_device(rec_resume_by_device, ADMIN, Some("SEP1"), None)
            .unwrap();
        w.by_call(rec_pause_by_call, ADMIN, "c").unwrap();
        w.by_call(rec_resume_by_call, ADMIN, "c").unwrap();
        assert_eq!(w.state(&id), REC_STATE_RECORDING);
    }
}

#[test]
fn these_marks_never_refuse_a_stop_by_call_also_by_the_owner() {
    for (flags, ..) in MARKS {
        let w = world();
        let call = Call {
            call_id: Some("c"),
            ..by_user("SEP1", "101", "user1")
        };
        let (_, id) = w.recorded(&call);
        w.line(Some("SEP1"), None, flags).unwrap();
        let live = w.live().len() as u32;
        assert_eq!(w.stop_by_call(OWNER, "c", None), Ok((live, 0, 0)));
        assert!(!w.live_ids().contains(&id));
    }
}

#[test]
fn marks_refuse_a_discard_by_call_to_a_named_caller_alone() {
    for (flags, status, _, reason) in MARKS {
        let w = world();
        let call = Call {
            call_id: Some("c"),
            ..by_user("SEP1", "101", "user1")
        };
        w.recorded(&call);
        w.line(Some("SEP1"), None, flags).unwrap();
        let live = w.live_ids();
        for who in [ADMIN, OWNER, Some(("user1", 1))] {
            let discarded = w.by_call_url(rec_discard_by_call, who, "c", None);
            refused_because(discarded, status, reason);
        }
        assert_eq!(w.live_ids(), live);
        let discarded = w.by_call_url(rec_discard_by_call, HOST, "c", None);
        assert_eq!(discarded, Ok((live.len() as u32, 0, 0)));
    }
}

/// The same call id on two lines, of which one is marked.
#[test]
fn what_a_mark_refuses_by_call_is_counted() {
    for flags in [REC_LINE_NOT_MONITORABLE, REC_LINE_MANDATORY] {
        let w = world();
        let on = |device| Call {
            call_id: Some("c"),
            ..line(device, "101")
        };
        let (_, kept) = w.recorded(&on("SEP1"));
        w.recorded(&on("SEP2"));
        w.line(Some("SEP1"), None, flags).unwrap();
        let discarded = w.by_call_url(rec_discard_by_call, ADMIN, "c", None);
        assert_eq!(discarded, Ok((1, 0, 1)));
        assert_eq!(w.live_ids(), [kept]);
    }
}

#[test]
fn not_monitorable_names_the_lines_device() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    // The mark knows the number alone: the device is the call's.
    w.line(None, Some("101"), REC_LINE_NOT_MONITORABLE).unwrap();
    for refusal in [
        refused(w.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE),
        refused(
            w.stop_by_device(ADMIN, None, Some("101")),
            REC_ERR_NOT_MONITORABLE,
        ),
        refused(w.start(ADMIN, &on_number("101")), REC_ERR_NOT_MONITORABLE),
    ] {
        assert_eq!((refusal.device_name.as_str(), refusal.reason), ("SEP1", 1));
    }
}

#[test]
fn only_not_monitorable_names_a_device() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    w.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    let refusal = refused(w.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_AUTOMATIC);
    assert_eq!(refusal.device_name, "");
}

#[test]
fn a_mark_by_device_applies_to_all_its_numbers() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    w.begin(&line("SEP2", "101")).unwrap();
    w.line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    w.start(ADMIN, &on_device("SEP2")).unwrap();
}

#[test]
fn a_mark_by_number_applies_on_all_devices() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    w.begin(&line("SEP1", "102")).unwrap();
    w.line(None, Some("102"), REC_LINE_NOT_MONITORABLE).unwrap();
    // The one connected last is meant, and it is on 102.
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    w.start(ADMIN, &on_number("101")).unwrap();
}

#[test]
fn a_mark_by_both_names_applies_to_that_line_alone() {
    let w = world();
    w.line(Some("SEP1"), Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    w.begin(&line("SEP1", "102")).unwrap();
    w.start(ADMIN, &on_device("SEP1")).unwrap();
    w.begin(&line("SEP2", "101")).unwrap();
    w.start(ADMIN, &on_device("SEP2")).unwrap();
    w.begin(&line("SEP1", "")).unwrap();
    w.start(ADMIN, &on_device("SEP1")).unwrap();
    w.begin(&line("SEP1", "101")).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn the_flags_of_all_marks_that_apply_are_joined() {
    let w = world();
    w.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    w.line(None, Some("101"), REC_LINE_NOT_MONITORABLE).unwrap();
    w.line(Some("SEP1"), Some("101"), 0).unwrap();
    w.begin(&line("SEP1", "101")).unwrap();
    w.wait_started_on("SEP1");
    // Additional excuses from AUTOMATIC, not from NOT_MONITORABLE.
    refused(
        w.start(ADMIN, &additional(on_device("SEP1"))),
        REC_ERR_NOT_MONITORABLE,
    );
    w.unmark(None, Some("101")).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_AUTOMATIC);
    w.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
}

#[test]
fn a_mark_is_replaced() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    w.line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    w.line(Some("SEP1"), None, 0).unwrap();
    w.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn a_mark_is_removed_by_its_own_names() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    w.line(Some("SEP1"), Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    w.unmark(Some("SEP1"), None).unwrap();
    w.unmark(None, Some("101")).unwrap();
    w.unmark(Some("SEP9"), None).unwrap();
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    w.unmark(Some("SEP1"), Some("101")).unwrap();
    w.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn what_counts_is_the_mark_at_the_moment_of_asking() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    w.line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE).unwrap();
    refused(w.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE);
    w.unmark(Some("SEP1"), None).unwrap();
    w.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn the_mark_that_counts_is_that_of_the_call_found() {
    let w = world();
    w.line(Some("SEP1"), Some("102"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    w.begin(&Call {
        call_id: Some("c"),
        ..line("SEP1", "102")
    })
    .unwrap();
    // None of these requests names the marked line in full.
    refused(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    refused(w.start(ADMIN, &on_number("102")), REC_ERR_NOT_MONITORABLE);
    refused(w.start(ADMIN, &on_call("c")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn a_line_without_a_mark_is_monitorable_and_manual() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    assert!(w.live().is_empty());
    let id = w.start(ADMIN, &on_device("SEP1")).unwrap();
    w.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn strict_makes_a_line_without_a_mark_not_monitorable() {
    let w = world_with(&[("lines.strict", "true")]);
    w.begin(&line("SEP1", "101")).unwrap();
    let refusal = refused_because(w.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE, 1);
    assert_eq!(refusal.device_name, "SEP1");
    refused(w.start(ADMIN, &on_device("SEP9")), REC_ERR_NOT_MONITORABLE);
    w.line(None, Some("101"), 0).unwrap();
    let id = w.start(ADMIN, &on_device("SEP1")).unwrap();
    w.unmark(None, Some("101")).unwrap();
    refused(w.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE);
    w.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
}

#[test]
fn a_mark_needs_a_name() {
    let w = world();
    refused_because(w.line(None, None, 0), REC_ERR_NO_TARGET, 0);
    refused(w.line(Some(""), Some(""), REC_LINE_AUTOMATIC), REC_ERR_NO_TARGET);
    refused(w.unmark(None, None), REC_ERR_NO_TARGET);
    refused(w.line(Some("SEP1"), None, 8), REC_ERR_INVALID_ARGUMENT);
}
