//! The storage directory is moved away while an engine records.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn a_moved_directory_fails_recordings_and_refuses_starts_until_it_is_back() {
    let scratch = scratch_engine();
    let (call, first) = scratch.recorded(&line("SEP1", "101"));
    let (_, second) = scratch.recorded(&line("SEP2", "102"));
    let leg = feed(call, REC_LEG_LOCAL, REC_CODEC_PCM16, 8000).unwrap();
    write_pcm(leg, &[7; 1600]);
    scratch.events.wait_kind(&first, REC_EVENT_STARTED);
    scratch.events.wait_kind(&second, REC_EVENT_STARTED);
    let away = ScratchDir::new();
    std::fs::rename(&scratch.dir.0, &away.0).unwrap();
    std::fs::create_dir(&scratch.dir.0).unwrap();
    scratch.by_id(rec_stop_by_id, HOST, &first).unwrap();
    let event = scratch.events.wait_terminal(&first);
    let recording = event.recording.unwrap();
    assert_eq!((event.kind, recording.error), (REC_EVENT_FAILED, REC_ERR_IO));
    assert_eq!(
        (recording.end_reason, recording.path.as_str()),
        (REC_END_WRITE_ERROR, "")
    );
    let refused = scratch.start(HOST, &on_device("SEP1")).unwrap_err();
    assert_eq!(refused.status, REC_ERR_IO, "{}", refused.message);
    assert_eq!(
        scratch.live_ids(),
        std::slice::from_ref(&second),
        "the second recording continues"
    );
    std::fs::remove_dir(&scratch.dir.0).unwrap();
    std::fs::rename(&away.0, &scratch.dir.0).unwrap();
    let mut third = String::new();
    until("a start succeeds in the restored directory", || {
        let started = scratch.start(HOST, &on_device("SEP1"));
        third = started.clone().unwrap_or_default();
        started.is_ok()
    });
    for id in [&second, &third] {
        scratch.by_id(rec_stop_by_id, HOST, id).unwrap();
        let (recording, _) = finished(&scratch, id);
        assert!(
            recording.path.starts_with(scratch.dir.0.to_str().unwrap()),
            "{}",
            recording.path
        );
    }
    let (_, dir) = scratch.finish();
    let engine = TestEngine::open(&dir.0, &[]);
    let event = engine.events.wait_terminal(&first);
    let recording = event.recording.unwrap();
    assert_eq!((event.kind, recording.error), (REC_EVENT_FAILED, REC_ERR_IO));
    assert_ne!(event.flags & REC_EVENT_FLAG_REPEATED, 0);
    assert!(
        std::path::Path::new(&recording.path).is_file(),
        "{}",
        recording.path
    );
    engine.close();
}
