//! Where a pause begins and ends in the file, and pauses that last too long.

use callrec::capi::*;
use callrec_testkit::manifest::manifest_beside;
use serde_json::{Value, json};

use super::scratch_engine::*;
use crate::support::*;

const SECOND: usize = 8000;

fn mono(pause_mode: i32) -> StartFields<'static> {
    StartFields {
        layout: REC_LAYOUT_LOCAL,
        pause_mode,
        ..on_device("SEP1")
    }
}

fn live_manifest(scratch: &ScratchEngine, id: &str) -> Value {
    let path = scratch.dir.0.join(format!(".callrec/{id}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// One second of audio, then a pause of one second, then half a second of audio.
fn pause_once(pause_mode: i32, resumed_at: u64) {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let audio = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    let id = scratch.start(HOST, &mono(pause_mode)).unwrap();
    write_pcm(audio, &vec![1000; SECOND]);
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    let paused = scratch.events.wait_kind(&id, REC_EVENT_PAUSED);
    assert_eq!((paused.frame, &paused.json["frame"]), (8000, &json!(8000)));
    let spans = &live_manifest(&scratch, &id)["spans"];
    assert_eq!(spans[0]["kind"], "pause");
    assert_eq!(
        (&spans[0]["from_frame"], &spans[0]["to_frame"]),
        (&json!(8000), &Value::Null)
    );
    write_pcm(audio, &vec![2000; SECOND]);
    scratch.by_id(rec_resume_by_id, HOST, &id).unwrap();
    let resumed = scratch.events.wait_kind(&id, REC_EVENT_RESUMED);
    assert_eq!(
        (resumed.frame, &resumed.json["frame"]),
        (resumed_at, &json!(resumed_at))
    );
    write_pcm(audio, &vec![3000; SECOND / 2]);
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (recording, wav) = finished(&scratch, &id);
    let spans = manifest_beside(&recording.path)["spans"].clone();
    assert_eq!(
        (&spans[0]["from_frame"], &spans[0]["to_frame"]),
        (&json!(paused.frame), &json!(resumed.frame))
    );
    // What the frames say is so in the file.
    let samples = wav.pcm(0);
    assert!(samples[..8000].iter().all(|sample| *sample == 1000));
    assert!(
        samples[8000..resumed_at as usize]
            .iter()
            .all(|sample| *sample == 0)
    );
    assert!(
        samples[resumed_at as usize..]
            .iter()
            .all(|sample| *sample == 3000)
    );
    let others = scratch.events.of(&id).into_iter();
    let others = others.filter(|event| !matches!(event.kind, REC_EVENT_PAUSED | REC_EVENT_RESUMED));
    assert!(others.map(|event| event.frame).all(|frame| frame == 0));
}

#[test]
fn a_pause_of_silence_says_where_it_begins_and_ends() {
    pause_once(REC_PAUSE_SILENCE, 16_000);
}

#[test]
fn a_skipped_pause_begins_and_ends_at_the_same_frame() {
    pause_once(REC_PAUSE_SKIP, 8000);
}

#[test]
fn a_recording_of_a_private_call_is_paused_from_its_first_frame() {
    let scratch = scratch_engine();
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    private(call, 1).unwrap();
    let audio = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    let id = scratch.start(HOST, &mono(REC_PAUSE_SILENCE)).unwrap();
    assert_eq!(scratch.events.wait_kind(&id, REC_EVENT_PAUSED).frame, 0);
    write_pcm(audio, &vec![1000; SECOND]);
    private(call, 0).unwrap();
    assert_eq!(scratch.events.wait_kind(&id, REC_EVENT_RESUMED).frame, 8000);
}

/// Pauses of two recordings, one after the other. The watch that reports the second one has looked
/// at the first one again.
#[test]
fn a_long_pause_is_reported_once_and_goes_on() {
    let scratch = scratch_engine_with(&[("recording.pause_max_ms", "1")]);
    let (_, first) = scratch.recorded(&line("SEP1", "101"));
    let (call, second) = scratch.recorded(&line("SEP2", "102"));
    scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
    let overdue = scratch.events.wait_kind(&first, REC_EVENT_PAUSE_OVERDUE);
    assert_eq!(overdue.json["event"], "pause-overdue");
    assert_eq!(overdue.json["pause_max_ms"], 1);
    assert_eq!(overdue.json["recording"]["state"], "paused");
    assert_eq!(overdue.recording.unwrap().state, REC_STATE_PAUSED);
    // Privacy is a pause of its recordings.
    private(call, 1).unwrap();
    scratch.events.wait_kind(&second, REC_EVENT_PAUSE_OVERDUE);
    assert_eq!(scratch.state(&first), REC_STATE_PAUSED);
    assert_eq!(
        scratch.events.kinds(&first),
        [REC_EVENT_STARTED, REC_EVENT_PAUSED, REC_EVENT_PAUSE_OVERDUE]
    );
    // Each pause is reported.
    scratch.by_id(rec_resume_by_id, HOST, &first).unwrap();
    scratch.by_id(rec_pause_by_id, HOST, &first).unwrap();
    let twice = |kinds: &[i32]| {
        kinds
            .iter()
            .filter(|kind| **kind == REC_EVENT_PAUSE_OVERDUE)
            .count()
            == 2
    };
    callrec_testkit::wait::until("the second pause is overdue", || {
        twice(&scratch.events.kinds(&first))
    });
    assert_eq!(scratch.state(&first), REC_STATE_PAUSED);
}

#[test]
fn by_default_no_pause_is_overdue() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_pause_by_id, HOST, &id).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, _dir) = scratch.finish();
    let kinds = [REC_EVENT_STARTED, REC_EVENT_PAUSED, REC_EVENT_FINISHED];
    assert_eq!(events.kinds(&id), kinds);
}
