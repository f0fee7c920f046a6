//! Lines that are marked: what a mark refuses, and where it applies.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

const MARKS: [(u32, rec_status, i32, i32); 2] = [
    (REC_LINE_NOT_MONITORABLE, REC_ERR_NOT_MONITORABLE, 1, 1),
    (REC_LINE_AUTOMATIC, REC_ERR_AUTOMATIC, 4, 2),
];

#[test]
fn marks_refuse_a_start() {
    for (flags, status, reason, _) in MARKS {
        let scratch = scratch_engine();
        // Held, so that no automatic recording begins of itself.
        scratch.line(Some("SEP1"), None, flags).unwrap();
        scratch
            .begin(&CallFields {
                state: REC_CALL_HELD,
                ..line("SEP1", "101")
            })
            .unwrap();
        refused_because(scratch.start(ADMIN, &on_device("SEP1")), status, reason);
        scratch
            .begin(&CallFields {
                call_id: Some("c"),
                ..line("SEP1", "102")
            })
            .unwrap();
        refused_because(scratch.start(ADMIN, &on_call("c")), status, reason);
    }
}

#[test]
fn marks_refuse_stop_and_discard_by_id_and_by_device() {
    for (flags, status, _, reason) in MARKS {
        let scratch = scratch_engine();
        let (_, id) = scratch.recorded(&line("SEP1", "101"));
        scratch.line(Some("SEP1"), None, flags).unwrap();
        for (_, op) in &BY_ID[..ENDING] {
            refused_because(scratch.by_id(*op, ADMIN, &id), status, reason);
        }
        for (_, op) in &BY_DEVICE[..ENDING] {
            for (device, number) in [
                (Some("SEP1"), None),
                (None, Some("101")),
                (Some("SEP1"), Some("101")),
            ] {
                refused_because(scratch.by_device(*op, ADMIN, device, number), status, reason);
            }
        }
        assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
    }
}

#[test]
fn marks_never_refuse_pause_and_resume() {
    for (flags, ..) in MARKS {
        let scratch = scratch_engine();
        let call = CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        };
        let (_, id) = scratch.recorded(&call);
        scratch.line(Some("SEP1"), None, flags).unwrap();
        scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
        scratch.by_id(rec_resume_by_id, ADMIN, &id).unwrap();
        scratch
            .by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None)
            .unwrap();
        scratch
            .by_device(rec_resume_by_device, ADMIN, Some("SEP1"), None)
            .unwrap();
        scratch.by_call(rec_pause_by_call, ADMIN, "c").unwrap();
        scratch.by_call(rec_resume_by_call, ADMIN, "c").unwrap();
        assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
    }
}

#[test]
fn these_marks_never_refuse_a_stop_by_call_also_by_the_owner() {
    for (flags, ..) in MARKS {
        let scratch = scratch_engine();
        let call = CallFields {
            call_id: Some("c"),
            ..by_user("SEP1", "101", "user1")
        };
        let (_, id) = scratch.recorded(&call);
        scratch.line(Some("SEP1"), None, flags).unwrap();
        let live = scratch.live().len() as u32;
        assert_eq!(scratch.stop_by_call(OWNER, "c", None), Ok((live, 0, 0)));
        assert!(!scratch.live_ids().contains(&id));
    }
}

#[test]
fn marks_refuse_a_discard_by_call_to_a_named_caller_alone() {
    for (flags, status, _, reason) in MARKS {
        let scratch = scratch_engine();
        let call = CallFields {
            call_id: Some("c"),
            ..by_user("SEP1", "101", "user1")
        };
        scratch.recorded(&call);
        scratch.line(Some("SEP1"), None, flags).unwrap();
        let live = scratch.live_ids();
        for who in [ADMIN, OWNER, Some(("user1", 1))] {
            let discarded = scratch.by_call_url(rec_discard_by_call, who, "c", None);
            refused_because(discarded, status, reason);
        }
        assert_eq!(scratch.live_ids(), live);
        let discarded = scratch.by_call_url(rec_discard_by_call, HOST, "c", None);
        assert_eq!(discarded, Ok((live.len() as u32, 0, 0)));
    }
}

/// The same call id on two lines, of which one is marked.
#[test]
fn what_a_mark_refuses_by_call_is_counted() {
    for flags in [REC_LINE_NOT_MONITORABLE, REC_LINE_MANDATORY] {
        let scratch = scratch_engine();
        let on = |device| CallFields {
            call_id: Some("c"),
            ..line(device, "101")
        };
        let (_, kept) = scratch.recorded(&on("SEP1"));
        scratch.recorded(&on("SEP2"));
        scratch.line(Some("SEP1"), None, flags).unwrap();
        let discarded = scratch.by_call_url(rec_discard_by_call, ADMIN, "c", None);
        assert_eq!(discarded, Ok((1, 0, 1)));
        assert_eq!(scratch.live_ids(), [kept]);
    }
}

#[test]
fn not_monitorable_names_the_lines_device() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    // The mark knows the number alone: the device is the call's.
    scratch.line(None, Some("101"), REC_LINE_NOT_MONITORABLE).unwrap();
    for refusal in [
        refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE),
        refused(
            scratch.stop_by_device(ADMIN, None, Some("101")),
            REC_ERR_NOT_MONITORABLE,
        ),
        refused(scratch.start(ADMIN, &on_number("101")), REC_ERR_NOT_MONITORABLE),
    ] {
        assert_eq!((refusal.device_name.as_str(), refusal.reason), ("SEP1", 1));
    }
}

#[test]
fn only_not_monitorable_names_a_device() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    let refusal = refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_AUTOMATIC);
    assert_eq!(refusal.device_name, "");
}

#[test]
fn a_mark_by_device_applies_to_all_its_numbers() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.begin(&line("SEP2", "101")).unwrap();
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    scratch.start(ADMIN, &on_device("SEP2")).unwrap();
}

#[test]
fn a_mark_by_number_applies_on_all_devices() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.begin(&line("SEP1", "102")).unwrap();
    scratch.line(None, Some("102"), REC_LINE_NOT_MONITORABLE).unwrap();
    // The one connected last is meant, and it is on 102.
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    scratch.start(ADMIN, &on_number("101")).unwrap();
}

#[test]
fn a_mark_by_both_names_applies_to_that_line_alone() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP1"), Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.begin(&line("SEP1", "102")).unwrap();
    scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.begin(&line("SEP2", "101")).unwrap();
    scratch.start(ADMIN, &on_device("SEP2")).unwrap();
    scratch.begin(&line("SEP1", "")).unwrap();
    scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.begin(&line("SEP1", "101")).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn the_flags_of_all_marks_that_apply_are_joined() {
    let scratch = scratch_engine();
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch.line(None, Some("101"), REC_LINE_NOT_MONITORABLE).unwrap();
    scratch.line(Some("SEP1"), Some("101"), 0).unwrap();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.wait_started_on("SEP1");
    // Additional excuses from AUTOMATIC, not from NOT_MONITORABLE.
    refused(
        scratch.start(ADMIN, &additional(on_device("SEP1"))),
        REC_ERR_NOT_MONITORABLE,
    );
    scratch.unmark(None, Some("101")).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_AUTOMATIC);
    scratch.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
}

#[test]
fn a_mark_is_replaced() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    scratch.line(Some("SEP1"), None, 0).unwrap();
    scratch.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn a_mark_is_removed_by_its_own_names() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch
        .line(Some("SEP1"), Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.unmark(Some("SEP1"), None).unwrap();
    scratch.unmark(None, Some("101")).unwrap();
    scratch.unmark(Some("SEP9"), None).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    scratch.unmark(Some("SEP1"), Some("101")).unwrap();
    scratch.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn what_counts_is_the_mark_at_the_moment_of_asking() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE);
    scratch.unmark(Some("SEP1"), None).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn the_mark_that_counts_is_that_of_the_call_found() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP1"), Some("102"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "102")
        })
        .unwrap();
    // None of these requests names the marked line in full.
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    refused(scratch.start(ADMIN, &on_number("102")), REC_ERR_NOT_MONITORABLE);
    refused(scratch.start(ADMIN, &on_call("c")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn a_line_without_a_mark_is_monitorable_and_manual() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    assert!(scratch.live().is_empty());
    let id = scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn strict_makes_a_line_without_a_mark_not_monitorable() {
    let scratch = scratch_engine_with(&[("lines.strict", "true")]);
    scratch.begin(&line("SEP1", "101")).unwrap();
    let refusal = refused_because(
        scratch.start(ADMIN, &on_device("SEP1")),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    assert_eq!(refusal.device_name, "SEP1");
    refused(scratch.start(ADMIN, &on_device("SEP9")), REC_ERR_NOT_MONITORABLE);
    scratch.line(None, Some("101"), 0).unwrap();
    let id = scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.unmark(None, Some("101")).unwrap();
    refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE);
    scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
}

#[test]
fn a_mark_needs_a_name() {
    let scratch = scratch_engine();
    refused_because(scratch.line(None, None, 0), REC_ERR_NO_TARGET, 0);
    refused(
        scratch.line(Some(""), Some(""), REC_LINE_AUTOMATIC),
        REC_ERR_NO_TARGET,
    );
    refused(scratch.unmark(None, None), REC_ERR_NO_TARGET);
    refused(scratch.line(Some("SEP1"), None, 8), REC_ERR_INVALID_ARGUMENT);
}
