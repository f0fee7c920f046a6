//! Further ids of a call: `rec_call_info.related_call_id` adds one, and all of them find the call.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use serde_json::json;

use super::scratch_engine::*;
use crate::support::*;

fn related(id: &str) -> CallFields<'_> {
    CallFields {
        related: Some(id),
        ..CallFields::default()
    }
}

fn on_line<'a>(call_id: &'a str, device: &'a str) -> CallFields<'a> {
    CallFields {
        call_id: Some(call_id),
        ..by_user(device, "101", "user1")
    }
}

fn listed(scratch: &ScratchEngine, call_id: &str) -> Vec<String> {
    let filter = FilterFields {
        call_id: Some(call_id),
        ..FilterFields::default()
    };
    let found = scratch.list(HOST, &filter).unwrap();
    found.into_iter().map(|recording| recording.id).collect()
}

#[test]
fn every_id_finds_the_call() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&on_line("old", "SEP1"));
    refused(scratch.by_call(rec_pause_by_call, HOST, "new"), REC_ERR_NO_CALL);
    related("new").update(call).unwrap();
    related("newest").update(call).unwrap();
    for known in ["old", "new", "newest"] {
        assert_eq!(scratch.by_call(rec_pause_by_call, OWNER, known), Ok((1, 0, 0)));
        assert_eq!(scratch.by_call(rec_resume_by_call, OWNER, known), Ok((1, 0, 0)));
        refused(
            scratch.by_call(rec_pause_by_call, STRANGER, known),
            REC_ERR_FORBIDDEN,
        );
        assert_eq!(listed(&scratch, known), std::slice::from_ref(&id));
        refused(scratch.start(HOST, &on_call(known)), REC_ERR_ALREADY_RECORDING);
    }
    // Its own id is the first one for ever.
    assert_eq!(scratch.get(HOST, &id).unwrap().call_id, "old");
    assert_eq!(scratch.stop_by_call(HOST, "new", None), Ok((1, 0, 0)));
    scratch.start(HOST, &on_call("newest")).unwrap();
    end(call).unwrap();
    for gone in ["old", "new", "newest"] {
        refused(scratch.by_call(rec_pause_by_call, HOST, gone), REC_ERR_NO_CALL);
    }
}

#[test]
fn an_id_that_the_call_has_is_not_added_again() {
    let scratch = scratch_engine();
    let call = CallFields {
        related: Some("c"),
        ..on_line("c", "SEP1")
    };
    let (call, id) = scratch.recorded(&call);
    for known in ["c", "d", "d", "c", ""] {
        related(known).update(call).unwrap();
    }
    for known in ["c", "d"] {
        assert_eq!(listed(&scratch, known), std::slice::from_ref(&id));
        assert_eq!(scratch.by_call(rec_pause_by_call, HOST, known), Ok((1, 0, 0)));
        assert_eq!(scratch.by_call(rec_resume_by_call, HOST, known), Ok((1, 0, 0)));
    }
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let ended = scratch.events.wait_terminal(&id);
    assert_eq!(ended.json["recording"]["call"]["related_call_ids"], json!(["d"]));
    let manifest = manifest_beside(&ended.recording.unwrap().path);
    assert_eq!(manifest["call"]["related_call_ids"], json!(["d"]));
    assert_eq!(manifest["call"]["call_id"], "c");
}

#[test]
fn the_ids_of_a_line_are_unique() {
    let scratch = scratch_engine();
    let first = scratch.begin(&on_line("a", "SEP1")).unwrap();
    let second = scratch.begin(&on_line("b", "SEP1")).unwrap();
    let other = scratch.begin(&on_line("c", "SEP2")).unwrap();
    refused(related("b").update(first), REC_ERR_EXISTS);
    related("d").update(first).unwrap();
    refused(related("d").update(second), REC_ERR_EXISTS);
    refused(scratch.begin(&on_line("d", "SEP1")), REC_ERR_EXISTS);
    // The two ends of an internal call share ids.
    related("d").update(other).unwrap();
    for device in ["SEP1", "SEP2"] {
        scratch
            .start(
                HOST,
                &StartFields {
                    device: Some(device),
                    ..on_call("d")
                },
            )
            .unwrap();
    }
    assert_eq!(scratch.stop_by_call(HOST, "d", None), Ok((2, 0, 0)));
    refused(line("SEP1", "101").update(other), REC_ERR_EXISTS);
}

#[test]
fn a_call_has_at_most_16_further_ids() {
    let scratch = scratch_engine();
    let call = scratch.begin(&on_line("c", "SEP1")).unwrap();
    let ids: Vec<String> = (0..17).map(|number| format!("r{number}")).collect();
    for id in &ids[..16] {
        related(id).update(call).unwrap();
    }
    refused(related(&ids[16]).update(call), REC_ERR_LIMIT);
    related(&ids[3]).update(call).unwrap();
    scratch.start(HOST, &on_call(&ids[15])).unwrap();
    refused(scratch.start(HOST, &on_call(&ids[16])), REC_ERR_NO_CALL);
}
