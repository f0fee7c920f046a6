//! By id, by device, by call: what is acted on, what is counted, who wins.

use std::sync::Barrier;

use callrec::capi::*;
use callrec_testkit::tree::{assert_settled, files_with_extension};

use super::scratch_engine::*;
use crate::support::*;

/// A call with three recordings, on SEP1/101, as "c".
fn thrice() -> (ScratchEngine, [String; 3]) {
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
fn what_is_stopped_is_not_live() {
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
        let answer = scratch.by_device(op, ADMIN, Some("SEP1"), None);
        assert_eq!(answer.map_err(|e| e.status), Err(REC_ERR_NOT_LIVE), "{name}");
    }
    refused(scratch.by_call(rec_pause_by_call, ADMIN, "c"), REC_ERR_NOT_LIVE);
    refused(scratch.by_call(rec_resume_by_call, ADMIN, "c"), REC_ERR_NOT_LIVE);
}

#[test]
fn a_paused_recording_is_stopped_like_any_other() {
    let scratch = scratch_engine();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_pause_by_id, ADMIN, &id).unwrap();
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    let told = scratch.events.wait_terminal(&id);
    assert_eq!(
        (told.kind, told.recording.unwrap().end_reason),
        (REC_EVENT_FINISHED, REC_END_STOPPED)
    );
}

#[test]
fn device_and_number_must_be_one_recorded_line() {
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
fn held_calls_are_controlled_too() {
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
fn pausing_counts_what_was_paused_already() {
    let (scratch, ids) = thrice();
    scratch.by_id(rec_pause_by_id, ADMIN, &ids[1]).unwrap();
    assert_eq!(
        scratch.by_device(rec_pause_by_device, ADMIN, Some("SEP1"), None),
        Ok((2, 1, 0))
    );
    // OK only if nothing of the target still records.
    assert!(scratch.live().iter().all(|seen| seen.state == REC_STATE_PAUSED));
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
fn resuming_counts_what_was_not_paused() {
    let (scratch, ids) = thrice();
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
fn pause_and_resume_by_call_count_alike() {
    let (scratch, ids) = thrice();
    scratch.by_id(rec_pause_by_id, ADMIN, &ids[0]).unwrap();
    assert_eq!(scratch.by_call(rec_pause_by_call, ADMIN, "c"), Ok((2, 1, 0)));
    assert_eq!(scratch.by_call(rec_resume_by_call, ADMIN, "c"), Ok((3, 0, 0)));
}

#[test]
fn a_stop_counts_what_was_refused() {
    let scratch = scratch_engine();
    scratch.recorded(&line("SEP1", "101"));
    let (_, kept) = scratch.recorded(&line("SEP1", "102"));
    scratch.line(None, Some("102"), REC_LINE_NOT_MONITORABLE).unwrap();
    assert_eq!(scratch.stop_by_device(ADMIN, Some("SEP1"), None), Ok((1, 0, 1)));
    assert_eq!(scratch.live_ids(), [kept]);
}

#[test]
fn if_nothing_changed_the_newest_ones_reason_is_told() {
    for dial_in_first in [true, false] {
        let scratch = scratch_engine();
        let start_dial_in = || {
            scratch.begin(&line("SEP1", "101")).unwrap();
            scratch.start(HOST, &dial_in(on_number("101"))).unwrap();
        };
        let start_marked = || {
            scratch.recorded(&line("SEP1", "102"));
        };
        if dial_in_first {
            start_dial_in();
            start_marked();
        } else {
            start_marked();
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
fn stop_by_call_without_a_url_stops_all() {
    let (scratch, _) = thrice();
    let (_, other) = scratch.recorded(&CallFields {
        call_id: Some("d"),
        ..line("SEP2", "102")
    });
    assert_eq!(scratch.stop_by_call(ADMIN, "c", None), Ok((3, 0, 0)));
    assert_eq!(scratch.live_ids(), [other]);
}

#[test]
fn stop_by_call_is_content_to_find_none() {
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
fn stop_by_call_with_a_url_stops_that_one() {
    let (scratch, ids) = thrice();
    let url = scratch.get(HOST, &ids[1]).unwrap().url;
    assert!(!url.is_empty());
    assert_eq!(scratch.stop_by_call(ADMIN, "c", Some(&url)), Ok((1, 0, 0)));
    assert_eq!(scratch.live_ids(), [ids[0].clone(), ids[2].clone()]);
    // No longer live: 0, and OK.
    assert_eq!(scratch.stop_by_call(ADMIN, "c", Some(&url)), Ok((0, 0, 0)));
    assert_eq!(scratch.live().len(), 2);
}

#[test]
fn stop_by_call_does_not_reach_another_calls_url() {
    let (scratch, ids) = thrice();
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
fn by_call_without_such_a_call() {
    let scratch = scratch_engine();
    let (call, _) = scratch.recorded(&CallFields {
        call_id: Some("gone"),
        ..line("SEP1", "101")
    });
    end(call).unwrap();
    for call_id in ["never", "gone"] {
        for (name, answer) in scratch.each_by_call(ADMIN, call_id) {
            assert_eq!(
                answer.map_err(|e| e.status),
                Err(REC_ERR_NO_CALL),
                "{name} {call_id}"
            );
        }
    }
}

#[test]
fn discarding_leaves_no_file() {
    let (scratch, ids) = thrice();
    scratch.by_id(rec_discard_by_id, ADMIN, &ids[0]).unwrap();
    assert_eq!(
        scratch.by_device(rec_discard_by_device, ADMIN, Some("SEP1"), None),
        Ok((2, 0, 0))
    );
    for id in &ids {
        let told = scratch.events.wait_terminal(id);
        assert_eq!(
            (told.kind, told.recording.unwrap().end_reason),
            (REC_EVENT_FINISHED, REC_END_DISCARDED)
        );
    }
    let (_, dir) = scratch.finish();
    assert_settled(&dir.0);
    assert!(files_with_extension(&dir, "wav").is_empty());
}

/// 8 threads stop the same recordings at once, by every way there is.
#[test]
fn of_concurrent_stops_exactly_one_wins() {
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
        let stop = |way: usize| {
            barrier.wait();
            match way % 4 {
                0 => scratch.by_id(rec_stop_by_id, ADMIN, &id).map(|()| 1),
                1 => scratch.by_id(rec_discard_by_id, ADMIN, &id).map(|()| 1),
                2 => scratch
                    .stop_by_device(ADMIN, Some("SEP1"), None)
                    .map(|counts| counts.0),
                _ => scratch.stop_by_call(ADMIN, "c", None).map(|counts| counts.0),
            }
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|way| scope.spawn(move || stop(way))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let won: u32 = answers.iter().flatten().sum();
        assert_eq!(won, 1, "{answers:?}");
        for refusal in answers.into_iter().filter_map(Result::err) {
            assert_eq!(refusal.status, REC_ERR_NOT_LIVE);
        }
    }
    let (events, _dir) = scratch.finish();
    assert_eq!(events.all().iter().filter(|told| told.is_terminal()).count(), 50);
}
