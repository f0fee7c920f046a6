//! Events of calls. Only subscriptions with REC_SUBSCRIBE_CALLS receive them. They arrive in order,
//! and an observer can keep an exact view of the calls from them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callrec::capi::*;
use callrec_testkit::gate::Gate;
use callrec_testkit::wait::until;
use callrec_testkit::watched::Watched;
use parking_lot::Mutex;

use super::scratch_engine::*;
use crate::support::*;

/// A copy of an event of a call or of its recordings.
#[derive(Clone, Debug)]
struct CallEventCopy {
    kind: i32,
    flags: u32,
    sequence: u64,
    number: u64,
    tag: u64,
    /// The state, device, username, privacy and end reason of the call.
    call: Option<(i32, String, String, u32, i32)>,
    /// The further ids and the parties of the call.
    lists: Option<[serde_json::Value; 2]>,
    json: serde_json::Value,
}

type CallEventCopies = Arc<Watched<Vec<CallEventCopy>>>;

fn copy_of(event: &rec_event) -> CallEventCopy {
    let call = unsafe { event.call.as_ref() };
    if let Some(call) = call {
        assert_eq!((call.number, call.tag), (event.call_number, event.call_tag));
        assert_eq!(call.struct_size as usize, size_of::<rec_call_view>());
    }
    CallEventCopy {
        kind: event.kind,
        flags: event.flags,
        sequence: event.sequence,
        number: event.call_number,
        tag: event.call_tag,
        call: call.map(|call| {
            (
                call.state,
                string(call.device_name),
                string(call.username),
                call.is_private,
                call.end_reason,
            )
        }),
        lists: call.map(|call| {
            let lists = [call.related_call_ids_json, call.parties_json];
            lists.map(|list| serde_json::from_str(&string(list)).unwrap())
        }),
        json: serde_json::from_str(&string(event.json)).unwrap(),
    }
}

fn observe(scratch: &ScratchEngine) -> (ClosureSubscription, CallEventCopies) {
    let lines = CallEventCopies::default();
    let into = lines.clone();
    let subscription = subscribe_with(scratch.handle, REC_SUBSCRIBE_CALLS, move |event| {
        into.push(copy_of(event));
    });
    (subscription.unwrap(), lines)
}

fn is_call_event(kind: i32) -> bool {
    (REC_EVENT_CALL_BEGAN..=REC_EVENT_CALL_ENDED).contains(&kind)
}

/// A view of the live calls, kept as the documentation recommends.
#[derive(Default)]
struct CallObserver {
    calls: HashMap<u64, (i32, String)>,
    sequence: u64,
    gaps: u64,
}

impl CallObserver {
    fn apply(&mut self, line: &CallEventCopy) {
        if self.sequence != 0 {
            assert!(line.sequence > self.sequence, "{line:?}");
            self.gaps += line.sequence - self.sequence - 1;
        }
        self.sequence = line.sequence;
        let state_of = |line: &CallEventCopy| line.call.clone().map(|(state, device, ..)| (state, device));
        match line.kind {
            REC_EVENT_CALL_BEGAN => {
                let before = self.calls.insert(line.number, state_of(line).unwrap());
                assert!(before.is_none(), "began twice: {line:?}");
            }
            REC_EVENT_CALL_UPDATED => {
                let before = self.calls.insert(line.number, state_of(line).unwrap());
                assert!(before.is_some(), "never began: {line:?}");
            }
            REC_EVENT_CALL_ENDED => {
                assert!(self.calls.remove(&line.number).is_some(), "never began: {line:?}");
            }
            _ => {}
        }
    }
}

/// The lists of the struct are those of the event's JSON, which leaves out empty ones.
#[test]
fn the_struct_of_a_call_has_its_lists() {
    let scratch = scratch_engine();
    let (_subscription, lines) = observe(&scratch);
    let call = scratch.begin(&line("SEP1", "101")).unwrap();
    let other = CallFields {
        related: Some("other-leg"),
        ..CallFields::default()
    };
    other.update(call).unwrap();
    let ada = CText::from(Some(r#"[{"name":"Ada"}]"#));
    checked(|e| unsafe { rec_call_parties(call, REC_LEG_REMOTE, ada.ptr(), e) }).unwrap();
    checked(|e| unsafe { rec_call_parties(call, REC_LEG_REMOTE, std::ptr::null(), e) }).unwrap();
    end(call).unwrap();
    let (_plain, _dir) = scratch.finish();
    let lines = lines.lock().clone();
    let calls: Vec<_> = lines.iter().filter(|line| is_call_event(line.kind)).collect();
    assert_eq!(calls.len(), 5);
    for event in &calls {
        let [ids, parties] = event.lists.as_ref().expect("a call");
        let found = |name: &str| {
            event.json["call"]
                .get(name)
                .cloned()
                .unwrap_or(serde_json::json!([]))
        };
        assert_eq!((ids, parties), (&found("related_call_ids"), &found("parties")));
    }
    let parties = |n: usize| calls[n].lists.as_ref().map(|[_, parties]| parties.clone());
    assert_eq!(parties(1), Some(serde_json::json!([])));
    for (n, has_left) in [(2, false), (3, true), (4, true)] {
        let stay = parties(n).expect("a call")[0].clone();
        assert_eq!(
            (&stay["leg"], &stay["party"]["name"]),
            (&"remote".into(), &"Ada".into())
        );
        assert_eq!(stay["to_ms"].is_i64(), has_left, "event {n}");
    }
    assert_eq!(
        calls[4].lists.as_ref().unwrap()[0],
        serde_json::json!(["other-leg"])
    );
}

#[test]
fn the_events_of_a_call_arrive_in_order() {
    let scratch = scratch_engine();
    let (_subscription, lines) = observe(&scratch);
    scratch.line(Some("SEP1"), None, REC_LINE_AUTOMATIC).unwrap();
    let call = scratch
        .begin(&CallFields {
            tag: 7,
            user: Some("user1"),
            attributes: Some(r#"{"case":"7"}"#),
            ..line("SEP1", "101")
        })
        .unwrap();
    state(REC_CALL_HELD).update(call).unwrap();
    // Not a change.
    state(REC_CALL_HELD).update(call).unwrap();
    let transferred = CallFields {
        device: Some("SEP2"),
        user: Some("user2"),
        ..state(REC_CALL_CONNECTED)
    };
    transferred.update(call).unwrap();
    checked(|e| unsafe { rec_call_private(call, 1, e) }).unwrap();
    checked(|e| unsafe { rec_call_private(call, 1, e) }).unwrap();
    end(call).unwrap();
    let (plain, _dir) = scratch.finish();
    let lines = lines.lock().clone();
    let call_events: Vec<&CallEventCopy> = lines.iter().filter(|line| is_call_event(line.kind)).collect();
    let facts = |device: &str, user: &str, state, private, reason| {
        Some((state, device.to_owned(), user.to_owned(), private, reason))
    };
    let received: Vec<_> = call_events
        .iter()
        .map(|line| (line.kind, line.call.clone(), line.json["changed"].clone()))
        .collect();
    let expected = [
        (
            REC_EVENT_CALL_BEGAN,
            facts("SEP1", "user1", REC_CALL_CONNECTED, 0, 0),
            None,
        ),
        (
            REC_EVENT_CALL_UPDATED,
            facts("SEP1", "user1", REC_CALL_HELD, 0, 0),
            Some(vec!["state"]),
        ),
        (
            REC_EVENT_CALL_UPDATED,
            facts("SEP2", "user2", REC_CALL_CONNECTED, 0, 0),
            Some(vec!["state", "device_name", "username"]),
        ),
        (
            REC_EVENT_CALL_UPDATED,
            facts("SEP2", "user2", REC_CALL_CONNECTED, 1, 0),
            Some(vec!["private"]),
        ),
        (
            REC_EVENT_CALL_ENDED,
            facts("SEP2", "user2", REC_CALL_CONNECTED, 1, REC_END_CALL_ENDED),
            None,
        ),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(kind, call, changed)| (kind, call, serde_json::json!(changed)))
        .collect();
    assert_eq!(received, expected);
    let number = call_events[0].number;
    assert!(
        number != 0
            && call_events
                .iter()
                .all(|line| line.number == number && line.tag == 7)
    );
    let json = &call_events[0].json;
    assert_eq!(
        (&json["event"], &json["call_number"]),
        (&"call-began".into(), &number.into())
    );
    assert_eq!(
        (&json["call"]["state"], &json["call"]["tag"]),
        (&"connected".into(), &7.into())
    );
    assert_eq!(json["call"]["attributes"]["case"], "7");
    assert_eq!(call_events[4].json["end_reason"], "call-ended");
    // The events of the automatic recording have the same call, and follow its beginning.
    let began = lines.iter().position(|line| line.kind == REC_EVENT_CALL_BEGAN);
    let started = lines.iter().position(|line| line.kind == REC_EVENT_STARTED);
    assert!(began.unwrap() < started.unwrap(), "{lines:#?}");
    assert!(lines.iter().all(|line| line.number == number));
    // Sequence numbers have no gap, with the flag and without it.
    let is_consecutive = |all: Vec<u64>| all.windows(2).all(|pair| pair[1] == pair[0] + 1);
    assert!(is_consecutive(lines.iter().map(|line| line.sequence).collect()));
    let plain = plain.all();
    assert!(plain.iter().all(|event| !is_call_event(event.kind)), "{plain:#?}");
    assert_eq!(plain.len() + call_events.len(), lines.len());
    assert!(is_consecutive(plain.iter().map(|event| event.sequence).collect()));
}

#[test]
fn a_subscription_without_the_flag_receives_no_call_events() {
    let scratch = scratch_engine();
    let received = CallEventCopies::default();
    let into = received.clone();
    let _subscription = subscribe_with(scratch.handle, 0, move |event| into.push(copy_of(event))).unwrap();
    let (_call, id) = scratch.recorded(&line("SEP1", "101"));
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    let (events, _dir) = scratch.finish();
    let kinds: Vec<i32> = received.lock().iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    let all: Vec<u64> = events.all().iter().map(|event| event.sequence).collect();
    assert_eq!(
        received
            .lock()
            .iter()
            .map(|line| line.sequence)
            .collect::<Vec<_>>(),
        all
    );
}

#[test]
fn unknown_subscription_flags_are_refused() {
    let scratch = scratch_engine();
    for flags in [2, 3, 1 << 31] {
        let refused = refused(
            subscribe_with(scratch.handle, flags, |_| {}),
            REC_ERR_INVALID_ARGUMENT,
        );
        assert!(refused.message.contains("options.flags"), "{refused:?}");
    }
}

/// The live calls come first, then the changes. Threads begin, change and end calls meanwhile.
#[test]
fn a_late_observer_has_an_exact_view() {
    const THREADS: usize = 3;
    let scratch = scratch_engine();
    let first = scratch.begin(&line("kept", "1")).unwrap();
    let stop = AtomicBool::new(false);
    let (last, lines) = std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scratch, stop) = (&scratch, &stop);
            scope.spawn(move || {
                loop {
                    let number = thread.to_string();
                    let call = scratch.begin(&line("busy", &number)).unwrap();
                    state(REC_CALL_HELD).update(call).unwrap();
                    state(REC_CALL_CONNECTED).update(call).unwrap();
                    // The last call of each thread stays live.
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    end(call).unwrap();
                }
            });
        }
        // Ends the threads also if an assertion fails.
        let _stop = StopOnDrop(&stop);
        // Each subscription begins while calls change.
        for _ in 0..150 {
            let (subscription, lines) = observe(&scratch);
            lines.wait_until("more than 60 events", |lines| lines.len() > 60);
            assert_eq!(subscription.end(), REC_OK);
            assert_exact_view(&lines.lock());
        }
        observe(&scratch)
    });
    lines.wait_until("the last state of every call", |lines| {
        let calls = assert_exact_view(lines).calls;
        calls.len() == 1 + THREADS && calls.values().all(|(state, _)| *state == REC_CALL_CONNECTED)
    });
    end(first).unwrap();
    let (_, _dir) = scratch.finish();
    let lines = lines.lock();
    let observer = assert_exact_view(&lines);
    assert_eq!((observer.calls.len(), observer.gaps), (0, 0));
    // Closing the engine ended the calls that the threads had left.
    let closed = lines.iter().filter(|line| {
        let reason = line.call.as_ref().map(|(.., reason)| *reason);
        line.kind == REC_EVENT_CALL_ENDED && reason == Some(REC_END_ENGINE_CLOSED)
    });
    assert_eq!(closed.count(), THREADS);
    assert_eq!(last.freed(), 1);
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Applies all events. Checks that the live calls come first, in the order in which they began.
fn assert_exact_view(lines: &[CallEventCopy]) -> CallObserver {
    let is_live = |line: &&CallEventCopy| line.flags == REC_EVENT_FLAG_LIVE;
    let live: Vec<u64> = lines.iter().take_while(is_live).map(|line| line.number).collect();
    assert!(live.windows(2).all(|pair| pair[0] < pair[1]), "{live:?}");
    assert_eq!(lines.iter().filter(is_live).count(), live.len());
    let mut observer = CallObserver::default();
    lines.iter().for_each(|line| observer.apply(line));
    observer
}

/// Every call has one event of its beginning and then one of its end.
#[test]
fn every_call_that_began_ends_once() {
    let scratch = scratch_engine();
    let (_subscription, lines) = observe(&scratch);
    let calls = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (scratch, calls) = (&scratch, &calls);
            scope.spawn(move || {
                for round in 0..200 {
                    let call = scratch
                        .begin(&line("SEP1", &format!("{thread}-{round}")))
                        .unwrap();
                    calls.lock().push(call);
                    // Several threads try to end the same calls; one succeeds with each.
                    let call = calls.lock().get(round / 2).copied();
                    let _ = call.map(end);
                }
            });
        }
    });
    let (_, _dir) = scratch.finish();
    let mut kinds_of: HashMap<u64, Vec<i32>> = HashMap::new();
    for line in lines.lock().iter() {
        kinds_of.entry(line.number).or_default().push(line.kind);
    }
    assert_eq!(kinds_of.len(), 800);
    for kinds in kinds_of.values() {
        assert_eq!(kinds, &[REC_EVENT_CALL_BEGAN, REC_EVENT_CALL_ENDED]);
    }
}

/// A blocked callback does not delay calls. Events beyond the queue are dropped, which leaves a gap
/// in the sequence numbers. A new subscription has an exact view again.
#[test]
fn a_slow_observer_sees_a_gap_and_recovers_by_resubscribing() {
    const CALLS: usize = 33_000;
    let scratch = scratch_engine();
    let first = scratch.begin(&line("kept", "1")).unwrap();
    let gate = Arc::new(Gate::new_shut());
    let received = Arc::<Watched<Vec<(i32, u64)>>>::default();
    let (callback_gate, into) = (gate.clone(), received.clone());
    let slow = subscribe_with(scratch.handle, REC_SUBSCRIBE_CALLS, move |event| {
        callback_gate.pass();
        into.push((event.kind, event.sequence));
    })
    .unwrap();
    for _ in 0..CALLS {
        let call = scratch.begin(&line("SEP1", "101")).unwrap();
        end(call).unwrap();
    }
    let last = scratch.begin(&line("last", "2")).unwrap();
    assert!(scratch.stats().events_dropped > 0);
    gate.open();
    // The queue has free space again.
    until("the observer has caught up", || received.lock().len() > 65_536);
    state(REC_CALL_HELD).update(first).unwrap();
    until("the update has been received", || {
        received.lock().last().map(|(kind, _)| *kind) == Some(REC_EVENT_CALL_UPDATED)
    });
    let received = received.lock();
    let missing = received.windows(2).map(|pair| pair[1].1 - pair[0].1 - 1);
    let gap: u64 = missing.sum();
    assert_eq!(gap, scratch.stats().events_dropped);
    drop(received);
    assert_eq!(slow.end(), REC_OK);
    let (_subscription, lines) = observe(&scratch);
    end(last).unwrap();
    lines.wait_until("three events", |lines| lines.len() == 3);
    let mut observer = CallObserver::default();
    lines.lock().iter().for_each(|line| observer.apply(line));
    let view: Vec<_> = observer.calls.into_values().collect();
    assert_eq!(view, [(REC_CALL_HELD, "kept".to_owned())]);
    end(first).unwrap();
    let (events, _dir) = scratch.finish();
    assert_eq!(
        events.all().len(),
        0,
        "a subscription without the flag received call events"
    );
}
