//! Model checks of the bus: every interleaving of a few operations, under loom.

use std::sync::Arc;

use loom::thread;

use super::bus::{Bus, Listener};
use super::event::{Event, EventKind};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::model;

/// The deliveries and the number of settlings. The flags are written without ordering, so the
/// settling sees them only if it happens after the deliveries.
#[derive(Default)]
struct Deliveries([AtomicBool; 2], AtomicU32);

/// An event is settled once, after all of its deliveries.
#[test]
fn an_event_is_settled_once_after_its_deliveries() {
    model(4, || {
        let deliveries = Arc::new(Deliveries::default());
        let mut event = Event::new(EventKind::Finished, 0);
        event.pending_deliveries.store(2, Ordering::Relaxed);
        let settled = deliveries.clone();
        event.settle = Some(Box::new(move || {
            assert!(
                settled.0.iter().all(|done| done.load(Ordering::Relaxed)),
                "a delivery is missing"
            );
            settled.1.fetch_add(1, Ordering::Relaxed);
        }));
        let event = Arc::new(event);
        let deliver = |index: usize| {
            let (event, deliveries) = (event.clone(), deliveries.clone());
            move || {
                deliveries.0[index].store(true, Ordering::Relaxed);
                event.delivered();
            }
        };
        let other = thread::spawn(deliver(1));
        deliver(0)();
        other.join().expect("no panic");
        assert_eq!(deliveries.1.load(Ordering::Relaxed), 1);
    });
}

/// Counts deliveries. Its atomic lets other threads run during a callback.
struct Counter(AtomicU32);

impl Listener for Counter {
    fn event(&self, _: &Event, _: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// If a subscription ends during a delivery, the event is settled once, no callback runs after
/// `unsubscribe` has returned, and the event thread ends after `stop`.
#[test]
fn a_subscription_ends_during_a_delivery() {
    model(4, || {
        let bus = Bus::new();
        let listener = Arc::new(Counter(Default::default()));
        let id = bus
            .subscribe(listener.clone())
            .unwrap_or_else(|_| panic!("it is open"));
        let thread = thread::spawn({
            let bus = bus.clone();
            move || bus.dispatcher().run(&crate::clock::SystemClock)
        });
        let settled = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let mut event = Event::new(EventKind::Finished, 0);
        let count = settled.clone();
        event.settle = Some(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        bus.publish(event);
        assert!(bus.unsubscribe(id));
        assert_eq!(Arc::strong_count(&listener), 1, "the bus still holds it");
        let delivered = listener.0.load(Ordering::Relaxed);
        bus.stop(true);
        thread.join().expect("no panic");
        assert_eq!(settled.load(Ordering::Relaxed), 1);
        assert_eq!(listener.0.load(Ordering::Relaxed), delivered);
    });
}
