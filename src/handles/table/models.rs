//! Models of the table: every order of the threads' steps, under loom.

use std::sync::Arc;

use loom::cell::Cell;
use loom::thread;

use super::*;
use crate::sync::model;

/// What a feed's slot holds: loom sees it if two threads are in it at once.
struct RingModel {
    of: &'static str,
    records: Cell<u32>,
}

fn ring(of: &'static str) -> RingModel {
    RingModel {
        of,
        records: Cell::new(0),
    }
}

fn put(ring: &mut RingModel) -> &'static str {
    ring.records.set(ring.records.get() + 1);
    ring.of
}

fn insert(table: &HandleTable<RingModel>, of: &'static str) -> Handle {
    table.insert(|_| ring(of)).expect("there is room")
}

/// A packet is in the closed feed's ring, all of it, or it was refused; never in
/// the ring of whoever has the slot next.
#[test]
fn a_feed_is_closed_under_a_packet() {
    model(4, || {
        let table = Arc::new(HandleTable::new(HandleKind::Feed, 0));
        let handle = insert(&table, "first");
        let feeder = thread::spawn({
            let table = table.clone();
            move || [table.try_with(handle, put), table.try_with(handle, put)]
        });
        let closed = table.remove(handle).expect("it was there");
        let before = closed.records.get();
        let next = insert(&table, "next");
        assert_ne!(handle, next);
        let answers = feeder.join().expect("no panic");
        let taken = answers.iter().filter(|answer| **answer == Ok("first")).count();
        assert_eq!(before as usize, taken, "{answers:?}");
        let other = |answer: &&Result<_, _>| answer.is_ok_and(|of| of != "first");
        assert_eq!(answers.iter().find(other), None);
        let untouched = table.remove(next).map(|ring| ring.records.get());
        assert_eq!(untouched, Some(0));
    });
}

/// Two threads in one feed: one of them is told so, or both have their turn.
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
        assert!(taken > 0, "the first one in is never refused");
        assert_eq!(table.remove(handle).map(|ring| ring.records.get()), Some(taken));
    });
}

/// Of two that close one object exactly one gets it, also while a third thread
/// opens others in the same slots.
#[test]
fn one_of_two_closes() {
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
