//! Deleting finished recordings.

use std::path::Path;

use callrec::capi::*;
use callrec_testkit::tree::tree;
use callrec_testkit::wait::until;
use serde_json::json;

use super::scratch_engine::*;
use crate::support::*;

/// Begins a call with a recording of some audio, and stops it. Returns its fields at the end.
fn ended(scratch: &ScratchEngine, call_id: &str) -> RecordingFields {
    let (call, id) = scratch.recorded(&CallFields {
        call_id: Some(call_id),
        ..by_user("SEP1", "101", "user1")
    });
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    write_pcm(leg, &[7; 1600]);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let end = scratch.events.wait_terminal(&id);
    end_call(call);
    end.recording.unwrap()
}

fn end_call(call: rec_call) {
    checked(|e| unsafe { rec_call_end(call, e) }).unwrap();
}

fn delete(scratch: &ScratchEngine, caller: CallerFields, id: &str) -> AbiResult<()> {
    scratch.by_id(rec_delete, caller, id)
}

#[test]
fn a_finished_recording_is_deleted_once() {
    let scratch = scratch_engine_with(&[("storage.sidecar", "vcon")]);
    let (recording, other) = (ended(&scratch, "c"), ended(&scratch, "d"));
    delete(&scratch, HOST, &recording.id).unwrap();
    assert!(!Path::new(&recording.path).exists());
    assert!(!Path::new(&recording.path).with_extension("json").exists());
    assert!(Path::new(&other.path).exists());
    refused(delete(&scratch, HOST, &recording.id), REC_ERR_NOT_FOUND);
    refused(delete(&scratch, HOST, SOME_ID), REC_ERR_NOT_FOUND);
    refused(scratch.get(HOST, &recording.id), REC_ERR_NOT_LIVE);
    let event = scratch.events.wait_kind(&recording.id, REC_EVENT_DELETED);
    let left = event.recording.unwrap();
    assert_eq!((left.call_id.as_str(), left.path.as_str()), ("", ""));
    assert_eq!(event.json["event"], "deleted");
    assert_eq!(event.json["recording"], json!({ "id": recording.id }));
    assert_eq!(event.flags & REC_EVENT_FLAG_REPEATED, 0);
    assert_eq!(scratch.stats().recordings_deleted, 1);
    let (_, dir) = scratch.finish();
    let is_own = |path: &std::path::PathBuf| path.to_string_lossy().contains(&recording.id);
    assert_eq!(
        tree(&dir.0).iter().filter(|path| is_own(path)).count(),
        0,
        "no file has its id"
    );
}

#[test]
fn a_recording_of_an_earlier_process_is_found() {
    for name in ["{date}/{id}", "{number}"] {
        let scratch = scratch_engine_with(&[("storage.name", name)]);
        let recording = ended(&scratch, "c");
        let (_, dir) = scratch.finish();
        let engine = TestEngine::open(&dir.0, &[]);
        engine.by_id(rec_delete, HOST, &recording.id).unwrap();
        assert!(!Path::new(&recording.path).exists());
        refused(engine.by_id(rec_delete, HOST, &recording.id), REC_ERR_NOT_FOUND);
    }
}

#[test]
fn a_live_recording_must_be_stopped_first() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    let error = refused(delete(&scratch, HOST, &id), REC_ERR_LIVE);
    assert!(error.message.contains("stop it first"), "{}", error.message);
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    refused(delete(&scratch, HOST, &id), REC_ERR_LIVE);
    end_call(call);
    scratch.events.wait_terminal(&id);
    delete(&scratch, HOST, &id).unwrap();
}

/// Rights come first, then the id, then the recording. No policy of a line matters.
#[test]
fn the_checks_have_the_order_of_the_other_functions() {
    let scratch = scratch_engine();
    let recording = ended(&scratch, "c");
    for id in [&recording.id, SOME_ID, "nonsense"] {
        refused(delete(&scratch, UNKNOWN, id), REC_ERR_UNAUTHENTICATED);
        refused(delete(&scratch, OWNER, id), REC_ERR_FORBIDDEN);
    }
    refused_because(delete(&scratch, ADMIN, "nonsense"), REC_ERR_INVALID_ID, 0);
    refused(delete(&scratch, ADMIN, SOME_ID), REC_ERR_NOT_FOUND);
    let policy = REC_LINE_MANDATORY | REC_LINE_AUTOMATIC;
    scratch.line(Some("SEP1"), None, policy).unwrap();
    delete(&scratch, ADMIN, &recording.id).unwrap();
}

/// Of the deletion, the audit log has who and when, and of the recording its id alone.
#[test]
fn a_tombstone_stays_in_the_audit_log() {
    let scratch = scratch_engine();
    let recording = ended(&scratch, "call-of-the-customer");
    refused(delete(&scratch, OWNER, &recording.id), REC_ERR_FORBIDDEN);
    delete(&scratch, ADMIN, &recording.id).unwrap();
    audit_written(&scratch.engine);
    let lines = audit_lines(&scratch.dir.0);
    let deletions: Vec<_> = lines
        .iter()
        .filter(|line| line["operation"] == "delete")
        .collect();
    let [refusal, line] = &deletions[..] else {
        panic!("{deletions:?}");
    };
    assert_eq!(
        (&refusal["user"], &refusal["status"]),
        (&json!("user1"), &json!(REC_ERR_FORBIDDEN))
    );
    assert_eq!((&line["user"], &line["level"]), (&json!("admin"), &json!(10)));
    assert_eq!(line["outcome"], "done");
    assert_eq!(line["recordings"], json!([{ "id": recording.id }]));
    assert!(!line.to_string().contains("customer"), "{line}");
    verify_audit(&scratch.dir.0, None).unwrap();
    // The note of the deletion goes once the line is on the disk.
    let notes = scratch.dir.0.join(".callrec/deletions");
    until("the note is gone", || {
        std::fs::read_dir(&notes).unwrap().count() == 0
    });
}

/// A process that dies leaves the note. Its line is written once, whether it was written before or not.
#[test]
fn the_next_open_completes_a_deletion_and_its_line() {
    let scratch = scratch_engine();
    let recording = ended(&scratch, "c");
    let (_, dir) = scratch.finish();
    let members = format!(
        r#""time":"2026-11-22T01:46:02.130Z","actor":"host","api":"c","operation":"delete","asked":{{}},"recordings":[{{"id":"{}"}}],"outcome":"done","status":0"#,
        recording.id
    );
    let file = Path::new(&recording.path).strip_prefix(&dir.0).unwrap();
    let note = json!({ "file": file, "line": members }).to_string();
    let deletions = dir.0.join(".callrec/deletions");
    std::fs::create_dir(&deletions).unwrap();
    for _ in 0..2 {
        std::fs::write(deletions.join(format!("{}.json", recording.id)), &note).unwrap();
        let engine = TestEngine::open(&dir.0, &[]);
        assert!(!Path::new(&recording.path).exists());
        let event = engine.events.wait_kind(&recording.id, REC_EVENT_DELETED);
        assert_eq!(event.flags, REC_EVENT_FLAG_REPEATED);
        assert_eq!(engine.stats().recordings_deleted, 1);
        engine.close();
        assert_eq!(std::fs::read_dir(&deletions).unwrap().count(), 0);
    }
    let lines = audit_lines(&dir.0);
    let deletions = lines.iter().filter(|line| line["operation"] == "delete");
    assert_eq!(deletions.count(), 1);
    verify_audit(&dir.0, None).unwrap();
}

#[test]
fn without_an_audit_log_no_note_is_left() {
    let scratch = scratch_engine_with(&[("audit.enabled", "false")]);
    let recording = ended(&scratch, "c");
    delete(&scratch, HOST, &recording.id).unwrap();
    let (_, dir) = scratch.finish();
    let notes = dir.0.join(".callrec/deletions");
    assert_eq!(std::fs::read_dir(notes).unwrap().count(), 0);
}

/// Its end is owed to the next subscriber, without the call.
#[test]
fn the_end_of_a_deleted_recording_is_still_delivered() {
    let scratch = scratch_engine();
    let recording = ended(&scratch, "c");
    let (_, dir) = scratch.finish();
    let live = dir.0.join(format!(".callrec/{}.json", recording.id));
    std::fs::copy(Path::new(&recording.path).with_extension("json"), &live).unwrap();
    let engine = TestEngine::open_unsubscribed(&dir.0, &[]);
    until("recovery is over", || {
        engine.by_id(rec_delete, HOST, &recording.id).is_ok()
    });
    engine.close();
    assert!(!std::fs::read_to_string(&live).unwrap().contains("user1"));
    let engine = TestEngine::open(&dir.0, &[]);
    let event = engine.events.wait_terminal(&recording.id);
    assert_eq!(event.kind, REC_EVENT_FINISHED);
    let end = event.recording.unwrap();
    assert_eq!((end.end_reason, end.path.as_str()), (REC_END_STOPPED, ""));
    engine.close();
    assert!(!live.exists());
}
