//! Lists and look-ups: filters, one instant, what is found after the end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callrec::capi::*;
use parking_lot::Mutex;

use super::scratch_engine::*;
use crate::support::*;

/// Three recorded calls that share some of their fields: a and b the device, b and
/// c the number, a and c the user, and so on.
pub fn three() -> (ScratchEngine, [String; 3]) {
    let scratch = scratch_engine();
    let rows = [
        ("a", "SEP1", "101", "user1", "1"),
        ("b", "SEP1", "102", "user2", "1"),
        ("c", "SEP2", "102", "user1", "2"),
    ];
    let ids = rows.map(|(call_id, device, number, user, numeric)| {
        let call = CallFields {
            call_id: Some(call_id),
            numeric: Some(numeric),
            ..by_user(device, number, user)
        };
        scratch.recorded(&call).1
    });
    (scratch, ids)
}

#[track_caller]
fn finds(scratch: &ScratchEngine, wanted: FilterFields, ids: &[&String]) {
    let found: Vec<_> = scratch
        .list(ADMIN, &wanted)
        .unwrap()
        .into_iter()
        .map(|seen| seen.id)
        .collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), ids);
}

#[test]
fn no_filter_lists_all_the_newest_last() {
    let (scratch, [a, b, c]) = three();
    finds(&scratch, FilterFields::default(), &[&a, &b, &c]);
    let mut snapshot = std::ptr::null_mut();
    let null = std::ptr::null();
    checked(|e| unsafe { rec_list(scratch.handle, std::ptr::null(), null, &mut snapshot, e) }).unwrap();
    assert_eq!(unsafe { rec_snapshot_count(snapshot) }, 3);
    unsafe { rec_snapshot_free(snapshot) };
}

#[test]
fn each_filter_alone() {
    let (scratch, [a, b, c]) = three();
    let all = FilterFields::default();
    finds(
        &scratch,
        FilterFields {
            device: Some("SEP1"),
            ..all
        },
        &[&a, &b],
    );
    finds(
        &scratch,
        FilterFields {
            number: Some("102"),
            ..all
        },
        &[&b, &c],
    );
    finds(
        &scratch,
        FilterFields {
            user: Some("user1"),
            ..all
        },
        &[&a, &c],
    );
    finds(
        &scratch,
        FilterFields {
            numeric: Some("1"),
            ..all
        },
        &[&a, &b],
    );
    finds(
        &scratch,
        FilterFields {
            call_id: Some("b"),
            ..all
        },
        &[&b],
    );
}

#[test]
fn filters_must_all_be_met() {
    let (scratch, [a, b, c]) = three();
    let all = FilterFields::default();
    finds(
        &scratch,
        FilterFields {
            device: Some("SEP1"),
            number: Some("102"),
            ..all
        },
        &[&b],
    );
    finds(
        &scratch,
        FilterFields {
            user: Some("user1"),
            numeric: Some("1"),
            ..all
        },
        &[&a],
    );
    finds(
        &scratch,
        FilterFields {
            number: Some("102"),
            user: Some("user1"),
            ..all
        },
        &[&c],
    );
    finds(
        &scratch,
        FilterFields {
            device: Some("SEP2"),
            numeric: Some("1"),
            ..all
        },
        &[],
    );
    finds(
        &scratch,
        FilterFields {
            call_id: Some("a"),
            number: Some("102"),
            ..all
        },
        &[],
    );
    let every = FilterFields {
        device: Some("SEP2"),
        number: Some("102"),
        user: Some("user1"),
        numeric: Some("2"),
        call_id: Some("c"),
    };
    finds(&scratch, every, &[&c]);
    finds(
        &scratch,
        FilterFields {
            numeric: Some("1"),
            ..every
        },
        &[],
    );
}

#[test]
fn no_match_is_an_empty_list() {
    let (scratch, _) = three();
    let all = FilterFields::default();
    for wanted in [
        FilterFields {
            device: Some("SEP9"),
            ..all
        },
        FilterFields {
            number: Some("109"),
            ..all
        },
        FilterFields {
            user: Some("USER1"),
            ..all
        },
        FilterFields {
            numeric: Some("9"),
            ..all
        },
        FilterFields {
            call_id: Some("d"),
            ..all
        },
    ] {
        let (seen, json) = scratch.list_json(ADMIN, &wanted).unwrap();
        assert_eq!((seen.len(), json), (0, serde_json::json!([])));
    }
}

#[test]
fn an_empty_filter_field_is_absent() {
    let (scratch, [a, b, c]) = three();
    let empty = FilterFields {
        device: Some(""),
        number: Some(""),
        user: Some(""),
        numeric: Some(""),
        call_id: Some(""),
    };
    finds(&scratch, empty, &[&a, &b, &c]);
    finds(
        &scratch,
        FilterFields {
            call_id: Some("a"),
            ..empty
        },
        &[&a],
    );
}

#[test]
fn what_was_stopped_before_is_not_in_a_list() {
    let (scratch, [a, b, c]) = three();
    scratch.by_id(rec_stop_by_id, ADMIN, &b).unwrap();
    finds(&scratch, FilterFields::default(), &[&a, &c]);
    finds(
        &scratch,
        FilterFields {
            device: Some("SEP1"),
            ..FilterFields::default()
        },
        &[&a],
    );
    scratch.by_id(rec_discard_by_id, ADMIN, &a).unwrap();
    finds(&scratch, FilterFields::default(), &[&c]);
}

#[test]
fn what_is_paused_is_in_a_list() {
    let (scratch, [a, ..]) = three();
    scratch.by_id(rec_pause_by_id, ADMIN, &a).unwrap();
    let states: Vec<_> = scratch.live().into_iter().map(|seen| seen.state).collect();
    assert_eq!(
        states,
        [REC_STATE_PAUSED, REC_STATE_RECORDING, REC_STATE_RECORDING]
    );
}

const WINDOW: usize = 5;

/// One thread starts n and then stops n - WINDOW, over and over; whatever another
/// lists meanwhile must have been so at one moment: WINDOW or one more, in a row,
/// all that was started before, nothing that was stopped before.
fn one_instant(wanted: FilterFields<'static>) {
    let scratch = scratch_engine();
    scratch.begin(&line("SEP1", "101")).unwrap();
    scratch.recorded(&line("SEP0", "100"));
    let ids = Mutex::new(Vec::<String>::new());
    let (started, stopping, stopped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    let work = || {
        for n in 0..1000 {
            let id = scratch.start(HOST, &additional(on_device("SEP1"))).unwrap();
            ids.lock().push(id);
            started.store(n + 1, Ordering::SeqCst);
            if let Some(old) = n.checked_sub(WINDOW) {
                let id = ids.lock()[old].clone();
                stopping.store(old + 1, Ordering::SeqCst);
                scratch.by_id(rec_discard_by_id, HOST, &id).unwrap();
                stopped.store(old + 1, Ordering::SeqCst);
            }
        }
        done.store(true, Ordering::SeqCst);
    };
    let look = || {
        let mut lists = 0;
        while !done.load(Ordering::SeqCst) {
            let (must, gone) = (started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst));
            let found = scratch.list(HOST, &wanted).unwrap();
            let may_be_gone = stopping.load(Ordering::SeqCst);
            let found: Vec<_> = found
                .into_iter()
                .filter(|seen| seen.device_name == "SEP1")
                .collect();
            // What has not been noted yet by the other thread is the newest one.
            let known = ids.lock().clone();
            let place = |id: &String| known.iter().position(|other| other == id).unwrap_or(known.len());
            let places: Vec<_> = found.iter().map(|seen| place(&seen.id)).collect();
            assert!(
                places.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                "not one instant: {places:?}"
            );
            assert!(
                places.iter().all(|at| *at >= gone),
                "stopped before: {places:?} {gone}"
            );
            assert!(
                (may_be_gone..must).all(|at| places.contains(&at)),
                "lacks some: {places:?} {must}"
            );
            if must > WINDOW {
                assert!(
                    (WINDOW..=WINDOW + 1).contains(&places.len()),
                    "not one instant: {places:?}"
                );
            }
            lists += 1;
        }
        lists
    };
    let lists: u32 = std::thread::scope(|scope| {
        let lookers = [scope.spawn(look), scope.spawn(look)];
        work();
        lookers.into_iter().map(|looker| looker.join().unwrap()).sum()
    });
    assert!(lists > 0);
}

#[test]
fn a_full_list_is_one_instant() {
    one_instant(FilterFields::default());
}

#[test]
fn a_filtered_list_is_one_instant() {
    one_instant(FilterFields {
        number: Some("101"),
        ..FilterFields::default()
    });
}

#[test]
fn a_recording_is_got_while_it_lives() {
    let scratch = scratch_engine();
    let call = CallFields {
        tag: 42,
        call_id: Some("c"),
        ..by_user("SEP1", "101", "user1")
    };
    let (_, id) = scratch.recorded(&call);
    let seen = scratch.get(ADMIN, &id).unwrap();
    assert_eq!(
        (seen.id.as_str(), seen.state, seen.end_reason),
        (id.as_str(), REC_STATE_RECORDING, 0)
    );
    assert_eq!(
        (seen.call_tag, seen.call_id.as_str(), seen.username.as_str()),
        (42, "c", "user1")
    );
    assert_eq!(
        (seen.path.as_str(), seen.digest.as_str(), seen.ended_at_ms),
        ("", "", 0)
    );
    refused(scratch.get(ADMIN, SOME_ID), REC_ERR_NOT_LIVE);
}

#[test]
fn a_recording_is_got_after_its_end() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    // Finishing or finished by now; never unknown.
    let state = scratch.get(ADMIN, &id).unwrap().state;
    assert!(
        matches!(state, REC_STATE_FINISHING | REC_STATE_FINISHED),
        "{state}"
    );
    let told = scratch.events.wait_terminal(&id).recording.unwrap();
    end(call).unwrap();
    let seen = scratch.get(ADMIN, &id).unwrap();
    assert_eq!(
        (seen.state, seen.end_reason),
        (REC_STATE_FINISHED, REC_END_STOPPED)
    );
    assert_eq!((&seen.path, &seen.digest), (&told.path, &told.digest));
    assert!(std::path::Path::new(&seen.path).is_file());
    assert!(seen.ended_at_ms >= seen.started_at_ms);
}
