//! A panic amid the audio of a call: what it touched fails, and nothing else.

use callrec::capi::*;

use crate::kit::*;
use crate::support::*;

#[test]
fn a_panic_fails_the_recordings_of_its_call_alone() {
    let dir = Dir::new();
    let settings = [
        ("media.clock", "stream"),
        ("media.workers", "1"),
        ("faults.panic", "packet:~planted~"),
    ];
    let engine = Engine::open(&dir.0, &settings);
    let (mut hit, mut fine) = (Line::begin(&engine, 1), Line::begin(&engine, 2));
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
    files::assert_settled(&dir.0);
}
