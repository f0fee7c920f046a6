//! A panic of the library's own on the threads that nobody waits for: it costs what
//! it touched, and the thread goes on.

use callrec::capi::*;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::until;

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn one_event_that_cannot_be_told_is_not_the_end_of_the_others() {
    let scratch = scratch_engine_with(&[("faults.panic", "paused")]);
    let log = EngineLog::attach(scratch.handle);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, dir) = scratch.finish();
    let told = [REC_EVENT_STARTED, REC_EVENT_RESUMED, REC_EVENT_FINISHED];
    assert_eq!(events.kinds(&id), told);
    let lines = log.lines();
    let named = |line: &&String| line.contains("paused") && line.contains("planted");
    assert_eq!(lines.iter().filter(named).count(), 1, "{lines:?}");
    assert_settled(&dir.0);
}

#[test]
fn a_terminal_event_that_could_not_be_told_stays_owed() {
    let scratch = scratch_engine_with(&[("faults.panic", "finished")]);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, dir) = scratch.finish();
    assert_eq!(events.kinds(&id), [REC_EVENT_STARTED]);
    let engine = TestEngine::open(&dir.0, &[]);
    let told = engine.events.wait_terminal(&id);
    assert_eq!(
        (told.kind, told.flags & REC_EVENT_FLAG_REPEATED),
        (REC_EVENT_FINISHED, REC_EVENT_FLAG_REPEATED)
    );
    engine.close();
    assert_settled(&dir.0);
}

#[test]
fn one_duty_of_the_watch_is_not_the_end_of_the_others() {
    let scratch = scratch_engine_with(&[("faults.panic", "watch"), ("recordings.max", "1")]);
    let log = EngineLog::attach(scratch.handle);
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch.begin(&line("AUTO", "102")).unwrap();
    scratch.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    let planted = || log.lines().iter().filter(|line| line.contains("planted")).count();
    until("the watch comes by again", || planted() >= 2);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    scratch.wait_started_on("AUTO");
}
