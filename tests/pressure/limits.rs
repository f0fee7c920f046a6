//! Limits on calls and recordings, and calls that the host never ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;
use callrec_testkit::wait::{PATIENCE, until};

use crate::line::*;
use crate::support::*;

fn error_status<T: std::fmt::Debug>(result: AbiResult<T>) -> rec_status {
    result.unwrap_err().status
}

#[test]
fn a_call_beyond_calls_max_is_refused() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("calls.max", "3")]);
    let calls: Vec<rec_call> = (0..3)
        .map(|_| engine.begin(&CallFields::default()).unwrap())
        .collect();
    let error = engine.begin(&CallFields::default()).unwrap_err();
    assert_eq!(error.status, REC_ERR_LIMIT);
    assert!(error.message.contains("calls.max"), "{}", error.message);
    assert_eq!(engine.stats().live_calls, 3);
    end(calls[1]).unwrap();
    engine.begin(&CallFields::default()).unwrap();
    assert_eq!(error_status(engine.begin(&CallFields::default())), REC_ERR_LIMIT);
    engine.close();
}

#[test]
fn a_recording_beyond_recordings_max_is_refused() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("recordings.max", "2")]);
    engine.line(None, Some("auto"), REC_LINE_AUTOMATIC).unwrap();
    let (one, two) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let error = record(&engine, "line-1").unwrap_err();
    assert_eq!(error.status, REC_ERR_LIMIT);
    assert!(error.message.contains("recordings.max"), "{}", error.message);
    // A paused recording counts.
    engine.by_id(rec_pause_by_id, None, &one.id).unwrap();
    assert_eq!(error_status(record(&engine, "line-1")), REC_ERR_LIMIT);
    // The call begins anyway, and is recorded as soon as the limit allows it.
    let automatic = engine
        .begin(&CallFields {
            call_id: Some("a"),
            number: Some("auto"),
            ..CallFields::default()
        })
        .unwrap();
    let event = engine.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    assert!(event.recording.is_none());
    engine.by_id(rec_stop_by_id, None, &two.id).unwrap();
    let is_of_call = |event: &ReceivedEvent| {
        event
            .recording
            .as_ref()
            .is_some_and(|recording| recording.call_id == "a")
    };
    let started = engine
        .events
        .wait(|event| event.kind == REC_EVENT_STARTED && is_of_call(event));
    assert_eq!(error_status(record(&engine, "line-1")), REC_ERR_LIMIT);
    end(automatic).unwrap();
    engine.events.wait_terminal(started.id());
    record(&engine, "line-1").unwrap();
    let failed = engine.events.all();
    let failed = failed.iter().filter(|event| event.kind == REC_EVENT_START_FAILED);
    assert_eq!(failed.count(), 1, "the failure is reported once");
    engine.close();
    assert_settled(&dir.0);
}

#[test]
fn limits_hold_with_concurrent_starts() {
    const MOST: u64 = 5;
    let dir = ScratchDir::new();
    let settings = [("recordings.max", "5"), ("calls.max", "5")];
    let engine = TestEngine::open(&dir.0, &settings);
    let started = AtomicU64::new(0);
    let limited = AtomicU64::new(0);
    let until = Instant::now() + Duration::from_millis(500);
    let last = Instant::now() + PATIENCE;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, started, limited) = (&engine, &started, &limited);
            scope.spawn(move || {
                for n in 0.. {
                    let now = Instant::now();
                    let was_limited = limited.load(Ordering::Relaxed) > 0;
                    if now > until && (was_limited || now > last) {
                        break;
                    }
                    let name = format!("c-{thread}-{n}");
                    let began = engine.begin(&CallFields {
                        call_id: Some(&name),
                        ..CallFields::default()
                    });
                    let Ok(call) = began else {
                        assert_eq!(error_status(began), REC_ERR_LIMIT);
                        limited.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    for _ in 0..3 {
                        match record(engine, &name) {
                            Ok(_) => started.fetch_add(1, Ordering::Relaxed),
                            Err(error) => {
                                assert_eq!(error.status, REC_ERR_LIMIT, "{error:?}");
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
    assert!(limited.into_inner() > 0, "no start was refused");
    let events = engine.close();
    let terminals = events.all().iter().filter(|event| event.is_terminal()).count();
    assert_eq!(terminals as u64, started.into_inner());
    assert_settled(&dir.0);
}

/// A call that gets packets stays, even if they wait for a silent leg.
#[test]
fn a_call_without_media_is_ended() {
    // Both tests wait for `calls.idle_ms`, so they run at the same time.
    std::thread::scope(|scope| {
        for clock in ["real", "stream"] {
            scope.spawn(move || call_without_media_is_ended(clock));
        }
    });
}

fn call_without_media_is_ended(clock: &str) {
    let dir = ScratchDir::new();
    let settings = [("calls.idle_ms", "4000"), ("media.clock", clock)];
    let engine = TestEngine::open(&dir.0, &settings);
    let (idle, mut fed) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let begun = Instant::now();
    let is_finished = |line: &RecordedLine| engine.events.kinds(&line.id).contains(&REC_EVENT_FINISHED);
    until("the idle call is ended", || {
        if clock == "real" {
            let status = write(fed.feed, &bytes(2, 0, 160));
            assert!(status == REC_OK || status == REC_ERR_OVERRUN, "{status}");
        } else {
            fed.feed(160);
        }
        is_finished(&idle)
    });
    assert!(begun.elapsed() >= Duration::from_millis(4000), "too early");
    assert!(!is_finished(&fed), "{clock}: the fed call was ended");
    let event = engine.events.wait_terminal(&idle.id);
    assert_eq!(event.recording.unwrap().end_reason, REC_END_CALL_ENDED);
    assert_eq!(error_status(end(idle.call)), REC_ERR_BAD_HANDLE);
    assert_eq!(write(idle.feed, &[0; 160]), REC_ERR_BAD_HANDLE);
    assert_eq!(engine.stats().live_calls, 1);
    // It gets no more packets, so it is ended too.
    engine.events.wait_terminal(&fed.id);
    assert_eq!(error_status(end(fed.call)), REC_ERR_BAD_HANDLE);
    assert_eq!(engine.stats().live_calls, 0);
    engine.close();
    assert_settled(&dir.0);
}
