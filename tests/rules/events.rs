//! The states of a recording, and the events that report them.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::{assert_settled, tree};

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn a_recordings_events_come_in_order() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, _dir) = scratch.finish();
    assert_eq!(
        events.kinds(&id),
        [
            REC_EVENT_STARTED,
            REC_EVENT_PAUSED,
            REC_EVENT_RESUMED,
            REC_EVENT_FINISHED
        ]
    );
    let received = events.of(&id);
    let states: Vec<_> = received
        .iter()
        .map(|event| event.recording.as_ref().unwrap().state)
        .collect();
    assert_eq!(
        states,
        [
            REC_STATE_RECORDING,
            REC_STATE_PAUSED,
            REC_STATE_RECORDING,
            REC_STATE_FINISHED
        ]
    );
    // Only the terminal event reports that the recording has no audio.
    let flags: Vec<_> = received.iter().map(|event| event.flags).collect();
    assert_eq!(
        (&flags[..3], flags[3] & !REC_EVENT_FLAG_NO_AUDIO),
        (&[0; 3][..], 0)
    );
}

#[test]
fn started_comes_first_and_one_terminal_event_last() {
    let scratch = scratch_engine();
    let (call, _) = scratch.recorded(&CallFields {
        call_id: Some("c"),
        ..line("SEP1", "101")
    });
    for _ in 0..40 {
        scratch.start(HOST, &additional(on_call("c"))).unwrap();
    }
    let ids = scratch.live_ids();
    for (n, id) in ids.iter().enumerate() {
        // At once, while the files are still being created.
        match n % 4 {
            0 => scratch.by_id(rec_pause_by_id, HOST, id).unwrap(),
            1 => scratch.by_id(rec_stop_by_id, HOST, id).unwrap(),
            2 => scratch.by_id(rec_discard_by_id, HOST, id).unwrap(),
            _ => {}
        }
    }
    end(call).unwrap();
    let (events, dir) = scratch.finish();
    for id in &ids {
        let received = events.of(id);
        assert_eq!(received[0].kind, REC_EVENT_STARTED, "{received:?}");
        assert_eq!(
            received.iter().filter(|event| event.is_terminal()).count(),
            1,
            "{received:?}"
        );
        assert!(received.last().unwrap().is_terminal(), "{received:?}");
    }
    assert_settled(&dir.0);
}

#[test]
fn started_is_reported_once_file_and_manifest_exist() {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    let dir = scratch.dir.0.clone();
    let (sender, reports) = std::sync::mpsc::channel();
    subscribe(scratch.handle, move |event| {
        if event.kind == REC_EVENT_STARTED {
            let id = id_of(event);
            let live = dir.join(format!(".callrec/{id}.json")).is_file();
            let parts = tree(&dir)
                .iter()
                .filter(|f| f.extension().is_some_and(|e| e == "part"))
                .count();
            let _ = sender.send((live, parts));
        }
    })
    .unwrap();
    scratch.start(HOST, &on_device("SEP1")).unwrap();
    assert_eq!(reports.recv().unwrap(), (true, 1));
}

#[test]
fn the_terminal_event_is_reported_once_the_files_are_published() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    let (sender, reports) = std::sync::mpsc::channel();
    subscribe(scratch.handle, move |event| {
        if event.kind == REC_EVENT_FINISHED {
            let path = string(unsafe { (*event.recording).path });
            let manifest = manifest_beside(&path);
            let _ = sender.send((std::path::Path::new(&path).is_file(), manifest));
        }
    })
    .unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (published, manifest) = reports.recv().unwrap();
    assert!(published);
    assert_eq!(
        (&manifest["id"], &manifest["state"]),
        (&id.into(), &"finished".into())
    );
}

#[test]
fn sequence_numbers_increase_over_all_events() {
    let scratch = scratch_engine();
    for number in ["101", "102", "103"] {
        let (_, id) = scratch.recorded(&line("SEP1", number));
        scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
        scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    }
    let (events, _dir) = scratch.finish();
    let all = events.all();
    assert_eq!(all.len(), 9);
    assert!(all.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    for event in all {
        assert_eq!(event.json["sequence"], event.sequence);
    }
}

#[test]
fn the_json_of_a_terminal_event_has_the_manifest() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&by_user("SEP1", "101", "user1"));
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let event = scratch.events.wait_terminal(&id);
    let recording = event.recording.unwrap();
    let manifest = manifest_beside(&recording.path);
    assert_eq!(event.json["event"], "finished");
    assert_eq!(event.json["recording"], manifest);
    assert_eq!(recording.digest, manifest["digest"].as_str().unwrap());
}

#[test]
fn closing_finishes_every_live_recording() {
    let scratch = scratch_engine();
    let (_, plain) = scratch.recorded(&line("SEP1", "101"));
    let (_, paused) = scratch.recorded(&line("SEP2", "102"));
    scratch.by_id(rec_pause_by_id, HOST, &paused).unwrap();
    let (_, stopped) = scratch.recorded(&line("SEP3", "103"));
    scratch.by_id(rec_stop_by_id, HOST, &stopped).unwrap();
    let (events, dir) = scratch.finish();
    for (id, reason) in [
        (&plain, REC_END_ENGINE_CLOSED),
        (&paused, REC_END_ENGINE_CLOSED),
        (&stopped, REC_END_STOPPED),
    ] {
        let terminal: Vec<_> = events
            .of(id)
            .into_iter()
            .filter(ReceivedEvent::is_terminal)
            .collect();
        assert_eq!(terminal.len(), 1);
        let recording = terminal[0].recording.as_ref().unwrap();
        assert_eq!(
            (terminal[0].kind, recording.end_reason),
            (REC_EVENT_FINISHED, reason)
        );
        assert!(std::path::Path::new(&recording.path).is_file());
    }
    assert_settled(&dir.0);
}

#[test]
fn a_recording_that_reached_its_limit_has_that_end_reason() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let id = scratch
        .start(
            HOST,
            &StartFields {
                max_duration_ms: 500,
                ..on_device("SEP1")
            },
        )
        .unwrap();
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
    for leg in legs {
        write_pcm(leg, &[7; 8000]);
    }
    let recording = scratch.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(
        (recording.end_reason, recording.duration_ms),
        (REC_END_LIMIT, 500)
    );
    assert!(scratch.live().is_empty());
    refused(scratch.by_id(rec_stop_by_id, HOST, &id), REC_ERR_NOT_LIVE);
}

/// Calls that the host ends are not reported as idle.
#[test]
fn an_idle_call_is_reported() {
    let scratch = scratch_engine_with(&[("calls.idle_ms", "4000")]);
    let of = |tag, device| CallFields {
        tag,
        ..line(device, "101")
    };
    let (recorded, id) = scratch.recorded(&of(1, "SEP1"));
    let unrecorded = scratch.begin(&of(2, "SEP2")).unwrap();
    end(scratch.begin(&of(3, "SEP3")).unwrap()).unwrap();
    for (tag, call, device) in [(1, recorded, "SEP1"), (2, unrecorded, "SEP2")] {
        let event = scratch
            .events
            .wait(|event| event.kind == REC_EVENT_CALL_IDLE && event.call_tag == tag);
        refused(end(call), REC_ERR_BAD_HANDLE);
        assert!(event.recording.is_none() && !event.is_terminal());
        let json = &event.json;
        assert_eq!(
            (&json["event"], &json["idle_ms"]),
            (&"call-idle".into(), &4000.into())
        );
        assert_eq!(
            (&json["call"]["tag"], &json["call"]["device_name"]),
            (&tag.into(), &device.into())
        );
    }
    let end_reason = scratch.events.wait_terminal(&id).recording.unwrap().end_reason;
    assert_eq!(end_reason, REC_END_CALL_ENDED);
    let (events, _dir) = scratch.finish();
    let idle = events
        .all()
        .into_iter()
        .filter(|event| event.kind == REC_EVENT_CALL_IDLE);
    assert_eq!(idle.count(), 2);
}

#[cfg(feature = "faults")]
mod with_faults {
    use callrec_testkit::disk_faults::{self, FaultPoint, planted};

    use super::*;

    #[test]
    fn a_recording_that_cannot_be_created_ends_with_start_failed() {
        for step in [FaultPoint::CreateManifest, FaultPoint::CreateAudio] {
            let scratch = scratch_engine();
            disk_faults::fail_at(&scratch.dir, step, planted);
            let (_, id) = scratch.recorded(&line("SEP1", "101"));
            let event = scratch.events.wait_kind(&id, REC_EVENT_START_FAILED);
            let recording = event.recording.unwrap();
            assert_eq!(
                (recording.error, recording.state, recording.end_reason),
                (REC_ERR_IO, REC_STATE_FAILED, REC_END_WRITE_ERROR)
            );
            let (json, fields) = (&event.json, &event.json["recording"]);
            assert_eq!(json["status"], REC_ERR_IO);
            assert!(json["error"].as_str().unwrap().contains("planted"), "{json}");
            assert_eq!(
                (&fields["state"], &fields["end_reason"], &fields["error"]),
                (&"failed".into(), &"write-error".into(), &json["error"])
            );
            assert!(scratch.live().is_empty());
            refused(scratch.by_id(rec_stop_by_id, HOST, &id), REC_ERR_NOT_LIVE);
            assert_eq!(scratch.get(HOST, &id).unwrap().state, REC_STATE_FAILED);
            disk_faults::clear(&scratch.dir.0);
            // The call continues and can be recorded.
            scratch.start(HOST, &on_device("SEP1")).unwrap();
            let (events, dir) = scratch.finish();
            assert_eq!(events.kinds(&id), [REC_EVENT_START_FAILED], "{step:?}");
            assert_settled(&dir.0);
        }
    }

    #[test]
    fn a_write_error_ends_a_recording_with_failed() {
        let scratch = scratch_engine();
        let (call, id) = scratch.recorded(&line("SEP1", "101"));
        let (_, other) = scratch.recorded(&line("SEP2", "102"));
        for id in [&id, &other] {
            scratch.events.wait_kind(id, REC_EVENT_STARTED);
        }
        disk_faults::fail_at(&scratch.dir, FaultPoint::WriteAudio, planted);
        let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
        for _ in 0..4 {
            for leg in legs {
                write_pcm(leg, &[7; 8000]);
            }
        }
        let event = scratch.events.wait_terminal(&id);
        disk_faults::clear(&scratch.dir.0);
        let recording = event.recording.unwrap();
        assert_eq!(
            (event.kind, recording.end_reason),
            (REC_EVENT_FAILED, REC_END_WRITE_ERROR)
        );
        assert_ne!(recording.error, REC_OK);
        // Other recordings and the call continue.
        assert_eq!(scratch.live_ids(), [other]);
        scratch.start(HOST, &on_device("SEP1")).unwrap();
        let (events, _dir) = scratch.finish();
        assert_eq!(
            events.of(&id).iter().filter(|event| event.is_terminal()).count(),
            1
        );
    }
}
