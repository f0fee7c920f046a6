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

/// Runs `act` with an event thread, until everything has been delivered.
fn delivered(act: impl FnOnce(&Bus, &Arc<BusListener>)) -> Vec<String> {
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
fn the_last_log_line_is_delivered_before_the_stop() {
    // A single run could succeed by chance.
    for _ in 0..100 {
        let lines = delivered(|bus, lines| {
            bus.set_log(Some(lines.clone()));
            bus.log(LogLevel::Info, "the last line".into());
        });
        assert_eq!(lines, ["the last line"]);
    }
}

#[test]
fn host_text_cannot_forge_a_log_line() {
    let lines = delivered(|bus, lines| {
        bus.set_log(Some(lines.clone()));
        bus.log(LogLevel::Error, "device \"SEP1\nERROR forged\"".into());
    });
    assert_eq!(lines, ["device \"SEP1\\nERROR forged\""]);
}

/// An event whose callback panicked is not settled.
#[test]
fn a_panic_in_a_callback_does_not_affect_later_events() {
    let settled = Arc::new(AtomicU64::new(0));
    let lines = delivered(|bus, lines| {
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

/// More events than may wait for a subscriber, as after a close that ran out of time.
#[test]
fn events_after_a_stop_stay_owed() {
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

/// A listener whose callback reports that it runs, and returns when the test lets it.
struct BlockingListener {
    entered: mpsc::Sender<()>,
    may_return: Mutex<mpsc::Receiver<()>>,
}

impl Listener for BlockingListener {
    fn event(&self, _: &Event, _: u64) {
        let _ = self.entered.send(());
        let _ = self.may_return.lock().recv();
    }
}

#[test]
fn a_subscription_has_ended_once_its_callback_has_returned() {
    let (entered, wait_entered) = mpsc::channel();
    let (release, may_return) = mpsc::channel();
    let may_return = Mutex::new(may_return);
    let listener = Arc::new(BlockingListener { entered, may_return });
    delivered(|bus, _| {
        let id = bus.subscribe(listener.clone()).ok().expect("it is open");
        bus.publish(Event::new(EventKind::Finished, 0));
        wait_entered.recv().expect("the callback runs");
        let ending = bus.begin_unsubscribe(id).expect("it is subscribed");
        assert_eq!(bus.poll_ended(&ending), Readiness::Pending(NextStep::Signalled));
        release.send(()).expect("the callback waits");
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
fn a_panic_in_an_observer_does_not_prevent_delivery() {
    let lines = delivered(|bus, lines| {
        assert!(bus.subscribe(lines.clone()).is_ok());
        bus.observe(Arc::new(PanickingObserver));
        assert!(catch_panic(|| bus.publish(Event::new(EventKind::Finished, 0))).is_err());
    });
    assert_eq!(lines, ["finished"]);
}

/// Collects the numbers and kinds of the events of a subscription.
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

/// A subscription sees a gap only where one of its own events was dropped.
#[test]
fn call_events_are_numbered_only_for_their_subscribers() {
    let [with_calls, late, plain] = [(); 3].map(|()| Arc::<NumberedListener>::default());
    delivered(|bus, _| {
        bus.publish(Event::new(EventKind::DiskLow, 0));
        assert!(!bus.has_call_subscribers());
        let calls = SubscriptionOptions { calls: true };
        let none = LiveCalls::default();
        let first = bus.subscribe_with(calls, none, with_calls.clone());
        let first = first.unwrap_or_else(|_| panic!("it is open"));
        assert!(bus.subscribe(plain.clone()).is_ok());
        bus.publish_call(of_call(EventKind::CallBegan));
        bus.publish(Event::new(EventKind::Started, 0));
        // An event for which there was no memory.
        bus.publish_call(None);
        assert_eq!(bus.dropped(), 1);
        let live = LiveCalls::new(vec![(1, Arc::default()), (2, Arc::default())], 0);
        let second = bus.subscribe_with(calls, live, late.clone());
        let second = second.unwrap_or_else(|_| panic!("it is open"));
        bus.publish_call(of_call(EventKind::CallEnded));
        bus.publish(Event::new(EventKind::Finished, 0));
        assert!(bus.drain(Instant::now() + Duration::from_secs(60)));
        assert!(bus.unsubscribe(first) && bus.has_call_subscribers());
        assert!(bus.unsubscribe(second) && !bus.has_call_subscribers());
    });
    let take = |listener: &NumberedListener| std::mem::take(&mut *listener.0.lock());
    let expected = [
        (1, EventKind::DiskLow),
        (2, EventKind::CallBegan),
        (3, EventKind::Started),
        (5, EventKind::CallEnded),
        (6, EventKind::Finished),
    ];
    assert_eq!(take(&with_calls), expected);
    assert_eq!(take(&plain), [(2, EventKind::Started), (3, EventKind::Finished)]);
    let expected = [
        (3, EventKind::CallBegan),
        (4, EventKind::CallBegan),
        (5, EventKind::CallEnded),
        (6, EventKind::Finished),
    ];
    assert_eq!(take(&late), expected);
}

/// An event for several subscriptions is delivered to all of them before any later event,
/// whatever numbers it has there.
#[test]
fn events_are_delivered_in_order_across_subscriptions() {
    let order = Arc::new(Mutex::new(Vec::new()));
    struct NamedListener(&'static str, Arc<Mutex<Vec<&'static str>>>);
    impl Listener for NamedListener {
        fn event(&self, _: &Event, _: u64) {
            self.1.lock().push(self.0);
        }
    }
    let bus = Bus::new();
    let calls = SubscriptionOptions { calls: true };
    let with_calls = Arc::new(NamedListener("calls", order.clone()));
    assert!(
        bus.subscribe_with(calls, LiveCalls::default(), with_calls)
            .is_ok()
    );
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
    let expected = ["calls", "calls", "calls", "calls", "plain", "calls", "plain"];
    assert_eq!(*order.lock(), expected);
}
