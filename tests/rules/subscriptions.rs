//! Who is told: the first subscriber hears what was before, callbacks may call
//! almost anything, and data is given back once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::wait::until;
use parking_lot::Mutex;

use super::helper::*;
use crate::support::*;

/// An engine that nobody listens to yet, with one recording that has come and gone.
struct Unheard {
    handle: rec_engine,
    dir: ScratchDir,
}

impl Unheard {
    fn new() -> Unheard {
        let dir = ScratchDir::new();
        let handle = open_with(&dir.0, &[]).unwrap();
        Unheard { handle, dir }
    }

    fn begin(&self, call: &Call) -> rec_call {
        let mut handle = rec_call { id: 0 };
        call.with(|info| ask(|e| unsafe { rec_call_begin(self.handle, info, &mut handle, e) }))
            .unwrap();
        handle
    }

    fn start(&self, device: &str) {
        let device = Arg::from(device);
        let mut options: rec_start_options = init();
        options.device_name = device.ptr();
        let mut id = rec_id { text: [0; 37] };
        ask(|e| unsafe { rec_start(self.handle, std::ptr::null(), &options, &mut id, e) }).unwrap();
    }

    /// Begun and ended: STARTED and FINISHED will be told.
    fn record_one(&self) {
        let call = self.begin(&line("SEP1", "101"));
        self.start("SEP1");
        end(call).unwrap();
        self.stats_until("it is finished", |stats| {
            stats.live_recordings + stats.finishing_recordings == 0
        });
    }

    fn stats_until(&self, what: &str, holds: impl Fn(&rec_statistics) -> bool) {
        until(what, || {
            let mut stats: rec_statistics = init();
            ask(|e| unsafe { rec_stats(self.handle, &mut stats, e) }).unwrap();
            holds(&stats)
        });
    }
}

type ToldKinds = Arc<Mutex<Vec<(i32, u64)>>>;

fn hear(engine: rec_engine) -> (Listening, ToldKinds) {
    let heard = ToldKinds::default();
    let into = heard.clone();
    let listening = listen(engine, move |event| {
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
    let u = Unheard::new();
    u.record_one();
    let (first, heard) = hear(u.handle);
    until("all is told", || heard.lock().len() == 2);
    assert_eq!(kinds(&heard), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    // A second one hears what comes from here on.
    let (second, later) = hear(u.handle);
    u.record_one();
    close(u.handle).unwrap();
    assert_eq!(kinds(&heard).len(), 4);
    assert_eq!(kinds(&later), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
    assert!(heard.lock().windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert_eq!((first.freed(), second.freed()), (1, 1));
    drop(u.dir);
}

#[test]
fn every_subscriber_is_told_everything() {
    let u = Unheard::new();
    let all: Vec<_> = (0..3).map(|_| hear(u.handle)).collect();
    u.record_one();
    close(u.handle).unwrap();
    for (listening, heard) in all {
        assert_eq!(kinds(&heard), [REC_EVENT_STARTED, REC_EVENT_FINISHED]);
        assert_eq!(listening.freed(), 1);
    }
}

#[test]
fn unsubscribing_waits_for_a_running_callback_and_frees_once() {
    let u = Unheard::new();
    let (entered, inside) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let returned = Arc::new(AtomicBool::new(false));
    let returning = returned.clone();
    let listening = listen(u.handle, move |_| {
        let _ = entered.send(());
        let _ = gate.lock().recv();
        returning.store(true, Ordering::SeqCst);
    })
    .unwrap();
    u.record_one();
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
    close(u.handle).unwrap();
    assert_eq!(listening.freed(), 1);
    assert_eq!(listening.end(), REC_ERR_BAD_HANDLE);
}

#[test]
fn unsubscribing_stops_what_waited() {
    let u = Unheard::new();
    let (listening, heard) = hear(u.handle);
    assert_eq!((listening.end(), listening.freed()), (REC_OK, 1));
    u.record_one();
    close(u.handle).unwrap();
    assert_eq!((heard.lock().len(), listening.freed()), (0, 1));
}

#[test]
fn unsubscribing_from_inside_its_own_callback() {
    let u = Unheard::new();
    let own = Arc::new(Mutex::new(None::<rec_subscription>));
    let (tell, told) = mpsc::channel();
    let freed = Arc::new(Mutex::new(None::<Arc<AtomicU32>>));
    let (handle, count) = (own.clone(), freed.clone());
    let listening = listen(u.handle, move |_| {
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
    u.record_one();
    assert_eq!(told.recv().unwrap(), (REC_OK, REC_ERR_BAD_HANDLE, Some(0)));
    until("its data is given back", || listening.freed() == 1);
    close(u.handle).unwrap();
    assert!(told.try_recv().is_err(), "it was called again");
    assert_eq!(listening.freed(), 1);
}

#[test]
fn unsubscribing_another_from_inside_a_callback() {
    let u = Unheard::new();
    let (other, heard) = hear(u.handle);
    let other_handle = other.handle;
    let (tell, told) = mpsc::channel();
    listen(u.handle, move |_| {
        let _ = tell.send(unsafe { rec_unsubscribe(other_handle) });
    })
    .unwrap();
    u.record_one();
    assert_eq!(told.recv().unwrap(), REC_OK);
    close(u.handle).unwrap();
    assert!(
        heard.lock().len() <= 1,
        "told before it was unsubscribed, or not at all"
    );
    assert_eq!(other.freed(), 1);
}

#[test]
fn closing_ends_a_subscription() {
    let u = Unheard::new();
    let (listening, _) = hear(u.handle);
    close(u.handle).unwrap();
    assert_eq!((listening.end(), listening.freed()), (REC_ERR_BAD_HANDLE, 1));
}

#[test]
fn closing_from_inside_a_callback_is_refused() {
    let u = Unheard::new();
    let engine = u.handle;
    let (tell, told) = mpsc::channel();
    listen(engine, move |_| {
        let _ = tell.send(ask(|e| unsafe { rec_close(engine, 60_000, e) }));
    })
    .unwrap();
    u.record_one();
    refused(told.recv().unwrap(), REC_ERR_IN_CALLBACK);
    // The engine was not consumed.
    u.record_one();
    close(engine).unwrap();
}

#[test]
fn a_callback_may_control_recordings() {
    let u = Unheard::new();
    let engine = u.handle;
    let (tell, told) = mpsc::channel();
    listen(engine, move |event| {
        if event.kind != REC_EVENT_STARTED {
            return;
        }
        let id = Arg::from(id_of(event).as_str());
        let by_id = |op: ById| ask(|e| unsafe { op(engine, std::ptr::null(), id.ptr(), e) });
        let _ = tell.send((
            by_id(rec_pause_by_id),
            by_id(rec_stop_by_id),
            by_id(rec_stop_by_id),
        ));
    })
    .unwrap();
    u.begin(&line("SEP1", "101"));
    u.start("SEP1");
    let (paused, stopped, again) = told.recv().unwrap();
    assert_eq!((paused, stopped), (Ok(()), Ok(())));
    refused(again, REC_ERR_NOT_LIVE);
    close(engine).unwrap();
}

/// Whoever subscribes while the engine is closed is refused and keeps its data, or has
/// a subscription that ends with the closing: stale, and its data given back once.
#[test]
fn subscribing_while_it_is_closed() {
    for _ in 0..60 {
        let u = Unheard::new();
        let engine = u.handle;
        let all = std::thread::scope(|scope| {
            let subscriber = || {
                let mut all = Vec::new();
                while let Ok(listening) = listen(engine, |_| {}) {
                    all.push(listening);
                }
                all
            };
            let subscribers: Vec<_> = (0..8).map(|_| scope.spawn(subscriber)).collect();
            close(engine).unwrap();
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
    let w = world_with(&[("recordings.max", "1")]);
    let (entered, inside) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let (gate, heard) = (Mutex::new(gate), ToldKinds::default());
    let into = heard.clone();
    listen(w.handle, move |event| {
        into.lock().push((event.kind, event.sequence));
        let _ = entered.send(());
        let _ = gate.lock().recv();
    })
    .unwrap();
    let (_, id) = w.recorded(&line("SEP1", "101"));
    inside.recv().unwrap();
    w.line(Some("AUTO"), None, REC_LINE_AUTOMATIC).unwrap();
    let mut failed = 0;
    // Each is one START_FAILED, without a disk.
    while w.stats().events_dropped == 0 {
        for _ in 0..1000 {
            end(w.begin(&line("AUTO", "102")).unwrap()).unwrap();
            failed += 1;
        }
        assert!(failed < 2_000_000, "nothing was ever dropped");
    }
    w.by_id(rec_stop_by_id, HOST, &id).unwrap();
    until("it is published", || w.stats().finishing_recordings == 0);
    drop(let_go);
    w.finish();
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
