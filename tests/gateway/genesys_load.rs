//! Many CometD clients with many starts and stops, while a feed is recorded.
//! `CALLREC_LOAD=full`: 200 clients, 200 starts and 200 stops a second for a minute.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::process::resident_kib;
use callrec_testkit::random::byte_at;
use callrec_testkit::wait::{PATIENCE, sleep_until, until_for, until_some};
use callrec_testkit::wav::WavFile;

use crate::bayeux::{BayeuxClient, operate_ok};
use crate::server::TestServer;
use crate::support::{CallFields, StartFields, TestEngine, feed};

struct LoadPlan {
    clients: usize,
    /// Seconds before the first measurement of memory: the engine keeps an ended recording for a
    /// minute.
    warm_up: usize,
    seconds: usize,
    /// By how much memory may grow after the first measurement.
    growth_kib: u64,
}

impl LoadPlan {
    fn from_environment() -> LoadPlan {
        if std::env::var("CALLREC_LOAD").is_ok_and(|load| load == "full") {
            return LoadPlan {
                clients: 200,
                warm_up: 75,
                seconds: 60,
                growth_kib: 16 << 10,
            };
        }
        LoadPlan {
            clients: 20,
            warm_up: 1,
            seconds: 3,
            growth_kib: 48 << 10,
        }
    }

    /// Rounds of one second. In each round, each call is started and stopped once.
    fn rounds(&self) -> usize {
        self.warm_up + self.seconds
    }
}

/// The number of threads that send operations. Each has its own calls.
const DRIVERS: usize = 4;

fn agent(number: usize) -> String {
    format!("agent{number}")
}

fn call(number: usize) -> String {
    format!("load-{number}")
}

/// Starts and stops this driver's calls, each once a second.
fn drive(server: &TestServer, load: &LoadPlan, driver: usize, rounds: &AtomicUsize) {
    let own: Vec<_> = (driver..load.clients).step_by(DRIVERS).collect();
    let step = Duration::from_secs(1) / (2 * own.len() as u32);
    let mut due = Instant::now();
    for _ in 0..load.rounds() {
        for operation in ["StartCallRecording", "StopCallRecording"] {
            for &number in &own {
                sleep_until(due);
                operate_ok(server, &agent(number), &call(number), operation);
                due += step;
            }
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls until all notifications have arrived, or none has for [`PATIENCE`]. Returns their number.
fn receive_notifications(client: &BayeuxClient, load: &LoadPlan) -> usize {
    let expected = 2 * load.rounds();
    let mut count = 0;
    let mut last = Instant::now();
    while count < expected && last.elapsed() < PATIENCE {
        for message in client.poll(None) {
            let state = message["data"]["call"]["recordingState"].as_str().unwrap();
            // The states alternate: none is lost or repeated.
            assert_eq!(state, ["Recording", "Stopped"][count % 2]);
            count += 1;
            last = Instant::now();
        }
    }
    count + client.poll(Some(0)).len()
}

/// Byte `at` of the fed audio. It is never silence.
fn fed_byte(at: usize) -> u8 {
    byte_at(0, at as u64) % 200 + 1
}

/// How many of the fed bytes are missing, and how many are repeated: the engine follows the feed's
/// clock, which is slow. All other bytes must be in order.
fn count_missing_and_repeated(recorded: impl Iterator<Item = u8>, fed: usize) -> (u64, u64) {
    let (mut at, mut missing, mut repeated) = (0, 0, 0);
    for byte in recorded {
        match (at..fed).find(|n| fed_byte(*n) == byte) {
            Some(n) if n == at || at == 0 || fed_byte(at - 1) != byte => {
                missing += (n - at) as u64;
                at = n + 1;
            }
            _ => {
                assert!(at > 0 && fed_byte(at - 1) == byte, "in order");
                repeated += 1;
            }
        }
    }
    (missing + (fed - at) as u64, repeated)
}

/// Records a call that is fed a packet every 20 ms. Returns the number of fed bytes and the
/// recording's id.
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
fn record_feed(server: &TestServer, is_over: &AtomicBool) -> (usize, String) {
    let call = CallFields {
        call_id: Some("beside"),
        number: Some("9"),
        ..CallFields::default()
    };
    let handle = server.engine.begin(&call).unwrap();
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
    while !is_over.load(Ordering::Relaxed) {
        sleep_until(due);
        let packet: Vec<u8> = (fed..fed + 160).map(fed_byte).collect();
        let status = unsafe { rec_feed_write(leg, packet.as_ptr().cast(), packet.len()) };
        assert_eq!(status, REC_OK, "at {fed}");
        fed += packet.len();
        // A thread that is not scheduled feeds late, but never ahead of the clock.
        due = Instant::now() + Duration::from_millis(20);
    }
    server.engine.by_id(rec_stop_by_id, None, &id).unwrap();
    (fed, id)
}

#[test]
fn under_load_no_notification_is_lost_memory_is_stable_and_a_feed_is_recorded() {
    let load = LoadPlan::from_environment();
    let dir = ScratchDir::new();
    // Collected events would grow without a limit.
    let engine =
        TestEngine::open_unsubscribed(&dir.0, &[("media.clock", "real"), ("cometd.timeout_ms", "2000")]);
    let server = TestServer::of(dir, engine);
    for number in 0..load.clients {
        let (id, user) = (call(number), agent(number));
        let call = CallFields {
            call_id: Some(&id),
            number: Some(&id),
            user: Some(&user),
            ..CallFields::default()
        };
        server.engine.begin(&call).unwrap();
    }
    let (is_over, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (before, after, fed_bytes, id) = std::thread::scope(|scope| {
        let feeder = scope.spawn(|| record_feed(&server, &is_over));
        let subscribed: Vec<_> = (0..load.clients)
            .map(|number| BayeuxClient::subscribed(&server, &agent(number)))
            .collect();
        let receivers: Vec<_> = subscribed
            .into_iter()
            .map(|client| {
                let load = &load;
                scope.spawn(move || receive_notifications(&client, load))
            })
            .collect();
        let drivers: Vec<_> = (0..DRIVERS)
            .map(|driver| {
                let (server, load, rounds) = (&server, &load, &rounds);
                scope.spawn(move || drive(server, load, driver, rounds))
            })
            .collect();
        until_for(
            PATIENCE + Duration::from_secs(load.warm_up as u64),
            "the warm-up ends",
            || rounds.load(Ordering::Relaxed) >= DRIVERS * load.warm_up,
        );
        let before = resident_kib();
        drivers.into_iter().for_each(|driver| driver.join().unwrap());
        let after = resident_kib();
        let counts: Vec<_> = receivers
            .into_iter()
            .map(|receiver| receiver.join().unwrap())
            .collect();
        is_over.store(true, Ordering::Relaxed);
        let (fed, id) = feeder.join().unwrap();
        assert_eq!(counts, vec![2 * load.rounds(); load.clients]);
        (before, after, fed, id)
    });
    println!(
        "{} clients, {} s: {} notifications; resident {} KiB, then {} KiB; {fed_bytes} bytes fed",
        load.clients,
        load.rounds(),
        2 * load.rounds() * load.clients,
        before,
        after,
    );
    assert!(before > 0, "the memory of the process is unknown");
    assert!(after < before + load.growth_kib, "memory: {before}, then {after}");
    let recording = until_some("the recording is finished", || {
        let recording = server.engine.get(None, &id).unwrap();
        match recording.state {
            REC_STATE_FINISHED => Ok(recording),
            state => Err(state),
        }
    });
    // Where the feed was late, the recording has silence.
    let recorded = WavFile::read(&recording.path).data.into_iter();
    let (missing, repeated) = count_missing_and_repeated(recorded.filter(|byte| *byte != 0xff), fed_bytes);
    let manifest = manifest_beside(&recording.path);
    let leg_count = |field: &str| manifest["legs"][0][field].as_u64().unwrap();
    let left_out_ms = recording.lost_ms + leg_count("slipped_ms");
    assert!(
        missing <= left_out_ms * 8 + 8,
        "{missing} bytes are missing: {manifest:#}"
    );
    assert!(
        repeated <= leg_count("repeated_ms") * 8 + 8,
        "{repeated} bytes are repeated: {manifest:#}"
    );
}
