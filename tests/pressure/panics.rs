//! A panic in the media engine fails the recordings that it affects and no others.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;

use crate::line::*;
use crate::support::*;

#[test]
fn a_panic_fails_only_the_recordings_of_its_call() {
    let dir = ScratchDir::new();
    let settings = [
        ("media.clock", "stream"),
        ("media.workers", "1"),
        ("faults.panic", "packet:~planted~"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let (mut failing, mut other) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let second = record(&engine, "line-1").unwrap();
    failing.feed(16_000);
    other.feed(16_000);
    assert_eq!(write(failing.feed, b"~planted~"), REC_OK);
    // This audio may be in the same ring, after the packet that panics.
    failing.feed(801);
    for id in [&failing.id, &second] {
        let event = engine.events.wait_terminal(id);
        assert_eq!(event.kind, REC_EVENT_FAILED, "{event:#?}");
        let recording = event.recording.unwrap();
        assert!(recording.state == REC_STATE_FAILED, "{recording:#?}");
    }
    assert!(engine.by_id(rec_stop_by_id, None, &failing.id).is_err());
    // The call and its feed still work, and so does the other call of the same worker.
    let again = record(&engine, "line-1").unwrap();
    let from = failing.fed;
    failing.feed(40_000);
    other.feed(40_000);
    engine.by_id(rec_stop_by_id, None, &again).unwrap();
    let (_, wav) = finished(&engine, &again);
    assert!(
        wav.g711(0) == bytes(1, from, 40_000),
        "{} samples",
        wav.g711(0).len()
    );
    end(failing.call).unwrap();
    end(other.call).unwrap();
    other.assert_whole(&finished(&engine, &other.id).1);
    assert_eq!(engine.stats().frames_ignored, 0);
    engine.close();
    assert_settled(&dir.0);
}

/// The call ends, the end is reported, and the close completes.
#[test]
fn a_panic_at_the_end_of_a_recording_blocks_nothing() {
    for place in ["detach", "end", "published"] {
        let dir = ScratchDir::new();
        let engine = TestEngine::open(&dir.0, &[("faults.panic", place)]);
        let mut line = RecordedLine::begin(&engine, 1);
        line.feed(40_000);
        end(line.call).unwrap();
        // The close completes within its timeout.
        let events = engine.close();
        let kinds = events.kinds(&line.id);
        let ending: &[i32] = match place {
            "detach" => &[REC_EVENT_FINISHED],
            "end" => &[REC_EVENT_FAILED],
            _ => &[],
        };
        assert_eq!(kinds[1..], *ending, "{place}: {kinds:?}");
        // An end that was not reported is reported by the next open.
        let next = TestEngine::open(&dir.0, &[]);
        if ending.is_empty() {
            let (_, wav) = finished(&next, &line.id);
            line.assert_whole(&wav);
        }
        assert_eq!(next.close().kinds(&line.id).len(), 1 - ending.len());
        assert_settled(&dir.0);
    }
}

/// `faults.panic` "timeline:NAME" plants a fault in all calls of an engine. An unknown name plants
/// none.
#[test]
fn a_timeline_fault_is_planted_by_name() {
    for (planted, is_recorded) in [
        ("timeline:PrivateStartRecorded", true),
        ("timeline:Unknown", false),
    ] {
        let dir = ScratchDir::new();
        let settings = [("media.clock", "stream"), ("faults.panic", planted)];
        let engine = TestEngine::open(&dir.0, &settings);
        let mut line = RecordedLine::begin(&engine, 1);
        private(line.call, 1).unwrap();
        let secret = record(&engine, "line-1").unwrap();
        line.feed(16_000);
        engine.by_id(rec_stop_by_id, None, &secret).unwrap();
        let (_, wav) = finished(&engine, &secret);
        assert_eq!(wav.g711(0) == bytes(1, 0, 16_000), is_recorded, "{planted}");
        end(line.call).unwrap();
        engine.close();
    }
}
