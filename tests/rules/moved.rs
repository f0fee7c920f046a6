//! The storage directory is moved away under an engine that records.

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;

use super::scratch_engine::*;
use crate::support::*;

#[test]
fn a_moved_directory_ends_recordings_as_failed_and_refuses_starts_until_it_is_back() {
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
    let told = scratch.events.wait_terminal(&first);
    let seen = told.recording.unwrap();
    assert_eq!((told.kind, seen.error), (REC_EVENT_FAILED, REC_ERR_IO));
    assert_eq!((seen.end_reason, seen.path.as_str()), (REC_END_WRITE_ERROR, ""));
    let refused = scratch.start(HOST, &on_device("SEP1")).unwrap_err();
    assert_eq!(refused.status, REC_ERR_IO, "{}", refused.message);
    assert_eq!(scratch.live_ids(), std::slice::from_ref(&second), "it goes on");
    std::fs::remove_dir(&scratch.dir.0).unwrap();
    std::fs::rename(&away.0, &scratch.dir.0).unwrap();
    let mut third = String::new();
    until("it is noticed that the directory is back", || {
        let started = scratch.start(HOST, &on_device("SEP1"));
        third = started.clone().unwrap_or_default();
        started.is_ok()
    });
    for id in [&second, &third] {
        scratch.by_id(rec_stop_by_id, HOST, id).unwrap();
        let (seen, _) = finished(&scratch, id);
        assert!(
            seen.path.starts_with(scratch.dir.0.to_str().unwrap()),
            "{}",
            seen.path
        );
    }
    let (_, dir) = scratch.finish();
    let engine = TestEngine::open(&dir.0, &[]);
    let told = engine.events.wait_terminal(&first);
    let seen = told.recording.unwrap();
    assert_eq!((told.kind, seen.error), (REC_EVENT_FAILED, REC_ERR_IO));
    assert_ne!(told.flags & REC_EVENT_FLAG_REPEATED, 0);
    assert!(std::path::Path::new(&seen.path).is_file(), "{}", seen.path);
    engine.close();
}
