//! A panic of the library's own on the threads that nobody waits for: it costs what
//! it touched, and the thread goes on.

use std::ffi::{c_char, c_void};

use callrec::capi::*;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::until;
use parking_lot::Mutex;

use super::helper::*;
use crate::support::*;

unsafe extern "C" fn note(user_data: *mut c_void, _: i32, message: *const c_char) {
    let lines = unsafe { &*user_data.cast::<Mutex<Vec<String>>>() };
    lines.lock().push(string(message));
}

/// What is logged from here on.
fn log_of(w: &World) -> &'static Mutex<Vec<String>> {
    let lines: &'static Mutex<Vec<String>> = Box::leak(Box::default());
    let data = std::ptr::from_ref(lines).cast_mut().cast();
    ask(|e| unsafe { rec_set_log(w.handle, Some(note), data, None, e) }).unwrap();
    lines
}

#[test]
fn one_event_that_cannot_be_told_is_not_the_end_of_the_others() {
    let w = world_with(&[("faults.panic", "paused")]);
    let lines = log_of(&w);
    let (_, id) = w.recorded(&line("SEP1", "101"));
    w.by_id(rec_pause_by_id, HOST, &id).unwrap();
    w.by_id(rec_resume_by_id, HOST, &id).unwrap();
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, dir) = w.finish();
    let told = [REC_EVENT_STARTED, REC_EVENT_RESUMED, REC_EVENT_FINISHED];
    assert_eq!(events.kinds(&id), told);
    let lines = lines.lock();
    let named = |line: &&String| line.contains("paused") && line.contains("planted");
    assert_eq!(lines.iter().filter(named).count(), 1, "{lines:?}");
    assert_settled(&dir.0);
}

#[test]
fn a_terminal_event_that_could_not_be_told_stays_owed() {
    let w = world_with(&[("faults.panic", "finished")]);
    let (_, id) = w.recorded(&line("SEP1", "101"));
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, dir) = w.finish();
    assert_eq!(events.kinds(&id), [REC_EVENT_STARTED]);
    let engine = Engine::open(&dir.0, &[]);
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
    let w = world_with(&[("faults.panic", "watch"), ("recordings.max", "1")]);
    let lines = log_of(&w);
    let (_, id) = w.recorded(&line("SEP1", "101"));
    w.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    w.begin(&line("AUTO", "102")).unwrap();
    w.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    let planted = || {
        lines
            .lock()
            .iter()
            .filter(|line| line.contains("planted"))
            .count()
    };
    until("the watch comes by again", || planted() >= 2);
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    w.wait_started_on("AUTO");
}
