//! A callback that does not return while more events come than may wait.

use std::collections::HashMap;
use std::ffi::c_void;
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::{PATIENCE, until};
use parking_lot::{Condvar, Mutex};

use crate::support::*;

const QUEUE: u64 = 65_536;
const LINES: usize = 150;
const MORE: usize = 40;

/// (kind, sequence, recording)
type ToldEvent = (i32, u64, String);

#[derive(Default)]
struct Slow {
    shut: Mutex<bool>,
    bell: Condvar,
    heard: Mutex<Vec<ToldEvent>>,
}

unsafe extern "C" fn hear(user_data: *mut c_void, event: *const rec_event) {
    let (slow, event) = unsafe { (&*user_data.cast::<Slow>(), &*event) };
    let id = match unsafe { event.recording.as_ref() } {
        Some(recording) => string(recording.id.text.as_ptr()),
        None => String::new(),
    };
    slow.heard.lock().push((event.kind, event.sequence, id));
    let mut shut = slow.shut.lock();
    while *shut {
        slow.bell.wait(&mut shut);
    }
}

#[test]
fn a_queue_that_nobody_drains_loses_nothing_terminal() {
    let dir = ScratchDir::new();
    let settings = [("storage.digest", "none"), ("storage.flush_ms", "10000")];
    let handle = open_with(&dir.0, &settings).unwrap();
    let slow: &'static Slow = Box::leak(Box::default());
    let mut subscription = rec_subscription { id: 0 };
    let data = std::ptr::from_ref(slow).cast_mut().cast();
    ask(|e| unsafe { rec_subscribe(handle, Some(hear), data, None, &mut subscription, e) }).unwrap();
    let engine = Unheard(handle);
    *slow.shut.lock() = true;
    let mut calls = Vec::new();
    let mut ids = Vec::new();
    let mut expected = 0u64;
    let mut start = |name: &str| {
        let (call, id) = engine.line(name);
        calls.push(call);
        ids.push(id);
        expected += 1;
    };
    // In two calls: one of them ends while the callback stands.
    for _ in 0..LINES {
        start("a");
        start("b");
    }
    until("the callback was never called", || !slow.heard.lock().is_empty());
    let mut pauses = 0;
    while pauses * 2 * LINES as u64 * 2 < QUEUE + 10_000 {
        for name in ["a", "b"] {
            let asked = Instant::now();
            engine.toggle(name);
            assert!(asked.elapsed() < PATIENCE, "control waits for a callback");
        }
        pauses += 1;
    }
    expected += pauses * 2 * 2 * LINES as u64;
    engine.end("a");
    expected += LINES as u64;
    // What begins and ends with the queue full is terminal too.
    until("not finished", || engine.stats().live_recordings == LINES as u64);
    for _ in 0..MORE {
        start_more(&engine, "c", &mut ids);
        expected += 1;
    }
    engine.end("c");
    expected += MORE as u64;
    // All of them are finished while nobody listens.
    until("still finishing", || engine.stats().finishing_recordings == 0);
    assert!(engine.stats().events_dropped > 0);
    assert_eq!(slow.heard.lock().len(), 1);
    *slow.shut.lock() = false;
    slow.bell.notify_all();
    engine.end("b");
    expected += LINES as u64;
    let terminals = || {
        let heard = slow.heard.lock();
        heard.iter().filter(|(kind, ..)| is_terminal(*kind)).count()
    };
    until("terminals are missing", || terminals() == ids.len());
    let dropped = engine.stats().events_dropped;
    ask(|e| unsafe { rec_close(handle, 60_000, e) }).unwrap();

    let heard = slow.heard.lock();
    let mut ends: HashMap<&str, u32> = HashMap::new();
    for (kind, _, id) in heard.iter() {
        *ends.entry(id).or_default() += u32::from(is_terminal(*kind));
    }
    for id in &ids {
        assert_eq!(ends.get(id.as_str()), Some(&1), "{id}: told once that it ended");
    }
    assert!(heard.windows(2).all(|pair| pair[0].1 < pair[1].1), "out of order");
    let last = heard.last().unwrap().1;
    let gap = last - heard.first().unwrap().1 + 1 - heard.len() as u64;
    assert_eq!(gap, dropped, "what was dropped is a gap, and counted");
    assert_eq!(
        heard.len() as u64 + dropped,
        expected,
        "every event was told or dropped"
    );
    assert!(heard.len() as u64 >= QUEUE, "as many as may wait have waited");
    assert_settled(&dir.0);
}

fn is_terminal(kind: i32) -> bool {
    matches!(kind, REC_EVENT_FINISHED | REC_EVENT_FAILED)
}

fn start_more(engine: &Unheard, name: &str, ids: &mut Vec<String>) {
    ids.push(engine.line(name).1);
}

/// An engine whose subscriber is the test's own.
struct Unheard(rec_engine);

impl Unheard {
    /// One more recording of the call of this name, which is begun if it is not there.
    fn line(&self, name: &str) -> (rec_call, String) {
        let mut call = rec_call { id: 0 };
        let info = Call {
            call_id: Some(name),
            ..Call::default()
        };
        let begun = info.with(|info| ask(|e| unsafe { rec_call_begin(self.0, info, &mut call, e) }));
        assert!(begun.is_ok() || begun.unwrap_err().status == REC_ERR_EXISTS);
        let text = Arg::from(name);
        let mut options: rec_start_options = init();
        options.call_id = text.ptr();
        options.flags = REC_START_ADDITIONAL;
        let mut id = rec_id { text: [0; 37] };
        ask(|e| unsafe { rec_start(self.0, std::ptr::null(), &options, &mut id, e) }).unwrap();
        (call, string(id.text.as_ptr()))
    }

    /// Pauses and resumes all recordings of a call.
    fn toggle(&self, name: &str) {
        let name = Arg::from(name);
        let (nobody, mut counts) = (std::ptr::null(), init::<rec_counts>());
        for act in [rec_pause_by_call, rec_resume_by_call] {
            ask(|e| unsafe { act(self.0, nobody, name.ptr(), &mut counts, e) }).unwrap();
            assert_eq!(counts.changed, LINES as u32);
        }
    }

    fn end(&self, name: &str) {
        let (name, url) = (Arg::from(name), Arg::from(None));
        let mut counts: rec_counts = init();
        ask(|e| unsafe { rec_stop_by_call(self.0, std::ptr::null(), name.ptr(), url.ptr(), &mut counts, e) })
            .unwrap();
    }

    fn stats(&self) -> rec_statistics {
        let mut statistics: rec_statistics = init();
        ask(|e| unsafe { rec_stats(self.0, &mut statistics, e) }).unwrap();
        statistics
    }
}
