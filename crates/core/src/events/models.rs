//! The bus under loom: every interleaving of a few of its deeds.

use std::sync::Arc;

use loom::thread;

use super::bus::{Bus, Listener};
use super::event::{Event, EventKind};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::model;

/// Written by whoever is told, with no order of its own: the settling sees it only
/// if it comes after. The last is the settling's.
#[derive(Default)]
struct Deliveries([AtomicBool; 2], AtomicU32);

/// An event is settled once, after all that were owed it have been told.
#[test]
fn settled_once_and_last() {
    model(4, || {
        let told = Arc::new(Deliveries::default());
        let mut event = Event::new(EventKind::Finished, 0);
        event.pending_deliveries.store(2, Ordering::Relaxed);
        let settled = told.clone();
        event.settle = Some(Box::new(move || {
            assert!(
                settled.0.iter().all(|told| told.load(Ordering::Relaxed)),
                "somebody has not been told"
            );
            settled.1.fetch_add(1, Ordering::Relaxed);
        }));
        let event = Arc::new(event);
        let tell = |place: usize| {
            let (event, told) = (event.clone(), told.clone());
            move || {
                told.0[place].store(true, Ordering::Relaxed);
                event.delivered();
            }
        };
        let other = thread::spawn(tell(1));
        tell(0)();
        other.join().expect("no panic");
        assert_eq!(told.1.load(Ordering::Relaxed), 1);
    });
}

/// Others may run while it is told.
struct Counter(AtomicU32);

impl Listener for Counter {
    fn event(&self, _: &Event, _: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whoever leaves meanwhile, what was published is settled once, nothing is told
/// after `unsubscribe` has returned, and `stop` lets the event thread go.
#[test]
fn leaving_while_it_is_told() {
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
        let told = listener.0.load(Ordering::Relaxed);
        bus.stop(true);
        thread.join().expect("no panic");
        assert_eq!(settled.load(Ordering::Relaxed), 1);
        assert_eq!(listener.0.load(Ordering::Relaxed), told);
    });
}
