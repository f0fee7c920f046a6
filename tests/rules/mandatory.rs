//! Mandatory recordings. Among callers, only the host may end them.

use callrec::capi::*;

use super::scratch_engine::*;
use crate::support::*;

fn call_on_line() -> CallFields<'static> {
    CallFields {
        call_id: Some("c"),
        ..by_user("SEP1", "101", "user1")
    }
}

/// Begins a recording, then makes its line mandatory, with further flags.
fn recorded(flags: u32) -> (ScratchEngine, String) {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&call_on_line());
    scratch
        .line(Some("SEP1"), None, REC_LINE_MANDATORY | flags)
        .unwrap();
    (scratch, id)
}

/// The result of each function that ends the recording.
fn try_to_end(scratch: &ScratchEngine, caller: CallerFields, id: &str) -> Vec<(&'static str, AbiResult<()>)> {
    let mut results = Vec::new();
    for (name, op) in &BY_ID[..ENDING] {
        results.push((*name, scratch.by_id(*op, caller, id)));
    }
    for (name, op) in &BY_DEVICE[..ENDING] {
        for (device, number) in [
            (Some("SEP1"), None),
            (None, Some("101")),
            (Some("SEP1"), Some("101")),
        ] {
            results.push((*name, scratch.by_device(*op, caller, device, number).map(drop)));
        }
    }
    let url = scratch.get(HOST, id).unwrap().url;
    for op in [rec_stop_by_call, rec_discard_by_call] {
        for url in [None, Some(url.as_str())] {
            results.push(("by call", scratch.by_call_url(op, caller, "c", url).map(drop)));
        }
    }
    results
}

#[test]
fn no_named_caller_ends_a_mandatory_recording() {
    let (scratch, id) = recorded(0);
    for caller in [ADMIN, OWNER, Some(("user1", 1))] {
        for (name, result) in try_to_end(&scratch, caller, &id) {
            let refusal = refused(result, REC_ERR_MANDATORY);
            assert_eq!((refusal.reason, refusal.device_name.as_str()), (-1, ""), "{name}");
        }
    }
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

#[test]
fn the_host_ends_a_mandatory_recording() {
    let (scratch, id) = recorded(0);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (scratch, _) = recorded(0);
    assert_eq!(
        scratch.by_device(rec_discard_by_device, HOST, Some("SEP1"), None),
        Ok((1, 0, 0))
    );
    let (scratch, _) = recorded(0);
    assert_eq!(scratch.stop_by_call(HOST, "c", None), Ok((1, 0, 0)));
}

#[test]
fn a_mandatory_recording_is_paused_and_resumed() {
    let (scratch, id) = recorded(0);
    for caller in [ADMIN, OWNER] {
        scratch.by_id(rec_pause_by_id, caller, &id).unwrap();
        scratch.by_id(rec_resume_by_id, caller, &id).unwrap();
        scratch
            .by_device(rec_pause_by_device, caller, Some("SEP1"), None)
            .unwrap();
        scratch
            .by_device(rec_resume_by_device, caller, Some("SEP1"), None)
            .unwrap();
        scratch.by_call(rec_pause_by_call, caller, "c").unwrap();
        scratch.by_call(rec_resume_by_call, caller, "c").unwrap();
    }
}

/// Rights and the look-up are checked before it, the other policies and the dial-in after it.
#[test]
fn the_policy_has_its_place_in_the_order_of_the_checks() {
    for other in [REC_LINE_AUTOMATIC, REC_LINE_NOT_MONITORABLE] {
        let (scratch, id) = recorded(other);
        refused(
            scratch.by_id(rec_stop_by_id, UNKNOWN, &id),
            REC_ERR_UNAUTHENTICATED,
        );
        refused(scratch.by_id(rec_stop_by_id, STRANGER, &id), REC_ERR_FORBIDDEN);
        refused(
            scratch.by_id(rec_stop_by_id, ADMIN, "no-guid"),
            REC_ERR_INVALID_ID,
        );
        refused(scratch.by_id(rec_stop_by_id, ADMIN, SOME_ID), REC_ERR_NOT_LIVE);
        refused(scratch.by_id(rec_stop_by_id, ADMIN, &id), REC_ERR_MANDATORY);
        refused(
            scratch.by_call_url(rec_discard_by_call, ADMIN, "c", None),
            REC_ERR_MANDATORY,
        );
        // The host is refused by the other policy, as on any line.
        let status = scratch.by_id(rec_stop_by_id, HOST, &id).unwrap_err().status;
        assert!([REC_ERR_AUTOMATIC, REC_ERR_NOT_MONITORABLE].contains(&status));
    }
    let scratch = scratch_engine();
    scratch.begin(&call_on_line()).unwrap();
    scratch.start(HOST, &dial_in(on_device("SEP1"))).unwrap();
    scratch.line(None, Some("101"), REC_LINE_MANDATORY).unwrap();
    refused(
        scratch.stop_by_device(ADMIN, Some("SEP1"), None),
        REC_ERR_MANDATORY,
    );
    refused(scratch.stop_by_device(HOST, Some("SEP1"), None), REC_ERR_DIAL_IN);
}

/// The policy is of the line, so it applies to additional recordings, too.
#[test]
fn a_recording_that_a_caller_starts_on_a_mandatory_line_is_mandatory() {
    let (scratch, _) = recorded(0);
    let own = scratch.start(OWNER, &additional(on_device("SEP1"))).unwrap();
    refused(scratch.by_id(rec_stop_by_id, OWNER, &own), REC_ERR_MANDATORY);
    refused(scratch.stop_by_call(OWNER, "c", None), REC_ERR_MANDATORY);
    assert_eq!(scratch.live().len(), 2);
}

/// An internal call may have one mandatory line and one that is not.
#[test]
fn a_stop_by_call_counts_mandatory_recordings_as_refused() {
    let (scratch, mandatory) = recorded(0);
    let other_end = CallFields {
        call_id: Some("c"),
        ..by_user("SEP2", "102", "user2")
    };
    scratch.begin(&other_end).unwrap();
    let optional = scratch.start(HOST, &on_device("SEP2")).unwrap();
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((1, 0, 1)));
    assert_eq!(scratch.live_ids(), std::slice::from_ref(&mandatory));
    scratch.events.wait_terminal(&optional);
    // This stop changes nothing, so it returns the reason of the newest recording.
    refused(scratch.stop_by_call(ADMIN, "c", None), REC_ERR_MANDATORY);
    assert_eq!(scratch.state(&mandatory), REC_STATE_RECORDING);
}

#[test]
fn a_stop_by_call_without_a_recording_succeeds_on_a_mandatory_line() {
    let scratch = scratch_engine();
    scratch.line(Some("SEP1"), None, REC_LINE_MANDATORY).unwrap();
    scratch.begin(&call_on_line()).unwrap();
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((0, 0, 0)));
}

#[test]
fn the_end_of_the_call_ends_a_mandatory_recording() {
    let (scratch, id) = recorded(0);
    let call = scratch.begin(&line("SEP1", "102")).unwrap();
    let other = scratch.start(ADMIN, &on_number("102")).unwrap();
    refused(scratch.by_id(rec_stop_by_id, ADMIN, &other), REC_ERR_MANDATORY);
    end(call).unwrap();
    let ended = |id: &str| scratch.events.wait_terminal(id).recording.unwrap().end_reason;
    assert_eq!(ended(&other), REC_END_CALL_ENDED);
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
    // Without the policy every caller with the right may end it.
    scratch.remove_line(Some("SEP1"), None).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn the_status_has_a_text() {
    let text = string(rec_status_text(REC_ERR_MANDATORY));
    assert_eq!(text, "recordings of this line are mandatory");
}
