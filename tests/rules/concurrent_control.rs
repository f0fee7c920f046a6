//! Several threads control the recordings of the same few lines. The results must agree with the
//! events, the statistics and the files.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::random::SeededRng;
use callrec_testkit::tree::{assert_settled, files_with_extension};
use callrec_testkit::wait::until;
use parking_lot::Mutex;

use super::scratch_engine::*;
use crate::support::*;

const LINES: [(&str, &str, &str); 4] = [
    ("SEP1", "101", "c1"),
    ("SEP1", "102", "c2"),
    ("SEP2", "101", "c1"),
    ("SEP3", "103", "c3"),
];
const THREADS: u64 = 8;

/// The successful requests of all threads.
#[derive(Default)]
struct ControlTotals {
    started: Mutex<Vec<String>>,
    /// Successful stops and discards by id: exactly one for each recording.
    ended_by_id: Mutex<HashMap<String, u32>>,
    /// The recordings stopped by device and by call.
    stopped: AtomicU64,
    lists: AtomicU64,
}

#[track_caller]
fn allowed<T>(result: AbiResult<T>, refusals: &[rec_status]) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(refusal) if refusals.contains(&refusal.status) => None,
        Err(refusal) => panic!("{refusal:?}"),
    }
}

fn step(scratch: &ScratchEngine, totals: &ControlTotals, rng: &mut SeededRng) {
    let (device, number, call) = LINES[rng.index(LINES.len())];
    let known = {
        let started = totals.started.lock();
        let recent = started.len().saturating_sub(12);
        (recent < started.len()).then(|| started[recent + rng.index(started.len() - recent)].clone())
    };
    match rng.index(8) {
        0 | 1 => {
            // Lets the disk catch up.
            if scratch.stats().finishing_recordings > 200 {
                return;
            }
            let start = StartFields {
                number: Some(number),
                ..on_device(device)
            };
            let start = if rng.index(2) == 0 {
                start
            } else {
                additional(start)
            };
            let id = allowed(scratch.start(HOST, &start), &[REC_ERR_ALREADY_RECORDING]);
            totals.started.lock().extend(id);
        }
        2 => {
            let op = [rec_stop_by_id as ById, rec_discard_by_id][rng.index(2)];
            let Some(id) = known else { return };
            if allowed(scratch.by_id(op, HOST, &id), &[REC_ERR_NOT_LIVE]).is_some() {
                *totals.ended_by_id.lock().entry(id).or_default() += 1;
            }
        }
        3 => {
            let result = match rng.index(3) {
                0 => scratch.stop_by_device(HOST, Some(device), None),
                1 => scratch.stop_by_device(HOST, None, Some(number)),
                _ => scratch.stop_by_call(HOST, call, None),
            };
            if let Some((changed, _, refused)) = allowed(result, &[REC_ERR_NOT_LIVE]) {
                totals.stopped.fetch_add(changed.into(), Ordering::Relaxed);
                assert_eq!(refused, 0);
            }
        }
        4 => {
            let refusals = [REC_ERR_NOT_LIVE, REC_ERR_ALREADY_PAUSED];
            if rng.index(2) == 0 {
                allowed(
                    scratch.by_device(rec_pause_by_device, HOST, Some(device), Some(number)),
                    &refusals,
                );
            } else if let Some(id) = known {
                allowed(scratch.by_id(rec_pause_by_id, HOST, &id), &refusals);
            }
        }
        5 => {
            let refusals = [REC_ERR_NOT_LIVE, REC_ERR_NOT_PAUSED];
            allowed(scratch.by_call(rec_resume_by_call, HOST, call), &refusals);
        }
        6 => {
            let live = scratch.live_ids();
            let mut unique = live.clone();
            unique.sort();
            unique.dedup();
            assert_eq!(live.len(), unique.len(), "a list has a recording twice");
            totals.lists.fetch_add(1, Ordering::Relaxed);
        }
        _ => {
            let filter = FilterFields {
                device: Some(device),
                number: Some(number),
                ..FilterFields::default()
            };
            for recording in scratch.list(HOST, &filter).unwrap() {
                assert_eq!(
                    (
                        recording.device_name.as_str(),
                        recording.directory_number.as_str()
                    ),
                    (device, number)
                );
            }
            if let Some(id) = known {
                assert_eq!(scratch.get(HOST, &id).unwrap().id, id);
            }
        }
    }
}

#[test]
fn concurrent_requests_agree_with_events_and_files() {
    let scratch = scratch_engine();
    for (device, number, call) in LINES {
        scratch
            .begin(&CallFields {
                call_id: Some(call),
                ..line(device, number)
            })
            .unwrap();
    }
    let totals = ControlTotals::default();
    let until = Instant::now() + Duration::from_secs(3);
    std::thread::scope(|scope| {
        for seed in 1..=THREADS {
            let (scratch, totals) = (&scratch, &totals);
            scope.spawn(move || {
                let mut rng = SeededRng::scattered(seed);
                while Instant::now() < until {
                    step(scratch, totals, &mut rng);
                }
            });
        }
    });
    let started = totals.started.into_inner();
    let ended_by_id = totals.ended_by_id.into_inner();
    assert!(
        started.len() > 50 && totals.lists.into_inner() > 50,
        "{} started",
        started.len()
    );
    // One stop by id succeeds for each recording. Recordings that were not stopped are live.
    assert!(ended_by_id.values().all(|count| *count == 1), "{ended_by_id:?}");
    let stopped = ended_by_id.len() as u64 + totals.stopped.into_inner();
    assert_eq!(scratch.stats().live_recordings, started.len() as u64 - stopped);
    assert_eq!(scratch.live().len() as u64, started.len() as u64 - stopped);
    let mut last = 0;
    for call in ["c1", "c2", "c3"] {
        last += scratch.stop_by_call(HOST, call, None).unwrap().0;
    }
    assert_eq!(u64::from(last) + stopped, started.len() as u64);
    assert!(scratch.live().is_empty());
    wait_for_empty(&scratch);
    let (events, dir) = scratch.finish();
    check_events(&events.all(), &started);
    // Every finished recording that was not discarded has a file.
    let has_file = |event: &&ReceivedEvent| {
        event.kind == REC_EVENT_FINISHED
            && event
                .recording
                .as_ref()
                .is_some_and(|r| r.end_reason != REC_END_DISCARDED)
    };
    assert_eq!(
        files_with_extension(&dir, "wav").len(),
        events.all().iter().filter(has_file).count()
    );
    assert_settled(&dir.0);
}

fn wait_for_empty(scratch: &ScratchEngine) {
    until("every recording has finished", || {
        let stats = scratch.stats();
        stats.live_recordings + stats.finishing_recordings == 0
    });
    assert_eq!(scratch.stats().events_dropped, 0);
}

/// Checks the events of each recording: STARTED, then PAUSED and RESUMED alternately, then FINISHED.
fn check_events(all: &[ReceivedEvent], started: &[String]) {
    assert!(all.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    let mut kinds: HashMap<&str, Vec<i32>> = HashMap::new();
    for event in all {
        kinds.entry(event.id()).or_default().push(event.kind);
    }
    assert_eq!(kinds.len(), started.len());
    for id in started {
        let kinds = &kinds[id.as_str()];
        let (first, last) = (kinds[0], kinds[kinds.len() - 1]);
        assert_eq!(
            (first, last),
            (REC_EVENT_STARTED, REC_EVENT_FINISHED),
            "{id}: {kinds:?}"
        );
        for (n, kind) in kinds[1..kinds.len() - 1].iter().enumerate() {
            let expected = [REC_EVENT_PAUSED, REC_EVENT_RESUMED][n % 2];
            assert_eq!(*kind, expected, "{id}: {kinds:?}");
        }
    }
}
