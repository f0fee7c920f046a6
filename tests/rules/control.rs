//! Control by id, by device and by call: the recordings acted on, the counts, and concurrent stops.

use std::sync::Barrier;

use callrec::capi::*;
use callrec_testkit::tree::{assert_settled, files_with_extension};

use super::scratch_engine::*;
use crate::support::*;

/// The call "c" on SEP1/101, with three recordings.
fn call_recorded_three_times() -> (ScratchEngine, [String; 3]) {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        })
        .unwrap();
    let ids = [0; 3].map(|_| scratch.start(HOST, &additional(on_device("SEP1"))).unwrap());
    (scratch, ids)
}

#[test]
fn pause_and_resume_by_id() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    refused(scratch.by_id(rec_resume_by_id, ADMIN, &id), REC_ERR_NOT_PAUSED);
    scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
    refused(scratch.by_id(rec_pause_by_id, ADMIN, &id), REC_ERR_ALREADY_PAUSED);
    assert_eq!(scratch.state(&id), REC_STATE_PAUSED);
    scratch.by_id(rec_resume_by_id, ADMIN, &id).unwrap();
    refused(scratch.by_id(rec_resume_by_id, ADMIN, &id), REC_ERR_NOT_PAUSED);
    assert_eq!(scratch.state(&id), REC_STATE_RECORDING);
}

#[test]
fn a_stopped_recording_is_not_live() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&CallFields {
        call_id: Some("c"),
        ..line("SEP1", "101")
    });
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    for (name, op) in BY_ID {
        assert_eq!(
            scratch.by_id(op, ADMIN, &id).map_err(|e| e.status),
            Err(REC_ERR_NOT_LIVE),
            "{name}"
        );
    }
    for (name, op) in BY_DEVICE {
        let result = scratch.by_device(op, ADMIN, Some("SEP1"), None);
        assert_eq!(result.map_err(|e| e.status), Err(REC_ERR_NOT_LIVE), "{name}");
    }
    refused(scratch.by_call(rec_pause_by_call, ADMIN, "c"), REC_ERR_NOT_LIVE);
    refused(scratch.by_call(rec_resume_by_call, ADMIN, "c"), REC_ERR_NOT_LIVE);
}

#[test]
fn a_paused_recording_can_be_stopped() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    let event = scratch.events.wait_terminal(&id);
    assert_eq!(
        (event.kind, event.recording.unwrap().end_reason),
        (REC_EVENT_FINISHED, REC_END_STOPPED)
    );
}

#[test]
fn device_and_number_must_name_one_recorded_line() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    scratch.recorded(&line("SEP2", "102"));
    for (_, op) in BY_DEVICE {
        refused(
            scratch.by_device(op, ADMIN, Some("SEP1"), Some("102")),
            REC_ERR_NOT_LIVE,
        );
        refused(scratch.by_device(op, ADMIN, Some("SEP9"), None), REC_ERR_NOT_LIVE);
        refused(scratch.by_device(op, ADMIN, None, Some("109")), REC_ERR_NOT_LIVE);
    }
    assert_eq!(scratch.live().len(), 2);
}

#[test]
fn by_device_acts_on_all_lines_of_the_device() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    scratch.recorded(&line("SEP1", "102"));
    let (_, other) = scratch.recorded(&line("SEP2", "101"));
    assert_eq!(
        scratch.by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None),
        Ok((2, 0, 0))
    );
    assert_eq!(scratch.stop_by_device(ADMIN, Some("SEP1"), None), Ok((2, 0, 0)));
    assert_eq!(scratch.live_ids(), [other]);
}

#[test]
fn by_number_acts_on_all_devices_of_the_number() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    scratch.recorded(&line("SEP2", "101"));
    scratch.recorded(&line("SEP1", "102"));
    assert_eq!(scratch.stop_by_device(ADMIN, None, Some("101")), Ok((2, 0, 0)));
    assert_eq!(
        scratch.stop_by_device(ADMIN, Some("SEP1"), Some("102")),
        Ok((1, 0, 0))
    );
}

#[test]
fn recordings_of_held_calls_can_be_controlled() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&CallFields {
        call_id: Some("c"),
        ..line("SEP1", "101")
    });
    state(REC_CALL_HELD).update(call).unwrap();
    scratch
        .by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None)
        .unwrap();
    scratch.by_call(rec_resume_by_call, ADMIN, "c").unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
}

#[test]
fn pausing_counts_the_paused_recordings() {
    let (scratch, ids) = call_recorded_three_times();
    scratch.by_id(rec_pause_by_id, ADMIN, &ids[1]).unwrap();
    assert_eq!(
        scratch.by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None),
        Ok((2, 1, 0))
    );
    // REC_OK only if every recording of the target is paused.
    assert!(
        scratch
            .live()
            .iter()
            .all(|recording| recording.state == REC_STATE_PAUSED)
    );
    refused(
        scratch.by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None),
        REC_ERR_ALREADY_PAUSED,
    );
    refused(
        scratch.by_call(rec_pause_by_call, ADMIN, "c"),
        REC_ERR_ALREADY_PAUSED,
    );
}

#[test]
fn resuming_counts_the_recordings_that_were_not_paused() {
    let (scratch, ids) = call_recorded_three_times();
    refused(
        scratch.by_device(rec_resume_by_device, ADMIN, None, Some("101")),
        REC_ERR_NOT_PAUSED,
    );
    refused(
        scratch.by_call(rec_resume_by_call, ADMIN, "c"),
        REC_ERR_NOT_PAUSED,
    );
    scratch.by_id(rec_pause_by_id, ADMIN, &ids[2]).unwrap();
    assert_eq!(
        scratch.by_device(rec_resume_by_device, ADMIN, None, Some("101")),
        Ok((1, 2, 0))
    );
}

#[test]
fn pause_and_resume_by_call_count_recordings() {
    let (scratch, ids) = call_recorded_three_times();
    scratch.by_id(rec_pause_by_id, ADMIN, &ids[0]).unwrap();
    assert_eq!(scratch.by_call(rec_pause_by_call, ADMIN, "c"), Ok((2, 1, 0)));
    assert_eq!(scratch.by_call(rec_resume_by_call, ADMIN, "c"), Ok((3, 0, 0)));
}

#[test]
fn a_stop_counts_the_refused_recordings() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    let (_, refused) = scratch.recorded(&line("SEP1", "102"));
    scratch.line(None, Some("102"), REC_LINE_NOT_MONITORABLE).unwrap();
    assert_eq!(scratch.stop_by_device(ADMIN, Some("SEP1"), None), Ok((1, 0, 1)));
    assert_eq!(scratch.live_ids(), [refused]);
}

#[test]
fn a_stop_that_changes_nothing_returns_the_newest_recordings_reason() {
    for dial_in_first in [true, false] {
        let scratch = scratch_engine();
        let start_dial_in = || {
            scratch.begin(&line("SEP1", "101")).unwrap();
            scratch.start(HOST, &dial_in(on_number("101"))).unwrap();
        };
        let start_not_monitorable = || {
            scratch.recorded(&line("SEP1", "102"));
        };
        if dial_in_first {
            start_dial_in();
            start_not_monitorable();
        } else {
            start_not_monitorable();
            start_dial_in();
        }
        scratch.line(None, Some("102"), REC_LINE_NOT_MONITORABLE).unwrap();
        let refusal = scratch.stop_by_device(ADMIN, Some("SEP1"), None).unwrap_err();
        let newest = match dial_in_first {
            true => (REC_ERR_NOT_MONITORABLE, 1, "SEP1"),
            false => (REC_ERR_DIAL_IN, -1, ""),
        };
        assert_eq!(
            (refusal.status, refusal.reason, refusal.device_name.as_str()),
            newest
        );
        assert_eq!(scratch.live().len(), 2);
    }
}

#[test]
fn counts_are_written_on_success_only() {
    let scratch = scratch_engine();
    let mut counts: rec_counts = init();
    (counts.changed, counts.already, counts.refused) = (7, 8, 9);
    let device = CText::from("SEP1");
    let mut stop = || unsafe {
        rec_stop_by_device(
            scratch.handle,
            std::ptr::null(),
            device.ptr(),
            std::ptr::null(),
            &mut counts,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(stop(), REC_ERR_NOT_LIVE);
    assert_eq!((counts.changed, counts.already, counts.refused), (7, 8, 9));
}

#[test]
fn counts_may_be_null() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    let device = CText::from("SEP1");
    let null = std::ptr::null();
    let status = unsafe {
        let (no_counts, no_error) = (std::ptr::null_mut(), std::ptr::null_mut());
        rec_stop_by_device(
            scratch.handle,
            std::ptr::null(),
            device.ptr(),
            null,
            no_counts,
            no_error,
        )
    };
    assert_eq!(status, REC_OK);
}

#[test]
fn stop_by_call_without_a_url_stops_every_recording() {
    let (scratch, _) = call_recorded_three_times();
    let (_, other) = scratch.recorded(&CallFields {
        call_id: Some("d"),
        ..line("SEP2", "102")
    });
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((3, 0, 0)));
    assert_eq!(scratch.live_ids(), [other]);
}

#[test]
fn stop_by_call_succeeds_without_a_recording() {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        })
        .unwrap();
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((0, 0, 0)));
    assert_eq!(scratch.stop_by_call(ADMIN, "c", Some("")), Ok((0, 0, 0)));
    assert_eq!(
        scratch.by_call_url(rec_discard_by_call, ADMIN, "c", None),
        Ok((0, 0, 0))
    );
}

#[test]
fn stop_by_call_with_a_url_stops_that_recording() {
    let (scratch, ids) = call_recorded_three_times();
    let url = scratch.get(HOST, &ids[1]).unwrap().url;
    assert!(!url.is_empty());
    assert_eq!(scratch.stop_by_call(ADMIN, "c", Some(&url)), Ok((1, 0, 0)));
    assert_eq!(scratch.live_ids(), [ids[0].clone(), ids[2].clone()]);
    // The recording is no longer live.
    assert_eq!(scratch.stop_by_call(ADMIN, "c", Some(&url)), Ok((0, 0, 0)));
    assert_eq!(scratch.live().len(), 2);
}

#[test]
fn stop_by_call_ignores_the_url_of_another_call() {
    let (scratch, ids) = call_recorded_three_times();
    scratch
        .begin(&CallFields {
            call_id: Some("d"),
            ..line("SEP2", "102")
        })
        .unwrap();
    let url = scratch.get(HOST, &ids[0]).unwrap().url;
    assert_eq!(scratch.stop_by_call(ADMIN, "d", Some(&url)), Ok((0, 0, 0)));
    assert_eq!(
        scratch.stop_by_call(ADMIN, "c", Some("no-such-url")),
        Ok((0, 0, 0))
    );
    assert_eq!(scratch.live().len(), 3);
}

#[test]
fn control_of_an_unknown_or_ended_call_is_refused() {
    let scratch = scratch_engine();
    let (call, _) = scratch.recorded(&CallFields {
        call_id: Some("gone"),
        ..line("SEP1", "101")
    });
    end(call).unwrap();
    for call_id in ["never", "gone"] {
        for (name, result) in scratch.each_by_call(ADMIN, call_id) {
            assert_eq!(
                result.map_err(|e| e.status),
                Err(REC_ERR_NO_CALL),
                "{name} {call_id}"
            );
        }
    }
}

#[test]
fn discarding_removes_the_files() {
    let (scratch, ids) = call_recorded_three_times();
    scratch.by_id(rec_discard_by_id, ADMIN, &ids[0]).unwrap();
    assert_eq!(
        scratch.by_device(rec_discard_by_device, ADMIN, Some("SEP1"), None),
        Ok((2, 0, 0))
    );
    for id in &ids {
        let event = scratch.events.wait_terminal(id);
        assert_eq!(
            (event.kind, event.recording.unwrap().end_reason),
            (REC_EVENT_FINISHED, REC_END_DISCARDED)
        );
    }
    let (_, dir) = scratch.finish();
    assert_settled(&dir.0);
    assert!(files_with_extension(&dir, "wav").is_empty());
}

/// 8 threads stop the same recording at once, through four functions.
#[test]
fn exactly_one_of_several_concurrent_stops_succeeds() {
    let scratch = scratch_engine();
    scratch
        .begin(&CallFields {
            call_id: Some("c"),
            ..line("SEP1", "101")
        })
        .unwrap();
    for _ in 0..50 {
        let id = scratch.start(HOST, &on_device("SEP1")).unwrap();
        let barrier = Barrier::new(8);
        let stop = |thread: usize| {
            barrier.wait();
            match thread % 4 {
                0 => scratch.by_id(rec_stop_by_id, ADMIN, &id).map(|()| 1),
                1 => scratch.by_id(rec_discard_by_id, ADMIN, &id).map(|()| 1),
                2 => scratch
                    .stop_by_device(ADMIN, Some("SEP1"), None)
                    .map(|counts| counts.0),
                _ => scratch.stop_by_call(ADMIN, "c", None).map(|counts| counts.0),
            }
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || stop(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let stopped: u32 = results.iter().flatten().sum();
        assert_eq!(stopped, 1, "{results:?}");
        for refusal in results.into_iter().filter_map(Result::err) {
            assert_eq!(refusal.status, REC_ERR_NOT_LIVE);
        }
    }
    let (events, _dir) = scratch.finish();
    assert_eq!(
        events.all().iter().filter(|event| event.is_terminal()).count(),
        50
    );
}
