//! Control by the handle of a call: the rules, rights and order of checks of control by its id, for
//! this call alone.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

type ByHandle =
    unsafe extern "C" fn(rec_call, *const rec_caller, *mut rec_counts, *mut rec_error) -> rec_status;

const BY_HANDLE: [(&str, ByHandle); 4] = [
    ("stop", rec_call_stop),
    ("discard", rec_call_discard),
    ("pause", rec_call_pause),
    ("resume", rec_call_resume),
];

fn by_handle(op: ByHandle, caller: CallerFields, call: rec_call) -> AbiResult<Counts3> {
    let mut counts: rec_counts = init();
    with_caller(caller, |caller| {
        checked(|e| unsafe { op(call, caller, &mut counts, e) })
    })?;
    Ok((counts.changed, counts.already, counts.refused))
}

fn start_on(caller: CallerFields, call: rec_call, start: &StartFields) -> AbiResult<String> {
    // The library's function for an engine, with the call in its place.
    let mut id = rec_id { text: [0; 37] };
    with_caller(caller, |caller| {
        start.with(|options| checked(|e| unsafe { rec_call_start(call, caller, options, &mut id, e) }))
    })?;
    Ok(string(id.text.as_ptr()))
}

fn plain() -> StartFields<'static> {
    StartFields::default()
}

fn of_user1<'a>(device: &'a str, number: &'a str) -> CallFields<'a> {
    CallFields {
        call_id: Some("c"),
        ..by_user(device, number, "user1")
    }
}

#[test]
fn a_call_is_recorded_paused_resumed_and_stopped_by_its_handle() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    let id = start_on(OWNER, call, &plain()).unwrap();
    refused(start_on(OWNER, call, &plain()), REC_ERR_ALREADY_RECORDING);
    let second = start_on(OWNER, call, &additional(plain())).unwrap();
    refused(by_handle(rec_call_resume, OWNER, call), REC_ERR_NOT_PAUSED);
    scratch.by_id(rec_pause_by_id, OWNER, &second).unwrap();
    assert_eq!(by_handle(rec_call_pause, OWNER, call), Ok((1, 1, 0)));
    refused(by_handle(rec_call_pause, OWNER, call), REC_ERR_ALREADY_PAUSED);
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
    assert_eq!(by_handle(rec_call_resume, OWNER, call), Ok((2, 0, 0)));
    assert_eq!(by_handle(rec_call_stop, OWNER, call), Ok((2, 0, 0)));
    assert_eq!(by_handle(rec_call_stop, OWNER, call), Ok((0, 0, 0)));
    assert_eq!(by_handle(rec_call_discard, OWNER, call), Ok((0, 0, 0)));
    refused(by_handle(rec_call_pause, OWNER, call), REC_ERR_NOT_LIVE);
    refused(by_handle(rec_call_resume, OWNER, call), REC_ERR_NOT_LIVE);
    let third = start_on(OWNER, call, &plain()).unwrap();
    assert_eq!(by_handle(rec_call_discard, OWNER, call), Ok((1, 0, 0)));
    let (events, _dir) = scratch.finish();
    for (id, reason) in [
        (&id, REC_END_STOPPED),
        (&second, REC_END_STOPPED),
        (&third, REC_END_DISCARDED),
    ] {
        let ended = events.wait_terminal(id).recording.unwrap();
        assert_eq!(ended.end_reason, reason);
    }
}

/// The id "c" names two calls, the two ends of an internal call.
#[test]
fn another_call_with_the_same_id_is_not_affected() {
    let scratch = scratch_engine();
    let calls = ["SEP1", "SEP2"].map(|device| scratch.begin(&of_user1(device, "101")).unwrap());
    let ids = calls.map(|call| start_on(HOST, call, &plain()).unwrap());
    assert_eq!(scratch.get(HOST, &ids[1]).unwrap().device_name, "SEP2");
    assert_eq!(by_handle(rec_call_pause, ADMIN, calls[1]), Ok((1, 0, 0)));
    assert_eq!(
        ids.each_ref().map(|id| scratch.state(id)),
        [REC_STATE_RECORDING, REC_STATE_PAUSED]
    );
    assert_eq!(by_handle(rec_call_stop, ADMIN, calls[0]), Ok((1, 0, 0)));
    assert_eq!(scratch.live_ids(), [ids[1].clone()]);
}

#[test]
fn the_callers_rights_are_those_by_id() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    let unknown_format = StartFields {
        format: Some("wma"),
        ..plain()
    };
    for (caller, status) in [
        (UNKNOWN, REC_ERR_UNAUTHENTICATED),
        (STRANGER, REC_ERR_FORBIDDEN),
        (Some(("", 9)), REC_ERR_FORBIDDEN),
    ] {
        refused(start_on(caller, call, &unknown_format), status);
        for (_, op) in BY_HANDLE {
            refused(by_handle(op, caller, call), status);
        }
    }
    refused_because(start_on(OWNER, call, &unknown_format), REC_ERR_INVALID_MODE, 2);
    refused(
        start_on(Some(("user1", 11)), call, &plain()),
        REC_ERR_INVALID_ARGUMENT,
    );
}

#[test]
fn a_start_checks_the_line_then_the_call_then_its_recordings() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    state(REC_CALL_HELD).update(call).unwrap();
    refused(start_on(ADMIN, call, &plain()), REC_ERR_NO_CALL);
    scratch
        .line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    let refusal = refused_because(start_on(ADMIN, call, &plain()), REC_ERR_NOT_MONITORABLE, 1);
    assert_eq!(refusal.device_name, "SEP1");
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    refused_because(start_on(ADMIN, call, &plain()), REC_ERR_AUTOMATIC, 4);
    scratch.line(Some("SEP1"), None, 0).unwrap();
    state(REC_CALL_CONNECTED).update(call).unwrap();
    start_on(ADMIN, call, &plain()).unwrap();
}

#[test]
fn a_target_in_the_options_must_be_the_call() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    scratch.begin(&of_user1("SEP2", "102")).unwrap();
    refused(start_on(HOST, call, &on_device("SEP2")), REC_ERR_NO_CALL);
    refused(start_on(HOST, call, &on_call("other")), REC_ERR_NO_CALL);
    let right = StartFields {
        number: Some("101"),
        call_id: Some("c"),
        ..on_device("SEP1")
    };
    let id = start_on(HOST, call, &right).unwrap();
    assert_eq!(scratch.get(HOST, &id).unwrap().device_name, "SEP1");
}

#[test]
fn line_policies_refuse_what_they_refuse_by_call() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    let policies = [
        (REC_LINE_NOT_MONITORABLE, REC_ERR_NOT_MONITORABLE),
        (REC_LINE_AUTOMATIC, REC_ERR_AUTOMATIC),
    ];
    for (policy, status) in policies {
        start_on(OWNER, call, &plain()).unwrap();
        scratch.line(Some("SEP1"), None, policy).unwrap();
        refused(by_handle(rec_call_discard, OWNER, call), status);
        by_handle(rec_call_pause, OWNER, call).unwrap();
        let live = scratch.live().len() as u32;
        assert_eq!(by_handle(rec_call_stop, OWNER, call), Ok((live, 0, 0)));
        scratch.line(Some("SEP1"), None, 0).unwrap();
    }
    start_on(OWNER, call, &plain()).unwrap();
    scratch.line(Some("SEP1"), None, REC_LINE_MANDATORY).unwrap();
    for op in [rec_call_stop as ByHandle, rec_call_discard] {
        refused(by_handle(op, OWNER, call), REC_ERR_MANDATORY);
    }
    by_handle(rec_call_pause, OWNER, call).unwrap();
    assert_eq!(by_handle(rec_call_discard, HOST, call), Ok((1, 0, 0)));
}

#[test]
fn a_stale_handle_comes_before_the_missing_caller() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    end(call).unwrap();
    for stale in [
        call,
        rec_call { id: 0 },
        rec_call {
            id: scratch.handle.id,
        },
    ] {
        refused(start_on(UNKNOWN, stale, &plain()), REC_ERR_BAD_HANDLE);
        for (_, op) in BY_HANDLE {
            refused(by_handle(op, UNKNOWN, stale), REC_ERR_BAD_HANDLE);
        }
    }
}

#[test]
fn the_audit_log_names_the_call() {
    let scratch = scratch_engine();
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    let id = start_on(OWNER, call, &plain()).unwrap();
    by_handle(rec_call_pause, OWNER, call).unwrap();
    refused(by_handle(rec_call_stop, STRANGER, call), REC_ERR_FORBIDDEN);
    audit_written(&scratch.engine);
    let lines = audit_lines(&scratch.dir.0);
    let [start, pause, stop] = &lines[lines.len() - 3..] else {
        panic!("{lines:#?}")
    };
    for (line, operation, outcome) in [
        (start, "start", "done"),
        (pause, "pause", "done"),
        (stop, "stop", "refused"),
    ] {
        assert_eq!(
            (&line["operation"], &line["outcome"]),
            (&operation.into(), &outcome.into())
        );
        assert_eq!(line["asked"], serde_json::json!({ "call_id": "c" }), "{line}");
    }
    assert_eq!(start["recordings"][0]["id"], id);
}

/// The defaults that a start takes from the engine's configuration.
#[test]
fn a_start_by_handle_takes_the_engines_configuration() {
    let scratch = scratch_engine_with(&[("recording.sample_rate", "16000"), ("recording.url_base", "u:")]);
    let call = scratch.begin(&of_user1("SEP1", "101")).unwrap();
    let id = start_on(HOST, call, &plain()).unwrap();
    assert_eq!(scratch.get(HOST, &id).unwrap().url, format!("u:{id}.wav"));
    by_handle(rec_call_stop, HOST, call).unwrap();
    let ended = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(ended.sample_rate, 16000);
    let url = StartFields {
        callback_url: Some("http://not.allowed/"),
        ..plain()
    };
    let status = match cfg!(feature = "gateway") {
        true => REC_ERR_INVALID_ARGUMENT,
        false => REC_ERR_UNSUPPORTED,
    };
    refused(start_on(HOST, call, &url), status);
}
