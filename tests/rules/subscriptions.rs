//! Subscriptions: the first subscriber receives the earlier events, callbacks may call almost
//! any function, and the user data is given back once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;
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
    stats_until(engine, "the recording is finished", |stats| {
        stats.live_recordings + stats.finishing_recordings == 0
    });
}

fn stats_until(engine: &TestEngine, what: &str, holds: impl Fn(&rec_statistics) -> bool) {
    until(what, || holds(&engine.stats()));
}

type ToldKinds = Arc<Mutex<Vec<(i32, u64)>>>;

fn hear(engine: rec_engine) -> (ClosureSubscription, ToldKinds) {
    let heard = ToldKinds::default();
    let into = heard.clone();
    let listening = subscribe(engine, move |event| {
        into.lock().push((event.kind, event.sequence))
    })
    .unwrap();
    (listening, heard)
}

fn kinds(heard: &ToldKinds) -> Vec<i32> {
    heard.lock().iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn events_wait_for_the_first_subscriber() {
    let engine = unsubscribed();
    record_one(&engine);
    let (first, heard) = hear(engine.handle);
    until("all is told", || heard.lock().len() == 2);
    assert_eq!(kinds(&heard), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    // A second one hears what comes from here on.
    let (second, later) = hear(engine.handle);
    record_one(&engine);
    close(engine.handle).unwrap();
    assert_eq!(kinds(&heard).len(), 4);
    assert_eq!(kinds(&later), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    assert!(heard.lock().windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert_eq!((first.freed(), second.freed()), (1, 1));
}

#[test]
fn every_subscriber_is_told_everything() {
    let engine = unsubscribed();
    let all: Vec<_> = (0..3).map(|_| hear(engine.handle)).collect();
    record_one(&engine);
    close(engine.handle).unwrap();
    for (listening, heard) in all {
        assert_eq!(kinds(&heard), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
        assert_eq!(listening.freed(), 1);
    }
}

#[test]
fn unsubscribing_waits_for_a_running_callback_and_frees_once() {
    let engine = unsubscribed();
    let (entered, inside) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let returned = Arc::new(AtomicBool::new(false));
    let returning = returned.clone();
    let listening = subscribe(engine.handle, move |_| {
        let _ = entered.send(());
        let _ = gate.lock().recv();
        returning.store(true, Ordering::SeqCst);
    })
    .unwrap();
    record_one(&engine);
    inside.recv().unwrap();
    std::thread::scope(|scope| {
        let unsubscribing = scope.spawn(|| {
            let status = listening.end();
            // Both are so when it returns, not some time after.
            (status, returned.load(Ordering::SeqCst), listening.freed())
        });
        // A moment in which it could wrongly return; nothing depends on its length.
        for _ in 0..30 {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
            assert_eq!((unsubscribing.is_finished(), listening.freed()), (false, 0));
        }
        drop(let_go);
        assert_eq!(unsubscribing.join().unwrap(), (REC_OK, true, 1));
    });
    assert!(
        inside.try_recv().is_err(),
        "no callback after it, FINISHED waited"
    );
    close(engine.handle).unwrap();
    assert_eq!(listening.freed(), 1);
    assert_eq!(listening.end(), REC_ERR_BAD_HANDLE);
}

#[test]
fn unsubscribing_stops_what_waited() {
    let engine = unsubscribed();
    let (listening, heard) = hear(engine.handle);
    assert_eq!((listening.end(), listening.freed()), (REC_OK, 1));
    record_one(&engine);
    close(engine.handle).unwrap();
    assert_eq!((heard.lock().len(), listening.freed()), (0, 1));
}

#[test]
fn unsubscribing_from_inside_its_own_callback() {
    let engine = unsubscribed();
    let own = Arc::new(Mutex::new(None::<rec_subscription>));
    let (tell, told) = mpsc::channel();
    let freed = Arc::new(Mutex::new(None::<Arc<AtomicU32>>));
    let (handle, count) = (own.clone(), freed.clone());
    let listening = subscribe(engine.handle, move |_| {
        let Some(handle) = *handle.lock() else { return };
        let first = unsafe { rec_unsubscribe(handle) };
        let second = unsafe { rec_unsubscribe(handle) };
        // The data is still ours: it is given back after this returns.
        let freed = count.lock().as_ref().map(|count| count.load(Ordering::SeqCst));
        let _ = tell.send((first, second, freed));
    })
    .unwrap();
    *freed.lock() = Some(listening.freed.clone());
    *own.lock() = Some(listening.handle);
    record_one(&engine);
    assert_eq!(told.recv().unwrap(), (REC_OK, REC_ERR_BAD_HANDLE, Some(0)));
    until("its data is given back", || listening.freed() == 1);
    close(engine.handle).unwrap();
    assert!(told.try_recv().is_err(), "it was called again");
    assert_eq!(listening.freed(), 1);
}

#[test]
fn unsubscribing_another_from_inside_a_callback() {
    let engine = unsubscribed();
    let (other, heard) = hear(engine.handle);
    let other_handle = other.handle;
    let (tell, told) = mpsc::channel();
    subscribe(engine.handle, move |_| {
        let _ = tell.send(unsafe { rec_unsubscribe(other_handle) });
    })
    .unwrap();
    record_one(&engine);
    assert_eq!(told.recv().unwrap(), REC_OK);
    close(engine.handle).unwrap();
    assert!(
        heard.lock().len() <= 1,
        "told before it was unsubscribed, or not at all"
    );
    assert_eq!(other.freed(), 1);
}

#[test]
fn closing_ends_a_subscription() {
    let engine = unsubscribed();
    let (listening, _) = hear(engine.handle);
    close(engine.handle).unwrap();
    assert_eq!((listening.end(), listening.freed()), (REC_ERR_BAD_HANDLE, 1));
}

#[test]
fn closing_from_inside_a_callback_is_refused() {
    let engine = unsubscribed();
    let handle = engine.handle;
    let (tell, told) = mpsc::channel();
    subscribe(handle, move |_| {
        let _ = tell.send(checked(|e| unsafe { rec_close(handle, 60_000, e) }));
    })
    .unwrap();
    record_one(&engine);
    refused(told.recv().unwrap(), REC_ERR_IN_CALLBACK);
    // The engine was not consumed.
    record_one(&engine);
    close(handle).unwrap();
}

#[test]
fn a_callback_may_control_recordings() {
    let engine = unsubscribed();
    let handle = engine.handle;
    let (tell, told) = mpsc::channel();
    subscribe(handle, move |event| {
        if event.kind != REC_EVENT_STARTED {
            return;
        }
        let id = CText::from(id_of(event).as_str());
        let by_id = |op: ById| checked(|e| unsafe { op(handle, std::ptr::null(), id.ptr(), e) });
        let _ = tell.send((
            by_id(rec_pause_by_id),
            by_id(rec_stop_by_id),
            by_id(rec_stop_by_id),
        ));
    })
    .unwrap();
    engine.begin(&line("SEP1", "101")).unwrap();
    engine.start(HOST, &on_device("SEP1")).unwrap();
    let (paused, stopped, again) = told.recv().unwrap();
    assert_eq!((paused, stopped), (Ok(()), Ok(())));
    refused(again, REC_ERR_NOT_LIVE);
    close(handle).unwrap();
}

/// Whoever subscribes while the engine is closed is refused and keeps its data, or has
/// a subscription that ends with the closing: stale, and its data given back once.
#[test]
fn subscribing_while_it_is_closed() {
    for _ in 0..60 {
        let engine = unsubscribed();
        let handle = engine.handle;
        let all = std::thread::scope(|scope| {
            let subscriber = || {
                let mut all = Vec::new();
                while let Ok(listening) = subscribe(handle, |_| {}) {
                    all.push(listening);
                }
                all
            };
            let subscribers: Vec<_> = (0..8).map(|_| scope.spawn(subscriber)).collect();
            close(handle).unwrap();
            let all = subscribers.into_iter().flat_map(|thread| thread.join().unwrap());
            all.collect::<Vec<_>>()
        });
        for listening in &all {
            let (status, freed) = (listening.end(), listening.freed());
            assert_eq!((status, freed), (REC_ERR_BAD_HANDLE, 1), "of {}", all.len());
        }
    }
}

/// A callback stands still while more happens than may wait: what is not terminal
/// is dropped, which the sequence shows; what is terminal is told.
#[test]
fn a_full_queue_drops_what_is_not_terminal() {
    const WAITING: usize = 65_536;
    let scratch = scratch_engine_with(&[("recordings.max", "1")]);
    let (entered, inside) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let (gate, heard) = (Mutex::new(gate), ToldKinds::default());
    let into = heard.clone();
    subscribe(scratch.handle, move |event| {
        into.lock().push((event.kind, event.sequence));
        let _ = entered.send(());
        let _ = gate.lock().recv();
    })
    .unwrap();
    let (_, id) = scratch.recorded(&line("SEP1", "101"));
    inside.recv().unwrap();
    scratch.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let mut failed = 0;
    // Each is one START_FAILED, without a disk.
    while scratch.stats().events_dropped == 0 {
        for _ in 0..1000 {
            end(scratch.begin(&line("AUTO", "102")).unwrap()).unwrap();
            failed += 1;
        }
        assert!(failed < 2_000_000, "nothing was ever dropped");
    }
    scratch.by_id(rec_stop_by_id, HOST, &id).unwrap();
    until("it is published", || scratch.stats().finishing_recordings == 0);
    drop(let_go);
    scratch.finish();
    let heard = heard.lock();
    let finished: Vec<_> = heard
        .iter()
        .filter(|(kind, _)| *kind == REC_EVENT_FINISHED)
        .collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(heard.last().unwrap().0, REC_EVENT_FINISHED);
    assert!(heard.windows(2).all(|pair| pair[0].1 < pair[1].1), "it rises");
    assert!(
        heard.windows(2).any(|pair| pair[0].1 + 1 < pair[1].1),
        "a gap shows what was dropped"
    );
    // The one that was being told, and those that waited.
    assert!(heard.len() <= WAITING + 1, "{}", heard.len());
    assert!(heard.len() >= WAITING / 2, "{}", heard.len());
}
