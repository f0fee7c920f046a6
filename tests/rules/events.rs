//! The states of a recording, and what is told of them.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::tree::{assert_settled, tree};

use super::helper::*;
use crate::support::*;

#[test]
fn a_recordings_events_come_in_order() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    w.by_id(rec_pause_by_id, HOST, &id).unwrap();
    w.by_id(rec_resume_by_id, HOST, &id).unwrap();
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, _dir) = w.finish();
    assert_eq!(
        events.kinds(&id),
        [
            REC_EVENT_STARTED,
            REC_EVENT_PAUSED,
            REC_EVENT_RESUMED,
            REC_EVENT_FINISHED
        ]
    );
    let told = events.of(&id);
    let states: Vec<_> = told
        .iter()
        .map(|told| told.recording.as_ref().unwrap().state)
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
    // No leg was ever fed, which only the end says.
    let flags: Vec<_> = told.iter().map(|told| told.flags).collect();
    assert_eq!(
        (&flags[..3], flags[3] & !REC_EVENT_FLAG_NO_AUDIO),
        (&[0; 3][..], 0)
    );
}

#[test]
fn started_comes_first_and_one_terminal_event_last() {
    let w = world();
    let (call, _) = w.recorded(&Call {
        call_id: Some("c"),
        ..line("SEP1", "101")
    });
    for _ in 0..40 {
        w.start(HOST, &additional(on_call("c"))).unwrap();
    }
    let ids = w.live_ids();
    for (n, id) in ids.iter().enumerate() {
        // At once, so that the disk has hardly begun.
        match n % 4 {
            0 => w.by_id(rec_pause_by_id, HOST, id).unwrap(),
            1 => w.by_id(rec_stop_by_id, HOST, id).unwrap(),
            2 => w.by_id(rec_discard_by_id, HOST, id).unwrap(),
            _ => {}
        }
    }
    end(call).unwrap();
    let (events, dir) = w.finish();
    for id in &ids {
        let told = events.of(id);
        assert_eq!(told[0].kind, REC_EVENT_STARTED, "{told:?}");
        assert_eq!(
            told.iter().filter(|told| told.is_terminal()).count(),
            1,
            "{told:?}"
        );
        assert!(told.last().unwrap().is_terminal(), "{told:?}");
    }
    assert_settled(&dir.0);
}

#[test]
fn started_is_told_once_file_and_manifest_exist() {
    let w = world();
    w.begin(&line("SEP1", "101")).unwrap();
    let dir = w.dir.0.clone();
    let (tell, told) = std::sync::mpsc::channel();
    listen(w.handle, move |event| {
        if event.kind == REC_EVENT_STARTED {
            let id = id_of(event);
            let live = dir.join(format!(".callrec/{id}.json")).is_file();
            let parts = tree(&dir)
                .iter()
                .filter(|f| f.extension().is_some_and(|e| e == "part"))
                .count();
            let _ = tell.send((live, parts));
        }
    })
    .unwrap();
    w.start(HOST, &on_device("SEP1")).unwrap();
    assert_eq!(told.recv().unwrap(), (true, 1));
}

#[test]
fn the_terminal_event_is_told_once_all_is_published() {
    let w = world();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    let (tell, told) = std::sync::mpsc::channel();
    listen(w.handle, move |event| {
        if event.kind == REC_EVENT_FINISHED {
            let path = string(unsafe { (*event.recording).path });
            let manifest = manifest_beside(&path);
            let _ = tell.send((std::path::Path::new(&path).is_file(), manifest));
        }
    })
    .unwrap();
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (published, manifest) = told.recv().unwrap();
    assert!(published);
    assert_eq!(
        (&manifest["id"], &manifest["state"]),
        (&id.into(), &"finished".into())
    );
}

#[test]
fn sequence_rises_over_all_events() {
    let w = world();
    for number in ["101", "102", "103"] {
        let (_, id) = w.recorded(&line("SEP1", number));
        w.by_id(rec_pause_by_id, HOST, &id).unwrap();
        w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    }
    let (events, _dir) = w.finish();
    let all = events.all();
    assert_eq!(all.len(), 9);
    assert!(all.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    for told in all {
        assert_eq!(told.json["sequence"], told.sequence);
    }
}

#[test]
fn the_json_of_an_event_is_in_the_manifests_words() {
    let w = world();
    let (_, id) = w.recorded(&by_user("SEP1", "101", "user1"));
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let told = w.events.wait_terminal(&id);
    let seen = told.recording.unwrap();
    let manifest = manifest_beside(&seen.path);
    assert_eq!(told.json["event"], "finished");
    assert_eq!(told.json["recording"], manifest);
    assert_eq!(seen.digest, manifest["digest"].as_str().unwrap());
}

#[test]
fn closing_finishes_everything_live() {
    let w = world();
    let (_, plain) = w.recorded(&line("SEP1", "101"));
    let (_, paused) = w.recorded(&line("SEP2", "102"));
    w.by_id(rec_pause_by_id, HOST, &paused).unwrap();
    let (_, stopped) = w.recorded(&line("SEP3", "103"));
    w.by_id(rec_stop_by_id, HOST, &stopped).unwrap();
    let (events, dir) = w.finish();
    for (id, reason) in [
        (&plain, REC_END_ENGINE_CLOSED),
        (&paused, REC_END_ENGINE_CLOSED),
        (&stopped, REC_END_STOPPED),
    ] {
        let terminal: Vec<_> = events.of(id).into_iter().filter(Told::is_terminal).collect();
        assert_eq!(terminal.len(), 1);
        let seen = terminal[0].recording.as_ref().unwrap();
        assert_eq!((terminal[0].kind, seen.end_reason), (REC_EVENT_FINISHED, reason));
        assert!(std::path::Path::new(&seen.path).is_file());
    }
    assert_settled(&dir.0);
}

#[test]
fn a_recording_that_reached_its_limit_says_so() {
    let w = world();
    let call = w.begin(&line("SEP1", "101")).unwrap();
    let id = w
        .start(
            HOST,
            &Start {
                max_duration_ms: 500,
                ..on_device("SEP1")
            },
        )
        .unwrap();
    let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
    for leg in legs {
        write_pcm(leg, &[7; 8000]);
    }
    let seen = w.events.wait_terminal(&id).recording.unwrap();
    assert_eq!((seen.end_reason, seen.duration_ms), (REC_END_LIMIT, 500));
    assert!(w.live().is_empty());
    refused(w.by_id(rec_stop_by_id, HOST, &id), REC_ERR_NOT_LIVE);
}

/// Of what the host forgot it hears, recorded or not; what it ended itself it knows.
#[test]
fn a_call_that_was_forgotten_is_told() {
    let w = world_with(&[("calls.idle_ms", "4000")]);
    let of = |tag, device| Call {
        tag,
        ..line(device, "101")
    };
    let (forgotten, id) = w.recorded(&of(1, "SEP1"));
    let silent = w.begin(&of(2, "SEP2")).unwrap();
    end(w.begin(&of(3, "SEP3")).unwrap()).unwrap();
    for (tag, call, device) in [(1, forgotten, "SEP1"), (2, silent, "SEP2")] {
        let told = w
            .events
            .wait(|told| told.kind == REC_EVENT_CALL_IDLE && told.call_tag == tag);
        refused(end(call), REC_ERR_BAD_HANDLE);
        assert!(told.recording.is_none() && !told.is_terminal());
        let json = &told.json;
        assert_eq!(
            (&json["event"], &json["idle_ms"]),
            (&"call-idle".into(), &4000.into())
        );
        assert_eq!(
            (&json["call"]["tag"], &json["call"]["device_name"]),
            (&tag.into(), &device.into())
        );
    }
    let end_reason = w.events.wait_terminal(&id).recording.unwrap().end_reason;
    assert_eq!(end_reason, REC_END_CALL_ENDED);
    let (events, _dir) = w.finish();
    let idle = events
        .all()
        .into_iter()
        .filter(|told| told.kind == REC_EVENT_CALL_IDLE);
    assert_eq!(idle.count(), 2);
}

#[cfg(feature = "faults")]
mod with_faults {
    use std::sync::Arc;

    use callrec::storage::faults::{self, FaultPoint};

    use super::*;

    fn fail_at(w: &World, step: FaultPoint) {
        let fault = move |at| match at == step {
            true => Err(std::io::Error::other("planted")),
            false => Ok(()),
        };
        faults::set(&w.dir.0, Arc::new(fault));
    }

    #[test]
    fn what_cannot_be_created_ends_in_start_failed_instead() {
        for step in [FaultPoint::CreateManifest, FaultPoint::CreateAudio] {
            let w = world();
            fail_at(&w, step);
            let (_, id) = w.recorded(&line("SEP1", "101"));
            let told = w.events.wait_kind(&id, REC_EVENT_START_FAILED);
            let seen = told.recording.unwrap();
            assert_eq!(
                (seen.error, seen.state, seen.end_reason),
                (REC_ERR_IO, REC_STATE_FAILED, REC_END_WRITE_ERROR)
            );
            let (json, recording) = (&told.json, &told.json["recording"]);
            assert_eq!(json["status"], REC_ERR_IO);
            assert!(json["error"].as_str().unwrap().contains("planted"), "{json}");
            assert_eq!(
                (&recording["state"], &recording["end_reason"], &recording["error"]),
                (&"failed".into(), &"write-error".into(), &json["error"])
            );
            assert!(w.live().is_empty());
            refused(w.by_id(rec_stop_by_id, HOST, &id), REC_ERR_NOT_LIVE);
            assert_eq!(w.get(HOST, &id).unwrap().state, REC_STATE_FAILED);
            faults::clear(&w.dir.0);
            // The call goes on, and can be recorded.
            w.start(HOST, &on_device("SEP1")).unwrap();
            let (events, dir) = w.finish();
            assert_eq!(events.kinds(&id), [REC_EVENT_START_FAILED], "{step:?}");
            assert_settled(&dir.0);
        }
    }

    #[test]
    fn a_write_error_ends_in_failed() {
        let w = world();
        let (call, id) = w.recorded(&line("SEP1", "101"));
        let (_, other) = w.recorded(&line("SEP2", "102"));
        for id in [&id, &other] {
            w.events.wait_kind(id, REC_EVENT_STARTED);
        }
        fail_at(&w, FaultPoint::WriteAudio);
        let legs = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCM16, 8000).unwrap());
        for _ in 0..4 {
            for leg in legs {
                write_pcm(leg, &[7; 8000]);
            }
        }
        let told = w.events.wait_terminal(&id);
        faults::clear(&w.dir.0);
        let seen = told.recording.unwrap();
        assert_eq!(
            (told.kind, seen.end_reason),
            (REC_EVENT_FAILED, REC_END_WRITE_ERROR)
        );
        assert_ne!(seen.error, REC_OK);
        // Others, and the call, go on.
        assert_eq!(w.live_ids(), [other]);
        w.start(HOST, &on_device("SEP1")).unwrap();
        let (events, _dir) = w.finish();
        assert_eq!(events.of(&id).iter().filter(|told| told.is_terminal()).count(), 1);
    }
}
