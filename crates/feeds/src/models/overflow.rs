//! Model checks of the overflow memory, in every interleaving.

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

/// Drains a leg and appends the value of each write.
fn drain_writes(drain: &mut Drain, call: &CallTap, writes: &mut Vec<i16>) {
    let counts = call.counts(Leg::Local);
    let limit = counts.handed().bytes;
    for (_, payload) in drain.up_to(limit, counts, &mut Scratch::default()) {
        let value = i16::from_ne_bytes([payload[8], payload[9]]);
        let whole = payload[8..].chunks(2).all(|pair| pair == value.to_ne_bytes());
        assert!(whole, "torn: {payload:?}");
        writes.push(value);
    }
}

fn write_at(feed: &mut Feed, value: i16) -> Status {
    // The largest write with a position, so that a ring holds two of them.
    let bytes: Vec<u8> = std::iter::repeat_n(value.to_ne_bytes(), SAMPLES)
        .flatten()
        .collect();
    feed.write_at(value as u64, &bytes, 1)
}

/// A feed switches from its own ring to chunks and back while the worker follows. Each accepted
/// write is read once, whole and in order, and every chunk is returned.
#[test]
fn a_burst_continues_in_chunks() {
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
        let mut writes = Vec::new();
        drain_writes(&mut drain, &call, &mut writes);
        drain_writes(&mut drain, &call, &mut writes);
        let taken = feeder.join().expect("no panic");
        drain_writes(&mut drain, &call, &mut writes);
        assert_eq!(writes, taken);
        assert!(taken.starts_with(&[1, 2, 3, 4]), "{taken:?}");
        drop(drain);
        assert_eq!((pool.free(), pool.allocated()), (0, 0), "the last feed is closed");
    });
}

/// Two feeds never use one chunk at the same time, even while the worker returns it.
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
            ends.try_into().unwrap_or_else(|_| unreachable!("there are two"));
        let feeder = thread::spawn(move || {
            let taken = (1..=3).filter(|value| write_at(&mut first, *value) == Status::Ok);
            taken.collect::<Vec<i16>>()
        });
        // This thread feeds the second one.
        let taken = (11..=13).filter(|value| write_at(&mut second, *value) == Status::Ok);
        let taken: Vec<i16> = taken.collect();
        let (mut writes, mut writes_of_two) = (Vec::new(), Vec::new());
        drain_writes(&mut other, &two, &mut writes_of_two);
        drop((second, other));
        drain_writes(&mut drain, &one, &mut writes);
        let taken_of_one = feeder.join().expect("no panic");
        drain_writes(&mut drain, &one, &mut writes);
        assert_eq!((writes, writes_of_two), (taken_of_one, taken));
        drop(drain);
        assert_eq!(pool.free(), pool.allocated());
    });
}
