//! A callback that does not return while more events are reported than the queue holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::gate::Gate;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::{PATIENCE, until};
use parking_lot::Mutex;

use crate::support::*;

const QUEUE: u64 = 65_536;
const LINES: usize = 150;
const MORE: usize = 40;

/// (kind, sequence, recording)
type EventKey = (i32, u64, String);

#[test]
fn a_full_event_queue_drops_no_terminal_event() {
    let dir = ScratchDir::new();
    let settings = [("storage.digest", "none"), ("storage.flush_ms", "10000")];
    let engine = TestEngine::open_unsubscribed(&dir, &settings);
    let (received, gate) = (
        Arc::new(Mutex::new(Vec::<EventKey>::new())),
        Arc::new(Gate::new_shut()),
    );
    let (sink, callback_gate) = (received.clone(), gate.clone());
    subscribe(engine.handle, move |event| {
        sink.lock().push((event.kind, event.sequence, id_of(event)));
        callback_gate.pass();
    })
    .unwrap();
    let mut ids = Vec::new();
    let mut expected = 0u64;
    let mut start_one = |name: &str| {
        ids.push(start(&engine, name));
        expected += 1;
    };
    // Two calls: one of them ends while the callback blocks.
    for _ in 0..LINES {
        start_one("a");
        start_one("b");
    }
    until("the callback is called", || !received.lock().is_empty());
    let mut pauses = 0;
    while pauses * 2 * LINES as u64 * 2 < QUEUE + 10_000 {
        for name in ["a", "b"] {
            let called = Instant::now();
            toggle(&engine, name);
            assert!(called.elapsed() < PATIENCE, "control waits for a callback");
        }
        pauses += 1;
    }
    expected += pauses * 2 * 2 * LINES as u64;
    stop(&engine, "a");
    expected += LINES as u64;
    // Recordings that begin and end with a full queue have terminal events too.
    until("call a is finished", || {
        engine.stats().live_recordings == LINES as u64
    });
    for _ in 0..MORE {
        ids.push(start(&engine, "c"));
        expected += 1;
    }
    stop(&engine, "c");
    expected += MORE as u64;
    // All of them finish while the callback blocks.
    until("all recordings are finished", || {
        engine.stats().finishing_recordings == 0
    });
    assert!(engine.stats().events_dropped > 0);
    assert_eq!(received.lock().len(), 1);
    gate.open();
    stop(&engine, "b");
    expected += LINES as u64;
    let terminals = || {
        let received = received.lock();
        received.iter().filter(|(kind, ..)| is_terminal(*kind)).count()
    };
    until("all terminal events are received", || terminals() == ids.len());
    let dropped = engine.stats().events_dropped;
    engine.close();

    let received = received.lock();
    let mut ends: HashMap<&str, u32> = HashMap::new();
    for (kind, _, id) in received.iter() {
        *ends.entry(id).or_default() += u32::from(is_terminal(*kind));
    }
    for id in &ids {
        assert_eq!(ends.get(id.as_str()), Some(&1), "{id}: one terminal event");
    }
    assert!(
        received.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "out of order"
    );
    let last = received.last().unwrap().1;
    let gap = last - received.first().unwrap().1 + 1 - received.len() as u64;
    assert_eq!(
        gap, dropped,
        "dropped events are a gap in the sequence, and counted"
    );
    assert_eq!(
        received.len() as u64 + dropped,
        expected,
        "every event was received or dropped"
    );
    assert!(received.len() as u64 >= QUEUE, "the queue was full");
    assert_settled(&dir.0);
}

fn is_terminal(kind: i32) -> bool {
    matches!(kind, REC_EVENT_FINISHED | REC_EVENT_FAILED)
}

/// Starts one more recording of the call `name`, and begins the call if there is none.
fn start(engine: &TestEngine, name: &str) -> String {
    let begun = engine.begin(&CallFields {
        call_id: Some(name),
        ..CallFields::default()
    });
    assert!(begun.is_ok() || begun.unwrap_err().status == REC_ERR_EXISTS);
    let start = StartFields {
        call_id: Some(name),
        flags: REC_START_ADDITIONAL,
        ..StartFields::default()
    };
    engine.start(None, &start).unwrap()
}

/// Pauses and resumes all recordings of a call.
fn toggle(engine: &TestEngine, name: &str) {
    for act in [rec_pause_by_call, rec_resume_by_call] {
        let (changed, ..) = engine.by_call(act, None, name).unwrap();
        assert_eq!(changed, LINES as u32);
    }
}

fn stop(engine: &TestEngine, name: &str) {
    engine.by_call_url(rec_stop_by_call, None, name, None).unwrap();
}
