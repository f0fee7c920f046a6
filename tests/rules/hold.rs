//! Legal holds: nothing of a held recording is destroyed.

use std::path::Path;

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use serde_json::Value;

use super::scratch_engine::*;
use crate::support::*;

fn hold(engine: &TestEngine, id: &str, on: u32) {
    engine.hold(HOST, id, on).unwrap();
}

fn live_call(scratch: &ScratchEngine) -> (rec_call, String) {
    let (call, id) = scratch.recorded(&CallFields {
        call_id: Some("c"),
        ..by_user("SEP1", "101", "user1")
    });
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    write_pcm(leg, &[7; 1600]);
    (call, id)
}

fn finished_recording(scratch: &ScratchEngine) -> RecordingFields {
    let (_, id) = live_call(scratch);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    scratch.events.wait_terminal(&id).recording.unwrap()
}

#[test]
fn a_held_live_recording_is_not_discarded() {
    let scratch = scratch_engine();
    let (_, id) = live_call(&scratch);
    hold(&scratch, &id, 1);
    hold(&scratch, &id, 1);
    refused(scratch.by_id(rec_discard_by_id, HOST, &id), REC_ERR_HELD);
    refused(
        scratch.by_device(rec_discard_by_device, ADMIN, Some("SEP1"), None),
        REC_ERR_HELD,
    );
    refused(
        scratch.by_call_url(rec_discard_by_call, HOST, "c", None),
        REC_ERR_HELD,
    );
    // Everything else is possible.
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let end = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!((end.end_reason, end.held), (REC_END_STOPPED, 1));
    assert_eq!(manifest_beside(&end.path)["held"], true);
    refused(scratch.by_id(rec_delete, HOST, &id), REC_ERR_HELD);
    assert!(Path::new(&end.path).exists());
}

#[test]
fn a_released_recording_may_be_discarded() {
    let scratch = scratch_engine();
    let (_, id) = live_call(&scratch);
    hold(&scratch, &id, 1);
    hold(&scratch, &id, 0);
    scratch.by_id(rec_discard_by_id, HOST, &id).unwrap();
    // It is gone, although its end may not be reported yet.
    refused(scratch.hold(HOST, &id, 1), REC_ERR_NOT_FOUND);
    let end = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!((end.end_reason, end.held), (REC_END_DISCARDED, 0));
    refused(scratch.hold(HOST, &id, 1), REC_ERR_NOT_FOUND);
}

#[test]
fn a_hold_is_shown_in_lists_events_and_the_live_manifest() {
    let scratch = scratch_engine();
    let (_, id) = live_call(&scratch);
    let shown = || {
        let (list, json) = scratch.list_json(HOST, &FilterFields::default()).unwrap();
        (
            list[0].held,
            json[0]["held"].clone(),
            scratch.get(HOST, &id).unwrap().held,
        )
    };
    assert_eq!(shown(), (0, Value::Null, 0));
    hold(&scratch, &id, 1);
    assert_eq!(shown(), (1, Value::Bool(true), 1));
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    let event = scratch.events.wait_kind(&id, REC_EVENT_PAUSED);
    assert_eq!(event.recording.unwrap().held, 1);
    assert_eq!(event.json["recording"]["held"], true);
    let live = std::fs::read(scratch.dir.0.join(format!(".callrec/{id}.json"))).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&live).unwrap()["held"], true);
    hold(&scratch, &id, 0);
    assert_eq!(shown(), (0, Value::Null, 0));
}

/// A hold of a finished recording is part of its files.
#[test]
fn a_hold_lasts_until_it_is_released() {
    let scratch = scratch_engine();
    let recording = finished_recording(&scratch);
    hold(&scratch, &recording.id, 1);
    assert_eq!(scratch.get(HOST, &recording.id).unwrap().held, 1);
    assert_eq!(manifest_beside(&recording.path)["held"], true);
    let path = CText::from(recording.path.as_str());
    checked(|e| unsafe { rec_verify(path.ptr(), e) }).unwrap();
    let (_, dir) = scratch.finish();
    let engine = TestEngine::open(&dir.0, &[]);
    refused(engine.by_id(rec_delete, HOST, &recording.id), REC_ERR_HELD);
    engine.close();
    let engine = TestEngine::open(&dir.0, &[]);
    hold(&engine, &recording.id, 0);
    assert_eq!(manifest_beside(&recording.path).get("held"), None);
    engine.by_id(rec_delete, HOST, &recording.id).unwrap();
    refused(engine.hold(HOST, &recording.id, 0), REC_ERR_NOT_FOUND);
}

#[test]
fn the_checks_have_the_order_of_the_other_functions() {
    let scratch = scratch_engine();
    let recording = finished_recording(&scratch);
    for (id, on) in [(&recording.id[..], 1), (SOME_ID, 0), ("nonsense", 1)] {
        refused(scratch.hold(UNKNOWN, id, on), REC_ERR_UNAUTHENTICATED);
        refused(scratch.hold(OWNER, id, on), REC_ERR_FORBIDDEN);
    }
    refused(scratch.hold(UNKNOWN, SOME_ID, 2), REC_ERR_INVALID_ARGUMENT);
    refused_because(scratch.hold(ADMIN, "nonsense", 1), REC_ERR_INVALID_ID, 0);
    refused(scratch.hold(ADMIN, SOME_ID, 1), REC_ERR_NOT_FOUND);
    scratch.hold(ADMIN, &recording.id, 1).unwrap();
    refused(scratch.by_id(rec_delete, ADMIN, &recording.id), REC_ERR_HELD);
    scratch.hold(ADMIN, &recording.id, 0).unwrap();
    audit_written(&scratch.engine);
    let lines = audit_lines(&scratch.dir.0);
    let with = |operation: &str, outcome: &str| {
        let is_such = |line: &&Value| line["operation"] == operation && line["outcome"] == outcome;
        lines.iter().filter(is_such).count()
    };
    assert_eq!((with("hold", "done"), with("release", "done")), (1, 1));
    assert_eq!((with("hold", "refused"), with("release", "refused")), (6, 2));
    assert_eq!(with("delete", "refused"), 1);
}

/// Nothing of a held recording may be destroyed, not even for want of consent.
#[test]
fn a_refusal_of_consent_ends_a_held_recording_and_keeps_it() {
    let scratch = scratch_engine_with(&[("consent.on_refusal", "discard")]);
    let (call, id) = live_call(&scratch);
    let other = scratch.start(HOST, &additional(on_call("c"))).unwrap();
    hold(&scratch, &id, 1);
    let refusal = CallFields {
        consent: REC_CONSENT_REFUSED,
        ..CallFields::default()
    };
    refusal.update(call).unwrap();
    let end = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(end.end_reason, REC_END_CONSENT_REFUSED);
    assert!(Path::new(&end.path).exists());
    let end = scratch.events.wait_terminal(&other).recording.unwrap();
    assert_eq!(end.end_reason, REC_END_DISCARDED);
}

/// A hold while the recording ends is in its manifest, however the threads run.
#[test]
fn a_hold_at_the_end_of_a_recording_is_kept() {
    let scratch = scratch_engine();
    for _ in 0..30 {
        let (call, id) = live_call(&scratch);
        std::thread::scope(|scope| {
            scope.spawn(|| hold(&scratch, &id, 1));
            scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
        });
        let path = scratch.events.wait_terminal(&id).recording.unwrap().path;
        assert_eq!(manifest_beside(&path)["held"], true);
        assert_eq!(scratch.get(HOST, &id).unwrap().held, 1);
        refused(scratch.by_id(rec_delete, HOST, &id), REC_ERR_HELD);
        checked(|e| unsafe { rec_call_end(call, e) }).unwrap();
    }
    let holds = scratch.dir.0.join(".callrec/holds");
    assert_eq!(std::fs::read_dir(holds).unwrap().count(), 0);
}
