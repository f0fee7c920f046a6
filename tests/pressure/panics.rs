//! A panic amid the audio of a call: what it touched fails, and nothing else.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::tree::assert_settled;

use crate::line::*;
use crate::support::*;

#[test]
fn a_panic_fails_the_recordings_of_its_call_alone() {
    let dir = ScratchDir::new();
    let settings = [
        ("media.clock", "stream"),
        ("media.workers", "1"),
        ("faults.panic", "packet:~planted~"),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let (mut hit, mut fine) = (RecordedLine::begin(&engine, 1), RecordedLine::begin(&engine, 2));
    let second = record(&engine, "line-1").unwrap();
    hit.feed(16_000);
    fine.feed(16_000);
    assert_eq!(write(hit.feed, b"~planted~"), REC_OK);
    // Behind it in the same ring, perhaps.
    hit.feed(801);
    for id in [&hit.id, &second] {
        let told = engine.events.wait_terminal(id);
        assert_eq!(told.kind, REC_EVENT_FAILED, "{told:#?}");
        let seen = told.recording.unwrap();
        assert!(seen.state == REC_STATE_FAILED, "{seen:#?}");
    }
    assert!(engine.by_id(rec_stop_by_id, None, &hit.id).is_err());
    // The call is as it was, its feed too, and so is the same worker's other call.
    let again = record(&engine, "line-1").unwrap();
    let from = hit.fed;
    hit.feed(40_000);
    fine.feed(40_000);
    engine.by_id(rec_stop_by_id, None, &again).unwrap();
    let (_, wav) = finished(&engine, &again);
    assert!(
        wav.g711(0) == bytes(1, from, 40_000),
        "{} samples",
        wav.g711(0).len()
    );
    end(hit.call).unwrap();
    end(fine.call).unwrap();
    fine.assert_whole(&finished(&engine, &fine.id).1);
    assert_eq!(engine.stats().frames_ignored, 0);
    engine.close();
    assert_settled(&dir.0);
}

/// A fault where a recording ends: its call ends, it is told, and closing comes through.
#[test]
fn a_panic_at_the_end_of_a_recording_holds_nothing_up() {
    for place in ["detach", "end", "published"] {
        let dir = ScratchDir::new();
        let engine = TestEngine::open(&dir.0, &[("faults.panic", place)]);
        let mut line = RecordedLine::begin(&engine, 1);
        line.feed(40_000);
        end(line.call).unwrap();
        // Within the time that it is given.
        let events = engine.close();
        let kinds = events.kinds(&line.id);
        let ending: &[i32] = match place {
            "detach" => &[REC_EVENT_FINISHED],
            "end" => &[REC_EVENT_FAILED],
            _ => &[],
        };
        assert_eq!(kinds[1..], *ending, "{place}: {kinds:?}");
        // What was not told is owed to the next open.
        let next = TestEngine::open(&dir.0, &[]);
        if ending.is_empty() {
            let (_, wav) = finished(&next, &line.id);
            line.assert_whole(&wav);
        }
        assert_eq!(next.close().kinds(&line.id).len(), 1 - ending.len());
        assert_settled(&dir.0);
    }
}

/// `faults.panic` "timeline:NAME" plants a fault in all calls of an engine, and no other
/// value does.
#[test]
fn a_fault_of_the_timeline_is_planted_by_its_name() {
    for (planted, heard) in [
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
        assert_eq!(wav.g711(0) == bytes(1, 0, 16_000), heard, "{planted}");
        end(line.call).unwrap();
        engine.close();
    }
}
