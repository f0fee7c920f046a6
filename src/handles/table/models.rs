//! Loom models of the table, which try every order of the threads' steps.

use std::sync::Arc;

use loom::cell::Cell;
use loom::thread;

use super::*;
use crate::sync::model;

/// The object in a feed's slot. Loom detects two threads in it at the same time.
struct RingModel {
    of: &'static str,
    packets: Cell<u32>,
}

fn ring(of: &'static str) -> RingModel {
    RingModel {
        of,
        packets: Cell::new(0),
    }
}

fn put(ring: &mut RingModel) -> &'static str {
    ring.packets.set(ring.packets.get() + 1);
    ring.of
}

fn insert(table: &HandleTable<RingModel>, of: &'static str) -> Handle {
    table.insert(|_| ring(of)).expect("a free slot")
}

/// A packet enters the ring of the feed that is being closed, or it is refused. It never enters
/// the ring of the slot's next feed.
#[test]
fn a_feed_is_closed_while_a_packet_enters() {
    model(4, || {
        let table = Arc::new(HandleTable::new(HandleKind::Feed, 0));
        let handle = insert(&table, "first");
        let feeder = thread::spawn({
            let table = table.clone();
            move || [table.try_with(handle, put), table.try_with(handle, put)]
        });
        let closed = table.remove(handle).expect("an open feed");
        let before = closed.packets.get();
        let next = insert(&table, "next");
        assert_ne!(handle, next);
        let answers = feeder.join().expect("no panic");
        let taken = answers.iter().filter(|answer| **answer == Ok("first")).count();
        assert_eq!(before as usize, taken, "{answers:?}");
        let other = |answer: &&Result<_, _>| answer.is_ok_and(|of| of != "first");
        assert_eq!(answers.iter().find(other), None);
        let untouched = table.remove(next).map(|ring| ring.packets.get());
        assert_eq!(untouched, Some(0));
    });
}

/// If two threads enter one feed, both succeed or one of them is refused.
#[test]
fn two_threads_in_one_feed() {
    model(4, || {
        let table = Arc::new(HandleTable::new(HandleKind::Feed, 0));
        let handle = insert(&table, "only");
        let other = thread::spawn({
            let table = table.clone();
            move || table.try_with(handle, put).is_ok()
        });
        let here = table.try_with(handle, put).is_ok();
        let taken = u32::from(here) + u32::from(other.join().expect("no panic"));
        assert!(taken > 0, "the first thread is never refused");
        assert_eq!(table.remove(handle).map(|ring| ring.packets.get()), Some(taken));
    });
}

/// If two threads close one object, exactly one gets it, even while a third thread opens other
/// objects in the same slots.
#[test]
fn exactly_one_of_two_threads_closes_an_object() {
    model(4, || {
        let table = Arc::new(HandleTable::new(HandleKind::Call, 0));
        let handle = insert(&table, "first");
        let close = |table: &Arc<HandleTable<RingModel>>| {
            let table = table.clone();
            move || table.remove(handle).map(|ring| ring.of)
        };
        let other = thread::spawn(close(&table));
        let opener = thread::spawn({
            let table = table.clone();
            move || [insert(&table, "next"), insert(&table, "last")]
        });
        let closed = [close(&table)(), other.join().expect("no panic")];
        assert_eq!(closed.iter().flatten().collect::<Vec<_>>(), [&"first"]);
        let [next, last] = opener.join().expect("no panic");
        assert!(next != last && next != handle && last != handle);
        assert_eq!(table.with(next, |ring| ring.of), Some("next"));
        assert_eq!(table.with(last, |ring| ring.of), Some("last"));
    });
}
