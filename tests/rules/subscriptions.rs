//! Subscriptions: the first subscriber receives the earlier events, callbacks may call almost
//! any function, and the user data is given back once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::gate::Gate;
use callrec_testkit::wait::until;
use callrec_testkit::watched::Watched;
use parking_lot::Mutex;

use super::scratch_engine::*;
use crate::support::*;

/// Opens an engine without a subscriber.
fn unsubscribed() -> ScratchEngine {
    let dir = ScratchDir::new();
    let engine = TestEngine::open_unsubscribed(&dir, &[]);
    ScratchEngine { engine, dir }
}

/// Records a call that begins and ends. The engine reports STARTED and FINISHED.
fn record_one(engine: &TestEngine) {
    let call = engine.begin(&line("SEP1", "101")).unwrap();
    engine.start(HOST, &on_device("SEP1")).unwrap();
    end(call).unwrap();
    until("the recording is finished", || {
        let stats = engine.stats();
        stats.live_recordings + stats.finishing_recordings == 0
    });
}

/// The kind and the sequence number of each event.
type ReceivedKinds = Arc<Watched<Vec<(i32, u64)>>>;

fn collect_kinds(engine: rec_engine) -> (ClosureSubscription, ReceivedKinds) {
    let received = ReceivedKinds::default();
    let into = received.clone();
    let subscription = subscribe(engine, move |event| into.push((event.kind, event.sequence))).unwrap();
    (subscription, received)
}

fn kinds(received: &ReceivedKinds) -> Vec<i32> {
    received.lock().iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn events_wait_for_the_first_subscriber() {
    let engine = unsubscribed();
    record_one(&engine);
    let (first, received) = collect_kinds(engine.handle);
    received.wait_until("two events", |events| events.len() == 2);
    assert_eq!(kinds(&received), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    // A second subscriber receives only later events.
    let (second, later) = collect_kinds(engine.handle);
    record_one(&engine);
    close(engine.handle).unwrap();
    assert_eq!(kinds(&received).len(), 4);
    assert_eq!(kinds(&later), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    assert!(received.lock().windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert_eq!((first.freed(), second.freed()), (1, 1));
}

#[test]
fn every_subscriber_receives_every_event() {
    let engine = unsubscribed();
    let all: Vec<_> = (0..3).map(|_| collect_kinds(engine.handle)).collect();
    record_one(&engine);
    close(engine.handle).unwrap();
    for (subscription, received) in all {
        assert_eq!(kinds(&received), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
        assert_eq!(subscription.freed(), 1);
    }
}

#[test]
fn unsubscribing_waits_for_a_running_callback_and_frees_once() {
    let engine = unsubscribed();
    let (entered, inside) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let returned = Arc::new(AtomicBool::new(false));
    let returning = returned.clone();
    let subscription = subscribe(engine.handle, move |_| {
        let _ = entered.send(());
        let _ = gate.lock().recv();
        returning.store(true, Ordering::SeqCst);
    })
    .unwrap();
    record_one(&engine);
    inside.recv().unwrap();
    std::thread::scope(|scope| {
        let unsubscribing = scope.spawn(|| {
            let status = subscription.end();
            // Both must be true as soon as it returns.
            (status, returned.load(Ordering::SeqCst), subscription.freed())
        });
        // Gives it time to return too early. Nothing depends on how long this takes.
        for _ in 0..30 {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
            assert_eq!((unsubscribing.is_finished(), subscription.freed()), (false, 0));
        }
        drop(release);
        assert_eq!(unsubscribing.join().unwrap(), (REC_OK, true, 1));
    });
    assert!(
        inside.try_recv().is_err(),
        "a callback ran after the unsubscription"
    );
    close(engine.handle).unwrap();
    assert_eq!(subscription.freed(), 1);
    assert_eq!(subscription.end(), REC_ERR_BAD_HANDLE);
}

#[test]
fn no_event_is_delivered_after_unsubscribing() {
    let engine = unsubscribed();
    let (subscription, received) = collect_kinds(engine.handle);
    assert_eq!((subscription.end(), subscription.freed()), (REC_OK, 1));
    record_one(&engine);
    close(engine.handle).unwrap();
    assert_eq!((received.lock().len(), subscription.freed()), (0, 1));
}

#[test]
fn a_callback_may_end_its_own_subscription() {
    let engine = unsubscribed();
    let own = Arc::new(Mutex::new(None::<rec_subscription>));
    let (sender, results) = mpsc::channel();
    let freed = Arc::new(Mutex::new(None::<Arc<AtomicU32>>));
    let (handle, count) = (own.clone(), freed.clone());
    let subscription = subscribe(engine.handle, move |_| {
        let Some(handle) = *handle.lock() else { return };
        let first = unsafe { rec_unsubscribe(handle) };
        let second = unsafe { rec_unsubscribe(handle) };
        // The library frees the data only after this callback has returned.
        let freed = count.lock().as_ref().map(|count| count.load(Ordering::SeqCst));
        let _ = sender.send((first, second, freed));
    })
    .unwrap();
    *freed.lock() = Some(subscription.freed.clone());
    *own.lock() = Some(subscription.handle);
    record_one(&engine);
    assert_eq!(results.recv().unwrap(), (REC_OK, REC_ERR_BAD_HANDLE, Some(0)));
    until("the data is freed", || subscription.freed() == 1);
    close(engine.handle).unwrap();
    assert!(results.try_recv().is_err(), "the callback was called again");
    assert_eq!(subscription.freed(), 1);
}

#[test]
fn a_callback_may_end_another_subscription() {
    let engine = unsubscribed();
    let (other, received) = collect_kinds(engine.handle);
    let other_handle = other.handle;
    let (sender, results) = mpsc::channel();
    subscribe(engine.handle, move |_| {
        let _ = sender.send(unsafe { rec_unsubscribe(other_handle) });
    })
    .unwrap();
    record_one(&engine);
    assert_eq!(results.recv().unwrap(), REC_OK);
    close(engine.handle).unwrap();
    assert!(
        received.lock().len() <= 1,
        "at most one event was delivered before the unsubscription"
    );
    assert_eq!(other.freed(), 1);
}

#[test]
fn closing_ends_a_subscription() {
    let engine = unsubscribed();
    let (subscription, _) = collect_kinds(engine.handle);
    close(engine.handle).unwrap();
    assert_eq!(
        (subscription.end(), subscription.freed()),
        (REC_ERR_BAD_HANDLE, 1)
    );
}

#[test]
fn a_callback_may_not_close_the_engine() {
    let engine = unsubscribed();
    let handle = engine.handle;
    let (sender, results) = mpsc::channel();
    subscribe(handle, move |_| {
        let _ = sender.send(checked(|e| unsafe { rec_close(handle, 60_000, e) }));
    })
    .unwrap();
    record_one(&engine);
    refused(results.recv().unwrap(), REC_ERR_IN_CALLBACK);
    // The engine is still open.
    record_one(&engine);
    close(handle).unwrap();
}

#[test]
fn a_callback_may_control_recordings() {
    let engine = unsubscribed();
    let handle = engine.handle;
    let (sender, results) = mpsc::channel();
    subscribe(handle, move |event| {
        if event.kind != REC_EVENT_STARTED {
            return;
        }
        let id = CText::from(id_of(event).as_str());
        let by_id = |op: ById| checked(|e| unsafe { op(handle, std::ptr::null(), id.ptr(), e) });
        let _ = sender.send((
            by_id(rec_pause_by_id),
            by_id(rec_stop_by_id),
            by_id(rec_stop_by_id),
        ));
    })
    .unwrap();
    engine.begin(&line("SEP1", "101")).unwrap();
    engine.start(HOST, &on_device("SEP1")).unwrap();
    let (paused, stopped, again) = results.recv().unwrap();
    assert_eq!((paused, stopped), (Ok(()), Ok(())));
    refused(again, REC_ERR_NOT_LIVE);
    close(handle).unwrap();
}

/// A subscription that begins while the engine closes is either refused, or ends with the engine and
/// its data is freed once.
#[test]
fn subscribing_may_race_with_closing() {
    for _ in 0..60 {
        let engine = unsubscribed();
        let handle = engine.handle;
        let all = std::thread::scope(|scope| {
            let subscriber = || {
                let mut all = Vec::new();
                while let Ok(subscription) = subscribe(handle, |_| {}) {
                    all.push(subscription);
                }
                all
            };
            let subscribers: Vec<_> = (0..8).map(|_| scope.spawn(subscriber)).collect();
            close(handle).unwrap();
            let all = subscribers.into_iter().flat_map(|thread| thread.join().unwrap());
            all.collect::<Vec<_>>()
        });
        for subscription in &all {
            let (status, freed) = (subscription.end(), subscription.freed());
            assert_eq!((status, freed), (REC_ERR_BAD_HANDLE, 1), "of {}", all.len());
        }
    }
}

/// A callback blocks while the queue fills up. Events that are not terminal are dropped, which leaves
/// a gap in the sequence numbers. Terminal events are delivered.
#[test]
fn a_full_queue_drops_only_events_that_are_not_terminal() {
    const QUEUE_LENGTH: usize = 65_536;
    let scratch = scratch_engine_with(&[("recordings.max", "1")]);
    let (gate, received) = (Arc::new(Gate::new_shut()), ReceivedKinds::default());
    let (callback_gate, into) = (gate.clone(), received.clone());
    subscribe(scratch.handle, move |event| {
        into.push((event.kind, event.sequence));
        callback_gate.pass();
    })
    .unwrap();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    gate.wait_for_blocked(1);
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let mut failed = 0;
    // Each call causes one START_FAILED, without a write to the disk.
    while scratch.stats().events_dropped == 0 {
        for _ in 0..1000 {
            end(scratch.begin(&line("AUTO", "102")).unwrap()).unwrap();
            failed += 1;
        }
        assert!(failed < 2_000_000, "no event was dropped");
    }
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    until("the recording is published", || {
        scratch.stats().finishing_recordings == 0
    });
    gate.open();
    scratch.finish();
    let received = received.lock();
    let finished: Vec<_> = received
        .iter()
        .filter(|(kind, _)| *kind == REC_EVENT_FINISHED)
        .collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(received.last().unwrap().0, REC_EVENT_FINISHED);
    assert!(
        received.windows(2).all(|pair| pair[0].1 < pair[1].1),
        "the sequence numbers increase"
    );
    assert!(
        received.windows(2).any(|pair| pair[0].1 + 1 < pair[1].1),
        "the sequence numbers have a gap"
    );
    // The event of the blocked callback, and the queued events.
    assert!(received.len() <= QUEUE_LENGTH + 1, "{}", received.len());
    assert!(received.len() >= QUEUE_LENGTH / 2, "{}", received.len());
}
