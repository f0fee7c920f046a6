//! Lines marked automatic: every call on them is recorded, and no call fails
//! because its recording does.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;

use super::scratch_engine::*;
use crate::support::*;

fn automatic(settings: &[(&str, &str)]) -> ScratchEngine {
    let scratch = scratch_engine_with(settings);
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch
}

#[test]
fn a_call_is_recorded_from_its_beginning() {
    let scratch = automatic(&[]);
    scratch
        .begin(&CallFields {
            tag: 7,
            ..line("AUTO", "101")
        })
        .unwrap();
    let live = scratch.live();
    assert_eq!(
        (live.len(), live[0].call_tag, live[0].state),
        (1, 7, REC_STATE_RECORDING)
    );
    scratch.events.wait_kind(&live[0].id, REC_EVENT_STARTED);
}

/// In the list, the look-up, the events and the manifest; a caller's start says
/// nothing of it, and cannot pretend.
#[test]
fn a_recording_says_that_it_is_automatic() {
    let scratch = automatic(&[]);
    scratch.begin(&line("AUTO", "101")).unwrap();
    let own = scratch.start(HOST, &additional(on_device("AUTO"))).unwrap();
    let (live, json) = scratch.list_json(HOST, &FilterFields::default()).unwrap();
    let flags: Vec<u32> = live.iter().map(|seen| seen.flags).collect();
    assert_eq!(flags, [REC_START_AUTOMATIC, REC_START_ADDITIONAL]);
    assert_eq!(
        (&json[0]["automatic"], json[1].get("automatic")),
        (&true.into(), None)
    );
    let id = live[0].id.clone();
    assert_eq!(scratch.get(HOST, &id).unwrap().flags, REC_START_AUTOMATIC);
    assert_eq!(
        scratch.events.wait_kind(&id, REC_EVENT_STARTED).json["recording"]["automatic"],
        true
    );
    let pretended = StartFields {
        flags: REC_START_AUTOMATIC,
        ..on_device("AUTO")
    };
    refused(scratch.start(HOST, &pretended), REC_ERR_INVALID_ARGUMENT);
    let (events, _dir) = scratch.finish();
    for (id, automatic) in [(&id, true), (&own, false)] {
        let seen = events.wait_terminal(id).recording.unwrap();
        assert_eq!(seen.flags & REC_START_AUTOMATIC != 0, automatic);
        assert_eq!(manifest_beside(&seen.path)["automatic"], automatic);
    }
}

#[test]
fn every_call_on_the_line_is_recorded() {
    let scratch = automatic(&[]);
    for number in ["101", "102", "103"] {
        scratch.begin(&line("AUTO", number)).unwrap();
    }
    scratch.begin(&line("SEP1", "104")).unwrap();
    assert_eq!(scratch.live().len(), 3);
}

#[test]
fn a_recording_keeps_to_the_keys_of_automatic_recordings() {
    let scratch = automatic(&[
        ("recording.format", "wav-ulaw"),
        ("recording.layout", "mono"),
        ("recording.pause_mode", "skip"),
    ]);
    scratch.begin(&line("AUTO", "101")).unwrap();
    let told = scratch.wait_started_on("AUTO");
    let seen = told.recording.unwrap();
    assert_eq!((seen.format.as_str(), seen.layout), ("wav-ulaw", REC_LAYOUT_MONO));
    assert_eq!(told.json["recording"]["pause_mode"], "skip");
}

#[test]
fn a_call_is_recorded_from_when_it_is_connected() {
    for before in [REC_CALL_ALERTING, REC_CALL_HELD] {
        let scratch = automatic(&[]);
        let call = scratch
            .begin(&CallFields {
                state: before,
                ..line("AUTO", "101")
            })
            .unwrap();
        assert!(scratch.live().is_empty());
        state(REC_CALL_CONNECTED).update(call).unwrap();
        assert_eq!(scratch.live().len(), 1);
    }
}

#[test]
fn a_call_is_recorded_from_when_it_is_moved_there() {
    let scratch = automatic(&[]);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    assert!(scratch.live().is_empty());
    line("AUTO", "").update(call).unwrap();
    assert_eq!(scratch.live().len(), 1);
}

#[test]
fn a_call_moved_there_while_held_is_recorded_when_it_goes_on() {
    let scratch = automatic(&[]);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    state(REC_CALL_HELD).update(call).unwrap();
    line("AUTO", "").update(call).unwrap();
    state(REC_CALL_CONNECTED).update(call).unwrap();
    assert_eq!(
        scratch.live().len(),
        1,
        "every call on an automatic line is recorded"
    );
}

#[test]
fn a_call_is_recorded_from_when_the_mark_is_set() {
    for (device, number) in [
        (Some("SEP1"), None),
        (None, Some("101")),
        (Some("SEP1"), Some("101")),
    ] {
        let scratch = scratch_engine();
        scratch.begin(&line("SEP1", "101")).unwrap();
        scratch.begin(&line("SEP2", "102")).unwrap();
        assert!(scratch.live().is_empty());
        scratch.line(device, number, REC_LINE_AUTOMATIC).unwrap();
        let live = scratch.live();
        assert_eq!((live.len(), live[0].device_name.as_str()), (1, "SEP1"));
    }
}

#[test]
fn a_call_held_when_the_mark_is_set_is_recorded_when_it_goes_on() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    state(REC_CALL_HELD).update(call).unwrap();
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    state(REC_CALL_CONNECTED).update(call).unwrap();
    assert_eq!(
        scratch.live().len(),
        1,
        "every call on an automatic line is recorded"
    );
}

#[test]
fn a_call_is_recorded_automatically_once() {
    let scratch = automatic(&[]);
    let call = scratch.begin(&line("AUTO", "101")).unwrap();
    let first = scratch.live_ids();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    scratch.line(None, Some("101"), REC_LINE_AUTOMATIC).unwrap();
    state(REC_CALL_HELD).update(call).unwrap();
    state(REC_CALL_CONNECTED).update(call).unwrap();
    line("", "102").update(call).unwrap();
    scratch.line(None, Some("102"), REC_LINE_AUTOMATIC).unwrap();
    assert_eq!(scratch.live_ids(), first);
}

#[test]
fn a_start_is_refused_unless_additional() {
    let scratch = automatic(&[]);
    scratch.begin(&line("AUTO", "101")).unwrap();
    refused_because(scratch.start(ADMIN, &on_device("AUTO")), REC_ERR_AUTOMATIC, 4);
    scratch.start(ADMIN, &additional(on_device("AUTO"))).unwrap();
    assert_eq!(scratch.live().len(), 2);
}

/// Full, so that the next automatic recording fails, and what is owed is tried
/// again as soon as the occupants are stopped.
fn occupy(scratch: &ScratchEngine, recordings: usize) {
    scratch
        .begin(&CallFields {
            call_id: Some("occupant"),
            ..line("SEP0", "100")
        })
        .unwrap();
    for _ in 0..recordings {
        scratch.start(HOST, &additional(on_call("occupant"))).unwrap();
    }
}

#[test]
fn a_call_does_not_fail_because_its_recording_does() {
    let scratch = automatic(&[("recordings.max", "1")]);
    occupy(&scratch, 1);
    let call = scratch
        .begin(&CallFields {
            tag: 9,
            ..line("AUTO", "101")
        })
        .unwrap();
    let told = scratch.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    assert!(told.recording.is_none(), "it never had an id");
    assert_eq!(told.json["call"]["tag"], 9);
    assert_eq!(scratch.live().len(), 1);
    end(call).unwrap();
}

#[test]
fn what_failed_is_tried_again_while_the_call_lives() {
    let scratch = automatic(&[("recordings.max", "1")]);
    occupy(&scratch, 1);
    scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    scratch.stop_by_call(HOST, "occupant", None).unwrap();
    let started = scratch.wait_started_on("AUTO");
    assert_eq!(scratch.live_ids(), [started.id()]);
}

#[test]
fn what_failed_for_want_of_room_does_not_fail_the_call() {
    let scratch = automatic(&[("storage.min_free_bytes", "18446744073709551615")]);
    let call = scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    end(call).unwrap();
}

#[test]
fn what_failed_is_not_tried_again_after_the_call() {
    let scratch = automatic(&[("recordings.max", "8")]);
    occupy(&scratch, 8);
    let ended: Vec<_> = (0..7)
        .map(|_| scratch.begin(&line("AUTO", "gone")).unwrap())
        .collect();
    scratch.begin(&line("AUTO", "stays")).unwrap();
    ended.into_iter().for_each(|call| end(call).unwrap());
    scratch.stop_by_call(HOST, "occupant", None).unwrap();
    scratch.wait_started_on("AUTO");
    let live = scratch.live();
    assert_eq!((live.len(), live[0].directory_number.as_str()), (1, "stays"));
}

/// What counts is the mark at the moment of asking, also of asking again.
#[test]
fn what_failed_is_not_tried_again_once_the_mark_is_gone() {
    let scratch = automatic(&[("recordings.max", "8")]);
    scratch.line(Some("WAS"), None, REC_LINE_AUTOMATIC).unwrap();
    occupy(&scratch, 8);
    for _ in 0..7 {
        scratch.begin(&line("WAS", "102")).unwrap();
    }
    scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.unmark(Some("WAS"), None).unwrap();
    scratch.stop_by_call(HOST, "occupant", None).unwrap();
    scratch.wait_started_on("AUTO");
    let devices: Vec<_> = scratch.live().into_iter().map(|seen| seen.device_name).collect();
    assert_eq!(devices, ["AUTO"], "the others' line is no longer automatic");
}

#[test]
fn what_failed_is_not_tried_again_once_the_call_has_moved_off() {
    let scratch = automatic(&[("recordings.max", "8")]);
    occupy(&scratch, 8);
    let moved: Vec<_> = (0..7)
        .map(|_| scratch.begin(&line("AUTO", "102")).unwrap())
        .collect();
    scratch.begin(&line("AUTO", "101")).unwrap();
    for call in moved {
        line("SEP1", "").update(call).unwrap();
    }
    scratch.stop_by_call(HOST, "occupant", None).unwrap();
    scratch.wait_started_on("AUTO");
    let devices: Vec<_> = scratch.live().into_iter().map(|seen| seen.device_name).collect();
    assert_eq!(devices, ["AUTO"], "the others are on a manual line now");
}

#[test]
fn what_was_stopped_is_not_begun_again() {
    let scratch = automatic(&[("recordings.max", "8")]);
    let stopped: Vec<_> = (0..7)
        .map(|tag| {
            scratch
                .begin(&CallFields {
                    tag,
                    call_id: Some(&format!("s{tag}")),
                    ..line("AUTO", "102")
                })
                .unwrap()
        })
        .collect();
    occupy(&scratch, 1);
    scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    for tag in 0..7 {
        assert_eq!(
            scratch.stop_by_call(HOST, &format!("s{tag}"), None),
            Ok((1, 0, 0))
        );
    }
    for call in stopped {
        state(REC_CALL_HELD).update(call).unwrap();
        state(REC_CALL_CONNECTED).update(call).unwrap();
    }
    // The one that is owed shows that trying again has come by.
    scratch.events.wait(|told| {
        let seen = told.recording.as_ref();
        told.kind == REC_EVENT_STARTED && seen.is_some_and(|seen| seen.directory_number == "101")
    });
    let live = scratch.live();
    let numbers: Vec<_> = live.iter().map(|seen| seen.directory_number.as_str()).collect();
    assert_eq!(numbers, ["100", "101"]);
}

/// It was accepted, and stood in the lists: that nothing came of it is told, though
/// the call is over by then.
#[cfg(feature = "faults")]
#[test]
fn what_cannot_be_created_is_told_also_after_the_call() {
    use callrec_testkit::disk_faults::{self, DiskGate, FaultPoint, planted};
    let scratch = automatic(&[]);
    let gate = DiskGate::failing_at(&scratch.dir, FaultPoint::CreateAudio, planted);
    let call = scratch.begin(&line("AUTO", "101")).unwrap();
    let id = scratch.live_ids().remove(0);
    end(call).unwrap();
    gate.open();
    let dir = scratch.dir.0.clone();
    let (events, _dir) = scratch.finish();
    disk_faults::clear(&dir);
    assert_eq!(events.kinds(&id), [REC_EVENT_START_FAILED]);
}

#[cfg(feature = "faults")]
#[test]
fn what_cannot_be_created_is_told_and_tried_again() {
    use callrec_testkit::disk_faults::{self, FaultPoint, planted};
    let scratch = automatic(&[]);
    disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, planted);
    scratch.begin(&line("AUTO", "101")).unwrap();
    let failed = scratch.events.wait(|told| told.kind == REC_EVENT_START_FAILED);
    disk_faults::clear(&scratch.dir.0);
    let started = scratch.wait_started_on("AUTO");
    assert_ne!(failed.id(), started.id());
    assert_eq!(scratch.events.kinds(failed.id()), [REC_EVENT_START_FAILED]);
    assert_eq!(scratch.live_ids(), [started.id()]);
}
