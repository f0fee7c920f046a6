//! Real processes, killed with SIGKILL while they record, publish, tell and recover. A few,
//! each with every durability: the simulator kills at any call of the disk, on every seed.
//!
//! For long runs: CALLREC_KILL_ROUNDS, CALLREC_KILL_CALLS, CALLREC_KILL_SEED.
#![cfg(unix)]
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "crash/check.rs"]
mod check;
#[path = "crash/child.rs"]
mod child;
#[path = "crash/history.rs"]
mod history;
#[path = "crash/plan.rs"]
mod plan;
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

/// One at a time: what they measure is time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
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

/// Lets a child record, and kills it after `time`; `stopping`: right after one of its
/// recordings has been told to stop.
fn crash(
    directory: &Path,
    crash_plan: &CrashPlan,
    time: Duration,
    stopping: Option<Duration>,
) -> ChildHistory {
    let mut child_process = crash_plan.begin(directory);
    let begun = Instant::now();
    // On a busy machine they begin late.
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
fn killed_at_random_moments() {
    let _alone = alone();
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
        let told = check::recover(&directory.0, &history);
        let result = check::after_recovery(&directory.0, &history, &told);
        println!("round {round}, {:.2} s: {result:?}", history.seconds());
        assert!(
            result.recovered as u64 >= calls / 2,
            "the kill came to nothing: {result:?}"
        );
        worst.recordings += result.recordings;
        worst.recovered += result.recovered;
        worst.repeated += result.repeated;
        worst.own_end += result.own_end;
        worst.worst_ms = worst.worst_ms.max(result.worst_ms);
    }
    println!("{rounds} kills, {calls} calls each: {worst:?}");
}

/// Files and manifests are just being made.
#[test]
fn killed_while_beginning() {
    let _alone = alone();
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
        let told = check::recover(&directory.0, &history);
        let result = check::after_recovery(&directory.0, &history, &told);
        let started = history
            .recordings
            .keys()
            .filter(|id| history.was_started(id))
            .count();
        let asked = history.recordings.len();
        println!("{time:?}: {asked} asked for, {started} started: {result:?}");
    }
}

/// What a kill leaves between making the first manifest and writing into it: nothing
/// was begun, so nothing stays.
#[test]
fn an_empty_manifest_without_audio_is_removed() {
    let directory = ScratchDir::new();
    drop(TestEngine::open(&directory.0, &[]));
    let id = uuid::Uuid::new_v4();
    std::fs::write(directory.0.join(format!(".callrec/{id}.json")), "").unwrap();
    let told = check::recover(&directory.0, &ChildHistory::default());
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn killed_while_recovering() {
    let _alone = alone();
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
        // Some must be searched for.
        garble(&directory.0, &history, &mut rng, 6);
        let owed = live_manifests(&directory.0).len();
        let mut left = Vec::new();
        for _ in 0..4 {
            let mut child_process =
                spawn_child("child_recovers", &directory.0, &[(child::SETTINGS, settings)]);
            child_process.wait_for_report(|line| line == "ready");
            // Mostly early, where most of it happens.
            let most = 1 << rng.between(12, 16);
            child_process.read_for(Duration::from_micros(rng.between(0, most)));
            history.extend(ChildHistory::of(&child_process.kill()));
            left.push(live_manifests(&directory.0).len());
        }
        println!("{settings}: owed {owed}, after each kill {left:?}");
        let told = check::recover(&directory.0, &history);
        let result = check::after_recovery(&directory.0, &history, &told);
        println!("{result:?}");
    }
}

/// Breaks the live manifests of recordings whose audio is still in progress, each in
/// another way, and at most so many.
fn garble(directory: &Path, history: &ChildHistory, rng: &mut SeededRng, most: usize) -> usize {
    let mut broken = 0;
    for (id, manifest) in live_manifests(directory) {
        let part = manifest.and_then(|manifest| Some(manifest["part"].as_str()?.to_owned()));
        let in_progress = part.is_some_and(|part| directory.join(part).exists());
        if broken == most || !in_progress || !history.was_started(&id) {
            continue;
        }
        let path = directory.join(format!(".callrec/{id}.json"));
        let mut bytes = std::fs::read(&path).unwrap();
        match broken % 6 {
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
        broken += 1;
    }
    broken
}

/// A garbled live manifest costs nothing but what it said.
#[test]
fn broken_manifests_do_not_cost_audio() {
    let _alone = alone();
    let mut rng = SeededRng::new(seed());
    let directory = ScratchDir::new();
    let crash_plan = CrashPlan {
        calls: 12,
        seed: rng.next_u64(),
        settings: "storage.name={device}/{id}",
        callback: "",
    };
    let history = crash(&directory.0, &crash_plan, Duration::from_millis(1800), None);
    let broken = garble(&directory.0, &history, &mut rng, usize::MAX);
    assert!(broken >= 6, "only {broken} were in progress");
    let told = check::recover(&directory.0, &history);
    let result = check::after_recovery(&directory.0, &history, &told);
    println!("{broken} broken: {result:?}");
}

/// A snapshot of what is not ours.
fn plant(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let id = uuid::Uuid::new_v4();
    let wav = |id: uuid::Uuid| {
        let mut bytes = b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend_from_slice(b"\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x10\0\0\0");
        bytes.extend_from_slice(&id.as_bytes()[..]);
        bytes
    };
    let mut planted = BTreeMap::new();
    for (name, bytes) in [
        ("notes.txt", b"theirs".to_vec()),
        ("empty.wav.part", Vec::new()),
        ("text.wav.part", b"theirs".to_vec()),
        ("other.wav.part", wav(id)),
        ("other.wav", wav(id)),
        (
            "other.json",
            b"{\"part\":\"other.wav.part\",\"started\":true}".to_vec(),
        ),
        ("deep/er/other.wav.part", wav(id)),
        (".hidden/other.wav.part", wav(id)),
        (".callrec/notes.txt", b"theirs".to_vec()),
        (
            ".callrec/other.json",
            b"{\"part\":\"other.wav.part\",\"started\":true}".to_vec(),
        ),
        (".callrec/lock.old", b"theirs".to_vec()),
        (".callrec/deep/other.json", b"{}".to_vec()),
    ] {
        planted.insert(PathBuf::from(name), bytes);
    }
    // Names that are nearly ours.
    let upper = id.to_string().to_uppercase();
    for name in [
        format!(".callrec/{upper}.json"),
        format!(".callrec/{}.json", id.simple()),
        format!(".callrec/{id}.json.tmp"),
        format!(".callrec/{id}.json~"),
    ] {
        planted.insert(PathBuf::from(name), b"{\"part\":\"other.wav.part\"}".to_vec());
    }
    for (name, bytes) in &planted {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    planted
}

fn remove(directory: &Path, planted: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in planted {
        let found = std::fs::read(directory.join(name)).map_err(|why| why.to_string());
        assert_eq!(found.as_ref(), Ok(bytes), "{} was touched", name.display());
        std::fs::remove_file(directory.join(name)).unwrap();
    }
}

#[test]
fn foreign_files_are_left_alone() {
    let _alone = alone();
    let mut rng = SeededRng::new(seed());
    let directory = ScratchDir::new();
    let planted = plant(&directory.0);
    let crash_plan = CrashPlan {
        calls: 12,
        seed: rng.next_u64(),
        settings: "storage.durability=process",
        callback: "",
    };
    let history = crash(&directory.0, &crash_plan, Duration::from_millis(1500), None);
    // One recording's audio must be searched for, past all that is there.
    let unlucky = live_manifests(&directory.0).into_keys().find(|id| {
        history.was_started(id) && !history.was_ended(id) && !history.recordings[id.as_str()].stop_begun
    });
    let live = directory.0.join(format!(".callrec/{}.json", unlucky.unwrap()));
    std::fs::write(live, "rubbish").unwrap();
    let owed = live_manifests(&directory.0).len();
    let engine = TestEngine::open(&directory.0, &[]);
    for id in history.recordings.keys().filter(|id| history.was_started(id)) {
        if !history.was_ended(id) {
            engine.events.wait_terminal(id);
        }
    }
    let told = engine.close().all();
    assert!(told.len() <= owed, "{told:#?}");
    remove(&directory.0, &planted);
    // What was never begun, if the first open has left any.
    let rest = check::recover(&directory.0, &history);
    assert!(rest.is_empty(), "{rest:#?}");
    let result = check::after_recovery(&directory.0, &history, &told);
    println!("{} foreign files: {result:?}", planted.len());
}

/// Recordings that have their final names.
fn published(directory: &Path) -> usize {
    let is_audio = |file: &&PathBuf| check::is_audio(file);
    tree(directory).iter().filter(is_audio).count()
}

/// Killed between publishing and the return of the callback that tells of it.
#[test]
fn killed_inside_the_callback() {
    let _alone = alone();
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
            // Others are published meanwhile, and wait to be told.
            until("published", || {
                child_process.read_for(Duration::from_millis(20));
                published(&directory.0) > 2
            });
        }
        let mut history = ChildHistory::of(&child_process.kill());
        check::before_recovery(&directory.0, &mut history);
        let ended: Vec<&String> = history
            .recordings
            .keys()
            .filter(|id| history.was_ended(id))
            .collect();
        assert_eq!(ended.len(), 1, "one callback, which has not returned");
        let published = published(&directory.0);
        let told = check::recover(&directory.0, &history);
        let again: Vec<_> = told.iter().filter(|told| told.id() == ended[0]).collect();
        assert_eq!(again.len(), 1, "{told:#?}");
        let reason = again[0].recording.as_ref().unwrap().end_reason;
        assert!(
            matches!(reason, REC_END_STOPPED | REC_END_CALL_ENDED),
            "its own reason: {reason}"
        );
        let before = history.events[ended[0].as_str()]
            .iter()
            .find(|event| event.is_terminal());
        assert_eq!(before.map(|event| event.reason), Some(reason));
        // Nothing else is told than before.
        let flags = before.map(|event| event.flags | REC_EVENT_FLAG_REPEATED);
        assert_eq!(Some(again[0].flags), flags);
        let result = check::after_recovery(&directory.0, &history, &told);
        assert!(result.own_end <= published && result.repeated == result.own_end);
        assert!(
            callback == "dies" || result.repeated > 1,
            "{result:?}, {published} published"
        );
        println!("{callback}, {published} published: {result:?}");
    }
}
