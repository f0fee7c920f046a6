//! Panics on the library's own threads. A panic loses one event or one task; the thread continues.

use callrec::capi::*;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::until;

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn a_panic_during_one_event_does_not_lose_the_others() {
    let scratch = scratch_engine_with(&[("faults.panic", "paused")]);
    let log = EngineLog::attach(scratch.handle);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, dir) = scratch.finish();
    let kinds = [REC_EVENT_STARTED, REC_EVENT_RESUMED, REC_EVENT_FINISHED];
    assert_eq!(events.kinds(&id), kinds);
    let lines = log.lines();
    let is_panic = |line: &&String| line.contains("paused") && line.contains("planted");
    assert_eq!(lines.iter().filter(is_panic).count(), 1, "{lines:?}");
    assert_settled(&dir.0);
}

#[test]
fn a_terminal_event_that_was_not_delivered_is_repeated_by_the_next_engine() {
    let scratch = scratch_engine_with(&[("faults.panic", "finished")]);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, dir) = scratch.finish();
    assert_eq!(events.kinds(&id), [REC_EVENT_STARTED]);
    let engine = TestEngine::open(&dir.0, &[]);
    let event = engine.events.wait_terminal(&id);
    assert_eq!(
        (event.kind, event.flags & REC_EVENT_FLAG_REPEATED),
        (REC_EVENT_FINISHED, REC_EVENT_FLAG_REPEATED)
    );
    engine.close();
    assert_settled(&dir.0);
}

#[test]
fn a_panic_in_one_periodic_task_does_not_stop_the_others() {
    let scratch = scratch_engine_with(&[("faults.panic", "watch"), ("recordings.max", "1")]);
    let log = EngineLog::attach(scratch.handle);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch.begin(&line("AUTO", "102")).unwrap();
    scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    let planted = || log.lines().iter().filter(|line| line.contains("planted")).count();
    until("the periodic tasks run again", || planted() >= 2);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    scratch.wait_started_on("AUTO");
}
