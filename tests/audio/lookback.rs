//! Recordings that begin earlier than they are started, and calls of which nothing is kept.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use callrec::capi::*;
use callrec_testkit::child::{ChildProcess, child_test};
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::manifest::manifest_beside;
use callrec_testkit::rtp::RtpSender;
use callrec_testkit::tree::{files_with_extension, holds};
use callrec_testkit::wait::{sleep_until, until};

use crate::support::*;

const DIRECTORY: &str = "CALLREC_LOOKBACK_DIRECTORY";
const SETTINGS: [(&str, &str); 3] = [
    ("media.clock", "real"),
    ("media.lookback_ms", "60000"),
    ("recording.keep_raw", "always"),
];
const SECRET: [u8; 160] = [0x5a; 160];
const BEFORE: [u8; 160] = [0x21; 160];
const AFTER: [u8; 160] = [0x18; 160];

fn begin(engine: &TestEngine) -> (rec_call, rec_feed) {
    let call = CallFields {
        call_id: Some("c"),
        device: Some("SEP1"),
        ..CallFields::default()
    };
    let call = engine.begin(&call).unwrap();
    (call, feed(call, REC_LEG_REMOTE, REC_CODEC_PCMU, 8000).unwrap())
}

fn options() -> StartFields<'static> {
    StartFields {
        call_id: Some("c"),
        format: Some("wav-ulaw"),
        layout: REC_LAYOUT_REMOTE,
        ..StartFields::default()
    }
}

fn keep(engine: &TestEngine, start: &StartFields) -> AbiResult<String> {
    engine.start_by(rec_call_keep, None, start)
}

/// Sends packets of 20 ms at their pace.
fn send(leg: rec_feed, sender: &mut RtpSender, count: u32, payload: &[u8]) {
    let begun = Instant::now();
    for n in 0..count {
        sleep_until(begun + Duration::from_millis(20) * n);
        send_rtp(leg, &sender.packet(payload, 160));
    }
    sleep_until(begun + Duration::from_millis(20) * count);
}

/// Sends nothing for the time of so many packets.
fn be_silent(sender: &mut RtpSender, packets: u32) {
    let begun = Instant::now();
    sender.next.timestamp = sender.next.timestamp.wrapping_add(160 * packets);
    sleep_until(begun + Duration::from_millis(20) * packets);
}

/// The samples of this payload. The header may hold a few such bytes.
fn count(recording: &RecordingFields, payload: &[u8; 160]) -> usize {
    let bytes = std::fs::read(&recording.path).unwrap();
    let alike = bytes.chunk_by(|one, next| one == next);
    let runs = alike.filter(|run| run[0] == payload[0] && run.len() > 4);
    runs.map(<[u8]>::len).sum()
}

#[test]
fn a_kept_call_is_recorded_from_its_beginning() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &SETTINGS);
    let (call, leg) = begin(&engine);
    let mut sender = RtpSender::new(0, 7);
    // A second, and two packets more: the engine's clock has coarse steps.
    send(leg, &mut sender, 52, &BEFORE);
    let id = keep(&engine, &options()).unwrap();
    send(leg, &mut sender, 10, &AFTER);
    end(call).unwrap();
    let started = engine.events.wait_kind(&id, REC_EVENT_STARTED);
    let given = started.recording.unwrap().lookback_ms;
    assert!(given >= 1_000, "{given} ms");
    assert_eq!(started.json["recording"]["lookback_ms"], given);
    let recording = engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(count(&recording, &BEFORE), 52 * 160, "nothing is lost");
    assert_eq!(count(&recording, &AFTER), 10 * 160);
    assert_eq!((recording.lookback_ms, recording.lost_ms), (given, 0));
    let manifest = manifest_beside(&recording.path);
    assert_eq!(manifest["lookback_ms"], given);
    assert_eq!(
        recording.raw_packets, 10,
        "packets from before the start are not kept"
    );
}

/// Writes audio to calls at the same time, then starts a recording of each with all that is kept.
/// Returns how much that is, in ms.
fn given_to_calls(calls: usize, ms: u64, lookback_bytes: &str) -> Vec<u64> {
    let dir = ScratchDir::new();
    let settings = [
        ("media.clock", "real"),
        ("media.lookback_ms", "60000"),
        ("media.lookback_bytes", lookback_bytes),
    ];
    let engine = TestEngine::open(&dir.0, &settings);
    let ids: Vec<String> = (0..calls).map(|n| format!("c{n}")).collect();
    let legs: Vec<rec_feed> = ids
        .iter()
        .map(|id| {
            let call = CallFields {
                call_id: Some(id),
                ..CallFields::default()
            };
            let call = engine.begin(&call).unwrap();
            feed(call, REC_LEG_REMOTE, REC_CODEC_PCM16, 48_000).unwrap()
        })
        .collect();
    let begun = Instant::now();
    for n in 0..ms / 20 {
        sleep_until(begun + Duration::from_millis(20 * n));
        for leg in &legs {
            assert_eq!(write(*leg, &[1; 1920]), REC_OK);
        }
    }
    sleep_until(begun + Duration::from_millis(ms));
    let given = |id: &String| {
        let start = StartFields {
            call_id: Some(id),
            lookback_ms: REC_LOOKBACK_ALL,
            ..StartFields::default()
        };
        let recording = engine.start(None, &start).unwrap();
        let started = engine.events.wait_kind(&recording, REC_EVENT_STARTED);
        started.recording.unwrap().lookback_ms
    };
    ids.iter().map(given).collect()
}

/// What all calls keep is bounded together, not only what each keeps.
#[test]
fn calls_share_the_memory_of_the_look_back() {
    const MEMORY: u64 = 1 << 20;
    const SPOKEN_MS: u64 = 4_000;
    let all = |given: &[u64]| given.iter().sum::<u64>();
    let memory = MEMORY.to_string();
    let alone = given_to_calls(1, SPOKEN_MS, &memory);
    assert!(alone[0] >= SPOKEN_MS - 100, "{alone:?}");
    let together = given_to_calls(4, SPOKEN_MS, &memory);
    assert!(together.iter().all(|given| *given >= 200), "{together:?}");
    let roomy = given_to_calls(4, SPOKEN_MS, "1073741824");
    assert!(roomy.iter().all(|given| *given >= SPOKEN_MS - 100), "{roomy:?}");
    // Seven eighths of the memory are less than two thirds of what they have said.
    assert!(4 * all(&together) <= 3 * all(&roomy), "{together:?} of {roomy:?}");
    assert!(4 * all(&together) >= all(&roomy), "{together:?} of {roomy:?}");
}

#[test]
fn no_audio_of_a_private_time_is_kept() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &SETTINGS);
    let (call, leg) = begin(&engine);
    let mut sender = RtpSender::new(0, 7);
    send(leg, &mut sender, 20, &BEFORE);
    private(call, 1).unwrap();
    send(leg, &mut sender, 20, &SECRET);
    let ended = Instant::now();
    private(call, 0).unwrap();
    send(leg, &mut sender, 20, &AFTER);
    let start = StartFields {
        lookback_ms: REC_LOOKBACK_ALL,
        ..options()
    };
    let id = engine.start(None, &start).unwrap();
    // The engine's clock has coarse steps.
    let since = ended.elapsed().as_millis() as u64 + 20;
    send(leg, &mut sender, 5, &AFTER);
    end(call).unwrap();
    let recording = engine.events.wait_terminal(&id).recording.unwrap();
    assert!(
        (350..since).contains(&recording.lookback_ms),
        "{} of {since} ms",
        recording.lookback_ms
    );
    assert_eq!(count(&recording, &SECRET), 0);
    assert!(count(&recording, &AFTER) >= 23 * 160);
}

/// A consent reaches back to a time, and what was said before is not given.
#[test]
fn no_audio_from_before_the_consent_is_given() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &SETTINGS);
    let (call, leg) = begin(&engine);
    let mut sender = RtpSender::new(0, 7);
    send(leg, &mut sender, 30, &SECRET);
    let given = CallFields {
        consent: REC_CONSENT_GIVEN,
        ..CallFields::default()
    };
    given.update(call).unwrap();
    send(leg, &mut sender, 20, &AFTER);
    let id = keep(&engine, &options()).unwrap();
    end(call).unwrap();
    let recording = engine.events.wait_terminal(&id).recording.unwrap();
    assert_eq!(count(&recording, &SECRET), 0);
    assert!(count(&recording, &AFTER) >= 18 * 160);
}

/// What came while consent was awaited is in no recording that began before. A later one has it as far
/// as the consent reaches back.
#[test]
fn a_required_consent_may_reach_back() {
    let dir = ScratchDir::new();
    let settings = [&SETTINGS[..], &[("consent.required", "true")]].concat();
    let engine = TestEngine::open(&dir.0, &settings);
    let (call, leg) = begin(&engine);
    let mut sender = RtpSender::new(0, 7);
    send(leg, &mut sender, 30, &BEFORE);
    let waiting = keep(&engine, &options()).unwrap();
    assert_eq!(engine.get(None, &waiting).unwrap().lookback_ms, 0);
    let given = CallFields {
        consent: REC_CONSENT_GIVEN,
        consent_from_ms: 1,
        ..CallFields::default()
    };
    given.update(call).unwrap();
    // The recording that waited is cut at the consent. A late sender's packets seem to come from
    // before it, unless there is silence between.
    be_silent(&mut sender, 15);
    send(leg, &mut sender, 10, &AFTER);
    let start = StartFields {
        flags: REC_START_ADDITIONAL,
        ..options()
    };
    let kept = keep(&engine, &start).unwrap();
    end(call).unwrap();
    let before = [&waiting, &kept].map(|id| {
        let recording = engine.events.wait_terminal(id).recording.unwrap();
        assert_eq!(count(&recording, &AFTER), 10 * 160);
        count(&recording, &BEFORE)
    });
    assert_eq!(before, [0, 30 * 160]);
}

#[test]
fn what_is_not_kept_is_not_given() {
    let dir = ScratchDir::new();
    let engine = TestEngine::open(&dir.0, &[("media.clock", "real")]);
    let (call, _) = begin(&engine);
    let lookback = StartFields {
        lookback_ms: 1,
        ..options()
    };
    assert_eq!(
        engine.start(None, &lookback).unwrap_err().status,
        REC_ERR_UNSUPPORTED
    );
    assert_eq!(keep(&engine, &options()).unwrap_err().status, REC_ERR_UNSUPPORTED);
    assert_eq!(
        keep(&engine, &lookback).unwrap_err().status,
        REC_ERR_INVALID_ARGUMENT
    );
    let id = engine.start(None, &options()).unwrap();
    end(call).unwrap();
    assert_eq!(engine.events.wait_terminal(&id).recording.unwrap().lookback_ms, 0);
}

#[test]
#[ignore = "runs in a child process"]
fn child_keeps_one_of_two_calls() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    println!();
    let engine = TestEngine::open(Path::new(&directory), &SETTINGS);
    let (_, kept) = begin(&engine);
    let other = CallFields {
        call_id: Some("other"),
        ..CallFields::default()
    };
    let other = engine.begin(&other).unwrap();
    let other = feed(other, REC_LEG_REMOTE, REC_CODEC_PCMU, 8000).unwrap();
    let (mut first, mut second) = (RtpSender::new(0, 7), RtpSender::new(0, 8));
    let begun = Instant::now();
    for n in 0..10_000u64 {
        sleep_until(begun + Duration::from_millis(20 * n));
        // A second, and two packets more: the engine's clock has coarse steps.
        if n == 52 {
            keep(&engine, &options()).unwrap();
        }
        send_rtp(kept, &first.packet(if n < 52 { &BEFORE } else { &AFTER }, 160));
        send_rtp(other, &second.packet(&SECRET, 160));
        let mut out = std::io::stdout().lock();
        writeln!(out, "@{n}").and_then(|()| out.flush()).unwrap();
    }
}

#[test]
fn nothing_of_a_call_that_is_not_kept_is_on_the_disk_after_a_kill() {
    let directory = ScratchDir::new();
    let mut command = child_test("lookback::child_keeps_one_of_two_calls");
    command.env(DIRECTORY, &directory.0);
    let mut child = ChildProcess::spawn(&mut command);
    child.wait_for_report(|line| line.parse::<u64>().is_ok_and(|n| n >= 150));
    child.kill();
    assert!(!holds(&directory.0, &SECRET[..16]));
    assert!(holds(&directory.0, &BEFORE) && holds(&directory.0, &AFTER));
    let engine = TestEngine::open(&directory.0, &[]);
    until("the recovery", || {
        files_with_extension(&directory.0, "part").is_empty()
    });
    drop(engine);
    let audio = files_with_extension(&directory.0, "wav");
    assert_eq!(audio.len(), 1);
    let manifest = manifest_beside(directory.0.join(&audio[0]));
    assert!(manifest["lookback_ms"].as_u64() >= Some(1_000), "{manifest}");
    assert_eq!(manifest["recovered"], true);
}

/// A call moves from a line that must not be recorded, or the line's policy changes.
#[test]
fn no_audio_of_a_line_that_is_not_monitorable_is_kept() {
    for moves in [true, false] {
        let dir = ScratchDir::new();
        let engine = TestEngine::open(&dir.0, &SETTINGS);
        engine.line(Some("SEP1"), None, REC_LINE_NOT_MONITORABLE).unwrap();
        let (call, leg) = begin(&engine);
        let mut sender = RtpSender::new(0, 7);
        send(leg, &mut sender, 20, &SECRET);
        assert_eq!(
            keep(&engine, &options()).unwrap_err().status,
            REC_ERR_NOT_MONITORABLE
        );
        let moved = CallFields {
            device: Some("SEP2"),
            ..CallFields::default()
        };
        match moves {
            true => moved.update(call).unwrap(),
            false => engine.line(Some("SEP1"), None, 0).unwrap(),
        }
        send(leg, &mut sender, 20, &AFTER);
        let id = keep(&engine, &options()).unwrap();
        end(call).unwrap();
        let recording = engine.events.wait_terminal(&id).recording.unwrap();
        assert_eq!(count(&recording, &SECRET), 0, "{} ms", recording.lookback_ms);
        assert!(count(&recording, &AFTER) > 0, "{} ms", recording.lookback_ms);
    }
}
