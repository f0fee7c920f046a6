//! Many CometD clients, many starts and stops, and a feed that is recorded beside them.
//! `CALLREC_LOAD=full`: 200 clients, 200 starts and 200 stops a second for a minute.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::process::resident_kib;
use callrec_testkit::random::byte_at;
use callrec_testkit::wait::PATIENCE;
use callrec_testkit::wav::WavFile;

use crate::bayeux::{BayeuxClient, done};
use crate::server::TestServer;
use crate::support::{CallFields, StartFields, TestEngine, feed};

struct Load {
    clients: usize,
    /// Seconds before memory is looked at: the engine remembers recordings for a minute.
    warm: usize,
    seconds: usize,
    /// How much more memory is allowed afterwards.
    growth_kib: u64,
}

impl Load {
    fn asked_for() -> Load {
        if std::env::var("CALLREC_LOAD").is_ok_and(|load| load == "full") {
            return Load {
                clients: 200,
                warm: 75,
                seconds: 60,
                growth_kib: 16 << 10,
            };
        }
        Load {
            clients: 20,
            warm: 1,
            seconds: 3,
            growth_kib: 48 << 10,
        }
    }

    /// Each call is started and stopped once in each.
    fn rounds(&self) -> usize {
        self.warm + self.seconds
    }
}

/// Threads that send operations; each has its own calls.
const DRIVERS: usize = 4;

fn agent(number: usize) -> String {
    format!("agent{number}")
}

fn call(number: usize) -> String {
    format!("load-{number}")
}

/// Starts and stops this driver's calls, each once a second.
fn drive(server: &TestServer, load: &Load, driver: usize, rounds: &AtomicUsize) {
    let begun = Instant::now();
    let mine: Vec<_> = (driver..load.clients).step_by(DRIVERS).collect();
    let step = Duration::from_secs(1) / (2 * mine.len() as u32);
    let mut due = begun;
    for _ in 0..load.rounds() {
        for operation in ["StartCallRecording", "StopCallRecording"] {
            for &number in &mine {
                // A load of so many a second, not as many as possible.
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                done(server, &agent(number), &call(number), operation);
                due += step;
            }
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls until all has come that there is; counts what came.
fn listen(client: &BayeuxClient, load: &Load) -> usize {
    let expected = 2 * load.rounds();
    let mut came = 0;
    let mut last = Instant::now();
    while came < expected && last.elapsed() < PATIENCE {
        for message in client.poll(None) {
            let state = message["data"]["call"]["recordingState"].as_str().unwrap();
            // One after the other, none twice and none left out.
            assert_eq!(state, ["Recording", "Stopped"][came % 2]);
            came += 1;
            last = Instant::now();
        }
    }
    came + client.poll(Some(0)).len()
}

/// Byte `at` of what is fed: never silence.
fn spoken(at: usize) -> u8 {
    byte_at(0, at as u64) % 200 + 1
}

/// How many of the bytes that were fed are missing, and how many are there again (the feeder's
/// clock is followed, and this one is slow). The others must be there in order.
fn compared(kept: impl Iterator<Item = u8>, fed: usize) -> (u64, u64) {
    let (mut at, mut missing, mut again) = (0, 0, 0);
    for byte in kept {
        match (at..fed).find(|n| spoken(*n) == byte) {
            Some(n) if n == at || at == 0 || spoken(at - 1) != byte => {
                missing += (n - at) as u64;
                at = n + 1;
            }
            _ => {
                assert!(at > 0 && spoken(at - 1) == byte, "in order");
                again += 1;
            }
        }
    }
    (missing + (fed - at) as u64, again)
}

/// Feeds a frame each 20 ms; how many bytes that were, and the recording's id.
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
fn speak(server: &TestServer, over: &AtomicBool) -> (usize, String) {
    let beside = CallFields {
        call_id: Some("beside"),
        number: Some("9"),
        ..CallFields::default()
    };
    let handle = server.engine.begin(&beside).unwrap();
    let leg = feed(handle, REC_LEG_LOCAL, REC_CODEC_PCMU, 8000).unwrap();
    let start = StartFields {
        call_id: Some("beside"),
        format: Some("wav-ulaw"),
        layout: REC_LAYOUT_LOCAL,
        ..StartFields::default()
    };
    let id = server.engine.start(None, &start).unwrap();
    let mut due = Instant::now();
    let mut fed = 0;
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let frame: Vec<u8> = (fed..fed + 160).map(spoken).collect();
        let status = unsafe { rec_feed_write(leg, frame.as_ptr().cast(), frame.len()) };
        assert_eq!(status, REC_OK, "at {fed}");
        fed += frame.len();
        // One that gets no turn is late, but never ahead of the clock.
        due = Instant::now() + Duration::from_millis(20);
    }
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    (fed, id)
}

#[test]
fn none_is_lost_or_doubled_memory_is_flat_and_a_feed_beside_keeps_every_frame() {
    let load = Load::asked_for();
    let dir = ScratchDir::new();
    // In real time, and with nobody who would collect its events.
    let engine =
        TestEngine::open_unsubscribed(&dir.0, &[("media.clock", "real"), ("cometd.timeout_ms", "2000")]);
    let server = TestServer::of(dir, engine);
    for number in 0..load.clients {
        let (id, user) = (call(number), agent(number));
        let one = CallFields {
            call_id: Some(&id),
            number: Some(&id),
            user: Some(&user),
            ..CallFields::default()
        };
        server.engine.begin(&one).unwrap();
    }
    let (over, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (before, after, spoken_bytes, id) = std::thread::scope(|scope| {
        let speaker = scope.spawn(|| speak(&server, &over));
        let subscribed: Vec<_> = (0..load.clients)
            .map(|number| BayeuxClient::subscribed(&server, &agent(number)))
            .collect();
        let listeners: Vec<_> = subscribed
            .into_iter()
            .map(|client| {
                let load = &load;
                scope.spawn(move || listen(&client, load))
            })
            .collect();
        let drivers: Vec<_> = (0..DRIVERS)
            .map(|driver| {
                let (server, load, rounds) = (&server, &load, &rounds);
                scope.spawn(move || drive(server, load, driver, rounds))
            })
            .collect();
        while rounds.load(Ordering::Relaxed) < DRIVERS * load.warm {
            std::thread::sleep(Duration::from_millis(10));
        }
        let before = resident_kib();
        drivers.into_iter().for_each(|driver| driver.join().unwrap());
        let after = resident_kib();
        let counts: Vec<_> = listeners.into_iter().map(|one| one.join().unwrap()).collect();
        over.store(true, Ordering::Relaxed);
        let (fed, id) = speaker.join().unwrap();
        assert_eq!(counts, vec![2 * load.rounds(); load.clients]);
        (before, after, fed, id)
    });
    println!(
        "{} clients, {} s: {} notifications; resident {} KiB, then {} KiB; {spoken_bytes} bytes beside",
        load.clients,
        load.rounds(),
        2 * load.rounds() * load.clients,
        before,
        after,
    );
    assert!(before > 0, "memory is not known");
    assert!(after < before + load.growth_kib, "memory: {before}, then {after}");
    let seen = loop {
        let seen = server.engine.get(None, &id).unwrap();
        if seen.state == REC_STATE_FINISHED {
            break seen;
        }
        std::thread::yield_now();
    };
    // What the feeder's own delays have left open is silence.
    let kept = WavFile::read(&seen.path).data.into_iter();
    let (missing, again) = compared(kept.filter(|byte| *byte != 0xff), spoken_bytes);
    let manifest = manifest_beside(&seen.path);
    let told = |field: &str| manifest["legs"][0][field].as_u64().unwrap();
    let left_out_ms = seen.lost_ms + told("slipped_ms");
    assert!(
        missing <= left_out_ms * 8 + 8,
        "{missing} bytes are missing: {manifest:#}"
    );
    assert!(
        again <= told("repeated_ms") * 8 + 8,
        "{again} bytes are there again: {manifest:#}"
    );
}
