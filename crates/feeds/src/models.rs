//! Model checks of the media path: feed, ring, control points, waiter and worker in every
//! interleaving that loom finds (`.ci/models`). In stream time; a ring holds two writes.

mod overflow;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loom::thread;
use uuid::Uuid;

use super::call::CallMedia;
use super::call_tap::{ControlPoint, FedCounts};
use super::drain::{Drain, Scratch};
use super::feed::FeedMemory;
use super::worker::Worker;
use super::*;
use callrec_base::sync::atomic::{AtomicUsize, Ordering};
use callrec_base::sync::model;
use callrec_base::types::{
    AudioSpec, Codec, EndReason, FeedFormat, FeedOptions, Format, KeepRaw, Layout, PauseMode, Status,
};
use callrec_codec::{Block, Samples};
use callrec_media::packet::FeedCounters;

const PCM: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 100,
};
/// Its ring is too small for `WIDE`.
const NARROW: FeedFormat = FeedFormat {
    codec: Codec::Pcmu,
    rate: 200,
};
const WIDE: FeedFormat = FeedFormat {
    codec: Codec::Pcm16,
    rate: 200,
};
/// Samples of the largest write. A ring holds two such packets.
const SAMPLES: usize = 16;
const RECORDING: Uuid = Uuid::from_u128(7);
const FAR: Duration = Duration::from_secs(24 * 3600);

fn home(call: &CallTap, options: impl Into<FeedOptions>) -> FeedMemory {
    call.lease_ring(options).expect("there is memory")
}

/// Collects the samples of a mono recording. Its lock is not loom's: only the worker uses it.
#[derive(Clone, Default)]
struct SampleSink(Arc<Mutex<Vec<i16>>>);

impl SampleSink {
    /// One value per write. A write is one value `SAMPLES` times.
    fn writes(&self) -> Vec<i16> {
        let samples = self.0.lock().expect("one thread runs at a time");
        let writes = samples.chunks(SAMPLES);
        writes
            .map(|write| {
                assert!(
                    write.len() == SAMPLES && write.iter().all(|s| *s == write[0]),
                    "torn: {samples:?}"
                );
                write[0]
            })
            .collect()
    }
}

impl Sink for SampleSink {
    fn shape(&mut self, _: Shape) {}

    fn early_block(&mut self, block: Block) {
        self.block(block).expect("it takes every block");
    }

    fn accepts_early(&self) -> bool {
        true
    }

    fn block(&mut self, block: Block) -> Result<(), Block> {
        let mut samples = self.0.lock().expect("one thread runs at a time");
        if block.samples == Samples::Silence {
            samples.extend(std::iter::repeat_n(0, block.frames as usize));
        }
        let pairs = block.bytes().chunks(2);
        samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        Ok(())
    }

    fn patch(&mut self, from: u64, _: Block) -> Result<(), Block> {
        panic!("a patch in stream time: {from}");
    }

    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn paused(&mut self, _: u64) {}

    fn resumed(&mut self, _: Span) {}

    fn loss(&mut self, _: u64, spans: Vec<Span>) {
        panic!("audio was lost: {spans:?}");
    }

    fn finish(self: Box<Self>, _: EndReason, _: Option<Span>) {}

    fn stuck(self: Box<Self>) {}

    fn broken(self: Box<Self>, message: &str) {
        panic!("broken: {message}");
    }
}

fn config() -> Arc<MediaConfig> {
    Arc::new(MediaConfig {
        clock: ClockMode::Stream,
        time: Arc::new(callrec_base::clock::SystemClock),
        reorder_ns: 0,
        leg_wait_ns: 0,
        flush_ns: 1,
        backlog_ns: u64::MAX,
        silent_ns: 0,
        hold_is_silence: false,
        masks_dtmf: false,
        lookback_ns: 0,
        lookback_bytes: 1 << 30,
        conceals: false,
        overflow_bytes: 0,
        #[cfg(feature = "faults")]
        panic_at: Vec::new(),
        #[cfg(feature = "faults")]
        planted: None,
    })
}

/// A call without a running worker.
fn call() -> Arc<CallTap> {
    let (config, stats) = (config(), Arc::<MediaStats>::default());
    let worker = WorkerInbox::new(config.clone(), stats.clone(), 0);
    let call = CallTap::unregistered(1, config, stats, OverflowPool::new(0), worker, Arc::new(NoReport));
    call.urgent.store(true, Ordering::Relaxed);
    call
}

fn start(call: &CallTap) -> SampleSink {
    start_at(call, 0)
}

fn start_at(call: &CallTap, rate: u32) -> SampleSink {
    let recording = SampleSink::default();
    call.start_clocked(
        TapSpec {
            id: RECORDING,
            audio: AudioSpec {
                layout: Layout::Local,
                format: Format::WAV,
                pause_mode: PauseMode::Skip,
                max_duration_ms: 0,
                rate,
            },
            keep_raw: KeepRaw::Never,
            from_ns: None,
            follows: None,
            progress: Arc::default(),
            sink: Box::new(recording.clone()),
        },
        || 1,
    );
    recording
}

fn write(feed: &mut Feed, value: i16) -> Status {
    let bytes: Vec<u8> = std::iter::repeat_n(value.to_ne_bytes(), SAMPLES)
        .flatten()
        .collect();
    feed.write(&bytes, 1)
}

fn pause(call: &CallTap) {
    call.set(call_tap::PointAction::Pause(RECORDING), || 1);
}

fn resume(call: &CallTap) {
    call.set(call_tap::PointAction::Resume(RECORDING), || 1);
}

/// Ends the recording and returns its writes.
fn finish(mut state: CallMedia, recording: &SampleSink) -> Vec<i16> {
    state.call.end_clocked(EndReason::CallEnded, || 1);
    state.visit(1, &mut Scratch::default());
    assert!(state.is_over());
    recording.writes()
}

/// Accepted writes are recorded once, whole and in order; refused ones are not.
#[test]
fn accepted_writes_are_recorded() {
    model(4, || {
        let call = call();
        let mut state = CallMedia::new(call.clone());
        let recording = start(&call);
        let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        let feeder = thread::spawn(move || {
            let taken = (1..4).filter(|value| write(&mut feed, *value) == Status::Ok);
            let taken: Vec<i16> = taken.collect();
            (feed, taken)
        });
        state.visit(1, &mut Scratch::default());
        state.visit(1, &mut Scratch::default());
        let (feed, taken) = feeder.join().expect("no panic");
        assert!(taken.starts_with(&[1, 2]), "the ring holds two: {taken:?}");
        drop(feed);
        assert_eq!(finish(state, &recording), taken);
    });
}

/// One thread feeds and controls: exact to the sample, whatever the worker does meanwhile.
#[test]
fn audio_fed_during_a_pause_is_not_recorded() {
    model(3, || {
        let call = call();
        let mut state = CallMedia::new(call.clone());
        let recording = start(&call);
        let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        let host = thread::spawn({
            let call = call.clone();
            move || {
                let mut accepted = Vec::new();
                accepted.extend((write(&mut feed, 1) == Status::Ok).then_some(1));
                pause(&call);
                write(&mut feed, 2);
                resume(&call);
                accepted.extend((write(&mut feed, 3) == Status::Ok).then_some(3));
                accepted
            }
        });
        state.visit(1, &mut Scratch::default());
        state.visit(1, &mut Scratch::default());
        let accepted = host.join().expect("no panic");
        assert_eq!(finish(state, &recording), accepted);
    });
}

/// With two threads, a write before the pause began is recorded, and a write after the pause
/// returned is not.
#[test]
fn a_pause_from_another_thread() {
    model(3, || {
        let call = call();
        let mut state = CallMedia::new(call.clone());
        let recording = start(&call);
        let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        let (written, paused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let feeder = thread::spawn({
            let (written, paused) = (written.clone(), paused.clone());
            move || {
                assert_eq!(write(&mut feed, 1), Status::Ok);
                written.store(1, Ordering::Release);
                let after = paused.load(Ordering::Acquire) == 1;
                assert_eq!(write(&mut feed, 2), Status::Ok);
                after
            }
        });
        let control = thread::spawn({
            let call = call.clone();
            move || {
                let before = written.load(Ordering::Acquire) == 1;
                pause(&call);
                paused.store(1, Ordering::Release);
                before
            }
        });
        state.visit(1, &mut Scratch::default());
        let (after, before) = (
            feeder.join().expect("no panic"),
            control.join().expect("no panic"),
        );
        let recorded = finish(state, &recording);
        assert!([1, 2].starts_with(&recorded), "{recorded:?}");
        assert!(!before || recorded.contains(&1), "lost: {recorded:?}");
        assert!(!after || !recorded.contains(&2), "recorded: {recorded:?}");
    });
}

/// The worker relies on this: counts and clocks of control points never decrease, whichever
/// thread sets them, and a later control point has no smaller counts than those seen before.
#[test]
fn points_are_in_order() {
    model(3, || {
        let call = call();
        let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 0);
        let clock = Arc::new(AtomicU64::new(0));
        let setter = |call: &Arc<CallTap>| {
            let (call, clock) = (call.clone(), clock.clone());
            move || {
                call.set(call_tap::PointAction::Pause(RECORDING), || {
                    clock.fetch_add(1, Relaxed)
                })
            }
        };
        let other = thread::spawn(setter(&call));
        let feeder = thread::spawn({
            let set = setter(&call);
            move || {
                write(&mut feed, 1);
                set();
            }
        });
        let bytes = |counts: &FedCounts| counts[0].bytes;
        let (mut points, mut seen) = (std::collections::VecDeque::<ControlPoint>::new(), 0);
        let mut last = (0, 0);
        for round in 0..2 {
            let counts = call.handed();
            call.take_points(&mut points);
            for point in points.drain(..) {
                assert!(
                    bytes(&point.counts) >= seen,
                    "round {round}: a control point before consumed bytes"
                );
                let here = (bytes(&point.counts), point.clock_ns);
                assert!(here.0 >= last.0 && here.1 >= last.1, "{here:?} after {last:?}");
                last = here;
            }
            seen = bytes(&counts).max(last.0);
        }
        other.join().expect("no panic");
        feeder.join().expect("no panic");
    });
}

/// A trailing loss is never visible without the bytes that were fed before it.
#[test]
fn a_loss_is_visible_after_earlier_bytes() {
    model(3, || {
        let mut real = (*config()).clone();
        real.clock = ClockMode::Real;
        let real = Arc::new(real);
        let worker = WorkerInbox::new(real.clone(), Arc::default(), 0);
        let call = CallTap::unregistered(
            1,
            real,
            Arc::default(),
            OverflowPool::new(0),
            worker,
            Arc::new(NoReport),
        );
        call.urgent.store(true, Ordering::Relaxed);
        let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        let feeder = thread::spawn(move || [1, 2, 3].map(|value| write(&mut feed, value)));
        let FeedCounters {
            bytes, samples_lost, ..
        } = call.handed()[0];
        if samples_lost != 0 {
            assert_eq!(bytes, 2 * (16 + 2 * SAMPLES as u64));
        }
        let answers = feeder.join().expect("no panic");
        assert_eq!(answers, [Status::Ok, Status::Ok, Status::Overrun]);
    });
}

/// A worker that only notifications wake: a model has no ticks.
fn serve(inbox: &Arc<WorkerInbox>) -> thread::JoinHandle<()> {
    let inbox = inbox.clone();
    thread::spawn(move || {
        let mut worker = Worker::new(inbox.clone());
        loop {
            let seen = inbox.signal().count();
            if worker.serve() {
                return;
            }
            inbox.signal().wait(seen, None);
        }
    })
}

/// A waiter for free space is woken without a tick. Loom reports a lost wake-up as a deadlock.
#[test]
fn a_waiter_is_woken() {
    model(4, || {
        let (config, stats) = (config(), Arc::<MediaStats>::default());
        let inbox = WorkerInbox::new(config.clone(), stats.clone(), 0);
        let call = CallTap::new(
            1,
            config,
            stats,
            OverflowPool::new(0),
            inbox.clone(),
            Arc::new(NoReport),
        );
        let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        let worker = serve(&inbox);
        assert_eq!(write(&mut feed, 1), Status::Ok);
        assert_eq!(write(&mut feed, 2), Status::Ok);
        assert!(feed.waiter().wait(FAR), "the feed is open");
        assert_eq!(write(&mut feed, 3), Status::Ok, "there is free space");
        drop(feed);
        call.end_clocked(EndReason::CallEnded, || 1);
        inbox.stop();
        worker.join().expect("no panic");
    });
}

/// The same while the worker still drains the ring of the displaced feed.
#[test]
fn a_waiter_of_a_newer_feed_is_woken() {
    model(4, || {
        let call = call();
        let mut state = CallMedia::new(call.clone());
        let mut first = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        assert_eq!(write(&mut first, 1), Status::Ok);
        call.detach_clocked(Leg::Local, first, || 1);
        let mut second = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
        assert_eq!(write(&mut second, 2), Status::Ok);
        let host = thread::spawn({
            let waiter = second.waiter();
            move || assert!(waiter.wait(FAR))
        });
        state.visit(1, &mut Scratch::default());
        host.join().expect("no panic");
        drop(second);
        call.end_clocked(EndReason::CallEnded, || 1);
        state.visit(1, &mut Scratch::default());
    });
}

/// A waiter does not wait for ever if the call ends, even if its feed is being opened.
#[test]
fn the_end_of_a_call_wakes_every_waiter() {
    model(4, || {
        let call = call();
        let host = thread::spawn({
            let call = call.clone();
            move || {
                let mut feed = call.attach_clocked(Leg::Local, PCM, home(&call, PCM), || 1);
                while write(&mut feed, 1) == Status::Ok {}
                assert!(!feed.waiter().wait(FAR), "no worker reads the ring");
            }
        });
        call.end_clocked(EndReason::CallEnded, || 1);
        host.join().expect("no panic");
        CallMedia::new(call).visit(1, &mut Scratch::default());
    });
}

/// If a feed is replaced or its format needs a larger ring, no write is lost, duplicated or read
/// from the wrong ring.
#[test]
fn a_ring_is_read_to_its_end() {
    model(3, || {
        let call = call();
        let mut state = CallMedia::new(call.clone());
        let mut first = call.attach_clocked(Leg::Local, WIDE, home(&call, WIDE), || 1);
        let recording = start_at(&call, WIDE.rate);
        let host = thread::spawn({
            let call = call.clone();
            move || {
                assert_eq!(write(&mut first, 1), Status::Ok);
                call.detach_clocked(Leg::Local, first, || 1);
                let mut second = call.attach_clocked(Leg::Local, NARROW, home(&call, NARROW), || 1);
                assert_eq!(second.write(&[0xff; SAMPLES], 1), Status::Ok);
                call.set_format_clocked(Leg::Local, &mut second, WIDE, || 1)
                    .expect("there is memory");
                assert_eq!(write(&mut second, 3), Status::Ok);
            }
        });
        state.visit(1, &mut Scratch::default());
        state.visit(1, &mut Scratch::default());
        host.join().expect("no panic");
        assert_eq!(finish(state, &recording), [1, 0, 3]);
    });
}
