//! Line policies: the requests that they refuse, and the lines to which they apply.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

/// The flag, its status, and its reasons for a start and for a stop.
const POLICIES: [(u32, rec_status, i32, i32); 2] = [
    (REC_LINE_NOT_MONITORABLE, REC_ERR_NOT_MONITORABLE, 1, 1),
    (REC_LINE_AUTOMATIC, REC_ERR_AUTOMATIC, 4, 2),
];

#[test]
fn policies_refuse_a_start() {
    for (flags, status, reason, _) in POLICIES {
        let scratch = scratch_engine();
        // Held, so that no automatic recording starts.
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
fn policies_refuse_stop_and_discard_by_id_and_by_device() {
    for (flags, status, _, reason) in POLICIES {
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
fn policies_do_not_refuse_pause_and_resume() {
    for (flags, ..) in POLICIES {
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
fn these_policies_do_not_refuse_a_stop_by_call() {
    for (flags, ..) in POLICIES {
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
fn policies_refuse_a_discard_by_call_except_to_the_host() {
    for (flags, status, _, reason) in POLICIES {
        let scratch = scratch_engine();
        let call = CallFields {
            call_id: Some("c"),
            ..by_user("SEP1", "101", "user1")
        };
        scratch.recorded(&call);
        scratch.line(Some("SEP1"), None, flags).unwrap();
        let live = scratch.live_ids();
        for caller in [ADMIN, OWNER, Some(("user1", 1))] {
            let discarded = scratch.by_call_url(rec_discard_by_call, caller, "c", None);
            refused_because(discarded, status, reason);
        }
        assert_eq!(scratch.live_ids(), live);
        let discarded = scratch.by_call_url(rec_discard_by_call, HOST, "c", None);
        assert_eq!(discarded, Ok((live.len() as u32, 0, 0)));
    }
}

/// Two calls with one call id; one of their lines has the policy.
#[test]
fn a_discard_by_call_counts_the_refused_recordings() {
    for flags in [REC_LINE_NOT_MONITORABLE, REC_LINE_MANDATORY] {
        let scratch = scratch_engine();
        let on = |device| CallFields {
            call_id: Some("c"),
            ..line(device, "101")
        };
        let (_, refused) = scratch.recorded(&on("SEP1"));
        scratch.recorded(&on("SEP2"));
        scratch.line(Some("SEP1"), None, flags).unwrap();
        let discarded = scratch.by_call_url(rec_discard_by_call, ADMIN, "c", None);
        assert_eq!(discarded, Ok((1, 0, 1)));
        assert_eq!(scratch.live_ids(), [refused]);
    }
}

#[test]
fn not_monitorable_names_the_device_of_the_call() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    // The policy names only the number. The device comes from the call.
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
fn a_policy_by_device_applies_to_all_its_numbers() {
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
fn a_policy_by_number_applies_to_all_devices() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.begin(&line("SEP1", "102")).unwrap();
    scratch.line(None, Some("102"), REC_LINE_NOT_MONITORABLE).unwrap();
    // The start selects the call connected last, which is on 102.
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    scratch.start(ADMIN, &on_number("101")).unwrap();
}

#[test]
fn a_policy_by_device_and_number_applies_to_that_line_only() {
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
fn the_flags_of_all_matching_policies_are_combined() {
    let scratch = scratch_engine();
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch.line(None, Some("101"), REC_LINE_NOT_MONITORABLE).unwrap();
    scratch.line(Some("SEP1"), Some("101"), 0).unwrap();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.wait_started_on("SEP1");
    // REC_START_ADDITIONAL overrides AUTOMATIC, but not NOT_MONITORABLE.
    refused(
        scratch.start(ADMIN, &additional(on_device("SEP1"))),
        REC_ERR_NOT_MONITORABLE,
    );
    scratch.remove_line(None, Some("101")).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_AUTOMATIC);
    scratch.start(ADMIN, &additional(on_device("SEP1"))).unwrap();
}

#[test]
fn a_policy_can_be_replaced() {
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
fn a_policy_is_removed_only_by_its_own_names() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch
        .line(Some("SEP1"), Some("101"), REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.remove_line(Some("SEP1"), None).unwrap();
    scratch.remove_line(None, Some("101")).unwrap();
    scratch.remove_line(Some("SEP9"), None).unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    scratch.remove_line(Some("SEP1"), Some("101")).unwrap();
    scratch.start(ADMIN, &on_device("SEP1")).unwrap();
}

#[test]
fn the_present_policy_applies_to_a_request() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE);
    scratch.remove_line(Some("SEP1"), None).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn the_policy_of_the_selected_call_applies() {
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
    // None of these requests names both device and number.
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
    refused(scratch.start(ADMIN, &on_number("102")), REC_ERR_NOT_MONITORABLE);
    refused(scratch.start(ADMIN, &on_call("c")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn a_line_without_a_policy_is_monitorable_and_manual() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    assert!(scratch.live().is_empty());
    let id = scratch.start(ADMIN, &on_device("SEP1")).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn strict_mode_makes_a_line_without_a_policy_not_monitorable() {
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
    scratch.remove_line(None, Some("101")).unwrap();
    refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_NOT_MONITORABLE);
    scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
}

#[test]
fn a_policy_needs_a_device_or_a_number() {
    let scratch = scratch_engine();
    refused_because(scratch.line(None, None, 0), REC_ERR_NO_TARGET, 0);
    refused(
        scratch.line(Some(""), Some(""), REC_LINE_AUTOMATIC),
        REC_ERR_NO_TARGET,
    );
    refused(scratch.remove_line(None, None), REC_ERR_NO_TARGET);
    refused(scratch.line(Some("SEP1"), None, 8), REC_ERR_INVALID_ARGUMENT);
}
