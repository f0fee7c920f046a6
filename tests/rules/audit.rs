//! The audit log: one line for each operation, a hash chain, and disks that fail.

use std::path::Path;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use serde_json::{Value, json};

use super::scratch_engine::*;
use crate::support::*;

fn on_c() -> CallFields<'static> {
    CallFields {
        call_id: Some("c"),
        ..by_user("SEP1", "101", "user1")
    }
}

/// Waits until every line is on the disk. Returns the lines after the first `before`.
fn lines_since(scratch: &ScratchEngine, before: usize) -> Vec<Value> {
    audit_written(&scratch.engine);
    audit_lines(&scratch.dir.0).split_off(before)
}

/// Runs an operation that writes one line. Returns its result and the line.
#[track_caller]
fn line_of<T>(scratch: &ScratchEngine, act: impl FnOnce() -> T) -> (T, Value) {
    audit_written(&scratch.engine);
    let before = audit_lines(&scratch.dir.0).len();
    let result = act();
    let mut lines = lines_since(scratch, before);
    // The first line of a log follows its genesis line.
    lines.retain(|line| line["operation"] != "genesis");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    (result, lines.remove(0))
}

fn actor_of(line: &Value) -> [&Value; 4] {
    ["actor", "user", "level", "api"].map(|name| &line[name])
}

#[track_caller]
fn assert_done(line: &Value, operation: &str, id: &str) {
    assert_eq!(line["operation"], operation, "{line}");
    assert_eq!(
        (&line["outcome"], &line["status"]),
        (&json!("done"), &json!(0)),
        "{line}"
    );
    assert_eq!(line["recordings"][0]["id"], id, "{line}");
    assert_eq!(line["recordings"][0]["call_id"], "c", "{line}");
    assert!(line["recordings"][0]["position_ms"].is_u64(), "{line}");
}

#[test]
fn each_operation_has_one_line_with_its_actor_and_its_target() {
    let scratch = scratch_engine();
    scratch.begin(&on_c()).unwrap();
    let (id, line) = line_of(&scratch, || scratch.start(ADMIN, &on_device("SEP1")).unwrap());
    assert_done(&line, "start", &id);
    assert_eq!(line["asked"], json!({ "device": "SEP1" }));
    assert_eq!(
        actor_of(&line),
        [&json!("user"), &json!("admin"), &json!(10), &json!("c")]
    );
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let (_, line) = line_of(&scratch, || scratch.by_id(rec_pause_by_id, HOST, &id).unwrap());
    assert_done(&line, "pause", &id);
    assert_eq!((&line["actor"], &line["api"]), (&json!("host"), &json!("c")));
    assert_eq!(line["asked"], json!({ "id": id }));
    let (_, line) = line_of(&scratch, || {
        scratch.by_device(rec_resume_by_device, OWNER, Some("SEP1"), Some("101"))
    });
    assert_done(&line, "resume", &id);
    assert_eq!(line["asked"], json!({ "device": "SEP1", "number": "101" }));
    assert_eq!(actor_of(&line)[1..3], [&json!("user1"), &json!(2)]);
    let url = scratch.get(HOST, &id).unwrap().url;
    let (_, line) = line_of(&scratch, || scratch.stop_by_call(OWNER, "c", Some(&url)).unwrap());
    assert_done(&line, "stop", &id);
    assert_eq!(line["asked"], json!({ "call_id": "c", "url": url }));
    let (id, _) = line_of(&scratch, || scratch.start(HOST, &on_call("c")).unwrap());
    let (_, line) = line_of(&scratch, || scratch.by_id(rec_discard_by_id, HOST, &id).unwrap());
    assert_done(&line, "discard", &id);
}

#[test]
fn each_refusal_has_one_line() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&on_c());
    scratch.line(Some("SEP1"), None, REC_LINE_MANDATORY).unwrap();
    let assert_refused = |line: &Value, operation: &str, status: i32| {
        assert_eq!(line["operation"], operation);
        assert_eq!(
            (&line["outcome"], &line["status"]),
            (&json!("refused"), &json!(status))
        );
    };
    for (name, op) in BY_ID {
        let (_, line) = line_of(&scratch, || scratch.by_id(op, STRANGER, &id).unwrap_err());
        assert_refused(&line, name, REC_ERR_FORBIDDEN);
        assert_eq!(line["user"], "user2");
        let (_, line) = line_of(&scratch, || scratch.by_id(op, UNKNOWN, "no-guid").unwrap_err());
        assert_refused(&line, name, REC_ERR_UNAUTHENTICATED);
    }
    let (_, line) = line_of(&scratch, || scratch.stop_by_call(ADMIN, "c", None).unwrap_err());
    assert_refused(&line, "stop", REC_ERR_MANDATORY);
    assert_eq!(line["recordings"][0]["id"], id);
    assert_eq!(line["recordings"][0]["status"], REC_ERR_MANDATORY);
    let (_, line) = line_of(&scratch, || scratch.start(ADMIN, &on_device("SEP1")).unwrap_err());
    assert_refused(&line, "start", REC_ERR_ALREADY_RECORDING);
    let (_, line) = line_of(&scratch, || {
        scratch.list(STRANGER, &FilterFields::default()).unwrap_err()
    });
    assert_refused(&line, "list", REC_ERR_FORBIDDEN);
    let (_, line) = line_of(&scratch, || scratch.get(STRANGER, &id).unwrap_err());
    assert_refused(&line, "get", REC_ERR_FORBIDDEN);
}

#[test]
fn each_operation_of_the_engine_itself_has_one_line() {
    let scratch = scratch_engine();
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    let (call, line) = line_of(&scratch, || scratch.begin(&on_c()).unwrap());
    let id = scratch.live_ids().remove(0);
    assert_done(&line, "start", &id);
    assert_eq!(
        (&line["actor"], &line["api"]),
        (&json!("engine"), &json!("engine"))
    );
    let limited = StartFields {
        max_duration_ms: 100,
        ..additional(on_device("SEP1"))
    };
    let (short, _) = line_of(&scratch, || scratch.start(HOST, &limited).unwrap());
    let (_, line) = line_of(&scratch, || {
        for leg in [REC_LEG_LOCAL, REC_LEG_REMOTE] {
            let feed = feed(call, leg, REC_CODEC_PCM16, 8000).unwrap();
            write_pcm(feed, &[1000; 8000]);
        }
        scratch.events.wait_terminal(&short);
    });
    assert_eq!(
        (&line["operation"], &line["reason"]),
        (&json!("end"), &json!("limit"))
    );
    assert_eq!(line["recordings"][0]["id"], short);
    assert_eq!(line["recordings"][0]["position_ms"], 100);
    let (_, line) = line_of(&scratch, || end(call).unwrap());
    assert_eq!(
        (&line["operation"], &line["reason"]),
        (&json!("end"), &json!("call-ended"))
    );
    assert_eq!(line["recordings"][0]["id"], id);
}

/// The position is that of the operation, not that of the last block.
#[test]
fn the_position_is_the_present_length_of_the_recording() {
    let scratch = scratch_engine_with(&[("media.clock", "real")]);
    let (_, id) = scratch.recorded(&on_c());
    let position = |line: &Value| line["recordings"][0]["position_ms"].as_u64().unwrap();
    let begun = std::time::Instant::now();
    callrec_testkit::wait::until("50 ms have passed", || begun.elapsed().as_millis() >= 50);
    let (_, line) = line_of(&scratch, || scratch.by_id(rec_pause_by_id, HOST, &id).unwrap());
    assert!(position(&line) >= 50, "{line}");
    assert!(
        position(&line) <= begun.elapsed().as_millis() as u64 + 50,
        "{line}"
    );
}

#[test]
fn the_chain_continues_across_engines_and_reports_its_head() {
    let dir = ScratchDir::new();
    let mut heads = vec![];
    for round in 0..3u64 {
        let engine = TestEngine::open(&dir.0, &[("storage.durability", "finish")]);
        let call = engine.begin(&on_c()).unwrap();
        engine.start(None, &on_call("c")).unwrap();
        end(call).unwrap();
        let head = audit_written(&engine);
        // A genesis line, then two lines for each engine: a start and an end.
        assert_eq!((head.sequence, head.dropped), (3 + 2 * round, 0));
        heads.push(head);
        let last = audit_lines(&dir.0).pop().unwrap();
        assert_eq!(last["hash"], head_of(&head).1);
        engine.close();
    }
    for (at, head) in heads.iter().enumerate() {
        let report = verify_audit(&dir.0, Some(head)).unwrap();
        assert_eq!(report.lines_after_head, 2 * (2 - at as u64));
        assert_eq!(report.sequence, 7);
    }
    let first = audit_lines(&dir.0).remove(0);
    assert_eq!(first["operation"], "genesis");
}

#[test]
fn closing_writes_the_queued_lines() {
    let scratch = scratch_engine();
    scratch.begin(&on_c()).unwrap();
    for _ in 0..500 {
        scratch.start(HOST, &additional(on_call("c"))).unwrap();
    }
    let (_, dir) = scratch.finish();
    let lines = audit_lines(&dir.0);
    // The end of the call is one line, for all its recordings.
    assert_eq!(lines.len(), 1 + 500 + 1);
    assert_eq!(lines[501]["reason"], "engine-closed");
    assert_eq!(lines[501]["recordings"].as_array().unwrap().len(), 32);
    assert_eq!(lines[501]["recordings_in_all"], 500);
    assert_eq!(verify_audit(&dir.0, None).unwrap().sequence, 502);
}

fn log_path(directory: &Path) -> std::path::PathBuf {
    directory.join(".callrec/audit.log")
}

/// A killed process may leave a part of its last line. It does not break the chain.
#[test]
fn the_next_engine_ends_an_incomplete_line() {
    let dir = ScratchDir::new();
    let run = || {
        let engine = TestEngine::open_unsubscribed(&dir.0, &[]);
        refused(engine.by_id(rec_stop_by_id, HOST, SOME_ID), REC_ERR_NOT_LIVE);
        let head = audit_written(&engine);
        engine.close();
        head
    };
    run();
    run();
    let whole = std::fs::read(log_path(&dir.0)).unwrap();
    let last_line = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    let cuts = [last_line + 1, last_line + 30, whole.len() - 20, whole.len() - 1];
    for cut in cuts.into_iter().chain([1, last_line / 2]) {
        std::fs::write(log_path(&dir.0), &whole[..cut]).unwrap();
        let report = verify_audit(&dir.0, None).unwrap();
        assert!(report.unfinished_bytes > 0, "{cut}");
        let head = run();
        let report = verify_audit(&dir.0, Some(&head)).unwrap();
        assert_eq!(report.unfinished_bytes, 0, "{cut}");
        // A line that lacks only its newline is complete.
        assert_eq!(report.unfinished, u64::from(cut + 1 != whole.len()), "{cut}");
        run();
        verify_audit(&dir.0, Some(&head)).unwrap();
    }
}

#[test]
fn an_altered_log_stays_invalid() {
    let dir = ScratchDir::new();
    let run = || {
        let engine = TestEngine::open_unsubscribed(&dir.0, &[]);
        refused(engine.by_id(rec_stop_by_id, ADMIN, SOME_ID), REC_ERR_NOT_LIVE);
        engine.close();
    };
    run();
    run();
    let text = std::fs::read_to_string(log_path(&dir.0)).unwrap();
    std::fs::write(log_path(&dir.0), text.replace("admin", "Admin")).unwrap();
    refused(verify_audit(&dir.0, None), REC_ERR_AUDIT);
    // The next engine appends lines. The altered line is still found.
    run();
    let refusal = refused(verify_audit(&dir.0, None), REC_ERR_AUDIT);
    assert!(refusal.message.contains("line 2"), "{refusal:?}");
}

#[test]
fn removing_the_log_of_an_open_engine_is_detected() {
    let scratch = scratch_engine();
    refused(scratch.by_id(rec_stop_by_id, HOST, SOME_ID), REC_ERR_NOT_LIVE);
    let head = audit_written(&scratch.engine);
    std::fs::remove_file(log_path(&scratch.dir.0)).unwrap();
    refused(verify_audit(&scratch.dir.0, Some(&head)), REC_ERR_AUDIT);
    refused(scratch.by_id(rec_stop_by_id, HOST, SOME_ID), REC_ERR_NOT_LIVE);
    audit_written(&scratch.engine);
    refused(verify_audit(&scratch.dir.0, None), REC_ERR_AUDIT);
}

#[test]
fn a_disabled_log_is_not_written() {
    let scratch = scratch_engine_with(&[("audit.enabled", "false")]);
    scratch.recorded(&on_c());
    assert_eq!(audit_head(&scratch.engine).sequence, 0);
    let (_, dir) = scratch.finish();
    assert!(!log_path(&dir.0).exists());
    assert_eq!(verify_audit(&dir.0, None).unwrap().sequence, 0);
}

/// Control calls succeed. The lines are written once the disk accepts them.
#[cfg(feature = "faults")]
#[test]
fn a_failing_disk_delays_no_control_call() {
    use callrec_testkit::disk_faults::{self, FaultPoint, disk_full};

    let dir = ScratchDir::new();
    disk_faults::fail_at(&dir, FaultPoint::WriteAudit, disk_full);
    let engine = TestEngine::open(&dir.0, &[]);
    let call = engine.begin(&on_c()).unwrap();
    let id = engine.start(None, &on_call("c")).unwrap();
    engine.by_id(rec_stop_by_id, HOST, &id).unwrap();
    engine.events.wait_terminal(&id);
    let head = audit_head(&engine);
    assert_eq!((head.sequence, head.waiting), (0, 2));
    disk_faults::clear(&dir.0);
    end(call).unwrap();
    engine.close();
    let lines = audit_lines(&dir.0);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    verify_audit(&dir.0, None).unwrap();
}

/// Control calls do not wait for a blocked disk. Closing waits no longer than its timeout.
#[cfg(feature = "faults")]
#[test]
fn a_blocked_disk_delays_no_control_call() {
    use callrec_testkit::disk_faults::{DiskGate, FaultPoint};
    use callrec_testkit::wait::until;

    let dir = ScratchDir::new();
    let gate = DiskGate::shut_at(&dir, FaultPoint::WriteAudit);
    let engine = TestEngine::open(&dir.0, &[]);
    engine.begin(&on_c()).unwrap();
    let id = engine.start(None, &on_call("c")).unwrap();
    for _ in 0..100 {
        engine.by_id(rec_pause_by_id, HOST, &id).unwrap();
        engine.by_id(rec_resume_by_id, HOST, &id).unwrap();
    }
    engine.by_id(rec_stop_by_id, HOST, &id).unwrap();
    engine.events.wait_terminal(&id);
    assert_eq!(audit_head(&engine).waiting, 202);
    let closed = checked(|e| unsafe { rec_close(engine.handle, 200, e) });
    assert_eq!(closed.unwrap_err().status, REC_ERR_TIMEOUT);
    gate.open();
    until("the directory is unlocked", || {
        open_with(&dir.0, &[]).map(|next| close(next).unwrap()).is_ok()
    });
    verify_audit(&dir.0, None).unwrap();
}

#[cfg(feature = "faults")]
#[test]
fn closing_does_not_wait_for_a_log_that_cannot_be_synced() {
    use callrec::storage::faults::{self, FaultPoint};
    use std::sync::Arc;

    let dir = ScratchDir::new();
    faults::set(
        &dir.0,
        Arc::new(|step| match (step, std::thread::current().name()) {
            (FaultPoint::SyncFile, Some("callrec-audit")) => Err(std::io::Error::other("no sync")),
            _ => Ok(()),
        }),
    );
    let engine = TestEngine::open_unsubscribed(&dir.0, &[("storage.durability", "finish")]);
    refused(engine.by_id(rec_stop_by_id, HOST, SOME_ID), REC_ERR_NOT_LIVE);
    engine.close();
    faults::clear(&dir.0);
    assert_eq!(audit_lines(&dir.0).len(), 2);
    verify_audit(&dir.0, None).unwrap();
}

/// After a failed sync, Linux treats the pages that it could not write as written.
#[cfg(feature = "faults")]
#[test]
fn lines_that_a_failed_sync_has_lost_are_written_again() {
    use callrec::storage::faults::{self, FaultPoint};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let dir = ScratchDir::new();
    let (path, has_failed) = (log_path(&dir.0), Arc::new(AtomicBool::new(false)));
    let failed = has_failed.clone();
    faults::set(
        &dir.0,
        Arc::new(move |step| match (step, std::thread::current().name()) {
            (FaultPoint::SyncFile, Some("callrec-audit")) if !failed.swap(true, Ordering::SeqCst) => {
                let length = std::fs::metadata(&path).unwrap().len() as usize;
                std::fs::write(&path, vec![0; length]).unwrap();
                Err(std::io::Error::other("no sync"))
            }
            _ => Ok(()),
        }),
    );
    let engine = TestEngine::open_unsubscribed(&dir.0, &[("storage.durability", "finish")]);
    refused(engine.by_id(rec_stop_by_id, HOST, SOME_ID), REC_ERR_NOT_LIVE);
    engine.close();
    faults::clear(&dir.0);
    assert!(has_failed.load(Ordering::SeqCst));
    assert_eq!(audit_lines(&dir.0).len(), 2);
    verify_audit(&dir.0, None).unwrap();
}

#[test]
fn a_name_with_line_breaks_cannot_forge_a_line() {
    let scratch = scratch_engine();
    let forged = "x\n{\"seq\":9,\"prev\":\"\"}\r\n\",\"hash\":\"\u{2028}\u{7f}\\";
    let caller = Some((forged, 2));
    let (_, line) = line_of(&scratch, || {
        scratch.start(caller, &on_device(forged)).unwrap_err()
    });
    assert_eq!(
        (&line["user"], &line["asked"]["device"]),
        (&json!(forged), &json!(forged))
    );
    verify_audit(&scratch.dir.0, None).unwrap();
}

/// The query of a URL may contain credentials.
#[test]
fn the_query_of_a_url_is_not_logged() {
    let scratch = scratch_engine();
    scratch.recorded(&on_c());
    let url = "http://gateway/recordings/1.wav?signature=hidden";
    let (_, line) = line_of(&scratch, || scratch.stop_by_call(HOST, "c", Some(url)));
    assert_eq!(line["asked"]["url"], "http://gateway/recordings/1.wav");
    let text = std::fs::read_to_string(log_path(&scratch.dir.0)).unwrap();
    assert!(!text.contains("hidden"), "{text}");
}

#[test]
fn verification_checks_its_arguments() {
    let dir = ScratchDir::new();
    let mut head: rec_chain_head = init();
    verify_audit(&dir.0, Some(&head)).unwrap();
    head.sequence = 1;
    refused(verify_audit(&dir.0, Some(&head)), REC_ERR_INVALID_ARGUMENT);
    head.hash[..64].fill(b'0' as std::ffi::c_char);
    refused(verify_audit(&dir.0, Some(&head)), REC_ERR_AUDIT);
    refused(verify_audit(&dir.0.join("missing"), None), REC_ERR_IO);
    refused(verify_audit(Path::new(""), None), REC_ERR_INVALID_ARGUMENT);
}
