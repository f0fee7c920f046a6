//! What a feed's ring cannot hold, in every order.

use super::*;

/// A real-time call with one chunk of overflow memory.
fn overflowing(pool: &Arc<OverflowPool>) -> Arc<CallTap> {
    let mut real = (*config()).clone();
    real.clock = ClockMode::Real;
    let real = Arc::new(real);
    let worker = WorkerInbox::new(real.clone(), Arc::default(), 0);
    let call = CallTap::unregistered(1, real, Arc::default(), pool.clone(), worker, Arc::new(NoReport));
    call.urgent.store(true, Ordering::Relaxed);
    call
}

/// What a drain gives of a leg: the value of each write.
fn drained(drain: &mut Drain, call: &CallTap, heard: &mut Vec<i16>) {
    let counts = call.counts(Leg::Local);
    let limit = counts.handed().bytes;
    drain.up_to(limit, counts, &mut Scratch::default(), |_, payload| {
        let value = i16::from_ne_bytes([payload[8], payload[9]]);
        let whole = payload[8..].chunks(2).all(|pair| pair == value.to_ne_bytes());
        assert!(whole, "torn: {payload:?}");
        heard.push(value);
    });
}

fn write_at(feed: &mut Feed, value: i16) -> Status {
    // As long as a write may be that has a place, so that a ring holds two of them.
    let bytes: Vec<u8> = std::iter::repeat_n(value.to_ne_bytes(), SAMPLES)
        .flatten()
        .collect();
    feed.write_at(value as u64, &bytes, 1)
}

/// A feed goes from its own ring to chunks and back while the worker follows: each write
/// that was taken is there once, whole, in order, and every chunk comes back.
#[test]
fn a_burst_goes_on_in_chunks() {
    model(3, || {
        let pool = OverflowPool::new(128);
        let call = overflowing(&pool);
        let (mut feed, reader, _) = Feed::new(call.clone(), Leg::Local, PCM, home(&call, PCM));
        let mut drain = Drain::default();
        drain.ring = Some(reader);
        let feeder = thread::spawn(move || {
            let taken = (1..=6).filter(|value| write_at(&mut feed, *value) == Status::Ok);
            taken.collect::<Vec<i16>>()
        });
        let mut heard = Vec::new();
        drained(&mut drain, &call, &mut heard);
        drained(&mut drain, &call, &mut heard);
        let taken = feeder.join().expect("no panic");
        drained(&mut drain, &call, &mut heard);
        assert_eq!(heard, taken);
        assert!(taken.starts_with(&[1, 2, 3, 4]), "{taken:?}");
        drop(drain);
        assert_eq!((pool.free(), pool.allocated()), (0, 0), "its last feed has gone");
    });
}

/// Two feeds and one chunk: never both in it, also while the worker gives it back.
#[test]
fn two_feeds_and_one_chunk() {
    model(2, || {
        let pool = OverflowPool::new(128);
        let ends: Vec<_> = (0..2)
            .map(|_| {
                let call = overflowing(&pool);
                let (feed, reader, _) = Feed::new(call.clone(), Leg::Local, PCM, home(&call, PCM));
                let mut drain = Drain::default();
                drain.ring = Some(reader);
                (call, feed, drain)
            })
            .collect();
        let [(one, mut first, mut drain), (two, mut second, mut other)] =
            ends.try_into().unwrap_or_else(|_| unreachable!("two of them"));
        let feeder = thread::spawn(move || {
            let taken = (1..=3).filter(|value| write_at(&mut first, *value) == Status::Ok);
            taken.collect::<Vec<i16>>()
        });
        // The second feed's own thread is this one.
        let taken = (11..=13).filter(|value| write_at(&mut second, *value) == Status::Ok);
        let taken: Vec<i16> = taken.collect();
        let (mut heard, mut heard_of_two) = (Vec::new(), Vec::new());
        drained(&mut other, &two, &mut heard_of_two);
        drop((second, other));
        drained(&mut drain, &one, &mut heard);
        let taken_of_one = feeder.join().expect("no panic");
        drained(&mut drain, &one, &mut heard);
        assert_eq!((heard, heard_of_two), (taken_of_one, taken));
        drop(drain);
        assert_eq!(pool.free(), pool.allocated());
    });
}
