//! `GET LiveRecordings` without a filter, which is kept from one request to the next: it shows
//! every change, and the same as a list that is made anew, which is what every filter makes.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use callrec::capi::*;
use callrec_testkit::random::SeededRng;
use callrec_testkit::wait::until;

use super::*;
use crate::server::handle;
use crate::support::*;

/// The numeric user of every call here, so that a filter by it finds all recordings.
const EVERYONE: &str = "4711";

/// The body of a list; `filter` begins with `?` unless it is empty.
fn body(server: &TestServer, filter: &str) -> String {
    let response = request(server, "admin", "GET", &format!("LiveRecordings{filter}"), "");
    assert_eq!(response.status, 200);
    response.text().to_owned()
}

/// The list, which must be the same as one made anew at the same time.
fn checked_list(server: &TestServer) -> Value {
    let made_anew = || body(server, &format!("?numericUserId={EVERYONE}"));
    let mut before = made_anew();
    loop {
        let kept = body(server, "");
        let after = made_anew();
        // A duration may change between two lists, but never goes back.
        if before == after {
            assert_eq!(kept, before);
            return serde_json::from_str(&kept).unwrap();
        }
        before = after;
    }
}

/// The list of the ids and states, in the order of the list.
fn ids(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

fn begin(server: &TestServer, name: &str) -> rec_call {
    let call = CallFields {
        call_id: Some(name),
        device: Some(name),
        user: Some(name),
        numeric: Some(EVERYONE),
        phone: Some("+1555123456"),
        ..CallFields::default()
    };
    server.engine.begin(&call).unwrap()
}

fn start(server: &TestServer, call: &str) -> String {
    let start = StartFields {
        call_id: Some(call),
        flags: REC_START_ADDITIONAL,
        ..StartFields::default()
    };
    server.engine.start(None, &start).unwrap()
}

/// The list without the durations, which may have changed.
fn without_durations(list: &Value) -> Value {
    let mut list = list.clone();
    for item in list.as_array_mut().unwrap() {
        item["duration"].take();
    }
    list
}

#[test]
fn each_kind_of_change_is_in_the_next_list() {
    let server = TestServer::open(&[]);
    let call = begin(&server, "first");
    assert_eq!(checked_list(&server), json!([]));
    let first = start(&server, "first");
    begin(&server, "second");
    let second = start(&server, "second");
    let mut expected = without_durations(&checked_list(&server));
    assert_eq!(ids(&expected), [first.as_str(), &second]);
    let expect = |expected: &Value, what: &str| {
        assert_eq!(without_durations(&checked_list(&server)), *expected, "{what}");
    };
    for paused in [true, false] {
        let operation = if paused { rec_pause_by_id } else { rec_resume_by_id };
        server.engine.by_id(operation, None, &first).unwrap();
        expected[0]["isPaused"] = paused.into();
        expect(&expected, "pause and resume");
    }
    for private in [true, false] {
        checked(|e| unsafe { rec_call_private(call, private.into(), e) }).unwrap();
        expected[0]["isPaused"] = private.into();
        expect(&expected, "privacy");
    }
    for state in [REC_CALL_HELD, REC_CALL_CONNECTED] {
        let held = CallFields {
            state,
            ..CallFields::default()
        };
        held.update(call).unwrap();
        expect(&expected, "hold");
    }
    let transfer = CallFields {
        device: Some("other"),
        user: Some("anna \"the second\""),
        last: Some("Doe"),
        phone: Some("+39"),
        ..CallFields::default()
    };
    transfer.update(call).unwrap();
    expected[0]["localParty"]["username"] = "anna \"the second\"".into();
    expected[0]["remoteParty"] = json!({ "firstName": "", "lastName": "Doe", "phoneNumber": "+39" });
    expect(&expected, "transfer");
    let more = start(&server, "first");
    let list = checked_list(&server);
    assert_eq!(ids(&list), [first.as_str(), &second, &more]);
    server.engine.by_id(rec_stop_by_id, None, &second).unwrap();
    assert_eq!(ids(&checked_list(&server)), [first.as_str(), &more]);
    server.engine.by_id(rec_discard_by_id, None, &first).unwrap();
    assert_eq!(ids(&checked_list(&server)), [more.as_str()]);
    end(call).unwrap();
    assert_eq!(checked_list(&server), json!([]));
}

#[test]
fn a_duration_goes_on_while_nothing_else_changes() {
    let server = TestServer::open(&[("media.clock", "stream")]);
    let call = begin(&server, "first");
    let feeds = [REC_LEG_LOCAL, REC_LEG_REMOTE].map(|leg| feed(call, leg, REC_CODEC_PCMU, 0).unwrap());
    start(&server, "first");
    assert_eq!(checked_list(&server)[0]["duration"], "PT0S");
    let mut shown = vec!["PT0S".to_owned()];
    until("the duration is longer than a minute", || {
        feeds.iter().for_each(|feed| write_bytes(*feed, &[0xd5; 4000]));
        let list = checked_list(&server);
        let duration = list[0]["duration"].as_str().unwrap();
        if shown.last().is_none_or(|last| last != duration) {
            shown.push(duration.to_owned());
        }
        duration.len() > "PT1M5S".len()
    });
    let lengths: Vec<usize> = shown.iter().map(String::len).collect();
    assert!(
        lengths.contains(&"PT5S".len()) && lengths.contains(&"PT55S".len()),
        "{shown:?}"
    );
}

#[test]
fn whatever_happens_the_list_is_the_same_as_one_made_anew() {
    let server = TestServer::open(&[]);
    let mut random = SeededRng::new(13);
    let mut calls: Vec<(String, rec_call)> = Vec::new();
    let mut live: Vec<String> = Vec::new();
    let mut began = 0;
    for _ in 0..300 {
        if calls.is_empty() || random.below(8) == 0 {
            began += 1;
            let name = format!("call-{began}");
            let call = begin(&server, &name);
            calls.push((name, call));
        }
        let chosen = random.below(calls.len() as u64) as usize;
        let recording = match live.len() as u64 {
            0 => String::new(),
            count => live[random.below(count) as usize].clone(),
        };
        // Refusals, such as of a second pause, change nothing.
        match random.below(9) {
            0..=2 => live.push(start(&server, &calls[chosen].0)),
            3 => drop(server.engine.by_id(rec_pause_by_id, None, &recording)),
            4 => drop(server.engine.by_id(rec_resume_by_id, None, &recording)),
            5 => drop(server.engine.by_id(rec_stop_by_id, None, &recording)),
            6 => {
                let user = format!("user{}", random.below(100));
                let update = CallFields {
                    user: Some(&user),
                    ..CallFields::default()
                };
                update.update(calls[chosen].1).unwrap();
            }
            7 => {
                let on = random.below(2) as u32;
                checked(|e| unsafe { rec_call_private(calls[chosen].1, on, e) }).unwrap();
            }
            _ => end(calls.swap_remove(chosen).1).unwrap(),
        }
        if random.below(3) > 0 {
            checked_list(&server);
        }
    }
    checked_list(&server);
}

/// What one caller has done so far.
#[derive(Clone, Default)]
struct CallerProgress {
    /// Recordings whose stop has returned.
    stopped: Vec<String>,
    /// A recording whose start has returned and whose stop has not begun.
    live: Option<String>,
}

#[test]
fn a_list_has_what_had_started_before_it_and_nothing_that_had_stopped() {
    const CALLERS: usize = 3;
    let server = TestServer::open(&[]);
    let progress: Vec<Mutex<CallerProgress>> = (0..CALLERS).map(|_| Mutex::default()).collect();
    let snapshot = || -> Vec<CallerProgress> {
        let all = progress.iter();
        all.map(|caller| caller.lock().unwrap().clone()).collect()
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (server, progress) = (&server, &progress[caller]);
                scope.spawn(move || {
                    let name = format!("caller-{caller}");
                    begin(server, &name);
                    for _ in 0..150 {
                        let id = start(server, &name);
                        progress.lock().unwrap().live = Some(id.clone());
                        std::thread::yield_now();
                        progress.lock().unwrap().live = None;
                        server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
                        progress.lock().unwrap().stopped.push(id);
                    }
                })
            })
            .collect();
        let listers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (login, mut lists) = (basic("admin", "secret"), 0);
                    let path = format!("{BASE}LiveRecordings");
                    while !done.load(SeqCst) || lists == 0 {
                        let before = snapshot();
                        let headers = [("authorization", login.as_str())];
                        let response = handle(server.gateway, "GET", &path, &headers, "").unwrap();
                        let after = snapshot();
                        let list = response.json();
                        let listed = ids(&list);
                        for (before, after) in before.iter().zip(&after) {
                            let shown = before.stopped.iter().find(|id| listed.contains(&id.as_str()));
                            assert_eq!(shown, None, "it had stopped before");
                            if let Some(live) = before.live.as_ref().filter(|_| before.live == after.live) {
                                assert!(listed.contains(&live.as_str()), "{live} had started before");
                            }
                        }
                        lists += 1;
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        done.store(true, SeqCst);
        listers.into_iter().for_each(|lister| lister.join().unwrap());
    });
    let stopped: usize = snapshot().iter().map(|caller| caller.stopped.len()).sum();
    assert_eq!(stopped, CALLERS * 150);
}
