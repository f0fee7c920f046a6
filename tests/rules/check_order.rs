//! The order of checks: misuse, 401, 403, arguments, line policies of a start, the look-up of a live
//! recording, line policies of a stop, dial-in.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

fn wma(start: StartFields<'_>) -> StartFields<'_> {
    StartFields {
        format: Some("wma"),
        ..start
    }
}

#[test]
fn misuse_comes_before_the_missing_caller() {
    let scratch = scratch_engine();
    let start = on_device("SEP1");
    for wrong in [
        StartFields {
            flags: 1 << 30,
            ..start
        },
        StartFields { layout: 99, ..start },
        StartFields {
            pause_mode: 99,
            ..start
        },
    ] {
        refused(scratch.start(UNKNOWN, &wrong), REC_ERR_INVALID_ARGUMENT);
    }
    let invalid_level = Some(("user1", 11));
    refused(
        scratch.by_id(rec_stop_by_id, invalid_level, "no id"),
        REC_ERR_INVALID_ARGUMENT,
    );
}

#[test]
fn the_missing_caller_comes_before_every_argument() {
    let scratch = scratch_engine();
    scratch.recorded(&by_user("SEP1", "101", "user1"));
    for (name, op) in BY_ID {
        let result = scratch.by_id(op, UNKNOWN, "not-a-guid");
        assert_eq!(
            result.map_err(|e| e.status),
            Err(REC_ERR_UNAUTHENTICATED),
            "{name}"
        );
    }
    for (name, op) in BY_DEVICE {
        let result = scratch.by_device(op, UNKNOWN, None, None);
        assert_eq!(
            result.map_err(|e| e.status),
            Err(REC_ERR_UNAUTHENTICATED),
            "{name}"
        );
    }
    refused(
        scratch.start(UNKNOWN, &StartFields::default()),
        REC_ERR_UNAUTHENTICATED,
    );
    refused(
        scratch.start(UNKNOWN, &wma(on_device("SEP1"))),
        REC_ERR_UNAUTHENTICATED,
    );
    refused(scratch.get(UNKNOWN, "not-a-guid"), REC_ERR_UNAUTHENTICATED);
}

#[test]
fn forbidden_comes_before_a_malformed_id() {
    let scratch = scratch_engine();
    for (name, op) in BY_ID {
        let result = scratch.by_id(op, STRANGER, "not-a-guid");
        assert_eq!(result.map_err(|e| e.status), Err(REC_ERR_FORBIDDEN), "{name}");
    }
    refused(scratch.get(STRANGER, "not-a-guid"), REC_ERR_FORBIDDEN);
}

#[test]
fn forbidden_comes_before_a_missing_target_and_an_unknown_format() {
    let scratch = scratch_engine();
    scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    refused(
        scratch.start(STRANGER, &StartFields::default()),
        REC_ERR_FORBIDDEN,
    );
    refused(
        scratch.start(STRANGER, &wma(on_device("SEP1"))),
        REC_ERR_FORBIDDEN,
    );
    for (name, op) in BY_DEVICE {
        let result = scratch.by_device(op, STRANGER, None, None);
        assert_eq!(result.map_err(|e| e.status), Err(REC_ERR_FORBIDDEN), "{name}");
    }
}

#[test]
fn forbidden_comes_before_the_policies() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    let refusal = refused(scratch.start(STRANGER, &on_device("SEP1")), REC_ERR_FORBIDDEN);
    assert_eq!((refusal.reason, refusal.device_name.as_str()), (-1, ""));
    refused(scratch.start(OWNER, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn the_arguments_of_an_owner_are_checked() {
    let scratch = scratch_engine();
    scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    refused_because(
        scratch.start(OWNER, &wma(on_device("SEP1"))),
        REC_ERR_INVALID_MODE,
        2,
    );
}

#[test]
fn a_missing_target_comes_before_the_format() {
    let scratch = scratch_engine();
    refused_because(
        scratch.start(ADMIN, &wma(StartFields::default())),
        REC_ERR_NO_TARGET,
        0,
    );
}

#[test]
fn the_format_comes_before_the_policies() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.begin(&line("SEP1", "101")).unwrap();
    refused_because(
        scratch.start(ADMIN, &wma(on_device("SEP1"))),
        REC_ERR_INVALID_MODE,
        2,
    );
}

#[test]
fn the_format_comes_before_the_look_up() {
    let scratch = scratch_engine();
    refused(
        scratch.start(ADMIN, &wma(on_device("SEP1"))),
        REC_ERR_INVALID_MODE,
    );
    scratch.recorded(&line("SEP1", "101"));
    refused(
        scratch.start(ADMIN, &wma(on_device("SEP1"))),
        REC_ERR_INVALID_MODE,
    );
}

#[test]
fn policies_come_before_the_missing_call() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.line(Some("SEP2"), None, REC_LINE_AUTOMATIC).unwrap();
    let refusal = refused_because(
        scratch.start(ADMIN, &on_device("SEP1")),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
    assert_eq!(refusal.device_name, "SEP1");
    refused_because(scratch.start(ADMIN, &on_device("SEP2")), REC_ERR_AUTOMATIC, 4);
    refused(scratch.start(ADMIN, &on_device("SEP3")), REC_ERR_NO_CALL);
}

#[test]
fn policies_come_before_the_missing_call_when_calls_are_held() {
    let scratch = scratch_engine();
    scratch.line(None, Some("101"), REC_LINE_NOT_MONITORABLE).unwrap();
    let held = CallFields {
        state: REC_CALL_HELD,
        ..line("SEP1", "101")
    };
    scratch.begin(&held).unwrap();
    refused_because(
        scratch.start(ADMIN, &on_number("101")),
        REC_ERR_NOT_MONITORABLE,
        1,
    );
}

#[test]
fn policies_come_before_already_recording() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    refused(scratch.start(ADMIN, &on_device("SEP1")), REC_ERR_NOT_MONITORABLE);
}

#[test]
fn a_stop_looks_up_the_recording_before_the_policies() {
    let scratch = scratch_engine();
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    scratch.begin(&line("SEP1", "101")).unwrap();
    for (name, op) in &BY_DEVICE[..ENDING] {
        let result = scratch.by_device(*op, ADMIN, Some("SEP1"), None);
        assert_eq!(result.map_err(|e| e.status), Err(REC_ERR_NOT_LIVE), "{name}");
    }
}

#[test]
fn a_stop_checks_the_policies_before_the_dial_in() {
    for (flag, status, reason) in [
        (REC_LINE_NOT_MONITORABLE, REC_ERR_NOT_MONITORABLE, 1),
        (REC_LINE_AUTOMATIC, REC_ERR_AUTOMATIC, 2),
    ] {
        let scratch = scratch_engine();
        scratch.begin(&line("SEP1", "101")).unwrap();
        scratch.start(HOST, &dial_in(on_device("SEP1"))).unwrap();
        // The policy names the line in full.
        scratch.line(Some("SEP1"), Some("101"), flag).unwrap();
        if flag == REC_LINE_AUTOMATIC {
            scratch
                .stop_by_call(HOST, &scratch.live()[0].call_id, None)
                .unwrap();
            scratch
                .start(HOST, &additional(dial_in(on_device("SEP1"))))
                .unwrap();
        }
        refused_because(scratch.stop_by_device(ADMIN, Some("SEP1"), None), status, reason);
    }
}

#[test]
fn a_malformed_id_comes_before_the_look_up() {
    let scratch = scratch_engine();
    for (name, op) in BY_ID {
        let result = scratch.by_id(op, ADMIN, "not-a-guid");
        assert_eq!(
            result.map_err(|e| (e.status, e.reason)),
            Err((REC_ERR_INVALID_ID, 0)),
            "{name}"
        );
        let result = scratch.by_id(op, ADMIN, SOME_ID);
        assert_eq!(result.map_err(|e| e.status), Err(REC_ERR_NOT_LIVE), "{name}");
    }
}

#[test]
fn a_stale_handle_comes_before_the_arguments() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    end(call).unwrap();
    refused(feed(call, REC_LEG_LOCAL, REC_CODEC_OPUS, 0), REC_ERR_BAD_HANDLE);
    refused(scratch.line(None, None, 0), REC_ERR_NO_TARGET);
    refused(scratch.remove_line(None, None), REC_ERR_NO_TARGET);
    let stale = scratch.handle;
    scratch.finish();
    let empty: rec_line_info = init();
    for act in [rec_line_set, rec_line_remove] {
        refused(checked(|e| unsafe { act(stale, &empty, e) }), REC_ERR_BAD_HANDLE);
    }
}
