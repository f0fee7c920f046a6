//! Processes that are killed with SIGKILL while they record, publish, report and recover: a few
//! rounds for each durability. The simulator kills at any call of the disk.
//!
//! For long runs: CALLREC_KILL_ROUNDS, CALLREC_KILL_CALLS, CALLREC_KILL_SEED.
#![cfg(unix)]
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "crash/check.rs"]
mod check;
#[path = "crash/child.rs"]
mod child;
#[path = "crash/expected.rs"]
mod expected;
#[path = "crash/formats.rs"]
mod formats;
#[path = "crash/history.rs"]
mod history;
#[path = "crash/plan.rs"]
mod plan;
#[path = "crash/sound.rs"]
mod sound;
#[path = "support/support.rs"]
mod support;

use callrec::capi::*;
use callrec_testkit::child::ChildProcess;
use callrec_testkit::directory::ScratchDir;
use callrec_testkit::environment::number;
use callrec_testkit::manifest::live_manifests;
use callrec_testkit::random::SeededRng;
use callrec_testkit::tree::tree;
use callrec_testkit::wait::until;
use history::{ChildHistory, spawn_child};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::TestEngine;

/// Locks out the other tests of this file, because the tests measure time.
fn lock_out_others() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock()
}

fn seed() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let seed = number("CALLREC_KILL_SEED").unwrap_or(u64::from(now.subsec_nanos()) ^ now.as_secs());
    println!("CALLREC_KILL_SEED={seed}");
    seed
}

struct CrashPlan {
    calls: u64,
    seed: u64,
    settings: &'static str,
    callback: &'static str,
}

impl CrashPlan {
    fn begin(&self, directory: &Path) -> ChildProcess {
        let (calls, seed) = (self.calls.to_string(), self.seed.to_string());
        let mut child_process = spawn_child(
            "child_records",
            directory,
            &[
                (child::CALLS, &calls),
                (child::SEED, &seed),
                (child::SETTINGS, self.settings),
                (child::CALLBACK, self.callback),
            ],
        );
        child_process.wait_for_report(|line| line == "ready");
        child_process
    }
}

/// Lets a child process record for `time`, and kills it. With `stopping`, it kills the child this
/// long after the next stop of a recording has begun.
fn crash(
    directory: &Path,
    crash_plan: &CrashPlan,
    time: Duration,
    stopping: Option<Duration>,
) -> ChildHistory {
    let mut child_process = crash_plan.begin(directory);
    let begun = Instant::now();
    // On a busy machine the recordings begin late.
    let started = format!("E {REC_EVENT_STARTED} ");
    for _ in 0..crash_plan.calls {
        child_process.wait_for_report(|line| line.starts_with(&started));
    }
    child_process.read_for(time.saturating_sub(begun.elapsed()));
    if let Some(delay) = stopping {
        child_process.wait_for_report(|line| line.starts_with('z'));
        child_process.read_for(delay);
    }
    let mut history = ChildHistory::of(&child_process.kill());
    check::before_recovery(directory, &mut history);
    history
}

const DURABILITIES: [&str; 3] = [
    "storage.durability=process",
    "storage.durability=finish",
    "storage.durability=power",
];

#[test]
fn a_kill_at_a_random_time_loses_no_recording() {
    let _lock = lock_out_others();
    let mut rng = SeededRng::new(seed());
    let (rounds, calls) = (
        number("CALLREC_KILL_ROUNDS").unwrap_or(DURABILITIES.len() as u64),
        number("CALLREC_KILL_CALLS").unwrap_or(24),
    );
    let mut worst = check::CrashCounts::default();
    for round in 0..rounds {
        let directory = ScratchDir::new();
        let crash_plan = CrashPlan {
            calls,
            seed: rng.next_u64(),
            settings: DURABILITIES[round as usize % 3],
            callback: "",
        };
        let time = Duration::from_micros(rng.between(1_500_000, 3_000_000));
        let stopping =
            (round % 2 == rng.next_u64() % 2).then(|| Duration::from_micros(rng.between(0, 45_000)));
        let history = crash(&directory.0, &crash_plan, time, stopping);
        let events = check::recover(&directory.0, &history);
        let result = check::after_recovery(&directory.0, &history, &events);
        println!("round {round}, {:.2} s: {result:?}", history.seconds());
        assert!(
            result.recovered as u64 >= calls / 2,
            "the kill interrupted too few recordings: {result:?}"
        );
        worst.recordings += result.recordings;
        worst.recovered += result.recovered;
        worst.repeated += result.repeated;
        worst.own_end += result.own_end;
        worst.worst_ms = worst.worst_ms.max(result.worst_ms);
    }
    println!("{rounds} kills, {calls} calls each: {worst:?}");
}

/// The kill comes while files and manifests are created.
#[test]
fn a_kill_during_the_starts_loses_no_recording() {
    let _lock = lock_out_others();
    let mut rng = SeededRng::new(seed());
    for round in 0..number("CALLREC_KILL_ROUNDS").unwrap_or(DURABILITIES.len() as u64) {
        let directory = ScratchDir::new();
        let crash_plan = CrashPlan {
            calls: 48,
            seed: rng.next_u64(),
            settings: DURABILITIES[round as usize % 3],
            callback: "",
        };
        let mut child_process = crash_plan.begin(&directory.0);
        let time = Duration::from_micros(rng.between(0, 250_000));
        child_process.read_for(time);
        let mut history = ChildHistory::of(&child_process.kill());
        check::before_recovery(&directory.0, &mut history);
        let events = check::recover(&directory.0, &history);
        let result = check::after_recovery(&directory.0, &history, &events);
        let started = history
            .recordings
            .keys()
            .filter(|id| history.was_started(id))
            .count();
        let requested = history.recordings.len();
        println!("{time:?}: {requested} requested, {started} started: {result:?}");
    }
}

/// A kill leaves an empty manifest if it comes between the creation of the file and the first
/// write.
#[test]
fn an_empty_manifest_without_audio_is_removed() {
    let directory = ScratchDir::new();
    drop(TestEngine::open(&directory.0, &[]));
    let id = uuid::Uuid::new_v4();
    std::fs::write(directory.0.join(format!(".callrec/{id}.json")), "").unwrap();
    let events = check::recover(&directory.0, &ChildHistory::default());
    assert!(events.is_empty(), "{events:#?}");
}

#[test]
fn kills_during_recovery_lose_no_recording() {
    let _lock = lock_out_others();
    let mut rng = SeededRng::new(seed());
    for settings in DURABILITIES {
        let directory = ScratchDir::new();
        let crash_plan = CrashPlan {
            calls: 24,
            seed: rng.next_u64(),
            settings: "storage.durability=process",
            callback: "",
        };
        let mut history = crash(&directory.0, &crash_plan, Duration::from_millis(1500), None);
        // The audio of these recordings must be searched for.
        damage_manifests(&directory.0, &history, &mut rng, 6);
        let pending = live_manifests(&directory.0).len();
        let mut pending_after = Vec::new();
        for _ in 0..4 {
            let mut child_process =
                spawn_child("child_recovers", &directory.0, &[(child::SETTINGS, settings)]);
            child_process.wait_for_report(|line| line == "ready");
            // Most kills come early, because most of the recovery happens early.
            let most = 1 << rng.between(12, 16);
            child_process.read_for(Duration::from_micros(rng.between(0, most)));
            history.extend(ChildHistory::of(&child_process.kill()));
            pending_after.push(live_manifests(&directory.0).len());
        }
        println!("{settings}: {pending} pending, after each kill {pending_after:?}");
        let events = check::recover(&directory.0, &history);
        let result = check::after_recovery(&directory.0, &history, &events);
        println!("{result:?}");
    }
}

/// Damages at most `most` live manifests of recordings in progress, in different ways. Returns
/// their number.
fn damage_manifests(directory: &Path, history: &ChildHistory, rng: &mut SeededRng, most: usize) -> usize {
    let mut damaged = 0;
    for (id, manifest) in live_manifests(directory) {
        let part = manifest.and_then(|manifest| Some(manifest["part"].as_str()?.to_owned()));
        let in_progress = part.is_some_and(|part| directory.join(part).exists());
        if damaged == most || !in_progress || !history.was_started(&id) {
            continue;
        }
        let path = directory.join(format!(".callrec/{id}.json"));
        let mut bytes = std::fs::read(&path).unwrap();
        match damaged % 6 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes.truncate(rng.between(0, 9) as usize),
            2 => bytes.truncate(bytes.len() - 2),
            3 => bytes = (0..4096).map(|_| rng.next_u64() as u8).collect(),
            4 => bytes.fill(0),
            _ => {
                let middle = bytes.len() / 2;
                bytes[middle - 20..middle + 20].fill(0xfe);
            }
        }
        std::fs::write(&path, bytes).unwrap();
        damaged += 1;
    }
    damaged
}

/// Only the data in a damaged live manifest is lost.
#[test]
fn damaged_manifests_lose_no_audio() {
    let _lock = lock_out_others();
    let mut rng = SeededRng::new(seed());
    let directory = ScratchDir::new();
    let crash_plan = CrashPlan {
        calls: 12,
        seed: rng.next_u64(),
        settings: "storage.name={device}/{id}",
        callback: "",
    };
    let history = crash(&directory.0, &crash_plan, Duration::from_millis(1800), None);
    let damaged = damage_manifests(&directory.0, &history, &mut rng, usize::MAX);
    assert!(damaged >= 6, "only {damaged} were in progress");
    let events = check::recover(&directory.0, &history);
    let result = check::after_recovery(&directory.0, &history, &events);
    println!("{damaged} damaged: {result:?}");
}

/// Writes foreign files into the directory. Returns their names and contents.
fn write_foreign_files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let id = uuid::Uuid::new_v4();
    let wav = |id: uuid::Uuid| {
        let mut bytes = b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend_from_slice(b"\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x10\0\0\0");
        bytes.extend_from_slice(&id.as_bytes()[..]);
        bytes
    };
    let mut foreign = BTreeMap::new();
    for (name, bytes) in [
        ("notes.txt", b"foreign".to_vec()),
        ("empty.wav.part", Vec::new()),
        ("text.wav.part", b"foreign".to_vec()),
        ("other.wav.part", wav(id)),
        ("other.wav", wav(id)),
        (
            "other.json",
            b"{\"part\":\"other.wav.part\",\"started\":true}".to_vec(),
        ),
        ("deep/er/other.wav.part", wav(id)),
        (".hidden/other.wav.part", wav(id)),
        (".callrec/notes.txt", b"foreign".to_vec()),
        (
            ".callrec/other.json",
            b"{\"part\":\"other.wav.part\",\"started\":true}".to_vec(),
        ),
        (".callrec/lock.old", b"foreign".to_vec()),
        (".callrec/deep/other.json", b"{}".to_vec()),
    ] {
        foreign.insert(PathBuf::from(name), bytes);
    }
    // Names similar to those of the library.
    let upper = id.to_string().to_uppercase();
    for name in [
        format!(".callrec/{upper}.json"),
        format!(".callrec/{}.json", id.simple()),
        format!(".callrec/{id}.json.tmp"),
        format!(".callrec/{id}.json~"),
    ] {
        foreign.insert(PathBuf::from(name), b"{\"part\":\"other.wav.part\"}".to_vec());
    }
    for (name, bytes) in &foreign {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    foreign
}

fn remove_foreign_files(directory: &Path, foreign: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in foreign {
        let found = std::fs::read(directory.join(name)).map_err(|why| why.to_string());
        assert_eq!(found.as_ref(), Ok(bytes), "{} was changed", name.display());
        std::fs::remove_file(directory.join(name)).unwrap();
    }
}

#[test]
fn foreign_files_are_left_alone() {
    let _lock = lock_out_others();
    let mut rng = SeededRng::new(seed());
    let directory = ScratchDir::new();
    let foreign = write_foreign_files(&directory.0);
    let crash_plan = CrashPlan {
        calls: 12,
        seed: rng.next_u64(),
        settings: "storage.durability=process",
        callback: "",
    };
    let history = crash(&directory.0, &crash_plan, Duration::from_millis(1500), None);
    // The audio of one recording must be searched for among the foreign files.
    let recording = live_manifests(&directory.0).into_keys().find(|id| {
        history.was_started(id) && !history.was_ended(id) && !history.recordings[id.as_str()].stop_begun
    });
    let live = directory.0.join(format!(".callrec/{}.json", recording.unwrap()));
    std::fs::write(live, "rubbish").unwrap();
    let pending = live_manifests(&directory.0).len();
    let engine = TestEngine::open(&directory.0, &[]);
    for id in history.recordings.keys().filter(|id| history.was_started(id)) {
        if !history.was_ended(id) {
            engine.events.wait_terminal(id);
        }
    }
    let events = engine.close().all();
    assert!(events.len() <= pending, "{events:#?}");
    remove_foreign_files(&directory.0, &foreign);
    // A recording that was never begun may be left. It is removed without an event.
    let rest = check::recover(&directory.0, &history);
    assert!(rest.is_empty(), "{rest:#?}");
    let result = check::after_recovery(&directory.0, &history, &events);
    println!("{} foreign files: {result:?}", foreign.len());
}

/// The number of recordings that have their final names.
fn published_count(directory: &Path) -> usize {
    let is_audio = |file: &&PathBuf| check::is_audio(file);
    tree(directory).iter().filter(is_audio).count()
}

/// The kill comes after publishing and before the callback of the end returns.
#[test]
fn an_end_whose_callback_was_killed_is_repeated() {
    let _lock = lock_out_others();
    let mut rng = SeededRng::new(seed());
    for callback in ["dies", "blocks"] {
        let directory = ScratchDir::new();
        let crash_plan = CrashPlan {
            calls: 12,
            seed: rng.next_u64(),
            settings: "storage.durability=process",
            callback,
        };
        let mut child_process = crash_plan.begin(&directory.0);
        let finished = format!("E {REC_EVENT_FINISHED} ");
        child_process.wait_for_report(|line| line.starts_with(&finished));
        if callback == "blocks" {
            // Other recordings are published meanwhile; their events are queued.
            until("more recordings are published", || {
                child_process.read_for(Duration::from_millis(20));
                published_count(&directory.0) > 2
            });
        }
        let mut history = ChildHistory::of(&child_process.kill());
        check::before_recovery(&directory.0, &mut history);
        let ended: Vec<&String> = history
            .recordings
            .keys()
            .filter(|id| history.was_ended(id))
            .collect();
        assert_eq!(ended.len(), 1, "only one callback was called");
        let published = published_count(&directory.0);
        let events = check::recover(&directory.0, &history);
        let again: Vec<_> = events.iter().filter(|event| event.id() == ended[0]).collect();
        assert_eq!(again.len(), 1, "{events:#?}");
        let reason = again[0].recording.as_ref().unwrap().end_reason;
        assert!(
            matches!(reason, REC_END_STOPPED | REC_END_CALL_ENDED),
            "the reason must be that of the first event: {reason}"
        );
        let before = history.events[ended[0].as_str()]
            .iter()
            .find(|event| event.is_terminal());
        assert_eq!(before.map(|event| event.reason), Some(reason));
        // The flags are those of the first event, and REPEATED.
        let flags = before.map(|event| event.flags | REC_EVENT_FLAG_REPEATED);
        assert_eq!(Some(again[0].flags), flags);
        let result = check::after_recovery(&directory.0, &history, &events);
        assert!(result.own_end <= published && result.repeated == result.own_end);
        assert!(
            callback == "dies" || result.repeated > 1,
            "{result:?}, {published} published"
        );
        println!("{callback}, {published} published: {result:?}");
    }
}
