//! Limits on calls and recordings, and hosts that forget.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::{PATIENCE, until};

use crate::line::*;
use crate::support::*;

fn refused<T: std::fmt::Debug>(answer: AbiResult<T>) -> rec_status {
    answer.unwrap_err().status
}

#[test]
fn calls_at_most() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("calls.max", "3")]);
    let calls: Vec<rec_call> = (0..3)
        .map(|_| engine.begin(&CallFields::default()).unwrap())
        .collect();
    let refusal = engine.begin(&CallFields::default()).unwrap_err();
    assert_eq!(refusal.status, REC_ERR_LIMIT);
    assert!(refusal.message.contains("calls.max"), "{}", refusal.message);
    assert_eq!(engine.stats().live_calls, 3);
    end(calls[1]).unwrap();
    engine.begin(&CallFields::default()).unwrap();
    assert_eq!(refused(engine.begin(&CallFields::default())), REC_ERR_LIMIT);
    engine.close();
}

#[test]
fn recordings_at_most() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("recordings.max", "2")]);
    engine.line(None, Some("auto"), REC_LINE_AUTOMATIC).unwrap();
    let (one, two) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let refusal = record(&engine, "line-1").unwrap_err();
    assert_eq!(refusal.status, REC_ERR_LIMIT);
    assert!(refusal.message.contains("recordings.max"), "{}", refusal.message);
    // A paused one is a live one.
    engine.by_id(rec_pause_by_id, None, &one.id).unwrap();
    assert_eq!(refused(record(&engine, "line-1")), REC_ERR_LIMIT);
    // The call is there all the same, and recorded once there is room.
    let automatic = engine
        .begin(&CallFields {
            call_id: Some("a"),
            number: Some("auto"),
            ..CallFields::default()
        })
        .unwrap();
    let told = engine.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    assert!(told.recording.is_none());
    engine.by_id(rec_stop_by_id, None, &two.id).unwrap();
    let of_it = |told: &ReceivedEvent| told.recording.as_ref().is_some_and(|seen| seen.call_id == "a");
    let started = engine
        .events
        .wait(|told| told.kind == REC_EVENT_STARTED && of_it(told));
    assert_eq!(refused(record(&engine, "line-1")), REC_ERR_LIMIT);
    end(automatic).unwrap();
    engine.events.wait_terminal(started.id());
    record(&engine, "line-1").unwrap();
    let failed = engine.events.all();
    let failed = failed.iter().filter(|told| told.kind == REC_EVENT_START_FAILED);
    assert_eq!(failed.count(), 1, "told once");
    engine.close();
    assert_settled(&dir.0);
}

/// However many ask at once.
#[test]
fn limits_hold_in_a_crowd() {
    const MOST: u64 = 5;
    let dir = ScratchDir::new();
    let settings = [("recordings.max", "5"), ("calls.max", "5")];
    let engine = TestEngine::open(&dir.0, &settings);
    let taken = AtomicU64::new(0);
    let limited = AtomicU64::new(0);
    let until = Instant::now() + Duration::from_millis(500);
    let last = Instant::now() + PATIENCE;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, taken, limited) = (&engine, &taken, &limited);
            scope.spawn(move || {
                for n in 0.. {
                    let now = Instant::now();
                    let tried = limited.load(Ordering::Relaxed) > 0;
                    if now > until && (tried || now > last) {
                        break;
                    }
                    let name = format!("c-{thread}-{n}");
                    let began = engine.begin(&CallFields {
                        call_id: Some(&name),
                        ..CallFields::default()
                    });
                    let Ok(call) = began else {
                        assert_eq!(refused(began), REC_ERR_LIMIT);
                        limited.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    for _ in 0..3 {
                        match record(engine, &name) {
                            Ok(_) => taken.fetch_add(1, Ordering::Relaxed),
                            Err(refusal) => {
                                assert_eq!(refusal.status, REC_ERR_LIMIT, "{refusal:?}");
                                limited.fetch_add(1, Ordering::Relaxed)
                            }
                        };
                    }
                    let stats = engine.stats();
                    assert!(stats.live_calls <= MOST && stats.live_recordings <= MOST);
                    end(call).unwrap();
                }
            });
        }
    });
    assert!(limited.into_inner() > 0, "nobody was refused");
    let events = engine.close();
    let terminals = events.all().iter().filter(|told| told.is_terminal()).count();
    assert_eq!(terminals as u64, taken.into_inner());
    assert_settled(&dir.0);
}

/// A call without media has been forgotten; one that is fed has not, and one whose
/// packets are held back by nobody's silence neither.
#[test]
fn a_forgotten_call_is_ended() {
    // Both wait for the watch, so they wait together.
    std::thread::scope(|scope| {
        for clock in ["real", "stream"] {
            scope.spawn(move || forgotten_call_is_ended(clock));
        }
    });
}

fn forgotten_call_is_ended(clock: &str) {
    let dir = ScratchDir::new();
    let settings = [("calls.idle_ms", "4000"), ("media.clock", clock)];
    let engine = TestEngine::open(&dir.0, &settings);
    let (forgotten, mut fed) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let begun = Instant::now();
    let gone = |line: &RecordedLine| engine.events.kinds(&line.id).contains(&REC_EVENT_FINISHED);
    until("it lives for ever", || {
        if clock == "real" {
            let status = write(fed.feed, &bytes(2, 0, 160));
            assert!(status == REC_OK || status == REC_ERR_OVERRUN, "{status}");
        } else {
            fed.feed(160);
        }
        gone(&forgotten)
    });
    assert!(begun.elapsed() >= Duration::from_millis(4000), "too early");
    assert!(!gone(&fed), "{clock}: what is fed lives");
    let told = engine.events.wait_terminal(&forgotten.id);
    assert_eq!(told.recording.unwrap().end_reason, REC_END_CALL_ENDED);
    assert_eq!(refused(end(forgotten.call)), REC_ERR_BAD_HANDLE);
    assert_eq!(write(forgotten.feed, &[0; 160]), REC_ERR_BAD_HANDLE);
    assert_eq!(engine.stats().live_calls, 1);
    // Now it is forgotten as well.
    engine.events.wait_terminal(&fed.id);
    assert_eq!(refused(end(fed.call)), REC_ERR_BAD_HANDLE);
    assert_eq!(engine.stats().live_calls, 0);
    engine.close();
    assert_settled(&dir.0);
}
