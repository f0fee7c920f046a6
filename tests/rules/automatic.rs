//! Automatic lines. The engine records every call on such a line; a recording that fails does not
//! fail its call.

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

/// Lists, look-ups, events and manifests have the flag. A caller's start cannot set it.
#[test]
fn an_automatic_recording_has_the_automatic_flag() {
    let scratch = automatic(&[]);
    scratch.begin(&line("AUTO", "101")).unwrap();
    let own = scratch.start(HOST, &additional(on_device("AUTO"))).unwrap();
    let (live, json) = scratch.list_json(HOST, &FilterFields::default()).unwrap();
    let flags: Vec<u32> = live.iter().map(|recording| recording.flags).collect();
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
    let forged = StartFields {
        flags: REC_START_AUTOMATIC,
        ..on_device("AUTO")
    };
    refused(scratch.start(HOST, &forged), REC_ERR_INVALID_ARGUMENT);
    let (events, _dir) = scratch.finish();
    for (id, automatic) in [(&id, true), (&own, false)] {
        let recording = events.wait_terminal(id).recording.unwrap();
        assert_eq!(recording.flags & REC_START_AUTOMATIC != 0, automatic);
        assert_eq!(manifest_beside(&recording.path)["automatic"], automatic);
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
fn an_automatic_recording_uses_the_configured_format_layout_and_pause_mode() {
    let scratch = automatic(&[
        ("recording.format", "wav-ulaw"),
        ("recording.layout", "mono"),
        ("recording.pause_mode", "skip"),
    ]);
    scratch.begin(&line("AUTO", "101")).unwrap();
    let event = scratch.wait_started_on("AUTO");
    let recording = event.recording.unwrap();
    assert_eq!(
        (recording.format.as_str(), recording.layout),
        ("wav-ulaw", REC_LAYOUT_MONO)
    );
    assert_eq!(event.json["recording"]["pause_mode"], "skip");
}

#[test]
fn recording_starts_when_the_call_is_connected() {
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
fn recording_starts_when_the_call_moves_to_the_line() {
    let scratch = automatic(&[]);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    assert!(scratch.live().is_empty());
    line("AUTO", "").update(call).unwrap();
    assert_eq!(scratch.live().len(), 1);
}

#[test]
fn a_call_moved_to_the_line_while_held_is_recorded_once_connected() {
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
fn recording_starts_when_the_line_becomes_automatic() {
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
fn a_call_held_when_the_line_becomes_automatic_is_recorded_once_connected() {
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

/// Starts recordings that fill the engine, so that the next automatic recording fails. It is
/// retried as soon as they are stopped.
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
fn a_failed_start_does_not_fail_the_call() {
    let scratch = automatic(&[("recordings.max", "1")]);
    occupy(&scratch, 1);
    let call = scratch
        .begin(&CallFields {
            tag: 9,
            ..line("AUTO", "101")
        })
        .unwrap();
    let event = scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    assert!(
        event.recording.is_none(),
        "a start that failed at once has no recording"
    );
    assert_eq!(event.json["call"]["tag"], 9);
    assert_eq!(scratch.live().len(), 1);
    end(call).unwrap();
}

#[test]
fn a_failed_start_is_retried_during_the_call() {
    let scratch = automatic(&[("recordings.max", "1")]);
    occupy(&scratch, 1);
    scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    scratch.stop_by_call(HOST, "occupant", None).unwrap();
    let started = scratch.wait_started_on("AUTO");
    assert_eq!(scratch.live_ids(), [started.id()]);
}

#[test]
fn a_lack_of_free_space_does_not_fail_the_call() {
    let scratch = automatic(&[("storage.min_free_bytes", "18446744073709551615")]);
    let call = scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    end(call).unwrap();
}

#[test]
fn a_failed_start_is_not_retried_after_the_call() {
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

/// A retry obeys the policy that the line has by then.
#[test]
fn a_failed_start_is_not_retried_once_the_policy_is_removed() {
    let scratch = automatic(&[("recordings.max", "8")]);
    scratch.line(Some("WAS"), None, REC_LINE_AUTOMATIC).unwrap();
    occupy(&scratch, 8);
    for _ in 0..7 {
        scratch.begin(&line("WAS", "102")).unwrap();
    }
    scratch.begin(&line("AUTO", "101")).unwrap();
    scratch.remove_line(Some("WAS"), None).unwrap();
    scratch.stop_by_call(HOST, "occupant", None).unwrap();
    scratch.wait_started_on("AUTO");
    let devices: Vec<_> = scratch
        .live()
        .into_iter()
        .map(|recording| recording.device_name)
        .collect();
    assert_eq!(devices, ["AUTO"], "the others' line is no longer automatic");
}

#[test]
fn a_failed_start_is_not_retried_once_the_call_has_moved_away() {
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
    let devices: Vec<_> = scratch
        .live()
        .into_iter()
        .map(|recording| recording.device_name)
        .collect();
    assert_eq!(devices, ["AUTO"], "the others are on a manual line now");
}

#[test]
fn a_stopped_recording_is_not_restarted() {
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
    scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
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
    // The start that had failed succeeds, so the retries have run.
    scratch.events.wait(|event| {
        let recording = event.recording.as_ref();
        event.kind == REC_EVENT_STARTED
            && recording.is_some_and(|recording| recording.directory_number == "101")
    });
    let live = scratch.live();
    let numbers: Vec<_> = live
        .iter()
        .map(|recording| recording.directory_number.as_str())
        .collect();
    assert_eq!(numbers, ["100", "101"]);
}

/// Lists have shown the recording, so its failure is reported even though the call has ended.
#[cfg(feature = "faults")]
#[test]
fn a_recording_that_cannot_be_created_is_reported_after_the_call() {
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
fn a_recording_that_cannot_be_created_is_reported_and_retried() {
    use callrec_testkit::disk_faults::{self, FaultPoint, planted};
    let scratch = automatic(&[]);
    disk_faults::fail_at(&scratch.dir, FaultPoint::CreateAudio, planted);
    scratch.begin(&line("AUTO", "101")).unwrap();
    let failed = scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    disk_faults::clear(&scratch.dir.0);
    let started = scratch.wait_started_on("AUTO");
    assert_ne!(failed.id(), started.id());
    assert_eq!(scratch.events.kinds(failed.id()), [REC_EVENT_START_FAILED]);
    assert_eq!(scratch.live_ids(), [started.id()]);
}
