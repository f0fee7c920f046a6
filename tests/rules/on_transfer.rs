//! `recording.on_transfer`: what the move of a call to another line does to its recordings.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;

use super::scratch_engine::*;
use crate::support::*;

const BEFORE: i16 = 1000;
const AFTER: i16 = 2000;
const LENGTH: usize = 8000;

fn on_transfer(action: &'static str) -> ScratchEngine {
    scratch_engine_with(&[("recording.on_transfer", action)])
}

fn options() -> StartFields<'static> {
    StartFields {
        layout: REC_LAYOUT_LOCAL,
        pause_mode: REC_PAUSE_SKIP,
        ..on_device("SEP1")
    }
}

/// A call of user1 on SEP1/101, with its local leg.
fn begin(scratch: &ScratchEngine) -> (rec_call, rec_feed) {
    let call = scratch.begin(&by_user("SEP1", "101", "user1")).unwrap();
    (call, feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap())
}

fn move_to_sep2(call: rec_call) {
    by_user("SEP2", "102", "user2").update(call).unwrap();
}

fn samples(scratch: &ScratchEngine, id: &str) -> Vec<i16> {
    finished(scratch, id).1.pcm(0)
}

#[test]
fn stop_ends_the_recordings_with_the_line_that_they_recorded() {
    let scratch = on_transfer("stop");
    let (call, leg) = begin(&scratch);
    let ids = [(); 2].map(|()| scratch.start(HOST, &additional(options())).unwrap());
    write_pcm(leg, &[BEFORE; LENGTH]);
    move_to_sep2(call);
    assert!(scratch.live().is_empty());
    write_pcm(leg, &[AFTER; LENGTH]);
    for id in &ids {
        let (recording, wav) = finished(&scratch, id);
        assert_eq!(recording.end_reason, REC_END_TRANSFERRED);
        assert_eq!(recording.device_name, "SEP1");
        assert_eq!(wav.pcm(0), [BEFORE; LENGTH]);
        let manifest = manifest_beside(&recording.path);
        assert_eq!(manifest["end_reason"], "transferred");
        assert_eq!(manifest["call"]["device_name"], "SEP1");
        assert_eq!(manifest["lines"].as_array().unwrap().len(), 1);
    }
    scratch.start(HOST, &on_device("SEP2")).unwrap();
}

#[test]
fn new_continues_in_another_recording_with_the_same_options() {
    let scratch = on_transfer("new");
    let (call, leg) = begin(&scratch);
    let first = scratch.start(HOST, &dial_in(options())).unwrap();
    write_pcm(leg, &[BEFORE; LENGTH]);
    move_to_sep2(call);
    let live = scratch.live();
    assert_eq!(live.len(), 1);
    assert_ne!(live[0].id, first);
    assert_eq!(
        (live[0].device_name.as_str(), live[0].username.as_str()),
        ("SEP2", "user2")
    );
    assert_eq!(
        (live[0].layout, live[0].pause_mode, live[0].flags),
        (REC_LAYOUT_LOCAL, REC_PAUSE_SKIP, REC_START_MANUAL_DIAL_IN)
    );
    write_pcm(leg, &[AFTER; LENGTH]);
    scratch.by_id(rec_stop_by_id, HOST, &live[0].id).unwrap();
    assert_eq!(samples(&scratch, &first), [BEFORE; LENGTH]);
    assert_eq!(samples(&scratch, &live[0].id), [AFTER; LENGTH]);
    let end_of = |id: &str| scratch.events.wait_terminal(id).recording.unwrap().end_reason;
    assert_eq!(
        (end_of(&first), end_of(&live[0].id)),
        (REC_END_TRANSFERRED, REC_END_STOPPED)
    );
}

#[test]
fn a_paused_recording_is_followed_by_a_paused_one() {
    let scratch = on_transfer("new");
    let (call, leg) = begin(&scratch);
    let first = scratch.start(HOST, &options()).unwrap();
    write_pcm(leg, &[BEFORE; LENGTH]);
    scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
    move_to_sep2(call);
    let second = scratch.live_ids().remove(0);
    assert_eq!(scratch.state(&second), REC_STATE_PAUSED);
    write_pcm(leg, &[AFTER; LENGTH]);
    scratch.by_id(rec_resume_by_id, HOST, &second).unwrap();
    write_pcm(leg, &[BEFORE; LENGTH]);
    scratch.by_id(rec_stop_by_id, HOST, &second).unwrap();
    for id in [&first, &second] {
        assert_eq!(samples(&scratch, id), [BEFORE; LENGTH]);
    }
}

#[test]
fn what_is_no_transfer_ends_nothing() {
    for action in ["stop", "new"] {
        let scratch = on_transfer(action);
        let (call, _) = begin(&scratch);
        let id = scratch.start(HOST, &options()).unwrap();
        for update in [
            state(REC_CALL_HELD),
            state(REC_CALL_CONNECTED),
            by_user("SEP1", "101", "user2"),
            CallFields::default(),
        ] {
            update.update(call).unwrap();
        }
        // A move that is refused, too.
        scratch
            .begin(&CallFields {
                call_id: Some("x"),
                ..line("SEP2", "102")
            })
            .unwrap();
        let refused_move = CallFields {
            related: Some("x"),
            ..line("SEP2", "102")
        };
        refused(refused_move.update(call), REC_ERR_EXISTS);
        assert_eq!(scratch.live_ids(), [id]);
    }
}

#[test]
fn a_line_that_is_not_monitorable_is_not_recorded_anew() {
    let scratch = on_transfer("new");
    scratch
        .line(Some("SEP2"), None, REC_LINE_NOT_MONITORABLE)
        .unwrap();
    let (call, _) = begin(&scratch);
    let id = scratch.start(HOST, &options()).unwrap();
    move_to_sep2(call);
    assert!(scratch.live().is_empty());
    let failed = scratch.events.wait(|event| event.kind == REC_EVENT_START_FAILED);
    assert!(failed.recording.is_none());
    assert_eq!(failed.json["status"], REC_ERR_NOT_MONITORABLE);
    assert_eq!(failed.json["call"]["device_name"], "SEP2");
    scratch.events.wait_terminal(&id);
}

#[test]
fn between_automatic_lines_each_line_has_its_recording() {
    for action in ["stop", "new"] {
        let scratch = on_transfer(action);
        for device in ["SEP1", "SEP2"] {
            scratch.line(Some(device), None, REC_LINE_AUTOMATIC).unwrap();
        }
        let (call, _) = begin(&scratch);
        let first = scratch.live_ids();
        move_to_sep2(call);
        let live = scratch.live();
        assert_eq!(live.len(), 1, "{action}");
        assert_ne!(live[0].id, first[0]);
        assert_eq!(live[0].flags, REC_START_AUTOMATIC);
        assert_eq!(live[0].device_name, "SEP2");
    }
}

#[test]
fn the_audit_log_has_the_end_and_the_start() {
    let scratch = on_transfer("new");
    let (call, _) = begin(&scratch);
    let first = scratch.start(HOST, &options()).unwrap();
    move_to_sep2(call);
    let second = scratch.live_ids().remove(0);
    audit_written(&scratch.engine);
    let lines = audit_lines(&scratch.dir.0);
    let [end, start] = &lines[lines.len() - 2..] else {
        panic!("{lines:#?}")
    };
    assert_eq!(
        (&end["operation"], &end["reason"]),
        (&"end".into(), &"transferred".into())
    );
    assert_eq!(end["recordings"][0]["id"], first);
    assert_eq!(
        (&start["operation"], &start["actor"]),
        (&"start".into(), &"engine".into())
    );
    assert_eq!(start["recordings"][0]["id"], second);
}
