//! How often the parts of an engine run while nothing, or little, is recorded.

use std::sync::{Arc, Mutex, PoisonError};

use callrec_core::calls::{CallInfo, Caller, ControlOperation, Filter};
use callrec_core::clock::{Clock, NS_PER_MS, NS_PER_S};
use callrec_core::config::Config;
use callrec_core::engine::{Call, FeedSlot, OpenFeed};
use callrec_core::recorder::Recorder;
use callrec_core::text::Text;
use callrec_core::types::{Codec, FeedFormat, FeedOptions, Leg, Status, parse_format};

use super::clock::SimClock;
use super::disk::SimDisk;
use super::process::SimProcess;
use crate::random::SeededRng;

const CALLS: usize = 100;
const SECONDS: u64 = 10;
/// 20 ms of PCM16 at 8000 Hz.
const PACKET: [u8; 320] = [7; 320];

#[derive(Clone, Default)]
struct IdleFeed(Arc<Mutex<Option<OpenFeed>>>);

impl FeedSlot for IdleFeed {
    fn take(&self) -> Option<OpenFeed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct IdleEngine {
    process: SimProcess,
    clock: Arc<SimClock>,
    disk: SimDisk,
    feeds: Vec<IdleFeed>,
    calls: Vec<Arc<Call>>,
}

impl IdleEngine {
    fn open() -> IdleEngine {
        IdleEngine::open_with("real")
    }

    /// `time`: the value of `media.clock`.
    fn open_with(time: &str) -> IdleEngine {
        let clock = Arc::new(SimClock::default());
        let mut disk = SimDisk::new(clock.clone(), SeededRng::new(1), Vec::new());
        disk.next_process(u64::MAX);
        let mut config = Config::default();
        for (key, value) in [
            ("storage.directory", "/simulated"),
            ("storage.min_free_bytes", "0"),
            ("media.workers", "2"),
            ("media.clock", time),
        ] {
            config.set(key, value).expect("a known key");
        }
        let process = SimProcess::open(&clock, &disk, config, 1).expect("the engine opens");
        IdleEngine {
            process,
            clock,
            disk,
            feeds: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn begin_call(&mut self, number: usize) {
        let info = CallInfo {
            call_id: Text::new(&number.to_string()),
            ..CallInfo::default()
        };
        let call = self.process.engine.begin_call(info).expect("a call");
        let format = FeedFormat {
            codec: Codec::Pcm16,
            rate: 8000,
        };
        let options = FeedOptions {
            format,
            ahead_ms: 0,
            channels: 1,
        };
        let feed = IdleFeed::default();
        let opened = call.open_feed(Leg::Local, options, |open| {
            *feed.0.lock().unwrap_or_else(PoisonError::into_inner) = open.take();
            Some(feed.clone())
        });
        opened.expect("a feed");
        self.feeds.push(feed);
        self.calls.push(call);
    }

    fn record_all(&self) {
        let engine = self.process.engine.clone();
        for number in 0..self.calls.len() {
            let target = Filter {
                call_id: Text::new(&number.to_string()),
                ..Filter::default()
            };
            let spec = engine.default_spec(parse_format("wav").expect("a format"));
            let started = engine.start(&Caller::Host, &target, Ok(spec));
            started.expect("a recording");
        }
    }

    /// Feeds every call for some seconds. Returns the number of the parts' steps.
    fn run(&mut self, seconds: u64) -> u64 {
        let before = self.process.steps();
        for _ in 0..seconds * 50 {
            let now_ns = self.clock.now_ns() + 20 * NS_PER_MS;
            assert!(self.process.run_until(now_ns));
            for feed in &self.feeds {
                let mut feed = feed.0.lock().unwrap_or_else(PoisonError::into_inner);
                let open = feed.as_mut().expect("an open feed");
                assert_eq!(open.feed.write(&PACKET, self.clock.coarse_ns()), Status::Ok);
            }
        }
        self.process.steps() - before
    }
}

/// Two parts run once a second. One of them calls the disk, and each call is a step of its own in
/// the simulation.
#[test]
fn an_engine_without_calls_runs_twice_a_second() {
    let mut idle = IdleEngine::open();
    idle.run(2);
    let steps = idle.run(SECONDS);
    assert!(steps <= 3 * SECONDS, "{steps} steps in {SECONDS} s");
}

/// Besides the two parts that run once a second, each worker visits its calls once per filling of
/// their rings, which hold 400 ms. No packet is refused.
#[test]
fn calls_without_a_recording_wake_a_worker_once_per_ring() {
    let mut idle = IdleEngine::open();
    (0..CALLS).for_each(|number| idle.begin_call(number));
    idle.run(2);
    let steps = idle.run(SECONDS);
    let visits = 2 * SECONDS * 1000 / 250;
    assert!(steps <= 3 * SECONDS + visits, "{steps} steps in {SECONDS} s");
}

/// Few recordings do not keep a worker on its ticks of 20 ms: their visits fall together.
#[test]
fn few_recordings_wake_the_parts_a_few_times_a_second() {
    let mut idle = IdleEngine::open();
    (0..10).for_each(|number| idle.begin_call(number));
    idle.record_all();
    idle.run(2);
    let steps = idle.run(SECONDS);
    // Each of 14 blocks a second is two disk calls. Ticks alone would be 100 steps a second.
    assert!(steps <= 60 * SECONDS, "{steps} steps in {SECONDS} s");
}

/// In stream time, a host that feeds as fast as it may does not wait for the worker's ticks. A ring
/// holds 23 packets.
#[test]
fn a_filling_ring_is_read_between_the_ticks() {
    let mut idle = IdleEngine::open_with("stream");
    idle.begin_call(0);
    let begun_ns = idle.clock.now_ns();
    let mut packets = 0;
    while packets < 2000 {
        let now_ns = idle.clock.now_ns() + NS_PER_MS;
        assert!(idle.process.run_until(now_ns));
        let mut feed = idle.feeds[0].0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = feed.as_mut().expect("an open feed");
        while open.feed.write(&PACKET, now_ns) == Status::Ok {
            packets += 1;
        }
    }
    let ms = (idle.clock.now_ns() - begun_ns) / NS_PER_MS;
    assert!(ms < 500, "{ms} ms; with one ring each 20 ms it is 1,740 ms");
}

/// Few calls after many let a worker sleep again.
#[test]
fn a_worker_sleeps_again_after_many_calls() {
    let mut idle = IdleEngine::open();
    (0..1000).for_each(|number| idle.begin_call(number));
    idle.run(1);
    idle.feeds.drain(10..);
    for call in idle.calls.drain(10..) {
        call.end().expect("a live call");
    }
    idle.record_all();
    idle.run(2);
    let steps = idle.run(SECONDS);
    assert!(steps <= 60 * SECONDS, "{steps} steps in {SECONDS} s");
}

/// A worker that sleeps has no lag, whatever the last one was.
#[test]
fn a_sleeping_worker_reports_no_lag() {
    let mut idle = IdleEngine::open();
    let lag_us = |idle: &IdleEngine| idle.process.engine.statistics().expect("counters").worker_lag_us;
    idle.begin_call(0);
    idle.run(2);
    idle.feeds.clear();
    idle.clock.advance_to(idle.clock.now_ns() + 900 * NS_PER_MS);
    for _ in 0..200 {
        let now_ns = idle.clock.now_ns() + 20 * NS_PER_MS;
        idle.process.run_until(now_ns);
        if lag_us(&idle) > 0 {
            break;
        }
    }
    assert!(lag_us(&idle) > 0, "the lag was noted");
    idle.calls[0].end().expect("a live call");
    idle.run(3);
    assert_eq!(lag_us(&idle), 0);
}

/// A start wakes the worker and the writer, and nothing that is fed after it is lost.
#[test]
fn a_start_wakes_the_parts() {
    let mut idle = IdleEngine::open();
    (0..CALLS).for_each(|number| idle.begin_call(number));
    idle.run(2);
    let engine = idle.process.engine.clone();
    let target = Filter {
        call_id: Text::new("7"),
        ..Filter::default()
    };
    let format = parse_format("wav").expect("a format");
    let spec = engine.default_spec(format);
    let id = engine
        .start(&Caller::Host, &target, Ok(spec))
        .expect("a recording");
    idle.run(1);
    let stopped = engine.control_by_id(&Caller::Host, ControlOperation::Stop, &id.to_string());
    stopped.expect("a live recording");
    idle.run(2);
    let files = idle.disk.files();
    let finished = files.iter().find(|(path, _)| path.ends_with(".wav"));
    let (_, wav) = finished.expect("the recording is published within two seconds");
    let expected = PACKET.len() * (NS_PER_S / (20 * NS_PER_MS)) as usize;
    let audio = wav.iter().filter(|byte| **byte == 7).count();
    assert!(audio >= expected, "{audio} bytes of {expected}");
}
