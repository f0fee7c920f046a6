use std::sync::mpsc;
use std::time::Duration;

use super::super::event::EventKind;
use super::super::subject::CallFacts;
use super::*;
use crate::clock::SystemClock;

#[derive(Default)]
struct BusListener(Mutex<Vec<String>>);

impl LogListener for BusListener {
    fn log(&self, _: LogLevel, message: &str) {
        self.0.lock().push(message.to_owned());
    }
}

impl Listener for BusListener {
    fn event(&self, event: &Event, _: u64) {
        assert!(event.kind != EventKind::Loss, "planted");
        self.0.lock().push(event.kind.text().to_owned());
    }
}

/// Runs with an event thread of its own, and until all has been told.
fn told(act: impl FnOnce(&Bus, &Arc<BusListener>)) -> Vec<String> {
    let bus = Bus::new();
    let lines = Arc::<BusListener>::default();
    let thread = std::thread::spawn({
        let bus = bus.clone();
        move || bus.dispatcher().run(&SystemClock)
    });
    act(&bus, &lines);
    assert!(bus.drain(Instant::now() + Duration::from_secs(60)));
    bus.stop(true);
    assert!(thread.join().is_ok(), "the event thread has died");
    std::mem::take(&mut *lines.0.lock())
}

#[test]
fn what_was_logged_last_is_told_before_the_end() {
    // Once it could go well by chance.
    for _ in 0..100 {
        let lines = told(|bus, lines| {
            bus.set_log(Some(lines.clone()));
            bus.log(LogLevel::Info, "last words".into());
        });
        assert_eq!(lines, ["last words"]);
    }
}

#[test]
fn a_hosts_text_forges_no_line() {
    let lines = told(|bus, lines| {
        bus.set_log(Some(lines.clone()));
        bus.log(LogLevel::Error, "device \"SEP1\nERROR all is lost\"".into());
    });
    assert_eq!(lines, ["device \"SEP1\\nERROR all is lost\""]);
}

/// The one that could not be told is not settled either.
#[test]
fn an_event_that_panics_takes_nobody_along() {
    let settled = Arc::new(AtomicU64::new(0));
    let lines = told(|bus, lines| {
        assert!(bus.subscribe(lines.clone()).is_ok());
        for kind in [EventKind::Loss, EventKind::Finished] {
            bus.publish(settling(kind, &settled));
        }
    });
    assert_eq!(lines, ["finished"]);
    assert_eq!(settled.load(Ordering::Relaxed), 1);
}

fn settling(kind: EventKind, settled: &Arc<AtomicU64>) -> Event {
    let mut event = Event::new(kind, 0);
    let count = settled.clone();
    event.settle = Some(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    event
}

/// More than wait for a first subscriber: the closing has run out of time.
#[test]
fn what_ends_after_the_listener_was_let_go_stays_owed() {
    let settled = Arc::new(AtomicU64::new(0));
    let bus = Bus::new();
    assert!(bus.subscribe(Arc::<BusListener>::default()).is_ok());
    bus.stop(false);
    for _ in 0..5_000 {
        bus.publish(settling(EventKind::Finished, &settled));
    }
    assert_eq!(settled.load(Ordering::Relaxed), 0);
    assert_eq!(bus.undelivered().len(), 0);
}

/// Its callback says that it runs, and waits for the word to return.
struct BlockingListener {
    enters: mpsc::Sender<()>,
    returns: Mutex<mpsc::Receiver<()>>,
}

impl Listener for BlockingListener {
    fn event(&self, _: &Event, _: u64) {
        let _ = self.enters.send(());
        let _ = self.returns.lock().recv();
    }
}

#[test]
fn a_subscription_has_ended_once_its_callback_has_returned() {
    let (enters, entered) = mpsc::channel();
    let (may_return, returns) = mpsc::channel();
    let returns = Mutex::new(returns);
    let listener = Arc::new(BlockingListener { enters, returns });
    told(|bus, _| {
        let id = bus.subscribe(listener.clone()).ok().expect("it is open");
        bus.publish(Event::new(EventKind::Finished, 0));
        entered.recv().expect("it is told");
        let ending = bus.begin_unsubscribe(id).expect("it is subscribed");
        assert_eq!(bus.poll_ended(&ending), Readiness::Pending(NextStep::Signalled));
        may_return.send(()).expect("it listens");
        task::wait_until_ready(&bus.idle, || bus.poll_ended(&ending));
        assert_eq!(bus.poll_ended(&ending), Readiness::Ready(()));
        drop(ending);
        assert_eq!(Arc::strong_count(&listener), 1, "the bus still holds it");
        assert!(!bus.unsubscribe(id), "it has been taken out");
    });
}

struct PanickingObserver;

impl Observer for PanickingObserver {
    fn published(&self, _: &Arc<Event>) {
        panic!("planted");
    }
}

#[test]
fn an_observer_that_panics_keeps_nobody_from_being_told() {
    let lines = told(|bus, lines| {
        assert!(bus.subscribe(lines.clone()).is_ok());
        bus.observe(Arc::new(PanickingObserver));
        assert!(catch_panic(|| bus.publish(Event::new(EventKind::Finished, 0))).is_err());
    });
    assert_eq!(lines, ["finished"]);
}

/// The numbers and kinds that a subscription is told.
#[derive(Default)]
struct NumberedListener(Mutex<Vec<(u64, EventKind)>>);

impl Listener for NumberedListener {
    fn event(&self, event: &Event, sequence: u64) {
        self.0.lock().push((sequence, event.kind));
    }
}

fn of_call(kind: EventKind) -> Option<Event> {
    Some(Event::of_call(kind, 0, CallFacts::new(1, Arc::default())))
}

/// Nobody sees a gap but where something was dropped for them.
#[test]
fn the_life_of_calls_is_numbered_for_those_who_ask() {
    let [asks, late, plain] = [(); 3].map(|()| Arc::<NumberedListener>::default());
    told(|bus, _| {
        bus.publish(Event::new(EventKind::DiskLow, 0));
        assert!(!bus.has_call_subscribers());
        let calls = SubscriptionOptions { calls: true };
        let none = LiveCalls::default();
        let asking = bus.subscribe_with(calls, none, asks.clone());
        let asking = asking.unwrap_or_else(|_| panic!("it is open"));
        assert!(bus.subscribe(plain.clone()).is_ok());
        bus.publish_call(of_call(EventKind::CallBegan));
        bus.publish(Event::new(EventKind::Started, 0));
        // One that there was no memory for.
        bus.publish_call(None);
        assert_eq!(bus.dropped(), 1);
        let live = LiveCalls::new(vec![(1, Arc::default()), (2, Arc::default())], 0);
        let second = bus.subscribe_with(calls, live, late.clone());
        let second = second.unwrap_or_else(|_| panic!("it is open"));
        bus.publish_call(of_call(EventKind::CallEnded));
        bus.publish(Event::new(EventKind::Finished, 0));
        assert!(bus.drain(Instant::now() + Duration::from_secs(60)));
        assert!(bus.unsubscribe(asking) && bus.has_call_subscribers());
        assert!(bus.unsubscribe(second) && !bus.has_call_subscribers());
    });
    let heard = |one: &NumberedListener| std::mem::take(&mut *one.0.lock());
    let expected = [
        (1, EventKind::DiskLow),
        (2, EventKind::CallBegan),
        (3, EventKind::Started),
        (5, EventKind::CallEnded),
        (6, EventKind::Finished),
    ];
    assert_eq!(heard(&asks), expected);
    assert_eq!(heard(&plain), [(2, EventKind::Started), (3, EventKind::Finished)]);
    let expected = [
        (3, EventKind::CallBegan),
        (4, EventKind::CallBegan),
        (5, EventKind::CallEnded),
        (6, EventKind::Finished),
    ];
    assert_eq!(heard(&late), expected);
}

/// An event that several are owed is told to all of them before a later one, whatever numbers
/// they have.
#[test]
fn nobodys_events_wait_for_anothers_later_ones() {
    let order = Arc::new(Mutex::new(Vec::new()));
    struct NamedListener(&'static str, Arc<Mutex<Vec<&'static str>>>);
    impl Listener for NamedListener {
        fn event(&self, _: &Event, _: u64) {
            self.1.lock().push(self.0);
        }
    }
    let bus = Bus::new();
    let calls = SubscriptionOptions { calls: true };
    let asks = Arc::new(NamedListener("asks", order.clone()));
    assert!(bus.subscribe_with(calls, LiveCalls::default(), asks).is_ok());
    for _ in 0..3 {
        bus.publish_call(of_call(EventKind::CallBegan));
    }
    assert!(
        bus.subscribe(Arc::new(NamedListener("plain", order.clone())))
            .is_ok()
    );
    bus.publish(Event::new(EventKind::Started, 0));
    bus.publish(Event::new(EventKind::Finished, 0));
    while matches!(bus.deliver_next(), NextStep::Now) {}
    let expected = ["asks", "asks", "asks", "asks", "plain", "asks", "plain"];
    assert_eq!(*order.lock(), expected);
}
