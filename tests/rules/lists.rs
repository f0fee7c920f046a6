//! Lists and list-ups: filters, consistency, and recordings that have ended.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use callrec::capi::*;
use parking_lot::Mutex;

use super::scratch_engine::*;
use crate::support::*;

/// Three recorded calls that share some fields: a and b the device, b and c the number, a and c the
/// user, a and b the numeric id.
pub fn three_recordings() -> (ScratchEngine, [String; 3]) {
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
            switch_call_id: Some("7"),
            ..by_user(device, number, user)
        };
        scratch.recorded(&call).1
    });
    (scratch, ids)
}

#[track_caller]
fn assert_list(scratch: &ScratchEngine, filter: FilterFields, ids: &[&String]) {
    let found: Vec<_> = scratch
        .list(ADMIN, &filter)
        .unwrap()
        .into_iter()
        .map(|recording| recording.id)
        .collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), ids);
}

#[test]
fn a_list_without_a_filter_has_every_recording_newest_last() {
    let (scratch, [a, b, c]) = three_recordings();
    assert_list(&scratch, FilterFields::default(), &[&a, &b, &c]);
    let mut snapshot = std::ptr::null_mut();
    let null = std::ptr::null();
    checked(|e| unsafe { rec_list(scratch.handle, std::ptr::null(), null, &mut snapshot, e) }).unwrap();
    assert_eq!(unsafe { rec_snapshot_count(snapshot) }, 3);
    unsafe { rec_snapshot_free(snapshot) };
}

/// The id in the switch is shared by the calls of a conference, and changes at a transfer.
#[test]
fn the_id_in_the_switch_selects_recordings() {
    let scratch = scratch_engine();
    let recorded = |device: &str, switch_call_id: Option<&str>| {
        let call = CallFields {
            switch_call_id,
            ..by_user(device, "101", "user1")
        };
        scratch.recorded(&call)
    };
    let (first, a) = recorded("SEP1", Some("7001"));
    let (_, b) = recorded("SEP2", Some("7001"));
    let (_, c) = recorded("SEP3", None);
    let by = |switch_call_id| FilterFields {
        switch_call_id: Some(switch_call_id),
        ..FilterFields::default()
    };
    assert_list(&scratch, by("7001"), &[&a, &b]);
    assert_list(&scratch, by("7002"), &[]);
    assert_list(&scratch, by(""), &[&a, &b, &c]);
    let both = FilterFields {
        device: Some("SEP2"),
        ..by("7001")
    };
    assert_list(&scratch, both, &[&b]);
    let moved = CallFields {
        switch_call_id: Some("7002"),
        ..CallFields::default()
    };
    moved.update(first).unwrap();
    assert_list(&scratch, by("7001"), &[&b]);
    assert_list(&scratch, by("7002"), &[&a]);
    let cleared = CallFields {
        switch_call_id: Some(""),
        ..CallFields::default()
    };
    cleared.update(first).unwrap();
    assert_list(&scratch, by("7002"), &[]);
    // Rights are those of every list.
    refused(scratch.list(OWNER, &by("7001")), REC_ERR_FORBIDDEN);
    let own = FilterFields {
        user: Some("user1"),
        ..by("7001")
    };
    assert_eq!(scratch.list(OWNER, &own).unwrap().len(), 1);
}

#[test]
fn each_filter_field_selects_recordings() {
    let (scratch, [a, b, c]) = three_recordings();
    let all = FilterFields::default();
    assert_list(
        &scratch,
        FilterFields {
            device: Some("SEP1"),
            ..all
        },
        &[&a, &b],
    );
    assert_list(
        &scratch,
        FilterFields {
            number: Some("102"),
            ..all
        },
        &[&b, &c],
    );
    assert_list(
        &scratch,
        FilterFields {
            user: Some("user1"),
            ..all
        },
        &[&a, &c],
    );
    assert_list(
        &scratch,
        FilterFields {
            numeric: Some("1"),
            ..all
        },
        &[&a, &b],
    );
    assert_list(
        &scratch,
        FilterFields {
            call_id: Some("b"),
            ..all
        },
        &[&b],
    );
}

#[test]
fn a_recording_must_match_every_filter_field() {
    let (scratch, [a, b, c]) = three_recordings();
    let all = FilterFields::default();
    assert_list(
        &scratch,
        FilterFields {
            device: Some("SEP1"),
            number: Some("102"),
            ..all
        },
        &[&b],
    );
    assert_list(
        &scratch,
        FilterFields {
            user: Some("user1"),
            numeric: Some("1"),
            ..all
        },
        &[&a],
    );
    assert_list(
        &scratch,
        FilterFields {
            number: Some("102"),
            user: Some("user1"),
            ..all
        },
        &[&c],
    );
    assert_list(
        &scratch,
        FilterFields {
            device: Some("SEP2"),
            numeric: Some("1"),
            ..all
        },
        &[],
    );
    assert_list(
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
        switch_call_id: Some("7"),
    };
    assert_list(&scratch, every, &[&c]);
    assert_list(
        &scratch,
        FilterFields {
            numeric: Some("1"),
            ..every
        },
        &[],
    );
}

#[test]
fn a_filter_without_a_match_gives_an_empty_list() {
    let (scratch, _) = three_recordings();
    let all = FilterFields::default();
    for filter in [
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
        let (recordings, json) = scratch.list_json(ADMIN, &filter).unwrap();
        assert_eq!((recordings.len(), json), (0, serde_json::json!([])));
    }
}

#[test]
fn an_empty_filter_field_counts_as_absent() {
    let (scratch, [a, b, c]) = three_recordings();
    let empty = FilterFields {
        device: Some(""),
        number: Some(""),
        user: Some(""),
        numeric: Some(""),
        call_id: Some(""),
        switch_call_id: Some(""),
    };
    assert_list(&scratch, empty, &[&a, &b, &c]);
    assert_list(
        &scratch,
        FilterFields {
            call_id: Some("a"),
            ..empty
        },
        &[&a],
    );
}

#[test]
fn a_stopped_recording_is_not_in_a_list() {
    let (scratch, [a, b, c]) = three_recordings();
    scratch.by_id(rec_stop_by_id, ADMIN, &b).unwrap();
    assert_list(&scratch, FilterFields::default(), &[&a, &c]);
    assert_list(
        &scratch,
        FilterFields {
            device: Some("SEP1"),
            ..FilterFields::default()
        },
        &[&a],
    );
    scratch.by_id(rec_discard_by_id, ADMIN, &a).unwrap();
    assert_list(&scratch, FilterFields::default(), &[&c]);
}

#[test]
fn a_paused_recording_is_in_a_list() {
    let (scratch, [a, ..]) = three_recordings();
    scratch.by_id(rec_pause_by_id, ADMIN, &a).unwrap();
    let states: Vec<_> = scratch
        .live()
        .into_iter()
        .map(|recording| recording.state)
        .collect();
    assert_eq!(
        states,
        [REC_STATE_PAUSED, REC_STATE_RECORDING, REC_STATE_RECORDING]
    );
}

const WINDOW: usize = 5;

/// One thread starts recording n and stops recording n - WINDOW, for rising n. Two threads list the
/// recordings meanwhile. Each list required show the state of one moment: WINDOW or WINDOW + 1
/// consecutive recordings, every one that was started before the list, and none that was stopped
/// before it.
fn check_consistency(filter: FilterFields<'static>) {
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
    let list = || {
        let mut lists = 0;
        while !done.load(Ordering::SeqCst) {
            let (required, excluded) = (started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst));
            let found = scratch.list(HOST, &filter).unwrap();
            let may_be_missing = stopping.load(Ordering::SeqCst);
            let found: Vec<_> = found
                .into_iter()
                .filter(|recording| recording.device_name == "SEP1")
                .collect();
            // A recording whose id is not yet in `ids` is the newest one.
            let all = ids.lock().clone();
            let index_of = |id: &String| all.iter().position(|other| other == id).unwrap_or(all.len());
            let indices: Vec<_> = found.iter().map(|recording| index_of(&recording.id)).collect();
            assert!(
                indices.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                "not the state of one moment: {indices:?}"
            );
            assert!(
                indices.iter().all(|at| *at >= excluded),
                "stopped before the list: {indices:?} {excluded}"
            );
            assert!(
                (may_be_missing..required).all(|at| indices.contains(&at)),
                "a live recording is missing: {indices:?} {required}"
            );
            if required > WINDOW {
                assert!(
                    (WINDOW..=WINDOW + 1).contains(&indices.len()),
                    "not the state of one moment: {indices:?}"
                );
            }
            lists += 1;
        }
        lists
    };
    let lists: u32 = std::thread::scope(|scope| {
        let readers = [scope.spawn(list), scope.spawn(list)];
        work();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert!(lists > 0);
}

#[test]
fn a_full_list_is_consistent() {
    check_consistency(FilterFields::default());
}

#[test]
fn a_filtered_list_is_consistent() {
    check_consistency(FilterFields {
        number: Some("101"),
        ..FilterFields::default()
    });
}

#[test]
fn a_live_recording_can_be_looked_up() {
    let scratch = scratch_engine();
    let call = CallFields {
        tag: 42,
        call_id: Some("c"),
        ..by_user("SEP1", "101", "user1")
    };
    let (_, id) = scratch.recorded(&call);
    let recording = scratch.get(ADMIN, &id).unwrap();
    assert_eq!(
        (recording.id.as_str(), recording.state, recording.end_reason),
        (id.as_str(), REC_STATE_RECORDING, 0)
    );
    assert_eq!(
        (
            recording.call_tag,
            recording.call_id.as_str(),
            recording.username.as_str()
        ),
        (42, "c", "user1")
    );
    assert_eq!(
        (
            recording.path.as_str(),
            recording.digest.as_str(),
            recording.ended_at_ms
        ),
        ("", "", 0)
    );
    refused(scratch.get(ADMIN, SOME_ID), REC_ERR_NOT_LIVE);
}

#[test]
fn an_ended_recording_can_be_looked_up() {
    let scratch = scratch_engine();
    let (call, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_stop_by_id, ADMIN, &id).unwrap();
    // The recording stays known between its states.
    let state = scratch.get(ADMIN, &id).unwrap().state;
    assert!(
        matches!(state, REC_STATE_FINISHING | REC_STATE_FINISHED),
        "{state}"
    );
    let reported = scratch.events.wait_terminal(&id).recording.unwrap();
    end(call).unwrap();
    let recording = scratch.get(ADMIN, &id).unwrap();
    assert_eq!(
        (recording.state, recording.end_reason),
        (REC_STATE_FINISHED, REC_END_STOPPED)
    );
    assert_eq!(
        (&recording.path, &recording.digest),
        (&reported.path, &reported.digest)
    );
    assert!(std::path::Path::new(&recording.path).is_file());
    assert!(recording.ended_at_ms >= recording.started_at_ms);
}
